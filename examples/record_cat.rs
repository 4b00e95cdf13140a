//! Prints a stream of frames: one that `run_child --tee` stored, or one that comes down a pipe.
//!
//! ```text
//! cargo run --example record_cat -- --format json stored.frames
//! ```
//!
//! Its exit code is 0 if the stream is whole; 1 if it is truncated or corrupt, or something in it cannot be understood; and
//! 2 if it cannot be read or printed.

mod support;

use std::{fs::File, io, path::PathBuf, process::ExitCode};

use clap::Parser;
use pipe_subscriber::{LogRecord, PipeSubscriber, ReadError, StreamEnd, Summary};

use rustix::stdio::stdin;
use support::{Format, Patient, Printer, inherited, options, say, stdio::given};

const OWN_FAILURE: u8 = 2;

#[derive(Parser)]
#[command(
    about = "Prints a stored or piped stream of records",
    after_help = "Example: record_cat --format json stored.frames"
)]
struct Options {
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where the frames are; - for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
}

fn main() -> ExitCode {
    let ended = options(OWN_FAILURE).and_then(|options| {
        cat(&options).map_err(|error| {
            say(format_args!("record_cat: {error}"));
            OWN_FAILURE
        })
    });
    ExitCode::from(ended.unwrap_or_else(|code| code))
}

fn cat(options: &Options) -> io::Result<u8> {
    inherited::settle()?;
    let mut printer = Printer::new(options.format, None);
    // Where reading failed there is still what came before.
    let (summary, failed) = match read(options, &mut printer)? {
        Ok(summary) => (summary, false),
        Err(error) => {
            say(format_args!("record_cat: {error}: {}", error.source));
            (*error.summary, true)
        }
    };
    printer.summary(&summary, None);
    Ok(match summary.end {
        _ if failed || printer.has_failed() => OWN_FAILURE,
        StreamEnd::Truncated | StreamEnd::Corrupt => 1,
        _ if summary.malformed + summary.unknown > 0 => 1,
        _ => 0,
    })
}

/// On this thread alone, which has nothing to do while it waits for a file.
fn read(options: &Options, printer: &mut Printer) -> io::Result<Result<Summary, ReadError>> {
    let path = options.file.display();
    let named = |error| io::Error::other(format!("cannot open {path}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let print = |record: &LogRecord<'_>| printer.record(record);
    Ok(match options.file.as_os_str() == "-" {
        true => {
            runtime.block_on(PipeSubscriber::new(given(stdin()).map_err(named)?).run_with(print))
        }
        false => {
            let file = Patient(File::open(&options.file).map_err(named)?);
            runtime.block_on(PipeSubscriber::new(file).run_with(print))
        }
    })
}
