//! Fragments put together again, in whatever order and number they come.

mod common;

use std::borrow::Cow;

use proptest::{collection::vec, prelude::*, sample::Index};
use record_proto::{Fragment, Progress, Reassembler, Rejected, split};

#[test]
fn a_record_of_one_fragment_is_whole_at_once() {
    let mut reassembler = Reassembler::new();
    let [only] = pieces(&[7; 10], 1, 1);
    assert_eq!(reassembler.push(&only), Progress::Complete(vec![7; 10]));
    assert_eq!((reassembler.open(), reassembler.evicted()), (0, 0));
}

#[test]
fn fragments_of_different_streams_and_processes_interleave() {
    let mut reassembler = Reassembler::new();
    let a: [_; 3] = pieces(b"aaabbbccc", 1, 1);
    let b: [_; 3] = pieces(b"dddeeefff", 1, 2);
    // The same number in another process is another stream.
    let c: [_; 3] = pieces(b"ggghhhiii", 2, 1);
    for index in 0..2 {
        for record in [&a, &b, &c] {
            assert_eq!(reassembler.push(&record[index]), Progress::Incomplete);
        }
    }
    assert_eq!(reassembler.open(), 3);
    assert_eq!(
        reassembler.push(&b[2]),
        Progress::Complete(b"dddeeefff".into())
    );
    assert_eq!(
        reassembler.push(&a[2]),
        Progress::Complete(b"aaabbbccc".into())
    );
    assert_eq!(
        reassembler.push(&c[2]),
        Progress::Complete(b"ggghhhiii".into())
    );
    assert_eq!((reassembler.open(), reassembler.evicted()), (0, 0));
}

#[test]
fn a_fragment_whose_start_never_came_is_rejected() {
    let mut reassembler = Reassembler::new();
    let [_, second, last] = pieces(b"aaabbbccc", 1, 1);
    for lost in [second, last] {
        assert_eq!(
            reassembler.push(&lost),
            Progress::Rejected(Rejected::NoStart)
        );
    }
    assert_eq!(reassembler.open(), 0);
}

#[test]
fn a_fragment_out_of_order_gives_its_record_up_and_no_other() {
    let mut reassembler = Reassembler::new();
    let [first, second, last] = pieces(b"aaabbbccc", 1, 1);
    let [other, other_last] = pieces(b"dddeee", 2, 1);
    reassembler.push(&first);
    reassembler.push(&other);
    let (expected, found) = (1, 2);
    let out_of_order = Rejected::OutOfOrder { expected, found };
    assert_eq!(reassembler.push(&last), Progress::Rejected(out_of_order));
    assert_eq!(
        reassembler.push(&second),
        Progress::Rejected(Rejected::NoStart)
    );
    assert_eq!(
        reassembler.push(&other_last),
        Progress::Complete(b"dddeee".into())
    );
}

#[test]
fn the_same_fragment_twice_is_out_of_order() {
    let mut reassembler = Reassembler::new();
    let [first, second, _] = pieces(b"aaabbbccc", 1, 1);
    reassembler.push(&first);
    reassembler.push(&second);
    let (expected, found) = (2, 1);
    let out_of_order = Rejected::OutOfOrder { expected, found };
    assert_eq!(reassembler.push(&second), Progress::Rejected(out_of_order));
}

#[test]
fn index_0_discards_what_was_open_and_starts_anew() {
    let mut reassembler = Reassembler::new();
    let [first, second, _] = pieces(b"aaabbbccc", 1, 1);
    let [new, new_last] = pieces(b"dddeee", 1, 1);
    reassembler.push(&first);
    reassembler.push(&second);
    assert_eq!(reassembler.push(&new), Progress::Incomplete);
    assert_eq!(reassembler.open(), 1);
    assert_eq!(
        reassembler.push(&new_last),
        Progress::Complete(b"dddeee".into())
    );
}

#[test]
fn fragments_without_a_pid_have_streams_of_their_own() {
    let mut reassembler = Reassembler::new();
    let [mut first, mut last] = pieces(b"aaabbb", 0, 1);
    let [with_pid, _] = pieces(b"dddeee", 0, 1);
    (first.pid, last.pid) = (None, None);
    reassembler.push(&first);
    reassembler.push(&with_pid);
    assert_eq!(
        reassembler.push(&last),
        Progress::Complete(b"aaabbb".into())
    );
    assert_eq!(reassembler.open(), 1);
}

#[test]
fn empty_fragments_are_fragments() {
    let mut reassembler = Reassembler::new();
    let [mut first, mut last] = pieces(b"aaabbb", 1, 1);
    first.bytes = Cow::Borrowed(&[]);
    last.bytes = Cow::Borrowed(&[]);
    assert_eq!(reassembler.push(&first), Progress::Incomplete);
    assert_eq!(reassembler.push(&last), Progress::Complete(vec![]));
}

#[test]
fn the_record_that_waited_longest_is_given_up_first() {
    // Room for three open records of so few bytes.
    let mut reassembler = Reassembler::new().with_limit(3 * (256 + 6));
    let records: Vec<[Fragment<'_>; 2]> = (0..4).map(|n| pieces(b"aaabbb", n, 1)).collect();
    for [first, _] in &records[..3] {
        reassembler.push(first);
    }
    // A restart makes the oldest the youngest.
    reassembler.push(&records[0][0]);
    assert_eq!((reassembler.open(), reassembler.evicted()), (3, 0));
    assert_eq!(reassembler.push(&records[3][0]), Progress::Incomplete);
    assert_eq!((reassembler.open(), reassembler.evicted()), (3, 1));

    let lost = Progress::Rejected(Rejected::NoStart);
    assert_eq!(reassembler.push(&records[1][1]), lost);
    for n in [0, 2, 3] {
        assert_eq!(
            reassembler.push(&records[n][1]),
            Progress::Complete(b"aaabbb".into())
        );
    }
}

#[test]
fn a_record_longer_than_the_limit_is_given_up_itself() {
    for reassembler in [
        Reassembler::new().with_limit(1000 + 256),
        Reassembler::new().with_record_limit(1000),
    ] {
        let mut reassembler = reassembler;
        let long = [7; 1001];
        let [first, second, last] = pieces(&long, 1, 1);
        assert_eq!(reassembler.push(&first), Progress::Incomplete);
        assert_eq!(reassembler.push(&second), Progress::Incomplete);
        let too_long = Progress::Rejected(Rejected::TooLong { limit: 1000 });
        assert_eq!(reassembler.push(&last), too_long);
        assert_eq!(reassembler.open(), 0);
        assert_eq!(
            reassembler.push(&last),
            Progress::Rejected(Rejected::NoStart)
        );
        assert_eq!(reassembler.evicted(), 0, "nothing else is given up for it");

        let fits = [7; 1000];
        let [first, second, last] = pieces(&fits, 1, 1);
        reassembler.push(&first);
        reassembler.push(&second);
        assert_eq!(reassembler.push(&last), Progress::Complete(fits.into()));
    }
}

#[test]
fn a_limit_too_small_for_anything_rejects_everything() {
    for limit in [0, 1, 255] {
        let mut reassembler = Reassembler::new().with_limit(limit);
        let [first, _] = pieces(b"aaabbb", 1, 1);
        let too_long = Progress::Rejected(Rejected::TooLong { limit: 0 });
        assert_eq!(reassembler.push(&first), too_long);
        let mut empty = first.clone();
        empty.bytes = Cow::Borrowed(&[]);
        assert_eq!(reassembler.push(&empty), too_long);
        assert_eq!(reassembler.open(), 0);
    }
}

#[test]
fn the_default_limit_is_a_record_of_384_kib() {
    let bytes = vec![7; 384 * 1024];
    let mut reassembler = Reassembler::default();
    let joined = split(&bytes, None, 1, 65_536).map(|fragment| reassembler.push(&fragment));
    assert!(joined.last() == Some(Progress::Complete(bytes.clone())));

    let longer = vec![7; bytes.len() + 1];
    let mut joined = split(&longer, None, 1, 65_536).map(|fragment| reassembler.push(&fragment));
    assert!(
        joined.any(|progress| matches!(progress, Progress::Rejected(Rejected::TooLong { .. })))
    );
}

proptest! {
    #[test]
    fn whole_records_come_back_bit_for_bit_however_they_interleave(
        records in vec(vec(any::<u8>(), 1..400), 1..12),
        turns in vec(any::<Index>(), 200),
    ) {
        let mut waiting: Vec<_> = records
            .iter()
            .enumerate()
            .map(|(n, bytes)| (n, split(bytes, Some(n as u64 % 3), n as u64, 60)))
            .collect();
        let mut reassembler = Reassembler::new();
        let mut whole = 0;
        let mut turns = turns.iter().cycle();
        while !waiting.is_empty() {
            let turn = turns.next().unwrap().index(waiting.len());
            let (n, fragments) = &mut waiting[turn];
            let n = *n;
            let Some(fragment) = fragments.next() else {
                drop(waiting.remove(turn));
                continue;
            };
            match reassembler.push(&fragment) {
                Progress::Complete(bytes) => {
                    whole += 1;
                    prop_assert_eq!(&bytes, &records[n]);
                }
                other => prop_assert_eq!(other, Progress::Incomplete),
            }
        }
        prop_assert_eq!(whole, records.len());
        prop_assert_eq!((reassembler.open(), reassembler.evicted()), (0, 0));
    }

    #[test]
    fn whatever_comes_open_records_stay_within_the_limit(
        limit in 0_usize..4000,
        fragments in vec((0_u64..3, 0_u64..8, 0_u64..4, any::<bool>(), 0_usize..300), 0..200),
    ) {
        let mut reassembler = Reassembler::new().with_limit(limit);
        for (pid, stream, index, last, length) in fragments {
            let [mut fragment] = pieces(&[7; 1], pid, stream);
            (fragment.index, fragment.last) = (index, last);
            fragment.bytes = vec![7; length].into();
            let joined = reassembler.push(&fragment);
            prop_assert!(reassembler.open() <= limit / 256);
            if let Progress::Complete(bytes) = joined {
                prop_assert!(bytes.len() + 256 <= limit);
            }
        }
    }
}

/// The bytes cut into so many fragments of equal length.
fn pieces<const N: usize>(bytes: &[u8], pid: u64, stream: u64) -> [Fragment<'_>; N] {
    let piece = bytes.len().div_ceil(N);
    let overhead = record_proto::FRAGMENT_OVERHEAD;
    let fragments: Vec<_> = split(bytes, Some(pid), stream, overhead + piece).collect();
    fragments.try_into().unwrap()
}
