//! JSON objects of a stream, in any layout: one on each line, several on a line, one over many
//! lines, or in an array. Each is complete with its last brace, so that an object written to a pipe
//! is recorded at once. Invalid input is an item with its position; reading continues at the next
//! line that may begin an object. The content of objects is not checked here.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Deserialize as _;
use serde::de::IgnoredAny;

/// Reads the objects of a stream.
pub(super) struct Objects<'i> {
    input: Input<'i>,
    /// The indentation of a damaged object of several lines, whose next lines are skipped.
    damaged: Option<usize>,
}

/// An item of a stream.
#[derive(Debug, PartialEq)]
pub(super) enum StreamItem {
    /// A JSON object with checked syntax and unchecked UTF-8.
    Object { at: InputPosition, json: Vec<u8> },
    /// Invalid input.
    Damage { at: InputPosition, reason: String },
}

/// The position where an item begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputPosition {
    line: u64,
    column: usize,
    /// Number of blank columns at the start of the line.
    indent: usize,
}

impl fmt::Display for InputPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if self.is_at_start() {
            Ok(())
        } else {
            write!(f, ", column {}", self.column)
        }
    }
}

impl<'i> Objects<'i> {
    /// Starts to read a stream.
    pub(super) fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            input: Input::new(input),
            damaged: None,
        }
    }

    /// Returns the next item as soon as it is complete; `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the stream cannot be read, or is not text.
    pub(super) fn next_item(&mut self) -> io::Result<Option<StreamItem>> {
        self.skip_damaged_lines()?;
        loop {
            let Some(byte) = self.input.peek()? else {
                return Ok(None);
            };
            let at = self.input.place;
            match byte {
                b'{' => return self.object(at).map(Some),
                // Between objects there may be blank space, parts of an array, or the mark of JSON
                // text sequences.
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | RECORD_SEPARATOR => {
                    self.input.next()?;
                }
                b'\xff' | b'\xfe' if at.line == 1 && at.column == 1 => {
                    let hint = "the input is UTF-16, and only UTF-8 is read: `iconv -f UTF-16 -t UTF-8` converts it";
                    return Err(io::Error::other(hint));
                }
                b'\xef' if self.skip_byte_order_mark()? => {}
                _ => {
                    let reason = self.input.skip_line()?.to_owned();
                    return Ok(Some(StreamItem::Damage { at, reason }));
                }
            }
        }
    }

    /// Skips the byte order mark with which some programs begin a file in UTF-8.
    fn skip_byte_order_mark(&mut self) -> io::Result<bool> {
        for byte in *b"\xef\xbb\xbf" {
            if self.input.peek()? != Some(byte) {
                return Ok(false);
            }
            self.input.next()?;
        }
        self.input.reset_column();
        Ok(true)
    }

    fn object(&mut self, at: InputPosition) -> io::Result<StreamItem> {
        let mut tee = Tee::new(&mut self.input);
        let mut parser = serde_json::Deserializer::from_reader(&mut tee);
        let checked = IgnoredAny::deserialize(&mut parser);
        let Tee { held, stop, .. } = tee;
        let reason = match (checked, stop) {
            (Ok(_), _) => return Ok(StreamItem::Object { at, json: held }),
            (Err(_), Some(StreamStop::Failed(error))) => return Err(error),
            (Err(_), Some(StreamStop::TooLong)) => {
                format!("it is longer than {OBJECT_BYTES_MAX} bytes")
            }
            (Err(_), Some(StreamStop::TooDeep)) => {
                format!("it is nested deeper than {DEPTH_MAX} levels")
            }
            (Err(error), None) => reason_of(&error, at, &held),
        };
        self.resume(at, &held)?;
        Ok(StreamItem::Damage { at, reason })
    }

    /// Skips to the next line where an object may begin, after a damaged object of which `held` was
    /// read.
    fn resume(&mut self, at: InputPosition, held: &[u8]) -> io::Result<()> {
        let starts = memchr::memchr_iter(b'\n', held).map(|end| end + 1);
        let next = starts.enumerate().find(|(_, start)| {
            let line = held.get(*start..).unwrap_or_default();
            let text = line.trim_ascii_start();
            text.starts_with(b"{") && line.len() - text.len() <= at.indent
        });
        if let Some((lines, start)) = next {
            let line = at.line + lines as u64 + 1;
            self.input
                .read_again(held.get(start..).unwrap_or_default(), line);
        } else {
            let is_long = held.trim_ascii_end().contains(&b'\n');
            self.damaged = is_long.then_some(at.indent);
            if !held.ends_with(b"\n") {
                self.input.skip_line()?;
            }
        }
        Ok(())
    }

    /// Skips lines of a damaged object: lines with more indentation, and lines that close it.
    fn skip_damaged_lines(&mut self) -> io::Result<()> {
        let Some(indent) = self.damaged.take() else {
            return Ok(());
        };
        loop {
            while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.input.peek()? {
                self.input.next()?;
            }
            let is_deeper = self.input.place.indent > indent;
            match self.input.peek()? {
                Some(b'}' | b']') => {}
                Some(_) if is_deeper => {}
                Some(_) | None => return Ok(()),
            }
            self.input.skip_line()?;
        }
    }
}

/// Returns why an object is invalid, with the line if that is a later one.
fn reason_of(error: &serde_json::Error, at: InputPosition, held: &[u8]) -> String {
    if held.get(1) == Some(&0) {
        return NOT_UTF_8.to_owned();
    }
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(what, _)| what);
    if error.is_eof() {
        return "it is incomplete".to_owned();
    }
    // The parser reports the end of a line as the start of the next one.
    let lines = error
        .line()
        .saturating_sub(1 + usize::from(error.column() == 0));
    match lines {
        0 => what.to_owned(),
        lines => format!("{what} in line {}", at.line + lines as u64),
    }
}

/// The bytes of a stream, some of which may be read again.
struct Input<'i> {
    source: &'i mut dyn BufRead,
    again: Vec<u8>,
    /// Number of these that were read again.
    at: usize,
    /// The position of the next byte.
    place: InputPosition,
}

impl<'i> Input<'i> {
    fn new(source: &'i mut dyn BufRead) -> Self {
        Self {
            source,
            again: Vec::new(),
            at: 0,
            place: InputPosition::start_of(1),
        }
    }

    /// Returns the next byte without taking it.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.again.get(self.at) {
            return Ok(Some(*byte));
        }
        loop {
            match self.source.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the next byte.
    fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.peek()? else {
            return Ok(None);
        };
        if self.at < self.again.len() {
            self.at += 1;
        } else {
            self.source.consume(1);
        }
        if byte == b'\n' {
            self.place = InputPosition::start_of(self.place.line + 1);
        } else {
            let is_indent = self.place.is_at_start() && matches!(byte, b' ' | b'\t');
            self.place.column += 1;
            self.place.indent += usize::from(is_indent);
        }
        Ok(Some(byte))
    }

    /// Skips the rest of a line, and returns why it is not an object.
    fn skip_line(&mut self) -> io::Result<&'static str> {
        let (mut has_nul, mut bytes) = (false, 0_u64);
        while let Some(byte) = self.next()? {
            if byte == b'\n' {
                break;
            }
            has_nul |= byte == 0;
            bytes += 1;
            // A device that yields zeros has neither lines nor an end.
            if has_nul && bytes > OBJECT_BYTES_MAX {
                return Err(io::Error::other("it is not text"));
            }
        }
        Ok(if has_nul { NOT_UTF_8 } else { NOT_AN_OBJECT })
    }

    /// Puts bytes back that begin at the start of a line.
    fn read_again(&mut self, bytes: &[u8], line: u64) {
        let unread = self.again.get(self.at..).unwrap_or_default();
        self.again = [bytes, unread].concat();
        self.at = 0;
        self.place = InputPosition::start_of(line);
    }

    /// Resets the column, as if the line began here.
    fn reset_column(&mut self) {
        self.place = InputPosition::start_of(self.place.line);
    }
}

impl InputPosition {
    const fn start_of(line: u64) -> Self {
        Self {
            line,
            column: 1,
            indent: 0,
        }
    }

    /// Returns `true` if only blank space precedes the position in its line.
    const fn is_at_start(&self) -> bool {
        self.column == self.indent + 1
    }
}

/// Passes bytes on and stores them, up to the limits of an object.
struct Tee<'t, 'i> {
    input: &'t mut Input<'i>,
    held: Vec<u8>,
    depth: usize,
    text: StringState,
    stop: Option<StreamStop>,
}

/// The state of a scan: within a string or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StringState {
    Outside,
    Inside,
    Escaped,
}

/// The reason why no more bytes are passed on.
enum StreamStop {
    TooLong,
    TooDeep,
    Failed(io::Error),
}

impl<'t, 'i> Tee<'t, 'i> {
    fn new(input: &'t mut Input<'i>) -> Self {
        Self {
            input,
            held: Vec::new(),
            depth: 0,
            text: StringState::Outside,
            stop: None,
        }
    }

    fn next(&mut self) -> Result<Option<u8>, StreamStop> {
        if self.held.len() as u64 >= OBJECT_BYTES_MAX {
            return Err(StreamStop::TooLong);
        }
        let Some(byte) = self.input.next().map_err(StreamStop::Failed)? else {
            return Ok(None);
        };
        self.held.push(byte);
        self.text = match (self.text, byte) {
            (StringState::Inside, b'\\') => StringState::Escaped,
            (StringState::Inside, b'"') => StringState::Outside,
            (StringState::Inside | StringState::Escaped, _) | (StringState::Outside, b'"') => {
                StringState::Inside
            }
            (StringState::Outside, b'{' | b'[') => {
                self.depth += 1;
                StringState::Outside
            }
            (StringState::Outside, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                StringState::Outside
            }
            (StringState::Outside, _) => StringState::Outside,
        };
        if self.depth > DEPTH_MAX {
            return Err(StreamStop::TooDeep);
        }
        Ok(Some(byte))
    }
}

impl Read for Tee<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(place) = buffer.first_mut() else {
            return Ok(0);
        };
        // One byte at a time, so that nothing after the object is taken.
        match self.next() {
            Ok(Some(byte)) => {
                *place = byte;
                Ok(1)
            }
            Ok(None) => Ok(0),
            Err(stop) => {
                self.stop = Some(stop);
                Err(io::Error::other("stopped"))
            }
        }
    }
}

/// Longest object in bytes. It is four times the longest recorded line, so that every storable
/// object is accepted, and limits the memory that a foreign stream takes.
const OBJECT_BYTES_MAX: u64 = 1024 * 1024;

/// Deepest nesting of an object, which is the limit of the parser. A damaged object is read again
/// from its second line; this limit bounds how often.
const DEPTH_MAX: usize = 127;

/// Precedes each value of a JSON text sequence (RFC 7464), which `jq --seq` writes.
const RECORD_SEPARATOR: u8 = 0x1e;

const NOT_AN_OBJECT: &str = "it is not a JSON object";

const NOT_UTF_8: &str = "it contains NUL bytes: only JSON in UTF-8 is read";

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// Returns the items of a stream: the text of each object, and the position and reason of each
    /// damage.
    fn read(stream: &[u8]) -> Vec<String> {
        let mut input = stream;
        let mut objects = Objects::new(&mut input);
        let mut all = Vec::new();
        loop {
            match objects.next_item() {
                Ok(Some(StreamItem::Object { json, .. })) => {
                    all.push(String::from_utf8_lossy(&json).into_owned());
                }
                Ok(Some(StreamItem::Damage { at, reason })) => all.push(format!("{at}: {reason}")),
                Ok(None) => return all,
                Err(error) => {
                    all.push(format!("error: {error}"));
                    return all;
                }
            }
        }
    }

    #[test]
    fn objects_are_found_in_any_layout() {
        for stream in [
            "{\"a\":1}\n{\"b\":2}\n",
            "{\"a\":1}{\"b\":2}",
            "{\"a\":1} {\"b\":2}\r\n",
            "\n\n{\"a\":1}\r\n\r\n\t{\"b\":2}",
            "[{\"a\":1},{\"b\":2}]",
            "[\n  {\"a\":1},\n  {\"b\":2}\n]\n",
            "\u{feff}{\"a\":1}\n\u{feff}{\"b\":2}",
            "\u{1e}{\"a\":1}\n\u{1e}{\"b\":2}\n",
        ] {
            assert_eq!(
                read(stream.as_bytes()),
                ["{\"a\":1}", "{\"b\":2}"],
                "{stream:?}"
            );
        }
        let pretty = "{\n  \"a\": [\n    {\"}\": \"\\\"{\"}\n  ]\n}";
        assert_eq!(
            read(format!("{pretty}\n{pretty}\n").as_bytes()),
            [pretty, pretty]
        );
        assert!(read(b"").is_empty() && read(b" \n[ ]\n").is_empty());
    }

    #[test]
    fn damage_costs_its_own_lines_and_no_others() {
        for (stream, expected) in [
            (
                "text\n{\"a\":1}\n5\n\"x\"\n",
                vec![
                    "line 1: it is not a JSON object",
                    "{\"a\":1}",
                    "line 3: it is not a JSON object",
                    "line 4: it is not a JSON object",
                ],
            ),
            (
                "{\"a\":1\n{\"b\":2}\n{\"c\":3}\n",
                vec![
                    "line 1: expected `,` or `}` in line 2",
                    "{\"b\":2}",
                    "{\"c\":3}",
                ],
            ),
            (
                "{\"a\":\n{\"b\":2}\n{\"c\":3}\n",
                vec![
                    "line 1: expected `,` or `}` in line 3",
                    "{\"b\":2}",
                    "{\"c\":3}",
                ],
            ),
            (
                "{\"a\":\"cut\n{\"b\":2}",
                vec![
                    "line 1: control character (\\u0000-\\u001F) found while parsing a string",
                    "{\"b\":2}",
                ],
            ),
            (
                "{\"a\":1} {\"b\":2 {\"c\":3}\n{\"d\":4}",
                vec![
                    "{\"a\":1}",
                    "line 1, column 9: expected `,` or `}`",
                    "{\"d\":4}",
                ],
            ),
            (
                "{\n  \"a\": 01,\n  \"b\": {\n    \"c\": 1\n  }\n}\n{\n  \"d\": 4\n}\nlast",
                vec![
                    "line 1: invalid number in line 2",
                    "{\n  \"d\": 4\n}",
                    "line 10: it is not a JSON object",
                ],
            ),
            (
                "[\n  {\n    \"a\": x\n  },\n  {\n    \"b\": 2\n  }\n]",
                vec!["line 2: expected value in line 3", "{\n    \"b\": 2\n  }"],
            ),
            (
                "{\"a\":1}\n{\"b\":",
                vec!["{\"a\":1}", "line 2: it is incomplete"],
            ),
        ] {
            assert_eq!(read(stream.as_bytes()), expected, "{stream:?}");
        }
    }

    #[test]
    fn input_that_is_not_utf_8_is_reported() {
        let wide = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()
        };
        let marked = wide("\u{feff}{\"a\":1}\n");
        assert!(read(&marked)[0].starts_with("error: the input is UTF-16"));
        assert!(read(&wide("{\"a\":1}\n"))[0].contains("NUL bytes"));
        assert!(read(b"\0\0\n{\"a\":1}")[0].contains("NUL bytes"));
        assert_eq!(read(b"\0\0\n{\"a\":1}")[1], "{\"a\":1}");
        let mut zeros = BufReader::new(io::repeat(0));
        assert!(Objects::new(&mut zeros).next_item().is_err());
    }

    #[test]
    fn an_object_beyond_the_limits_is_skipped() {
        let max = usize::try_from(OBJECT_BYTES_MAX).unwrap();
        let of_bytes = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        let stream = format!("{}\n{{\"b\":2}}\n{}", of_bytes(max + 1), of_bytes(max));
        let items = read(stream.as_bytes());
        assert_eq!(items[0], "line 1: it is longer than 1048576 bytes");
        assert_eq!(items[1], "{\"b\":2}");
        assert_eq!(items[2].len(), max);
        let deep = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        let items = read(format!("{}\n{}", deep(128), deep(127)).as_bytes());
        assert_eq!(items[0], "line 1: it is nested deeper than 127 levels");
        assert_eq!(items[1], deep(127));
    }

    #[test]
    fn lines_that_only_open_objects_are_read_in_time() {
        let text = "{\"a\":\n".repeat(10_000);
        let started = std::time::Instant::now();
        assert_eq!(read(text.as_bytes()).len(), 10_000);
        assert!(started.elapsed() < std::time::Duration::from_mins(1));
    }

    /// A stream that panics if it is read beyond its end.
    struct OpenStream<'a>(&'a [u8]);

    impl Read for OpenStream<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "more was read than was needed");
            self.0.read(buffer)
        }
    }

    #[test]
    fn an_object_is_complete_without_what_follows_it() {
        let mut input = BufReader::new(OpenStream(b"{\"a\":{}}"));
        let mut objects = Objects::new(&mut input);
        assert!(matches!(
            objects.next_item(),
            Ok(Some(StreamItem::Object { .. }))
        ));
        let mut input = BufReader::new(OpenStream(b"{\"a\":\n{\"b\":2} x\n"));
        let mut objects = Objects::new(&mut input);
        assert!(matches!(
            objects.next_item(),
            Ok(Some(StreamItem::Damage { .. }))
        ));
        assert!(matches!(
            objects.next_item(),
            Ok(Some(StreamItem::Object { .. }))
        ));
        assert!(matches!(
            objects.next_item(),
            Ok(Some(StreamItem::Damage { .. }))
        ));
    }

    proptest! {
        /// Objects around a line are found, whatever the line contains.
        #[test]
        fn no_line_hides_the_lines_around_it(
            lines in proptest::collection::vec("[\\[{\"a:,1\\\\ x\\]\\}\u{0}]{0,12}", 0..8),
        ) {
            let marks = 0..=lines.len();
            let marks: Vec<String> = marks.map(|number| format!("{{\"mark\":{number}}}")).collect();
            let mut stream = String::new();
            for (mark, line) in marks.iter().zip(lines.iter().map(Some).chain([None])) {
                stream += mark;
                stream.push('\n');
                // A line that opens an object may make the next one a part of it, which is valid
                // JSON.
                stream += line.map_or("", |line| line.as_str());
                stream.push('\n');
            }
            let found = read(stream.as_bytes());
            for mark in &marks {
                prop_assert!(found.iter().any(|item| item.contains(mark.as_str())), "{} in {:?}", mark, stream);
            }
        }
    }
}
