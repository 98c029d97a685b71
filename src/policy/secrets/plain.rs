//! Texts after the name of a secret that are not secrets: no value, a state (`password: required`),
//! a type (`password: String`), a variable (`password=${DB_PASSWORD}`), a count (`tokens: 5`), or a
//! value that was masked before.

use std::ops::Range;

use super::name::NameMatch;
use super::name::SecretKind::{self, Authorization, Chosen, Code, Cookie, Long, Made, Phrase};
use super::text::{RemainingText, is_alphanumeric, is_mark};
use super::value::{Link, ValueShape};
use super::words::{
    LEXEMES, METHODS, NOTHING, PARSED, PROSE, STATES, TYPES, UNSEEN, WRAPPERS, is_one_of,
};

/// Returns `true` if a value is not a secret.
pub(super) fn is_plain(
    text: RemainingText<'_>,
    name: &NameMatch,
    link: Link,
    shape: ValueShape,
    range: Range<usize>,
) -> bool {
    let is_open_tag = text.byte(range.end) == Some(b'>');
    let value = text.get(range);
    // A longer value is not examined, so that no text is examined more than once.
    if value.len() > PLAIN_BYTES_MAX {
        return false;
    }
    is_nothing(value)
        || is_masked(value)
        || is_variable(value, shape)
        || is_placeholder(value, is_open_tag)
        || name.may_be_path && is_path(value)
        // The name may also be that of an object, or of a login method.
        || name.stem == "auth" && (shape == ValueShape::Bracketed || is_one_of(value, METHODS))
        || is_file(value)
        || name.may_count && is_count(value, name.kind)
        || value.len() < TOKEN_BYTES_MIN && name.kind == Made && is_behind_parser(text, name)
        || match shape {
            ValueShape::Quoted => is_sentence(value) || is_one_of(value, STATES),
            ValueShape::Bracketed => is_type_or_state(value, name.kind),
            ValueShape::Bare => is_word_or_type(text, name, link, value),
        }
        || !is_evident(name.kind, value)
}

/// Returns `true` if a value is a mark, or the name of a variable: both are kept.
pub(super) fn is_mark_or_variable(value: &[u8]) -> bool {
    is_mark(value) || is_masked(value) || is_variable(value, ValueShape::Bare)
}

/// Returns `true` if a value is a state of a secret, as `failed`.
pub(super) fn is_state_of_secret(value: &[u8]) -> bool {
    is_one_of(first_word(value), STATES)
}

/// Returns `true` if a value is an expression that reads a secret, as `os.environ["PASSWORD"]`, or
/// an argument of a statement, as `:password`.
fn is_read(text: RemainingText<'_>, name: &NameMatch, value: &[u8]) -> bool {
    let word = text.get(name.start..name.end);
    let argument = value
        .strip_prefix(b":")
        .or_else(|| value.strip_prefix(b"@"));
    argument.is_some_and(|argument| argument.eq_ignore_ascii_case(word))
        || starts_with_any(value, SOURCES)
}

fn is_nothing(value: &[u8]) -> bool {
    is_mark(value) || is_one_of(value, NOTHING) || !value.iter().any(|byte| is_of_secret(*byte))
}

/// Punctuation alone is a part of a program's text.
const fn is_of_secret(byte: u8) -> bool {
    is_alphanumeric(byte)
        || byte >= 0x80
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'@' | b'^' | b'&')
}

/// Returns `true` if a value was masked before, or is shown as empty: `****`, `<empty>`,
/// `Some("")`, `Secret([REDACTED])`.
fn is_masked(value: &[u8]) -> bool {
    let is_same = |wanted: u8| value.len() > 2 && value.iter().all(|&byte| byte == wanted);
    if is_same(b'x') || is_same(b'X') || is_dots(value) {
        return true;
    }
    let mut inner = value.trim_ascii();
    for _ in 0..WRAPS_MAX {
        inner = match (type_and_content(inner), inner) {
            (Some((_, content)), _) => content,
            (
                None,
                [
                    b'<' | b'[' | b'(' | b'{' | b'"',
                    middle @ ..,
                    b'>' | b']' | b')' | b'}' | b'"',
                ],
            ) => middle,
            // The bracket that closes the value may have been taken for one that closes the text
            // around it.
            (None, [b'<' | b'[' | b'(' | b'*', rest @ ..] | [rest @ .., b'*']) => rest,
            (None, _) => break,
        }
        .trim_ascii();
    }
    let is_wrapped = inner.len() < value.len();
    inner.is_empty()
        || is_wrapped && (is_one_of(inner, NOTHING) || is_one_of(first_word(inner), UNSEEN))
        || value.eq_ignore_ascii_case(b"redacted")
}

fn is_dots(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| text.chars().all(|letter| "•●∗…".contains(letter)))
}

/// Returns `true` if a value is the name of a variable, or a parameter of a template or a
/// statement, as `$1`.
fn is_variable(value: &[u8], shape: ValueShape) -> bool {
    let is_name = |name: &[u8]| {
        let first = name.first();
        first.is_some_and(|&byte| byte.is_ascii_uppercase() || byte == b'_')
            && name
                .iter()
                .all(|&byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_number = |name: &[u8]| {
        (1..=PLACE_DIGITS_MAX).contains(&name.len()) && name.iter().all(u8::is_ascii_digit)
    };
    match value {
        // Without quotes, the last bracket was taken for one that closes the text around the value.
        [b'$' | b'{', b'{', .., last] if shape == ValueShape::Quoted => *last == b'}',
        [b'$' | b'{', b'{', ..] | [b'%', b'(', .., b')', b's'] => true,
        [b'$', name @ ..] => is_name(name) || is_number(name),
        [b'%', name @ .., b'%'] => is_name(name),
        _ => false,
    }
}

/// Returns `true` if a value is a placeholder, as `<your password>`.
fn is_placeholder(value: &[u8], is_open_tag: bool) -> bool {
    let Some(name) = value.strip_prefix(b"<") else {
        return false;
    };
    let closed = name.strip_suffix(b">");
    let is_of_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b' ');
    (closed.is_some() || is_open_tag) && closed.unwrap_or(name).iter().all(is_of_name)
}

/// Returns `true` if a value is the path of a key file.
fn is_file(value: &[u8]) -> bool {
    let ends = |end: &&str| value.ends_with(end.as_bytes());
    is_path(value) && FILES.iter().any(ends)
}

fn is_path(value: &[u8]) -> bool {
    matches!(
        value,
        [b'/' | b'~' | b'.', ..] | [_, b':', b'\\' | b'/', ..]
    )
}

fn is_count(value: &[u8], kind: SecretKind) -> bool {
    let is_short = value.len() <= COUNT_DIGITS_MAX || kind != Chosen;
    is_short && value.iter().all(u8::is_ascii_digit)
}

/// Returns `true` if a quoted value consists of several words that describe a problem.
fn is_sentence(value: &[u8]) -> bool {
    let first = first_word(value);
    first.len() < value.len()
        && is_one_of(first, STATES)
        && value
            .iter()
            .all(|&byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'\'' | b'.' | b','))
}

/// Returns `true` if the content of brackets describes a secret: a schema, a problem, or the
/// `Debug` form of a program's own values, such as `Token(0)`, a type with a number, which is an
/// index or a handle, and `Ident("x")`, which a parser produces.
fn is_type_or_state(value: &[u8], kind: SecretKind) -> bool {
    let inner = match value.strip_prefix(b"Some(") {
        Some(inner) => inner.strip_suffix(b")").unwrap_or(value),
        None => value,
    };
    if let Some((name, content)) = type_and_content(inner)
        && kind != Chosen
    {
        let is_number = !content.is_empty() && content.iter().all(u8::is_ascii_digit);
        return is_number && !WRAPPERS.iter().any(|wrapper| wrapper.as_bytes() == name)
            || LEXEMES.iter().any(|lexeme| lexeme.as_bytes() == name);
    }
    let inner = value.get(1..).unwrap_or_default();
    let is_schema = starts_with_any(inner, &["\"type\":", "\"$ref\":", "type: "]);
    let text = inner.strip_prefix(b"\"").unwrap_or_default();
    let first = first_word(text);
    is_schema || text.get(first.len()) == Some(&b' ') && is_one_of(first, STATES)
}

/// Returns the name of a type and its content: of `Token(0)`, `Token` and `0`.
fn type_and_content(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = value.iter().position(|&byte| byte == b'(')?;
    let (name, rest) = value.split_at_checked(open)?;
    let content = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
    let is_type = name.first().is_some_and(u8::is_ascii_uppercase)
        && name
            .iter()
            .all(|&byte| is_alphanumeric(byte) || matches!(byte, b':' | b'_' | b'<' | b'>'));
    is_type.then_some((name, content))
}

/// Returns `true` if a value without quotes is more likely a word of a sentence, or a type.
fn is_word_or_type(text: RemainingText<'_>, name: &NameMatch, link: Link, value: &[u8]) -> bool {
    let first = first_word(value);
    let rest = value.get(first.len()..).unwrap_or_default();
    let is_punctuation = |byte: &u8| matches!(byte, b'.' | b'!' | b':' | b'?' | b',' | b')');
    let is_whole = rest.starts_with(b" ") || rest.iter().all(is_punctuation);
    let is_state = is_one_of(first, STATES)
        || first == PAM.as_bytes()
        || link == Link::Prose && is_one_of(first, PROSE);
    if is_whole && is_state || is_type(value) || is_call(value) || is_read(text, name, value) {
        return true;
    }
    match name.kind {
        Chosen => {
            // Test runners print `PASS: tests/parser.sh`.
            let is_verdict = text.get(name.start..name.end) == b"PASS" && link == Link::Prose
                || text.get(name.start..name.end).ends_with(b"PASS") && value.starts_with(b"Test");
            is_verdict || link == Link::Is && !has_sign_of_secret(value)
        }
        Made | Authorization | Cookie => {
            link == Link::Prose && name.is_bare && is_word_of_language(value) || is_item(value)
        }
        Long | Code | Phrase => false,
    }
}

/// Returns `true` if a value has the properties that all secrets of its kind have.
fn is_evident(kind: SecretKind, value: &[u8]) -> bool {
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let has_letter = value.iter().any(u8::is_ascii_alphabetic);
    let is_id =
        value.len() == UUID_BYTES && value.iter().filter(|&&byte| byte == b'-').nth(3).is_some();
    match kind {
        Long => {
            value.len() >= LONG_BYTES_MIN
                && has_digit
                && has_letter
                && !is_id
                && !value.starts_with(b"S-1-")
        }
        Code => (4..=10).contains(&value.len()) && has_digit,
        Made | Chosen | Phrase | Cookie | Authorization => true,
    }
}

/// Returns `true` if a value contains anything but lower-case letters, so that it is more likely a
/// password than a word.
fn has_sign_of_secret(value: &[u8]) -> bool {
    value
        .iter()
        .any(|byte| !byte.is_ascii_lowercase() && *byte < 0x80 && *byte != b'.' && *byte != b',')
}

/// Returns `true` if a value is a word, with or without punctuation after it: all letters but the
/// first are lower case, or all are capitals.
fn is_word_of_language(value: &[u8]) -> bool {
    let letters = value
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80);
    let letters = letters.count();
    let (word, rest) = value.split_at_checked(letters).unwrap_or_default();
    let is_of_sentence = |byte: &u8| b".,!?:)'\"`".contains(byte);
    let has_one_case = word.iter().skip(1).all(|byte| !byte.is_ascii_uppercase())
        || word.iter().all(u8::is_ascii_uppercase);
    letters < TOKEN_BYTES_MIN && has_one_case && rest.iter().all(is_of_sentence)
}

/// Returns `true` if a name is used by a parser: `expected token: identifier`.
fn is_behind_parser(text: RemainingText<'_>, name: &NameMatch) -> bool {
    let end = name.start.saturating_sub(1);
    let word = text.start_within(end, TOKEN_BYTES_MIN, |byte| byte.is_ascii_alphabetic());
    text.byte(end) == Some(b' ') && is_one_of(text.get(word..end), PARSED)
}

/// Returns `true` if a value is a path in a program, as `Token::Eof`.
fn is_item(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_uppercase)
        && value.windows(2).any(|pair| pair == b"::")
        && value
            .iter()
            .all(|&byte| is_alphanumeric(byte) || matches!(byte, b':' | b'_'))
}

/// Returns `true` if a value is a call in a program, as in `token = lexer.next()`.
fn is_call(value: &[u8]) -> bool {
    let end = value
        .iter()
        .position(|&byte| !is_alphanumeric(byte) && !matches!(byte, b'_' | b'.' | b':'));
    end.is_some_and(|end| end > 0 && value.get(end..) == Some(b"("))
        && value.first().is_some_and(u8::is_ascii_alphabetic)
}

fn is_type(value: &[u8]) -> bool {
    let rest = value.strip_prefix(b"&").unwrap_or(value);
    let is_reference = rest.len() < value.len() && rest.starts_with(b"'");
    let generic = [
        "Option<", "Vec<", "Box<", "Arc<", "Rc<", "Cow<", "Secret<", "Result<",
    ];
    is_reference
        || is_one_of(first_word(rest), TYPES) && rest.len() <= MASK_BYTES_MAX && {
            let after = rest.get(first_word(rest).len());
            after.is_none_or(|next| !is_alphanumeric(*next))
        }
        || starts_with_any(rest, &generic)
}

fn starts_with_any(value: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| value.starts_with(word.as_bytes()))
}

/// Returns the letters at the beginning of a value, with apostrophes as in `can't`.
fn first_word(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic() && *byte != b'\'' && *byte < 0x80);
    value.get(..end.unwrap_or(value.len())).unwrap_or_default()
}

/// The maximal depth of wrappers around an empty value; each `*` counts.
const WRAPS_MAX: usize = 64;

/// The expressions with which programs read secrets.
const SOURCES: &[&str] = &[
    "ENV[",
    "os.environ",
    "os.getenv(",
    "process.env.",
    "getenv(",
    "env(",
    "System.getenv(",
    "std::env::",
    "secrets.",
];

/// The extensions of key files.
const FILES: &[&str] = &[
    ".pem", ".key", ".crt", ".cer", ".p12", ".pfx", ".jks", ".ppk", ".pub", ".json", ".txt",
    ".yml", ".yaml", ".toml", ".conf",
];

/// A request to a module of PAM, as in `(passwd:chauthtok)`.
const PAM: &str = "chauthtok";

/// The longest value that is examined.
const PLAIN_BYTES_MAX: usize = 256;

/// The longest placeholder of a secret, and the longest type that is recognised.
const MASK_BYTES_MAX: usize = 48;

/// The maximal number of digits of a parameter in a statement or a script, as `$12`.
const PLACE_DIGITS_MAX: usize = 2;

/// The maximal number of digits of a count of passed tests; a password of digits is longer.
const COUNT_DIGITS_MAX: usize = 4;

/// The shortest word of letters that may be a token.
const TOKEN_BYTES_MIN: usize = 16;

/// The minimal length of a secret that must be long.
const LONG_BYTES_MIN: usize = 8;

/// `01936f0e-7b7c-7000-8000-00805f9b34fb`
const UUID_BYTES: usize = 36;
