//! `record`: one record from a script, or many from lines of JSON. What the words and lines mean is
//! decided without recording anything; whether they are kept is the library's to say.

use std::io::{self, BufRead, Read as _};
use std::path::Path;

use serde_json::{Map, Value};

use super::exit::Exit;
use super::failure::Failure;
use super::owner;
use super::place::Place;
use super::sanitize::Sanitized;
use super::screen::Screen;
use crate::error::Error;
use crate::policy::owner::OwnerFile;
use crate::record::{Level, Properties};
use crate::store::elsewhere;
use crate::store::segment::FileName;
use crate::{Delivery, Draft, Offer, Telemetry};

/// What to record.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The event's name, or `-` to read one JSON object per line
    #[arg(value_name = "EVENT")]
    event: String,
    /// Properties: `key=value`, `key:=json`, `key=@file`
    #[arg(value_name = "key=value")]
    properties: Vec<String>,
    /// How grave it is: trace, debug, info, warn, error
    #[arg(short, long, default_value = "info")]
    level: Level,
    /// A message for people
    #[arg(short, long)]
    message: Option<String>,
    /// Fail if the record is refused because recording is off
    #[arg(long)]
    strict: bool,
}

/// What was asked to be recorded.
#[derive(Debug, Clone, PartialEq)]
struct Wish {
    event: String,
    level: Level,
    message: Option<String>,
    properties: Properties,
}

impl Wish {
    fn into_draft(self) -> Draft {
        let mut draft = Draft::new(self.event).level(self.level);
        if let Some(message) = self.message {
            draft = draft.message(message);
        }
        for (name, value) in self.properties.iter() {
            draft = draft.property(name, value.clone());
        }
        draft
    }

    /// Reads a line of JSON: `event`, `level` and `message` are taken, all other keys are properties.
    /// What the line does not say is as it was typed.
    fn of_line(line: &[u8], typed: &Self) -> Result<Self, String> {
        let object: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
        let mut wish = typed.clone();
        wish.event.clear();
        for (key, value) in object {
            match (key.as_str(), value) {
                ("event", Value::String(event)) => wish.event = event,
                ("message", Value::String(message)) => wish.message = Some(message),
                ("level", Value::String(level)) => {
                    wish.level = level.parse().map_err(|error: Error| error.to_string())?;
                }
                ("event" | "message" | "level", other) => {
                    return Err(format!("`{key}` must be a string, and is {other}"));
                }
                (_, value) => wish.properties.set(key, value),
            }
        }
        if wish.event.is_empty() {
            return Err("it has no `event`".to_owned());
        }
        Ok(wish)
    }
}

/// Records what was asked for.
pub(crate) fn run(
    place: &Place,
    args: RecordArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut properties = Properties::default();
    for word in &args.properties {
        let (name, value) = property(word, &read_text)?;
        properties.set(name, value);
    }
    let typed = Wish {
        event: args.event,
        level: args.level,
        message: args.message,
        properties,
    };
    if typed.event.is_empty() {
        return Err(Failure::usage("the event has no name")
            .hint("localtel record deploy version=1.2.0 ok=true"));
    }
    let tenant = place.tenant()?;
    let builder = Telemetry::builder(tenant.source.as_str())
        .dir(&place.base)
        .profile(tenant.profile.as_str())
        .delivery(Delivery::Inline);
    let builder = if typed.event == FROM_INPUT {
        builder
    } else {
        builder.in_one_line()
    };
    let mut recording = Recording {
        telemetry: builder.try_open()?,
        refused: 0,
        dropped: 0,
        bad_lines: 0,
    };
    if typed.event == FROM_INPUT {
        recording.take_lines(&typed, screen)?;
    } else {
        recording.offer(typed);
    }
    recording.finish(place, args.strict, screen)
}

/// A handle and what became of what was offered to it.
struct Recording {
    telemetry: Telemetry,
    refused: u64,
    dropped: u64,
    bad_lines: u64,
}

impl Recording {
    fn offer(&mut self, wish: Wish) {
        match self.telemetry.record(&wish.into_draft()) {
            Offer::Recorded => {}
            Offer::Refused => self.refused += 1,
            Offer::Dropped => self.dropped += 1,
        }
    }

    fn take_lines(&mut self, typed: &Wish, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let mut number = 0_u64;
        loop {
            let line = next_line(screen.stdin)
                .map_err(|error| Failure::failed(format!("could not read the input: {error}")))?;
            number += 1;
            let wish = match line {
                Line::End => return Ok(()),
                Line::TooLong => Err(format!("longer than {LINE_BYTES_MAX} bytes")),
                Line::Whole(line) if line.trim_ascii().is_empty() => continue,
                Line::Whole(line) => Wish::of_line(&line, typed),
            };
            match wish {
                Ok(wish) => self.offer(wish),
                Err(reason) => {
                    self.bad_lines += 1;
                    writeln!(
                        screen.stderr,
                        "localtel: line {number} was not recorded: {}",
                        Sanitized(&reason)
                    )?;
                }
            }
        }
    }

    fn finish(
        self,
        place: &Place,
        is_strict: bool,
        screen: &mut Screen<'_>,
    ) -> Result<Exit, Failure> {
        if self.refused > 0 {
            let status = self.telemetry.status();
            let words = place.words();
            let reason = status.off_because.unwrap_or_else(|| {
                format!("{} events came while recording was forbidden", self.refused)
            });
            writeln!(
                screen.stderr,
                "localtel: not recorded: {}",
                Sanitized(&reason)
            )?;
            let is_fixed = status
                .decision
                .is_some_and(|decision| decision.is_locked || decision.obstacle.is_some());
            let hint = if let Some(advice) = owner::advice(place) {
                advice
            } else if OwnerFile::read_at(&place.path()).problem().is_some() {
                let file = place.path().join(FileName::Policy.to_string());
                format!(
                    "mend or remove {}; `localtel {words} policy` says what is wrong with it",
                    file.display()
                )
            } else if is_fixed {
                format!("`localtel {words} status` says who decided that")
            } else {
                format!(
                    "`localtel {words} status` says who decided that, `localtel {words} enable` allows it"
                )
            };
            writeln!(screen.stderr, "hint: {}", Sanitized(&hint))?;
        }
        if self.dropped > 0 {
            return Err(Failure::failed(format!(
                "{} of the records could not be written",
                self.dropped
            ))
            .hint("`localtel status` says where they should have gone"));
        }
        self.telemetry.flush().or_else(|error| {
            // Nothing was kept, so there is nothing to write; why was said above.
            if self.refused > 0 { Ok(()) } else { Err(error) }
        })?;
        if self.bad_lines > 0 || (is_strict && self.refused > 0) {
            Ok(Exit::Failed)
        } else {
            Ok(Exit::Done)
        }
    }
}

/// What came from the input.
enum Line {
    /// A line with its newline, if it has one.
    Whole(Vec<u8>),
    /// A line beyond the limit, which was passed over.
    TooLong,
    /// Nothing more.
    End,
}

fn next_line(input: &mut dyn BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Line::End);
    }
    if line.ends_with(b"\n") || u64::try_from(line.len()).is_ok_and(|len| len < LINE_BYTES_MAX) {
        return Ok(Line::Whole(line));
    }
    input.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

/// Takes a word apart: `key=value`, `key:=json` or `key=@file`.
fn property(
    word: &str,
    read: &dyn Fn(&Path) -> Result<String, Failure>,
) -> Result<(String, Value), Failure> {
    let wrong = |reason: String| {
        Failure::usage(format!("{word:?} is no property: {reason}"))
            .hint("write key=value, key:=json or key=@file")
    };
    let (key, text) = word
        .split_once('=')
        .ok_or_else(|| wrong("there is no `=` in it".to_owned()))?;
    let (key, value) = if let Some(key) = key.strip_suffix(':') {
        let value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("what follows `:=` is no JSON: {error}")))?;
        (key, value)
    } else if let Some(path) = text.strip_prefix('@') {
        (key, Value::String(read(Path::new(path))?))
    } else {
        (key, plain_value(text))
    };
    if key.is_empty() {
        return Err(wrong("there is no key before the `=`".to_owned()));
    }
    Ok((key.to_owned(), value))
}

/// Recognises a boolean, and a number that reads back as it was typed. Anything else is a string: `1.10`
/// is a version, `12345e7` a commit and `007` somebody's code, and none of them may lose a digit.
fn plain_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if number.to_string() == text => Value::Number(number),
        Ok(Value::Bool(is_true)) if text == "true" || text == "false" => Value::Bool(is_true),
        Ok(_) | Err(_) => Value::String(text.to_owned()),
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = elsewhere::read_any(path).map_err(|error| {
        let text = Error::io("read", path)(error).chain();
        Failure::failed(text).hint("write key:=\"@...\" for a value that starts with `@`")
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The event that means: read the input.
const FROM_INPUT: &str = "-";
/// The longest line of input. Four times the longest line that is ever recorded, so that whatever could
/// be kept gets through, and a foreign file does not fill the memory.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Examples for `record`.
pub(crate) const EXAMPLES: &str = "\
Whole numbers, numbers and true or false are recognised; everything else is a string. \
From the input, one JSON object per line, `event`, `level` and `message` are taken and all other keys are properties.

Examples:
  localtel --app deploy record deploy version=1.2.0 ok=true duration=871
  localtel --app deploy record failed -l error -m 'no route' log=@out.txt hosts:='[\"a\",\"b\"]'
  jq -c '{event: \"build\", target: .name}' build.json | localtel --app deploy record -";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(word: &str) -> Result<(String, Value), Failure> {
        property(word, &|path| Ok(format!("<{}>", path.display())))
    }

    #[test]
    fn values_are_what_they_look_like() {
        let table = [
            ("a=1", json!(1)),
            ("a=-7", json!(-7)),
            ("a=-0", json!("-0")),
            ("a=1.10", json!("1.10")),
            ("a=12345e7", json!("12345e7")),
            ("a=18446744073709551615", json!(u64::MAX)),
            ("a=18446744073709551616", json!("18446744073709551616")),
            ("a=1.5", json!(1.5)),
            ("a=1e3", json!("1e3")),
            ("a=1e999", json!("1e999")),
            ("a=true", json!(true)),
            ("a=false", json!(false)),
            ("a=True", json!("True")),
            ("a=null", json!("null")),
            ("a=NaN", json!("NaN")),
            ("a=007", json!("007")),
            ("a=+5", json!("+5")),
            ("a= 5", json!(" 5")),
            ("a=", json!("")),
            ("a=b=c", json!("b=c")),
            ("a=[1]", json!("[1]")),
            ("a=\"q\"", json!("\"q\"")),
            ("a:=[1,{\"b\":null}]", json!([1, {"b": null}])),
            ("a:=\"@x\"", json!("@x")),
            ("a=@x/y", json!("<x/y>")),
        ];
        for (word, expected) in table {
            let (key, value) = parse(word).unwrap();
            assert_eq!((key.as_str(), value), ("a", expected), "{word}");
        }
    }

    #[test]
    fn a_word_that_is_no_property_is_refused_with_the_forms_there_are() {
        for word in ["", "a", "=1", ":=1", "a:=", "a:={", "a:=tru"] {
            let failure = parse(word).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{word:?}");
            assert!(failure.text().contains("key:=json"), "{word:?}");
        }
    }

    fn typed() -> Wish {
        Wish {
            event: FROM_INPUT.to_owned(),
            level: Level::Warn,
            message: None,
            properties: [("host", "a")].into_iter().collect(),
        }
    }

    #[test]
    fn a_line_says_what_it_says_and_the_rest_is_as_typed() {
        let wish = Wish::of_line(br#"{"event":"e","n":1,"host":"b"}"#, &typed()).unwrap();
        assert_eq!((wish.event.as_str(), wish.level), ("e", Level::Warn));
        assert_eq!(wish.properties.get("host"), Some(&json!("b")));
        assert_eq!(wish.properties.get("n"), Some(&json!(1)));
        let line = br#"{"event":"e","level":"error","message":"m"}"#;
        let wish = Wish::of_line(line, &typed()).unwrap();
        assert_eq!(wish.level, Level::Error);
        assert_eq!(wish.message.as_deref(), Some("m"));
        assert_eq!(wish.properties.len(), 1);
    }

    #[test]
    fn a_line_that_names_no_event_or_is_no_object_is_refused() {
        for line in [
            "{}",
            "[]",
            "3",
            "{",
            r#"{"event":""}"#,
            r#"{"event":3}"#,
            r#"{"event":"e","level":"loud"}"#,
            r#"{"event":"e","message":1}"#,
        ] {
            assert!(Wish::of_line(line.as_bytes(), &typed()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_the_next_one_read() {
        let max = usize::try_from(LINE_BYTES_MAX).unwrap();
        let text = format!("{}\nshort\nlast", "x".repeat(max + 5));
        let mut input = text.as_bytes();
        assert!(matches!(next_line(&mut input).unwrap(), Line::TooLong));
        for expected in ["short\n", "last"] {
            match next_line(&mut input).unwrap() {
                Line::Whole(line) => assert_eq!(line, expected.as_bytes()),
                Line::TooLong | Line::End => panic!("{expected}"),
            }
        }
        assert!(matches!(next_line(&mut input).unwrap(), Line::End));
    }
}
