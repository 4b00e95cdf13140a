//! `ThreadRing`: the ring of one thread.

use std::sync::atomic::Ordering::SeqCst;
use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
            compiler_fence, fence,
        },
    },
};

use record_proto::RingWords;

use super::process_rings::ProcessRings;
use super::ring::{Put, Ring};
use crate::sys::process;

thread_local! {
    static OWN: RefCell<Option<ThreadRing>> = const { RefCell::new(None) };
}

/// The ring of one thread, which goes back at the thread's end.
#[derive(Debug)]
pub(super) struct ThreadRing {
    rings: &'static ProcessRings,
    /// `None` if there was no free one, or if it became unusable.
    ring: Option<Ring>,
    mark: Arc<Mark>,
}

/// Says that a thread is writing into its ring, so that the exit hook can wait for that.
#[derive(Debug, Default)]
pub(super) struct Mark {
    is_busy: AtomicBool,
}

/// What the thread's own ring did with a frame.
#[derive(Debug)]
pub(super) enum Own {
    Put(Put, RingWords<'static>),
    /// There is none.
    None,
    /// The thread is in the middle of a copy: this call is nested in it.
    Busy,
}

/// Puts a frame into this thread's ring. Claims one if this is its first frame.
#[inline]
pub(super) fn put(rings: &'static ProcessRings, frame: &[u8]) -> Own {
    OWN.try_with(|own| {
        let Ok(mut own) = own.try_borrow_mut() else {
            return Own::Busy;
        };
        let own = match &mut *own {
            Some(own) if std::ptr::eq(own.rings, rings) => own,
            other => other.insert(ThreadRing::claim(rings)),
        };
        own.put(frame)
    })
    // The thread is ending.
    .unwrap_or(Own::None)
}

/// Whether this thread's ring would have room.
pub(super) fn has_room(frame: usize) -> bool {
    let has_room = OWN.try_with(|own| {
        let mut own = own.try_borrow_mut().ok()?;
        Some(own.as_mut()?.ring.as_mut()?.has_room(frame))
    });
    has_room.ok().flatten().unwrap_or(true)
}

impl ThreadRing {
    #[cold]
    fn claim(rings: &'static ProcessRings) -> Self {
        let mark = Arc::new(Mark::default());
        let ring = rings.claim_for_thread(&mark);
        Self { rings, ring, mark }
    }

    #[inline]
    fn put(&mut self, frame: &[u8]) -> Own {
        let Some(ring) = &mut self.ring else {
            return Own::None;
        };
        // Relaxed: `ProcessRings::retire` makes this visible to itself by a barrier in all threads, after its flag.
        self.mark.is_busy.store(true, Relaxed);
        match self.rings.has_barrier() {
            true => compiler_fence(SeqCst),
            false => fence(SeqCst),
        }
        if self.rings.is_retired() {
            self.mark.is_busy.store(false, Release);
            return Own::None;
        }
        let words = ring.words();
        let put = ring.put(frame);
        // Release: whoever sees it sees the commit.
        self.mark.is_busy.store(false, Release);
        if put == Put::Unusable {
            self.ring = None;
            return Own::None;
        }
        Own::Put(put, words)
    }
}

impl Drop for ThreadRing {
    fn drop(&mut self) {
        let Some(ring) = self.ring.take() else {
            return;
        };
        // In a forked child, the ring is still the parent's. After a retirement, the exit hook has given it back.
        if self.rings.generation() == process::generation() && self.rings.forget(&self.mark) {
            ring.release();
        }
    }
}

impl Mark {
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Acquire)
    }
}
