//! Streams to read, and a logger that keeps its records.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use log::{Level, LevelFilter, Log, Metadata, Record, kv};
use pipe_subscriber::{LogRecord, PipeSubscriber, Summary};
use record_proto::{Close, Dropped, Encode, Hello};
use tokio::io::{AsyncRead, ReadBuf};

/// A stream of frames in memory.
#[derive(Clone, Default)]
pub(crate) struct Stream(pub(crate) Vec<u8>);

impl Stream {
    pub(crate) fn frame(mut self, payload: &impl Encode) -> Self {
        payload.encode_frame(&mut self.0);
        self
    }

    /// Adds a frame with these bytes, which need not be a valid payload.
    pub(crate) fn payload(mut self, payload: &[u8]) -> Self {
        self.0
            .extend_from_slice(&(payload.len() as u32).to_be_bytes());
        self.0.extend_from_slice(payload);
        self
    }

    pub(crate) fn hello(self, pid: u64) -> Self {
        let mut hello = Hello::new();
        hello.pid = Some(pid);
        hello.process = Some("worker".into());
        self.frame(&hello)
    }

    pub(crate) fn record(self, pid: impl Into<Option<u64>>, seq: u64) -> Self {
        self.frame(&record(pid, seq))
    }

    pub(crate) fn records(self, pid: u64, seqs: impl IntoIterator<Item = u64>) -> Self {
        seqs.into_iter()
            .fold(self, |stream, seq| stream.record(pid, seq))
    }

    pub(crate) fn dropped(self, pid: impl Into<Option<u64>>, counts: [u64; 5]) -> Self {
        let mut dropped = Dropped::new();
        dropped.pid = pid.into();
        dropped.counts.0 = counts;
        self.frame(&dropped)
    }

    pub(crate) fn close(self, pid: impl Into<Option<u64>>, sent: u64, dropped: u64) -> Self {
        let mut close = Close::new();
        close.pid = pid.into();
        close.sent = sent;
        close.dropped = dropped;
        self.frame(&close)
    }

    pub(crate) fn subscriber(&self) -> PipeSubscriber<&[u8]> {
        PipeSubscriber::new(&self.0)
    }

    /// Reads the stream to its end and returns the summary.
    pub(crate) async fn summary(&self) -> Summary {
        within(self.subscriber().run_with(|_| {})).await.unwrap()
    }
}

pub(crate) fn record(pid: impl Into<Option<u64>>, seq: u64) -> LogRecord<'static> {
    let mut record = LogRecord::new(Level::Info, "worker", format!("record {seq}"));
    record.pid = pid.into();
    record.seq = seq;
    record
}

/// Returns the numbers of received, dropped and missing records.
pub(crate) fn sums(summary: &Summary) -> (u64, u64, u64) {
    (summary.received, summary.dropped, summary.missing)
}

/// Fails the test if the future takes longer than a minute.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("still not done after a minute")
}

/// A reader whose every read fails.
pub(crate) struct Failing;

impl AsyncRead for Failing {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let error = io::Error::new(io::ErrorKind::ConnectionReset, "the cable is out");
        Poll::Ready(Err(error))
    }
}

/// A logger that keeps its records.
#[derive(Clone)]
pub(crate) struct Capture {
    entries: Arc<Mutex<Vec<Entry>>>,
    enabled: LevelFilter,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) message: String,
    pub(crate) module_path: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) key_values: Vec<(String, String)>,
}

impl Entry {
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.key_values.iter();
        pairs.map(|(key, value)| (&**key, &**value)).collect()
    }
}

impl Capture {
    pub(crate) fn new() -> Self {
        Self::enabled(LevelFilter::Trace)
    }

    /// Creates a logger whose `enabled` refuses levels above this one. Its `log` keeps every record.
    pub(crate) fn enabled(enabled: LevelFilter) -> Self {
        Self {
            entries: Arc::default(),
            enabled,
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        self.entries().into_iter().map(|e| e.message).collect()
    }

    /// Returns the record that was logged; there must be exactly one.
    pub(crate) fn only(&self) -> Entry {
        let [entry] = <[Entry; 1]>::try_from(self.entries()).unwrap();
        entry
    }
}

impl Log for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.enabled
    }

    fn log(&self, record: &Record<'_>) {
        let mut key_values = Pairs(Vec::new());
        record.key_values().visit(&mut key_values).unwrap();
        assert_eq!(record.key_values().count(), key_values.0.len());
        self.entries.lock().unwrap().push(Entry {
            level: record.level(),
            target: record.target().to_owned(),
            message: record.args().to_string(),
            module_path: record.module_path().map(str::to_owned),
            file: record.file().map(str::to_owned),
            key_values: key_values.0,
        });
    }

    fn flush(&self) {}
}

struct Pairs(Vec<(String, String)>);

impl<'kvs> kv::VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let mut text = value.to_string();
        if let Some(error) = value.to_borrowed_error() {
            let mut source = error.source();
            while let Some(error) = source {
                text = format!("{text}: {error}");
                source = error.source();
            }
        }
        self.0.push((key.to_string(), text));
        Ok(())
    }
}
