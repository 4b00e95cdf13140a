//! `Stop`: SIGINT and SIGTERM.

use std::{io, process, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::sleep,
};

use crate::support::stdio::eprint_line;

/// The code of a program that was stopped before it could finish.
const ABORTED: i32 = 130;
/// How long finishing may take: the server may be away, or nobody may read the output.
const LIMIT: Duration = Duration::from_secs(20);

/// Whether this program is to stop. The first signal asks it to finish. The second one ends it, and so do
/// 20 seconds after the first.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Catches the signals. Needs a runtime.
    pub(crate) fn catch() -> io::Result<Self> {
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            sender.send_replace(true);
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = sleep(LIMIT) => {}
            }
            eprint_line(
                "collect: stopped before the position was stored; what was put out since then will come again, marked",
            );
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
