//! Records as text in a file or a pipe, and the colours of both layouts.

use log::Level;

use super::{
    run_emit,
    stored::{Stored, on_terminal, record, rich},
};

const ESCAPE: char = '\u{1b}';

#[test]
fn in_a_pipe_a_record_is_one_line_unless_it_has_lines_itself() {
    let expected = r#"2026-11-28T05:31:45.001000000Z INFO  [w1] worker[17] main worker: ready port=8080
2026-11-28T05:31:45.002000000Z WARN  [w1] worker[17] pool-1 worker::db: request{id=7}:query: slow query ms=1200 sql="select *"
2026-11-28T05:31:45.003000000Z ERROR [w1] worker[17] main worker: cannot load err="no settings", caused by: cannot open /etc/x, caused by: permission denied
2026-11-28T05:31:45.004000000Z DEBUG [w1] worker[17] main worker: two
    lines\u{1b}[2J
2026-11-28T05:31:45.005000000Z ERROR [w1] worker[17] main panic: oh no job=3
       0: worker::main
                 at src/main.rs:7
"#;
    assert_eq!(Stored::of(&rich()).print("--label w1"), expected);
}

#[test]
fn colours_are_for_terminals_and_the_user_decides() {
    let stored = Stored::of(&rich());
    let in_pipe = |options: &str, variable: (&str, &str)| {
        let cat = stored.cat(options).env(variable.0, variable.1);
        cat.run_alone().1.contains(ESCAPE)
    };
    let on_screen = |options: &str, variable: (&str, &str)| {
        let cat = stored.cat(options).env(variable.0, variable.1);
        on_terminal(80, cat).contains(ESCAPE)
    };
    let nothing = ("X", "");
    assert!(on_screen("", nothing));
    assert!(!in_pipe("", nothing));
    assert!(!on_screen("", ("NO_COLOR", "1")));
    assert!(in_pipe("", ("CLICOLOR_FORCE", "1")));
    // The option is stronger than the environment.
    assert!(in_pipe("--color always", ("NO_COLOR", "1")));
    assert!(!on_screen("--color never", ("CLICOLOR_FORCE", "1")));
    assert!(!in_pipe("--color auto", nothing));
}

#[test]
fn colours_change_nothing_but_the_colours() {
    let stored = Stored::of(&rich());
    let colored = stored.print("--color always --label w1");
    assert_eq!(without_colors(&colored), stored.print("--label w1"));
    let on_screen = |options: &str| on_terminal(80, stored.cat(options));
    let colored = on_screen("--label w1");
    assert_eq!(
        without_colors(&colored),
        on_screen("--color never --label w1")
    );
}

#[test]
fn a_label_has_a_colour_of_its_own() {
    let stored = Stored::of(&[record(1, Level::Info, "worker", "ready")]);
    let style = |label: &str| {
        let said = stored.print(&format!("--color always --label {label}"));
        let (before, _) = said.split_once(&format!("[{label}]")).expect("the label");
        before[before.rfind(ESCAPE).expect("a colour")..].to_owned()
    };
    let mut styles: Vec<_> = (1..=8).map(|number| style(&format!("w{number}"))).collect();
    let own = "--color always --label w1";
    let (_, other, _) = run_emit(own, "--records 1").run_alone();
    assert!(other.contains(&format!("{}[w1]", styles[0])), "{other:?}");
    styles.sort_unstable();
    styles.dedup();
    assert_eq!(styles.len(), 8, "{styles:?}");
}

#[test]
fn the_time_is_the_childs_as_utc_or_local_or_relative() {
    let stored = Stored::of(&rich());
    let times = |style: &str| -> Vec<String> {
        let cat = stored.cat(style).env("TZ", "<+0530>-5:30");
        let (_, said, _) = cat.run_alone();
        let records = said.lines().filter(|line| !line.starts_with("   "));
        let times = records.filter_map(|line| line.split_whitespace().next());
        times.map(str::to_owned).collect()
    };
    let utc = times("--time utc");
    assert_eq!(utc[0], "2026-11-28T05:31:45.001000000Z");
    assert_eq!(times(""), utc);
    assert_eq!(
        times("--time local")[0],
        "2026-11-28T11:01:45.001000000+05:30"
    );
    let relative = stored.print("--time relative");
    let second = relative.lines().nth(1).expect("a record");
    assert!(second.starts_with("   +0.001000 WARN "), "{second}");
}

fn without_colors(text: &str) -> String {
    let mut parts = text.split(ESCAPE);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part.split_once('m').expect("the end of a colour").1;
    }
    plain
}
