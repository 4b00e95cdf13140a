//! Children that end in any other way lose no record either.

use crate::campaign::seeded_campaign;

#[test]
fn no_sudden_death_loses_tears_or_repeats_an_acknowledged_record() {
    let deaths = "abort,sigsegv,_exit,exec,sigterm,panic-abort";
    seeded_campaign(&format!(
        "kills --kills 60 --records 3000 --delivery shared --deaths {deaths}"
    ));
}

/// Threads go on logging while the process gives its rings back and their records take the pipe.
#[test]
fn an_orderly_end_among_threads_that_log_keeps_every_record_and_its_order() {
    seeded_campaign(
        "kills --kills 15 --records 3000 --delivery shared --deaths return,exit,panic,return,exit,panic,sigkill",
    );
}
