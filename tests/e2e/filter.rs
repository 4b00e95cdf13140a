//! The filter of a child: the parent's, else its own, else info.

use log::Level;

use crate::support::{Outcome, scenario, within};

/// Returns the child's `log::max_level()`, and the levels of the records of its two targets.
fn seen(outcome: &Outcome) -> (String, [Vec<Level>; 2]) {
    let maximum = outcome
        .records
        .iter()
        .find(|record| record.message == "maximum");
    let maximum = maximum.expect("a record").key_values.get("max");
    let levels = |target: &str| {
        let own = outcome
            .records
            .iter()
            .filter(|record| record.target == target);
        own.map(|record| record.level).collect()
    };
    (
        maximum.expect("a value").to_string(),
        [levels("alpha"), levels("beta::deep")],
    )
}

/// Runs a child with the parent's filter, if any, and the builder's.
fn run(handed_down: Option<&str>, own: &str) -> Outcome {
    let scenario = scenario("levels").arg(own);
    let outcome = within(async {
        match handed_down {
            Some(filter) => {
                scenario
                    .start_as(|spawn| spawn.filter(filter))
                    .finish()
                    .await
            }
            None => scenario.start_by_hand().finish().await,
        }
    });
    outcome.assert_complete();
    outcome
}

fn up_to(level: Level) -> Vec<Level> {
    Level::iter().take_while(|&other| other <= level).collect()
}

#[test]
fn the_filter_that_is_handed_down_beats_the_childs_own() {
    let (maximum, [alpha, beta]) = seen(&run(Some("warn"), "trace"));
    assert_eq!(maximum, "WARN");
    assert_eq!([alpha, beta], [up_to(Level::Warn), up_to(Level::Warn)]);

    let (maximum, [alpha, beta]) = seen(&run(Some("trace"), "error"));
    assert_eq!(maximum, "TRACE");
    assert_eq!([alpha, beta], [up_to(Level::Trace), up_to(Level::Trace)]);
}

#[test]
fn directives_set_the_level_of_each_target() {
    let (maximum, [alpha, beta]) = seen(&run(Some("warn,beta=debug"), ""));
    assert_eq!(maximum, "DEBUG");
    assert_eq!([alpha, beta], [up_to(Level::Warn), up_to(Level::Debug)]);

    let (maximum, [alpha, beta]) = seen(&run(Some("error,alpha=trace,beta::deep=off"), ""));
    assert_eq!(maximum, "TRACE");
    assert_eq!([alpha, beta], [up_to(Level::Trace), vec![]]);
}

#[test]
fn where_nothing_is_handed_down_the_childs_own_filter_holds_else_info() {
    let (maximum, [alpha, beta]) = seen(&run(None, "debug,alpha=error"));
    assert_eq!(maximum, "DEBUG");
    assert_eq!([alpha, beta], [up_to(Level::Error), up_to(Level::Debug)]);

    let (maximum, [alpha, beta]) = seen(&run(None, ""));
    assert_eq!(maximum, "INFO");
    assert_eq!([alpha, beta], [up_to(Level::Info), up_to(Level::Info)]);
}

#[test]
fn a_filter_that_cannot_be_read_means_info_and_one_record_says_so() {
    for own in ["", "trace", "error"] {
        let outcome = run(Some("nonsense=of=this=kind"), own);
        let (maximum, [alpha, beta]) = seen(&outcome);
        assert_eq!(maximum, "INFO");
        assert_eq!([alpha, beta], [up_to(Level::Info), up_to(Level::Info)]);
        let tells = |message: &&str| message.contains("nonsense=of=this=kind");
        assert_eq!(outcome.messages().into_iter().filter(tells).count(), 1);
        assert!(tells(&outcome.messages()[0]), "it comes first");
    }
}

#[test]
fn a_filter_with_a_mistyped_level_is_no_silence() {
    for wish in [
        "inof",
        "warning",
        "wran,alpha=debug",
        "3",
        " , ",
        "alpha=inof",
    ] {
        let outcome = run(Some(wish), "");
        let (maximum, [alpha, beta]) = seen(&outcome);
        assert_eq!(maximum, "INFO", "{wish:?}");
        assert_eq!([alpha, beta], [up_to(Level::Info), up_to(Level::Info)]);
        let first = outcome.messages()[0];
        assert!(first.contains(&format!("{wish:?}")), "{wish:?}: {first}");
    }
    let outcome = run(Some("alpha"), "");
    let targets = outcome.records.iter().map(|record| &*record.target);
    assert_eq!(
        targets.collect::<Vec<_>>(),
        ["alpha"; 5],
        "a target alone is one"
    );
}

#[test]
fn an_empty_filter_that_is_handed_down_is_none() {
    let (maximum, [alpha, beta]) = seen(&run(Some(""), "debug"));
    assert_eq!(maximum, "DEBUG");
    assert_eq!([alpha, beta], [up_to(Level::Debug), up_to(Level::Debug)]);
}

#[test]
fn off_is_a_filter_too() {
    let outcome = within(async {
        scenario("levels")
            .start_as(|spawn| spawn.filter("off"))
            .finish()
            .await
    });
    outcome.assert_complete();
    assert_eq!(outcome.messages(), [""; 0]);
    assert_eq!(outcome.summary.processes.len(), 1, "it has said hello");
}

#[test]
fn the_parents_own_level_is_handed_down_unless_told_otherwise() {
    for (level, expected) in [
        ("off", ""),
        (
            "warn",
            "maximum,alpha ERROR,beta ERROR,alpha WARN,beta WARN",
        ),
    ] {
        let (status, said, _) = scenario("parent-level").arg(level).run_alone();
        assert!(status.success(), "{status}");
        assert_eq!(said.trim_end(), expected, "{level}");
    }
}

#[test]
fn a_filter_from_the_parents_environment_is_handed_down_without_its_search() {
    for (value, expected) in [
        (
            Some(" warn,worker::db=debug/a search"),
            "warn,worker::db=debug",
        ),
        (Some("/a search"), "trace"),
        (Some(""), "trace"),
        (None, "trace"),
    ] {
        let parent = scenario("parent-filter").arg("DIRECTIVES");
        let parent = match value {
            Some(value) => parent.env("DIRECTIVES", value),
            None => parent,
        };
        let (status, said, _) = parent.run_alone();
        assert!(status.success(), "{status}");
        assert_eq!(said.trim_end(), expected, "{value:?}");
    }
}
