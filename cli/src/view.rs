//! How a record looks. Values from records reach the output only through `sanitize`, except where the
//! output is no terminal and its format has rules of its own: JSON (the line as stored) and CSV.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde_json::Value;
use time::{OffsetDateTime, UtcOffset};

use super::row::{Paint, Row, Styles};
use super::sanitize::{Quoted, SafeJson, Sanitized};
use super::screen::{Colour, OutputKind};
use super::time::{Zone, moment, timestamp};
use localtel::read::raw::RawRecord;
use localtel::read::{Properties, Record};

/// A format of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One line for each record.
    Short,
    /// A block for each record, with everything in it.
    Pretty,
    /// The line as it is stored.
    Json,
    /// Comma-separated values, with a header.
    Csv,
}

/// How records are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    format: Format,
    zone: Zone,
    sink: OutputKind,
    styles: Styles,
}

impl View {
    /// Makes a view for what stands behind the output.
    pub(crate) fn new(format: Format, zone: Zone, sink: OutputKind, colour: Colour) -> Self {
        Self {
            format,
            zone,
            sink,
            styles: Styles::new(colour),
        }
    }

    /// Writes what stands before the first record.
    pub(crate) fn write_header(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Csv => write_csv(out, &CSV_HEADER.map(str::to_owned)),
            Format::Short | Format::Pretty | Format::Json => Ok(()),
        }
    }

    /// Writes one record, of which `line` are the bytes as stored.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        line: &[u8],
        record: &Record,
    ) -> io::Result<()> {
        match self.format {
            Format::Short => self.write_short(out, record),
            Format::Pretty => self.write_pretty(out, record),
            Format::Json => self.write_json(out, line),
            Format::Csv => self.write_csv(out, record),
        }
    }

    /// Returns `true` if lines are shown as they stand.
    pub(crate) fn is_verbatim(&self) -> bool {
        matches!((self.format, self.sink), (Format::Json, OutputKind::Pipe))
    }

    /// Writes a line as it stands.
    pub(crate) fn write_verbatim(&self, out: &mut dyn Write, line: &[u8]) -> io::Result<()> {
        self.write_json(out, line)
    }

    /// Writes a record whose raw record has all that is shown, and returns whether it did.
    pub(crate) fn write_raw(&self, out: &mut dyn Write, raw: &RawRecord<'_>) -> io::Result<bool> {
        match self.format {
            Format::Short => {}
            Format::Pretty | Format::Json | Format::Csv => return Ok(false),
        }
        let time = if self.zone == Zone::UTC {
            std::str::from_utf8(raw.timestamp).ok().map(Cow::Borrowed)
        } else {
            let time = raw.time();
            time.map(|time| Cow::Owned(ShownTime(self.zone.show(time)).to_string()))
        };
        match time.and_then(|time| Row::of_raw(raw, time)) {
            Some(row) => self.write_row(out, &row).map(|()| true),
            None => Ok(false),
        }
    }

    fn write_short(&self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        let time = self.time_of(record).to_string();
        self.write_row(out, &Row::of_record(record, time.into()))
    }

    fn write_row(&self, out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
        let mut line = String::with_capacity(LINE_BYTES);
        row.push(&mut line, &self.styles);
        line.push('\n');
        out.write_all(line.as_bytes())
    }

    fn write_pretty(&self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        let (Paint(time), Paint(target)) = (self.styles.time, self.styles.target);
        let Paint(level) = self.styles.level(record.level);
        writeln!(
            out,
            "{time}{}{time:#} {level}{}{level:#} {target}{}{target:#}",
            self.time_of(record),
            record.level,
            Sanitized(&record.target)
        )?;
        let session = format!("{} #{}", record.session, record.seq);
        let parts = [
            ("event", record.event.as_deref()),
            ("message", record.message.as_deref()),
            ("source", Some(&*record.source)),
            ("session", Some(&*session)),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                self.write_block_line(out, name, &MarkedLines(part))?;
            }
        }
        self.write_block(out, "properties", &record.properties)?;
        for span in &record.spans {
            let title = format!("span {}", Sanitized(&span.name));
            if span.properties.is_empty() {
                writeln!(out, "  {title}")?;
            }
            self.write_block(out, &title, &span.properties)?;
        }
        if record.spans_left_out > 0 {
            writeln!(out, "  spans left out: {}", record.spans_left_out)?;
        }
        writeln!(out)
    }

    /// Writes a line of a block: its name, and the value at a column of its own.
    fn write_block_line(
        &self,
        out: &mut dyn Write,
        name: &str,
        value: &dyn fmt::Display,
    ) -> io::Result<()> {
        let Paint(key) = self.styles.key;
        writeln!(out, "  {key}{name:<10}{key:#} {value}")
    }

    fn write_block(
        &self,
        out: &mut dyn Write,
        title: &str,
        properties: &Properties,
    ) -> io::Result<()> {
        if properties.is_empty() {
            return Ok(());
        }
        let Paint(key) = self.styles.key;
        writeln!(out, "  {title}")?;
        for (name, value) in properties.iter() {
            write!(out, "    {key}{}{key:#} = ", Sanitized(name))?;
            match value {
                Value::String(text) => writeln!(out, "{}", MarkedLines(text))?,
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => writeln!(out, "{}", ShownValue(value))?,
            }
        }
        Ok(())
    }

    fn write_json(&self, out: &mut dyn Write, line: &[u8]) -> io::Result<()> {
        match self.sink {
            OutputKind::Pipe => {
                out.write_all(line)?;
                out.write_all(b"\n")
            }
            OutputKind::Terminal => writeln!(out, "{}", SafeJson(&String::from_utf8_lossy(line))),
        }
    }

    fn write_csv(&self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        let spans = match record.spans.as_slice() {
            [] => String::new(),
            spans => serde_json::to_string(spans)?,
        };
        let properties = if record.properties.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&record.properties)?
        };
        let left_out = match record.spans_left_out {
            0 => String::new(),
            spans => spans.to_string(),
        };
        let text = |text: &str| self.cell(text);
        let cells = [
            record.timestamp.to_string(),
            record.level.to_string(),
            text(&record.source),
            text(&record.target),
            text(record.event.as_deref().unwrap_or_default()),
            text(record.message.as_deref().unwrap_or_default()),
            record.session.to_string(),
            record.seq.to_string(),
            text(&properties),
            text(&spans),
            left_out,
        ];
        write_csv(out, &cells)
    }

    /// Prepares a text for a cell: spreadsheets run what begins like a formula, so it gets a `'` before
    /// it; and on a terminal it is shown escaped.
    fn cell(&self, text: &str) -> String {
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            "'"
        } else {
            ""
        };
        match self.sink {
            OutputKind::Terminal => format!("{guard}{}", Sanitized(text)),
            OutputKind::Pipe => format!("{guard}{text}"),
        }
    }

    fn time_of(&self, record: &Record) -> impl fmt::Display {
        ShownTime(self.zone.show(moment(record.timestamp)))
    }
}

/// A value on one line.
struct ShownValue<'a>(&'a Value);

impl fmt::Display for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => Quoted(text).fmt(f),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.0.fmt(f),
            Value::Array(_) | Value::Object(_) => SafeJson(&self.0.to_string()).fmt(f),
        }
    }
}

/// A text in a block: its lines below each other, each behind a mark, so that none looks like ours.
struct MarkedLines<'a>(&'a str);

impl fmt::Display for MarkedLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.strip_suffix('\n').unwrap_or(self.0);
        if !text.contains('\n') {
            return Sanitized(text).fmt(f);
        }
        text.split('\n')
            .try_for_each(|line| write!(f, "\n      | {}", Sanitized(line)))
    }
}

/// A time as lines hold it, in its zone.
struct ShownTime(OffsetDateTime);

impl fmt::Display for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.offset();
        if offset == UtcOffset::UTC {
            return write!(f, "{}", timestamp(self.0));
        }
        // The clock of the zone, written as if it were that of UTC, and then its offset.
        let clock = timestamp(self.0.replace_offset(UtcOffset::UTC)).to_string();
        let (hours, minutes, _) = offset.as_hms();
        let sign = if offset.is_negative() { '-' } else { '+' };
        let clock = clock.trim_end_matches('Z');
        write!(
            f,
            "{clock}{sign}{:02}:{:02}",
            hours.unsigned_abs(),
            minutes.unsigned_abs()
        )
    }
}

/// What most records take on one line.
const LINE_BYTES: usize = 512;

const CSV_HEADER: [&str; 11] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
    "properties",
    "spans",
    "spans_left_out",
];

fn write_csv(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    writer.write_record(cells).map_err(io::Error::from)?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::super::sanitize::tests::{HOSTILE, is_safe};
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn view(format: Format, sink: OutputKind, colour: Colour) -> View {
        View::new(format, Zone::UTC, sink, colour)
    }

    fn shown(view: View, line: &str) -> String {
        let mut out = Vec::new();
        let record = Record::parse(line.as_bytes()).unwrap();
        view.write(&mut out, line.as_bytes(), &record).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn hostile_line(text: &str) -> String {
        let value = serde_json::json!({
            "timestamp": "2026-11-21T08:15:30.123456Z", "level": "INFO", "source": text,
            "target": text, "event": text, "message": text,
            "session": "01936f0e-0000-7000-8000-000000000000", "seq": 1,
            "properties": { text: text, "list": [text, { text: text }] },
            "spans": [{ "name": text, "properties": { text: text } }],
        });
        value.to_string()
    }

    #[test]
    fn short_is_one_line_with_everything_that_tells_records_apart() {
        let view = view(Format::Short, OutputKind::Pipe, Colour::Off);
        assert_eq!(
            shown(view, LINE),
            "2026-11-21T08:15:30.123456Z INFO  ticloud::project command: listed projects \
             command=\"project list\" duration=871 args=[\"a\",1] request{id=7} inner\n"
        );
    }

    #[test]
    fn pretty_is_a_block_with_everything() {
        let view = view(Format::Pretty, OutputKind::Pipe, Colour::Off);
        let line = LINE.replace("listed projects", "one\\ntwo");
        assert_eq!(
            shown(view, &line),
            "2026-11-21T08:15:30.123456Z INFO ticloud::project\n  \
             event      command\n  \
             message    \n      | one\n      | two\n  \
             source     ticloud\n  \
             session    01936f0e-0000-7000-8000-000000000000 #12\n  \
             properties\n    command = project list\n    duration = 871\n    args = [\"a\",1]\n  \
             span request\n    id = 7\n  \
             span inner\n\n"
        );
    }

    #[test]
    fn each_format_says_how_many_spans_were_left_out() {
        let line = LINE.replacen("\"inner\"}]", "\"inner\"}],\"spans_left_out\":36", 1);
        for (format, said) in [
            (Format::Short, " inner spans_left_out=36\n"),
            (Format::Pretty, "  span inner\n  spans left out: 36\n\n"),
            (Format::Csv, ",36\r\n"),
            (Format::Json, ",\"spans_left_out\":36}\n"),
        ] {
            let shown = shown(view(format, OutputKind::Pipe, Colour::Off), &line);
            assert!(shown.ends_with(said), "{shown}");
        }
    }

    #[test]
    fn json_to_a_pipe_is_the_line_as_stored() {
        let line = hostile_line("\u{9b}\u{202e}\x7f");
        let piped = shown(view(Format::Json, OutputKind::Pipe, Colour::Off), &line);
        assert_eq!(piped, line + "\n");
    }

    #[test]
    fn a_hostile_record_stays_on_its_line_in_every_format() {
        for text in HOSTILE {
            let line = hostile_line(text);
            for format in [Format::Short, Format::Json] {
                let shown = shown(view(format, OutputKind::Terminal, Colour::Off), &line);
                assert!(is_safe(&shown, 1), "{format:?} {shown:?}");
            }
            let csv = shown(view(Format::Csv, OutputKind::Terminal, Colour::Off), &line);
            assert!(is_safe(csv.strip_suffix("\r\n").unwrap(), 0), "{csv:?}");
            let block = shown(
                view(Format::Pretty, OutputKind::Terminal, Colour::Off),
                &line,
            );
            assert!(is_safe(&block, block.matches('\n').count()), "{block:?}");
            let is_ours = |line: &str| line.is_empty() || line.starts_with("  ");
            assert!(block.lines().skip(1).all(is_ours), "{block:?}");
        }
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let escape = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
        for format in [Format::Short, Format::Pretty] {
            let coloured = shown(view(format, OutputKind::Terminal, Colour::On), LINE);
            let plain = shown(view(format, OutputKind::Terminal, Colour::Off), LINE);
            assert!(coloured.contains("\x1b["), "{coloured:?}");
            assert_eq!(escape.replace_all(&coloured, ""), plain);
        }
    }

    #[test]
    fn csv_reads_back_to_the_same_values_but_for_formulas() {
        for text in HOSTILE {
            let line = hostile_line(text);
            let mut out = Vec::new();
            let view = view(Format::Csv, OutputKind::Pipe, Colour::Off);
            view.write_header(&mut out).unwrap();
            let record = Record::parse(line.as_bytes()).unwrap();
            view.write(&mut out, line.as_bytes(), &record).unwrap();
            let mut reader = csv::Reader::from_reader(&*out);
            assert_eq!(reader.headers().unwrap(), CSV_HEADER.as_slice());
            let row = reader.records().next().unwrap().unwrap();
            let expected = if text.starts_with('=') {
                format!("'{text}")
            } else {
                text.to_owned()
            };
            assert_eq!(row.get(5).unwrap(), expected);
            let properties: Properties = serde_json::from_str(row.get(8).unwrap()).unwrap();
            assert_eq!(properties, record.properties);
        }
    }

    #[test]
    fn formulas_are_guarded() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            let view = view(Format::Csv, OutputKind::Pipe, Colour::Off);
            assert_eq!(view.cell(&format!("{start}1")), format!("'{start}1"));
        }
    }

    #[test]
    fn times_are_shown_in_the_zone_with_its_offset() {
        let offset = UtcOffset::from_hms(-3, -30, 0).unwrap();
        let view = View::new(
            Format::Short,
            Zone::Fixed(offset),
            OutputKind::Pipe,
            Colour::Off,
        );
        assert!(shown(view, LINE).starts_with("2026-11-21T04:45:30.123456-03:30 INFO"));
    }
}
