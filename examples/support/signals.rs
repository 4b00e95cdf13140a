//! Signals for a program that stands between its user and a child.

use std::{
    future::poll_fn,
    io,
    os::unix::process::ExitStatusExt,
    pin::pin,
    process::ExitStatus,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use libc::c_int;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
    iterator::{SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::Origin,
};
use tokio::{
    process::{Child, Command},
    sync::watch,
};

use crate::support::{before_main::before_main, inherited::is_ignored};

/// What asks a program to end.
const ENDING: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What ends a program too, and means something only to the child.
const OTHERS: [c_int; 2] = [SIGUSR1, SIGUSR2];

/// Passes signals on to a child instead of ending this process by them.
///
/// What a process sent is passed on, as by env(1), whose process becomes the child's. What the terminal sent for a key
/// is not: it has reached the child too, which is of the same process group, and many programs end at once when they are
/// interrupted twice. So sudo does it. Nor is what the child sent itself, with `kill 0` for example.
///
/// What is ignored stays ignored, here and in the child: by nohup, or in the background of a script. For SIGPIPE see
/// [`keep_sigpipe_ignored`].
#[derive(Debug)]
pub(crate) struct Signals {
    child: Arc<Mutex<Option<Pid>>>,
    start: mpsc::Sender<()>,
    ending: watch::Receiver<u32>,
    asked_before: bool,
}

impl Signals {
    /// What comes before there is a child waits for it.
    ///
    /// # Errors
    ///
    /// If there is no descriptor or thread left.
    pub(crate) fn catch() -> io::Result<Self> {
        let named = |error| io::Error::other(format!("cannot catch signals: {error}"));
        let all = ENDING.into_iter().chain(OTHERS);
        let caught = SignalsInfo::new(all.filter(|&signal| !is_ignored(signal))).map_err(named)?;
        let (start, started) = mpsc::channel();
        let (count, ending) = watch::channel(0);
        let child = Arc::default();
        let passing = pass_on(caught, started, Arc::clone(&child), count);
        // On a thread: if a pager does not read, printing waits, and signals must not.
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(passing)
            .map_err(named)?;
        Ok(Self {
            child,
            start,
            ending,
            asked_before: false,
        })
    }

    /// Waits for the exit of the child and passes signals on to it until then.
    pub(crate) async fn follow(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        *lock(&self.child) = pid;
        let _there_is_a_thread = self.start.send(());
        let status = poll_fn(|cx| {
            // Within the lock: once it has been waited for, its number may be that of another process.
            let mut receiver = lock(&self.child);
            let exit = pin!(child.wait()).poll(cx);
            if exit.is_ready() {
                *receiver = None;
            }
            exit
        })
        .await?;
        // What has killed the child may not have been counted yet.
        let killed_by = status.signal();
        let was_asked = killed_by.is_some_and(|signal| ENDING.contains(&signal));
        self.asked_before = was_asked || *self.ending.borrow() > 0;
        Ok(status)
    }

    /// After the child's exit: waits until somebody asks for an end who does not want to wait any longer. That may
    /// have been before, the second time.
    pub(crate) async fn hurry(&mut self) {
        let before = u32::from(self.asked_before);
        let _thread = self.ending.wait_for(|&count| count > before).await;
    }
}

fn lock(child: &Mutex<Option<Pid>>) -> MutexGuard<'_, Option<Pid>> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The standard library ignores SIGPIPE in this process, and in none that it starts. If it was ignored before, by systemd
/// for example, the child is to begin so.
pub(crate) fn keep_sigpipe_ignored(command: &mut Command) {
    if !SIGPIPE_IGNORED.load(Relaxed) {
        return;
    }
    let ignore = || {
        // SAFETY: no handler is set.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: it makes a system call and nothing else.
    unsafe { command.pre_exec(ignore) };
}

static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);

before_main!({
    SIGPIPE_IGNORED.store(is_ignored(libc::SIGPIPE), Relaxed);
});

fn pass_on(
    mut caught: SignalsInfo<WithOrigin>,
    started: mpsc::Receiver<()>,
    child: Arc<Mutex<Option<Pid>>>,
    count: watch::Sender<u32>,
) -> impl FnOnce() {
    move || {
        if started.recv().is_err() {
            return;
        }
        for origin in caught.forever() {
            // First: once it has exited somebody looks at the count.
            if ENDING.contains(&origin.signal) {
                count.send_modify(|count| *count += 1);
            }
            if let Some(child) = *lock(&child)
                && let Some(signal) = Signal::from_named_raw(origin.signal)
                && !has_reached(child, &origin)
            {
                let _it_has_exited = kill_process(child, signal);
            }
        }
    }
}

/// A signal that no process sent comes from the kernel, which sends those of a terminal to a whole group.
fn has_reached(child: Pid, origin: &Origin) -> bool {
    origin
        .process
        .as_ref()
        .is_none_or(|sender| sender.pid == child.as_raw_nonzero().get())
}
