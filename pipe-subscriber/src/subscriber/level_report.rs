//! The records of this crate that report how many records of each level did not reach the logger.

use log::Level;
use record_proto::{Levels, LogRecord};

/// The target of these records.
const TARGET: &str = "pipe_subscriber";

/// Returns a record of level warn: `total` records, and as key-values those whose level is known, `what` happened to
/// them.
pub(super) fn report(total: u64, by_level: &Levels, what: &str) -> LogRecord<'static> {
    let message = match total {
        1 => format!("1 record {what}"),
        total => format!("{total} records {what}"),
    };
    let mut record = LogRecord::new(Level::Warn, TARGET, message);
    for level in Level::iter().filter(|&level| by_level.of(level) > 0) {
        let key = level.as_str().to_ascii_lowercase();
        record.key_values.push(&key, by_level.of(level));
    }
    record
}
