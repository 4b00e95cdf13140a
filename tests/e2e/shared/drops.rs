//! Policies that drop records for want of room, and count them where no death loses the count.

use crate::campaign::seeded_campaign;

#[test]
fn each_record_that_was_logged_is_received_or_counted_as_dropped_at_any_sudden_death() {
    let deaths = "sigkill,abort,sigsegv,_exit,exec";
    seeded_campaign(&format!(
        "kills --kills 60 --records 3000 --delivery shared-dropping,shared-waiting --deaths {deaths}"
    ));
}
