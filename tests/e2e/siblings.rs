//! The statements of SECURITY.md about a child that wants to write into another child's pipe. Root may do anything, so
//! the scenario becomes another user first if it is root.

use crate::support::scenario;

#[track_caller]
fn assert_comes(how: &str, wrapper: &str, expected: &str) {
    let (status, said, errors) = scenario("parent-siblings")
        .arg(how)
        .arg(wrapper)
        .run_alone();
    assert!(status.success(), "{how}: {status}: {errors}");
    assert_eq!(said.trim_end(), expected, "{how} {wrapper}");
}

#[test]
fn a_child_of_the_same_user_reaches_its_siblings_pipe_through_proc() {
    assert_comes("open", "", "parent reached, sibling reached, forged 2");
}

#[test]
fn a_parent_that_is_not_dumpable_closes_one_way_and_a_sibling_that_is_not_the_other() {
    let half = "parent PermissionDenied, sibling reached, forged 1";
    assert_comes("parent-hidden", "", half);
    let other_half = "parent reached, sibling PermissionDenied, forged 1";
    assert_comes("victim-hidden", "", other_half);
    let both = "parent PermissionDenied, sibling PermissionDenied, forged 0";
    assert_comes("parent-hidden victim-hidden", "", both);
}

#[test]
#[ignore = "needs root"]
fn a_child_of_another_user_reaches_no_pipe_but_its_own() {
    let refused = "parent PermissionDenied, sibling PermissionDenied, forged 0";
    assert_comes("root other-users", "", refused);
}

#[test]
#[ignore = "needs root and unshare(1)"]
fn a_pid_namespace_with_a_proc_of_its_own_shows_no_pipe_but_the_childs_own() {
    let reached = "parent reached, sibling reached, forged 2";
    assert_comes("root", "unshare --pid --fork", reached);
    let not_there = "parent NotFound, sibling NotFound, forged 0";
    assert_comes("root", "unshare --pid --fork --mount-proc", not_there);
}

#[test]
#[ignore = "needs user namespaces and unshare(1)"]
fn a_user_namespace_keeps_a_child_in_it_from_the_pipes_outside() {
    let refused = "parent PermissionDenied, sibling PermissionDenied, forged 0";
    assert_comes("open", "unshare --user", refused);
}
