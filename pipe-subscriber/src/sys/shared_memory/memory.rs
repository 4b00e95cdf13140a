//! `SharedMemory`: memory that this process shares with a child.

use std::{io, os::fd::OwnedFd, ptr, slice, sync::atomic::AtomicU64};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    io::Errno,
    mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap},
};

use super::limits;

/// Memory of a memfd that can neither be shortened nor made longer, mapped for reading and writing.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    words: &'static [AtomicU64],
    fd: Option<OwnedFd>,
}

impl SharedMemory {
    /// Makes memory of `bytes`, which are a multiple of the page size. All words are 0. Their pages are taken when they
    /// are used.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses it, or if its use could kill this process or a child later.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        limits::check(bytes)?;
        let fd = memfd()?;
        ftruncate(&fd, bytes as u64)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::map(fd, bytes)
    }

    /// Maps memory that is sealed and has this many bytes.
    #[expect(
        unsafe_code,
        reason = "mapping memory has no safe form; the memory is sealed, and is accessed as atomics only"
    )]
    fn map(fd: OwnedFd, bytes: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the call names no address, so the new map replaces no other.
        let start = unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, &fd, 0) }?;
        for advice in [Advice::LinuxNoHugepage, Advice::LinuxDontDump] {
            // SAFETY: the map is the one above. The advice changes no contents.
            let _only_advice = unsafe { madvise(start, bytes, advice) };
        }
        // SAFETY: the map begins at a page, cannot be shortened (it is sealed), holds integers, and is accessed by this
        // process as atomics only. It lives as long as the value that is returned, which lends it no longer than that.
        let words = unsafe { slice::from_raw_parts(start.cast::<AtomicU64>(), bytes / 8) };
        Ok(Self {
            words,
            fd: Some(fd),
        })
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        self.words
    }

    /// Maps the memory again, as a child does, until the test ends.
    #[cfg(test)]
    pub(crate) fn leak_another_map(&self) -> &'static [AtomicU64] {
        let fd = self
            .fd
            .as_ref()
            .expect("a descriptor that was not handed over");
        let again = Self::map(fd.try_clone().unwrap(), size_of_val(self.words)).unwrap();
        Box::leak(Box::new(again)).words
    }

    /// Takes the pages of the first `bytes`, where the system may refuse them and a plain access would raise a signal.
    #[expect(
        unsafe_code,
        reason = "MADV_POPULATE_WRITE takes an address; it fails where a plain access would raise a signal"
    )]
    pub(crate) fn populate(&self, bytes: usize) -> io::Result<()> {
        let start = self.words.as_ptr().cast_mut().cast();
        // SAFETY: the range is within the map, and its contents stay as they are.
        match unsafe { madvise(start, bytes, Advice::LinuxPopulateWrite) } {
            Err(Errno::INVAL) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the system has no MADV_POPULATE_WRITE (Linux 5.14)",
            )),
            result => Ok(result?),
        }
    }

    /// Returns the descriptor, to hand it over. The map stays.
    pub(crate) fn take_fd(&mut self) -> Option<OwnedFd> {
        self.fd.take()
    }
}

#[expect(
    unsafe_code,
    reason = "the map that `new` has made is removed with its owner"
)]
impl Drop for SharedMemory {
    fn drop(&mut self) {
        let start = self.words.as_ptr().cast_mut().cast();
        // SAFETY: the map is this value's, and nobody has borrowed from it any more.
        let _unmapped = unsafe { munmap(start, size_of_val(self.words)) };
    }
}

/// Wakes the threads of any process that sleep until the lower half of `word` changes.
#[expect(
    unsafe_code,
    reason = "the futex is half of a word in shared memory, for which there is no safe form"
)]
pub(crate) fn wake_all(word: &AtomicU64) {
    let half = ptr::from_ref(word).cast::<u32>();
    let half = match cfg!(target_endian = "little") {
        true => half,
        // SAFETY: the second half of the word.
        false => unsafe { half.add(1) },
    };
    // SAFETY: the address is that of an aligned half of a word that lives during the call; the kernel reads nothing of it.
    unsafe {
        libc::syscall(libc::SYS_futex, half, libc::FUTEX_WAKE, libc::c_int::MAX);
    }
}

fn memfd() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let name = "records";
    // Older kernels do not know the flag, and some newer ones refuse to go without it.
    match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => Ok(memfd_create(name, flags)?),
        result => Ok(result?),
    }
}
