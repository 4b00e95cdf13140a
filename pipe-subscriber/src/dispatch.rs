use std::borrow::Cow;

use log::{LevelFilter, Log, Metadata};
use record_proto::LogRecord;

use crate::{Escaping, Origin, attached::Attached};

/// Hands records to a logger: filtered by it, escaped and with what the parent adds.
#[derive(Debug)]
pub(crate) struct Dispatch {
    escaping: Escaping,
    label: Option<String>,
    origins: Vec<Origin>,
    shows_names: bool,
}

impl Dispatch {
    pub(crate) fn new(escaping: Escaping, label: Option<String>, origins: Vec<Origin>) -> Self {
        let label = label.map(|label| {
            let mut label = Cow::Owned(label);
            escaping.text(&mut label);
            label.into_owned()
        });
        Self {
            escaping,
            label,
            shows_names: origins.contains(&Origin::Process) || origins.contains(&Origin::Thread),
            origins,
        }
    }

    /// Nothing is built for a record that the level or the logger does not let through.
    #[inline]
    pub(crate) fn log(&self, record: &mut LogRecord<'_>, max_level: LevelFilter, logger: &dyn Log) {
        if record.level > max_level {
            return;
        }
        self.escaping.text(&mut record.target);
        let metadata = Metadata::builder()
            .level(record.level)
            .target(&record.target)
            .build();
        if !logger.enabled(&metadata) {
            return;
        }
        self.escaping.record(record);
        if self.shows_names {
            self.escaping.names(record);
        }
        record.with_record(|built| {
            if !self.changes_keys_of(record) {
                return logger.log(built);
            }
            let label = self.label.as_deref();
            let all = Attached::new(&self.origins, label, record, built.key_values());
            logger.log(&built.to_builder().key_values(&all).build());
        });
    }
    /// Whether the parent adds anything, or a child without a label claims to have one.
    #[inline]
    fn changes_keys_of(&self, record: &LogRecord<'_>) -> bool {
        match (&*self.origins, &self.label) {
            ([], _) => false,
            ([Origin::Label], None) => {
                let label = Origin::Label.key();
                record.key_values.contains_key(label) || record.context.contains_key(label)
            }
            _ => true,
        }
    }
}
