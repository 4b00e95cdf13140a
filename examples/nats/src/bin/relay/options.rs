//! The command line.

use std::{ffi::OsString, path::Path, time::Duration};

use clap::Parser;
use nats_relay::{Address, DEFAULT_PREFIX, DEFAULT_STREAM, MAX_FRAME_LENGTH, ServerOptions};

/// The longest subject, in bytes. A server takes 4 KiB for a whole line of the protocol.
const MAX_SUBJECT: usize = 1024;

#[derive(Debug, Parser)]
#[command(
    name = "relay",
    about = "Runs a program and publishes its log records to NATS JetStream",
    after_help = "Example: relay --server nats://127.0.0.1:4222 --create-stream --label web -- ./web --port 80"
)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// The stream that stores the messages
    #[arg(long, default_value = DEFAULT_STREAM, value_name = "NAME")]
    pub(crate) stream: String,
    /// Creates the stream if it does not exist: on disk, 1 GiB, for a day; a full stream refuses what is new
    #[arg(long)]
    pub(crate) create_stream: bool,
    /// What the subjects begin with
    #[arg(long, default_value = DEFAULT_PREFIX, value_parser = prefix, value_name = "P")]
    subject_prefix: String,
    /// The name of this host in subjects; the system's name if it is not given
    #[arg(long, value_name = "H")]
    host: Option<String>,
    /// The name of the program in subjects, one of few: a service, not a request; the program's file name if it is not given
    #[arg(long, value_name = "L")]
    label: Option<String>,
    /// Publishes each record alone, to a subject that ends with its level: for subscribers to a level, at several times the cost
    #[arg(long)]
    pub(crate) per_record: bool,
    /// How long a batch waits for further records: more makes fewer messages of programs that log little
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60_000), conflicts_with = "per_record", value_name = "N")]
    batch_ms: u64,
    /// What the program should log: a level or directives such as info,worker::db=debug
    #[arg(long, default_value = "trace")]
    pub(crate) filter: String,
    /// Makes records of the lines that the program writes to its stdout and stderr, too: for programs without pipe-handler
    #[arg(long)]
    pub(crate) capture: bool,
    /// The bytes of memory that the program may log into instead of the pipe; 0 for none. 8 MiB if it is not given
    #[arg(long, value_name = "BYTES")]
    pub(crate) buffer: Option<usize>,
    /// How many bytes may wait for the server's acknowledgement. If there are as many, the program waits or drops, as its
    /// overflow policy says
    #[arg(long, default_value_t = 4 << 20, value_parser = clap::value_parser!(u32).range(MAX_FRAME_LENGTH as i64 + 4096..=1 << 30), value_name = "BYTES")]
    pub(crate) window: u32,
    /// How long to wait, after the program's exit, while the server acknowledges nothing
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    drain_s: u64,
    /// How long to go on reading after the program's exit while another process holds its pipe
    #[arg(long, default_value_t = 2000, value_name = "N")]
    grace_ms: u64,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

impl Options {
    /// Returns the subjects of the child.
    ///
    /// # Errors
    ///
    /// If they would be too long for a server.
    pub(crate) fn address(&self) -> Result<Address, String> {
        let system_name = || gethostname::gethostname().to_string_lossy().into_owned();
        let address = Address {
            prefix: self.subject_prefix.clone(),
            host: self.host.clone().unwrap_or_else(system_name),
            label: self
                .label
                .clone()
                .unwrap_or_else(|| file_name(&self.command[0])),
        };
        match address.control().len() {
            ..=MAX_SUBJECT => Ok(address),
            length => Err(format!(
                "the subject of this host and label has {length} bytes, and {MAX_SUBJECT} are allowed: give shorter ones \
                 with --host and --label"
            )),
        }
    }

    pub(crate) fn batch_delay(&self) -> Duration {
        Duration::from_millis(self.batch_ms)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    pub(crate) fn drain_limit(&self) -> Duration {
        Duration::from_secs(self.drain_s)
    }
}

fn file_name(program: &OsString) -> String {
    let name = Path::new(program).file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}

fn prefix(text: &str) -> Result<String, String> {
    let is_token = |token: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"*>".contains(&byte);
        !token.is_empty() && token.bytes().all(is_allowed)
    };
    match text.split('.').all(is_token) && !text.starts_with('$') {
        true => Ok(text.to_owned()),
        false => Err(
            "a prefix is one or more tokens with dots between them, without blanks and wildcards"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_tokens() {
        assert!(prefix("logs").is_ok() && prefix("eu.logs-2").is_ok());
        for text in ["", "a.", ".a", "a..b", "a b", "a.*", "a.>", "$JS", "é"] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }
}
