//! The time in a JSON line, in nanoseconds since 1970.

use std::time::UNIX_EPOCH;

/// Reads RFC 3339 with an offset: `2026-01-02T03:04:05.678Z`, `2026-01-02 03:04:05,678+01:00`.
///
/// Returns `None` for a time without an offset, because it is not known to which zone it belongs.
pub(super) fn from_text(text: &str) -> Option<u64> {
    let (local, offset) = split_offset(text)?;
    let local = local.replacen(' ', "T", 1).replacen(',', ".", 1) + "Z";
    let local = humantime::parse_rfc3339(&local).ok()?;
    let since = local.duration_since(UNIX_EPOCH).ok()?;
    let nanoseconds = i128::try_from(since.as_nanos()).ok()? - offset_in_nanoseconds(offset)?;
    u64::try_from(nanoseconds).ok()
}

/// Reads a number of seconds, milliseconds, microseconds or nanoseconds. Its size tells which: each unit is taken from
/// 1973 to 5138, counted in it.
pub(super) fn from_number(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse::<u64>() {
        return number.checked_mul(unit(number as f64));
    }
    let number: f64 = text.parse().ok()?;
    let nanoseconds = number * unit(number) as f64;
    (0.0..u64::MAX as f64)
        .contains(&nanoseconds)
        .then_some(nanoseconds as u64)
}

fn unit(number: f64) -> u64 {
    match number {
        ..1e11 => 1_000_000_000,
        ..1e14 => 1_000_000,
        ..1e17 => 1000,
        _ => 1,
    }
}

fn split_offset(text: &str) -> Option<(&str, &str)> {
    let at = text
        .char_indices()
        .skip(19)
        .find(|(_, c)| ['Z', 'z', '+', '-'].contains(c))?
        .0;
    Some(text.split_at(at))
}

/// Reads `Z`, `+01:00` or `+0100`.
fn offset_in_nanoseconds(offset: &str) -> Option<i128> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let digits = offset[1..].replace(':', "");
    let is_number = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = is_number.then(|| digits.split_at(2))?;
    let minutes = hours.parse::<i128>().ok()? * 60 + minutes.parse::<i128>().ok()?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    Some(sign * minutes * 60_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn times_are_read_in_their_usual_forms() {
        for (text, expected) in [
            ("2026-01-02T03:04:05Z", Some(1_767_323_045 * SECOND)),
            ("2026-01-02T03:04:05.678Z", Some(1_767_323_045_678_000_000)),
            (
                "2026-01-02 03:04:05,678+00:00",
                Some(1_767_323_045_678_000_000),
            ),
            (
                "2026-01-02T04:04:05.000000001+01:00",
                Some(1_767_323_045 * SECOND + 1),
            ),
            ("2026-01-01T19:34:05-0730", Some(1_767_323_045 * SECOND)),
            ("2026-01-02T03:04:05", None),
            ("2026-01-02", None),
            ("2026-13-02T03:04:05Z", None),
            ("2026-01-02T03:04:05+1", None),
            ("2026-01-02T03:04:05+äé", None),
            ("yesterday", None),
            ("1969-01-02T03:04:05Z", None),
        ] {
            assert_eq!(from_text(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_in_the_unit_that_their_size_tells() {
        for (text, expected) in [
            ("1767323045", Some(1_767_323_045 * SECOND)),
            ("1767323045678", Some(1_767_323_045_678_000_000)),
            ("1767323045678901", Some(1_767_323_045_678_901_000)),
            ("1767323045678901234", Some(1_767_323_045_678_901_234)),
            ("1767323045.5", Some(1_767_323_045_500_000_000)),
            ("-1", None),
            ("1e300", None),
            ("18446744073709551615", Some(u64::MAX)),
        ] {
            assert_eq!(from_number(text), expected, "{text}");
        }
    }
}
