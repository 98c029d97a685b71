//! Charts as pure functions of values. A chart of columns has a title and a description in words,
//! and stands beside the table of its numbers; a bar stands in the row of its number. They have no
//! text that a narrow screen would make too small, and only their class has a colour.

use super::super::numbers::shown;
use super::super::text::a;
use super::escape::Markup;

/// Columns over time.
#[derive(Debug)]
pub(super) struct ColumnChart {
    /// The start of the ids in it.
    pub(super) id: &'static str,
    /// What is counted: `errors`.
    pub(super) noun: &'static str,
    /// The length of time that a column stands for: `hour`.
    pub(super) bucket: String,
    /// The start of each column in words, and its number.
    pub(super) columns: Vec<(String, u64)>,
}

impl ColumnChart {
    /// Returns the sum of the columns.
    fn total(&self) -> u64 {
        self.columns.iter().map(|(_, number)| number).sum()
    }

    /// Returns the first of the highest columns, unless all are empty.
    pub(super) fn most(&self) -> Option<(&str, u64)> {
        let most = self.columns.iter().map(|(_, number)| *number).max();
        let most = most.filter(|most| *most > 0)?;
        let highest = self.columns.iter().find(|(_, number)| *number == most);
        highest.map(|(start, number)| (start.as_str(), *number))
    }

    /// Returns the starts of the first column, of the one in the middle, and of the last.
    pub(super) fn axis(&self) -> [&str; 3] {
        let last = self.columns.len().saturating_sub(1);
        [0, last.div_ceil(2), last].map(|at| {
            let column = self.columns.get(at);
            column.map_or("", |(start, _)| start.as_str())
        })
    }

    /// Returns what the chart shows, in words.
    fn description(&self) -> String {
        let (noun, bucket) = (self.noun, &self.bucket);
        let Some((start, most)) = self.most() else {
            return format!("No {noun}.");
        };
        let empty = self.columns.iter().filter(|(_, number)| *number == 0);
        format!(
            "{} {noun} in {} columns of {} each; most: {}, {start}; empty columns: {}.",
            grouped(self.total()),
            self.columns.len(),
            a(bucket),
            grouped(most),
            grouped(empty.count() as u64),
        )
    }

    /// Draws the chart, as wide as there is room.
    pub(super) fn draw(&self, markup: &mut Markup) {
        let (title, description) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let named = format!("{title} {description}");
        let width = self.columns.len() * COLUMN_WIDTH;
        let attributes = [
            ("class", "columns"),
            ("role", "img"),
            ("aria-labelledby", &named),
            ("viewBox", &format!("0 0 {width} {HEIGHT}")),
            ("preserveAspectRatio", "none"),
        ];
        let most = self.most().map_or(1, |(_, most)| most);
        markup.element("svg", &attributes, |markup| {
            let text = format!("{} for each {}", first_upper(self.noun), self.bucket);
            markup.leaf("title", &[("id", &title)], &text);
            markup.leaf("desc", &[("id", &description)], &self.description());
            for (index, (start, number)) in self.columns.iter().enumerate() {
                let x = (index * COLUMN_WIDTH).to_string();
                markup.element("g", &[], |markup| {
                    let text = format!("{start}: {} {}", grouped(*number), self.noun);
                    markup.leaf("title", &[], &text);
                    column(markup, &x, scaled(*number, most));
                });
            }
        });
    }
}

/// Draws a column, and an area of the whole height behind it that has its title.
fn column(markup: &mut Markup, x: &str, height: usize) {
    let text = usize::to_string;
    let rect = |markup: &mut Markup, class, y: usize, width: usize, height: usize| {
        let attributes = [
            ("class", class),
            ("x", x),
            ("y", &text(&y)),
            ("width", &text(&width)),
            ("height", &text(&height)),
        ];
        markup.empty("rect", &attributes);
    };
    rect(markup, "area", 0, COLUMN_WIDTH, HEIGHT);
    if height > 0 {
        rect(
            markup,
            "column",
            HEIGHT - height,
            COLUMN_WIDTH - GAP,
            height,
        );
    }
}

/// A bar in a row of a table. The numbers beside it say the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bar {
    /// A part of the greatest number.
    Share { number: f64, greatest: f64 },
    /// The median, the 95th percentile and the maximum, on a logarithmic scale from the least to
    /// the greatest number of all rows.
    Spread {
        numbers: [f64; 3],
        scale: (f64, f64),
    },
}

impl Bar {
    /// Draws the bar, as wide as its cell.
    pub(super) fn draw(self, markup: &mut Markup) {
        let attributes = [
            ("class", "bar"),
            ("aria-hidden", "true"),
            ("viewBox", "0 0 1000 10"),
            ("preserveAspectRatio", "none"),
        ];
        markup.element("svg", &attributes, |markup| match self {
            Self::Share { number, greatest } => {
                let width = thousandths(number / greatest);
                if number > 0.0 {
                    rect(markup, "column", (0, 0), (width.max(4), 10));
                }
            }
            Self::Spread { numbers, scale } => {
                let [median, high, max] = numbers.map(|number| on_scale(number, scale));
                rect(markup, "line", (median, 4), ((max - median).max(4), 2));
                rect(markup, "column", (median, 1), ((high - median).max(6), 8));
            }
        });
    }
}

fn rect(markup: &mut Markup, class: &str, place: (usize, usize), size: (usize, usize)) {
    let [x, y, width, height] = [place.0, place.1, size.0, size.1].map(|it| it.to_string());
    let attributes = [
        ("class", class),
        ("x", &x),
        ("y", &y),
        ("width", &width),
        ("height", &height),
    ];
    markup.empty("rect", &attributes);
}

/// Returns a share in thousandths; what is no number is nothing.
fn thousandths(share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 1000"
    )]
    let whole = (share.clamp(0.0, 1.0) * 1000.0).round() as usize;
    whole
}

/// Returns the place of a number on a logarithmic scale in thousandths.
fn on_scale(number: f64, (least, greatest): (f64, f64)) -> usize {
    let least = least.max(SCALE_LEAST);
    let range = (greatest.max(SCALE_LEAST) / least).ln();
    if range <= 0.0 {
        return 0;
    }
    thousandths((number.max(SCALE_LEAST) / least).ln() / range)
}

/// Returns the height of a column: that of a number which is not 0 can be seen.
fn scaled(number: u64, most: u64) -> usize {
    let height = u128::from(number) * HEIGHT as u128 / u128::from(most.max(1));
    let height = usize::try_from(height).unwrap_or(HEIGHT);
    if number > 0 { height.max(2) } else { 0 }
}

/// Returns a whole number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(NARROW_SPACE);
        }
        text.push(digit);
    }
    text
}

/// Returns a number of milliseconds with a unit that keeps it short.
pub(super) fn milliseconds(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if number.abs() >= 100_000.0 => {
            format!("{} s", shown(Some((number / 100.0).round() / 10.0)))
        }
        Some(number) if number.abs() >= 1000.0 => {
            format!("{} s", shown(Some((number / 10.0).round() / 100.0)))
        }
        Some(number) => format!("{} ms", shown(Some(number))),
    }
}

/// Returns a text with a capital at its start.
pub(super) fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The width of a column with the gap behind it.
const COLUMN_WIDTH: usize = 10;
const GAP: usize = 2;
/// The height of a chart.
const HEIGHT: usize = 100;
/// A logarithm needs a number above 0.
const SCALE_LEAST: f64 = 0.001;
/// A space at which a line does not end.
const NARROW_SPACE: char = '\u{202f}';

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(numbers: &[u64]) -> ColumnChart {
        let columns = numbers.iter().enumerate();
        ColumnChart {
            id: "errors",
            noun: "errors",
            bucket: "hour".to_owned(),
            columns: columns
                .map(|(hour, n)| (format!("Fri 0{hour}:00"), *n))
                .collect(),
        }
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        assert_eq!(
            chart(&[1, 0, 1131, 7]).description(),
            "1\u{202f}139 errors in 4 columns of an hour each; most: 1\u{202f}131, Fri 02:00; \
             empty columns: 1."
        );
        assert_eq!(chart(&[0, 0]).description(), "No errors.");
    }

    #[test]
    fn a_column_that_is_not_empty_is_seen() {
        assert_eq!(scaled(0, 100), 0);
        assert_eq!(scaled(1, 1_000_000), 2);
        assert_eq!(scaled(u64::MAX, u64::MAX), 100);
    }

    #[test]
    fn a_spread_is_on_a_logarithmic_scale() {
        for (number, expected) in [
            (1.0, 0),
            (10.0, 333),
            (1000.0, 1000),
            (5000.0, 1000),
            (0.0, 0),
        ] {
            assert_eq!(on_scale(number, (1.0, 1000.0)), expected, "{number}");
        }
        assert_eq!(on_scale(0.0, (0.0, 0.0)), 0);
        assert_eq!(on_scale(f64::NAN, (1.0, 10.0)), 0);
    }

    #[test]
    fn thousands_are_apart() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (1_234_567, "1 234 567"),
        ] {
            assert_eq!(grouped(number).replace('\u{202f}', " "), expected);
        }
    }

    #[test]
    fn durations_are_short_and_have_a_unit() {
        for (number, expected) in [
            (Some(0.25), "0.25 ms"),
            (Some(871.0), "871 ms"),
            (Some(1434.2), "1.43 s"),
            (Some(150_250.0), "150.3 s"),
            (None, "-"),
        ] {
            assert_eq!(milliseconds(number), expected);
        }
    }
}
