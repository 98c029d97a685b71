//! Cells as a row of tab-separated values, with the escapes of `@tsv` in `jq`: `\t`, `\n`, `\r` and
//! `\\` for a tab, a line end, CR and a backslash. So each record is one line, and a tab always
//! ends a cell.

use super::columns::Cell;
use super::sanitize::{Sanitized, push};
use super::screen::OutputKind;

/// Adds the row of headings.
pub(super) fn push_headings<'a>(
    out: &mut Vec<u8>,
    headings: impl Iterator<Item = &'a str>,
    sink: OutputKind,
) {
    for (index, heading) in headings.enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        push_text(out, heading, sink);
    }
    out.push(b'\n');
}

/// Adds a row.
pub(super) fn push_cells(out: &mut Vec<u8>, cells: &[Cell<'_>], sink: OutputKind) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        match (cell, sink) {
            (Cell::Empty, _) => {}
            (Cell::Plain(bytes), _) => out.extend_from_slice(bytes),
            // Without an escape in its line there is nothing to escape here.
            (Cell::Text(text), OutputKind::Pipe) if text.is_plain() => {
                out.extend_from_slice(text.bytes());
            }
            (Cell::Text(_) | Cell::Json(_) | Cell::Nested(_) | Cell::Names(_), _) => {
                push_text(out, &cell.to_text(), sink);
            }
        }
    }
    out.push(b'\n');
}

/// Adds a text.
fn push_text(out: &mut Vec<u8>, text: &str, sink: OutputKind) {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\\' => escaped.push_str("\\\\"),
            letter => escaped.push(letter),
        }
    }
    match sink {
        OutputKind::Terminal => push(out, Sanitized(&escaped)),
        OutputKind::Pipe => out.extend_from_slice(escaped.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{CellContext, Columns};
    use super::super::sanitize::tests::{HOSTILE, is_safe};
    use super::*;
    use localtel::read::raw::RawRecord;

    fn row(text: &str, sink: OutputKind) -> String {
        let line = serde_json::json!({
            "timestamp": "2026-11-21T08:15:30.123456Z", "level": "INFO", "source": "s",
            "target": "t", "session": "01936f0e-0000-7000-8000-000000000000", "seq": 1,
            "properties": { "text": text, "n": -1, "list": [text] },
        });
        let line = line.to_string();
        let columns: Columns = "seq,text,missing,n,list".parse().unwrap();
        let context = CellContext::default();
        let mut out = Vec::new();
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        push_cells(&mut out, &columns.cells(&raw, context), sink);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tabs_line_ends_and_backslashes_are_escaped() {
        assert_eq!(
            row("a\tb\nc\rd\\e,\"f\" ä", OutputKind::Pipe),
            "1\ta\\tb\\nc\\rd\\\\e,\"f\" ä\t\t-1\t[\"a\\\\tb\\\\nc\\\\rd\\\\\\\\e,\\\\\"f\\\\\" ä\"]\n"
        );
    }

    #[test]
    fn a_row_is_one_line_of_five_cells_and_safe_on_a_terminal() {
        for text in HOSTILE {
            let piped = row(text, OutputKind::Pipe);
            assert_eq!(piped.matches('\n').count(), 1, "{piped:?}");
            assert_eq!(piped.split('\t').count(), 5, "{piped:?}");
            let shown = row(text, OutputKind::Terminal);
            assert!(is_safe(&shown.replace('\t', " "), 1), "{shown:?}");
        }
    }
}
