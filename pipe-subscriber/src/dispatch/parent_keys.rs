use log::kv::{self, Key, Source, VisitSource};
use record_proto::LogRecord;

use super::attach::Attach;

/// A record's key-values behind those of the parent.
pub(crate) struct Attached<'a> {
    attach: &'a [Attach],
    label: Option<&'a str>,
    record: &'a LogRecord<'a>,
    /// The record's time, where it is asked for.
    time: String,
    child: &'a dyn Source,
}

impl<'a> Attached<'a> {
    /// `child` are the key-values as the child gave them.
    pub(crate) fn new(
        attach: &'a [Attach],
        label: Option<&'a str>,
        record: &'a LogRecord<'a>,
        child: &'a dyn Source,
    ) -> Self {
        let time = match attach.contains(&Attach::Time) {
            true => humantime::format_rfc3339_nanos(record.timestamp()).to_string(),
            false => String::new(),
        };
        Self {
            attach,
            label,
            record,
            time,
            child,
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (Key<'_>, kv::Value<'_>)> {
        self.attach
            .iter()
            .filter_map(|&origin| Some((Key::from_str(origin.key()), self.value(origin)?)))
    }

    fn value(&self, origin: Attach) -> Option<kv::Value<'_>> {
        match origin {
            Attach::Label => self.label.map(kv::Value::from),
            Attach::Time => Some(kv::Value::from(&*self.time)),
            Attach::Pid => self.record.pid.map(kv::Value::from),
            Attach::Process => self.record.process.as_deref().map(kv::Value::from),
            Attach::Thread => self.record.thread.as_deref().map(kv::Value::from),
            Attach::ThreadId => self.record.thread_id.map(kv::Value::from),
        }
    }
}

impl Source for Attached<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        for (key, value) in self.pairs() {
            visitor.visit_pair(key, value)?;
        }
        self.child.visit(&mut Yielding {
            attach: self.attach,
            visitor,
        })
    }

    fn count(&self) -> usize {
        self.pairs().count() + self.child.count()
    }
}

/// Shows a visitor the child's pairs under names that are not the parent's.
struct Yielding<'v, 'kvs> {
    attach: &'v [Attach],
    visitor: &'v mut dyn VisitSource<'kvs>,
}

impl<'kvs> VisitSource<'kvs> for Yielding<'_, 'kvs> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let taken = |origin: &&Attach| origin.key() == key.as_str();
        let key = match self.attach.iter().find(taken) {
            Some(origin) => Key::from_str(origin.renamed_key()),
            None => key,
        };
        self.visitor.visit_pair(key, value)
    }
}
