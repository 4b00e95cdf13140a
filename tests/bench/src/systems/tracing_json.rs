//! `tracing`: JSON lines by `tracing_subscriber`.

use std::{
    collections::BTreeMap,
    io::stderr,
    process::{Child, Command},
};

use anyhow::Result;
use log::{Log, Record, kv::ToValue};
use serde::Deserialize;

use super::{Installed, Join, Logger, System, json::serve_lines};
use crate::{
    owned::{LevelName, Plain},
    reference,
};

/// `tracing_subscriber::fmt().json()` on stderr, all that it has to say turned on.
pub struct TracingJson;

impl Logger for TracingJson {
    fn name(&self) -> &'static str {
        "tracing"
    }

    fn title(&self) -> &'static str {
        "JSON lines on stderr, tracing-subscriber"
    }

    fn install(&self) -> Result<Installed> {
        tracing_subscriber::fmt()
            .json()
            .with_file(true)
            .with_line_number(true)
            .with_thread_names(true)
            .with_thread_ids(true)
            .with_writer(stderr)
            .init();
        Ok(Installed::new(reference::by_tracing, || {}))
    }
}

impl System for TracingJson {
    fn per_second(&self) -> u64 {
        300_000
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        serve_lines(command, move |line| {
            serde_json::from_str::<Line>(line)?.dispatch(&*sink);
            Ok(())
        })
    }
}

/// What the formatter writes. The time stays text, as a reader would leave it until it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[expect(dead_code, reason = "a log::Record has no time")]
    timestamp: String,
    level: LevelName,
    fields: BTreeMap<String, Plain>,
    target: String,
    filename: Option<String>,
    #[serde(rename = "line_number")]
    line: Option<u32>,
    #[expect(dead_code, reason = "a log::Record has no thread")]
    thread_name: Option<String>,
    #[expect(dead_code, reason = "a log::Record has no thread")]
    thread_id: Option<String>,
}

impl Line {
    fn dispatch(mut self, logger: &dyn Log) {
        let message = self.fields.remove("message");
        let message = message.as_ref().map(ToValue::to_value);
        let message = message.as_ref().and_then(|text| text.to_borrowed_str());
        logger.log(
            &Record::builder()
                .level(self.level.into())
                .target(&self.target)
                .args(format_args!("{}", message.unwrap_or_default()))
                .file(self.filename.as_deref())
                .line(self.line)
                .key_values(&self.fields)
                .build(),
        );
    }
}
