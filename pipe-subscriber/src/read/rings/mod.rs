//! The frames that a child and its relatives leave in a shared buffer: when to look for them, and handing them out. May
//! use `sys`, and the ticks of the folder above.

#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
mod dropped_counts;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
mod ring_pacing;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
#[expect(clippy::module_inception, reason = "the folder's one noun")]
mod rings;
#[cfg(not(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
)))]
mod rings_unsupported;
#[cfg(all(
    test,
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
mod test_child;

#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) use rings::Rings;
#[cfg(not(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
)))]
pub(crate) use rings_unsupported::Rings;
#[cfg(all(
    test,
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) use test_child::TestChild;
