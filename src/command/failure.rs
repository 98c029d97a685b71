//! The property `error` of a command that failed: the kind of its error, and the first lines of the
//! messages of the error and of its sources. Its length is bounded. Errors of command-line parsers
//! repeat what the user typed, so their messages are left out, or replaced by a description.

use std::any::type_name;
use std::error::Error;
use std::fmt::{self, Display, Write as _};
use std::io;

/// The data that a command records of an error of a type that the library does not know; see
/// [`Command::describe_errors`](super::Command::describe_errors).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorDescription {
    /// The error is an answer, such as help or a version: the command is not recorded.
    Answer,
    /// The error is recorded with this kind and message instead of its own.
    Described {
        /// The kind, such as `UnknownArgument`.
        kind: String,
        /// The message; it must not contain anything that a user typed.
        message: String,
    },
}

impl ErrorDescription {
    /// Describes an error by its kind and a message, neither of which may contain anything that a
    /// user typed.
    pub fn of(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Described {
            kind: kind.into(),
            message: message.into(),
        }
    }
}

/// A function that describes the errors of some types.
pub(super) type Describe = fn(&(dyn Error + 'static)) -> Option<ErrorDescription>;

/// Returns `<kind>: <message>: <message of its source>…` for an error, or `None` for an answer.
pub(super) fn text<E: Error + 'static>(error: &E, describe: Describe) -> Option<String> {
    let error: &(dyn Error + 'static) = error;
    let kind = match describe(error) {
        Some(ErrorDescription::Answer) => return None,
        Some(ErrorDescription::Described { kind, .. }) => kind,
        None => kind_of(error, type_name::<E>()),
    };
    let mut message = Message::default();
    for error in
        std::iter::successors(Some(error), |error| (**error).source()).take(1 + SOURCES_MAX)
    {
        message.add_error(error, describe);
    }
    Some(message.of_kind(&kind))
}

/// Returns `<kind>: <message>` for a value that is not an [`Error`].
pub(super) fn text_of(kind: &str, message: &dyn Display) -> String {
    let mut text = Message::default();
    text.add(&message);
    text.of_kind(&first_line(&kind))
}

/// Returns the kind of an error: the one of an IO error, or else the name of its type.
fn kind_of(error: &(dyn Error + 'static), type_name: &str) -> String {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return format!("{:?}", error.kind());
    }
    short_name(type_name)
}

/// Returns the last segment of a type's name, without generics and without the pointers around it.
/// If that is only `Error`, the name of the crate is added.
fn short_name(type_name: &str) -> String {
    let mut name = type_name;
    while let Some(inner) = POINTERS
        .iter()
        .find_map(|pointer| name.strip_prefix(pointer))
    {
        name = inner;
    }
    let name = name.split(['<', '>']).next().unwrap_or_default();
    match (name.split("::").next(), name.rsplit("::").next()) {
        (Some(of_crate), Some("Error")) if of_crate != "Error" => format!("{of_crate}::Error"),
        (_, Some(last)) if !last.is_empty() => last.to_owned(),
        (_, Some(_) | None) => "Error".to_owned(),
    }
}

/// The messages of an error and its sources.
#[derive(Debug, Default)]
struct Message(String);

impl Message {
    fn add_error(&mut self, error: &(dyn Error + 'static), describe: Describe) {
        match describe(error) {
            Some(ErrorDescription::Described { message, .. }) => self.add(&message),
            Some(ErrorDescription::Answer) => {}
            None => self.add(&error),
        }
    }

    /// Adds the first line of a message, unless the error above contains it already, or it may
    /// repeat what a user typed: command-line parsers write
    /// `error: unexpected argument '--x' found`.
    fn add(&mut self, message: &dyn Display) {
        let line = first_line(message);
        let repeats_input = line.starts_with("error: ") && line.contains('\'');
        if line.is_empty()
            || repeats_input
            || self.0.ends_with(&line)
            || self.0.len() >= MESSAGE_BYTES_MAX
        {
            return;
        }
        if !self.0.is_empty() {
            self.0.push_str(": ");
        }
        self.0.push_str(&line);
    }

    fn of_kind(self, kind: &str) -> String {
        let Self(message) = self;
        if message.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}: {message}")
        }
    }
}

/// Returns the first line that is not empty, up to the limit.
fn first_line(message: &dyn Display) -> String {
    let mut line = FirstLine {
        text: String::new(),
        room: MESSAGE_BYTES_MAX,
    };
    // Writing fails as soon as there is enough.
    let _enough = write!(line, "{message}");
    line.text.truncate(line.text.trim_end().len());
    line.text
}

/// A writer that takes one line, and fails after it.
#[derive(Debug)]
struct FirstLine {
    text: String,
    /// Number of bytes that are still read, including those that are not kept.
    room: usize,
}

impl fmt::Write for FirstLine {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let (piece, rest) = piece.split_at(piece.floor_char_boundary(self.room));
        self.room -= piece.len();
        let piece = if self.text.is_empty() {
            piece.trim_start()
        } else {
            piece
        };
        let line = piece.split(['\n', '\r']).next().unwrap_or_default();
        self.text.push_str(line);
        match (line.len() == piece.len(), rest.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => {
                self.text.push('…');
                Err(fmt::Error)
            }
            (false, _) => Err(fmt::Error),
        }
    }
}

/// The maximal number of sources of an error: a chain may be circular.
const SOURCES_MAX: usize = 64;

/// The maximal length of a message: four times the default limit of a string in a line, so that
/// messages are cut by that limit, while an endless one does not fill the memory.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The prefixes of type names that are only pointers to an error.
const POINTERS: [&str; 5] = [
    "&",
    "mut ",
    "alloc::boxed::Box<",
    "alloc::rc::Rc<",
    "alloc::sync::Arc<",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with a message of its own and a source.
    #[derive(Debug)]
    struct Wrapping<T>(&'static str, T);

    impl<T> Display for Wrapping<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl<T: Error + 'static> Error for Wrapping<T> {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.1)
        }
    }

    /// An error with a message and nothing else.
    #[derive(Debug)]
    struct Saying(&'static str);

    impl Display for Saying {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Saying {}

    fn text_of_error<E: Error + 'static>(error: &E) -> String {
        text(error, |_| None).unwrap()
    }

    /// An error that is its own source and never ends by itself.
    #[derive(Debug)]
    struct Endless;

    impl Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("ähm, ")?;
            }
        }
    }

    impl Error for Endless {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn an_io_error_has_its_own_kind() {
        let error = io::Error::new(io::ErrorKind::NotFound, "no such project");
        assert_eq!(text_of_error(&error), "NotFound: no such project");
    }

    #[test]
    fn the_kind_of_other_errors_is_the_name_of_their_type() {
        assert_eq!(
            text_of_error(&"x".parse::<u8>().unwrap_err()),
            "ParseIntError: invalid digit found in string"
        );
        let error = Wrapping("could not read the profile", fmt::Error);
        let text =
            "Wrapping: could not read the profile: an error occurred when formatting an argument";
        assert_eq!(text_of_error(&error), text);
        assert_eq!(text_of_error(&Box::new(error)), text);
    }

    #[test]
    fn a_type_named_error_gets_the_name_of_its_crate() {
        assert_eq!(short_name("serde_json::error::Error"), "serde_json::Error");
        assert_eq!(short_name("app::api::ApiError<app::Error>"), "ApiError");
        assert_eq!(short_name("&alloc::sync::Arc<app::Refused>"), "Refused");
        assert_eq!(short_name("core::fmt::Error"), "core::Error");
        assert_eq!(short_name("Error"), "Error");
        assert_eq!(short_name("<>::"), "Error");
    }

    #[test]
    fn only_the_first_line_of_each_message_is_recorded() {
        let error = Wrapping(
            "\n  could not connect \r\nto 10.0.0.1",
            Wrapping("refused\nby it", fmt::Error),
        );
        assert!(
            text_of_error(&error).starts_with("Wrapping: could not connect: refused: an error")
        );
        assert_eq!(text_of("Api\nError", &"first\nsecond"), "Api: first");
        assert_eq!(text_of("Refused", &""), "Refused");
    }

    #[test]
    fn a_source_in_the_message_of_its_error_is_not_repeated() {
        let inner = io::Error::other("disk is full");
        let error = Wrapping("could not save: disk is full", inner);
        assert_eq!(
            text_of_error(&error),
            "Wrapping: could not save: disk is full"
        );
    }

    #[test]
    fn an_error_of_only_spaces_has_no_message() {
        struct Space;
        impl Display for Space {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str(" \n")?;
                }
            }
        }
        assert_eq!(text_of("Odd", &Space), "Odd: …");
    }

    #[test]
    fn an_endless_error_is_cut() {
        let text = text_of_error(&Endless);
        assert!(text.starts_with("Endless: ähm, ähm, "));
        assert!(text.ends_with('…'));
        assert!(text.len() < MESSAGE_BYTES_MAX + 100, "{}", text.len());
    }

    #[test]
    fn arguments_repeated_by_a_parser_are_left_out() {
        let error = Saying("error: unexpected argument '--s3cret' found");
        assert_eq!(text_of_error(&error), "Saying");
        let error = Wrapping("could not start", error);
        assert_eq!(text_of_error(&error), "Wrapping: could not start");
    }

    #[test]
    fn described_errors_are_recorded_as_described() {
        let describe: Describe = |error| {
            error
                .is::<Saying>()
                .then(|| ErrorDescription::of("UnknownArgument", "unexpected argument found"))
        };
        let error = Saying("error: unexpected argument '--s3cret' found");
        let described = "UnknownArgument: unexpected argument found";
        assert_eq!(text(&error, describe).as_deref(), Some(described));
        let error = Wrapping("could not start", error);
        let described = "Wrapping: could not start: unexpected argument found";
        assert_eq!(text(&error, describe).as_deref(), Some(described));
        let answer: Describe = |_| Some(ErrorDescription::Answer);
        assert_eq!(text(&Saying("usage"), answer), None);
    }
}
