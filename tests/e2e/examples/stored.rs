//! Records of known contents in a file, and a terminal to print them on.

use std::{
    fs::{self, File},
    io::Read,
    path::PathBuf,
    thread,
};

use log::Level;
use record_proto::{Close, Encode, ErrorInfo, Hello, LogRecord};
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::example;
use crate::support::{Scenario, temporary};

/// 2026-11-28T05:31:45.000000000Z
pub(crate) const START: u64 = 1_795_843_905_000_000_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;

/// A file that is removed at the end of the test.
pub(crate) struct Stored(pub(crate) PathBuf);

impl Stored {
    pub(crate) fn new(frames: &[u8]) -> Self {
        let path = temporary("frames");
        fs::write(&path, frames).expect("a file");
        Self(path)
    }

    pub(crate) fn of(records: &[LogRecord<'_>]) -> Self {
        Self::new(&frames(records))
    }

    /// Returns `record_cat` for this file; blanks separate options.
    pub(crate) fn cat(&self, options: &str) -> Scenario {
        let cat = example("record_cat").env("TZ", "UTC0");
        let cat = options.split_whitespace().fold(cat, Scenario::arg);
        cat.arg(self.0.display())
    }

    /// Returns what `record_cat` prints on standard output.
    pub(crate) fn print(&self, options: &str) -> String {
        let (status, said, errors) = self.cat(options).run_alone();
        assert!(status.success(), "{status}: {errors}");
        said
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

pub(crate) fn frames(records: &[LogRecord<'_>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for record in records {
        record.encode_frame(&mut stream);
    }
    stream
}

/// Returns a record of the process `worker[17]`, logged by `main` a number of milliseconds after the start.
pub(crate) fn record(seq: u64, level: Level, target: &str, message: &str) -> LogRecord<'static> {
    let mut record = LogRecord::new(level, target.to_owned(), message.to_owned());
    record.seq = seq;
    record.time = START + seq * MILLISECOND;
    record.pid = Some(17);
    record.process = Some("worker".into());
    record.thread = Some("main".into());
    record
}

/// Returns a hello and a close around records of `worker[17]`, which has logged so many.
pub(crate) fn whole(records: &[LogRecord<'_>], sent: u64, dropped: u64) -> Vec<u8> {
    let mut hello = Hello::new();
    hello.pid = Some(17);
    hello.process = Some("worker".into());
    let mut stream = Vec::new();
    hello.encode_frame(&mut stream);
    stream.extend(frames(records));
    let mut close = Close::new();
    close.pid = Some(17);
    (close.sent, close.dropped) = (sent, dropped);
    close.encode_frame(&mut stream);
    stream
}

/// Returns records with everything that a record may have.
pub(crate) fn rich() -> Vec<LogRecord<'static>> {
    let mut start = record(1, Level::Info, "worker", "ready");
    start.key_values.push("port", 8080);
    let mut query = record(2, Level::Warn, "worker::db", "slow query");
    query.key_values.push("ms", 1200);
    query.key_values.push("sql", "select *");
    let request = [("id", 7)].into_iter().collect();
    query.spans.push("request", &request);
    query.spans.push("query", &Default::default());
    query.thread = Some("pool-1".into());
    let mut failed = record(3, Level::Error, "worker", "cannot load");
    failed.key_values.push("err", "no settings");
    let mut error = ErrorInfo::new("no settings");
    error.key = Some("err".into());
    error.sources = ["cannot open /etc/x", "permission denied"]
        .into_iter()
        .collect();
    failed.error = Some(error);
    let lines = record(4, Level::Debug, "worker", "two\nlines\u{1b}[2J");
    let mut panic = record(5, Level::Error, "panic", "oh no");
    let mut error = ErrorInfo::new("oh no");
    error.backtrace = Some("   0: worker::main\n             at src/main.rs:7".into());
    panic.error = Some(error);
    panic.context.push("job", 3);
    vec![start, query, failed, lines, panic]
}

/// Runs a program with a terminal of so many columns as its standard output, and returns what that got.
pub(crate) fn on_terminal(columns: u16, scenario: Scenario) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("a terminal");
    unlockpt(&master).expect("a terminal");
    let name = ptsname(&master, Vec::new()).expect("a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = open(&name, flags, Mode::empty()).expect("a terminal");
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).expect("a size");
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        // It fails once nobody has the terminal open.
        let _end = File::from(master).read_to_end(&mut text);
        String::from_utf8(text).expect("text").replace('\r', "")
    });
    let (status, _, errors) = scenario.env("TERM", "xterm").stdout(terminal).run_alone();
    assert!(status.success(), "{status}: {errors}");
    reader.join().expect("the screen")
}
