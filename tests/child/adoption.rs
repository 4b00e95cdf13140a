//! How a process finds its pipe, and what it logs there.

use std::{
    io::Read,
    process::{Command, Stdio},
};

use log::{Log, Metadata, Record};
use pipe_handler::{Outcome, PipeHandler};

use crate::tools::{init as init_plainly, say};

/// Reports on stderr: the other streams may be what is tried as a pipe.
pub(crate) fn init() {
    let result = pipe_handler::init();
    eprintln!("init: {result:?}");
    log::info!("after init");
}

pub(crate) fn init_or() {
    match pipe_handler::init_or(Fallback) {
        Ok(Outcome::Pipe) => eprintln!("init_or: the pipe"),
        Ok(Outcome::Fallback(reason)) => eprintln!("init_or: the fallback, {reason:?}: {reason}"),
        other => eprintln!("init_or: {other:?}"),
    }
    log::info!("after init_or");
}

struct Fallback;

impl Log for Fallback {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("fallback: {}", record.args());
    }

    fn flush(&self) {}
}

pub(crate) fn twice() {
    init_plainly();
    let second = PipeHandler::builder().build();
    say(&format!("second: {:?}", second.map(drop)));
    let third = pipe_handler::init_or(Fallback);
    say(&format!("third: {third:?}"));
    log::info!("still by the first");
}

/// One record of each level for two targets; one says what the maximum is.
pub(crate) fn levels(filter: &str) {
    let mut builder = PipeHandler::builder();
    if !filter.is_empty() {
        builder = builder.filter(filter);
    }
    builder.init().expect("a record pipe");
    log::error!(max:% = log::max_level(); "maximum");
    for level in log::Level::iter() {
        log::log!(target: "alpha", level, "alpha {level}");
        log::log!(target: "beta::deep", level, "beta {level}");
    }
}

pub(crate) fn stdin() {
    init_plainly();
    let mut input = Vec::new();
    let read = std::io::stdin().read_to_end(&mut input);
    let behind = std::fs::read_link("/proc/self/fd/0").expect("a link");
    log::info!(bytes = read.expect("stdin"), behind:% = behind.display(); "stdin");
}

/// A child that has the variable, but not the pipe.
pub(crate) fn pass_on_the_variable() {
    init_plainly();
    log::info!("the child");
    let this = std::env::current_exe().expect("a path");
    let mut command = Command::new(this);
    command.arg("init-or").stdin(Stdio::null());
    let status = command.status().expect("a grandchild");
    log::info!(ok = status.success(); "the grandchild is gone");
}
