use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::Waker,
};

use super::fence;

/// Wakes a drain that waits; costs almost nothing if it does not wait.
///
/// The drain sets `idle` and then looks for records once more. A thread commits a record and then loads `idle`. With a
/// fence between the two steps on both sides, at least one of them sees the other's store. The drain's heavy fence also
/// acts as the fence of the threads; see [`fence`].
#[derive(Debug, Default)]
pub(crate) struct DrainWaker {
    idle: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl DrainWaker {
    /// Call it after the store that the drain is to see.
    #[inline]
    pub(crate) fn wake(&self) {
        fence::light();
        if self.idle.load(Relaxed) {
            self.wake_idle();
        }
    }

    #[cold]
    fn wake_idle(&self) {
        if self.idle.swap(false, SeqCst) {
            let waker = self.waker().take();
            waker.inspect(Waker::wake_by_ref);
        }
    }

    /// Announces that the drain will wait; it has to look once more before it does.
    pub(crate) fn set_idle(&self, waker: &Waker) {
        *self.waker() = Some(waker.clone());
        self.idle.store(true, SeqCst);
        fence::heavy();
    }

    pub(crate) fn set_busy(&self) {
        self.idle.store(false, SeqCst);
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
