//! Logging from unusual places: `Display`, destructors, panic hooks, runtimes.

use std::{cell::RefCell, fmt, panic, process, thread};

use crate::{
    families,
    tools::{init, say, settings, start},
};

/// Logs this many records within each other.
struct Nested(u32);

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 {
            log::info!(depth = self.0; "inner {}", Nested(self.0 - 1));
        }
        write!(f, "({})", self.0)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        if self.0 == 100 {
            log::info!("dropped");
        }
    }
}

pub(crate) fn display_logs() {
    init();
    log::info!(key:% = Nested(1); "outer {}", Nested(2));
    log::info!("afterwards");
}

pub(crate) fn drop_logs() {
    init();
    let value = Nested(100);
    drop(value);
    // A temporary of the log call is dropped after the call.
    log::info!("outer {}", u32::from(Nested(100).0 == 100));
    let unwinding = panic::catch_unwind(|| {
        let _value = Nested(100);
        panic!("with a value that logs");
    });
    assert!(unwinding.is_err(), "it panics");
}

/// Logs when its thread ends.
struct Last(&'static str);

impl Drop for Last {
    fn drop(&mut self) {
        log::info!("last words: {}", self.0);
        log::info!("{}: {}", self.0, "z".repeat(5_000));
    }
}

thread_local! {
    static EARLY: RefCell<Option<Last>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// One value is made before the thread's first record and one after: whatever the order of destruction, one of them
/// outlives what the handler keeps for the thread.
pub(crate) fn thread_local_logs() {
    init();
    let run = |early, late| {
        EARLY.set(Some(Last(early)));
        log::info!("first words");
        LATE.set(Some(Last(late)));
    };
    thread::spawn(move || run("thread early", "thread late"))
        .join()
        .expect("no panic");
    // Only destructors: this thread never logs while it lives.
    thread::spawn(|| EARLY.set(Some(Last("silent thread"))))
        .join()
        .expect("no panic");
    run("main early", "main late");
}

pub(crate) fn deep() {
    init();
    log::info!(depth = 100; "outer {}", Nested(20));
    log::info!("afterwards");
    log::info!(depth = 100; "outer {}", Nested(4));
}

struct Explosive;

impl fmt::Display for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("so far")?;
        panic!("while it is shown");
    }
}

impl fmt::Debug for Explosive {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

pub(crate) fn display_panics() {
    panic::set_hook(Box::new(|_| say("previous hook")));
    init();
    log::info!(key = 1; "text {Explosive} and more");
    log::info!(before = 1, key:% = Explosive, failing:? = Explosive, behind = 2; "key-value");
    log::info!("afterwards");
}

/// Panics with a hook that was set before the handler's, and with one that is set after it.
pub(crate) fn hook_logs() {
    panic::set_hook(Box::new(|_| log::warn!("from the first hook")));
    init();
    let handlers = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        handlers(info);
        log::warn!("from the last hook");
    }));
    let _panic = panic::catch_unwind(|| panic!("once"));
    log::info!("afterwards");
}

struct Forks;

impl fmt::Display for Forks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match families::fork() {
            None => {
                log::info!("forked in the middle of a record");
                process::exit(0);
            }
            Some(child) => {
                let options = rustix::process::WaitOptions::empty();
                rustix::process::waitpid(Some(child), options).map_err(|_| fmt::Error)?;
                f.write_str("a fork")
            }
        }
    }
}

pub(crate) fn fork_in_display() {
    init();
    log::info!("outer {Forks}");
}

/// Logs inside a runtime, in tasks and blocking threads, with the runtime's own records if they are compiled in.
pub(crate) fn in_a_runtime() {
    start(settings().filter("trace"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                tokio::spawn(async move {
                    log::info!(n; "task {n}");
                    tokio::task::yield_now().await;
                    tokio::task::spawn_blocking(move || log::info!(n; "blocking {n}")).await
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic").expect("no panic");
        }
        let mut child = tokio::process::Command::new("true")
            .spawn()
            .expect("a child");
        child.wait().await.expect("a status");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a socket");
        let address = listener.local_addr().expect("an address");
        let (one, other) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        drop((one.expect("a connection"), other.expect("a connection")));
    });
    log::logger().flush();
    drop(runtime);
    log::info!("afterwards");
}
