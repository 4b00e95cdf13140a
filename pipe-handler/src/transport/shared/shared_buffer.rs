//! `SharedBuffer`: the buffer in whichever process this is.

use std::{
    os::fd::OwnedFd,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Release},
    },
    time::Duration,
};

use record_proto::Reader;

use super::bell;
use super::dispatched;
use super::mapping::Mapping;
use super::process_rings::ProcessRings;
use crate::transport::{
    BufferAddress, Deadline, LateFrame, OwnFd, Pipe, Put, WaitReadError, Written,
};

/// A shared buffer, in the process that adopted it and in those that are forked from it.
#[derive(Debug)]
pub(crate) struct SharedBuffer {
    mapping: Mapping,
    fd: OwnFd,
    address: BufferAddress,
    /// The rings of the process that began last: of this one, of the one that it was forked from, or of none.
    rings: AtomicPtr<ProcessRings>,
}

impl SharedBuffer {
    pub(crate) fn new(mapping: Mapping, fd: OwnedFd, address: BufferAddress) -> Self {
        Self {
            mapping,
            fd: OwnFd::new(fd),
            address,
            rings: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Claims rings for a session of this process. Without a ring, its frames go through the pipe.
    pub(crate) fn begin(&self, instance: u32) {
        let before = self
            .rings()
            .filter(|rings| rings.claims().is_of_this_process());
        // The hello found no room, and is tried again.
        if before.is_some_and(|rings| rings.claims().is_live()) {
            return;
        }
        let rings = match before.is_some_and(|rings| rings.claims().is_lost()) {
            true => None,
            false => ProcessRings::claim(self.mapping, instance),
        };
        // Kept until the process ends: threads refer to it. There is one for each session, so one for each fork.
        let rings = rings.map_or(ptr::null_mut(), |rings| Box::into_raw(Box::new(rings)));
        self.rings.store(rings, Release);
    }

    /// Puts a frame into a ring of this process. `None` if it has none: its frames go through the pipe.
    #[inline(always)]
    pub(crate) fn put(
        &self,
        frame: &mut impl LateFrame,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Put> {
        self.rings()?.put(frame, pipe, deadline)
    }

    /// Puts whole frames that are not records into rings. `None` if this process has none: then they go through the pipe.
    pub(crate) fn write(
        &self,
        frames: &[u8],
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Written> {
        let mut rest = frames;
        loop {
            let (frame, after) = first_frame(rest);
            let written = match self.put(&mut CompleteFrame(frame), pipe, deadline)? {
                Put::Done(written) => written,
                // The caller tries again, in another session.
                Put::TooLong(_) | Put::SessionOver => Written::Full,
            };
            rest = after;
            if written != Written::Whole || rest.is_empty() {
                return Some(written);
            }
        }
    }

    /// Whether this process has rings.
    pub(crate) fn has_rings(&self) -> bool {
        self.live_rings().is_some()
    }

    /// Whether the parent has stopped reading for good.
    pub(crate) fn is_closed(&self) -> bool {
        self.mapping.header().is_closed()
    }

    /// Counts a dropped record in the memory, where the parent sees it. Returns `false` if this process has no rings.
    pub(crate) fn note_dropped(&self, level: usize) -> bool {
        self.rings().is_some_and(|rings| rings.note_dropped(level))
    }

    /// Gives all rings of this process back. Its later frames go through the pipe.
    pub(crate) fn retire(&self, pipe: &Pipe, deadline: &mut Deadline) {
        let Some(rings) = self.live_rings() else {
            return;
        };
        rings.retire(deadline);
        // The parent frees the rings when it looks. A process that begins before that would find none.
        if let Reader::Asleep(value) = rings.claims().header().after_commit(false) {
            bell::write(value, pipe);
        }
    }

    /// Waits until the parent has dispatched everything that this process has put into its rings.
    pub(crate) fn wait_read(&self, pipe: &Pipe, timeout: Duration) -> Result<(), WaitReadError> {
        let rings = self.live_rings().ok_or(WaitReadError::Pipe)?;
        dispatched::wait(rings.claims(), pipe, timeout)
    }

    /// Returns the address for a child of this process; `None` if the descriptor is not the buffer any more.
    pub(crate) fn address(&self) -> Option<BufferAddress> {
        self.fd.is_ours().then_some(self.address)
    }

    pub(crate) fn set_close_on_exec(&self, on: bool) {
        // It does not fail for a descriptor that is open.
        let _set = self.fd.set_close_on_exec(on);
    }

    fn live_rings(&self) -> Option<&'static ProcessRings> {
        self.rings()
            .filter(|rings| rings.claims().is_of_this_process() && rings.claims().is_live())
    }

    /// Returns the rings that were claimed last, by this process or by the one that it was forked from.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "an atomic pointer; what it points to is never freed"
    )]
    fn rings(&self) -> Option<&'static ProcessRings> {
        // Acquire: sees what `begin` made.
        // SAFETY: the pointer is null, or came from a box that is never freed.
        unsafe { self.rings.load(Acquire).as_ref::<'static>() }
    }
}

/// Splits off the first of several whole frames.
fn first_frame(frames: &[u8]) -> (&[u8], &[u8]) {
    match frames.first_chunk() {
        Some(head) => {
            let length = 4 + u32::from_be_bytes(*head) as usize;
            frames.split_at(length.min(frames.len()))
        }
        None => (frames, &[]),
    }
}

/// A frame that is complete already.
struct CompleteFrame<'a>(&'a [u8]);

impl LateFrame for CompleteFrame<'_> {
    fn longest(&self) -> usize {
        self.0.len()
    }

    fn time(&self) -> u64 {
        record_proto::now()
    }

    fn finish(&mut self) -> &[u8] {
        self.0
    }
}
