//! Settings of the whole system under which a buffer is used or refused.

use std::fs;

use crate::support::{program, scenario};

/// A setting of the system that has another value until this is dropped, after a panic too.
struct Changed {
    path: &'static str,
    before: String,
}

impl Changed {
    fn to(path: &'static str, value: &str) -> Self {
        let before = fs::read_to_string(path).expect("a setting");
        fs::write(path, value).expect("root, and a system that may be changed");
        Self { path, before }
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        // A panic while another one unwinds would end the tests before they can say what failed.
        if let Err(error) = fs::write(self.path, &self.before) {
            eprintln!("{} is not as it was: {error}", self.path);
        }
    }
}

#[test]
#[ignore = "needs root and changes vm.overcommit_memory of the whole system"]
fn a_system_that_does_not_overcommit_has_no_buffer() {
    let output = {
        // Memory that other programs have is counted too; there must be room for more.
        let _ratio = Changed::to("/proc/sys/vm/overcommit_ratio", "1000");
        let _policy = Changed::to("/proc/sys/vm/overcommit_memory", "2");
        scenario("parent-limited").arg("none").arg("").run_alone()
    };
    let (status, said, errors) = output;
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(
        said,
        "5 true\nthere is no shared buffer, only the pipe: the system does not overcommit memory \
         (vm.overcommit_memory is 2)\n"
    );
}

/// The setting belongs to a PID namespace. It refuses memory that could be executed.
#[test]
#[ignore = "needs root and unshare(1)"]
fn a_system_that_refuses_executable_memory_has_a_buffer() {
    let script = "echo 2 > /proc/sys/vm/memfd_noexec && exec \"$0\" parent-limited none ''";
    let start = program("unshare").arg("--pid").arg("--fork").arg("sh");
    let start = start.arg("-c").arg(script);
    let (status, said, errors) = start.arg(env!("CARGO_BIN_EXE_e2e-child")).run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(said, "5 true\n\n", "{errors}");
}
