//! `escalate`: records that are held back until one request fails.

use super::example;

#[test]
fn the_request_that_fails_shows_its_records_and_the_others_none() {
    let (status, said, errors) = example("escalate").run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(said, "");
    let lines: Vec<&str> = errors.lines().collect();
    let expected = [
        "accepted request=7 batch=escalation 1, 2 left",
        "read the table rows=21 request=7 batch=escalation 1, 1 left",
        "checking the rows request=7 batch=escalation 1, 0 left",
        "row 20 has no owner request=7",
        "9 of 10 requests served",
        "36 held back, 5 records received, exit status: 0",
    ];
    assert_eq!(lines.len(), expected.len(), "{errors}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.ends_with(expected), "{line}\n{expected}");
    }
}
