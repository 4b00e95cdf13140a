//! `Stop`: SIGINT and SIGTERM.

use std::{io, process};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// The code of a program that was stopped before it could finish.
const ABORTED: i32 = 130;

/// Whether this program is to stop. The first signal asks it to finish, and the second one ends it.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Catches the signals. Needs a runtime.
    pub(crate) fn catch() -> io::Result<Self> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            for is_first in [true, false] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if is_first {
                    sender.send_replace(true);
                }
            }
            process::exit(ABORTED);
        });
        Ok(Self(receiver))
    }

    /// Waits for the first signal. It can be dropped before it is ready.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|is_requested| *is_requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
