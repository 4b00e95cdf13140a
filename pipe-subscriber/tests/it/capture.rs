//! The lines of a child's stdout and stderr, of real children.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use log::Level;
use pipe_subscriber::{
    Attach, LogRecord, PipeSubscriber, Records, Spawn, StreamEnd, Streams, Summary, Via,
};
use tokio::sync::Notify;
use tokio_stream::StreamExt;

use crate::child_support::{
    FOR_EVER, a_whole_process, octal, read_on_thread, send, shell, spawn_with_sleeper,
};
use crate::support::{Capture, Stream, record, within};

/// Starts a child, waits for its exit, and only then returns its subscriber, so that everything is in the pipes.
fn exited(script: &str, streams: Streams) -> PipeSubscriber {
    let (mut child, logs) = Spawn::new(shell(script)).capture(streams).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    logs
}

/// Reads to the end. Returns the levels, targets and messages.
async fn lines(logs: PipeSubscriber) -> (Vec<(Level, String, String)>, Summary) {
    let mut lines = Vec::new();
    let summary = within(logs.run_with(|record| {
        let (target, message) = (record.target.to_string(), record.message.to_string());
        lines.push((record.level, target, message));
    }));
    let summary = summary.await.unwrap();
    (lines, summary)
}

fn line(level: Level, target: &str, message: &str) -> (Level, String, String) {
    (level, target.to_owned(), message.to_owned())
}

#[tokio::test]
async fn one_call_captures_the_pipe_stdout_and_stderr() {
    let script = format!(
        "{}; echo out; echo err >&2; printf last",
        send(&a_whole_process())
    );
    let (mut child, logs) = Spawn::new(shell(&script))
        .label("w1")
        .capture(Streams::both())
        .spawn()
        .unwrap();
    let logger = Capture::new();
    let logs = logs.attach([Attach::Label, Attach::Pid]);
    let pid = child.id().to_string();
    let summary = within(logs.run_into(logger.clone())).await.unwrap();
    child.wait().unwrap();

    let mut entries = logger.entries();
    assert_eq!(entries.len(), 6);
    for entry in entries.drain(..3) {
        assert_eq!((&*entry.target, entry.pairs()[1]), ("worker", ("pid", "7")));
    }
    entries.sort_by_key(|entry| entry.message.clone());
    for (entry, (level, target, message)) in entries.iter().zip([
        (Level::Warn, "stderr", "err"),
        (Level::Info, "stdout", "last"),
        (Level::Info, "stdout", "out"),
    ]) {
        assert_eq!(
            (entry.level, &*entry.target, &*entry.message),
            (level, target, message)
        );
        assert_eq!(entry.pairs(), [("label", "w1"), ("pid", &*pid)]);
    }
    assert_eq!((summary.received, summary.end), (3, StreamEnd::Clean));
    let [stdout, stderr] = &summary.captured[..] else {
        panic!("{summary:?}");
    };
    assert_eq!(
        (stdout.name, stdout.lines, stdout.records),
        ("stdout", 2, 2)
    );
    assert_eq!(
        (stderr.name, stderr.lines, stderr.records),
        ("stderr", 1, 1)
    );
    assert_eq!(
        summary.to_string(),
        "all 3 records received, 3 lines captured"
    );
}

#[tokio::test]
async fn each_stream_can_be_captured_alone_and_has_a_level_of_its_own() {
    let script = "echo out; echo err >&2";
    let command = || {
        let mut command = shell(script);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    for (streams, expected) in [
        (Streams::stdout(), line(Level::Info, "stdout", "out")),
        (
            Streams::stdout().stdout_level(Level::Trace),
            line(Level::Trace, "stdout", "out"),
        ),
        (Streams::stderr(), line(Level::Warn, "stderr", "err")),
        (
            Streams::stderr().stderr_level(Level::Error),
            line(Level::Error, "stderr", "err"),
        ),
    ] {
        let (mut child, logs) = Spawn::new(command()).capture(streams).spawn().unwrap();
        assert_eq!(lines(logs).await.0, [expected]);
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn records_that_are_in_the_pipe_go_before_a_line_that_is_read_after_them() {
    let records = Stream::default().hello(7).records(7, 1..=20);
    let script = format!("echo line >&2; {}", send(&records));
    let (lines, _) = lines(exited(&script, Streams::both())).await;
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], line(Level::Warn, "stderr", "line"));
}

/// 150 KiB of records are in the pipe, and 60 KiB of lines.
#[tokio::test]
async fn neither_records_nor_lines_wait_for_more_than_their_turn() {
    let mut long = record(7, 0);
    long.message = "x".repeat(1000).into();
    let script = format!(
        "for i in $(seq 150); do {}; done; for i in $(seq 6000); do echo 12345678 >&2; done",
        send(&Stream::default().frame(&long))
    );
    let (lines, summary) = lines(exited(&script, Streams::both())).await;
    assert_eq!((lines.len(), summary.received), (6150, 150));
    let is_line = |(_, target, _): &(Level, String, String)| target == "stderr";
    let first_line = lines.iter().position(is_line).unwrap();
    assert!(
        (60..=70).contains(&first_line),
        "after {first_line} records"
    );
    let runs: Vec<_> = lines.chunk_by(|a, b| is_line(a) == is_line(b)).collect();
    let longest = runs
        .iter()
        .filter(|run| is_line(&run[0]))
        .map(|run| run.len());
    assert!(
        longest.max().unwrap() <= 3 * 16 * 1024 / 9,
        "a look is 16 KiB"
    );
    assert!(runs.len() >= 4, "{} turns", runs.len());
}

#[tokio::test]
async fn other_tasks_have_their_turn_while_a_child_floods_its_streams() {
    let flood = "yes & yes >&2";
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap 'kill 0' TERM; {flood}")]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let (mut child, mut logs) = Spawn::new(command)
        .capture(Streams::both())
        .spawn()
        .unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&count);
    let other = tokio::spawn(async move {
        while seen.load(Ordering::Relaxed) < 10_000 {
            tokio::task::yield_now().await;
        }
    });
    let add = |_: &LogRecord<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    within(logs.run_with_until(add, other)).await.unwrap();
    let group = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    let summary = within(logs.run_with(add)).await.unwrap();
    let captured: u64 = summary.captured.iter().map(|stream| stream.records).sum();
    assert_eq!(captured, count.load(Ordering::Relaxed));
    child.wait().unwrap();
}

#[tokio::test]
async fn a_daemon_that_keeps_stderr_open_does_not_keep_the_reader() {
    let mut command = shell("sleep 1000000 </dev/null & echo $!; echo err >&2");
    command.stdin(Stdio::null());
    let (mut child, logs) = Spawn::new(command)
        .grace(Duration::from_millis(1))
        .capture(Streams::both())
        .spawn()
        .unwrap();
    let (lines, summary) = lines(logs).await;
    assert!(child.wait().unwrap().success());
    let pid = lines
        .iter()
        .find(|(_, target, _)| target == "stdout")
        .unwrap();
    let pid = rustix::process::Pid::from_raw(pid.2.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_eq!((lines.len(), summary.end), (2, StreamEnd::HeldOpen));
    assert!(
        summary.captured.iter().all(|stream| stream.held_open),
        "{summary:?}"
    );
}

/// The grandchild is named in place of the child, which has exited.
#[tokio::test]
async fn a_watch_that_is_replaced_holds_for_the_captured_streams_too() {
    let grace = Duration::from_millis(1);
    for by_pidfd in [false, true] {
        let mut command = shell("exec 3<&0; (read x <&3; echo late) & echo $! >&2");
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let spawn = Spawn::new(command).grace(grace).capture(Streams::stdout());
        let (mut child, mut logs) = spawn.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap(); // `wait` would close it
        assert!(child.wait().unwrap().success());
        let mut pid = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut pid).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        match by_pidfd {
            false => logs.watch_pid(pid.as_raw_nonzero().get() as u32).unwrap(),
            true => {
                let flags = rustix::process::PidfdFlags::empty();
                logs.watch(rustix::process::pidfd_open(pid, flags).unwrap())
                    .unwrap();
            }
        }

        // A pipe whose grace period begins later ends first, because the grandchild lives.
        let (other, _sleeper) = spawn_with_sleeper("true", grace);
        let mut seen = Vec::new();
        let note = |record: &LogRecord<'_>| seen.push(record.message.to_string());
        let other = within(logs.run_with_until(note, other.run()))
            .await
            .unwrap();
        assert_eq!(other.end, StreamEnd::HeldOpen);

        stdin.write_all(b"x\n").unwrap();
        let rest = logs.run_with(|record| seen.push(record.message.to_string()));
        let summary = within(rest).await.unwrap();
        assert_eq!(
            (seen, summary.captured[0].held_open),
            (vec!["late".to_owned()], false)
        );
    }
}

/// A child that begins a trace, and then waits.
fn waiting_child() -> (std::process::Child, Records) {
    let mut command = shell("echo 'panic: no disk' >&2; read x; echo 'exit status 2' >&2");
    command.stdin(Stdio::piped());
    let (child, logs) = Spawn::new(command)
        .grace(FOR_EVER)
        .capture(Streams::both().recognise_levels())
        .spawn()
        .unwrap();
    (child, logs.records())
}

#[tokio::test]
async fn a_trace_that_goes_no_further_is_handed_on_while_the_child_lives() {
    let (mut child, mut records) = waiting_child();
    let first = within(records.next()).await.unwrap();
    assert_eq!(
        (first.level, &*first.message),
        (Level::Error, "panic: no disk")
    );
    assert_eq!(records.summary(), None);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let second = within(records.next()).await.unwrap();
    assert_eq!((&*second.message, second.seq), ("exit status 2", 2));
    assert!(within(records.next()).await.is_none());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn an_open_stream_keeps_the_summary_open_and_a_cancelled_run_loses_nothing() {
    let mut command = shell("echo one; read x; echo two; echo three >&2");
    command.stdin(Stdio::piped());
    let (mut child, mut logs) = Spawn::new(command)
        .capture(Streams::both())
        .spawn()
        .unwrap();
    let mut messages = Vec::new();
    let mut keep = |record: &LogRecord<'_>| messages.push(record.message.to_string());
    for _ in 0..100 {
        let run = logs.run_with_until(&mut keep, std::future::pending::<()>());
        let _cancelled = tokio::time::timeout(Duration::ZERO, run).await;
    }
    assert_eq!(logs.summary().end, StreamEnd::Open);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let summary = within(logs.run_with(&mut keep)).await.unwrap();
    assert!(child.wait().unwrap().success());
    messages[1..].sort();
    assert_eq!(messages, ["one", "three", "two"]);
    assert_eq!((summary.end, summary.reasons.len()), (StreamEnd::Eof, 0));
}

#[tokio::test]
async fn a_stream_that_outlives_the_pipe_keeps_the_summary_open() {
    // The pipe is the stdin, which the child closes first.
    let command = shell("exec 0</dev/null; echo one; exec sleep 1000000");
    let spawn = Spawn::new(command).via(Via::Stdin);
    let (mut child, mut logs) = spawn.capture(Streams::both()).spawn().unwrap();
    let (count, seen) = (AtomicU64::new(0), Notify::new());
    let add = |_: &LogRecord<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
        seen.notify_one();
    };
    within(logs.run_with_until(add, seen.notified())).await;
    for _ in 0..100 {
        let run = logs.run_with_until(add, std::future::pending::<()>());
        let _cancelled = tokio::time::timeout(Duration::ZERO, run).await;
    }
    assert_eq!(logs.summary().end, StreamEnd::Open);
    child.kill().unwrap();
    let summary = within(logs.run_with(add)).await.unwrap();
    child.wait().unwrap();
    assert_eq!((summary.end, count.into_inner()), (StreamEnd::Eof, 1));
}

#[test]
fn lines_are_captured_on_a_thread_of_its_own() {
    let logs = exited("echo 'panic: x'; echo err >&2", Streams::both());
    let summary = read_on_thread(logs);
    assert!(summary.captured.iter().all(|stream| stream.records == 1));
}

#[tokio::test]
async fn a_tee_stores_captured_records_as_frames_that_can_be_read_again() {
    let script = format!(
        "{}; echo out; head -c 200000 /dev/zero | tr '\\0' '\\377' >&2",
        send(&a_whole_process())
    );
    let file = SharedFile::default();
    let (mut child, logs) = Spawn::new(shell(&script))
        .capture(Streams::both())
        .spawn()
        .unwrap();
    let mut live = Vec::new();
    let logs = logs.tee(file.clone());
    within(logs.run_with(|record| live.push(record.clone().into_owned())))
        .await
        .unwrap();
    child.wait().unwrap();
    assert_eq!(live.len(), 5);

    let file = file.0.lock().unwrap().clone();
    let mut stored = Vec::new();
    let reader = PipeSubscriber::new(&file[..]);
    let summary = within(reader.run_with(|record| stored.push(record.clone().into_owned())));
    let summary = summary.await.unwrap();
    // The first record has no name of a process, and gets the one of its hello when it is read.
    assert_eq!(stored, live);
    assert_eq!(
        (summary.received, summary.missing, summary.end),
        (5, 0, StreamEnd::Clean)
    );
    let long = stored
        .iter()
        .find(|record| record.target == "stderr")
        .unwrap();
    assert_eq!(long.original_length, Some(200_000));
}

/// A file in memory.
#[derive(Clone, Default)]
struct SharedFile(Arc<Mutex<Vec<u8>>>);

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn key_values_of_a_json_line_cannot_set_the_parents_own() {
    let json = r#"{"level":"warn","msg":"x","label":"forged","pid":1,"n":2}"#;
    let (mut child, logs) = Spawn::new(shell(&format!("echo '{json}'")))
        .label("w1")
        .capture(Streams::stdout().recognise_levels())
        .spawn()
        .unwrap();
    let logger = Capture::new();
    let pid = child.id().to_string();
    let logs = logs.attach([Attach::Label, Attach::Pid]);
    within(logs.run_into(logger.clone())).await.unwrap();
    child.wait().unwrap();
    let entry = logger.only();
    assert_eq!((entry.level, &*entry.message), (Level::Warn, "x"));
    let expected = [
        ("label", "w1"),
        ("pid", &*pid),
        ("label_", "forged"),
        ("pid_", "1"),
        ("n", "2"),
    ];
    assert_eq!(entry.pairs(), expected);
}

#[tokio::test]
async fn controls_in_a_line_are_escaped_and_text_that_is_no_utf_8_replaced() {
    let stream = Stream(b"\x1b[2Ja\x00\xff\r\nb\xe2".to_vec());
    let logs = exited(&format!("printf '{}'", octal(&stream)), Streams::both());
    let logger = Capture::new();
    let summary = within(logs.run_into(logger.clone())).await.unwrap();
    assert_eq!(
        logger.messages(),
        ["\\u{1b}[2Ja\\u{0}\u{fffd}", "b\u{fffd}"]
    );
    assert_eq!(summary.captured[0].replaced, 2);
    let pairs: Vec<_> = logger
        .entries()
        .iter()
        .map(|e| e.key_values.clone())
        .collect();
    let mark = vec![("replaced_bytes".to_owned(), "1".to_owned())];
    assert_eq!(pairs, [mark.clone(), mark]);
}

#[tokio::test]
async fn a_corrupt_pipe_does_not_keep_the_lines_back() {
    let script =
        "printf '\\377\\377\\377\\377' >$pipe; echo out; (yes >$pipe) & sleep=$!; echo $sleep";
    let (mut child, logs) = Spawn::new(shell(script))
        .grace(Duration::from_millis(1))
        .capture(Streams::stdout())
        .spawn()
        .unwrap();
    let mut records = logs.records();
    assert_eq!(within(records.next()).await.unwrap().message, "out");
    let pid = within(records.next()).await.unwrap().message;
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    child.wait().unwrap();
    let summary = within(async {
        while records.next().await.is_some() {}
        records.into_summary().unwrap()
    });
    assert_eq!(summary.await.end, StreamEnd::Corrupt);
}

#[tokio::test]
async fn a_child_that_speaks_the_pipe_only_is_read_as_without_capture() {
    let logs = exited(&send(&a_whole_process()), Streams::both());
    let (lines, summary) = lines(logs).await;
    assert_eq!((lines.len(), summary.end), (3, StreamEnd::Clean));
    assert!(
        summary
            .captured
            .iter()
            .all(|stream| stream.records == 0 && !stream.held_open)
    );

    let (_, summary) = self::lines(exited("true", Streams::both())).await;
    assert!(
        summary.to_string().contains("did not adopt the pipe"),
        "{summary}"
    );
}
