//! The counting and hashing of one file.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

pub(crate) struct FileStats {
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
    pub(crate) sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("cannot open it")]
    Open(#[source] io::Error),
    #[error("it is not a regular file any more")]
    Changed,
    #[error("cannot read on after {bytes} bytes")]
    Read { bytes: u64, source: io::Error },
}

impl FileStats {
    /// Reads a file of any size in pieces as large as `buffer`.
    pub(crate) fn read(path: &Path, buffer: &mut [u8]) -> Result<Self, ReadError> {
        let mut file = open_regular(path)?;
        let (mut bytes, mut lines, mut words) = (0, 0, 0);
        let mut hash = Sha256::new();
        let mut in_word = false;
        loop {
            let piece = match file.read(buffer) {
                Ok(0) => break,
                Ok(length) => &buffer[..length],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(ReadError::Read { bytes, source }),
            };
            bytes += piece.len() as u64;
            hash.update(piece);
            // Lines and words are those of wc(1).
            for &byte in piece {
                let space = matches!(byte, b' ' | b'\t'..=b'\r');
                lines += u64::from(byte == b'\n');
                words += u64::from(!space && !in_word);
                in_word = !space;
            }
        }
        let sha256 = format!("{:x}", hash.finalize());
        Ok(Self {
            bytes,
            lines,
            words,
            sha256,
        })
    }
}

/// Opens a file that was a regular one when the walk found it. If it has become a link or a pipe since, the call neither
/// follows the link nor waits for a writer.
fn open_regular(path: &Path) -> Result<File, ReadError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(ReadError::Open)?;
    match file.metadata().map_err(ReadError::Open)?.is_file() {
        true => Ok(file),
        false => Err(ReadError::Changed),
    }
}
