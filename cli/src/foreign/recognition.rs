//! Recognises the format of a file from its first lines. A few damaged lines, or lines of text
//! between others, such as the message of a panic, do not change the answer.

use localtel::Level;
use localtel::read::Record;

use super::ForeignFormat;
use super::json::{Json, JsonTape};
use super::{line_text, logfmt, time};

/// What a file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// Lines of localtel.
    LocalTel,
    /// Lines of another format.
    Foreign(ForeignFormat),
}

/// Recognises the format of a file from its start, which may end within a line.
///
/// Lines of localtel decide unless more lines are in other formats. Of these the most frequent one
/// counts, and text only if there is nothing else: in each format, lines may be text.
pub(crate) fn recognise(start: &[u8]) -> Recognised {
    let mut own = 0_usize;
    let mut counts = FORMATS.map(|format| (format, 0_usize));
    for line in start.split(|byte| *byte == b'\n') {
        match format_of(line) {
            Recognised::LocalTel => own += 1,
            Recognised::Foreign(found) => {
                let of_format = counts.iter_mut().filter(|(format, _)| *format == found);
                of_format.for_each(|(_, count)| *count += 1);
            }
        }
    }
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    if own > 0 && own >= all {
        return Recognised::LocalTel;
    }
    // Of formats with equally many lines, the more special one, which is last.
    let most = counts.into_iter().filter(|(_, count)| *count > 0);
    let most = most.max_by_key(|(_, count)| *count);
    Recognised::Foreign(most.map_or(ForeignFormat::Text, |(format, _)| format))
}

/// Recognises the format of one line, which may be cut.
fn format_of(line: &[u8]) -> Recognised {
    if Record::parse(line).is_ok() || is_start_of_own(line) {
        return Recognised::LocalTel;
    }
    let text = line_text(line);
    Recognised::Foreign(match JsonTape::default().object(&text) {
        Some(object) => format_of_object(object),
        None if logfmt::object_of(&text).is_some() => ForeignFormat::Logfmt,
        None => ForeignFormat::Text,
    })
}

/// Returns `true` if a line that is cut or damaged begins as only those of localtel do.
fn is_start_of_own(line: &[u8]) -> bool {
    let is_level = |line: &[u8]| {
        Level::ALL.iter().any(|level| {
            let rest = line.strip_prefix(level.as_str().as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"\",\"source\":\""))
        })
    };
    let rest = line.strip_prefix(b"{\"timestamp\":\"");
    let rest = rest.and_then(|rest| rest.get("0000-00-00T00:00:00.000000Z".len()..));
    let rest = rest.and_then(|rest| rest.strip_prefix(b"\",\"level\":\""));
    rest.is_some_and(is_level)
}

/// Recognises the format of an object.
pub(super) fn format_of_object(object: Json<'_>) -> ForeignFormat {
    let first = |name: &str| {
        let mut members = object.members();
        members
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    let is_text = |name: &str| first(name).and_then(Json::text).is_some();
    let is_number = |name: &str| first(name).and_then(Json::number).is_some();
    let level = first("level").map_or(LevelForm::Other, LevelForm::of);
    let has_time = first("time").and_then(time::of_json).is_some();
    let is_first = |name: &str| object.members().next().is_some_and(|(key, _)| key == name);
    if first("resourceLogs").is_some_and(Json::is_list) {
        return ForeignFormat::Otlp;
    }
    match level {
        LevelForm::TracingWord => {
            let has_context = ["fields", "span"]
                .map(first)
                .into_iter()
                .flatten()
                .any(Json::is_object)
                || first("spans").is_some_and(Json::is_list);
            if has_context || is_text("timestamp") && is_text("target") {
                return ForeignFormat::Tracing;
            }
        }
        LevelForm::Number if has_time && is_number("v") => {
            let is_of_tracing = is_first("v") && is_text("target");
            return if is_of_tracing {
                ForeignFormat::TracingBunyan
            } else {
                ForeignFormat::Bunyan
            };
        }
        LevelForm::Number if has_time => return ForeignFormat::Pino,
        LevelForm::Number | LevelForm::Other => {}
    }
    if has_time && first("pid").is_some() && is_text("hostname") {
        ForeignFormat::Pino
    } else {
        ForeignFormat::Json
    }
}

/// How a level is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LevelForm {
    /// A number on the scale of bunyan.
    Number,
    /// One of the five words of `tracing`.
    TracingWord,
    /// Something else, or nothing.
    Other,
}

impl LevelForm {
    fn of(value: Json<'_>) -> Self {
        let is_word = value.text().is_some_and(|text| {
            let word = text.decoded();
            Level::ALL.iter().any(|level| level.as_str() == word)
        });
        let number = value.number().and_then(|number| number.parse::<u64>().ok());
        match number {
            _ if is_word => Self::TracingWord,
            Some(10..) => Self::Number,
            Some(_) | None => Self::Other,
        }
    }
}

/// The formats other than text, the more special ones last.
const FORMATS: [ForeignFormat; 7] = [
    ForeignFormat::Logfmt,
    ForeignFormat::Json,
    ForeignFormat::Pino,
    ForeignFormat::Bunyan,
    ForeignFormat::TracingBunyan,
    ForeignFormat::Tracing,
    ForeignFormat::Otlp,
];
