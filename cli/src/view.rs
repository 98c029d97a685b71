//! The formats of records. Values from records reach the output only through `sanitize`, except
//! where the output is not a terminal and its format has rules of its own: JSON (the line as
//! stored) and CSV.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

use time::{OffsetDateTime, UtcOffset};

use super::row::{Paint, Styles, push_row};
use super::sanitize::{SafeJson, Sanitized};
use super::screen::{Colour, OutputKind};
use super::time::{Zone, moment, timestamp};
use localtel::read::raw::{Object, RawRecord, RawText, RawValue};

/// A format of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One line for each record.
    Short,
    /// A block for each record, with all of its values.
    Pretty,
    /// The line as it is stored.
    Json,
    /// Comma-separated values, with a header.
    Csv,
}

/// The settings for writing records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    format: Format,
    zone: Zone,
    sink: OutputKind,
    styles: Styles,
}

impl View {
    /// Returns a view for this kind of output.
    pub(crate) fn new(format: Format, zone: Zone, sink: OutputKind, colour: Colour) -> Self {
        Self {
            format,
            zone,
            sink,
            styles: Styles::new(colour),
        }
    }

    /// Writes the header before the first record.
    pub(crate) fn write_header(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Csv => write_csv(out, &CSV_HEADER.map(str::to_owned)),
            Format::Short | Format::Pretty | Format::Json => Ok(()),
        }
    }

    /// Writes one record; `line` has the stored bytes.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        line: &[u8],
        raw: &RawRecord<'_>,
    ) -> io::Result<()> {
        match self.format {
            Format::Short => self.write_short(out, raw),
            Format::Pretty => {
                let mut block = String::with_capacity(LINE_BYTES);
                self.write_pretty(&mut block, raw)
                    .map_err(io::Error::other)?;
                out.write_all(block.as_bytes())
            }
            Format::Json => self.write_json(out, line),
            Format::Csv => self.write_csv(out, raw),
        }
    }

    fn write_short(&self, out: &mut dyn Write, raw: &RawRecord<'_>) -> io::Result<()> {
        let mut line = String::with_capacity(LINE_BYTES);
        push_row(&mut line, raw, &self.time_of(raw), &self.styles);
        line.push('\n');
        out.write_all(line.as_bytes())
    }

    fn write_pretty(&self, out: &mut String, raw: &RawRecord<'_>) -> fmt::Result {
        let (Paint(time), Paint(target)) = (self.styles.time, self.styles.target);
        let Paint(level) = self.styles.level(raw.level);
        writeln!(
            out,
            "{time}{}{time:#} {level}{}{level:#} {target}{}{target:#}",
            self.time_of(raw),
            raw.level,
            Sanitized(&raw.target.decoded())
        )?;
        let session = format!("{} #{}", raw.session.decoded(), raw.seq);
        let parts = [
            ("event", raw.event.map(RawText::decoded)),
            ("message", raw.message.map(RawText::decoded)),
            ("source", Some(raw.source.decoded())),
            ("session", Some(session.into())),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                self.write_block_line(out, name, &MarkedLines(&part))?;
            }
        }
        self.write_block(out, "properties", raw.properties)?;
        for (name, properties) in raw.spans.iter() {
            let title = format!("span {}", Sanitized(&name.decoded()));
            if properties.is_empty() {
                writeln!(out, "  {title}")?;
            }
            self.write_block(out, &title, properties)?;
        }
        if raw.spans_left_out > 0 {
            writeln!(out, "  spans left out: {}", raw.spans_left_out)?;
        }
        writeln!(out)
    }

    /// Writes a line of a block: a name, and a value in a column of its own.
    fn write_block_line(
        &self,
        out: &mut String,
        name: &str,
        value: &dyn fmt::Display,
    ) -> fmt::Result {
        let Paint(key) = self.styles.key;
        writeln!(out, "  {key}{name:<10}{key:#} {value}")
    }

    fn write_block(&self, out: &mut String, title: &str, properties: Object<'_>) -> fmt::Result {
        if properties.is_empty() {
            return Ok(());
        }
        let Paint(key) = self.styles.key;
        writeln!(out, "  {title}")?;
        for (name, value) in properties.members() {
            write!(out, "    {key}{}{key:#} = ", Sanitized(&name))?;
            match &value {
                RawValue::Text(text) => writeln!(out, "{}", MarkedLines(text))?,
                RawValue::Number(_) | RawValue::Word(_) | RawValue::Compound(_) => {
                    writeln!(out, "{}", SafeJson(&value.to_text()))?;
                }
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

    fn write_csv(&self, out: &mut dyn Write, raw: &RawRecord<'_>) -> io::Result<()> {
        let (mut properties, mut spans) = (String::new(), String::new());
        if !raw.properties.is_empty() {
            properties = serde_json::to_string(&raw.properties.to_properties())?;
        }
        if !raw.spans.is_empty() {
            spans = serde_json::to_string(&raw.spans.to_spans())?;
        }
        let left_out = match raw.spans_left_out {
            0 => String::new(),
            spans => spans.to_string(),
        };
        let text = |text: RawText<'_>| self.cell(&text.decoded());
        let cells = [
            raw.timestamp.decoded().into_owned(),
            raw.level.to_string(),
            text(raw.source),
            text(raw.target),
            raw.event.map(text).unwrap_or_default(),
            raw.message.map(text).unwrap_or_default(),
            raw.session.decoded().into_owned(),
            raw.seq.to_string(),
            self.cell(&properties),
            self.cell(&spans),
            left_out,
        ];
        write_csv(out, &cells)
    }

    /// Prepares a text for a cell. Spreadsheets execute text that begins like a formula, so it gets
    /// a leading `'`; on a terminal it is escaped.
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

    /// Returns the time of a record as shown.
    fn time_of<'a>(&self, raw: &RawRecord<'a>) -> Cow<'a, str> {
        if self.zone == Zone::UTC {
            return raw.timestamp.decoded();
        }
        let time = ShownTime(self.zone.show(moment(raw.time())));
        time.to_string().into()
    }
}

/// A text in a block: each line after a mark, so that none resembles a line of localtel.
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

/// A time in its zone, in the format of stored lines.
struct ShownTime(OffsetDateTime);

impl fmt::Display for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.offset();
        if offset == UtcOffset::UTC {
            return write!(f, "{}", timestamp(self.0));
        }
        // The local time, written as if it were UTC, and then its offset.
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

/// Size of most records on one line.
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
    use localtel::read::{Properties, Record};

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn view(format: Format, sink: OutputKind, colour: Colour) -> View {
        View::new(format, Zone::UTC, sink, colour)
    }

    fn shown(view: View, line: &str) -> String {
        let mut out = Vec::new();
        write(view, &mut out, line);
        String::from_utf8(out).unwrap()
    }

    /// Writes a line with the keys of a record in any order, and returns its properties.
    fn write(view: View, out: &mut Vec<u8>, line: &str) -> Properties {
        let record = Record::parse(line.as_bytes()).unwrap();
        let rewritten = serde_json::to_vec(&record).unwrap();
        let raw = RawRecord::at(&rewritten).unwrap();
        view.write(out, line.as_bytes(), &raw).unwrap();
        record.properties
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
    fn short_is_one_line_with_all_values() {
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
    fn each_format_shows_the_number_of_omitted_spans() {
        let line = LINE.replacen("\"inner\"}]", "\"inner\"}],\"spans_left_out\":36", 1);
        for (format, expected) in [
            (Format::Short, " inner spans_left_out=36\n"),
            (Format::Pretty, "  span inner\n  spans left out: 36\n\n"),
            (Format::Csv, ",36\r\n"),
            (Format::Json, ",\"spans_left_out\":36}\n"),
        ] {
            let shown = shown(view(format, OutputKind::Pipe, Colour::Off), &line);
            assert!(shown.ends_with(expected), "{shown}");
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
            let expected_properties = write(view, &mut out, &line);
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
            assert_eq!(properties, expected_properties);
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
