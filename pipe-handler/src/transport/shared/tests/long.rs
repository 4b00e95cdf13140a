use super::*;

#[test]
fn a_record_of_up_to_64_kib_is_one_frame() {
    // Rings of 1 MiB.
    let (mut parent, handler) = start_with(16 * 1024 * KIB, Overflow::Block);
    for length in [10, 5000, 40 * KIB, 65_000] {
        log(&handler, &"x".repeat(length));
        let found = parent.read();
        assert_eq!((found.records.len(), found.fragments), (1, 0), "{length}");
        assert_eq!(found.records[0].message.len(), length);
    }
}

#[test]
fn a_longer_record_is_fragments_of_the_rings_size() {
    for (bytes, limit) in [(64 * KIB, 8 * KIB), (16 * 1024 * KIB, 64 * KIB + 4)] {
        for overflow in [Overflow::Block, Overflow::BlockFor(LIMIT)] {
            let (mut parent, handler) = start_with(bytes, overflow);
            let text = "x".repeat(200_000);
            let found = read_beside(&mut parent, || {
                for _ in 0..10 {
                    log(&handler, &text);
                }
            });
            assert_eq!(found.seqs(), (1..=10).collect::<Vec<_>>());
            assert!(found.records.iter().all(|record| record.message == text));
            assert!(
                found.longest <= limit && found.longest > limit - 100,
                "{}",
                found.longest
            );
            assert!(parent.reader.given_up().is_empty());
        }
    }
}

#[test]
fn a_record_above_the_limit_is_cut_and_then_sent_in_one_piece_or_several() {
    for (limit, length) in [(9000, 20_000), (100_000, 250_000)] {
        let (mut parent, handler) = start(1024 * KIB, |builder| builder.record_limit(limit));
        let found = read_beside(&mut parent, || log(&handler, &"x".repeat(length)));
        assert_eq!(found.records[0].seq, 1);
        assert_eq!(found.records[0].original_length, Some(length as u64));
    }
}

#[test]
fn a_ring_that_gets_no_more_pages_takes_smaller_frames() {
    let (mut parent, handler) = start_with(16 * 1024 * KIB, Overflow::Block);
    let text = "x".repeat(40 * KIB);
    let found = read_beside(&mut parent, || {
        log(&handler, "the first pages are there");
        refuse(libc::SYS_madvise);
        for _ in 0..20 {
            log(&handler, &text);
        }
        log(&handler, "short");
    });
    assert_eq!(found.seqs(), (1..=22).collect::<Vec<_>>());
    assert!(
        found.records[1..21]
            .iter()
            .all(|record| record.message == text)
    );
    // A quarter of the 16 KiB that it has.
    assert!(
        found.fragments > 200 && found.longest <= 4 * KIB,
        "{}",
        found.longest
    );
}

#[test]
fn without_any_pages_a_thread_uses_the_common_ring_and_a_process_no_buffer() {
    let (mut parent, handler) = start_with(1024 * KIB, Overflow::Block);
    let found = read_beside(&mut parent, || {
        refuse(libc::SYS_madvise);
        log(&handler, "hello");
    });
    assert_eq!(found.records.len(), 1);
    let refused = thread::spawn(|| {
        let (_parent, fd, write_end) = Parent::new(1024 * KIB);
        refuse(libc::SYS_madvise);
        make(fd, write_end, |builder| builder).map(|_| ())
    });
    let refused = refused.join().unwrap();
    assert!(matches!(refused, Err(Refused::Pages)), "{refused:?}");
}
#[test]
#[expect(unsafe_code, reason = "mlockall and fork have no safe form")]
fn a_process_that_locks_its_memory_is_found_out() {
    use super::super::mlock::is_memory_locked;

    assert!(!is_memory_locked());
    // SAFETY: the child makes system calls only.
    let (child, mut status) = (unsafe { libc::fork() }, 0);
    if child == 0 {
        let limit = libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: the limit is on the stack.
        unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
        // SAFETY: the call takes no pointers.
        let is_locked = unsafe { libc::mlockall(libc::MCL_FUTURE) } == 0;
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(is_locked && !is_memory_locked())) };
    }
    // SAFETY: the status is on the stack.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}
