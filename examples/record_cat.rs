//! Prints a stream of frames, from a file that `run_child --tee` stored or from standard input.
//!
//! ```text
//! cargo run --example record_cat -- --format json stored.frames
//! ```
//!
//! The exit code is 0 if the stream is whole; 1 if it is truncated or corrupt, or has a payload that is malformed or of an
//! unknown kind; and 2 if it cannot be read or printed.

mod support;

use std::{fs::File, io, path::PathBuf, process::ExitCode};

use clap::Parser;
use pipe_subscriber::{LogRecord, PipeSubscriber, ReadError, StreamEnd, Summary};
use rustix::stdio::stdin;

use support::{Blocking, Format, Printer, eprint_line, inherited, options, stdio::unless_closed};

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
    let code = options(OWN_FAILURE).and_then(|options| {
        cat(&options).map_err(|error| {
            eprint_line(format_args!("record_cat: {error}"));
            OWN_FAILURE
        })
    });
    ExitCode::from(code.unwrap_or_else(|code| code))
}

fn cat(options: &Options) -> io::Result<u8> {
    inherited::install_handlers()?;
    let mut printer = Printer::new(options.format, None);
    // If reading fails, the records before the failure are printed already, and the summary counts them.
    let (summary, failed) = match read(options, &mut printer)? {
        Ok(summary) => (summary, false),
        Err(error) => {
            eprint_line(format_args!("record_cat: {error}: {}", error.source));
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

/// Reads the stream to its end, on a runtime of this thread alone: a blocking read holds up nothing else.
fn read(options: &Options, printer: &mut Printer) -> io::Result<Result<Summary, ReadError>> {
    let path = options.file.display();
    let named = |error| io::Error::other(format!("cannot open {path}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let print = |record: &LogRecord<'_>| printer.record(record);
    Ok(match options.file.as_os_str() == "-" {
        true => runtime
            .block_on(PipeSubscriber::new(unless_closed(stdin()).map_err(named)?).run_with(print)),
        false => {
            let file = Blocking(File::open(&options.file).map_err(named)?);
            runtime.block_on(PipeSubscriber::new(file).run_with(print))
        }
    })
}
