//! A file in which frames are stored as they come.

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

use crate::support::Patient;

/// How long a frame is held back: one write for many of them.
const HELD: Duration = Duration::from_millis(500);

/// A buffered file whose buffer is written soon, whether more comes or not and whatever the rest of the program waits for.
///
/// Clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    buffer: Mutex<Buffer>,
    filled: Condvar,
    failed: AtomicBool,
}

#[derive(Debug)]
struct Buffer {
    file: BufWriter<Patient<File>>,
    is_filled: bool,
}

impl Store {
    /// # Errors
    ///
    /// If the file cannot be made, or the thread that writes what is held back cannot be started.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let named = |error| io::Error::other(format!("cannot create {}: {error}", path.display()));
        let store = Self(Arc::new(Shared {
            buffer: Mutex::new(Buffer {
                file: BufWriter::new(Patient(File::create(path).map_err(named)?)),
                is_filled: false,
            }),
            filled: Condvar::new(),
            failed: AtomicBool::new(false),
        }));
        let shared = Arc::clone(&store.0);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || shared.write_soon())?;
        Ok(store)
    }

    /// Whether something is not in the file. Why is among the reasons of the summary.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.load(Relaxed)
    }

    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|_| self.0.failed.store(true, Relaxed))
    }
}

impl Write for Store {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock();
        let written = buffer.file.write_all(bytes).map(|()| bytes.len());
        if !buffer.is_filled {
            buffer.is_filled = true;
            self.0.filled.notify_one();
        }
        drop(buffer);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.0.lock().file.flush();
        self.note(flushed)
    }
}

impl Shared {
    fn write_soon(&self) -> ! {
        loop {
            let buffer = self.lock();
            let filled = self.filled.wait_while(buffer, |buffer| !buffer.is_filled);
            drop(filled);
            thread::sleep(HELD);
            let mut buffer = self.lock();
            buffer.is_filled = false;
            // What fails stays in the buffer: the next write or flush tries it again, and tells.
            let _told_later = buffer.file.flush();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
