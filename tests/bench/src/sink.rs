//! The parent's logger, which counts the records.

use std::{
    fmt::{self, Write},
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::Sender,
    },
    time::Instant,
};

use log::{
    Log, Metadata, Record,
    kv::{self, Key, VisitSource},
};

use crate::clock;

/// The parent's logger for one child: touches every field of each record, counts, and reports when the last one came.
///
/// One task or thread calls it, so that the counters need no locked instructions.
pub struct Sink {
    tally: Arc<Tally>,
    last: Sender<Instant>,
}

/// What one child's sink has seen.
pub struct Tally {
    expected: u64,
    count: AtomicU64,
    jobs: AtomicU64,
    /// Nanoseconds from the log call to here, where the job numbers are times.
    latencies: Option<Mutex<Vec<u64>>>,
}

impl Tally {
    pub fn new(expected: u64, with_latencies: bool) -> Arc<Self> {
        Arc::new(Self {
            expected,
            count: AtomicU64::new(0),
            jobs: AtomicU64::new(0),
            latencies: with_latencies.then(Mutex::default),
        })
    }

    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    pub fn jobs(&self) -> u64 {
        self.jobs.load(Relaxed)
    }

    pub fn take_latencies(&self) -> Vec<u64> {
        let latencies = self.latencies.as_ref().and_then(|all| all.lock().ok());
        latencies.map_or_else(Vec::new, |mut all| std::mem::take(&mut *all))
    }
}

impl Sink {
    pub fn boxed(tally: Arc<Tally>, last: Sender<Instant>) -> Box<dyn Log> {
        Box::new(Self { tally, last })
    }
}

impl Log for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let job = touch(record);
        let tally = &*self.tally;
        if let Some(Ok(mut latencies)) = tally.latencies.as_ref().map(Mutex::lock) {
            latencies.push(clock::monotonic().saturating_sub(job));
        }
        tally.jobs.store(tally.jobs().wrapping_add(job), Relaxed);
        tally.count.store(tally.count() + 1, Relaxed);
        if tally.count() == tally.expected {
            // Nobody waits any more where the measurement was given up.
            let _given_up = self.last.send(Instant::now());
        }
    }

    fn flush(&self) {}
}

/// Reads all there is and returns the number of the job.
pub fn touch(record: &Record<'_>) -> u64 {
    let mut text = Touched(0);
    let _never = write!(text, "{}", record.args());
    let mut fields = Fields { job: 0, text };
    let _never = record.key_values().visit(&mut fields);
    let places = (record.module_path(), record.file(), record.line());
    black_box((record.level(), record.target(), places, fields.text.0));
    fields.job
}

/// Text that somebody has looked at.
pub struct Touched(pub usize);

impl Write for Touched {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() + usize::from(text.as_bytes().last().copied().unwrap_or(0));
        Ok(())
    }
}

struct Fields {
    job: u64,
    text: Touched,
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        if let Some(number) = value.to_u64() {
            self.job = number;
        } else if let Some(text) = value.to_borrowed_str() {
            self.text.write_str(text)?;
        } else {
            write!(self.text, "{value}")?;
        }
        self.text.write_str(key.as_str())?;
        Ok(())
    }
}
