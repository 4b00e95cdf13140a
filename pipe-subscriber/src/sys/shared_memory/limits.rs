//! What would kill this process or a child, later, if they shared memory.

use std::{fs, io, ptr};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::sys::soft_limit::{Limit, soft_limit};

/// Returns an error if `bytes` of shared memory cannot be made, or be used, without danger. Makes nothing.
pub(super) fn check(bytes: usize) -> io::Result<()> {
    // Beyond this limit, ftruncate raises SIGXFSZ.
    let Some(file_size) = soft_limit(Limit::FileSize) else {
        return Err(io::Error::other("the system hides the limit of file sizes"));
    };
    if usize::try_from(file_size).is_ok_and(|limit| limit < bytes) {
        return Err(io::Error::other(
            "the limit of file sizes (RLIMIT_FSIZE) is below its size",
        ));
    }
    // Without overcommit, the first access of a page may raise SIGBUS, in a reader of a hole too.
    let policy = fs::read("/proc/sys/vm/overcommit_memory");
    if policy.is_ok_and(|policy| policy.starts_with(b"2")) {
        return Err(io::Error::other(
            "the system does not overcommit memory (vm.overcommit_memory is 2)",
        ));
    }
    match locks_new_memory()? {
        true => Err(io::Error::other(
            "the program locks all of its memory (mlockall)",
        )),
        false => Ok(()),
    }
}

/// Returns whether new maps are locked, after `mlockall(MCL_FUTURE)`. Then all pages of a new map are taken at once, and
/// a page that nobody has used is in memory.
#[expect(
    unsafe_code,
    reason = "mapping memory has no safe form; the page is private to this function"
)]
fn locks_new_memory() -> io::Result<bool> {
    // The system makes a whole page of it.
    let bytes = 1;
    // SAFETY: the call names no address, so the new map replaces no other.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::PRIVATE) }?;
    let mut is_resident = 0;
    // SAFETY: the map is one page, for which the call writes one byte.
    let refused = unsafe { libc::mincore(page, bytes, &raw mut is_resident) };
    // SAFETY: the map is the one above, and nothing refers to it.
    unsafe { munmap(page, bytes) }?;
    // A system that refuses the question (a sandbox) takes no pages before their time, as far as anybody knows.
    Ok(refused == 0 && is_resident & 1 == 1)
}
