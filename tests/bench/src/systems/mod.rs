//! Ways from a log call in a child to a logger in the parent. To add one: a file here, a line in [`all`].

mod bare;
mod ipc;
mod json;
mod naive;
mod pipe;
mod sketch;
mod tracing_json;

use std::process::{Child, Command};

use anyhow::Result;
use log::Log;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{loggers, reference::Emit};

/// The child's side.
pub trait Logger {
    /// On the command line and in the figures.
    fn name(&self) -> &'static str;
    /// In the tables.
    fn title(&self) -> &'static str;
    /// Makes it the logger of this process.
    fn install(&self) -> Result<Installed>;
}

/// Both sides.
pub trait System: Logger {
    /// About how many records it delivers in a second: how many a measurement takes.
    fn per_second(&self) -> u64;
    /// Starts the child and reads from it until it ends; the sink gets every record.
    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)>;
}

/// A logger at work.
pub struct Installed {
    /// Logs the reference record.
    pub emit: Emit,
    /// Ends it in good order: afterwards all is on its way.
    pub finish: Box<dyn FnOnce()>,
}

/// Waits for the reader's end.
pub type Join = Box<dyn FnOnce() -> Result<()>>;

pub fn all() -> Vec<Box<dyn System>> {
    vec![
        Box::new(pipe::SHARED),
        Box::new(pipe::DIRECT),
        Box::new(bare::Bare),
        Box::new(json::Json),
        Box::new(tracing_json::TracingJson),
        Box::new(ipc::Ipc),
        Box::new(naive::Naive),
    ]
}

pub fn system(name: &str) -> Option<Box<dyn System>> {
    all().into_iter().find(|system| system.name() == name)
}

/// The child's side of any system, and the loggers that are only called.
pub fn logger(name: &str) -> Option<Box<dyn Logger>> {
    let systems = all().into_iter().map(|system| system as Box<dyn Logger>);
    systems
        .chain(loggers::all())
        .find(|logger| logger.name() == name)
}

impl Installed {
    pub fn new(
        emit: impl Fn(u64) + Send + Sync + 'static,
        finish: impl FnOnce() + 'static,
    ) -> Self {
        Self {
            emit: Box::new(emit),
            finish: Box::new(finish),
        }
    }
}

/// For readers that are tasks.
fn join_task(task: JoinHandle<Result<()>>) -> Join {
    let runtime = Handle::current();
    Box::new(move || runtime.block_on(task)?)
}
