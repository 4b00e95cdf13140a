use super::*;

#[test]
fn after_the_cut_a_record_counts_as_neither_sent_nor_dropped() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    log(&handler, "before");
    assert!(!handler.is_gone());
    parent.reader.close(parent.words, || {});
    assert!(handler.is_gone());
    for _ in 0..10 {
        log(&handler, "after");
    }
    assert_eq!((handler.counts().sent, handler.counts().dropped), (1, 0));
    assert_eq!(parent.dropped(), 0);
}

#[test]
fn a_thread_that_waits_for_room_ends_at_the_cut() {
    let (mut parent, handler) = start_with(64 * KIB, Overflow::Block);
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            while !handler.is_gone() {
                log(&handler, "a message of some length");
            }
        });
        wait_until("the ring does not get full", || is_waiting(&parent));
        parent.reader.close(parent.words, || {});
        wait_until("the thread waits on", || waits.is_finished());
    });
}

#[test]
fn a_parent_that_is_killed_is_noticed_by_threads_that_wait_for_room() {
    let (mut parent, handler) = start_with(128 * KIB, Overflow::Block);
    thread::scope(|scope| {
        let waits: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !handler.is_gone() {
                        log(&handler, "a message of some length");
                    }
                })
            })
            .collect();
        wait_until("the ring does not get full", || is_waiting(&parent));
        parent.pipe = None;
        wait_until("a thread waits on", || {
            waits.iter().all(|waits| waits.is_finished())
        });
    });
    assert_eq!(handler.counts().dropped, 0);
}

#[test]
fn a_parent_that_is_killed_while_it_is_awake_is_noticed_by_later_records() {
    for overflow in [Overflow::Block, Overflow::DropNewest] {
        let (mut parent, handler) = start_with(1024 * KIB, overflow);
        parent.read();
        parent.pipe = None;
        let mut last = Instant::now();
        wait_until("it is not noticed", || {
            if last.elapsed() > Duration::from_millis(10) {
                last = Instant::now();
                log(&handler, "now and then");
            }
            handler.is_gone()
        });
        // Long before the ring is full.
        assert!(handler.counts().sent < 200, "{:?}", handler.counts());
    }
}

#[test]
fn a_parent_that_is_killed_is_noticed_by_records_that_are_dropped() {
    let (mut parent, handler) = start_with(64 * KIB, Overflow::DropNewest);
    while handler.counts().dropped == 0 {
        log(&handler, "a message of some length");
    }
    parent.pipe = None;
    wait_until("it is not noticed", || {
        log(&handler, "a message of some length");
        handler.is_gone()
    });
}

#[test]
fn a_parent_that_is_killed_while_it_sleeps_is_noticed_at_the_next_record() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    parent.read();
    parent.reader.fall_asleep(parent.words, || {});
    parent.pipe = None;
    log(&handler, "hello");
    assert!(handler.is_gone());
    assert_eq!(handler.counts().sent, 0);
}

#[test]
fn a_parent_that_is_stopped_is_not_gone() {
    let (mut parent, handler) =
        start_with(64 * KIB, Overflow::BlockFor(Duration::from_millis(250)));
    // Longer than the time after which it is looked for.
    while handler.counts().dropped < 2 {
        log(&handler, "a message of some length");
    }
    assert!(!handler.is_gone());
    let counts = handler.counts();
    assert_eq!(parent.read().records.len() as u64, counts.sent);
    log(&handler, "again");
    assert_eq!(parent.read().records.len(), 1);
}

#[test]
fn a_process_without_its_pipe_takes_a_tail_that_stands_still_for_the_end() {
    let (_parent, handler) = start_with(64 * KIB, Overflow::Block);
    let number = super::room::number_of_pipe(&handler);
    super::room::replace(number, &other_file());
    // Otherwise it would wait for ever.
    while !handler.is_gone() {
        log(&handler, "a message of some length");
    }
}
