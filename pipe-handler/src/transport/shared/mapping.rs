//! `Mapping`: the buffer's memory in this process.

use std::{
    ffi::c_void,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
    ptr, slice,
    sync::atomic::AtomicU64,
};

use record_proto::{Header, Layout, LayoutError, RingWords};
use rustix::{
    fs::{SealFlags, fcntl_get_seals},
    io::{Errno, FdFlags, fcntl_setfd},
    mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap},
};

use super::mlock::is_memory_locked;
use crate::transport::{BufferAddress, identity};

/// The seals that the buffer must have. Without them, another process could shorten it, and the next access would kill
/// this one.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// The first pages that are taken of a ring, in bytes. Later steps double them.
pub(super) const FIRST_STEP: usize = 16 * 1024;

/// A shared buffer that is mapped until the process ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapping {
    words: &'static [AtomicU64],
    layout: Layout,
    header: Header<'static>,
}

/// Why a buffer is not used. Records then go through the pipe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the descriptor is not the shared buffer that the parent has made")]
    Foreign,
    #[error("the buffer can be shortened or resealed")]
    Unsealed,
    #[error("the buffer cannot be mapped: {0}")]
    System(#[from] Errno),
    #[error("the buffer is not of this version: {0}")]
    Layout(#[from] LayoutError),
    #[error("the program runs with the privileges of another user")]
    Privileged,
    #[error("the program locks all of its memory")]
    Locked,
    #[error("the system cannot take pages without the risk of a signal")]
    Pages,
}

impl Mapping {
    /// Checks and maps the buffer that the environment names. The descriptor is closed, except if it is not the buffer.
    ///
    /// Returns the descriptor too, which is close-on-exec, for children that share the buffer.
    pub(crate) fn adopt(address: &BufferAddress) -> Result<(Self, OwnedFd), Refused> {
        let fd = take_over(address)?;
        if is_privileged() {
            return Err(Refused::Privileged);
        }
        if is_memory_locked() {
            return Err(Refused::Locked);
        }
        let mapping = Self::map(&fd, address.size)?;
        Ok((mapping, fd))
    }

    /// Returns the size of the buffer in bytes.
    pub(super) fn size(self) -> u64 {
        size_of_val(self.words) as u64
    }

    pub(super) fn header(self) -> Header<'static> {
        self.header
    }

    pub(super) fn ring(self, index: usize) -> RingWords<'static> {
        self.layout.ring(self.words, index)
    }

    pub(super) fn rings(self) -> impl Iterator<Item = RingWords<'static>> {
        (0..self.layout.rings()).map(move |index| self.ring(index))
    }

    /// Takes the pages of a ring from byte `from` to byte `to`, before anything is written there. Returns `false` if the
    /// system refuses them: to write there could kill the process.
    pub(super) fn populate(self, ring: usize, from: usize, to: usize) -> bool {
        populate(&self.ring(ring).data[from / 8..to / 8])
    }

    #[expect(
        unsafe_code,
        reason = "mapping memory has no safe form; the memory is sealed, is never unmapped, and is accessed as atomics only"
    )]
    fn map(fd: &OwnedFd, size: u64) -> Result<Self, Refused> {
        let length = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the call names no address, so the new map replaces no other.
        let start = unsafe { mmap(ptr::null_mut(), length, access, MapFlags::SHARED, fd, 0) }?;
        for advice in [Advice::LinuxNoHugepage, Advice::LinuxDontDump] {
            // SAFETY: the map is the one above. The advice changes no contents.
            let _only_advice = unsafe { madvise(start, length, advice) };
        }
        // SAFETY: the map begins at a page, stays, cannot be shortened (it is sealed), holds integers, and is accessed by
        // this process as atomics only. What other processes do to it are atomic accesses of words, or as good as.
        let words = unsafe { slice::from_raw_parts(start.cast::<AtomicU64>(), length / 8) };
        // The header's page is in memory, because the parent has written it.
        let mapping = Layout::read(words)
            .map_err(Refused::from)
            .map(|layout| Self {
                words,
                layout,
                header: layout.header(words),
            });
        mapping.and_then(Self::with_heads).inspect_err(|_| {
            // SAFETY: the map is the one above, and nobody has kept the slice.
            let _unmapped = unsafe { munmap(start, length) };
        })
    }

    /// Takes the pages of the header and of the heads of the rings. They are there, unless somebody has made a hole; so
    /// this also finds out whether pages can be taken at all (since Linux 5.14).
    fn with_heads(self) -> Result<Self, Refused> {
        match populate(&self.words[..self.layout.data_begin() / 8]) {
            true => Ok(self),
            false => Err(Refused::Pages),
        }
    }
}

/// How often a call is repeated that the system has not finished.
const ATTEMPTS: usize = 1000;

/// Takes the pages of some words, and changes nothing in them. Returns `false` if the system refuses.
#[expect(
    unsafe_code,
    reason = "MADV_POPULATE_WRITE takes an address; it fails where a plain access would raise a signal"
)]
fn populate(words: &[AtomicU64]) -> bool {
    let start = words.as_ptr().cast_mut().cast::<c_void>();
    for _ in 0..ATTEMPTS {
        // SAFETY: the range is that of the words, whose contents stay as they are.
        match unsafe { madvise(start, size_of_val(words), Advice::LinuxPopulateWrite) } {
            Ok(()) => return true,
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return false,
        }
    }
    false
}

/// Checks that a descriptor is the buffer that `address` names, and makes it the handler's own.
#[expect(
    unsafe_code,
    reason = "the environment names the descriptor by its number; device, inode, size and seals are checked before \
              anything is done to it"
)]
fn take_over(address: &BufferAddress) -> Result<OwnedFd, Refused> {
    // SAFETY: the calls below do not change the descriptor, whatever it is, and return an error if it is closed.
    let given = unsafe { BorrowedFd::borrow_raw(address.file.fd) };
    let is_buffer = identity(given) == Ok((address.file.dev, address.file.ino))
        && rustix::fs::fstat(given).is_ok_and(|stat| stat.st_size as u64 == address.size);
    // Only a memfd has seals at all. So the descriptor cannot be a file whose locks a close would release.
    let seals = fcntl_get_seals(given).map_err(|_| Refused::Foreign)?;
    if !is_buffer {
        return Err(Refused::Foreign);
    }
    fcntl_setfd(given, FdFlags::CLOEXEC)?;
    // SAFETY: the variable gives the descriptor to this process, and it is the buffer. Nobody else owns it.
    let own = unsafe { OwnedFd::from_raw_fd(address.file.fd) };
    match seals.contains(SEALS) {
        true => Ok(own),
        false => Err(Refused::Unsealed),
    }
}

/// Whether the program has other privileges than the one that started it, which might want to spoil its memory.
#[expect(unsafe_code, reason = "getauxval has no safe form for this entry")]
fn is_privileged() -> bool {
    // SAFETY: the call reads a value that the kernel gave to the process at its start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
