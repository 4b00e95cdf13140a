//! The shared buffer as another program sees it: whoever is handed one, systems that refuse it, and a parent that forks.
//!
//! Limits hold for a whole process, so the tests run this program again.
#![cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]

use std::{
    env, fs,
    io::{self, Read, Write},
    os::fd::{AsRawFd, BorrowedFd},
    process::{self, Command},
    slice,
    sync::atomic::AtomicU64,
    thread,
    time::Duration,
};

use pipe_subscriber::{Handover, PipeSubscriber, Spawn, Summary, Via};
use record_proto::{Encode, Layout, LogRecord, Reader, RingWriter};
use rustix::{
    fs::fstat,
    mm::{MapFlags, ProtFlags, mmap},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use tokio::runtime::Builder;

const MIB: usize = 1 << 20;
const BELL: [u8; 6] = [0, 0, 0, 2, 5, 0x90];
const ROLE: &str = "SHARED_BUFFER_TEST_ROLE";

/// Runs a test of this program again, in a process of its own, in this role. Returns its stdout.
fn again(test: &str, role: &str) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .output()
        .unwrap();
    assert!(output.status.success(), "{role}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Starts a child that does nothing, and returns why there was no buffer.
fn refusal(spawn: Spawn<Command>) -> String {
    let (mut child, logs) = spawn.spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let summary = read(logs);
    let of_buffer = |reason: &&String| reason.contains("buffer");
    let reasons: Vec<_> = summary.reasons.iter().filter(of_buffer).collect();
    assert!(reasons.len() <= 1, "{reasons:?}");
    reasons.into_iter().cloned().collect()
}

fn read(logs: PipeSubscriber) -> Summary {
    let runtime = Builder::new_current_thread().enable_io().build();
    runtime.unwrap().block_on(logs.run_with(|_| {})).unwrap()
}

/// Whether the child has the pipe only, or a buffer too.
fn child(has_buffer: bool) -> Command {
    let (buffer, pipe_only) = if has_buffer { (0, 1) } else { (1, 0) };
    let script = format!(
        "case $RECORD_PIPE in v1:*:*:*:*:*:*:*) exit {buffer};; v1:*:*:*) exit {pipe_only};; *) exit 2;; esac"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    command
}

#[test]
fn a_buffer_that_cannot_be_is_refused_with_a_reason_and_the_pipe_stays() {
    let Ok(role) = env::var(ROLE) else {
        assert_eq!(refusal(Spawn::new(child(true))), "");
        assert_eq!(refusal(Spawn::new(child(true)).buffer(MIB)), "");
        assert_eq!(refusal(Spawn::new(child(false)).buffer(0)), "");
        let by_stdin = Spawn::new(child(false)).via(Via::Stdin);
        assert_eq!(refusal(by_stdin), "", "nobody asked for a buffer");
        for (spawn, reason) in [
            (
                Spawn::new(child(false)).buffer(32 * 1024 - 1),
                "below 32 KiB",
            ),
            (
                Spawn::new(child(false)).buffer(MIB).via(Via::Stdin),
                "Stdin",
            ),
        ] {
            let found = refusal(spawn);
            assert!(found.contains(reason), "{found}");
        }
        let test = "a_buffer_that_cannot_be_is_refused_with_a_reason_and_the_pipe_stays";
        for role in ["fsize", "as", "descriptors", "mlockall"] {
            again(test, role);
        }
        return;
    };
    let set = |resource, current| {
        let maximum = getrlimit(resource).maximum;
        setrlimit(
            resource,
            Rlimit {
                current: Some(current),
                maximum,
            },
        )
        .unwrap();
    };
    let (bytes, reason) = match &*role {
        // The signal would kill this process.
        "fsize" => {
            set(Resource::Fsize, 1000);
            (MIB, "RLIMIT_FSIZE")
        }
        "as" => {
            set(Resource::As, 8 << 30);
            (16 << 30, "os error 12")
        }
        // Enough for everything else that a spawn opens.
        "descriptors" => {
            let next = fs::File::open("/dev/null").unwrap().as_raw_fd();
            set(Resource::Nofile, next as u64 + 9);
            (MIB, "os error 24")
        }
        _ => {
            // SAFETY: the call has no conditions.
            if unsafe { libc::mlockall(libc::MCL_FUTURE) } != 0 {
                return;
            }
            (MIB, "mlockall")
        }
    };
    let found = refusal(Spawn::new(child(false)).buffer(bytes));
    assert!(found.contains(reason), "{role}: {found}");
    if bytes == MIB {
        let found = refusal(Spawn::new(child(false)));
        assert!(found.contains(reason), "{role}, by default: {found}");
    }
}

/// A child in another language, or one that is sure of the pipe, knows no buffer.
#[test]
fn a_child_that_logs_into_the_pipe_is_no_news_unless_the_program_asked_for_a_buffer() {
    let mut frame = Vec::new();
    LogRecord::new(log::Level::Info, "app", "hello").encode_frame(&mut frame);
    let octal: String = frame.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let script = format!("fd=${{RECORD_PIPE#v1:}}; printf '{octal}' >/proc/self/fd/${{fd%%:*}}");
    let summary = |set: fn(Spawn<Command>) -> Spawn<Command>| {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let (mut child, logs) = set(Spawn::new(command).filter("info")).spawn().unwrap();
        let summary = read(logs);
        assert!(child.wait().unwrap().success());
        assert_eq!(summary.received, 1, "{summary}");
        summary.reasons
    };
    assert_eq!(summary(|spawn| spawn), [""; 0]);
    assert_eq!(summary(|spawn| spawn.buffer(0)), [""; 0]);
    let reasons = summary(|spawn| spawn.buffer(MIB));
    assert!(reasons[0].contains("was not used"), "{reasons:?}");
}

#[test]
fn a_child_that_is_handed_a_buffer_uses_it() {
    for number in [0, 7, 100] {
        let (handover, logs) = Spawn::prepare()
            .filter("info")
            .buffer(MIB)
            .at(number)
            .unwrap();
        let (fd, at) = handover.buffer_fd().unwrap();
        assert_eq!(at, (number + 1).max(3));
        assert!(
            ![number, at].contains(&fd.as_raw_fd())
                && ![number, at].contains(&handover.as_raw_fd())
        );
        let stat = fstat(fd).unwrap();
        let (_, address) = handover.envs().next().unwrap();
        let buffer = format!(":{at}:{}:{}:{}", stat.st_dev, stat.st_ino, stat.st_size);
        assert!(address.ends_with(&buffer), "{address}");
        assert!(matches!(log_a_record(&handover), Reader::Asleep(_)));
        drop(handover);
        let summary = read(logs);
        assert_eq!(
            (summary.received, summary.reasons.len()),
            (1, 0),
            "{summary:?}"
        );
    }
    assert!(Spawn::prepare().at(7).unwrap().0.buffer_fd().is_none());
}

/// As `daemon(3)` does: the process that has made the buffer forks and ends, and the other one reads.
#[test]
fn a_parent_may_fork_before_it_reads_and_drop_its_subscriber() {
    if env::var(ROLE).is_err() {
        let test = "a_parent_may_fork_before_it_reads_and_drop_its_subscriber";
        for role in ["drop before", "drop after"] {
            let output = again(test, role);
            assert!(output.contains("received 2, closed true"), "{output}");
        }
        return;
    }
    let drops_before = env::var(ROLE).is_ok_and(|role| role == "drop before");
    let (handover, mut logs) = Spawn::prepare().filter("info").buffer(MIB).at(7).unwrap();
    let (mut go, mut send_go) = io::pipe().unwrap();
    // At its end once the other process is gone.
    let (mut gone, keep) = io::pipe().unwrap();
    // SAFETY: the forked process goes on as the only thread that it needs; it allocates, which glibc allows after a fork.
    if unsafe { libc::fork() } != 0 {
        if !drops_before {
            go.read_exact(&mut [0]).unwrap();
        }
        drop((handover, logs));
        // SAFETY: ends this process without destructors, as daemon(3) does.
        unsafe { libc::_exit(0) };
    }
    drop(keep);
    if drops_before {
        gone.read_to_end(&mut Vec::new()).unwrap();
    }
    assert!(matches!(log_a_record(&handover), Reader::Asleep(_)));
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let mut seen = 0;
    runtime.block_on(async {
        let until = std::future::ready(());
        logs.run_with_until(|_| seen += 1, until).await;
    });
    assert_eq!(seen, 1);
    if !drops_before {
        send_go.write_all(&[1]).unwrap();
        gone.read_to_end(&mut Vec::new()).unwrap();
    }
    let reader = log_a_record(&handover);
    assert_ne!(reader, Reader::Closed);
    let (words, layout) = map(&handover);
    drop(handover);
    let summary = runtime.block_on(logs.run_with(|_| {})).unwrap();
    let is_closed = layout.header(words).is_closed();
    println!("received {}, closed {is_closed}", summary.received);
    process::exit(0);
}

/// In both kinds of runtime, and after a time in which the children were busy.
#[test]
#[ignore = "watches the threads of the runtime for ten seconds, twice"]
fn a_hundred_silent_children_cause_no_wakeups() {
    let kinds = [Builder::new_current_thread, || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    }];
    for kind in kinds {
        let (send, receive) = std::sync::mpsc::channel();
        let children: Vec<_> = (0..100)
            .map(|_| Spawn::prepare().filter("info").buffer(MIB).at(7).unwrap())
            .collect();
        let (handovers, all): (Vec<_>, Vec<_>) = children.into_iter().unzip();
        let runtime = thread::spawn(move || {
            let runtime = kind().enable_io().build().unwrap();
            let reads: Vec<_> = all
                .into_iter()
                .map(|logs| {
                    let send = send.clone();
                    runtime.spawn(logs.run_with(move |_| send.send(()).unwrap()))
                })
                .collect();
            drop(send);
            for read in reads {
                runtime.block_on(read).unwrap().unwrap();
            }
        });
        for handover in &handovers {
            for _ in 0..16 {
                if let Reader::Asleep(_) = log_a_record(handover) {
                    rustix::io::write(handover, &BELL).unwrap();
                }
            }
        }
        for _ in 0..1600 {
            receive.recv().unwrap();
        }
        // They are still awake, at ticks, for some time.
        thread::sleep(Duration::from_millis(100));
        let before = switches_of_other_threads();
        thread::sleep(Duration::from_secs(10));
        assert_eq!(switches_of_other_threads() - before, 0);
        drop(handovers);
        runtime.join().unwrap();
    }
}

/// Returns how often the system has switched to a thread of this process that is not the caller.
fn switches_of_other_threads() -> u64 {
    let own = fs::read_link("/proc/thread-self").unwrap();
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let other = threads
        .map(|thread| thread.unwrap().path())
        .filter(|thread| thread.file_name() != own.file_name());
    other
        .map(|thread| {
            let status = fs::read_to_string(thread.join("status")).unwrap();
            let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
            let numbers = switches.filter_map(|line| line.split_whitespace().last());
            numbers
                .map(|number| number.parse::<u64>().unwrap())
                .sum::<u64>()
        })
        .sum()
}

/// Logs a record as a child with a ring of its own.
fn log_a_record(handover: &Handover) -> Reader {
    let (words, layout) = map(handover);
    let rings = (0..layout.rings()).map(|ring| layout.ring(words, ring));
    let index = layout.header(words).claim(rings, 1 << 32 | 7).unwrap();
    let mut writer = RingWriter::new(layout.ring(words, index), layout.ring_bytes());
    let mut frame = Vec::new();
    LogRecord::new(log::Level::Info, "app", "hello").encode_frame(&mut frame);
    let place = writer.room(frame.len()).unwrap();
    let ticket = layout.header(words).draw_ticket().unwrap();
    writer.commit(place, ticket, &frame);
    layout.header(words).after_commit(false)
}

/// Maps the buffer of a handover, until the process ends.
fn map(handover: &Handover) -> (&'static [AtomicU64], Layout) {
    let (fd, _): (BorrowedFd<'_>, _) = handover.buffer_fd().unwrap();
    let bytes = fstat(fd).unwrap().st_size as usize;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the call names no address, so the new map replaces no other.
    let start = unsafe { mmap(std::ptr::null_mut(), bytes, access, MapFlags::SHARED, fd, 0) };
    // SAFETY: the map is sealed, is never removed, holds integers, and is accessed as atomics only.
    let words = unsafe { slice::from_raw_parts(start.unwrap().cast::<AtomicU64>(), bytes / 8) };
    (words, Layout::read(words).unwrap())
}
