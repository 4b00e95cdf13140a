//! `LateFrame`: a frame that is completed once there is room for it.

/// A frame that gets its last parts, the sequence number above all, once there is room for it.
///
/// So a log call that gives up waiting, or is killed while it waits, has taken no number that would then be missing.
pub(crate) trait LateFrame {
    /// Returns the length in bytes that the frame does not exceed, its own length included.
    fn longest(&self) -> usize;

    /// Returns about when it was logged, in nanoseconds since 1970.
    #[allow(dead_code, reason = "only rings ask for it")]
    fn time(&self) -> u64;

    /// Completes the frame. Called at most once for each frame that is put into a ring.
    ///
    /// `may_fail`: the frame is not there yet when this returns, and may be given up.
    fn finish(&mut self, may_fail: bool) -> &[u8];
}

impl LateFrame for &mut dyn LateFrame {
    fn longest(&self) -> usize {
        (**self).longest()
    }

    fn time(&self) -> u64 {
        (**self).time()
    }

    fn finish(&mut self, may_fail: bool) -> &[u8] {
        (**self).finish(may_fail)
    }
}

/// A frame that is complete already.
impl LateFrame for &[u8] {
    fn longest(&self) -> usize {
        self.len()
    }

    fn time(&self) -> u64 {
        record_proto::now()
    }

    fn finish(&mut self, _: bool) -> &[u8] {
        self
    }
}
