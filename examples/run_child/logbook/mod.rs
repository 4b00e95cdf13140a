//! Makes frames of the lines that `logbook_aiopipe` writes.

mod error;
mod json;
mod record;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, PipeReader, Read, Write},
    thread,
};

use log::Level;
use record_proto::{DEFAULT_MAX_FRAME_LENGTH, Encode, HEAD_LENGTH, LogRecord, split};

/// The longest line. A record may have a tenth of that after it was cut, and a child must not fill the memory.
const LINE_LIMIT: u64 = 16 * 1024 * 1024;
/// The payload of a record, as in pipe-handler.
const RECORD_LIMIT: usize = 320 * 1024;
/// How much of a malformed line is shown, in characters.
const SHOWN: usize = 200;
/// The payload of a record that is not MessagePack: a reader counts it as malformed.
const MALFORMED: [u8; 2] = [1, 0xc1];
/// The first byte of a frame, and no more: the stream ends as truncated.
const TRUNCATED: [u8; 1] = [0];

/// Starts the thread, which ends with the last writer of the lines.
pub(super) fn start_relay(lines: PipeReader, frames: File, pid: u32) -> io::Result<()> {
    let mut relay = Relay { frames, pid };
    let run = move || {
        // An error means that nobody reads the frames any more, or that the lines cannot be read.
        let _ended = relay.run(BufReader::new(lines));
    };
    thread::Builder::new()
        .name("logbook".to_owned())
        .spawn(run)?;
    Ok(())
}

struct Relay {
    frames: File,
    pid: u32,
}

impl Relay {
    fn run(&mut self, mut lines: BufReader<PipeReader>) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines
                .by_ref()
                .take(LINE_LIMIT)
                .read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let is_whole = line.pop_if(|last| *last == b'\n').is_some();
            match record::parse(&line) {
                Ok(record) => self.write(record)?,
                Err(error) => {
                    self.report(&line, &error)?;
                    if !is_whole && read as u64 == LINE_LIMIT {
                        lines.skip_until(b'\n')?;
                    } else if !is_whole {
                        self.frames.write_all(&TRUNCATED)?;
                    }
                }
            }
        }
    }

    /// Shows a line that is no record, and has it counted as malformed.
    fn report(&mut self, line: &[u8], error: &str) -> io::Result<()> {
        let text = String::from_utf8_lossy(line);
        let shown: String = text.chars().take(SHOWN).collect();
        let mut record =
            LogRecord::new(Level::Warn, "run_child", format!("malformed line: {error}"));
        record.pid = Some(self.pid.into());
        record.key_values.push("line", shown);
        record.key_values.push("bytes", line.len() as u64);
        self.write(record)?;
        self.write_payload(&MALFORMED)
    }

    fn write(&mut self, mut record: LogRecord<'_>) -> io::Result<()> {
        record.truncate_to(RECORD_LIMIT);
        let mut payload = Vec::new();
        record.encode(&mut payload);
        if payload.len() <= DEFAULT_MAX_FRAME_LENGTH {
            return self.write_payload(&payload);
        }
        let mut pieces = split(&payload, record.pid, 0, DEFAULT_MAX_FRAME_LENGTH);
        pieces.try_for_each(|piece| self.write_frame(&piece))
    }

    fn write_frame(&mut self, payload: &impl Encode) -> io::Result<()> {
        let mut frame = Vec::new();
        payload.encode_frame(&mut frame);
        self.frames.write_all(&frame)
    }

    fn write_payload(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(HEAD_LENGTH + payload.len());
        frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        frame.extend_from_slice(payload);
        self.frames.write_all(&frame)
    }
}
