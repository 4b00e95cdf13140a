//! The loggers of other crates, set up as their documentation suggests. All of them write to stderr, unless they are
//! made for something else.

pub mod env_logger;
pub mod fern;
pub mod flexi_logger;
pub mod indicatif_log_bridge;
pub mod log4rs;
pub mod logforth;
pub mod opentelemetry_appender_log;
pub mod simplelog;
pub mod systemd_journal_logger;
pub mod tracing_subscriber;
