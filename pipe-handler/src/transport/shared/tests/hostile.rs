use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::*;
use crate::transport::{Deadline, LateFrame, Written};

const GIVEN_UP: u64 = 1 << 63;

#[test]
fn a_thread_whose_ring_was_given_up_goes_on_in_the_common_one() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    log(&handler, "in its own");
    parent.read();
    parent.ring(1).tail.store(GIVEN_UP, SeqCst);
    let common = parent.ring(0).head.load(SeqCst);
    log(&handler, "in the common one");
    assert!(parent.ring(0).head.load(SeqCst) > common);
    let found = parent.read();
    assert_eq!((found.records.len(), found.records[0].seq), (1, 2));
    assert!(parent.read_pipe().is_empty());
}

#[test]
fn a_process_that_has_no_ring_left_begins_anew_on_the_pipe() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    log(&handler, "in its own");
    thread::scope(|scope| {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let handler = &handler;
        let other = scope.spawn(move || {
            log(handler, "in its own");
            wait.recv().unwrap();
            log(handler, "of another thread, by the pipe");
        });
        wait_until("no record", || handler.counts().sent == 2);
        let before = parent.read();
        parent.ring(0).tail.store(GIVEN_UP, SeqCst);
        parent.ring(1).tail.store(GIVEN_UP, SeqCst);
        log(handler, "by the pipe");
        go.send(()).unwrap();
        other.join().unwrap();
        let found = parent.read_pipe_frames();
        assert_eq!(found.hellos.len(), 1);
        assert_ne!(found.hellos[0], before.hellos[0]);
        assert_eq!(found.seqs(), [1, 2]);
        assert!(
            found
                .records
                .iter()
                .all(|record| record.instance == found.hellos[0])
        );
    });
    assert_eq!((handler.counts().sent, handler.counts().dropped), (2, 0));
    drop(handler);
    assert_eq!(parent.read_pipe_frames().closes.len(), 1);
}

#[test]
fn a_ticket_counter_that_was_pushed_away_ends_the_use_of_the_buffer() {
    for value in [0, GIVEN_UP, u64::MAX] {
        let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
        log(&handler, "in its own");
        parent
            .layout
            .header(parent.words)
            .ticket
            .store(value, SeqCst);
        for _ in 0..3 {
            log(&handler, "by the pipe");
        }
        let found = parent.read_pipe_frames();
        assert_eq!((found.hellos.len(), found.seqs()), (1, vec![1, 2, 3]));
        // Its rings are given back, as far as they make sense.
        assert!(
            parent
                .rings()
                .all(|ring| ring.owner.load(SeqCst) == 0 || ring.released.load(SeqCst) == 1)
        );
    }
}

#[test]
fn a_panic_record_finds_its_way_out_of_rings_that_are_lost() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    log(&handler, "in its own");
    parent.layout.header(parent.words).ticket.store(0, SeqCst);
    let record = LogRecord::new(Level::Error, "panic", "at the worst moment");
    handler.writer.log_built(record);
    let found = parent.read_pipe_frames();
    assert_eq!((found.hellos.len(), found.seqs()), (1, vec![1]));
    assert_eq!(found.records[0].instance, found.hellos[0]);
}

#[test]
fn a_sibling_that_writes_over_every_word_stops_nobody() {
    let (parent, handler) = start_with(256 * KIB, Overflow::BlockFor(Duration::from_millis(5)));
    let is_over = AtomicBool::new(false);
    // The words of the header after the geometry, the heads of the rings, and some of the rings.
    let words = &parent.words[8..parent.layout.data_begin() / 8 + 1000];
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 7_u64;
            while !is_over.load(SeqCst) {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                let word = &words[(random >> 33) as usize % words.len()];
                // The bell's word may be anything but "closed", which is to be believed.
                if !ptr::eq(word, parent.layout.header(parent.words).bell) {
                    word.store(
                        [random, 0, 8 << (random >> 60), GIVEN_UP, u64::MAX]
                            [random as usize >> 2 & 3],
                        SeqCst,
                    );
                }
            }
        });
        let loggers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for n in 0..2000 {
                        log(&handler, &"x".repeat(n * 7 % 3000));
                    }
                })
            })
            .collect();
        // Nobody reads the pipe: with the policy, no record waits for long.
        wait_until("a thread hangs", || {
            loggers.iter().all(|logger| logger.is_finished())
        });
        is_over.store(true, SeqCst);
    });
    assert!(!handler.is_gone());
}

/// A frame whose completion logs, as a signal handler may at that moment.
struct Interrupted<'h>(&'h PipeHandler);

impl LateFrame for Interrupted<'_> {
    fn longest(&self) -> usize {
        6
    }

    fn time(&self) -> u64 {
        record_proto::now()
    }

    fn finish(&mut self, _: bool) -> &[u8] {
        log(self.0, "nested");
        &[0, 0, 0, 2, 5, 0x90]
    }
}

#[test]
fn a_record_that_is_logged_in_the_middle_of_a_commit_is_dropped_and_counted() {
    // With and without a ring of the thread's own.
    for bytes in [1024 * KIB, 32 * KIB] {
        let (mut parent, handler) = start_with(bytes, Overflow::Block);
        let (shared, pipe) = handler.writer.transport.shared().unwrap();
        let mut deadline = Deadline::new(Overflow::Block);
        let put = shared
            .rings()
            .unwrap()
            .put(&mut Interrupted(&handler), pipe, &mut deadline);
        assert_eq!(put, Some(Written::Whole));
        log(&handler, "after");
        assert_eq!(handler.counts().dropped, 1);
        assert_eq!(parent.dropped(), 1);
        let found = parent.read();
        assert_eq!(found.seqs(), [2]);
    }
}
