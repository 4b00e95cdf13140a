//! A token goes round several threads. Each logs and then hands it on, so each frame was logged before the next.

use std::{
    sync::atomic::{AtomicU64, Ordering::*},
    thread,
    time::Duration,
};

use super::*;
use crate::stream::ring::hooks::{Hooks, set_hooks};

const THREADS: u64 = 8;
const TURNS: u64 = 16_000;

/// Longer than a few turns of the token.
const PAUSE: Duration = Duration::from_micros(30);

/// Returns how many frames came after a later one.
fn inversions(hooks: Hooks) -> u64 {
    let memory = Memory::new(THREADS as usize * 32 * KIB);
    let mut reader = memory.reader();
    let token = AtomicU64::new(0);
    set_hooks(hooks);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (memory, token) = (&memory, &token);
            let mut writer = memory.claim().unwrap();
            scope.spawn(move || {
                for turn in (thread..TURNS).step_by(THREADS as usize) {
                    while token.load(Acquire) != turn {
                        thread::yield_now();
                    }
                    log(memory, &mut writer, &frame(&turn.to_be_bytes()));
                    token.store(turn + 1, Release);
                }
            });
        }
        let (mut received, mut next, mut inversions) = (0, 0, 0);
        while received < TURNS {
            turn(&memory, &mut reader, |_, frame| {
                received += 1;
                inversions += u64::from(number(frame) < next);
                next = next.max(number(frame) + 1);
            });
        }
        assert_eq!(next, TURNS);
        inversions
    })
}

#[test]
fn a_frame_that_was_logged_before_another_comes_first() {
    let hooks = Hooks {
        pause: Duration::ZERO,
        holds_back: true,
    };
    assert_eq!(inversions(hooks), 0);
}

#[test]
fn a_frame_that_was_logged_while_positions_are_read_comes_in_its_place() {
    let slow = |holds_back| Hooks {
        pause: PAUSE,
        holds_back,
    };
    assert_eq!(inversions(slow(true)), 0);
    // The pause is long enough to show it.
    assert!(inversions(slow(false)) > 0);
}
