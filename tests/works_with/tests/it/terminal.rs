//! What a terminal shows.

use std::{
    fs::{File, OpenOptions},
    io::Read,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::support::{Finished, parent, within};

const COLUMNS: u16 = 160;
const ROWS: u16 = 24;

#[test]
fn indicatif_log_bridge_prints_above_the_bar() {
    let (finished, written) = within(async {
        let (terminal, stderr) = pseudo_terminal();
        let mut command = parent("indicatif-log-bridge");
        command.env("TERM", "xterm");
        let reader = tokio::task::spawn_blocking(|| read_to_end(terminal));
        let finished = Finished::with_stderr(command, stderr.into()).await;
        (finished, reader.await.expect("what was written"))
    });
    let bar = "orders [██████████░░░░░░░░░░] 2/4";
    let place = |text: &str| String::from_utf8_lossy(&written).find(text);
    assert!(
        place(bar).expect("a bar") < place("order accepted").expect("a record"),
        "the bar was there first"
    );

    let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
    terminal.process(&written);
    let rows = terminal.screen().rows(0, COLUMNS);
    let rows = rows
        .map(|row| finished.masked(row.trim_end()))
        .filter(|row| !row.is_empty());
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            "[INFO  shop::orders] order accepted label=w1 time=TIME user=7 price=12.5 paid=true city=Bern items=[\"tea\", \"salt\"]",
            "[ERROR shop::stock] order failed label=w1 time=TIME sku=1234 err=out of stock",
            "[DEBUG works_with::child] done label=w1 time=TIME",
            bar,
        ]
    );
}

/// The two ends of a pseudo terminal: the terminal's and a program's.
fn pseudo_terminal() -> (File, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .expect("a pseudo terminal");
    grantpt(&terminal).expect("access");
    unlockpt(&terminal).expect("access");
    let name = ptsname(&terminal, Vec::new())
        .expect("a name")
        .into_string()
        .expect("text");
    let program = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .expect("the other end");
    let size = Winsize {
        ws_row: ROWS,
        ws_col: COLUMNS,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&program, size).expect("a size");
    (File::from(terminal), program)
}

/// Reads until no program has the other end any more, which Linux reports as an error.
fn read_to_end(mut terminal: File) -> Vec<u8> {
    let mut written = Vec::new();
    match terminal.read_to_end(&mut written) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::IO.raw_os_error()) => {
            panic!("{error}")
        }
        _ => written,
    }
}
