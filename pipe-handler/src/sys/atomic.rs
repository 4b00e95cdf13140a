//! Numbers of 64 bits that threads share, also if the processor has none.

#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;

// A lock for each access, which a process that was forked among threads may find held.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use portable_atomic::AtomicU64;

/// Memory that is taken from the system as it is used; `None` if it cannot be had.
#[cfg(all(feature = "buffered", target_has_atomic = "64"))]
pub(crate) fn zeroes(number: usize) -> Option<Box<[AtomicU64]>> {
    bytemuck::allocation::try_zeroed_slice_box(number).ok()
}

#[cfg(all(feature = "buffered", not(target_has_atomic = "64")))]
pub(crate) fn zeroes(number: usize) -> Option<Box<[AtomicU64]>> {
    let mut zeroes = Vec::new();
    zeroes.try_reserve_exact(number).ok()?;
    zeroes.resize_with(number, || AtomicU64::new(0));
    Some(zeroes.into_boxed_slice())
}
