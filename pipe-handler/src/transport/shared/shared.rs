//! `Shared`: the buffer in whichever process this is.

use std::{
    os::fd::OwnedFd,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Release},
    },
};

use rustix::io::{FdFlags, fcntl_setfd};

use super::address::BufferAddress;
use super::mapping::Mapping;
use super::process_rings::ProcessRings;
use crate::sys::process;
use crate::transport::{Deadline, Pipe, Written};

/// A shared buffer, in the process that adopted it and in those that are forked from it.
#[derive(Debug)]
pub(crate) struct Shared {
    mapping: Mapping,
    fd: OwnedFd,
    address: BufferAddress,
    /// The rings of the process that began last: of this one, of the one that it was forked from, or of none.
    rings: AtomicPtr<ProcessRings>,
}

impl Shared {
    pub(crate) fn new(mapping: Mapping, fd: OwnedFd, address: BufferAddress) -> Self {
        Self {
            mapping,
            fd,
            address,
            rings: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Claims rings for a session of this process. Without a ring, its frames go through the pipe.
    pub(crate) fn begin(&self, instance: u32) {
        let rings = match ProcessRings::claim(self.mapping, instance) {
            // Kept until the process ends: threads refer to it. There is one for each session, so one for each fork.
            Some(rings) => Box::into_raw(Box::new(rings)),
            None => ptr::null_mut(),
        };
        self.rings.store(rings, Release);
    }

    /// Puts whole frames into rings. `None` if this process has none: then they go through the pipe.
    #[inline]
    pub(crate) fn put(
        &self,
        frames: &[u8],
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Written> {
        let rings = self.rings()?;
        let mut rest = frames;
        loop {
            let (frame, after) = first_frame(rest);
            let written = rings.put(frame, pipe, deadline)?;
            rest = after;
            if written != Written::Whole || rest.is_empty() {
                return Some(written);
            }
        }
    }

    /// Counts a dropped record in the memory, where the parent sees it. Returns `false` if this process has no rings.
    pub(crate) fn note_dropped(&self, level: usize) -> bool {
        self.rings()
            .map(|rings| rings.note_dropped(level))
            .is_some()
    }

    /// Gives all rings of this process back. Its later frames go through the pipe.
    pub(crate) fn retire(&self, deadline: &mut Deadline) {
        if let Some(rings) = self.rings() {
            rings.retire(deadline);
        }
    }

    pub(crate) fn address(&self) -> BufferAddress {
        self.address
    }

    pub(crate) fn set_close_on_exec(&self, on: bool) {
        let flags = match on {
            true => FdFlags::CLOEXEC,
            false => FdFlags::empty(),
        };
        // It does not fail for a descriptor that is open.
        let _set = fcntl_setfd(&self.fd, flags);
    }

    /// Returns the rings of this process, unless it has none or has retired them.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "an atomic pointer; what it points to is never freed"
    )]
    fn rings(&self) -> Option<&'static ProcessRings> {
        // Acquire: sees what `begin` made.
        // SAFETY: the pointer is null, or came from a box that is never freed.
        let rings = unsafe { self.rings.load(Acquire).as_ref::<'static>() }?;
        (rings.generation() == process::generation() && !rings.is_retired()).then_some(rings)
    }
}

/// Splits off the first of several whole frames.
#[inline]
fn first_frame(frames: &[u8]) -> (&[u8], &[u8]) {
    match frames.first_chunk() {
        Some(head) => {
            let length = 4 + u32::from_be_bytes(*head) as usize;
            frames.split_at(length.min(frames.len()))
        }
        None => (frames, &[]),
    }
}
