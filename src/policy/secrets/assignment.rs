//! The value after the name of a secret, for all forms that link the two: `password=x`, `token: x`,
//! `"secret":"x"`, `--api-key x`, `<password>x</password>`, `password -> x`, `password%3Dx`. Only
//! the value is masked. `name` defines the names, `value` the ends of values.

use std::ops::Range;

use memchr::memmem;

use super::SecretRule;
use super::armour;
use super::name::{CLOSERS_MAX, NameMatch, SecretKind, Stem, closers_end};
use super::plain;
use super::text::{BLANKS_MAX, RemainingText, is_blank, is_quote, mark_bytes};
use super::value;
use super::value::Link;
use super::words::{PASSWORDS, is_one_of};

/// Finds the value after a name, given an anchor in one of its words.
pub(super) fn find(
    stem: &Stem,
    text: RemainingText<'_>,
    at: usize,
) -> Option<(SecretRule, Range<usize>)> {
    let name = stem.name_at(text, at)?;
    let (link, start) = link(text, &name)?;
    if is_mark_at(text, start) {
        return None;
    }
    if let Some(key) = armour::find_at(text, start) {
        return Some((SecretRule::PrivateKey, key));
    }
    let of_kind = match name.kind {
        // The cookies of a header; elsewhere any value.
        SecretKind::Cookie if text.get(name.end..start).contains(&b':') => {
            value::pairs(text, start)
        }
        SecretKind::Authorization => value::parameters(text, start),
        SecretKind::Phrase => value::words(text, start),
        SecretKind::Chosen
        | SecretKind::Made
        | SecretKind::Long
        | SecretKind::Code
        | SecretKind::Cookie => None,
    };
    if let Some(range) = of_kind {
        return Some((SecretRule::Assignment, range));
    }
    let scheme = value::scheme_end(text, start);
    if name.kind == SecretKind::Authorization && scheme.is_none() && is_masked_behind(text, start) {
        return None;
    }
    let (rule, link) = match scheme {
        Some(_) => (SecretRule::Token, Link::Sign),
        None => (SecretRule::Assignment, link),
    };
    let (shape, range) = value::find(text, &name, link, scheme.unwrap_or(start))?;
    let is_plain = plain::is_plain(text, &name, link, shape, range.clone());
    (!is_plain).then_some((rule, range))
}

/// Returns `true` if a mark is at a position, followed by a space, a quote or the end.
fn is_mark_at(text: RemainingText<'_>, at: usize) -> bool {
    mark_bytes(text.from(at)).is_some_and(|bytes| {
        let end = at + bytes;
        end == text.len() || text.is(end, |byte| byte.is_ascii_whitespace() || is_quote(byte))
    })
}

/// Returns `true` if a word and a mark are at a position: the credentials after a scheme were
/// masked before.
fn is_masked_behind(text: RemainingText<'_>, start: usize) -> bool {
    let end = text.end_within(start, NAMESPACE_BYTES_MAX, |byte| !is_blank(byte));
    mark_bytes(text.from(text.after_blanks(end))).is_some()
}

/// Returns the link between a name and its value, and the beginning of the value.
fn link(text: RemainingText<'_>, name: &NameMatch) -> Option<(Link, usize)> {
    let closed = name.closed;
    if let Some(next) = text.after_any(closed, &["</key>"]) {
        let next = text.end_within(next, BLANKS_MAX, |byte| byte.is_ascii_whitespace());
        return Some((Link::Tag, text.after_any(next, &["<string>"])?));
    }
    if let Some(start) = tag(text, name) {
        return Some((Link::Tag, start));
    }
    let at = text.after_blanks(closed);
    let sign = |bytes: usize| Some((Link::Sign, text.after_blanks(at + bytes)));
    match text.from(at) {
        [b'=', b'=', b'=' | b'>', ..] => sign(3),
        [b'=', b'=' | b'>', ..] | [b':', b'=', ..] | [b'-', b'>', ..] => sign(2),
        [b':', b':', ..] => None,
        [b':', next, ..] if is_blank(*next) && closed == name.end => {
            Some((Link::Prose, text.after_blanks(at + 1)))
        }
        [b'=' | b':', ..] => sign(1),
        [b'%', b'3', b'd' | b'D' | b'a' | b'A', ..] => {
            let start = at + "%3D".len();
            Some((
                Link::Encoded,
                text.after_any(start, &["%22"]).unwrap_or(start),
            ))
        }
        [b'(', b'"' | b'\'', ..] if closed == name.end && name.kind != SecretKind::Made => {
            Some((Link::Sign, at + 1))
        }
        [b'&', ..] if text.has(at, "&gt;") => Some((Link::Tag, at + "&gt;".len())),
        [b',' | b'\n' | b'\r' | b')', ..] => beside(text, name, at).or_else(|| row(text, name)),
        _ if at > closed => spaced(text, name, at),
        _ => attribute(text, name),
    }
}

/// Returns the beginning of the content of a tag that has the name, or an attribute with it.
fn tag(text: RemainingText<'_>, name: &NameMatch) -> Option<usize> {
    let closed = name.closed;
    let start = text.start_within(name.start, NAMESPACE_BYTES_MAX, |byte| {
        byte.is_ascii_alphanumeric() || byte == b':'
    });
    let is_tag = text.is_before(start, |byte| byte == b'<') && closed == name.end;
    if !is_tag && !is_attribute(text, name) {
        return None;
    }
    let end = text.end_within(closed, TAG_BYTES_MAX, |byte| !matches!(byte, b'<' | b'>'));
    let is_open = text.byte(end) == Some(b'>')
        && !text.is_before(end, |byte| byte == b'/')
        && (is_tag || memmem::find(text.get(closed..end), VALUE).is_none());
    if !is_open || is_tag && end > closed && !text.is(closed, |byte| byte.is_ascii_whitespace()) {
        return None;
    }
    // The content ends at a closing tag; a type, as in `Option<Token>`, has none.
    let start = end + 1;
    let content = text.after_any(start, &["<string>", "<![CDATA["]);
    let content = content.unwrap_or(start);
    let content_end = text.end_within(content, CONTENT_BYTES_MAX, |byte| byte != b'<');
    let is_closed = text.has(content_end, "</") || content > start;
    is_closed.then_some(content)
}

/// Returns `true` if a name is the value of an attribute that names a thing, as in
/// `key="Password"`.
fn is_attribute(text: RemainingText<'_>, name: &NameMatch) -> bool {
    let is_quoted = name.opening < name.start && name.closed > name.end;
    is_quoted
        && text.is_before(name.opening, |byte| byte == b'=')
        && ["name", "key", "id", "property", "field"]
            .into_iter()
            .any(|word| text.has_word_before(name.opening - 1, word))
}

/// Returns the beginning of the value of a tag that has an attribute with the name of a secret, as
/// in `<add key="Password" value="x"/>`.
fn attribute(text: RemainingText<'_>, name: &NameMatch) -> Option<(Link, usize)> {
    if !is_attribute(text, name) {
        return None;
    }
    let end = text.end_within(name.closed, TAG_BYTES_MAX, |byte| {
        !matches!(byte, b'<' | b'>')
    });
    let tag = text.get(name.closed..end);
    let behind = |word: &[u8]| Some(name.closed + memmem::find(tag, word)? + word.len());
    let start = behind(VALUE).or_else(|| behind(b" content=")).or_else(|| {
        // The value may precede the name.
        let before = text.last_before(name.start, TAG_BYTES_MAX);
        let tag = before.rsplit(|byte| matches!(byte, b'<' | b'>')).next()?;
        Some(name.start - tag.len() + memmem::rfind(tag, VALUE)? + VALUE.len())
    })?;
    Some((Link::Sign, start))
}

/// Returns the beginning of a value beside its name: the second item of a pair, or the value of the
/// key `value` in the same object.
fn beside(text: RemainingText<'_>, name: &NameMatch, at: usize) -> Option<(Link, usize)> {
    let next = text.end_within(at, GAP_BYTES_MAX, |byte| {
        byte.is_ascii_whitespace() || byte == b','
    });
    let word = text.end_within(next, CLOSERS_MAX, |byte| is_quote(byte) || byte == b'\\');
    if text.has_word(word, "value") {
        let sign = text.after_blanks(closers_end(text, word + "value".len()));
        let is_joined = text.is(sign, |byte| matches!(byte, b':' | b'='));
        return is_joined.then(|| (Link::Sign, text.after_blanks(sign + 1)));
    }
    if is_flag(text, name) && name.closed == name.end {
        // The form in which programs print a list of arguments: `[--password, x]`.
        let value = value::word(text, next);
        let is_item = text.is(value.end, |byte| matches!(byte, b',' | b']'));
        let is_argument = is_item && text.byte(next) != Some(b'-');
        return is_argument.then_some((Link::Sign, next));
    }
    let is_quoted = name.closed > name.end || text.is_before(name.start, |byte| byte == b'{');
    // The first of a pair, or a flag in a list of arguments, but not an item of a list of names.
    let is_first =
        is_flag(text, name) || text.is_before(name.opening, |byte| matches!(byte, b'(' | b'{'));
    let is_pair = text.byte(at) == Some(b',')
        && is_quoted
        && is_first
        && (word > next && text.byte(word) != Some(b'-') || text.has(next, "<<\""));
    is_pair.then_some((Link::Sign, next))
}

/// Returns the beginning of the values of a row, if the name is that of a column in an INSERT
/// statement.
fn row(text: RemainingText<'_>, name: &NameMatch) -> Option<(Link, usize)> {
    let is_column = |byte: u8| !matches!(byte, b'(' | b'\n' | b';' | b'=');
    let columns = text.end_within(name.closed, TAG_BYTES_MAX, |byte| byte != b')');
    let values = text.after_blanks(columns + 1);
    let first = text.start_within(name.start, TAG_BYTES_MAX, is_column);
    let tuple = text.after_blanks(values + "values".len());
    let end = text.end_within(tuple, TAG_BYTES_MAX, |byte| byte != b')');
    let has_text = text.get(tuple..end).contains(&b'\'');
    let is_row = text.has_word(values, "values")
        && text.byte(columns) == Some(b')')
        && text.is_before(first, |byte| byte == b'(')
        && text.byte(tuple) == Some(b'(');
    (is_row && has_text).then_some((Link::Sign, tuple))
}

/// Returns the beginning of a value that is separated from its name by space alone, or by `is`.
fn spaced(text: RemainingText<'_>, name: &NameMatch, at: usize) -> Option<(Link, usize)> {
    if name.closed > name.end {
        // The form in which `Debug` writes a command: `"tool" "--token" "x"`.
        let quote = text.end_within(at, CLOSERS_MAX, |byte| byte == b'\\');
        let is_argument =
            is_flag(text, name) && text.is(quote, is_quote) && text.byte(quote + 1) != Some(b'-');
        return if is_argument {
            Some((Link::Sign, at))
        } else {
            attribute(text, name)
        };
    }
    if matches!(name.kind, SecretKind::Chosen | SecretKind::Code)
        && let Some(is_end) = is_end(text, at)
    {
        let end = text.end_within(is_end, 1, |byte| byte == b':');
        let start = text.after_blanks(end);
        return (start > end).then_some((Link::Is, start));
    }
    if is_flag(text, name) {
        let is_next = text.byte(at) == Some(b'-');
        return (!is_next).then_some((Link::Sign, at));
    }
    let word = text.get(name.start..name.end);
    let is_password = is_one_of(word, PASSWORDS);
    if is_password && text.is(at, is_quote) {
        return Some((Link::Sign, at));
    }
    let is_bare = is_password && is_behind_login(text, name.start)
        || matches!(
            word,
            b"bindpw"
                | b"rootpw"
                | b"requirepass"
                | b"masterauth"
                | b"aws_secret_access_key"
                | b"aws_session_token"
        )
        || word == b"secret" && text.has_word_before(name.start.saturating_sub(1), "enable");
    if !is_bare {
        return None;
    }
    // Cisco devices write the kind of the password before it.
    let digit = text.end_within(at, 1, |byte| byte.is_ascii_digit());
    let next = text.after_blanks(digit);
    let is_kind = digit > at && next > digit;
    Some((Link::Space, if is_kind { next } else { at }))
}

/// Returns `true` if a name is a flag of a command.
fn is_flag(text: RemainingText<'_>, name: &NameMatch) -> bool {
    text.byte(name.start) == Some(b'-')
}

/// Returns the end of `is`, or of `for bob is` or `for bob =`.
fn is_end(text: RemainingText<'_>, at: usize) -> Option<usize> {
    let mut at = at;
    if text.has_word(at, "for ") {
        let whom = at + "for ".len();
        let end = text.end_within(whom, NAMESPACE_BYTES_MAX, |byte| {
            !byte.is_ascii_whitespace()
        });
        at = text.after_blanks(end);
        if text.has(at, "= '") {
            return Some(at + 1);
        }
    }
    let end = at + "is".len();
    (text.has_word(at, "is") && text.is(end, |byte| is_blank(byte) || byte == b':')).then_some(end)
}

/// Returns `true` if a name follows a login and its value, as in `.netrc`.
fn is_behind_login(text: RemainingText<'_>, at: usize) -> bool {
    let is_gap = |byte: u8| byte.is_ascii_whitespace();
    let value_end = text.start_within(at, BLANKS_MAX, is_gap);
    let value = text.start_within(value_end, NAMESPACE_BYTES_MAX, |byte| !is_gap(byte));
    let word_end = text.start_within(value, BLANKS_MAX, is_gap);
    value_end < at
        && ["login", "user", "username", "account"]
            .into_iter()
            .any(|word| text.has_word_before(word_end, word))
}

/// The text before a value in a tag.
const VALUE: &[u8] = b" value=";

/// The maximal space between a name and `value` on the next line.
const GAP_BYTES_MAX: usize = 64;

/// The longest prefix of a tag's name, and the longest login.
const NAMESPACE_BYTES_MAX: usize = 64;

/// The longest tag that is read.
const TAG_BYTES_MAX: usize = 256;

/// The longest content of a tag that is read.
const CONTENT_BYTES_MAX: usize = 4096;
