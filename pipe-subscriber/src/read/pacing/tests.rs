use super::*;

const PERIOD: Duration = Duration::from_micros(100);
const SIZE: usize = 256 * 1024;

fn tick(waiting: usize) -> Tick {
    Tick {
        waiting,
        size: SIZE,
        waited: PERIOD,
        period: PERIOD,
    }
}

/// What reads of these sizes and distances say.
fn reads(
    pacing: &mut Pacing,
    start: Instant,
    bytes: usize,
    gap: Duration,
    count: u32,
) -> Vec<bool> {
    let at = |i| start + gap * i;
    (0..count).map(|i| pacing.read(bytes, at(i))).collect()
}

#[test]
fn a_streak_of_close_wakes_is_hot() {
    let gap = Duration::from_micros(19);
    let hot = reads(&mut Pacing::default(), Instant::now(), 140, gap, 9);
    assert_eq!(hot.iter().position(|&hot| hot), Some(8), "{hot:?}");
}

#[test]
fn distant_wakes_are_never_hot() {
    let hot = reads(
        &mut Pacing::default(),
        Instant::now(),
        4095,
        STREAK_GAP,
        100,
    );
    assert!(!hot.contains(&true));
}

#[test]
fn one_large_read_is_hot() {
    assert!(Pacing::default().read(4096, Instant::now()));
}

#[test]
fn two_sparse_ticks_in_a_row_are_the_end() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    assert!(!pacing.tick(tick(0), now));
    assert!(!pacing.tick(tick(512), now));
    assert!(!pacing.tick(tick(511), now));
    assert!(pacing.tick(tick(0), now));
    assert!(pacing.read(4096, now), "quiet is no reason to hold");
}

#[test]
fn a_tick_that_came_early_is_not_sparse() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    let early = Tick {
        waited: PERIOD / 3,
        ..tick(0)
    };
    assert!((0..100).all(|_| !pacing.tick(early, now)));
}

#[test]
fn a_writer_that_is_held_up_is_not_paced_for_a_while() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    let full = tick(SIZE / 4 * 3);
    assert!(!pacing.tick(full, now));
    assert!(!pacing.tick(tick(SIZE / 3), now));
    assert!(!pacing.tick(full, now));
    assert!(pacing.tick(full, now));
    let before = HOLD - Duration::from_micros(1);
    assert!(!pacing.read(4096, now + before));
    assert!(pacing.read(4096, now + HOLD));
}

#[test]
fn a_pipe_full_of_half_empty_pages_is_full() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    // One record of 2,100 bytes in each page.
    let full = tick(SIZE / 4096 * 2100);
    assert!(!pacing.tick(full, now));
    assert!(!pacing.tick(full, now));
    assert!(pacing.tick(full, now));
}

#[test]
fn half_full_is_not_full_while_it_changes() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    for i in 0..100 {
        let waiting = SIZE / 2 + (i % 2) * 5000;
        assert!(!pacing.tick(tick(waiting), now));
    }
}

#[test]
fn a_tick_that_came_late_does_not_count_as_full() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    let late = Tick {
        waited: PERIOD * 2 + Duration::from_nanos(1),
        ..tick(SIZE)
    };
    assert!((0..100).all(|_| !pacing.tick(late, now)));
}
