//! Reads all that a logger can read of a record.

use std::{
    error::Error,
    fmt::{Debug, Display, Write},
};

use log::{Record, kv};

/// Shows all text of a record to `see`: what it is and the text. Returns the keys in order.
pub fn read(record: &Record<'_>, see: &mut dyn FnMut(Part, &str)) -> Vec<String> {
    let mut buffer = String::new();
    see(Part::Message, shown(&mut buffer, record.args()));
    see(Part::Other, record.target());
    for text in [record.module_path(), record.file()].into_iter().flatten() {
        see(Part::Other, text);
    }
    let count = record.key_values().count();
    let mut pairs = Pairs {
        keys: Vec::new(),
        buffer,
        see,
    };
    record
        .key_values()
        .visit(&mut pairs)
        .expect("nothing here fails");
    assert_eq!(pairs.keys.len(), count);
    pairs.keys
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    Message,
    Value,
    Other,
}

fn shown(buffer: &mut String, text: impl Display) -> &str {
    buffer.clear();
    write!(buffer, "{text}").expect("formatting");
    buffer
}

struct Pairs<'s> {
    keys: Vec<String>,
    buffer: String,
    see: &'s mut dyn FnMut(Part, &str),
}

impl Pairs<'_> {
    fn see(&mut self, value: impl Display + Debug) {
        (self.see)(Part::Value, shown(&mut self.buffer, &value));
        (self.see)(
            Part::Value,
            shown(&mut self.buffer, format_args!("{value:?}")),
        );
    }
}

impl<'kvs> kv::VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        (self.see)(Part::Other, key.as_str());
        self.keys.push(key.as_str().to_owned());
        self.see(&value);
        value.visit(Typed(self))
    }
}

/// Each value as the type that it has.
struct Typed<'p, 's>(&'p mut Pairs<'s>);

impl<'v> kv::VisitValue<'v> for Typed<'_, '_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.0.see(value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        (self.0.see)(Part::Value, value);
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn Error + 'static)) -> Result<(), kv::Error> {
        self.0.see(error);
        let mut next = error.source();
        while let Some(error) = next {
            (self.0.see)(Part::Value, shown(&mut self.0.buffer, error));
            next = error.source();
        }
        Ok(())
    }

    fn visit_borrowed_error(&mut self, error: &'v (dyn Error + 'static)) -> Result<(), kv::Error> {
        self.visit_error(error)
    }
}
