//! A bar chart, drawn by hand. Its colours are legible on light and dark backgrounds.

use std::fmt::Write;

use crate::{
    figures::Figures,
    parts::peers::{e2e, systems},
    python,
    table::number,
};

const WIDTH: f64 = 760.0;
const LABELS: f64 = 285.0;
/// Room for a number behind the longest bar.
const NUMBERS: f64 = 120.0;
const TOP: f64 = 62.0;
const BAR: f64 = 13.0;
const ROW: f64 = 42.0;

/// Grey text of the same contrast to white and to black.
const TEXT: &str = "#7d7d7d";

/// For 1 and 4 threads: this project's bars, the peers' bars.
const SERIES: [(u64, &str, &str); 2] = [(1, "#d9730d", "#5b8fd6"), (4, "#b0543a", "#4a6a9c")];

/// Records per second, end to end.
pub fn svg(figures: &Figures) -> String {
    let rows = rows(figures);
    let largest = rows
        .iter()
        .flat_map(|row| row.rates.iter().flatten())
        .fold(1.0, |largest: f64, rate| largest.max(*rate));
    let height = TOP + ROW * rows.len() as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{TEXT}\" role=\"img\">\n\
         <title>Records per second from a child's log call to the parent's logger</title>\n"
    );
    head(&mut svg);
    for (place, row) in rows.iter().enumerate() {
        row.draw(&mut svg, TOP + ROW * place as f64, largest);
    }
    svg + "</svg>\n"
}

struct Row {
    title: String,
    own: bool,
    /// Thousand per second, for each of [`SERIES`].
    rates: [Option<f64>; 2],
}

/// Those that were measured, the fastest first.
fn rows(figures: &Figures) -> Vec<Row> {
    let mut names = systems();
    names.push((python::NAME, python::TITLE));
    // In italics are those that nobody could use.
    let is_usable = |title: &str| title.starts_with("**") || !title.starts_with('*');
    let mut rows: Vec<Row> = names
        .into_iter()
        .filter(|(_, title)| is_usable(title))
        .map(|(name, title)| Row {
            title: title.replace('*', ""),
            own: title.starts_with("**"),
            rates: SERIES.map(|(threads, ..)| figures.median(e2e(threads), name, "rate")),
        })
        .filter(|row| row.rates[0].is_some())
        .collect();
    rows.sort_by(|a, b| f64::total_cmp(&b.rates[0].unwrap_or(0.0), &a.rates[0].unwrap_or(0.0)));
    rows
}

fn head(svg: &mut String) {
    text(
        svg,
        8.0,
        22.0,
        "font-size=\"16\" font-weight=\"600\"",
        "Thousand records per second, from log call to parent's logger",
    );
    let mut x = LABELS;
    for (threads, own, peer) in SERIES {
        rectangle(svg, (x, 34.0), 10.0, own);
        rectangle(svg, (x + 12.0, 34.0), 10.0, peer);
        let plural = if threads == 1 { "" } else { "s" };
        text(
            svg,
            x + 29.0,
            45.0,
            "",
            &format!("{threads} thread{plural}"),
        );
        x += 110.0;
    }
}

impl Row {
    fn draw(&self, svg: &mut String, y: f64, largest: f64) {
        let weight = if self.own { "600" } else { "400" };
        let style = format!("text-anchor=\"end\" font-weight=\"{weight}\"");
        text(svg, LABELS - 8.0, y + BAR + 5.0, &style, &self.title);
        for (place, rate) in self.rates.iter().enumerate() {
            let Some(rate) = rate else { continue };
            let (_, own, peer) = SERIES[place];
            let y = y + (BAR + 2.0) * place as f64;
            let length = (rate / largest * (WIDTH - LABELS - NUMBERS)).max(1.0);
            rectangle(svg, (LABELS, y), length, if self.own { own } else { peer });
            let style = format!("font-weight=\"{weight}\" font-size=\"12\"");
            text(
                svg,
                LABELS + length + 6.0,
                y + BAR - 2.0,
                &style,
                &number(*rate),
            );
        }
    }
}

fn text(svg: &mut String, x: f64, y: f64, style: &str, text: &str) {
    let _never = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{text}</text>");
}

fn rectangle(svg: &mut String, (x, y): (f64, f64), width: f64, colour: &str) {
    let size = format!("width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"");
    let _never = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" {size} fill=\"{colour}\"/>"
    );
}
