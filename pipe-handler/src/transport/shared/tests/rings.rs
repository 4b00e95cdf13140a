use super::*;

#[test]
fn a_thread_gives_its_ring_back_and_a_handler_all_of_them() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    thread::scope(|scope| {
        let log = || log(&handler, "hello");
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(log)).collect();
        // A scope by itself does not wait for the destructors of thread-locals.
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
    log(&handler, "hello");
    parent.read();
    // The common one, and that of this thread.
    assert_eq!(parent.claimed(), 2);
    let counts = handler.close().unwrap();
    drop(handler);
    let found = parent.read();
    assert_eq!((found.closes.len(), found.closes[0].sent), (1, counts.sent));
    assert_eq!(parent.claimed(), 0);
    assert!(parent.rings().all(|ring| ring.owner.load(Relaxed) == 0));
}

#[test]
fn rings_that_are_given_back_wake_a_parent_that_sleeps() {
    let (mut parent, fd, write_end) = Parent::new(1024 * KIB);
    let transport = transport(fd, write_end).expect("a buffer");
    transport.shared.as_ref().unwrap().begin(7);
    assert_eq!(parent.claimed(), 1);
    parent.reader.fall_asleep(parent.words, || {});
    parent.read();
    transport.give_rings_back(&mut Deadline::no_wait());
    assert!(!parent.read_pipe().is_empty());
    parent.read();
    assert_eq!(parent.claimed(), 0);
}

#[test]
fn threads_without_a_ring_share_one_until_the_parent_has_freed_another() {
    // Two rings, one of which is the common one. The thread that writes the hello gives the other one back.
    let start = || start_with(64 * KIB, Overflow::Block);
    let (mut parent, handler) = thread::spawn(start).join().unwrap();
    parent.read();
    thread::scope(|scope| {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let handler = &handler;
        let first = scope.spawn(move || {
            log(handler, "in its own");
            wait.recv().unwrap();
        });
        wait_until("no record", || handler.counts().sent == 1);
        log(handler, "in the common one");
        let position = |ring: RingWords<'_>| ring.head.load(Relaxed);
        let common = position(parent.ring(0));
        log(handler, "in the common one");
        assert!(position(parent.ring(0)) > common);
        assert_eq!(parent.read().records.len(), 3);
        go.send(()).unwrap();
        first.join().unwrap();
        parent.read();
        let (common, own) = (position(parent.ring(0)), position(parent.ring(1)));
        log(handler, "in its own");
        assert_eq!(position(parent.ring(0)), common);
        assert!(position(parent.ring(1)) > own);
    });
    assert_eq!(parent.read().records.len(), 1);
}

#[test]
fn many_threads_on_few_rings_keep_their_order_and_lose_nothing() {
    let (mut parent, handler) = start_with(128 * KIB, Overflow::Block);
    let found = read_beside(&mut parent, || {
        thread::scope(|scope| {
            for thread in 0..16 {
                let handler = &handler;
                scope.spawn(move || (0..500).for_each(|n| log(handler, &format!("{thread} {n}"))));
            }
        });
    });
    assert_eq!(found.seqs(), (1..=8000).collect::<Vec<_>>());
    for thread in 0..16 {
        let prefix = format!("{thread} ");
        let own = found
            .records
            .iter()
            .filter_map(|record| record.message.strip_prefix(&*prefix));
        assert!(own.map(|n| n.parse::<u32>().unwrap()).eq(0..500));
    }
}

#[test]
fn records_after_the_exit_hook_go_through_the_pipe_and_are_counted() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    log(&handler, "before");
    handler.writer.close_at_exit().unwrap();
    log(&handler, "after");
    handler.writer.close_at_exit().unwrap();
    let found = parent.read();
    assert_eq!((found.records.len(), found.closes[0].sent), (1, 1));
    let found = parent.read_pipe_frames();
    assert_eq!((found.records[0].seq, found.closes[0].sent), (2, 2));
    assert!(found.hellos.is_empty());
    assert_eq!(parent.claimed(), 0);
    assert_eq!(handler.wait_read(LIMIT), Err(crate::WaitReadError::Pipe));
}

#[test]
fn an_exit_with_a_full_ring_closes_through_the_pipe() {
    let (mut parent, handler) = start_with(64 * KIB, Overflow::DropNewest);
    let full = |handler: &PipeHandler| {
        thread::scope(|scope| {
            // Into the common ring: the thread has none of its own.
            scope.spawn(|| {
                let before = handler.counts().dropped;
                while handler.counts().dropped == before {
                    log(handler, "a message of some length");
                }
            });
        })
    };
    full(&handler);
    log(&handler, "takes the other ring");
    let counts = {
        let before = handler.counts();
        while handler.counts().dropped == before.dropped {
            log(&handler, "a message of some length");
        }
        handler.writer.close_at_exit().unwrap()
    };
    let (rings, pipe) = (parent.read(), parent.read_pipe_frames());
    assert_eq!(rings.closes.len() + pipe.closes.len(), 1);
    assert_eq!(rings.records.len() as u64, counts.sent);
}

#[test]
fn a_process_without_a_ring_uses_the_pipe_from_its_hello_on() {
    let (mut parent, fd, write_end) = Parent::new(32 * KIB);
    parent.ring(0).owner.store(7, Relaxed);
    let handler = make(fd, write_end, |builder| builder).unwrap();
    log(&handler, "hello");
    let found = parent.read_pipe_frames();
    assert_eq!((found.hellos.len(), found.records.len()), (1, 1));
    assert_eq!(handler.wait_read(LIMIT), Err(crate::WaitReadError::Pipe));
}
