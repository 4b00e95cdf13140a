//! Counters in memory that the campaign shares with its children, so that they outlive a child.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::FileExt},
    ptr,
    sync::atomic::AtomicU64,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    mm::{MapFlags, ProtFlags, mmap},
    process::Pid,
};

use crate::plan::{PROCESSES, THREADS};

/// Words of one process: its pid, and for each thread how many log calls have begun and how many have returned.
const WORDS: usize = 1 + 2 * THREADS;
const BYTES: usize = 8 * WORDS * PROCESSES;

/// The campaign's side.
#[derive(Debug)]
pub(crate) struct SharedCounters(File);

/// A child's side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots(&'static [AtomicU64]);

impl SharedCounters {
    pub(crate) fn new() -> io::Result<Self> {
        let file = memfd_create("acknowledgements", MemfdFlags::CLOEXEC)?;
        let file = File::from(file);
        file.set_len(BYTES as u64)?;
        Ok(Self(file))
    }

    /// Opens the counters of another process of the campaign.
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self(file))
    }

    /// Returns the path by which a child opens it; no child inherits it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Returns `None` for a process that has not begun.
    pub(crate) fn pid(&self, member: usize) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.word(member * WORDS)).expect("a pid"))
    }

    pub(crate) fn begun(&self, member: usize, thread: usize) -> u64 {
        self.word(begun(member, thread))
    }

    pub(crate) fn acknowledged(&self, member: usize, thread: usize) -> u64 {
        self.word(begun(member, thread) + 1)
    }

    fn word(&self, place: usize) -> u64 {
        let mut word = [0; 8];
        let offset = place as u64 * 8;
        self.0
            .read_exact_at(&mut word, offset)
            .expect("the counters");
        u64::from_ne_bytes(word)
    }
}

impl Slots {
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the system chooses a free address.
        let place = unsafe { mmap(ptr::null_mut(), BYTES, access, MapFlags::SHARED, &file, 0) }?;
        // SAFETY: it has this many bytes, is aligned to pages, never unmapped, and nobody makes the file shorter. All
        // access to it in this process is atomic.
        let words = unsafe { std::slice::from_raw_parts(place.cast(), BYTES / 8) };
        Ok(Self(words))
    }

    pub(crate) fn pid(self, member: usize) -> &'static AtomicU64 {
        &self.0[member * WORDS]
    }

    pub(crate) fn begun(self, member: usize, thread: usize) -> &'static AtomicU64 {
        &self.0[begun(member, thread)]
    }

    pub(crate) fn acknowledged(self, member: usize, thread: usize) -> &'static AtomicU64 {
        &self.0[begun(member, thread) + 1]
    }
}

fn begun(member: usize, thread: usize) -> usize {
    member * WORDS + 1 + 2 * thread
}
