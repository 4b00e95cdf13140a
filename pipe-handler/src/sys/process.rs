//! The identity of this process.
//!
//! Asking the system for the pid costs 76 ns each time, so the identity is remembered, and forgotten in a child that a
//! fork or clone makes.

use std::{
    env,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    process, ptr,
    sync::atomic::{
        AtomicPtr, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    time::Instant,
};

use super::atomic::AtomicU64;

/// The number of lowest bits of a [`generation`] that are always 0. Callers may keep other data there.
pub(crate) const UNUSED_BITS: u32 = 3;

static PID: AtomicU32 = AtomicU32::new(0);

/// The memory that holds this process's generation: 0 until the process has drawn one. Null until the first call of
/// [`generation`].
///
/// It is set in one step. A thread that filled in a `OnceLock` could be missing in a process that is forked meanwhile, and
/// then every log call there would wait for it for ever.
static GENERATION: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// Returns a number that no other process has.
///
/// Each process draws it at random, and draws again after each fork and clone. A pid would not do: two processes have
/// the same pid if each is the first of a PID namespace of its own.
#[inline]
pub(crate) fn generation() -> u64 {
    let cell = generation_cell();
    // Acquire pairs with the exchange in `draw_generation`: a thread that sees the generation also sees PID.
    match cell.load(Acquire) {
        0 => draw_generation(cell),
        generation => generation,
    }
}

/// Returns the remembered pid; valid after a call of [`generation`].
pub(crate) fn pid() -> u32 {
    // Relaxed: `generation` has made the store visible.
    PID.load(Relaxed)
}

/// Returns a random number of 64 bits, which is not expected to occur twice.
pub(crate) fn random() -> u64 {
    // A sandbox may refuse it, perhaps with an error at which the standard library's own random keys panic. The other
    // values differ between processes that run at the same time.
    getrandom::u64().unwrap_or_else(|_| {
        let mut hasher = DefaultHasher::new();
        (process::id(), Instant::now(), &raw const hasher).hash(&mut hasher);
        hasher.finish()
    })
}

/// Returns the name of the program that was started.
pub(crate) fn name() -> Option<String> {
    let first = env::args_os().next().map(PathBuf::from);
    let path = first.or_else(|| env::current_exe().ok())?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

#[inline]
fn generation_cell() -> &'static AtomicU64 {
    cell_at(GENERATION.load(Acquire)).unwrap_or_else(make_generation_cell)
}

/// Returns the cell at an address that [`GENERATION`] has held, or `None` for null.
#[inline]
#[expect(
    unsafe_code,
    reason = "an address has no safe form; it is that of a static, or of a page that is never unmapped"
)]
fn cell_at(address: *mut AtomicU64) -> Option<&'static AtomicU64> {
    // SAFETY: unless it is null, the address is aligned, readable and writable, stays so, and is accessed as an atomic
    // only.
    unsafe { address.as_ref() }
}

#[cold]
#[expect(
    unsafe_code,
    reason = "pthread_atfork has no safe wrapper in std or rustix"
)]
fn make_generation_cell() -> &'static AtomicU64 {
    static PLAIN: AtomicU64 = AtomicU64::new(0);
    // SAFETY: the hook is a function of this program, which is never unloaded. It does only what is allowed in a forked
    // child: atomic loads and a store. Several threads may install it at once; it does no harm to run it twice.
    unsafe { libc::pthread_atfork(None, None, Some(forget_generation)) };
    let cell = wipe_on_fork_cell().unwrap_or(&PLAIN);
    // Release publishes the page, Acquire that of a thread that was first. Then the page of this one stays unused.
    let own = ptr::from_ref(cell).cast_mut();
    let first = GENERATION.compare_exchange(ptr::null_mut(), own, AcqRel, Acquire);
    first.err().and_then(cell_at).unwrap_or(cell)
}

/// Runs in a forked child.
///
/// The C library calls it for its own `fork`, but not for `clone`, and no longer once another thread is in the middle
/// of `exit`.
extern "C" fn forget_generation() {
    // Still null if another thread was about to set it when this process was forked.
    if let Some(cell) = cell_at(GENERATION.load(Acquire)) {
        // Relaxed: a forked child has only this thread, and later threads see whatever it did before it started them.
        cell.store(0, Relaxed);
    }
}

#[cold]
fn draw_generation(cell: &AtomicU64) -> u64 {
    PID.store(process::id(), Relaxed);
    let generation = (random() << UNUSED_BITS).max(1 << UNUSED_BITS);
    // Release publishes the store to PID to threads that load the generation with Acquire.
    // If another thread was first, Acquire makes its store to PID visible too.
    let first = cell.compare_exchange(0, generation, AcqRel, Acquire);
    first.err().unwrap_or(generation)
}

/// Returns memory that the system sets to 0 in each process that is made from this one without sharing its memory.
///
/// `None` before Linux 4.14, or if a call fails.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(
    unsafe_code,
    reason = "mapping memory has no safe form; the page is private, is never unmapped once it is used, and is \
              accessed as an atomic only"
)]
fn wipe_on_fork_cell() -> Option<&'static AtomicU64> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    // The system rounds it up to a page.
    let length = size_of::<AtomicU64>();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the call names no address, so the new map replaces no other.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), length, access, MapFlags::PRIVATE) }.ok()?;
    // SAFETY: the page was mapped above, and no other code knows its address.
    if unsafe { madvise(page, length, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above.
        let _unmapped = unsafe { munmap(page, length) };
        return None;
    }
    // SAFETY: the page is aligned, readable and writable, holds zeroes, and stays mapped.
    unsafe { page.cast::<AtomicU64>().as_ref() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn wipe_on_fork_cell() -> Option<&'static AtomicU64> {
    None
}
