//! A worker process as its parent sees it: paths go to its standard input, records come back through its pipe.

use std::{
    collections::VecDeque,
    env,
    future::pending,
    io,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use log::Level;
use pipe_subscriber::{PipeSubscriber, Spawn};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    sync::{Mutex as AsyncMutex, Semaphore, mpsc},
};

use crate::{
    Error,
    progress::Progress,
    report::{Report, Totals},
    worker::ANSWER,
};

/// How many paths a worker may have that it has not answered: enough that it never waits for the next one, few enough
/// that no worker holds paths that an idle one could take.
const MAX_UNANSWERED: usize = 16;

pub(crate) struct WorkerProcess {
    number: usize,
    child: Child,
    stdin: ChildStdin,
    logs: PipeSubscriber,
    unanswered: Unanswered,
    progress: Progress,
}

/// The paths that a worker was given and has not answered.
struct Unanswered {
    paths: Mutex<VecDeque<PathBuf>>,
    room: Semaphore,
}

impl WorkerProcess {
    pub(crate) fn start(number: usize, progress: Progress) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--worker").stdin(Stdio::piped());
        // The default filter is the level of this process's logger, and this process has none.
        let (mut child, logs) = Spawn::new(command).filter("info").spawn()?;
        Ok(Self {
            number,
            stdin: child.stdin.take().expect("it is piped"),
            child,
            logs,
            unanswered: Unanswered {
                paths: Mutex::default(),
                room: Semaphore::new(MAX_UNANSWERED),
            },
            progress,
        })
    }

    /// Sends paths and receives records until there are no more paths or the worker is gone.
    pub(crate) async fn run(
        self,
        paths: Arc<AsyncMutex<mpsc::Receiver<PathBuf>>>,
    ) -> Result<Report, Error> {
        let Self {
            number,
            mut child,
            stdin,
            logs,
            unanswered,
            progress,
        } = self;
        let pid = child.id().expect("it has not been waited for");
        let label = format!("worker {number}");

        let mut totals = Totals::default();
        let receive = logs.run_with(|record| {
            if record.target == ANSWER {
                totals.add(record);
                unanswered.remove_first();
                progress.finish_file();
            }
            // Failed answers, and records that are no answers: a worker's panic, for example.
            if record.target != ANSWER || record.level == Level::Error {
                progress.print_record(record, &label);
            }
        });
        let send = async {
            unanswered.send_all(stdin, &paths).await;
            pending().await
        };
        // The records end when the worker does. Then no path can be sent any more, even if some are left.
        let summary = tokio::select! {
            summary = receive => summary?,
            never = send => never,
        };
        Ok(Report {
            number,
            pid,
            totals,
            summary,
            status: child.wait().await?,
            unanswered: unanswered.paths.into_inner()?,
        })
    }
}

impl Unanswered {
    /// Sends the worker a path whenever it has room for one, so that the least busy worker gets the next.
    async fn send_all(&self, mut stdin: ChildStdin, paths: &AsyncMutex<mpsc::Receiver<PathBuf>>) {
        // The semaphore is never closed. A permit comes back with the answer.
        while let Ok(permit) = self.room.acquire().await {
            permit.forget();
            let Some(path) = paths.lock().await.recv().await else {
                break;
            };
            let mut line = path.as_os_str().as_bytes().to_vec();
            line.push(0);
            self.paths.lock().unwrap().push_back(path);
            if stdin.write_all(&line).await.is_err() {
                break;
            }
        }
    }

    fn remove_first(&self) {
        self.paths.lock().unwrap().pop_front();
        self.room.add_permits(1);
    }
}
