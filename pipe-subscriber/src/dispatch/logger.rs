//! The call of the logger, and the steps that prepare a record for it.

use std::{borrow::Cow, mem};

use log::{LevelFilter, Log, Metadata};
use record_proto::{RecordView, has_control};

use super::attach::Attach;
use super::escape::Escaping;
use super::label_in::LabelIn;
use super::parent_keys::AttachedKeyValues;

/// The largest capacity of the target buffer that is kept for the next record, in bytes.
const MAX_TARGET_BUFFER: usize = 4096;

/// Hands records to a logger: filters them by the logger, escapes them, and adds the label and the parent's key-values.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(super) escaping: Escaping,
    label_in: LabelIn,
    is_labelled: bool,
    /// The label, if it is shown as a key-value.
    pub(super) label: Option<String>,
    /// The label as the prefix of a target or message, if it is shown there.
    prefix: String,
    pub(super) attach: Vec<Attach>,
    /// Whether the name of the process or of the thread is attached.
    attaches_names: bool,
    /// Whether nothing is added to a record: there is no label, and nothing else is attached.
    adds_nothing: bool,
    /// Holds a target with its prefix. It is reused, so that a record allocates nothing for it.
    target_buffer: String,
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
            escaping.escape_line(&mut label);
            label.into_owned()
        });
        let attaches_label_at_most = attach.iter().all(|attached| *attached == Attach::Label);
        Self {
            escaping,
            label_in,
            is_labelled: label.is_some(),
            adds_nothing: label_in == LabelIn::KeyValues
                && label.is_none()
                && attaches_label_at_most,
            prefix: label_in.prefix(label.as_deref().unwrap_or_default()),
            label: label.filter(|_| label_in == LabelIn::KeyValues),
            attaches_names: attach.contains(&Attach::Process) || attach.contains(&Attach::Thread),
            attach,
            target_buffer: String::new(),
        }
    }

    /// Hands a record to the logger, unless its level or the logger's `enabled` filters it out. Before the logger has
    /// answered, only the target is prepared.
    #[inline]
    pub(crate) fn log(
        &mut self,
        record: &RecordView<'_>,
        max_level: LevelFilter,
        logger: &dyn Log,
    ) {
        if record.level > max_level {
            return;
        }
        if self.adds_nothing && record.is_plain() && !self.changes_key_values(record) {
            if is_enabled(record, logger) {
                record.with_record(|built| logger.log(built));
            }
            return;
        }
        self.log_prepared(record, logger);
    }

    /// Hands a record to the logger as [`log`](Self::log) does, of which something may have to be escaped, or to which
    /// something is added.
    #[inline(never)]
    fn log_prepared(&mut self, record: &RecordView<'_>, logger: &dyn Log) {
        self.with_shown(
            record,
            |record| is_enabled(record, logger),
            |this, record| this.call_logger(record, logger),
        );
    }

    /// Returns whether the texts of a record can be shown unchanged.
    ///
    /// A plain record was checked for controls when it was decoded. Only the name of its process, if it is from the
    /// hello or from an earlier record, was not.
    #[inline]
    fn needs_no_escape(&self, record: &RecordView<'_>) -> bool {
        let shows_other_name = self.attaches_names && record.process.is_some_and(has_control);
        record.is_plain() && !shows_other_name || self.escaping == Escaping::Off
    }

    /// Passes the record to `f` as the parent is to see it: with its target prepared and all of its texts escaped. Before
    /// `is_wanted` has answered, only the target is prepared.
    #[inline(always)]
    pub(super) fn with_shown(
        &mut self,
        record: &RecordView<'_>,
        is_wanted: impl FnOnce(&RecordView<'_>) -> bool,
        f: impl FnOnce(&Self, &RecordView<'_>),
    ) {
        let is_clean = self.needs_no_escape(record);
        if is_clean && self.label_in != LabelIn::Target {
            if is_wanted(record) {
                f(self, record);
            }
            return;
        }
        let target = self.prepared_target(record.target);
        let mut shown = record.clone();
        shown.target = &target;
        if is_wanted(&shown) {
            match is_clean {
                true => f(self, &shown),
                false => self.with_escaped(&shown, |escaped| f(self, escaped)),
            }
        }
        self.reclaim_target_buffer(target);
    }

    /// Copies and escapes the texts of a record whose target is prepared.
    #[cold]
    fn with_escaped(&self, record: &RecordView<'_>, f: impl FnOnce(&RecordView<'_>)) {
        let mut escaped = record.to_record();
        // The target is already prepared, and may begin with the label.
        escaped.target = Cow::Borrowed(record.target);
        self.escaping.escape_record(&mut escaped);
        if self.attaches_names {
            self.escaping.escape_names(&mut escaped);
        }
        escaped.with_view(|escaped| f(&escaped));
    }

    /// Adds the label and the parent's key-values, and calls the logger's `log`.
    #[inline(always)]
    fn call_logger(&self, record: &RecordView<'_>, logger: &dyn Log) {
        let prefix = self.message_prefix(record);
        if prefix.is_none() && !self.changes_key_values(record) {
            return record.with_record(|built| logger.log(built));
        }
        record.with_record(|built| {
            let label = self.label.as_deref();
            let all = AttachedKeyValues::new(&self.attach, label, record, built.key_values());
            let mut shown = built.to_builder();
            shown.key_values(&all);
            match prefix {
                None => logger.log(&shown.build()),
                Some(prefix) => {
                    logger.log(&shown.args(format_args!("{prefix}{}", built.args())).build());
                }
            }
        });
    }

    /// Returns the target as the logger is to see it: escaped, and after the label if that is shown there. A child
    /// without a label gets an empty one if its target has a `/`, because the text before the `/` could pass for a
    /// label.
    fn prepared_target<'t>(&mut self, target: &'t str) -> Cow<'t, str> {
        if self.label_in != LabelIn::Target || (!self.is_labelled && !target.contains('/')) {
            let mut target = Cow::Borrowed(target);
            self.escaping.escape_line(&mut target);
            return target;
        }
        let mut prefixed = mem::take(&mut self.target_buffer);
        prefixed.push_str(&self.prefix);
        self.escaping.append_line(target, &mut prefixed);
        Cow::Owned(prefixed)
    }

    /// Takes the target's buffer back after the logger has been called.
    fn reclaim_target_buffer(&mut self, target: Cow<'_, str>) {
        if let Cow::Owned(target) = target {
            self.target_buffer = target;
            self.target_buffer.clear();
            self.target_buffer.shrink_to(MAX_TARGET_BUFFER);
        }
    }

    /// Returns the label for the beginning of the message, if it is shown there. A child without a label gets an empty
    /// one if its message begins with `[` and so could pass for a labelled one.
    #[inline]
    pub(super) fn message_prefix(&self, record: &RecordView<'_>) -> Option<&str> {
        if self.label_in != LabelIn::Message {
            return None;
        }
        let claims_label = || record.message.chars().find(char::is_ascii_graphic) == Some('[');
        (self.is_labelled || claims_label()).then_some(&self.prefix)
    }

    /// Returns whether the logger sees other key-values than the record has: the parent adds some, or a child without a
    /// label has a key `label` that must be renamed.
    #[inline]
    fn changes_key_values(&self, record: &RecordView<'_>) -> bool {
        match (&*self.attach, &self.label) {
            ([], _) => false,
            ([Attach::Label], None) => record.contains_key(Attach::Label.key()),
            _ => true,
        }
    }
}

/// Returns whether the logger's `enabled` lets a record through, whose target is as the logger is to see it.
#[inline]
fn is_enabled(record: &RecordView<'_>, logger: &dyn Log) -> bool {
    let metadata = Metadata::builder()
        .level(record.level)
        .target(record.target)
        .build();
    logger.enabled(&metadata)
}
