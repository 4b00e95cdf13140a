//! `json`: JSON lines on stderr, by hand.

use std::{
    cell::RefCell,
    fmt,
    io::{Write, stderr},
    os::fd::OwnedFd,
    process::{Child, Command},
};

use anyhow::Result;
use log::{
    LevelFilter, Log, Metadata, Record,
    kv::{self, Key, VisitSource},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;

use super::{Installed, Join, Logger, System, join_task};
use crate::{
    identity,
    owned::{LevelName, Owned, Plain},
    reference,
};

/// JSON lines on stderr, written by hand with care: nothing is copied, one buffer per thread, one locked write per
/// line. The parent reads lines and parses them into an owned struct.
pub struct Json;

impl Logger for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn title(&self) -> &'static str {
        "JSON lines on stderr, by hand"
    }

    fn install(&self) -> Result<Installed> {
        log::set_logger(&Lines)?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, || {}))
    }
}

impl System for Json {
    fn per_second(&self) -> u64 {
        400_000
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        serve_lines(command, move |line| {
            serde_json::from_str::<Owned<Plain>>(line)?.dispatch(&*sink);
            Ok(())
        })
    }
}

/// Calls `on_line` with each line of the child's stderr.
pub fn serve_lines(
    mut command: Command,
    mut on_line: impl FnMut(&str) -> Result<()> + Send + 'static,
) -> Result<(Child, Join)> {
    let (reader, writer) = std::io::pipe()?;
    let child = command.stderr(writer).spawn()?;
    drop(command);
    let reader = Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let task = tokio::spawn(async move {
        let mut lines = BufReader::new(reader).lines();
        while let Some(line) = lines.next_line().await? {
            on_line(&line)?;
        }
        Ok(())
    });
    Ok((child, join_task(task)))
}

struct Lines;

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            let written = identity::with_thread(|thread, tid| {
                serde_json::to_writer(&mut *line, &Line::new(record, thread, tid))
            });
            line.push(b'\n');
            written.expect("a record is JSON");
            stderr().lock().write_all(line).expect("the parent reads");
        });
    }

    fn flush(&self) {}
}

/// The fields of [`Owned`], borrowed.
#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    level: LevelName,
    target: &'a str,
    message: Text<'a>,
    module_path: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<u32>,
    pid: u32,
    thread: &'a str,
    tid: u64,
    kv: Pairs<'a>,
}

impl<'a> Line<'a> {
    fn new(record: &'a Record<'a>, thread: &'a str, tid: u64) -> Self {
        Self {
            time: record_proto::now(),
            level: record.level().into(),
            target: record.target(),
            message: Text(record.args()),
            module_path: record.module_path(),
            file: record.file(),
            line: record.line(),
            pid: identity::pid(),
            thread,
            tid,
            kv: Pairs(record),
        }
    }
}

struct Text<'a>(&'a fmt::Arguments<'a>);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

struct Pairs<'a>(&'a Record<'a>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut visitor = MapVisitor(serializer.serialize_map(None)?);
        // It fails only where the map does, and writing to memory does not.
        let _visited = self.0.key_values().visit(&mut visitor);
        visitor.0.end()
    }
}

struct MapVisitor<M>(M);

impl<'kvs, M: SerializeMap> VisitSource<'kvs> for MapVisitor<M> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let key = key.as_str();
        let written = if let Some(number) = value.to_u64() {
            self.0.serialize_entry(key, &number)
        } else if let Some(number) = value.to_i64() {
            self.0.serialize_entry(key, &number)
        } else if let Some(text) = value.to_borrowed_str() {
            self.0.serialize_entry(key, text)
        } else {
            self.0.serialize_entry(key, &value.to_string())
        };
        written.map_err(|_| kv::Error::msg("the map"))
    }
}
