use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Updates a grace period every `gap` until it is over, and returns the number of updates. `is_idle` says for each
/// update whether the read after it finds nothing.
fn updates(grace: Duration, gap: Duration, mut is_idle: impl FnMut(u32) -> bool) -> u32 {
    let (mut grace, mut now) = (Grace::new(grace), Instant::now());
    for update in 0..1_000_000 {
        if grace.update(now) {
            return update;
        }
        grace.set_idle(is_idle(update));
        now += gap;
    }
    panic!("it is never over");
}

#[test]
fn time_with_nothing_to_read_uses_it_up() {
    assert_eq!(updates(SECOND, ms(10), |_| true), 100);
    assert_eq!(updates(SECOND, ms(10), |update| update % 2 == 0), 199);
}

#[test]
fn time_in_which_the_reader_was_busy_does_not_use_it_up() {
    let (mut grace, start) = (Grace::new(SECOND), Instant::now());
    assert!(!grace.update(start));
    grace.set_idle(false);
    for hours in 1..50 {
        assert!(!grace.update(start + hours * 3600 * SECOND));
        grace.set_idle(false);
    }
}

#[test]
fn a_stop_of_the_program_while_the_reader_waits_does_not_use_it_up() {
    let (mut grace, start) = (Grace::new(SECOND), Instant::now());
    assert!(!grace.update(start));
    grace.set_idle(true);
    assert!(!grace.update(start + 3600 * SECOND));
    let short = ms(1);
    let (mut grace, start) = (Grace::new(short), Instant::now());
    assert!(!grace.update(start));
    grace.set_idle(true);
    assert!(!grace.update(start + 3600 * SECOND));
}

#[test]
fn there_is_an_end_for_a_writer_that_never_stops() {
    assert_eq!(updates(SECOND, ms(10), |_| false), 1_000);
    // A reader that works for 5 s on each read.
    assert_eq!(updates(SECOND, 5 * SECOND, |_| false), 100);
    assert_eq!(updates(ms(50), 5 * SECOND, |_| false), 10);
}

#[test]
fn a_period_of_zero_is_over_at_the_first_update() {
    assert!(Grace::new(Duration::ZERO).update(Instant::now()));
}

#[test]
fn a_period_of_any_length_ends_after_few_updates() {
    for grace in [
        Duration::from_nanos(1),
        Duration::from_nanos(7),
        ms(1),
        ms(50),
        SECOND,
    ] {
        let (mut grace, mut now) = (Grace::new(grace), Instant::now());
        let mut count = 0;
        while !grace.update(now) {
            grace.set_idle(true);
            assert!(!grace.next_update().is_zero());
            now += grace.next_update();
            count += 1;
        }
        assert!(count <= 11, "{count}");
    }
    assert!(!Grace::new(Duration::MAX).update(Instant::now()));
}

#[test]
fn a_clock_that_goes_back_uses_nothing_up() {
    let (mut grace, now) = (Grace::new(ms(10)), Instant::now() + SECOND);
    assert!(!grace.update(now));
    grace.set_idle(true);
    assert!(!grace.update(now - SECOND));
}
