//! Properties on the command line. The type of a property depends only on its position and on the
//! text before its first `=`, never on the value, so that a value from a variable is always just a
//! value.

use std::path::Path;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::super::failure::Failure;
use super::json;
use crate::files;
use localtel::Error;
use localtel::read::Properties;

/// Properties as typed, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(Vec<(Form, String)>);

/// The form of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `key=value` or `key:=json`.
    Plain,
    /// `--text key=value`.
    Text,
    /// `--file key=path`.
    File,
}

impl Form {
    const ALL: [Self; 3] = [Self::Plain, Self::Text, Self::File];

    /// Returns the id of the argument for clap.
    const fn id(self) -> &'static str {
        match self {
            Self::Plain => "properties",
            Self::Text => "text",
            Self::File => "file",
        }
    }

    fn arg(self) -> Arg {
        let arg = Arg::new(self.id()).action(ArgAction::Append);
        match self {
            Self::Plain => arg
                .value_name("key=value")
                .num_args(1..)
                .value_parser(lossy())
                .help(
                    "Properties: `key=value` or `key:=json`; after `--` a key may start with `-`",
                ),
            Self::Text => arg
                .long(self.id())
                .value_name("key=value")
                .allow_hyphen_values(true)
                .value_parser(lossy())
                .help("Property that is always text; use it for values from variables"),
            Self::File => arg
                .long(self.id())
                .value_name("key=path")
                .allow_hyphen_values(true)
                .help("Property with the text of a file of at most 1 MiB"),
        }
    }
}

impl clap::Args for Words {
    fn augment_args(command: Command) -> Command {
        command.args(Form::ALL.map(Form::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Words {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words: Vec<(usize, Form, String)> = Vec::new();
        for form in Form::ALL {
            let places = matches.indices_of(form.id()).into_iter().flatten();
            let values = matches.get_many::<String>(form.id()).into_iter().flatten();
            words.extend(
                places
                    .zip(values)
                    .map(|(at, word)| (at, form, word.clone())),
            );
        }
        words.sort_by_key(|(at, ..)| *at);
        let words = words.into_iter().map(|(_, form, word)| (form, word));
        Ok(Self(words.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Words {
    /// Parses the words.
    ///
    /// # Errors
    ///
    /// Returns an error if a word is not a property, or a file cannot be read.
    pub(super) fn properties(&self) -> Result<Properties, Failure> {
        let pairs = self.0.iter().map(|(form, word)| match form {
            Form::Plain => plain(word),
            Form::Text => {
                split(word).map(|(key, text)| (key.to_owned(), Value::String(text.to_owned())))
            }
            Form::File => {
                let (key, path) = split(word)?;
                Ok((
                    key.to_owned(),
                    Value::String(text_of_file(Path::new(path))?),
                ))
            }
        });
        pairs.collect()
    }
}

/// Accepts text that is not valid UTF-8: invalid bytes become `U+FFFD`, so that the record is not
/// lost.
pub(super) fn lossy() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|text| text.to_string_lossy().into_owned())
}

/// Parses `key=value` or `key:=json`.
fn plain(word: &str) -> Result<(String, Value), Failure> {
    let (key, text) = split(word)?;
    let Some(key) = key.strip_suffix(':') else {
        return Ok((key.to_owned(), plain_value(text)));
    };
    if key.is_empty() {
        return Err(not_a_property(word, "there is no key before the `:=`"));
    }
    let value = json::parse(text.as_bytes()).map_err(|error| {
        not_a_property(word, &format!("what follows `:=` is not JSON: {error}"))
    })?;
    Ok((key.to_owned(), value))
}

/// Splits a word at its first `=`.
fn split(word: &str) -> Result<(&str, &str), Failure> {
    match word.split_once('=') {
        Some(("", _)) => Err(not_a_property(word, "there is no key before the `=`")),
        Some(parts) => Ok(parts),
        None => Err(not_a_property(word, "there is no `=` in it")),
    }
}

fn not_a_property(word: &str, reason: &str) -> Failure {
    Failure::usage(format!("{word:?} is not a property: {reason}"))
        .hint("write key=value, key:=json, --text key=value or --file key=path")
}

/// Recognises booleans, and numbers that read back as they were typed. Anything else is text:
/// `1.10` may be a version, `12345e7` a commit and `007` a code, and each must keep its digits.
fn plain_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if number.to_string() == text => Value::Number(number),
        Ok(Value::Bool(is_true)) if text == "true" || text == "false" => Value::Bool(is_true),
        Ok(_) | Err(_) => Value::String(text.to_owned()),
    }
}

fn text_of_file(path: &Path) -> Result<String, Failure> {
    let bytes = files::read_at_most(path, FILE_BYTES_MAX)
        .map_err(|error| Failure::failed(Error::io("read", path)(error).chain()))?;
    let Some(bytes) = bytes else {
        return Err(Failure::failed(format!(
            "{} is longer than {FILE_BYTES_MAX} bytes, the most that `--file` reads",
            path.display()
        ))
        .hint("record a part of it: localtel record e --text log=\"$(tail -c 10000 FILE)\""));
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Longest file in bytes that becomes a property. A record holds much less of it; a longer file is
/// a mistake, and a device has no end.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};
    use serde_json::json;

    use super::super::super::exit::Exit;
    use super::*;

    fn words(words: &[&str]) -> Result<Properties, Failure> {
        let command = Words::augment_args(Command::new("record"));
        let words = std::iter::once("record").chain(words.iter().copied());
        let matches = command.try_get_matches_from(words).unwrap();
        Words::from_arg_matches(&matches).unwrap().properties()
    }

    fn value(word: &str) -> Value {
        let properties = words(&[word]).unwrap();
        assert_eq!(properties.len(), 1, "{word}");
        properties.get("a").unwrap().clone()
    }

    #[test]
    fn values_are_parsed_if_they_round_trip() {
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
            ("a=0x10", json!("0x10")),
            ("a=1_000", json!("1_000")),
            ("a= 5", json!(" 5")),
            ("a=", json!("")),
            ("a=b=c", json!("b=c")),
            ("a=[1]", json!("[1]")),
            ("a=\"q\"", json!("\"q\"")),
            ("a:=[1,{\"b\":null}]", json!([1, {"b": null}])),
            ("a:=\"@x\"", json!("@x")),
            ("a:=18446744073709551616", json!("18446744073709551616")),
        ];
        for (word, expected) in table {
            assert_eq!(value(word), expected, "{word}");
        }
    }

    #[test]
    fn values_of_variables_are_never_interpreted() {
        for text in [
            "@/etc/hostname",
            "@-",
            "@",
            "=x",
            ":=1",
            "-x",
            "--strict",
            "a=b",
            "{}",
            "",
            "\"",
            "$(id)",
            "é\n",
        ] {
            assert_eq!(value(&format!("a={text}")), json!(text));
        }
        for text in ["5", "true", "1.5", "@x", "=", "null"] {
            let properties = words(&["--text", &format!("a={text}")]).unwrap();
            assert_eq!(properties.get("a"), Some(&json!(text)));
        }
        let properties = words(&["--text", "--file=/etc/hostname", "--text", "b:=1"]).unwrap();
        assert_eq!(properties.get("--file"), Some(&json!("/etc/hostname")));
        assert_eq!(properties.get("b:"), Some(&json!("1")));
    }

    #[test]
    fn properties_keep_the_typed_order() {
        let typed = ["z=1", "--text", "y=2", "b=3", "--text=a=4", "c=5"];
        let properties = words(&typed).unwrap();
        let keys: Vec<_> = properties.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["z", "y", "b", "a", "c"]);
        let nested = words(&[r#"a:={"z":1,"b":{"y":2,"c":3}}"#]).unwrap();
        let text = nested.get("a").unwrap().to_string();
        assert_eq!(text, r#"{"z":1,"b":{"y":2,"c":3}}"#);
    }

    #[test]
    fn a_malformed_property_is_refused_with_the_valid_forms() {
        for word in ["", "a", "=1", ":=1", "a:=", "a:={", "a:=tru"] {
            let failure = words(&[word]).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{word:?}");
            assert!(failure.text("localtel").contains("key:=json"), "{word:?}");
        }
    }

    #[test]
    fn a_file_is_read_up_to_a_limit() {
        let home = tempfile::tempdir().unwrap();
        let max = usize::try_from(FILE_BYTES_MAX).unwrap();
        for (bytes, is_read) in [(0, true), (max, true), (max + 1, false)] {
            let path = home.path().join("f=g");
            #[expect(clippy::disallowed_methods, reason = "the test passes an open file")]
            std::fs::write(&path, "x".repeat(bytes)).unwrap();
            let read = words(&["--file", &format!("a={}", path.display())]);
            assert_eq!(read.is_ok(), is_read, "{bytes}");
        }
        for endless in ["/dev/zero", "/dev/urandom"] {
            let failure = words(&["--file", &format!("a={endless}")]).unwrap_err();
            assert!(
                failure.text("localtel").contains("1048576 bytes"),
                "{failure:?}"
            );
        }
    }
}
