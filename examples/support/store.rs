//! A file that stores frames as they arrive.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use crate::support::Blocking;

/// How long a frame waits in the buffer, so that one write takes many of them.
const WRITE_DELAY: Duration = Duration::from_millis(500);

/// A buffered file. A thread writes the buffer half a second after it got its first byte, even if nothing more arrives
/// and the rest of the program is blocked.
///
/// Clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    buffer: Mutex<Buffer>,
    has_bytes: Condvar,
    failed: AtomicBool,
}

#[derive(Debug)]
struct Buffer {
    file: BufWriter<Blocking<File>>,
    is_dirty: bool,
}

impl Store {
    /// Creates or truncates the file and starts the thread that writes the buffer.
    ///
    /// # Errors
    ///
    /// If the file cannot be created or the thread cannot be started.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let named = |error| io::Error::other(format!("cannot create {}: {error}", path.display()));
        let store = Self(Arc::new(Shared {
            buffer: Mutex::new(Buffer {
                file: BufWriter::new(Blocking(File::create(path).map_err(named)?)),
                is_dirty: false,
            }),
            has_bytes: Condvar::new(),
            failed: AtomicBool::new(false),
        }));
        let shared = Arc::clone(&store.0);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || shared.flush_after_delay())?;
        Ok(store)
    }

    /// Returns whether a write or flush has failed. The error is among the reasons of the summary.
    pub(crate) fn has_failed(&self) -> bool {
        // Relaxed: the thread that reads the records stores it too.
        self.0.failed.load(Relaxed)
    }

    fn check<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|_| self.0.failed.store(true, Relaxed))
    }
}

impl Write for Store {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock();
        let written = buffer.file.write_all(bytes).map(|()| bytes.len());
        if !buffer.is_dirty {
            buffer.is_dirty = true;
            self.0.has_bytes.notify_one();
        }
        drop(buffer);
        self.check(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.0.lock().file.flush();
        self.check(flushed)
    }
}

impl Shared {
    fn flush_after_delay(&self) -> ! {
        loop {
            let buffer = self.lock();
            let dirty = self.has_bytes.wait_while(buffer, |buffer| !buffer.is_dirty);
            drop(dirty);
            thread::sleep(WRITE_DELAY);
            let mut buffer = self.lock();
            buffer.is_dirty = false;
            // After a failure the bytes stay in the buffer. The next write or flush tries again and returns the error.
            let _reported_later = buffer.file.flush();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
