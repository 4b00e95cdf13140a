//! systemd-journal-logger. Key-values become fields of the journal, with names in capitals.

use log::LevelFilter;
use systemd_journal_logger::JournalLog;

use crate::{Result, parent};

pub async fn run() -> Result {
    JournalLog::new()?.install()?;
    log::set_max_level(LevelFilter::Debug);
    parent::run().await
}
