//! A record on one line for people, with colours.

use std::borrow::Cow;

use super::cells::{Padded, cut};
use super::palette::{Paint, Styles};
use super::sanitize::{push, push_json, push_quoted, push_sanitized};
use localtel::Level;
use localtel::read::raw::{Object, RawRecord};

/// How much of a value a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueLength {
    /// All of it.
    Whole,
    /// What leaves room for the other values.
    Cut,
}

impl ValueLength {
    /// Adds a text of at most so many cells.
    fn push(self, out: &mut Vec<u8>, cells: usize, push_text: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        push_text(out);
        let shown = out.get(start..).unwrap_or_default();
        match self {
            Self::Cut if shown.len() > cells => {
                if let Cow::Owned(cut) = cut(&String::from_utf8_lossy(shown), cells) {
                    out.truncate(start);
                    out.extend_from_slice(cut.as_bytes());
                }
            }
            Self::Cut | Self::Whole => {}
        }
    }
}

/// The beginning of a row, and how much of its values it shows.
#[derive(Debug, Clone)]
pub(super) struct RowStart<'a> {
    /// The formatted time.
    pub(super) time: Cow<'a, [u8]>,
    /// The column behind the level, with the spaces that follow it.
    pub(super) label: &'a [u8],
    pub(super) length: ValueLength,
}

/// Adds a record on one line, without the newline.
pub(super) fn push_row(
    out: &mut Vec<u8>,
    raw: &RawRecord<'_>,
    start: &RowStart<'_>,
    styles: &Styles,
) {
    let (level, length) = (raw.level, start.length);
    styles
        .time
        .push(out, |out| out.extend_from_slice(&start.time));
    out.push(b' ');
    styles.level(level).push(out, |out| {
        push(out, Padded(level.as_str(), LEVEL_CELLS));
    });
    out.push(b' ');
    out.extend_from_slice(start.label);
    let name = |out: &mut Vec<u8>, text| {
        length.push(out, VALUE_CELLS, |out| push_sanitized(out, text));
    };
    styles.target.push(out, |out| name(out, raw.target));
    if let Some(event) = raw.event {
        out.push(b' ');
        styles.event.push(out, |out| name(out, event));
        if raw.message.is_some() {
            out.push(b':');
        }
    }
    if let Some(message) = raw.message {
        out.push(b' ');
        let style = match level {
            Level::Error => styles.failure,
            Level::Trace | Level::Debug | Level::Info | Level::Warn => Paint::default(),
        };
        style.push(out, |out| {
            length.push(out, MESSAGE_CELLS, |out| push_sanitized(out, message));
        });
    }
    if !raw.properties.is_empty() {
        out.push(b' ');
        push_pairs(out, raw.properties, styles, length);
    }
    for (name, properties) in raw.spans.iter() {
        out.push(b' ');
        length.push(out, VALUE_CELLS, |out| push_quoted(out, name));
        if !properties.is_empty() {
            out.push(b'{');
            push_pairs(out, properties, styles, length);
            out.push(b'}');
        }
    }
    if raw.spans_left_out > 0 {
        out.push(b' ');
        styles.key.push(out, |out| push(out, "spans_left_out="));
        push(out, raw.spans_left_out);
    }
}

fn push_pairs(out: &mut Vec<u8>, properties: Object<'_>, styles: &Styles, length: ValueLength) {
    for (index, (name, json)) in properties.raw_members().into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        styles.key.push(out, |out| {
            length.push(out, VALUE_CELLS, |out| push_quoted(out, name));
            out.push(b'=');
        });
        length.push(out, VALUE_CELLS, |out| match json.text() {
            Some(text) => push_quoted(out, text),
            None => push_json(out, json),
        });
    }
}

/// The width of the longest level.
const LEVEL_CELLS: usize = 5;

/// The most cells of a name or a value that is cut.
const VALUE_CELLS: usize = 60;

/// The most cells of a message that is cut.
const MESSAGE_CELLS: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sanitize::tests::HOSTILE;
    use super::*;
    use localtel::read::Record;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"ratio":0.5,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn row(line: &[u8], length: ValueLength) -> String {
        let mut out = Vec::new();
        let raw = RawRecord::at(line).unwrap();
        let start = RowStart {
            time: Cow::Borrowed(b"T"),
            label: b"",
            length,
        };
        push_row(&mut out, &raw, &start, &Styles::default());
        String::from_utf8(out).unwrap()
    }

    fn text(line: &[u8]) -> String {
        row(line, ValueLength::Whole)
    }

    fn cut_row(line: &str) -> String {
        row(line.as_bytes(), ValueLength::Cut)
    }

    /// Returns the row of a line, and the row of the same record after it was parsed and written
    /// again.
    fn both(line: &str) -> (String, String) {
        let record = Record::parse(line.as_bytes()).unwrap();
        let rewritten = serde_json::to_vec(&record).unwrap();
        (text(line.as_bytes()), text(&rewritten))
    }

    #[test]
    fn a_row_has_all_values() {
        let expected = "T INFO  ticloud::project command: listed projects command=\"project list\" \
                        duration=871 ratio=0.5 args=[\"a\",1] request{id=7} inner";
        assert_eq!(text(LINE.as_bytes()), expected);
    }

    #[test]
    fn only_wide_values_are_cut() {
        let with = |value: &str| cut_row(&LINE.replace("project list", value));
        assert_eq!(cut_row(LINE), text(LINE.as_bytes()));
        let fits = "x".repeat(60);
        assert!(with(&fits).contains(&format!(" command={fits} duration=")));
        let shown = with(&"x".repeat(61));
        let expected = format!(" command={}… duration=871", "x".repeat(59));
        assert!(shown.contains(&expected), "{shown}");
        let shown = with(&"漢".repeat(40));
        let expected = format!(" command={}… duration=871", "漢".repeat(29));
        assert!(shown.contains(&expected), "{shown}");
    }

    #[test]
    fn a_row_of_huge_values_stays_short() {
        let huge = "\\u001b[2J".repeat(2000);
        let line = LINE.replace("listed projects", &huge);
        let line = line.replace("project list", &huge).replace("inner", &huge);
        assert!(RawRecord::at(line.as_bytes()).is_some());
        let shown = cut_row(&line);
        assert!(shown.chars().count() < 500, "{shown}");
        assert_eq!(shown.matches('…').count(), 3, "{shown}");
    }

    #[test]
    fn omitted_spans_are_shown_after_the_others() {
        let line = LINE.replacen("\"inner\"}]", "\"inner\"}],\"spans_left_out\":36", 1);
        let shown = text(line.as_bytes());
        assert!(
            shown.ends_with(" request{id=7} inner spans_left_out=36"),
            "{shown}"
        );
    }

    #[test]
    fn escaped_texts_give_the_same_line_once_they_were_parsed() {
        for hostile in HOSTILE {
            let mut record = Record::parse(LINE.as_bytes()).unwrap();
            record.message = Some(hostile.to_owned());
            record.target = hostile.to_owned();
            record.properties.set(hostile, hostile);
            let line = serde_json::to_string(&record).unwrap();
            let escaped = line.replace(|letter: char| !letter.is_ascii(), "\\u009b");
            for line in [line, escaped] {
                let (shown, rewritten) = both(&line);
                assert_eq!(shown, rewritten, "{hostile:?}");
            }
        }
    }

    #[test]
    fn the_last_value_of_a_repeated_name_is_shown() {
        let (shown, rewritten) = both(&LINE.replacen("\"ratio\":0.5", "\"duration\":5", 1));
        assert!(shown.contains(" duration=5 args="), "{shown}");
        assert_eq!(shown, rewritten);
    }

    proptest! {
        #[test]
        fn any_number_is_shown_as_parsing_shows_it(
            number in prop_oneof![
                "-?(0|[1-9][0-9]{0,25})",
                "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,12}",
                "-?[0-9]e[+-]?[0-9]{1,2}",
            ],
        ) {
            let (shown, rewritten) = both(&LINE.replacen("871", &number, 1));
            prop_assert_eq!(shown, rewritten);
        }
    }
}
