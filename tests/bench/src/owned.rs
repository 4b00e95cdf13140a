//! The owned record that the simple systems send.

use std::collections::BTreeMap;

use log::{
    Level, Log, Record,
    kv::{self, Key, ToValue, VisitSource},
};
use serde::{Deserialize, Serialize};

use crate::identity;

/// A record as a program would write it down that sends one: owned, derived, simple.
///
/// `V` are its values: [`Plain`] for formats that describe themselves, [`Tagged`] for those that do not.
#[derive(Serialize, Deserialize)]
pub struct Owned<V> {
    time: u64,
    level: LevelName,
    target: String,
    message: String,
    module_path: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    pid: u32,
    thread: String,
    tid: u64,
    kv: BTreeMap<String, V>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
pub enum LevelName {
    #[serde(rename = "ERROR")]
    Error,
    #[serde(rename = "WARN")]
    Warn,
    #[serde(rename = "INFO")]
    Info,
    #[serde(rename = "DEBUG")]
    Debug,
    #[serde(rename = "TRACE")]
    Trace,
}

macro_rules! values {
    ($(#[$meta:meta])* $name:ident) => {
        #[derive(Serialize, Deserialize)]
        $(#[$meta])*
        pub enum $name {
            Unsigned(u64),
            Signed(i64),
            Float(f64),
            Bool(bool),
            Text(String),
        }

        impl From<kv::Value<'_>> for $name {
            fn from(value: kv::Value<'_>) -> Self {
                if let Some(number) = value.to_u64() {
                    Self::Unsigned(number)
                } else if let Some(number) = value.to_i64() {
                    Self::Signed(number)
                } else if let Some(number) = value.to_f64() {
                    Self::Float(number)
                } else if let Some(yes) = value.to_bool() {
                    Self::Bool(yes)
                } else {
                    Self::Text(value.to_string())
                }
            }
        }

        impl ToValue for $name {
            fn to_value(&self) -> kv::Value<'_> {
                match self {
                    Self::Unsigned(number) => number.to_value(),
                    Self::Signed(number) => number.to_value(),
                    Self::Float(number) => number.to_value(),
                    Self::Bool(yes) => yes.to_value(),
                    Self::Text(text) => text.as_str().to_value(),
                }
            }
        }
    };
}

values!(
    #[serde(untagged)]
    Plain
);
values!(Tagged);

impl<V: for<'v> From<kv::Value<'v>> + ToValue> Owned<V> {
    pub fn new(record: &Record<'_>) -> Self {
        let mut kv = Pairs(BTreeMap::new());
        // The visitor never fails.
        let _visited = record.key_values().visit(&mut kv);
        let (thread, tid) = identity::with_thread(|name, id| (name.to_owned(), id));
        Self {
            time: record_proto::now(),
            level: record.level().into(),
            target: record.target().to_owned(),
            message: record.args().to_string(),
            module_path: record.module_path().map(str::to_owned),
            file: record.file().map(str::to_owned),
            line: record.line(),
            pid: std::process::id(),
            thread,
            tid,
            kv: kv.0,
        }
    }

    /// Rebuilds the `log::Record` for `logger`.
    pub fn dispatch(&self, logger: &dyn Log) {
        logger.log(
            &Record::builder()
                .level(self.level.into())
                .target(&self.target)
                .args(format_args!("{}", self.message))
                .module_path(self.module_path.as_deref())
                .file(self.file.as_deref())
                .line(self.line)
                .key_values(&self.kv)
                .build(),
        );
    }
}

struct Pairs<V>(BTreeMap<String, V>);

impl<'kvs, V: for<'v> From<kv::Value<'v>>> VisitSource<'kvs> for Pairs<V> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        self.0.insert(key.to_string(), value.into());
        Ok(())
    }
}

impl From<Level> for LevelName {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

impl From<LevelName> for Level {
    fn from(level: LevelName) -> Self {
        match level {
            LevelName::Error => Self::Error,
            LevelName::Warn => Self::Warn,
            LevelName::Info => Self::Info,
            LevelName::Debug => Self::Debug,
            LevelName::Trace => Self::Trace,
        }
    }
}
