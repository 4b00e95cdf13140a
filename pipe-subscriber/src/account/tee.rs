//! The copy of received frames that `PipeSubscriber::tee` asks for.

use std::{
    fmt, io,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
};

use record_proto::HEAD_LENGTH;
#[cfg(feature = "capture")]
use record_proto::{DEFAULT_MAX_FRAME_LENGTH, Encode, LogRecord, split};

use super::reasons::{Reason, Reasons};
use crate::sys::discard_panic;

/// The writer that gets a copy of each received frame, if there is one.
///
/// After the first failure, which is noted as a reason, the writer is dropped. Reading goes on without it.
#[derive(Default)]
pub(crate) struct Tee(Option<Box<dyn Write + Send>>);

impl Tee {
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Some(Box::new(writer)))
    }

    /// Writes a frame as it was received, its length included.
    #[inline]
    pub(crate) fn write_frame(&mut self, payload: &[u8], reasons: &mut Reasons) {
        if self.0.is_some() {
            self.write_whole(payload, reasons);
        }
    }

    fn write_whole(&mut self, payload: &[u8], reasons: &mut Reasons) {
        self.write_with(reasons, |writer| {
            // The cast loses nothing: the payload's length was read from a head of the same size.
            let head: [u8; HEAD_LENGTH] = (payload.len() as u32).to_be_bytes();
            writer.write_all(&head)?;
            writer.write_all(payload)
        });
    }

    /// Writes a record that this process has made, in fragments if it is too long for a frame.
    #[cfg(feature = "capture")]
    pub(crate) fn write_record(&mut self, record: &LogRecord<'_>, reasons: &mut Reasons) {
        if self.0.is_none() {
            return;
        }
        let mut payload = Vec::new();
        record.encode(&mut payload);
        if payload.len() <= DEFAULT_MAX_FRAME_LENGTH {
            return self.write_whole(&payload, reasons);
        }
        // The stream of fragments is named by the instance, which no other writer of this pid probably has.
        let stream = record.instance.unwrap_or_default().into();
        for fragment in split(&payload, record.pid, stream, DEFAULT_MAX_FRAME_LENGTH) {
            self.write_encoded(&fragment, reasons);
        }
    }

    /// Writes a frame that this process has made.
    #[cfg(feature = "capture")]
    pub(crate) fn write_encoded(&mut self, payload: &impl Encode, reasons: &mut Reasons) {
        if self.0.is_some() {
            let mut bytes = Vec::new();
            payload.encode(&mut bytes);
            self.write_whole(&bytes, reasons);
        }
    }

    /// Flushes the writer and drops it.
    pub(crate) fn finish(&mut self, reasons: &mut Reasons) {
        self.write_with(reasons, |writer| writer.flush());
        self.close();
    }

    fn write_with(
        &mut self,
        reasons: &mut Reasons,
        action: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) {
        let Some(writer) = &mut self.0 else { return };
        // The writer is the program's code. A panic in it must not end the reading.
        let written = catch_unwind(AssertUnwindSafe(|| action(&mut **writer)));
        let error = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => {
                discard_panic(panic);
                io::Error::other("the writer panicked")
            }
        };
        let reason = format!("storing the frames failed: {error}");
        reasons.note_first(Reason::Other(reason));
        self.close();
    }

    /// Drops the writer. That may panic too, even after a panic of the writer that was caught before.
    fn close(&mut self) {
        let writer = self.0.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(writer))) {
            discard_panic(panic);
        }
    }
}

impl fmt::Debug for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tee").field(&self.0.is_some()).finish()
    }
}
