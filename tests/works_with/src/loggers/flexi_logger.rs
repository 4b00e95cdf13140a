//! flexi_logger. It shows key-values if its feature `kv` is on. All of its own formats show the module instead of the
//! target.

use flexi_logger::{Logger, default_format};

use crate::{Result, parent};

pub async fn run() -> Result {
    let _handle = Logger::try_with_str("debug")?
        .format(|write, now, record| {
            write!(write, "{}: ", record.target())?;
            default_format(write, now, record)
        })
        .log_to_stderr()
        .start()?;
    parent::run().await
}
