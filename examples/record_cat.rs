//! Prints a stream of frames: one that `run_child --tee` stored, or one that comes down a pipe.
//!
//! ```text
//! cargo run --example record_cat -- --format json stored.frames
//! ```
//!
//! Its exit code is 0 where the stream is whole, 1 where it is truncated or corrupt, and 2 where it cannot be read or
//! printed.

mod support;

use std::{fs, io, os::fd::AsFd, path::PathBuf, process::ExitCode};

use clap::Parser;
use pipe_subscriber::{PipeSubscriber, StreamEnd};
use tokio::fs::File;

use support::{Format, Printer, say};

#[derive(Parser)]
#[command(about = "Prints a stored or piped stream of records")]
struct Options {
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where the frames are; - for standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let file = match open(&options) {
        Ok(file) => file,
        Err(error) => {
            say(format_args!(
                "record_cat: cannot open {}: {error}",
                options.file.display()
            ));
            return ExitCode::from(2);
        }
    };
    let mut printer = Printer::new(options.format, None);
    let read = PipeSubscriber::new(file)
        .run_with(|record| printer.record(record))
        .await;

    // Where reading failed there is still what came before.
    let (summary, failed) = match read {
        Ok(summary) => (summary, false),
        Err(error) => {
            say(format_args!("record_cat: {error}: {}", error.source));
            (*error.summary, true)
        }
    };
    printer.summary(&summary, None);
    match summary.end {
        _ if failed || printer.has_failed() => ExitCode::from(2),
        StreamEnd::Truncated | StreamEnd::Corrupt => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn open(options: &Options) -> io::Result<File> {
    let file = match options.file.as_os_str() == "-" {
        true => fs::File::from(io::stdin().as_fd().try_clone_to_owned()?),
        false => fs::File::open(&options.file)?,
    };
    Ok(File::from_std(file))
}
