//! Files of a running test.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use record_proto::{Frame, RecordCodec};
use tokio_util::codec::Decoder;

/// The child's stderr; shown if the test fails.
pub(crate) struct Errors(PathBuf);

impl Errors {
    pub(crate) fn new() -> Self {
        Self(temporary("stderr"))
    }

    pub(crate) fn file(&self) -> File {
        File::create(&self.0).expect("a temporary file")
    }

    pub(crate) fn text(&self) -> String {
        let bytes = fs::read(&self.0).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the child's stderr:\n{}---", self.text());
        }
        let _gone = fs::remove_file(&self.0);
    }
}

/// Returns the path of a file that no other test uses.
pub(crate) fn temporary(kind: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    let name = format!("e2e-{}-{count}.{kind}", std::process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Stores the frames of a stream.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a tape").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Tape {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("a tape").clone()
    }

    pub(crate) fn frames(&self) -> Vec<Frame> {
        let mut bytes = bytes::BytesMut::from(&*self.bytes());
        let mut codec = RecordCodec::new();
        std::iter::from_fn(|| codec.decode(&mut bytes).expect("frames")).collect()
    }
}
