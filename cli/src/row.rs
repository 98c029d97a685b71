//! A record on one line for people, with colours.

use anstyle::{AnsiColor, Style};

use super::sanitize::{push, push_json, push_quoted, push_sanitized};
use super::screen::Colour;
use localtel::Level;
use localtel::read::raw::{Object, RawRecord};

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
    pub(super) fn push(self, out: &mut Vec<u8>, push_text: impl FnOnce(&mut Vec<u8>)) {
        if self.0.is_plain() {
            return push_text(out);
        }
        push(out, self.0.render());
        push_text(out);
        push(out, self.0.render_reset());
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
pub(super) fn push_row(out: &mut Vec<u8>, raw: &RawRecord<'_>, time: &[u8], styles: &Styles) {
    let level = raw.level;
    styles.time.push(out, |out| out.extend_from_slice(time));
    out.push(b' ');
    styles.level(level).push(out, |out| {
        push_padded(out, level.as_str(), LEVEL_WIDTH);
    });
    out.push(b' ');
    styles
        .target
        .push(out, |out| push_sanitized(out, raw.target));
    if let Some(event) = raw.event {
        out.push(b' ');
        styles.event.push(out, |out| push_sanitized(out, event));
        if raw.message.is_some() {
            out.push(b':');
        }
    }
    if let Some(message) = raw.message {
        out.push(b' ');
        push_sanitized(out, message);
    }
    if !raw.properties.is_empty() {
        out.push(b' ');
        push_pairs(out, raw.properties, styles);
    }
    for (name, properties) in raw.spans.iter() {
        out.push(b' ');
        push_quoted(out, name);
        if !properties.is_empty() {
            out.push(b'{');
            push_pairs(out, properties, styles);
            out.push(b'}');
        }
    }
    if raw.spans_left_out > 0 {
        out.push(b' ');
        styles.key.push(out, |out| push(out, "spans_left_out="));
        push(out, raw.spans_left_out);
    }
}

/// Adds a name, and spaces up to a width.
pub(super) fn push_padded(out: &mut Vec<u8>, name: &str, width: usize) {
    out.extend_from_slice(name.as_bytes());
    out.extend((name.len()..width).map(|_| b' '));
}

fn push_pairs(out: &mut Vec<u8>, properties: Object<'_>, styles: &Styles) {
    for (index, (name, json)) in properties.raw_members().into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        styles.key.push(out, |out| {
            push_quoted(out, name);
            out.push(b'=');
        });
        match json.text() {
            Some(text) => push_quoted(out, text),
            None => push_json(out, json),
        }
    }
}

/// The length of the longest level.
const LEVEL_WIDTH: usize = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sanitize::tests::HOSTILE;
    use super::*;
    use localtel::read::Record;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"ratio":0.5,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn text(line: &[u8]) -> String {
        let mut out = Vec::new();
        let raw = RawRecord::at(line).unwrap();
        push_row(&mut out, &raw, b"T", &Styles::default());
        String::from_utf8(out).unwrap()
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
