//! `naive`: an owned struct through a channel, a task and a codec.

use std::{
    io::stderr,
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command},
};

use anyhow::Result;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use log::{LevelFilter, Log, Metadata, Record};
use tokio::{
    net::unix::pipe,
    runtime::Runtime,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::{Installed, Join, Logger, System, join_task};
use crate::{
    owned::{Owned, Plain},
    reference,
};

/// The design that comes to mind first: an owned struct into an unbounded queue, a task that encodes it with field
/// names and sends it as one frame; the parent decodes owned structs from a `FramedRead`. The pipe is the child's
/// stderr.
pub struct Naive;

impl Logger for Naive {
    fn name(&self) -> &'static str {
        "naive"
    }

    fn title(&self) -> &'static str {
        "naive tokio design"
    }

    fn install(&self) -> Result<Installed> {
        let runtime = Runtime::new()?;
        let pipe = stderr().as_fd().try_clone_to_owned()?;
        let (queue, records) = mpsc::unbounded_channel();
        let sending = runtime.spawn(send_all(pipe, records));
        log::set_boxed_logger(Box::new(Queue(queue.clone())))?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, move || {
            let _ended = queue.send(None);
            let sent = runtime.block_on(sending);
            sent.expect("the task never panics")
                .expect("the parent reads");
        }))
    }
}

impl System for Naive {
    fn per_second(&self) -> u64 {
        300_000
    }

    fn serve(&self, mut command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        let (reader, writer) = std::io::pipe()?;
        let child = command.stderr(writer).spawn()?;
        drop(command);
        let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let task = tokio::spawn(async move {
            let mut frames = FramedRead::new(reader, LengthDelimitedCodec::new());
            while let Some(frame) = frames.next().await {
                rmp_serde::from_slice::<Owned<Plain>>(&frame?)?.dispatch(&*sink);
            }
            Ok(())
        });
        Ok((child, join_task(task)))
    }
}

/// `None` says that this was all.
type Item = Option<Owned<Plain>>;

async fn send_all(pipe: OwnedFd, mut records: UnboundedReceiver<Item>) -> Result<()> {
    let pipe = pipe::Sender::from_owned_fd(pipe)?;
    let mut frames = FramedWrite::new(pipe, LengthDelimitedCodec::new());
    while let Some(Some(record)) = records.recv().await {
        let payload = rmp_serde::to_vec_named(&record)?;
        frames.send(Bytes::from(payload)).await?;
    }
    Ok(())
}

struct Queue(UnboundedSender<Item>);

impl Log for Queue {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let _ended = self.0.send(Some(Owned::new(record)));
    }

    fn flush(&self) {}
}
