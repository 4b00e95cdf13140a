//! `AttachedKeyValues`: the key-values that a logger sees, the parent's before the child's.

use log::kv::{self, Key, Source, VisitSource};
use std::time::{Duration, UNIX_EPOCH};

use record_proto::RecordView;

use super::attach::Attach;

/// The parent's key-values followed by the child's.
pub(crate) struct AttachedKeyValues<'a> {
    attach: &'a [Attach],
    label: Option<&'a str>,
    record: &'a RecordView<'a>,
    /// The record's time as text; empty if it is not attached.
    time: String,
    child: &'a dyn Source,
}

impl<'a> AttachedKeyValues<'a> {
    /// Creates the key-values. `child` are those of the child's record, with their own keys.
    pub(crate) fn new(
        attach: &'a [Attach],
        label: Option<&'a str>,
        record: &'a RecordView<'a>,
        child: &'a dyn Source,
    ) -> Self {
        let time = match attach.contains(&Attach::Time) {
            true => {
                let time = UNIX_EPOCH + Duration::from_nanos(record.time);
                humantime::format_rfc3339_nanos(time).to_string()
            }
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

    /// Returns the parent's own pairs.
    fn pairs(&self) -> impl Iterator<Item = (Key<'_>, kv::Value<'_>)> {
        self.attach
            .iter()
            .filter_map(|&attach| Some((Key::from_str(attach.key()), self.value(attach)?)))
    }

    fn value(&self, attach: Attach) -> Option<kv::Value<'_>> {
        match attach {
            Attach::Label => self.label.map(kv::Value::from),
            Attach::Time => Some(kv::Value::from(&*self.time)),
            Attach::Pid => self.record.origin.pid.map(kv::Value::from),
            Attach::Process => self.record.process.map(kv::Value::from),
            Attach::Thread => self.record.origin.thread.as_deref().map(kv::Value::from),
            Attach::ThreadId => self.record.origin.thread_id.map(kv::Value::from),
        }
    }
}

impl Source for AttachedKeyValues<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        for (key, value) in self.pairs() {
            visitor.visit_pair(key, value)?;
        }
        self.child.visit(&mut RenamingVisitor {
            attach: self.attach,
            visitor,
        })
    }

    fn count(&self) -> usize {
        self.pairs().count() + self.child.count()
    }
}

/// Passes the child's pairs to another visitor, and renames keys that are reserved for the parent.
struct RenamingVisitor<'v, 'kvs> {
    attach: &'v [Attach],
    visitor: &'v mut dyn VisitSource<'kvs>,
}

impl<'kvs> VisitSource<'kvs> for RenamingVisitor<'_, 'kvs> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let reserved = |attach: &&Attach| attach.key() == key.as_str();
        let key = match self.attach.iter().find(reserved) {
            Some(attach) => Key::from_str(attach.renamed_key()),
            None => key,
        };
        self.visitor.visit_pair(key, value)
    }
}
