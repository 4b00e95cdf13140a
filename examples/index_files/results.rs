//! The table of results, and the lines of text below it.

use indicatif::HumanCount;

use crate::{
    report::{Report, Totals},
    table::Table,
    text::Escaped,
    walk::WalkCounts,
};

/// Returns a row for each worker and one for the sum of all.
pub(crate) fn table(reports: &[Report]) -> Table<6> {
    let mut table = Table::new(["", "files", "bytes", "lines", "words", "errors"]);
    let mut sum = Totals::default();
    for Report { number, totals, .. } in reports {
        table.push(row(&format!("worker {number}"), totals));
        sum += totals;
    }
    table.push(row("total", &sum));
    table
}

/// Returns the lines below the table: the counts of the walk, the end of each worker and the files without a record.
pub(crate) fn figures(counts: &WalkCounts, reports: &[Report]) -> String {
    let mut lines = format!("{counts}\n");
    for report in reports {
        lines += &format!("{report}\n");
        for path in &report.unanswered {
            let path = path.to_string_lossy();
            lines += &format!("  no record of {}\n", Escaped(&path));
        }
    }
    let sent: u64 = reports.iter().map(Report::paths).sum();
    match counts.files.saturating_sub(sent) {
        0 => lines,
        left => {
            lines
                + &format!(
                    "no worker was left for {}\n",
                    counted(left, "file", "files")
                )
        }
    }
}

/// Returns `1 file` or `4,392 files`.
pub(crate) fn counted(number: u64, one: &str, more: &str) -> String {
    let name = if number == 1 { one } else { more };
    format!("{} {name}", HumanCount(number))
}

fn row(name: &str, totals: &Totals) -> [String; 6] {
    let [files, bytes, lines, words, errors] = totals.columns().map(|n| HumanCount(n).to_string());
    [name.to_owned(), files, bytes, lines, words, errors]
}
