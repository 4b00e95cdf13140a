//! The lines of a child's stdout and stderr, which become records beside those of its pipe: reads both streams, finds
//! lines, keeps the lines of a trace together, and recognises levels. May use `read`, `account` and `sys`.

mod assembler;
mod captured_streams;
mod entry;
mod joiner;
mod json_line;
mod json_object;
mod json_roles;
mod level_text;
mod level_word;
mod line_buffer;
mod line_stream;
mod overwritten;
mod streams;
mod timestamp;
mod trace;

pub use streams::Streams;
pub(crate) use {captured_streams::CapturedStreams, line_stream::LineStream};
