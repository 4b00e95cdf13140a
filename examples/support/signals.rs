//! Passes signals on to a child.

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

/// Signals that ask a program to end.
const TERMINATION: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Signals that are passed on as well but have a meaning only to the child: they do not count as a request to end.
const USER: [c_int; 2] = [SIGUSR1, SIGUSR2];

/// Passes signals on to a child instead of letting them end this process.
///
/// A signal that another process sent is passed on, so that it has the effect that it has with env(1), whose process
/// becomes the child's. A signal that the terminal sent for a key is not passed on, as in sudo: it has reached the child
/// too, which is in the same process group, and many programs end at once if they are interrupted twice. A signal that
/// the child sent, with `kill 0` for example, is not passed back to it.
///
/// Signals that are ignored at the start, by nohup or in the background of a script, stay ignored here and in the child.
/// For SIGPIPE see [`keep_sigpipe_ignored`].
#[derive(Debug)]
pub(crate) struct Signals {
    child: Arc<Mutex<Option<Pid>>>,
    child_started: mpsc::Sender<()>,
    /// Counts the termination signals so far.
    terminations: watch::Receiver<u32>,
    /// Whether a termination signal came before the child's exit.
    was_terminated: bool,
}

impl Signals {
    /// Catches signals from now on. A signal that arrives before the child is started waits for it.
    ///
    /// # Errors
    ///
    /// If no descriptor or thread is left.
    pub(crate) fn catch() -> io::Result<Self> {
        let named = |error| io::Error::other(format!("cannot catch signals: {error}"));
        let all = TERMINATION.into_iter().chain(USER);
        let caught = SignalsInfo::new(all.filter(|&signal| !is_ignored(signal))).map_err(named)?;
        let (child_started, started) = mpsc::channel();
        let (count, terminations) = watch::channel(0);
        let child = Arc::default();
        let pass_signals = pass_on(caught, started, Arc::clone(&child), count);
        // On a thread of its own: printing blocks while a pager does not read, and signals must not wait for it.
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(pass_signals)
            .map_err(named)?;
        Ok(Self {
            child,
            child_started,
            terminations,
            was_terminated: false,
        })
    }

    /// Waits for the exit of the child and passes signals on to it until then.
    pub(crate) async fn wait_for(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        *lock(&self.child) = pid;
        let _thread_is_running = self.child_started.send(());
        let status = poll_fn(|cx| {
            // Under the lock: after the wait the pid may belong to another process, and a signal would reach that one.
            let mut target = lock(&self.child);
            let exit = pin!(child.wait()).poll(cx);
            if exit.is_ready() {
                *target = None;
            }
            exit
        })
        .await?;
        // The thread may not have counted the signal that has killed the child.
        let killed_by = status.signal();
        let was_killed = killed_by.is_some_and(|signal| TERMINATION.contains(&signal));
        self.was_terminated = was_killed || *self.terminations.borrow() > 0;
        Ok(status)
    }

    /// Waits, after the child's exit, for a termination signal that asks this program not to wait any longer. If one came
    /// before the exit already, the second one counts, and it may have come before the exit as well.
    pub(crate) async fn wait_for_termination(&mut self) {
        let before = u32::from(self.was_terminated);
        let _thread_is_running = self.terminations.wait_for(|&count| count > before).await;
    }
}

/// Lets the child start with SIGPIPE ignored if this process did, from systemd for example. The standard library ignores
/// it in this process in any case, and resets it in each that it starts.
pub(crate) fn keep_sigpipe_ignored(command: &mut Command) {
    // Relaxed: it is stored before `main`, when there is no other thread.
    if !SIGPIPE_IGNORED.load(Relaxed) {
        return;
    }
    let ignore = || {
        // SAFETY: SIG_IGN installs no handler.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: the closure makes one system call, which is async-signal-safe.
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
            // Before the signal is passed on: the count is read once the child has exited.
            if TERMINATION.contains(&origin.signal) {
                count.send_modify(|count| *count += 1);
            }
            if let Some(child) = *lock(&child)
                && let Some(signal) = Signal::from_named_raw(origin.signal)
                && !has_reached(child, &origin)
            {
                let _has_exited = kill_process(child, signal);
            }
        }
    }
}

/// Returns whether the child has the signal already: it sent it, or no process did. The kernel sends the signals of a
/// terminal, and sends them to the whole process group.
fn has_reached(child: Pid, origin: &Origin) -> bool {
    origin
        .process
        .as_ref()
        .is_none_or(|sender| sender.pid == child.as_raw_nonzero().get())
}

fn lock(child: &Mutex<Option<Pid>>) -> MutexGuard<'_, Option<Pid>> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}
