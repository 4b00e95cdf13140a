//! Words of memory that a campaign shares with its children, and a way to wait for them to change.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    ptr,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    mm::{MapFlags, ProtFlags, mmap},
};

/// The words, in the process that made them.
#[derive(Debug)]
pub(crate) struct SharedWords(File);

impl SharedWords {
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let file = File::from(memfd_create("words", MemfdFlags::CLOEXEC)?);
        file.set_len(8 * count as u64)?;
        Ok(Self(file))
    }

    /// Returns the path by which a child opens them; no child inherits them.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Maps the words, to stay mapped.
    pub(crate) fn words(&self) -> io::Result<&'static [AtomicU64]> {
        map(&self.0)
    }
}

/// Maps the words of another process, at the path that it has given.
pub(crate) fn open(path: &str) -> io::Result<&'static [AtomicU64]> {
    map(&File::options().read(true).write(true).open(path)?)
}

fn map(file: &File) -> io::Result<&'static [AtomicU64]> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the system chooses a free address.
    let start = unsafe { mmap(ptr::null_mut(), length, access, MapFlags::SHARED, file, 0) }?;
    // SAFETY: it has this many bytes, is aligned to pages, never unmapped, and nobody makes the file shorter. All
    // access to it in this process is atomic.
    Ok(unsafe { std::slice::from_raw_parts(start.cast(), length / 8) })
}

/// Stores a value and wakes the threads of any process that wait for it.
pub(crate) fn set(word: &AtomicU64, value: u64) {
    // Release: whoever sees the value sees what this thread did before.
    word.store(value, Release);
    futex(word, libc::FUTEX_WAKE, u32::MAX >> 1);
}

/// Waits until the word is no longer `value`, and returns what it is.
pub(crate) fn wait_while(word: &AtomicU64, value: u64) -> u64 {
    loop {
        // Acquire pairs with the store in `set`.
        let now = word.load(Acquire);
        if now != value {
            return now;
        }
        futex(word, libc::FUTEX_WAIT, value as u32);
    }
}

/// Calls futex(2) on the lower half of a word, without a time limit. Its result says nothing that the word does not say.
fn futex(word: &AtomicU64, operation: i32, value: u32) {
    let half = ptr::from_ref(word).cast::<u32>();
    let no_time = ptr::null::<libc::timespec>();
    // SAFETY: the half of a word that lives during the call, on a little-endian machine the lower one.
    unsafe { libc::syscall(libc::SYS_futex, half, operation, value, no_time) };
}
