//! The command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use nats_relay::{DEFAULT_PREFIX, DEFAULT_STREAM, ServerOptions};

use crate::{engine::Times, prefix::Prefix, support::text::TimeStyle};

#[derive(Debug, Parser)]
#[command(
    name = "collect",
    about = "Reads the log records of many relays from a NATS JetStream stream, in order, and keeps their accounts",
    after_help = "Example: collect --server nats://hub:4222 --format json"
)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// The stream that has the messages
    #[arg(long, default_value = DEFAULT_STREAM, value_name = "NAME")]
    pub(crate) stream: String,
    /// What the subjects begin with; a token may be *
    #[arg(long, default_value = DEFAULT_PREFIX, value_parser = Prefix::new, value_name = "P")]
    pub(crate) subject_prefix: Prefix,
    /// Reads only these subjects, with wildcards; may be given more than once. The ends of children are in
    /// PREFIX.HOST.control.LABEL
    #[arg(long, value_name = "FILTER")]
    subject: Vec<String>,
    /// The name of this collector's position: the key-value bucket NAME-STREAM, and the stream's consumer NAME, which shows
    /// the lag. Collectors that read different subjects need different names
    #[arg(long, default_value = "collect", value_parser = name, value_name = "NAME")]
    pub(crate) name: String,
    /// Waits while another collector of this name reads, and takes over when that is gone. Otherwise this one begins at
    /// once, and the other stops
    #[arg(long)]
    pub(crate) standby: bool,
    /// Reads to the present end of the stream and stops. Nothing is stored: no position, no account
    #[arg(long, conflicts_with_all = ["standby", "name"])]
    pub(crate) replay: bool,
    /// Leaves out messages that were stored before this time: 90s, 10m, 2h, or a time such as 2026-01-02T03:04:05Z. Hosts with a stored position
    /// go on from there all the same
    #[arg(long, value_parser = since, value_name = "TIME")]
    pub(crate) since: Option<SystemTime>,
    /// How long a record is held, so that those of other children with an earlier time come before it
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(..=600_000), value_name = "N")]
    window_ms: u32,
    /// How long to wait for batches that are missing before others of the same child
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(..=600_000), value_name = "N")]
    hole_ms: u32,
    /// How often the position and the accounts are stored
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=60_000), value_name = "N")]
    checkpoint_ms: u32,
    /// Where the records go: lines of text or JSON objects on standard output, or env_logger, which RUST_LOG sets
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// How the times of the records are printed; local on a terminal and utc elsewhere if it is not given
    #[arg(long, value_enum, value_name = "STYLE")]
    pub(crate) time: Option<TimeStyle>,
    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each record, safe on a terminal
    Text,
    /// A JSON object for each record, with the original text
    Json,
    /// The logger of this program
    Log,
}

impl Options {
    /// Returns the filters of the subjects that are read.
    pub(crate) fn filters(&self) -> Vec<String> {
        match self.subject.is_empty() {
            true => vec![self.subject_prefix.filter()],
            false => self.subject.clone(),
        }
    }

    pub(crate) fn times(&self) -> Times {
        let nanoseconds = |ms: u32| u64::from(ms) * 1_000_000;
        Times {
            window: nanoseconds(self.window_ms),
            hole: nanoseconds(self.hole_ms),
        }
    }

    pub(crate) fn checkpoint(&self) -> Duration {
        Duration::from_millis(self.checkpoint_ms.into())
    }

    /// Returns [`since`](Self::since) in nanoseconds since 1970, or 0.
    pub(crate) fn since_nanoseconds(&self) -> u64 {
        let since = self.since.unwrap_or(UNIX_EPOCH).duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }
}

fn name(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err("a name has letters, digits, - and _ only".to_owned()),
    }
}

fn since(text: &str) -> Result<SystemTime, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return SystemTime::now()
            .checked_sub(ago)
            .ok_or_else(|| "that is too long ago".to_owned());
    }
    humantime::parse_rfc3339_weak(text).map_err(|_| {
        "give a duration such as 10m, or a time such as 2026-01-02T03:04:05Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_names_are_checked() {
        assert!(
            since("10m").is_ok() && since("2026-01-02T03:04:05Z").is_ok() && since("soon").is_err()
        );
        assert!(name("part-3").is_ok() && name("a.b").is_err() && name("").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Options as clap::CommandFactory>::command().debug_assert();
    }
}
