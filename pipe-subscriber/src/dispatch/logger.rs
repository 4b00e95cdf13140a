use std::{borrow::Cow, mem};

use log::{LevelFilter, Log, Metadata};
use record_proto::LogRecord;

use super::attach::Attach;
use super::escape::Escaping;
use super::label_in::LabelIn;
use super::parent_keys::Attached;

/// How much room for targets is kept.
const ROOM_KEPT: usize = 4096;

/// Hands records to a logger: filtered by it, escaped and with what the parent adds.
#[derive(Debug)]
pub(crate) struct Dispatch {
    escaping: Escaping,
    label_in: LabelIn,
    is_labelled: bool,
    /// The label as a key-value, if it is shown there.
    label: Option<String>,
    /// The label as it stands in front of a text, if it is shown there.
    front: String,
    attach: Vec<Attach>,
    shows_names: bool,
    /// Room for a target with the label in front.
    room: String,
}

impl Dispatch {
    pub(crate) fn new(
        escaping: Escaping,
        label: Option<String>,
        label_in: LabelIn,
        attach: Vec<Attach>,
    ) -> Self {
        let label = label.map(|label| {
            let mut label = Cow::Owned(label);
            escaping.text(&mut label);
            label.into_owned()
        });
        Self {
            escaping,
            label_in,
            is_labelled: label.is_some(),
            front: label_in.front(label.as_deref().unwrap_or_default()),
            label: label.filter(|_| label_in == LabelIn::KeyValues),
            shows_names: attach.contains(&Attach::Process) || attach.contains(&Attach::Thread),
            attach,
            room: String::new(),
        }
    }

    /// Nothing is built for a record that the level or the logger does not let through.
    #[inline]
    pub(crate) fn log(
        &mut self,
        record: &mut LogRecord<'_>,
        max_level: LevelFilter,
        logger: &dyn Log,
    ) {
        if record.level > max_level {
            return;
        }
        match self.label_in {
            LabelIn::Target => self.label_target(record),
            _ => self.escaping.text(&mut record.target),
        }
        let metadata = Metadata::builder()
            .level(record.level)
            .target(&record.target)
            .build();
        if logger.enabled(&metadata) {
            self.hand_on(record, logger);
        }
        if self.label_in == LabelIn::Target {
            self.take_room_back(record);
        }
    }

    #[inline]
    fn hand_on(&self, record: &mut LogRecord<'_>, logger: &dyn Log) {
        self.escaping.record(record);
        if self.shows_names {
            self.escaping.names(record);
        }
        let front = self.front_of_message(record);
        record.with_record(|built| {
            if front.is_none() && !self.changes_keys_of(record) {
                return logger.log(built);
            }
            let label = self.label.as_deref();
            let all = Attached::new(&self.attach, label, record, built.key_values());
            let mut shown = built.to_builder();
            shown.key_values(&all);
            match front {
                None => logger.log(&shown.build()),
                Some(front) => {
                    logger.log(&shown.args(format_args!("{front}{}", built.args())).build());
                }
            }
        });
    }

    fn label_target(&mut self, record: &mut LogRecord<'_>) {
        if !self.is_labelled && !record.target.contains('/') {
            return self.escaping.text(&mut record.target);
        }
        let mut target = mem::take(&mut self.room);
        target.push_str(&self.front);
        self.escaping.append(&record.target, &mut target);
        record.target = Cow::Owned(target);
    }

    /// The record is done with, and no logger keeps its target.
    fn take_room_back(&mut self, record: &mut LogRecord<'_>) {
        if let Cow::Owned(target) = mem::take(&mut record.target) {
            self.room = target;
            self.room.clear();
            self.room.shrink_to(ROOM_KEPT);
        }
    }

    /// What the message begins with: the label, or an empty one if a child without a label seems to claim one.
    #[inline]
    fn front_of_message(&self, record: &LogRecord<'_>) -> Option<&str> {
        if self.label_in != LabelIn::Message {
            return None;
        }
        let claims = || record.message.chars().find(char::is_ascii_graphic) == Some('[');
        (self.is_labelled || claims()).then_some(&self.front)
    }

    /// Whether the parent adds anything, or a child without a label claims to have one.
    #[inline]
    fn changes_keys_of(&self, record: &LogRecord<'_>) -> bool {
        match (&*self.attach, &self.label) {
            ([], _) => false,
            ([Attach::Label], None) => {
                let label = Attach::Label.key();
                record.key_values.contains_key(label) || record.context.contains_key(label)
            }
            _ => true,
        }
    }
}
