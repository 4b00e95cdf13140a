//! `Scopes`: answers the questions that a writer has about the records that scopes keep for it.

use super::budget;
use crate::record::{Keeper, RecordWriter};
use crate::transport::Deadline;

/// All scopes of the process.
#[derive(Debug)]
struct Scopes;

pub(super) static SCOPES: &dyn Keeper = &Scopes;

impl Keeper for Scopes {
    fn count_held_back(&self, writer: &RecordWriter) -> u64 {
        let holders = budget::holders();
        let counts = holders.iter().map(|holder| holder.count_held_back(writer));
        counts.sum()
    }

    fn send_groups(&self, writer: &RecordWriter, deadline: &mut Deadline) {
        for holder in budget::holders() {
            holder.send_group(writer, deadline);
        }
    }
}
