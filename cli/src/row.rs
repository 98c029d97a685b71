//! A record on one line for people: the parts that are shown, from a raw record or from a parsed one,
//! and how they are put together. Both ways give the same text.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::sanitize::{SafeJson, push_quoted, push_sanitized};
use super::screen::Colour;
use localtel::Level;
use localtel::read::raw::{Object, RawRecord, RawText};
use localtel::read::{Properties, Record};

/// The parts of a record that are shown on one line.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The time, as it is shown.
    time: Cow<'a, str>,
    level: Level,
    target: Cow<'a, str>,
    event: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    properties: Vec<Pair<'a>>,
    spans: Vec<(Cow<'a, str>, Vec<Pair<'a>>)>,
    spans_left_out: u64,
}

/// A name and its value.
type Pair<'a> = (Cow<'a, str>, RowValue<'a>);

/// A value on one line.
#[derive(Debug)]
enum RowValue<'a> {
    /// In quotes where it needs them.
    Text(Cow<'a, str>),
    /// A number or a word.
    Bare(Cow<'a, str>),
    /// A list or an object, as JSON.
    Compound(String),
}

/// The styles of the parts of a record; all plain where there is no colour.
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
    /// Adds what is painted so.
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

impl<'a> Row<'a> {
    /// Takes the parts of a record.
    pub(super) fn of_record(record: &'a Record, time: Cow<'a, str>) -> Self {
        let spans = record.spans.iter();
        Self {
            time,
            level: record.level,
            target: Cow::Borrowed(&record.target),
            event: record.event.as_deref().map(Cow::Borrowed),
            message: record.message.as_deref().map(Cow::Borrowed),
            properties: pairs_of(&record.properties),
            spans: spans
                .map(|span| (Cow::Borrowed(&*span.name), pairs_of(&span.properties)))
                .collect(),
            spans_left_out: record.spans_left_out,
        }
    }

    /// Takes the parts of a line, unless a name stands twice in it, which parsing sorts out.
    pub(super) fn of_raw(raw: &RawRecord<'a>, time: Cow<'a, str>) -> Option<Self> {
        let (mut event, mut message) = (None, None);
        if let Some(text) = raw.event {
            event = Some(text.decoded()?);
        }
        if let Some(text) = raw.message {
            message = Some(text.decoded()?);
        }
        let spans = raw.spans.iter();
        Some(Self {
            time,
            level: raw.level,
            target: raw.target.decoded()?,
            event,
            message,
            properties: pairs_at(raw.properties)?,
            spans: spans
                .map(|(name, properties)| Some((name.decoded()?, pairs_at(properties)?)))
                .collect::<Option<_>>()?,
            spans_left_out: raw.spans_left_out,
        })
    }

    /// Puts the line together, without its end.
    pub(super) fn push(&self, out: &mut String, styles: &Styles) {
        let level = self.level;
        styles.time.push(out, |out| out.push_str(&self.time));
        out.push(' ');
        styles.level(level).push(out, |out| {
            out.push_str(level.as_str());
            // The longest has five letters.
            for _ in level.as_str().len()..5 {
                out.push(' ');
            }
        });
        out.push(' ');
        styles
            .target
            .push(out, |out| push_sanitized(out, &self.target));
        if let Some(event) = &self.event {
            out.push(' ');
            styles.event.push(out, |out| push_sanitized(out, event));
            if self.message.is_some() {
                out.push(':');
            }
        }
        if let Some(message) = &self.message {
            out.push(' ');
            push_sanitized(out, message);
        }
        if !self.properties.is_empty() {
            out.push(' ');
            push_pairs(out, &self.properties, styles);
        }
        for (name, properties) in &self.spans {
            out.push(' ');
            push_quoted(out, name);
            if !properties.is_empty() {
                out.push('{');
                push_pairs(out, properties, styles);
                out.push('}');
            }
        }
        if self.spans_left_out > 0 {
            out.push(' ');
            styles.key.push(out, |out| out.push_str("spans_left_out="));
            // Writing to memory does not fail.
            let _written = write!(out, "{}", self.spans_left_out);
        }
    }
}

fn pairs_of(properties: &Properties) -> Vec<Pair<'_>> {
    let pairs = properties.iter();
    pairs
        .map(|(name, value)| (Cow::Borrowed(name), RowValue::of_value(value)))
        .collect()
}

fn pairs_at(properties: Object<'_>) -> Option<Vec<Pair<'_>>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for (name, json) in properties.members() {
        let name = name.decoded()?;
        let is_repeated = pairs.iter().any(|(known, _)| *known == name);
        if is_repeated || pairs.len() >= PAIRS_MAX {
            return None;
        }
        pairs.push((name, RowValue::of_json(json)?));
    }
    Some(pairs)
}

fn push_pairs(out: &mut String, pairs: &[Pair<'_>], styles: &Styles) {
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        styles.key.push(out, |out| {
            push_quoted(out, name);
            out.push('=');
        });
        match value {
            RowValue::Text(text) => push_quoted(out, text),
            RowValue::Bare(text) => out.push_str(text),
            // Writing to memory does not fail.
            RowValue::Compound(json) => {
                let _written = write!(out, "{}", SafeJson(json));
            }
        }
    }
}

impl<'a> RowValue<'a> {
    fn of_value(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                Self::Bare(Cow::Owned(value.to_string()))
            }
            Value::Array(_) | Value::Object(_) => Self::Compound(value.to_string()),
        }
    }

    /// Takes a value from its JSON. Fractions, and integers that may not fit into 64 bits, are written as
    /// parsing would have them.
    fn of_json(json: &'a [u8]) -> Option<Self> {
        let json = std::str::from_utf8(json).ok()?;
        let is_as_parsed =
            |text: &str| !text.contains('.') && text != "-0" && text.len() <= INTEGER_BYTES_MAX;
        match json.as_bytes().first()? {
            b'"' => Some(Self::Text(RawText::quoted(json.as_bytes())?.decoded()?)),
            b'{' | b'[' => {
                let value: Value = serde_json::from_str(json).ok()?;
                Some(Self::Compound(value.to_string()))
            }
            _ if is_as_parsed(json) => Some(Self::Bare(Cow::Borrowed(json))),
            _ => {
                let value: Value = serde_json::from_str(json).ok()?;
                Some(Self::Bare(Cow::Owned(value.to_string())))
            }
        }
    }
}

/// Integers of up to 18 digits fit into 64 bits; no word is longer.
const INTEGER_BYTES_MAX: usize = 18;

/// How many properties are compared with each other; whatever has more is parsed.
const PAIRS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sanitize::tests::HOSTILE;
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"ratio":0.5,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn text(row: &Row<'_>) -> String {
        let mut out = String::new();
        row.push(&mut out, &Styles::default());
        out
    }

    /// Writes the row from the raw record, where it is enough, and from the parsed one.
    fn both(line: &str) -> (String, Option<String>) {
        let record = Record::parse(line.as_bytes()).unwrap();
        let parsed = text(&Row::of_record(&record, "T".into()));
        let raw = RawRecord::at(line.as_bytes());
        let seen = raw.and_then(|raw| Some(text(&Row::of_raw(&raw, "T".into())?)));
        (parsed, seen)
    }

    #[test]
    fn a_glance_and_a_parsed_record_give_the_same_line() {
        let (parsed, seen) = both(LINE);
        assert_eq!(seen, Some(parsed.clone()));
        let expected = "T INFO  ticloud::project command: listed projects command=\"project list\" \
                        duration=871 ratio=0.5 args=[\"a\",1] request{id=7} inner";
        assert_eq!(parsed, expected);
    }

    #[test]
    fn spans_that_were_left_out_are_said_behind_the_others() {
        let line = LINE.replacen("\"inner\"}]", "\"inner\"}],\"spans_left_out\":36", 1);
        let (parsed, seen) = both(&line);
        assert!(
            parsed.ends_with(" request{id=7} inner spans_left_out=36"),
            "{parsed}"
        );
        assert_eq!(seen, Some(parsed));
    }

    #[test]
    fn hostile_texts_give_the_same_line_both_ways() {
        for hostile in HOSTILE {
            let mut record = Record::parse(LINE.as_bytes()).unwrap();
            record.message = Some(hostile.to_owned());
            record.target = hostile.to_owned();
            record.properties.set(hostile, hostile);
            let (parsed, seen) = both(&serde_json::to_string(&record).unwrap());
            assert!(seen.is_none_or(|seen| seen == parsed), "{hostile:?}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_left_to_parsing() {
        let (_, seen) = both(&LINE.replacen("\"ratio\":0.5", "\"duration\":5", 1));
        assert_eq!(seen, None);
    }

    proptest! {
        #[test]
        fn any_number_is_shown_as_parsing_shows_it(
            number in prop_oneof!["-?(0|[1-9][0-9]{0,25})", "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,12}"],
        ) {
            let (parsed, seen) = both(&LINE.replacen("871", &number, 1));
            prop_assert_eq!(seen, Some(parsed));
        }
    }
}
