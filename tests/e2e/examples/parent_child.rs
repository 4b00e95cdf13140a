//! `parent_child`, the first example.

use super::{example, full};

/// It writes to stderr only, through its logger.
#[test]
fn the_first_example_needs_no_stdout() {
    let (status, _, errors) = example("parent_child").stdout(full()).run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert!(errors.contains("1 record received"), "{errors}");
}

#[test]
fn the_first_example_says_hello_from_both_sides_and_which_is_which() {
    let (status, said, errors) = example("parent_child").run_alone();
    assert!(status.success(), "{status}");
    let all = format!("{said}{errors}");
    for line in [
        " parent_child] hello from parent process",
        " w1/parent_child] hello from child process user=7",
    ] {
        assert_eq!(all.matches(line).count(), 1, "{all}");
    }
}
