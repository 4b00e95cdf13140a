//! `Shown`: a record as the parent shows it.

use record_proto::RecordView;

use crate::dispatch::attach::Attach;
use crate::dispatch::escape::Escaping;

/// A record with its target and texts as the parent shows them, and the parts that the parent adds.
pub(super) struct Shown<'a> {
    pub(super) record: &'a RecordView<'a>,
    /// The label before the message, if it is shown there.
    pub(super) prefix: Option<&'a str>,
    /// The label as a field, if it is shown there.
    pub(super) label: Option<&'a str>,
    pub(super) attach: &'a [Attach],
    /// For the spans, whose texts are escaped only when they are made again.
    pub(super) escaping: Escaping,
}
