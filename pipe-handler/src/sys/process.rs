//! Which process this is. Asking the system costs 84 ns a time, so it is remembered, and a fork or clone is noticed.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{
        OnceLock,
        atomic::{
            AtomicU32,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::Instant,
};

use super::atomic::AtomicU64;

/// How many of the lowest bits of a [`generation`] are always 0, for whoever keeps something else there.
pub(crate) const UNUSED_BITS: u32 = 3;

static PID: AtomicU32 = AtomicU32::new(0);

/// Where the mark stands: 0 in a process that has not yet drawn its own.
static WORD: OnceLock<&AtomicU64> = OnceLock::new();

/// A number that no other process has: drawn at random in each process, again after each fork and clone. A pid does not
/// tell two processes apart if each is the first of a PID namespace of its own.
#[inline]
pub(crate) fn generation() -> u64 {
    let word = word();
    match word.load(Acquire) {
        0 => begin(word),
        generation => generation,
    }
}

/// The process's pid, after [`generation`].
pub(crate) fn pid() -> u32 {
    PID.load(Relaxed)
}

/// The pid, asked of the system; if a sandbox refuses it, a number that no process has.
pub(crate) fn ask_pid() -> u32 {
    std::process::id()
}

/// A number that only chance could repeat.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        // A sandbox refuses it, perhaps with an error at which the standard library's own keys panic. These differ
        // between processes that run at the same time.
        Err(_) => {
            let mut hasher = DefaultHasher::new();
            (ask_pid(), Instant::now(), &raw const bytes).hash(&mut hasher);
            hasher.finish()
        }
    }
}

/// The name of the program that was started.
pub(crate) fn name() -> Option<String> {
    let first = std::env::args_os().next();
    let path = first.map(|first| Cow::Owned(first.into()));
    let path: Cow<'_, Path> = path.or_else(|| Some(Cow::Owned(std::env::current_exe().ok()?)))?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// Has forks noticed from here on; without it the first [`generation`] does that.
pub(crate) fn watch_forks() {
    word();
}

#[inline]
fn word() -> &'static AtomicU64 {
    static PLAIN: AtomicU64 = AtomicU64::new(0);
    WORD.get_or_init(|| {
        // SAFETY: the hook is a function of this program, which is never unloaded, and does what a freshly forked
        // child may do: two atomic loads and a store.
        unsafe { libc::pthread_atfork(None, None, Some(forget)) };
        wiped_word().unwrap_or(&PLAIN)
    })
}

/// In a forked child. The C library calls it for its own `fork`, but not for `clone`, and no longer once another thread is
/// in the middle of `exit`.
unsafe extern "C" fn forget() {
    // Not there yet if another thread was about to make it.
    if let Some(word) = WORD.get() {
        word.store(0, Relaxed);
    }
}

#[cold]
fn begin(word: &AtomicU64) -> u64 {
    PID.store(ask_pid(), Relaxed);
    let generation = (random() << UNUSED_BITS).max(1 << UNUSED_BITS);
    match word.compare_exchange(0, generation, AcqRel, Acquire) {
        Ok(_) => generation,
        // Another thread was first.
        Err(generation) => generation,
    }
}

/// A word that the system sets to 0 in each process that is made from this one without sharing its memory, from Linux 4.14.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn wiped_word() -> Option<&'static AtomicU64> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    // The system rounds it up to a page.
    let length = size_of::<AtomicU64>();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: it takes the place of no other map, because no address is asked for.
    let page = unsafe { mmap_anonymous(std::ptr::null_mut(), length, access, MapFlags::PRIVATE) };
    let page = page.ok()?;
    // SAFETY: the page was mapped above, and nobody else knows it.
    if unsafe { madvise(page, length, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above.
        let _unmapped = unsafe { munmap(page, length) };
        return None;
    }
    // SAFETY: the page is aligned, readable and writable, holds zeroes, and stays mapped.
    Some(unsafe { AtomicU64::from_ptr(page.cast()) })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn wiped_word() -> Option<&'static AtomicU64> {
    None
}
