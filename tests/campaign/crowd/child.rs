//! A process of many threads that log as fast as they can, or one that forks workers of some threads.

use std::{io, process, thread};

use pipe_handler::{Delivery, PipeHandler};
use rustix::process::{Pid, WaitOptions, waitpid};

use super::Plan;

/// Runs all processes to their end.
pub(crate) fn run(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let delivery = match plan.is_shared {
        true => Delivery::Shared,
        false => Delivery::Direct,
    };
    PipeHandler::builder()
        .delivery(delivery)
        .init()
        .expect("a record pipe");
    if plan.processes == 1 {
        return log_from_threads(&plan);
    }
    let workers: Vec<_> = (0..plan.processes).map(|_| fork(&plan)).collect();
    for worker in workers {
        let status = waitpid(Some(worker), WaitOptions::empty()).expect("waitpid");
        let status = status.map(|(_, status)| status.exit_status());
        assert_eq!(status, Some(Some(0)));
    }
}

fn fork(plan: &Plan) -> Pid {
    // SAFETY: this process has one thread.
    let forked = unsafe { libc::fork() };
    assert!(forked >= 0, "fork: {}", io::Error::last_os_error());
    Pid::from_raw(forked).unwrap_or_else(|| {
        log_from_threads(plan);
        process::exit(0)
    })
}

fn log_from_threads(plan: &Plan) {
    thread::scope(|scope| {
        for thread in 0..plan.threads {
            scope.spawn(move || {
                for n in 0..plan.records {
                    log::info!(n, took = 1.5; "thread {thread} has done the work number {n}, as always");
                }
            });
        }
    });
}
