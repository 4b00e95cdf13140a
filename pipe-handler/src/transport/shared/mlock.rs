//! Whether the process locks all memory that it maps.

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Whether new maps are taken into memory at once, as after `mlockall(MCL_FUTURE)`. The whole buffer would be then.
///
/// No call tells that. So a page is mapped, and not used.
#[expect(
    unsafe_code,
    reason = "mapping memory and mincore have no safe form; the page is unmapped again"
)]
pub(super) fn is_memory_locked() -> bool {
    // The system rounds it up to a page.
    let length = 1;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the call names no address, so the new map replaces no other.
    let page = unsafe { mmap_anonymous(std::ptr::null_mut(), length, access, MapFlags::PRIVATE) };
    let Ok(page) = page else {
        return false;
    };
    let mut residency = 0_u8;
    // SAFETY: the page was mapped above, and the call writes one byte for one page.
    let result = unsafe { libc::mincore(page, length, &raw mut residency) };
    // SAFETY: as above; no other code knows its address.
    let _unmapped = unsafe { munmap(page, length) };
    result == 0 && residency & 1 == 1
}
