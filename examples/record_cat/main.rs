//! Prints a stream of frames, from a file that `run_child --tee` stored or from standard input.
//!
//! ```text
//! cargo run --example record_cat -- --level warn --since 10m stored.frames
//! cargo run --example record_cat -- --follow stored.frames
//! ```
//!
//! The summary on standard error tells which records did not arrive: of which process, how many, and between which times.
//!
//! With `--follow` it goes on when the file grows, and begins again if the file is truncated or replaced, until SIGINT or
//! SIGTERM, or until nobody reads the output. Standard input and pipes are read to their end in any case.
//!
//! The exit code is 0 if the stream is whole; 1 if it is truncated or corrupt, or has a payload that is malformed or of an
//! unknown kind; and 2 if it cannot be read or printed. While a file is followed it may end within a frame.
//!
//! `follow.rs` waits for a file to grow. The options that select records are in `support/filter.rs`.

mod follow;

#[path = "../support/mod.rs"]
mod support;

use std::{fs::File, io, path::PathBuf, process::ExitCode};

use clap::Parser;
use pipe_subscriber::{LogRecord, PipeSubscriber, ReadError, StreamEnd, Summary};
use rustix::stdio::stdin;
use tokio::{io::AsyncRead, runtime};

use follow::Followed;
use support::{
    Blocking, Filter, Format, Printer, TextOptions, eprint_line, inherited, options,
    stdio::unless_closed,
};

const OWN_FAILURE: u8 = 2;

#[derive(Parser)]
#[command(
    about = "Prints a stored or piped stream of records",
    after_help = "Example: record_cat --level warn --since 10m stored.frames"
)]
struct Options {
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    text: TextOptions,
    /// A name for the file, which stands in each record
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Goes on when the file grows, until SIGINT or SIGTERM
    #[arg(long, short)]
    follow: bool,
    /// Where the frames are; - for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
}

fn main() -> ExitCode {
    let code = options(OWN_FAILURE).and_then(|options| {
        cat(options).map_err(|error| {
            eprint_line(format_args!("record_cat: {error}"));
            OWN_FAILURE
        })
    });
    ExitCode::from(code.unwrap_or_else(|code| code))
}

fn cat(options: Options) -> io::Result<u8> {
    inherited::install_handlers()?;
    let path = options.file.display();
    let named = |error| io::Error::other(format!("cannot open {path}: {error}"));
    let mut printer = Printer::new(options.format, &options.text, options.label, options.filter);
    match options.file.as_os_str() == "-" {
        true => print_all(unless_closed(stdin()).map_err(named)?, &mut printer),
        // A pipe has its own end.
        false if options.follow && options.file.is_file() => {
            follow(Followed::open(&options.file).map_err(named)?, &mut printer)
        }
        false => {
            let file = File::open(&options.file).map_err(named)?;
            print_all(Blocking(file), &mut printer)
        }
    }
}

fn print_all(input: impl AsyncRead + Unpin, printer: &mut Printer) -> io::Result<u8> {
    let (summary, failed) = print_stream(input, printer)?;
    if summary.end == StreamEnd::Corrupt && summary.received == 0 {
        let hint = "is this a stream of records, as run_child --tee stores it?";
        eprint_line(format_args!("record_cat: {hint}"));
    }
    Ok(match summary.end {
        _ if failed || printer.has_failed() => OWN_FAILURE,
        StreamEnd::Truncated | StreamEnd::Corrupt => 1,
        _ if summary.malformed + summary.unknown > 0 => 1,
        _ => 0,
    })
}

/// Prints the stream in the file, and each that takes its place.
fn follow(mut file: Followed, printer: &mut Printer) -> io::Result<u8> {
    loop {
        let (summary, failed) = print_stream(&mut file, printer)?;
        if failed || printer.has_failed() {
            return Ok(OWN_FAILURE);
        }
        if !file.restart()? {
            return Ok(u8::from(summary.malformed + summary.unknown > 0));
        }
    }
}

/// Prints the records of a stream up to its end, and the summary. Returns also whether reading has failed.
fn print_stream(
    input: impl AsyncRead + Unpin,
    printer: &mut Printer,
) -> io::Result<(Summary, bool)> {
    // If reading fails, the records before the failure are printed already, and the summary counts them.
    let (summary, failed) = match read(input, printer)? {
        Ok(summary) => (summary, false),
        Err(error) => {
            eprint_line(format_args!("record_cat: {error}: {}", error.source));
            (*error.summary, true)
        }
    };
    printer.summary(&summary, None);
    Ok((summary, failed))
}

/// Reads the stream to its end, on a runtime of this thread alone: a blocking read holds up nothing else.
fn read(
    input: impl AsyncRead + Unpin,
    printer: &mut Printer,
) -> io::Result<Result<Summary, ReadError>> {
    let runtime = runtime::Builder::new_current_thread().build()?;
    let print = |record: &LogRecord<'_>| printer.record(record);
    Ok(runtime.block_on(PipeSubscriber::new(input).run_with(print)))
}
