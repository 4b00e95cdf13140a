use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::*;

#[test]
fn records_come_after_the_hello_with_numbers_from_one() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    for n in 0..100 {
        log(&handler, &format!("record {n}"));
    }
    let found = parent.read();
    assert_eq!(found.hellos.len(), 1);
    assert_eq!(found.hellos[0], found.records[0].instance);
    assert_eq!(found.seqs(), (1..=100).collect::<Vec<_>>());
    assert_eq!(found.records[99].message, "record 99");
    assert_eq!((handler.counts().sent, handler.counts().dropped), (100, 0));
    assert!(parent.read_pipe().is_empty());
}

#[test]
fn a_record_without_room_is_dropped_with_a_number_and_counted_in_the_ring() {
    let (mut parent, handler) = start_with(64 * KIB, Overflow::DropNewest);
    for _ in 0..2000 {
        log(&handler, "a message of some length");
    }
    let counts = handler.counts();
    assert!(counts.dropped > 0);
    assert_eq!(counts.sent + counts.dropped, 2000);
    assert_eq!(parent.dropped(), counts.dropped);
    let found = parent.read();
    assert_eq!(found.records.len() as u64, counts.sent);
    log(&handler, "the last");
    assert_eq!(parent.read().records[0].seq, 2001);
}

#[test]
fn a_thread_that_waits_for_room_has_taken_no_number() {
    let (mut parent, handler) = start_with(128 * KIB, Overflow::Block);
    let begun = AtomicU64::new(0);
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            for _ in 0..2000 {
                begun.fetch_add(1, Relaxed);
                log(&handler, "a message of some length");
            }
        });
        wait_until("the ring does not get full", || is_waiting(&parent));
        let before = begun.load(Relaxed) - 1;
        // Another thread has room in a ring of its own.
        scope.spawn(|| log(&handler, "other")).join().unwrap();
        let found = parent.read();
        let other = found
            .records
            .iter()
            .find(|record| record.message == "other");
        assert_eq!(other.unwrap().seq, before + 1);
        wait_until("the thread does not go on", || {
            parent.turn(&mut Found::default());
            waits.is_finished()
        });
    });
    assert_eq!(handler.counts().sent, 2001);
}

#[test]
fn the_wait_for_room_ends_with_the_policy() {
    let limit = Duration::from_millis(20);
    let (_parent, handler) = start_with(64 * KIB, Overflow::BlockFor(limit));
    while handler.counts().dropped == 0 {
        log(&handler, "a message of some length");
    }
}

#[test]
fn a_sleeping_parent_is_woken_once_in_a_while_and_a_full_pipe_drops_nothing() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::DropNewest);
    parent.read();
    parent.reader.fall_asleep(parent.words, || {});
    for _ in 0..50 {
        log(&handler, "hello");
    }
    assert_eq!(parent.read_pipe(), [0, 0, 0, 2, 5, 0x90]);
    // The same sleep is answered again after a while: the bell may have been stolen.
    wait_until("no second bell", || {
        log(&handler, "hello");
        parent.read();
        !parent.read_pipe().is_empty()
    });
    // It sleeps again, and the pipe has no room for a bell.
    let full = handler.writer.transport.pipe.as_ref().unwrap();
    while full.write(&[0; 4096], &mut crate::transport::Deadline::no_wait())
        == crate::transport::Written::Whole
    {}
    parent.reader.awake(parent.words);
    parent.reader.fall_asleep(parent.words, || {});
    let before = handler.counts().sent;
    log(&handler, "hello");
    assert_eq!(
        (handler.counts().sent, handler.counts().dropped),
        (before + 1, 0)
    );
}

#[test]
fn a_thread_that_waits_for_room_wakes_a_parent_whose_bell_was_lost() {
    for overflow in [Overflow::Block, Overflow::DropNewest] {
        let (mut parent, handler) = start_with(64 * KIB, overflow);
        parent.read();
        parent.reader.fall_asleep(parent.words, || {});
        thread::scope(|scope| {
            let logger = scope.spawn(|| {
                while handler.counts().dropped == 0 && handler.counts().sent < 1000 {
                    log(&handler, "a message of some length");
                }
            });
            let is_full = || is_waiting(&parent) || handler.counts().dropped > 0;
            wait_until("the ring does not get full", is_full);
            // Somebody takes the first bell. Another one comes from a thread without room.
            parent.read_pipe();
            wait_until("no second bell", || {
                if overflow == Overflow::DropNewest {
                    log(&handler, "a message of some length");
                }
                !parent.read_pipe().is_empty()
            });
            wait_until("the thread does not go on", || {
                parent.read();
                logger.is_finished()
            });
        });
    }
}

#[test]
fn a_bell_is_not_written_into_another_file_under_the_number_of_the_pipe() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    let (mut other, write_end) = io::pipe().unwrap();
    let number = number_of_pipe(&handler);
    replace(number, &write_end);
    parent.read();
    parent.reader.fall_asleep(parent.words, || {});
    log(&handler, "hello");
    assert_eq!(parent.read().records.len(), 1);
    // The close goes through the ring too.
    drop(handler);
    assert_eq!(parent.read().closes.len(), 1);
    drop(write_end);
    replace(number, &other_file());
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut other, &mut bytes).unwrap();
    assert!(bytes.is_empty(), "{bytes:?}");
}

/// Returns the number of the descriptor of the handler's pipe.
pub(super) fn number_of_pipe(handler: &PipeHandler) -> i32 {
    let pipe = handler.writer.transport.pipe.as_ref();
    pipe.unwrap().end.address().unwrap().fd
}

/// Makes the number stand for another file.
#[expect(unsafe_code, reason = "the program does that by mistake")]
pub(super) fn replace(number: i32, file: &impl AsFd) {
    // SAFETY: the call itself does nothing but that.
    assert!(unsafe { libc::dup2(file.as_fd().as_raw_fd(), number) } >= 0);
}

#[test]
fn wait_read_returns_when_the_parent_has_read_everything() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    thread::scope(|scope| {
        scope.spawn(|| log(&handler, "of a thread that has ended"));
    });
    log(&handler, "hello");
    let short = Duration::from_millis(20);
    assert_eq!(
        handler.wait_read(short),
        Err(crate::WaitReadError::TimedOut)
    );
    let found = read_beside(&mut parent, || assert_eq!(handler.wait_read(LIMIT), Ok(())));
    assert_eq!(found.records.len(), 2);
    // Nothing is to be waited for.
    assert_eq!(handler.wait_read(Duration::ZERO), Ok(()));
    drop(parent.pipe.take());
    log(&handler, "hello");
    assert_eq!(handler.wait_read(LIMIT), Err(crate::WaitReadError::Gone));
}

#[test]
fn a_pipe_does_not_tell_what_was_read() {
    let (_read_end, write_end) = io::pipe().unwrap();
    let handler = PipeHandler::builder().build_on(write_end).unwrap();
    assert_eq!(handler.wait_read(LIMIT), Err(crate::WaitReadError::Pipe));
}
