/// Why [`wait_read`](crate::wait_read) does not know that the parent has read everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitReadError {
    /// This process sends its records through the pipe, which does not tell what was read: by
    /// [`Delivery::Direct`](crate::Delivery::Direct), because the parent offers no buffer, or because there was no ring
    /// left in it.
    #[error("the records go through the pipe, which does not tell what was read")]
    Pipe,
    /// The parent has not read everything within the timeout.
    #[error("the parent has not read everything in time")]
    TimedOut,
    /// The parent has ended, or has stopped reading for good.
    #[error("the parent is gone")]
    Gone,
}
