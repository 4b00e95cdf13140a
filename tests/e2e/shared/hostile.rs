//! Children that spoil their buffer: the parent goes on and ends, and so do their siblings.

use std::os::unix::process::ExitStatusExt;

use pipe_subscriber::StreamEnd;

use crate::campaign::campaign;
use crate::support::{Outcome, scenario, within};

const BUFFER: usize = 1024 * 1024;

fn run(name: &str, args: &[&str]) -> (Outcome, String) {
    within(async {
        let child = args
            .iter()
            .fold(scenario(name), |child, arg| child.arg(arg));
        let running = child.start_as(|spawn| spawn.filter("trace").buffer(BUFFER));
        let mut outcome = running.finish().await;
        let said = outcome.talk.rest().await;
        (outcome, said)
    })
}

#[test]
fn what_the_seals_forbid_and_what_changes_no_byte_costs_no_record() {
    let forbidden = ["shrink", "grow", "reseal"].map(|how| (how, "Err(Os { code: 1, "));
    for (how, result) in forbidden.into_iter().chain([("dontneed", "Ok(())")]) {
        let (outcome, said) = run("spoil", &[how]);
        assert!(said.starts_with(result), "{how}: {said}");
        outcome.assert_complete();
        assert_eq!(outcome.records.len(), 200, "{how}");
    }
}

#[test]
fn a_child_that_zeroes_or_fills_its_buffer_runs_on_and_its_parent_ends() {
    for how in ["punch", "punch-data", "remove", "ones"] {
        let (outcome, said) = run("spoil", &[how]);
        assert_eq!(said, "Ok(())\n", "{how}");
        assert!(outcome.status.success(), "{how}: {}", outcome.status);
        assert!(outcome.records.len() <= 200, "{how}: {}", outcome.summary);
    }
}

#[test]
fn what_was_logged_before_a_child_takes_its_buffer_away_from_itself_arrives() {
    for how in ["protect", "read-only", "unmap"] {
        let (outcome, said) = run("spoil", &[how]);
        assert_eq!(said, "Ok(())\n", "{how}");
        assert_eq!(outcome.status.signal(), Some(libc::SIGSEGV), "{how}");
        assert_eq!(outcome.records.len(), 100, "{how}: {}", outcome.summary);
        assert_eq!(outcome.summary.end, StreamEnd::Eof, "{how}");
    }
}

#[test]
fn a_child_that_writes_over_all_words_while_it_logs_ends_with_a_summary() {
    for times in [1, 1_000, 1_000_000] {
        let (outcome, _) = run("overwrite-own", &[&times.to_string()]);
        assert!(outcome.status.success(), "{times}: {}", outcome.status);
    }
}

#[test]
fn a_sibling_that_writes_over_all_words_stops_no_process_and_makes_none_panic() {
    for policy in ["block", "block-for", "drop"] {
        for seed in ["1", "2", "3"] {
            let (outcome, _) = run("beside-a-spoiler", &[policy, "2000", seed]);
            assert!(
                outcome.status.success(),
                "{policy} {seed}: {}",
                outcome.status
            );
            assert_eq!(outcome.errors.text(), "", "{policy} {seed}");
        }
    }
}

#[test]
fn honest_children_lose_nothing_beside_a_hostile_one() {
    campaign("beside --seconds 1 --children 3 --untimed");
}
