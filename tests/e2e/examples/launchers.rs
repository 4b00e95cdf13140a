//! `bubblewrap` and `zygote`: children that somebody else starts.

use super::example;

#[test]
#[ignore = "needs bubblewrap"]
fn a_child_in_bubblewrap_has_its_pipe_and_nothing_else() {
    let (status, _, errors) = example("bubblewrap").run_alone();
    assert!(status.success(), "{status}: {errors}");
    for line in [
        " w1/bubblewrap] hello from the sandbox processes=2 ",
        " bubblewrap] 1 record received, exit status: 0",
    ] {
        assert!(errors.contains(line), "{errors}");
    }
}

#[test]
#[ignore = "needs Python"]
fn a_launcher_in_python_passes_a_pipe_on_to_each_child() {
    let (status, _, errors) = example("zygote").run_alone();
    assert!(status.success(), "{status}: {errors}");
    for child in ["w1", "w2"] {
        let line = format!(" {child}/zygote] hello from child process user=7");
        assert_eq!(errors.matches(&line).count(), 1, "{errors}");
    }
    assert_eq!(errors.matches(": 1 record received").count(), 2, "{errors}");
}
