use super::*;

const PERIOD: Duration = Duration::from_micros(100);
const SIZE: usize = 256 * 1024;

fn tick(available: usize) -> Tick {
    Tick {
        available,
        size: SIZE,
        waited: PERIOD,
        period: PERIOD,
    }
}

/// Notes `count` reads of `bytes` each, at a distance of `gap`. Returns after which of them the writer is hot.
fn reads(
    pacing: &mut Pacing,
    start: Instant,
    bytes: usize,
    gap: Duration,
    count: u32,
) -> Vec<bool> {
    let at = |i| start + gap * i;
    (0..count).map(|i| pacing.on_read(bytes, at(i))).collect()
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
    assert!(Pacing::default().on_read(4096, Instant::now()));
}

#[test]
fn two_sparse_ticks_in_a_row_stop_pacing() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    assert!(!pacing.on_tick(tick(0), now));
    assert!(!pacing.on_tick(tick(512), now));
    assert!(!pacing.on_tick(tick(511), now));
    assert!(pacing.on_tick(tick(0), now));
    assert!(pacing.on_read(4096, now), "a quiet writer is not suspended");
}

#[test]
fn a_tick_that_came_early_is_not_sparse() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    let early = Tick {
        waited: PERIOD / 3,
        ..tick(0)
    };
    assert!((0..100).all(|_| !pacing.on_tick(early, now)));
}

#[test]
fn a_writer_that_had_to_wait_is_not_paced_for_a_while() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    let full = tick(SIZE / 4 * 3);
    assert!(!pacing.on_tick(full, now));
    assert!(!pacing.on_tick(tick(SIZE / 3), now));
    assert!(!pacing.on_tick(full, now));
    assert!(pacing.on_tick(full, now));
    let before = SUSPENSION - Duration::from_micros(1);
    assert!(!pacing.on_read(4096, now + before));
    assert!(pacing.on_read(4096, now + SUSPENSION));
}

#[test]
fn a_pipe_full_of_half_empty_pages_is_full() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    // One record of 2,100 bytes in each page.
    let full = tick(SIZE / 4096 * 2100);
    assert!(!pacing.on_tick(full, now));
    assert!(!pacing.on_tick(full, now));
    assert!(pacing.on_tick(full, now));
}

#[test]
fn a_half_full_pipe_is_not_full_if_its_level_changes() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    for i in 0..100 {
        let available = SIZE / 2 + (i % 2) * 5000;
        assert!(!pacing.on_tick(tick(available), now));
    }
}

#[test]
fn a_tick_that_came_late_does_not_count_as_full() {
    let (mut pacing, now) = (Pacing::default(), Instant::now());
    let late = Tick {
        waited: PERIOD * 2 + Duration::from_nanos(1),
        ..tick(SIZE)
    };
    assert!((0..100).all(|_| !pacing.on_tick(late, now)));
}
