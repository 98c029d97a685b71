//! Cells as a row of comma-separated values (RFC 4180). A nested value is JSON.

use localtel::read::raw::RawValue;

use super::columns::Cell;
use super::sanitize::{Sanitized, is_plain_in_line};
use super::screen::OutputKind;

/// Adds the row of headings.
pub(crate) fn push_headings<'a>(
    out: &mut Vec<u8>,
    headings: impl Iterator<Item = &'a str>,
    sink: OutputKind,
) {
    for (index, heading) in headings.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(out, heading, sink);
    }
    out.extend_from_slice(b"\r\n");
}

/// Adds a row.
pub(crate) fn push_cells(out: &mut Vec<u8>, cells: &[Cell<'_>], sink: OutputKind) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_cell(out, cell, sink);
    }
    out.extend_from_slice(b"\r\n");
}

fn push_cell(out: &mut Vec<u8>, cell: &Cell<'_>, sink: OutputKind) {
    match cell {
        Cell::Empty => {}
        Cell::Plain(bytes) => out.extend_from_slice(bytes),
        Cell::Text(text) => {
            let bytes = text.bytes();
            let is_shown = match sink {
                OutputKind::Terminal => is_plain_in_line(*text),
                // Without an escape there is neither a quote nor a line end in it.
                OutputKind::Pipe => text.is_plain(),
            };
            if is_shown && !bytes.contains(&b',') && !bytes.first().copied().is_some_and(is_formula)
            {
                out.extend_from_slice(bytes);
            } else {
                push_text(out, &text.decoded(), sink);
            }
        }
        Cell::Json(json) => push_value(out, &json.value(), sink),
        Cell::Nested(value) => push_value(out, value, sink),
        Cell::Names(_) => push_text(out, &cell.to_text(), sink),
    }
}

fn push_value(out: &mut Vec<u8>, value: &RawValue<'_>, sink: OutputKind) {
    match value {
        RawValue::Text(text) => push_text(out, text, sink),
        // A negative number is no formula.
        RawValue::Number(_) | RawValue::Word(_) => {
            out.extend_from_slice(value.to_text().as_bytes());
        }
        RawValue::Compound(_) => push_text(out, &value.to_text(), sink),
    }
}

/// Adds a text. Spreadsheets execute text that begins like a formula, so it gets a leading `'`. On
/// a terminal it is escaped.
fn push_text(out: &mut Vec<u8>, text: &str, sink: OutputKind) {
    let first = text.as_bytes().first().copied();
    let guard = if first.is_some_and(is_formula) {
        "'"
    } else {
        ""
    };
    let escaped;
    let text = match sink {
        OutputKind::Terminal => {
            escaped = Sanitized(text).to_string();
            &escaped
        }
        OutputKind::Pipe => text,
    };
    let quote = if text.contains(['"', ',', '\r', '\n']) {
        "\""
    } else {
        ""
    };
    out.extend_from_slice(quote.as_bytes());
    out.extend_from_slice(guard.as_bytes());
    for piece in text.split_inclusive('"') {
        out.extend_from_slice(piece.as_bytes());
        if piece.ends_with('"') {
            out.push(b'"');
        }
    }
    out.extend_from_slice(quote.as_bytes());
}

fn is_formula(byte: u8) -> bool {
    matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::columns::{CellContext, Columns, HostKey};
    use super::super::sanitize::tests::HOSTILE;
    use super::*;
    use localtel::read::Record;
    use localtel::read::raw::RawRecord;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"TEXT","event":"TEXT","message":"TEXT","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"text":"TEXT","number":NUMBER,"list":[NUMBER,{"TEXT":"TEXT"}],"number":NUMBER},"spans":[{"name":"TEXT","properties":{"inside":"TEXT"}},{"name":"inner"}],"spans_left_out":3}"#;

    fn row(line: &str, sink: OutputKind) -> String {
        let names = ["text", "number", "list", "inside"].map(str::to_owned);
        let columns = Columns::with_keys(&names, &["span", "spans_left_out"], HostKey::Property);
        let time = b"2026-11-21T08:15:30.123456Z";
        let times = CellContext {
            time,
            timestamp: time,
            host: None,
        };
        let mut out = Vec::new();
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        push_cells(&mut out, &columns.cells(&raw, times), sink);
        String::from_utf8(out).unwrap()
    }

    /// Parses a line, and writes its values with the crate `csv`.
    fn row_of_values(line: &str, sink: OutputKind) -> String {
        let Record {
            timestamp,
            level,
            source,
            target,
            event,
            message,
            session,
            seq,
            properties,
            spans,
            ..
        } = Record::parse(line.as_bytes()).unwrap();
        let cell = |text: String| {
            let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
            let guard = if is_formula { "'" } else { "" };
            match sink {
                OutputKind::Terminal => format!("{guard}{}", Sanitized(&text)),
                OutputKind::Pipe => format!("{guard}{text}"),
            }
        };
        let value = |value: &serde_json::Value| match value.as_str() {
            Some(text) => cell(text.to_owned()),
            None if value.is_array() => cell(value.to_string()),
            None => value.to_string(),
        };
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        let cells = [
            timestamp.to_string(),
            level.to_string(),
            cell(source),
            cell(target),
            cell(event.unwrap()),
            cell(message.unwrap()),
            session.to_string(),
            seq.to_string(),
            cell(names.join(":")),
            "3".to_owned(),
            value(properties.get("text").unwrap()),
            value(properties.get("number").unwrap()),
            value(properties.get("list").unwrap()),
            value(spans[0].properties.get("inside").unwrap()),
        ];
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .quote_style(csv::QuoteStyle::Necessary)
            .from_writer(Vec::new());
        writer.write_record(cells).unwrap();
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    fn assert_same(line: &str) {
        for sink in [OutputKind::Pipe, OutputKind::Terminal] {
            assert_eq!(row(line, sink), row_of_values(line, sink), "{line}");
        }
    }

    /// Returns the line with a text, as JSON without its quotes.
    fn with(text: &str, number: &str) -> String {
        LINE.replace("NUMBER", number).replace("TEXT", text)
    }

    fn escaped(text: &str) -> String {
        let json = serde_json::to_string(text).unwrap();
        let inner = json
            .strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'));
        inner.unwrap().to_owned()
    }

    #[test]
    fn formulas_are_guarded_and_negative_numbers_are_not() {
        for text in ["=1", "+1", "-1", "@1", "\t1", "\r1", "=\"1\",", "1=2"] {
            assert_same(&with(&escaped(text), "-1"));
        }
        let guarded = row(&with("=1", "-1"), OutputKind::Pipe);
        assert!(guarded.contains(",s,'=1,'=1,'=1,"), "{guarded}");
        assert!(guarded.contains(",'=1,-1,"), "{guarded}");
    }

    #[test]
    fn hostile_texts_are_written_as_after_parsing() {
        for text in HOSTILE {
            assert_same(&with(&escaped(text), "1"));
        }
    }

    #[test]
    fn headings_are_cells_like_others() {
        let mut out = Vec::new();
        let headings = ["a", "=b", "c,d", "e\u{202e}"];
        push_headings(&mut out, headings.into_iter(), OutputKind::Terminal);
        let shown = String::from_utf8(out).unwrap();
        assert_eq!(shown, "a,'=b,\"c,d\",e\\u{202e}\r\n");
    }

    proptest! {
        #[test]
        fn a_row_has_the_values_as_after_parsing(
            text in prop_oneof![
                "[a-z\"\\\\,='\r\n\tä\u{202e}-]{0,6}".prop_map(|text| escaped(&text)),
                r#"([a-c, =]|\\u00(41|1b|e4)|\\/|\\n|\\"){0,4}"#,
            ],
            number in prop_oneof![
                "-?(0|[1-9][0-9]{0,25})",
                "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,12}",
                "-?0\\.0{0,8}[0-9]{1,12}",
                "-?[0-9]e[+-]?[0-9]{1,2}",
            ],
        ) {
            assert_same(&with(&text, &number));
        }
    }
}
