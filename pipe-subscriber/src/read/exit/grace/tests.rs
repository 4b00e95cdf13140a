use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Looks every `gap`, as often as it takes, each of which finds something or not; how often that was.
fn looks(grace: Duration, gap: Duration, mut finds_nothing: impl FnMut(u32) -> bool) -> u32 {
    let (mut grace, mut now) = (Grace::new(grace), Instant::now());
    for look in 0..1_000_000 {
        if grace.look(now) {
            return look;
        }
        grace.found(finds_nothing(look));
        now += gap;
    }
    panic!("it is never over");
}

#[test]
fn time_with_nothing_to_read_uses_it_up() {
    assert_eq!(looks(SECOND, ms(10), |_| true), 100);
    assert_eq!(looks(SECOND, ms(10), |look| look % 2 == 0), 199);
}

#[test]
fn time_in_which_the_reader_was_busy_does_not_use_it_up() {
    let (mut grace, start) = (Grace::new(SECOND), Instant::now());
    assert!(!grace.look(start));
    grace.found(false);
    for stop in 1..50 {
        assert!(!grace.look(start + stop * 3600 * SECOND));
        grace.found(false);
    }
}

#[test]
fn a_program_that_stands_still_while_the_reader_waits_does_not_use_it_up() {
    let (mut grace, start) = (Grace::new(SECOND), Instant::now());
    assert!(!grace.look(start));
    grace.found(true);
    assert!(!grace.look(start + 3600 * SECOND));
    let short = ms(1);
    let (mut grace, start) = (Grace::new(short), Instant::now());
    assert!(!grace.look(start));
    grace.found(true);
    assert!(!grace.look(start + 3600 * SECOND));
}

#[test]
fn there_is_an_end_for_a_writer_that_never_stops() {
    assert_eq!(looks(SECOND, ms(10), |_| false), 1_000);
    // A reader that takes 5 s for what it reads at once.
    assert_eq!(looks(SECOND, 5 * SECOND, |_| false), 100);
    assert_eq!(looks(ms(50), 5 * SECOND, |_| false), 10);
}

#[test]
fn none_is_over_at_the_first_look() {
    assert!(Grace::new(Duration::ZERO).look(Instant::now()));
}

#[test]
fn any_length_has_an_end_and_steps_that_get_there() {
    for grace in [
        Duration::from_nanos(1),
        Duration::from_nanos(7),
        ms(1),
        ms(50),
        SECOND,
    ] {
        let (mut grace, mut now) = (Grace::new(grace), Instant::now());
        let mut looks = 0;
        while !grace.look(now) {
            grace.found(true);
            assert!(!grace.next_look().is_zero());
            now += grace.next_look();
            looks += 1;
        }
        assert!(looks <= 11, "{looks}");
    }
    assert!(!Grace::new(Duration::MAX).look(Instant::now()));
}

#[test]
fn a_clock_that_goes_back_costs_nothing() {
    let (mut grace, now) = (Grace::new(ms(10)), Instant::now() + SECOND);
    assert!(!grace.look(now));
    grace.found(true);
    assert!(!grace.look(now - SECOND));
}
