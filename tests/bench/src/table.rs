//! Markdown tables and the numbers in them.

use std::fmt;

use crate::stats::Summary;

/// A Markdown table.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }
}

/// The first column is text, the others are numbers.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "|---{}|", "|--:".repeat(self.head.len() - 1))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Formats a number with its significant digits and with commas between the thousands.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        size if size >= 0.001 => 4,
        _ => 6,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    group(whole) + rest
}

fn group(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a median.
pub fn median(summary: Option<Summary>) -> String {
    summary.map_or_else(dash, |summary| number(summary.median))
}

/// Formats a median with the least and the greatest.
pub fn range(summary: Option<Summary>) -> String {
    summary.map_or_else(dash, |Summary { median, min, max }| {
        format!("{} [{}..{}]", number(median), number(min), number(max))
    })
}

/// Formats a ratio.
pub fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(dash, |ratio| number(ratio) + "x")
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(-1234.0), "-1,234");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(0.1234), "0.12");
        assert_eq!(number(0.0), "0");
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(["system", "ns"]);
        table.row(["direct".to_owned(), median(None)]);
        assert_eq!(
            table.to_string(),
            "| system | ns |\n|---|--:|\n| direct | - |\n"
        );
    }
}
