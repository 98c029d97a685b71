//! A record as a row of comma-separated values (RFC 4180). Properties and spans are cells of JSON,
//! written as they are after parsing.

use std::borrow::Cow;

use super::sanitize::{Sanitized, is_plain_in_line, push};
use super::screen::OutputKind;
use localtel::read::raw::{Object, RawRecord, RawText};

/// Adds a row.
pub(super) fn push_csv(out: &mut Vec<u8>, raw: &RawRecord<'_>, sink: OutputKind) {
    out.extend_from_slice(raw.timestamp.bytes());
    out.push(b',');
    push(out, raw.level);
    for text in [Some(raw.source), Some(raw.target), raw.event, raw.message] {
        out.push(b',');
        if let Some(text) = text {
            push_cell(out, text, sink);
        }
    }
    out.push(b',');
    out.extend_from_slice(raw.session.bytes());
    out.push(b',');
    push(out, raw.seq);
    out.push(b',');
    if !raw.properties.is_empty() {
        out.push(b'"');
        push_object(out, raw.properties, sink);
        out.push(b'"');
    }
    out.push(b',');
    if !raw.spans.is_empty() {
        push_spans(out, raw, sink);
    }
    out.push(b',');
    if raw.spans_left_out > 0 {
        push(out, raw.spans_left_out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Adds a text as a cell. Spreadsheets execute text that begins like a formula, so it gets a
/// leading `'`.
fn push_cell(out: &mut Vec<u8>, text: RawText<'_>, sink: OutputKind) {
    let is_formula = |byte: &u8| matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r');
    let bytes = text.bytes();
    let is_as_in_line = is_plain_in_line(text) && !bytes.contains(&b',');
    if is_as_in_line && !bytes.first().is_some_and(is_formula) {
        return out.extend_from_slice(bytes);
    }
    let text = text.decoded();
    let guard = match text.as_bytes().first() {
        Some(byte) if is_formula(byte) => "'",
        Some(_) | None => "",
    };
    let text = shown(text, sink);
    let quote = if text.contains(['"', ',', '\r', '\n']) {
        "\""
    } else {
        ""
    };
    out.extend_from_slice(quote.as_bytes());
    out.extend_from_slice(guard.as_bytes());
    push_doubled(out, &text);
    out.extend_from_slice(quote.as_bytes());
}

/// Adds a cell of spans.
fn push_spans(out: &mut Vec<u8>, raw: &RawRecord<'_>, sink: OutputKind) {
    out.extend_from_slice(b"\"[");
    for (index, (name, properties)) in raw.spans.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"\"name\"\":");
        push_json_text(out, name, sink);
        if !properties.is_empty() {
            out.extend_from_slice(b",\"\"properties\"\":");
            push_object(out, properties, sink);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]\"");
}

/// Adds an object as JSON in a cell.
fn push_object(out: &mut Vec<u8>, object: Object<'_>, sink: OutputKind) {
    out.push(b'{');
    for (index, (name, json)) in object.raw_members().into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_json_text(out, name, sink);
        out.push(b':');
        match json.text() {
            Some(text) => push_json_text(out, text, sink),
            None => push_doubled(out, &shown(json.value().to_text(), sink)),
        }
    }
    out.push(b'}');
}

/// Adds a text as JSON in a cell.
fn push_json_text(out: &mut Vec<u8>, text: RawText<'_>, sink: OutputKind) {
    if is_plain_in_line(text) {
        out.extend_from_slice(b"\"\"");
        out.extend_from_slice(text.bytes());
        out.extend_from_slice(b"\"\"");
    } else {
        // A text can always be written.
        let json = serde_json::to_string(&text.decoded()).unwrap_or_default();
        push_doubled(out, &shown(json.into(), sink));
    }
}

/// Returns a text for that kind of output: on a terminal it is escaped.
fn shown(text: Cow<'_, str>, sink: OutputKind) -> Cow<'_, str> {
    match sink {
        OutputKind::Terminal => Sanitized(&text).to_string().into(),
        OutputKind::Pipe => text,
    }
}

/// Adds a text with each quote doubled.
fn push_doubled(out: &mut Vec<u8>, text: &str) {
    for piece in text.split_inclusive('"') {
        out.extend_from_slice(piece.as_bytes());
        if piece.ends_with('"') {
            out.push(b'"');
        }
    }
}

/// The header.
pub(super) const CSV_HEADER: &[u8] =
    b"timestamp,level,source,target,event,message,session,seq,properties,spans,spans_left_out\r\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sanitize::tests::HOSTILE;
    use super::*;
    use localtel::read::Record;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"TEXT","event":"TEXT","message":"TEXT","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"TEXT":"TEXT","number":NUMBER,"list":[NUMBER,{"TEXT":"TEXT"}],"number":NUMBER},"spans":[{"name":"TEXT","properties":{"TEXT":NUMBER}},{"name":"inner"}],"spans_left_out":3}"#;

    fn row(line: &str, sink: OutputKind) -> String {
        let mut out = Vec::new();
        push_csv(&mut out, &RawRecord::at(line.as_bytes()).unwrap(), sink);
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
        let cells = [
            timestamp.to_string(),
            level.to_string(),
            cell(source),
            cell(target),
            cell(event.unwrap()),
            cell(message.unwrap()),
            session.to_string(),
            seq.to_string(),
            cell(serde_json::to_string(&properties).unwrap()),
            cell(serde_json::to_string(&spans).unwrap()),
            "3".to_owned(),
        ];
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
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
    fn formulas_are_guarded() {
        for text in ["=1", "+1", "-1", "@1", "\t1", "\r1", "=\"1\",", "1=2"] {
            assert_same(&with(&escaped(text), "1"));
        }
        let guarded = row(&with("=1", "1"), OutputKind::Pipe);
        assert!(guarded.contains(",s,'=1,'=1,'=1,"), "{guarded}");
    }

    #[test]
    fn hostile_texts_are_written_as_after_parsing() {
        for text in HOSTILE {
            assert_same(&with(&escaped(text), "1"));
        }
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
