//! A journald of the test's own.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use tokio::{
    net::UnixDatagram,
    process::{Child, Command},
};

use crate::support::{Finished, parent, within};

#[test]
#[ignore = "needs systemd-journald and user namespaces"]
fn systemd_journal_logger_shows_key_values_as_fields() {
    let (finished, entries) = within(async {
        let directory = tempfile::tempdir().expect("a directory");
        let journald = Journald::start(directory.path()).await;
        let finished = Finished::of(journald.inside(&parent("systemd-journal-logger"))).await;
        (finished, journald.entries("works-with").await)
    });
    let fields = [
        "PRIORITY",
        "TARGET",
        "MESSAGE",
        "CODE_FILE",
        "LABEL",
        "TIME",
        "USER",
        "PRICE",
        "PAID",
        "CITY",
        "ITEMS",
        "SKU",
        "ERR",
    ];
    let shown = |entry: &Value| {
        let shown = fields
            .iter()
            .filter_map(|name| Some(format!("{name}={}", entry.get(name)?.as_str()?)));
        finished.masked(&shown.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        entries.iter().map(shown).collect::<Vec<_>>(),
        [
            "PRIORITY=5 TARGET=shop::orders MESSAGE=order accepted CODE_FILE=src/child.rs LABEL=w1 TIME=TIME USER=7 PRICE=12.5 PAID=true CITY=Bern ITEMS=[\"tea\", \"salt\"]",
            "PRIORITY=3 TARGET=shop::stock MESSAGE=order failed CODE_FILE=src/child.rs LABEL=w1 TIME=TIME SKU=1234 ERR=out of stock",
            "PRIORITY=6 TARGET=works_with::child MESSAGE=done CODE_FILE=src/child.rs LABEL=w1 TIME=TIME",
        ]
    );
}

/// A daemon with an empty `/run`, which it and the processes that are started inside see.
struct Journald(Child);

impl Journald {
    /// Starts the daemon and waits until it is ready. It reports that to a socket, which must be outside of `/run`.
    async fn start(directory: &Path) -> Self {
        let path = directory.join("notify");
        let ready = UnixDatagram::bind(&path).expect("a socket");
        let script =
            "mount -t tmpfs tmpfs /run && mkdir /run/systemd && exec /lib/systemd/systemd-journald";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        command
            .env("NOTIFY_SOCKET", path)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let mut daemon = command.spawn().expect("unshare of util-linux");
        let mut state = [0; 4096];
        loop {
            let length = tokio::select! {
                length = ready.recv(&mut state) => length.expect("its state"),
                status = daemon.wait() => panic!("it has ended: {status:?}"),
            };
            if state[..length].starts_with(b"READY=1") {
                return Self(daemon);
            }
        }
    }

    /// The same command with the daemon's view of `/run`.
    fn inside(&self, command: &Command) -> Command {
        let daemon = self.0.id().expect("it runs").to_string();
        let mut inside = Command::new("nsenter");
        inside.args([
            "--target",
            &daemon,
            "--user",
            "--mount",
            "--preserve-credentials",
            "--",
        ]);
        inside
            .arg(command.as_std().get_program())
            .args(command.as_std().get_args());
        inside
    }

    /// The entries of a program, in order.
    async fn entries(&self, identifier: &str) -> Vec<Value> {
        let mut sync = Command::new("journalctl");
        sync.arg("--sync");
        assert!(
            self.inside(&sync)
                .status()
                .await
                .expect("journalctl")
                .success()
        );
        let mut list = Command::new("journalctl");
        list.args(["--output=json", "--no-pager", "--identifier", identifier]);
        let output = self.inside(&list).output().await.expect("journalctl");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}
