//! fern. A line has what the closure writes, so that key-values have to be written there.

use std::{fmt::Write, io};

use fern::Dispatch;
use log::{
    LevelFilter, Record,
    kv::{Error, Key, Value, VisitSource},
};

use crate::{Result, parent};

pub async fn run() -> Result {
    Dispatch::new()
        .level(LevelFilter::Debug)
        .format(|out, message, record| {
            let (level, target) = (record.level(), record.target());
            out.finish(format_args!(
                "{level} {target}: {message}{}",
                key_values(record)
            ));
        })
        .chain(io::stderr())
        .apply()?;
    parent::run().await
}

fn key_values(record: &Record<'_>) -> String {
    struct Text(String);

    impl<'kvs> VisitSource<'kvs> for Text {
        fn visit_pair(
            &mut self,
            key: Key<'kvs>,
            value: Value<'kvs>,
        ) -> std::result::Result<(), Error> {
            Ok(write!(self.0, " {key}={value}")?)
        }
    }

    let mut text = Text(String::new());
    // The values come from a pipe, where formatting cannot fail.
    let _never = record.key_values().visit(&mut text);
    text.0
}
