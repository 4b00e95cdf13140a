//! `SharedBuffer`: the buffer in whichever process this is.

use std::{
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
use super::mapping::{Mapping, Refused};
use super::process_rings::ProcessRings;
use crate::transport::{BufferAddress, Deadline, OwnFd, Pipe, WaitReadError};

/// A shared buffer, in the process that adopted it and in those that are forked from it.
#[derive(Debug)]
pub(crate) struct SharedBuffer {
    mapping: Mapping,
    fd: OwnFd,
    /// The rings of the process that began last: of this one, of the one that it was forked from, or of none.
    rings: AtomicPtr<ProcessRings>,
}

impl SharedBuffer {
    /// Checks and maps the buffer that the environment names.
    pub(crate) fn adopt(address: &BufferAddress) -> Result<Self, Refused> {
        let (mapping, fd) = Mapping::adopt(address)?;
        Ok(Self {
            mapping,
            fd: OwnFd::new(fd),
            rings: AtomicPtr::new(ptr::null_mut()),
        })
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
        Some(BufferAddress {
            file: self.fd.address()?,
            size: self.mapping.size(),
        })
    }

    pub(crate) fn set_close_on_exec(&self, on: bool) {
        self.fd.set_close_on_exec(on);
    }

    fn live_rings(&self) -> Option<&'static ProcessRings> {
        self.rings()
            .filter(|rings| rings.claims().is_of_this_process() && rings.claims().is_live())
    }

    /// Returns the rings that were claimed last, by this process or by the one that it was forked from.
    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "an atomic pointer; what it points to is never freed"
    )]
    pub(crate) fn rings(&self) -> Option<&'static ProcessRings> {
        // Acquire: sees what `begin` made.
        // SAFETY: the pointer is null, or came from a box that is never freed.
        unsafe { self.rings.load(Acquire).as_ref::<'static>() }
    }
}
