//! Lines of other loggers, rewritten as lines of localtel, so that each filter and each view works
//! with them. These are pure functions of bytes: reading files is left to the caller, and so is
//! printing the original line where that is wanted.
//!
//! `recognition` finds the format of a file. A line is then read as one or more `record`s: by
//! `object`, with the table of the format in `keys`, by `otlp`, or by `text`, which also reads each
//! line that is not in the format of its file. So every line that is not blank gives a record.

mod any_value;
mod json;
mod keys;
mod level;
mod logfmt;
mod object;
mod otlp;
mod recognition;
mod record;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read their files directly")]
mod tests;
mod text;
mod time;

use std::borrow::Cow;

use localtel::read::Timestamp;

use self::json::{ForeignText, Json, JsonTape};
pub(crate) use self::recognition::{Recognised, recognise};
pub(crate) use self::record::NO_SESSION;
use self::record::{Defaults, ForeignRecord};
use self::time::TimeText;

/// The format of the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForeignFormat {
    /// `tracing_subscriber::fmt().json()`, nested or flattened.
    Tracing,
    /// `tracing-bunyan-formatter`.
    TracingBunyan,
    /// bunyan.
    Bunyan,
    /// pino.
    Pino,
    /// Logs of OpenTelemetry, a batch on each line.
    Otlp,
    /// JSON objects of any other logger.
    Json,
    /// Pairs of the form `key=value`.
    Logfmt,
    /// Anything else.
    Text,
}

/// Rewrites the lines of one file, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Rewriter {
    format: ForeignFormat,
    /// The application as a JSON string, with its quotes.
    source: String,
    time: Timestamp,
    clock: TimeText,
    tape: JsonTape,
    line: Vec<u8>,
}

impl Rewriter {
    /// Begins a file. `source` is the application of records that name none, and `time` the time of
    /// records without one until the first time in the file.
    pub(crate) fn new(format: ForeignFormat, source: &str, time: Timestamp) -> Self {
        let mut escaped = Vec::new();
        ForeignText::Plain(source).write(&mut escaped);
        Self {
            format,
            source: String::from_utf8(escaped).unwrap_or_default(),
            time,
            clock: TimeText::default(),
            tape: JsonTape::default(),
            line: Vec::new(),
        }
    }

    /// Notes the time of the last record before the lines that follow.
    pub(crate) fn follow(&mut self, time: Timestamp) {
        self.time = time;
    }

    /// Rewrites a line without its newline, and calls `each` with each record in it: a line in
    /// localtel's form, without a newline. `number` is the number of the line, which becomes the
    /// number of the record; records of one line share it.
    pub(crate) fn rewrite(&mut self, line: &[u8], number: u64, mut each: impl FnMut(&[u8])) {
        let text = line_text(line);
        let source = json::unquoted(&self.source).unwrap_or_default();
        records(self.format, &text, &mut self.tape, &mut |record| {
            // A record without a time was written after the one before it.
            self.time = record.time.unwrap_or(self.time);
            let defaults = Defaults {
                time: self.time,
                source: ForeignText::Escaped(source),
                seq: number,
            };
            self.line.clear();
            record.write(defaults, &mut self.clock, &mut self.line);
            each(&self.line);
        });
    }
}

impl ForeignFormat {
    /// Reads the first time in a line.
    pub(crate) fn time_of(self, line: &[u8]) -> Option<Timestamp> {
        let text = line_text(line);
        let mut time = None;
        records(self, &text, &mut JsonTape::default(), &mut |record| {
            time = time.or(record.time);
        });
        time
    }
}

/// Reads the records of a line. One that is not in the format is read as text.
fn records(
    format: ForeignFormat,
    line: &str,
    tape: &mut JsonTape,
    each: &mut dyn FnMut(ForeignRecord<'_>),
) {
    if line.trim_ascii().is_empty() {
        return;
    }
    let mut is_read = false;
    let mut count = |record: ForeignRecord<'_>| {
        is_read = true;
        each(record);
    };
    let mut read = |object: Json<'_>| count(object::record(format, object));
    match format {
        ForeignFormat::Tracing
        | ForeignFormat::TracingBunyan
        | ForeignFormat::Bunyan
        | ForeignFormat::Pino
        | ForeignFormat::Json => tape.object(line).into_iter().for_each(read),
        ForeignFormat::Logfmt => {
            let object = logfmt::object_of(line);
            let object = object.as_deref().and_then(|object| tape.object(object));
            object.into_iter().for_each(&mut read);
        }
        ForeignFormat::Otlp => {
            let batch = tape.object(line).into_iter();
            batch.for_each(|batch| otlp::records(batch, &mut count));
        }
        // The first lines of a pipe may be the messages of the program that starts the logger.
        ForeignFormat::Text if line.starts_with('{') => {
            let format = tape.object(line).map(recognition::format_of_object);
            let format = format.filter(|format| *format != ForeignFormat::Text);
            if let Some(format) = format {
                return records(format, line, tape, each);
            }
        }
        ForeignFormat::Text => {}
    }
    if !is_read {
        each(text::record(line));
    }
}

/// Returns the text of a line: without the mark of byte order with which some programs begin a
/// file, without a carriage return and without colours, and with the replacement character for each
/// part that is not UTF-8.
fn line_text(line: &[u8]) -> Cow<'_, str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text =
        std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    if text.contains(ESCAPE) {
        Cow::Owned(without_colours(&text))
    } else {
        text
    }
}

/// Removes the sequences that colour the text on a terminal (`ESC [ 31 m`). No JSON contains any.
fn without_colours(text: &str) -> String {
    let mut parts = text.split(ESCAPE);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_parameter = |next: char| next.is_ascii_digit() || next == ';';
        let sequence = part
            .strip_prefix('[')
            .map(|rest| rest.trim_start_matches(is_parameter));
        if let Some(rest) = sequence.and_then(|rest| rest.strip_prefix('m')) {
            plain.push_str(rest);
        } else {
            plain.push(ESCAPE);
            plain.push_str(part);
        }
    }
    plain
}

const ESCAPE: char = '\u{1b}';
