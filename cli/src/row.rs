//! A record on one line for people, with colours.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::sanitize::{SafeJson, push_quoted, push_sanitized};
use super::screen::Colour;
use localtel::Level;
use localtel::read::raw::{Object, RawRecord, RawText, RawValue};

/// The styles of the parts of a record; all plain without colour.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Styles {
    pub(super) time: Paint,
    pub(super) target: Paint,
    pub(super) event: Paint,
    pub(super) key: Paint,
    levels: [Paint; 5],
}

/// A style, or none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paint(pub(super) Style);

impl Paint {
    /// Adds text in this style.
    pub(super) fn push(self, out: &mut String, push: impl FnOnce(&mut String)) {
        if self.0.is_plain() {
            return push(out);
        }
        // Writing to memory does not fail.
        let _written = write!(out, "{}", self.0);
        push(out);
        let _written = write!(out, "{:#}", self.0);
    }
}

impl Styles {
    pub(super) fn new(colour: Colour) -> Self {
        let bold = |colour: AnsiColor| colour.on_default().bold();
        match colour {
            Colour::Off => Self::default(),
            Colour::On => Self {
                time: Paint(Style::new().dimmed()),
                target: Paint(AnsiColor::Cyan.on_default()),
                event: Paint(Style::new().bold()),
                key: Paint(Style::new().dimmed()),
                levels: [
                    Paint(AnsiColor::Magenta.on_default()),
                    Paint(AnsiColor::Blue.on_default()),
                    Paint(AnsiColor::Green.on_default()),
                    Paint(bold(AnsiColor::Yellow)),
                    Paint(bold(AnsiColor::Red)),
                ],
            },
        }
    }

    pub(super) fn level(&self, level: Level) -> Paint {
        let [trace, debug, info, warn, error] = self.levels;
        match level {
            Level::Trace => trace,
            Level::Debug => debug,
            Level::Info => info,
            Level::Warn => warn,
            Level::Error => error,
        }
    }
}

/// Adds a record on one line, without the newline; `time` is the formatted timestamp.
pub(super) fn push_row(out: &mut String, raw: &RawRecord<'_>, time: &str, styles: &Styles) {
    let level = raw.level;
    styles.time.push(out, |out| out.push_str(time));
    out.push(' ');
    styles.level(level).push(out, |out| {
        out.push_str(level.as_str());
        // The longest level has five letters.
        for _ in level.as_str().len()..5 {
            out.push(' ');
        }
    });
    out.push(' ');
    let target = raw.target.decoded();
    styles.target.push(out, |out| push_sanitized(out, &target));
    if let Some(event) = raw.event.map(RawText::decoded) {
        out.push(' ');
        styles.event.push(out, |out| push_sanitized(out, &event));
        if raw.message.is_some() {
            out.push(':');
        }
    }
    if let Some(message) = raw.message {
        out.push(' ');
        push_sanitized(out, &message.decoded());
    }
    if !raw.properties.is_empty() {
        out.push(' ');
        push_pairs(out, raw.properties, styles);
    }
    for (name, properties) in raw.spans.iter() {
        out.push(' ');
        push_quoted(out, &name.decoded());
        if !properties.is_empty() {
            out.push('{');
            push_pairs(out, properties, styles);
            out.push('}');
        }
    }
    if raw.spans_left_out > 0 {
        out.push(' ');
        styles.key.push(out, |out| out.push_str("spans_left_out="));
        // Writing to memory does not fail.
        let _written = write!(out, "{}", raw.spans_left_out);
    }
}

fn push_pairs(out: &mut String, properties: Object<'_>, styles: &Styles) {
    for (index, (name, value)) in properties.members().into_iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        styles.key.push(out, |out| {
            push_quoted(out, &name);
            out.push('=');
        });
        match &value {
            RawValue::Text(text) => push_quoted(out, text),
            RawValue::Number(_) | RawValue::Word(_) => out.push_str(&value.to_text()),
            // Writing to memory does not fail.
            RawValue::Compound(_) => {
                let _written = write!(out, "{}", SafeJson(&value.to_text()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sanitize::tests::HOSTILE;
    use super::*;
    use localtel::read::Record;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"ratio":0.5,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn text(line: &[u8]) -> String {
        let mut out = String::new();
        let raw = RawRecord::at(line).unwrap();
        push_row(&mut out, &raw, "T", &Styles::default());
        out
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
