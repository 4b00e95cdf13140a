use std::{
    fmt, io,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
};

use record_proto::HEAD_LENGTH;

use super::reasons::Reasons;
use crate::sys::discard;

/// Where received frames are stored, if anywhere. The first failure ends it and is noted; the records go on.
#[derive(Default)]
pub(crate) struct Tee(Option<Box<dyn Write + Send>>);

impl Tee {
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Some(Box::new(writer)))
    }

    /// Writes a frame as it was received, its length included.
    pub(crate) fn store(&mut self, payload: &[u8], reasons: &mut Reasons) {
        self.attempt(reasons, |writer| {
            // It was read from as many bytes.
            let head: [u8; HEAD_LENGTH] = (payload.len() as u32).to_be_bytes();
            writer.write_all(&head)?;
            writer.write_all(payload)
        });
    }

    /// Flushes the writer and lets it go.
    pub(crate) fn end(&mut self, reasons: &mut Reasons) {
        self.attempt(reasons, |writer| writer.flush());
        self.close();
    }

    fn attempt(
        &mut self,
        reasons: &mut Reasons,
        action: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) {
        let Some(writer) = &mut self.0 else { return };
        // It is anybody's code; the records go on whatever it does.
        let stored = catch_unwind(AssertUnwindSafe(|| action(&mut **writer)));
        let error = match stored {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => {
                discard(panic);
                io::Error::other("the writer panicked")
            }
        };
        reasons.note_first(format_args!("storing the frames failed: {error}"));
        self.close();
    }

    /// A writer may panic, also once more, when it is dropped.
    fn close(&mut self) {
        let writer = self.0.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(writer))) {
            discard(panic);
        }
    }
}

impl fmt::Debug for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tee").field(&self.0.is_some()).finish()
    }
}
