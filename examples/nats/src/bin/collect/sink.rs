//! `Sink`: prints the records, or hands them to a logger.

use std::{
    io::{self, BufWriter, Write},
    mem,
};

use log::Log;
use nats_relay::MAX_FRAME_LENGTH;
use pipe_subscriber::PipeSubscriber;
use record_proto::{Encode, LogRecord};
use serde::Serialize;
use serde_json::json;

use crate::{
    engine::Origin,
    failure::Failure,
    notice::Notice,
    options::Format,
    report::Report,
    support::{
        stdio::{Blocking, eprint_line, unless_closed},
        text::{Formatter, Screen, TimeStyle},
    },
};

/// How much is printed at once.
const BUFFER: usize = 64 * 1024;
/// Room for the name of the process, which is added to records that have none.
const NAME: usize = 1024;

type Output = BufWriter<Blocking<std::os::fd::BorrowedFd<'static>>>;

/// Prints records, or hands them to a logger.
pub(crate) enum Sink<'l> {
    Text(Output, Box<Formatter>),
    Json(Output),
    Log {
        logger: &'l dyn Log,
        label: String,
        frames: Vec<u8>,
    },
}

/// A record as JSON.
#[derive(Serialize)]
struct JsonRecord<'a> {
    #[serde(flatten)]
    record: &'a LogRecord<'a>,
    host: &'a str,
    label: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redelivered: bool,
}

impl<'l> Sink<'l> {
    /// # Errors
    ///
    /// If standard output is closed and needed.
    pub(crate) fn new(
        format: Format,
        time: Option<TimeStyle>,
        logger: &'l dyn Log,
    ) -> io::Result<Self> {
        let output = || {
            Ok::<_, io::Error>(BufWriter::with_capacity(
                BUFFER,
                unless_closed(rustix::stdio::stdout())?,
            ))
        };
        Ok(match format {
            Format::Text => Self::Text(
                output()?,
                Box::new(Formatter::new(Screen::stdout(), time).with_dates()),
            ),
            Format::Json => Self::Json(output()?),
            Format::Log => Self::Log {
                logger,
                label: String::new(),
                frames: Vec::new(),
            },
        })
    }

    /// Adds a record. It is out only after [`flush`](Self::flush).
    pub(crate) async fn record(
        &mut self,
        origin: Origin<'_>,
        record: &LogRecord<'_>,
    ) -> io::Result<()> {
        match self {
            Self::Text(output, formatter) => {
                let line = formatter.record(record, Some(&shown(origin)));
                writeln!(output, "{line}")
            }
            Self::Json(output) => {
                let Origin { host, label, marks } = origin;
                let (late, redelivered) = (marks.late, marks.redelivered);
                json_line(
                    output,
                    &JsonRecord {
                        record,
                        host,
                        label,
                        late,
                        redelivered,
                    },
                )
            }
            Self::Log { label, frames, .. } => {
                let of_record = shown(origin);
                if *label != of_record || frames.len() > BUFFER {
                    self.flush().await?;
                }
                if let Self::Log { label, frames, .. } = self {
                    *label = of_record;
                    record.encode_frame(frames);
                }
                Ok(())
            }
        }
    }

    /// Puts out all records.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(output, _) | Self::Json(output) => output.flush(),
            Self::Log {
                logger,
                label,
                frames,
            } => {
                if frames.is_empty() {
                    return Ok(());
                }
                let frames = mem::take(frames);
                // The subscriber makes texts inert, attaches the label and survives a logger that panics.
                let subscriber = PipeSubscriber::new(&frames[..])
                    .label(mem::take(label))
                    .max_frame_length(MAX_FRAME_LENGTH + NAME);
                match subscriber.run_into(*logger).await {
                    Ok(_) => Ok(()),
                    Err(error) => Err(io::Error::other(error)),
                }
            }
        }
    }

    /// Puts a line about the records out.
    pub(crate) fn notice(&mut self, notice: &Notice) -> io::Result<()> {
        match self {
            Self::Text(..) => {
                eprint_line(Screen::stderr().notice(false, &format!("collect: {notice}")));
                Ok(())
            }
            Self::Json(output) => json_line(output, notice),
            Self::Log { logger, .. } => {
                warn(*logger, &notice.to_string());
                Ok(())
            }
        }
    }

    /// Puts the accounts out: as JSON among the records, as text on standard error.
    pub(crate) fn report(&mut self, report: &Report<'_>) -> io::Result<()> {
        match self {
            Self::Json(output) => {
                json_line(output, &json!({ "summary": report }))?;
                output.flush()
            }
            _ => {
                let screen = Screen::stderr();
                for (is_good, line) in report.lines() {
                    eprint_line(screen.notice(is_good, &line));
                }
                Ok(())
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(format!(
            "cannot put out records: {error}; those that were not put out are read again at the next start"
        ))
    }
}

/// `host/label`, and the marks: text of a child cannot stand here.
fn shown(origin: Origin<'_>) -> String {
    let Origin { host, label, marks } = origin;
    let late = if marks.late { " late" } else { "" };
    let redelivered = if marks.redelivered {
        " redelivered"
    } else {
        ""
    };
    format!("{host}/{label}{late}{redelivered}")
}

fn json_line(output: &mut Output, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, object)?;
    output.write_all(b"\n")
}

fn warn(logger: &dyn Log, text: &str) {
    let args = format_args!("{text}");
    let record = log::Record::builder()
        .level(log::Level::Warn)
        .target("collect")
        .args(args)
        .build();
    if logger.enabled(record.metadata()) {
        logger.log(&record);
    }
}
