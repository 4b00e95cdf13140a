//! `ipc-channel`: an owned struct through that crate.

use std::{
    env,
    process::{Child, Command},
    sync::Mutex,
    thread,
};

use anyhow::{Context, Result};
use ipc_channel::{
    IpcError,
    ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender},
};
use log::{LevelFilter, Log, Metadata, Record};

use super::{Installed, Join, Logger, System};
use crate::{
    owned::{Owned, Tagged},
    reference,
};

/// The owned struct through an `ipc-channel`; the parent receives on a thread.
pub struct Ipc;

/// Where the child finds the parent's server.
const SERVER: &str = "BENCH_IPC_SERVER";

impl Logger for Ipc {
    fn name(&self) -> &'static str {
        "ipc-channel"
    }

    fn title(&self) -> &'static str {
        "ipc-channel"
    }

    fn install(&self) -> Result<Installed> {
        let server = IpcSender::connect(env::var(SERVER)?)?;
        let (sender, receiver) = ipc::channel::<Owned<Tagged>>()?;
        server.send(receiver)?;
        log::set_boxed_logger(Box::new(Sender(Mutex::new(sender))))?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, || {}))
    }
}

impl System for Ipc {
    fn per_second(&self) -> u64 {
        600_000
    }

    fn serve(&self, mut command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        let (server, name) = IpcOneShotServer::<IpcReceiver<Owned<Tagged>>>::new()?;
        let child = command.env(SERVER, name).spawn()?;
        drop(command);
        let reader = thread::spawn(move || {
            let (_server, receiver) = server.accept()?;
            loop {
                match receiver.recv() {
                    Ok(record) => record.dispatch(&*sink),
                    Err(IpcError::Disconnected) => return Ok(()),
                    Err(error) => return Err(error).context("receiving"),
                }
            }
        });
        let join = move || reader.join().expect("the reader never panics");
        Ok((child, Box::new(join)))
    }
}

struct Sender(Mutex<IpcSender<Owned<Tagged>>>);

impl Log for Sender {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let record = Owned::new(record);
        let sender = self.0.lock().expect("sending never panics");
        sender.send(record).expect("the parent reads");
    }

    fn flush(&self) {}
}
