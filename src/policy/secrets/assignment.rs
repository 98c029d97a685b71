//! The value that stands behind the name of a secret: `password=x`, `token: x`, `"secret":"x"`,
//! `--api-key x`. Only the value is masked, and an empty one, `null`, `true` and the like are left.
//!
//! A name is the name of a secret if one of the [words](Word) is in it, however it goes on:
//! `db_password_file` too. `token` is told from `tokenizer`, and in the plural or with an addition, as in
//! `tokens: 5`, its value may be a number; `auth` has to end the name, as authors and methods are no
//! secrets. `pass` is told from `compass` and `passed`. `token::Kind` is a path of Rust.

use std::ops::Range;

use super::Rule;
use super::text::{Text, is_alphanumeric, is_blank, is_mark, is_url_safe, mark_bytes};
use super::token;

/// A word that makes a name the name of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// `password` and `passwd`.
    Password,
    /// `passphrase`.
    Passphrase,
    /// `pwd`.
    Pwd,
    /// `secret`.
    Secret,
    /// `token`.
    Token,
    /// `api_key`, `access_key`, `account_key` and `private_key`, however joined.
    Key,
    /// `credential`.
    Credential,
    /// `auth` and `authorization` at the end of a name.
    Auth,
    /// `pass` as a word of its own at the end of a name, and `passcode`.
    Pass,
    /// `cookie` at the end of a name: a header whole.
    Cookie,
    /// `sig` and `signature` in the query of a URL, and `SharedAccessSignature`.
    Signature,
}

/// A name in a text.
#[derive(Debug)]
struct Name {
    start: usize,
    end: usize,
    /// Its values may be numbers that are no secrets.
    may_count: bool,
}

/// Finds the value behind a name, given an anchor in one of its words.
pub(super) fn find(word: Word, text: Text<'_>, at: usize) -> Option<(Rule, Range<usize>)> {
    let name = word.name_at(text, at)?;
    if !word.stands_alone(text, &name, at) {
        return None;
    }
    let start = value_start(text, &name)?;
    let (rule, range) = match word {
        Word::Cookie => cookies(text, &name, start).map(|range| (Rule::Assignment, range)),
        Word::Password
        | Word::Passphrase
        | Word::Pwd
        | Word::Secret
        | Word::Token
        | Word::Key
        | Word::Credential
        | Word::Auth
        | Word::Pass
        | Word::Signature => None,
    }
    .or_else(|| find_value(text, start))?;
    let value = text.get(range.clone());
    let is_count = name.may_count && value.iter().all(u8::is_ascii_digit);
    (!is_count && !word.is_of_code(value)).then_some((rule, range))
}

/// Tells whether there is a name of a secret, and something like a separator behind it.
pub(super) fn may_be(word: Word, text: Text<'_>, at: usize) -> bool {
    let Some(name) = word.name_at(text, at) else {
        return false;
    };
    let end = text.end_within(name.end, GAP_ESCAPED_BYTES_MAX, |byte| {
        is_blank(byte) || is_closer(byte) || byte == b't'
    });
    let is_separated = match text.byte(end) {
        Some(b'=') => true,
        Some(b':') => text.byte(end + 1) != Some(b':'),
        _ => false,
    };
    is_separated || end > name.end && text.get(name.start..at).contains(&b'-')
}

impl Word {
    /// Returns the name that has this word at an anchor.
    fn name_at(self, text: Text<'_>, at: usize) -> Option<Name> {
        let end = self.end_at(text, at)?;
        let start = text.start_within(at, NAME_BYTES_MAX, is_of_name);
        let name_end = text.end_within(end, NAME_BYTES_MAX, is_of_name);
        if name_end - end == NAME_BYTES_MAX || is_in_mark(text, start) {
            return None;
        }
        let rest = text.get(end..name_end);
        let starts_with = |other: &[u8]| {
            rest.get(..other.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(other))
        };
        let mut may_count = false;
        let is_of_secret = match self {
            Self::Password | Self::Passphrase | Self::Pwd | Self::Key | Self::Credential => true,
            Self::Secret => !starts_with(b"ar"),
            Self::Token => {
                let rest = rest.strip_prefix(b"s").unwrap_or(rest);
                may_count = end < name_end;
                let is_upper = text.is_before(end, |byte| byte.is_ascii_uppercase());
                rest.first().is_none_or(|next| {
                    !next.is_ascii_alphabetic() || next.is_ascii_uppercase() && !is_upper
                })
            }
            Self::Auth => {
                let rest = if starts_with(b"orization") {
                    rest.get(b"orization".len()..).unwrap_or_default()
                } else {
                    rest
                };
                rest.iter().all(u8::is_ascii_digit)
            }
            Self::Pass => {
                let rest = rest.strip_prefix(b"_").unwrap_or(rest);
                let rest = rest.strip_prefix(b"-").unwrap_or(rest);
                let goes_on = |word: &str| {
                    let start = rest.get(..word.len());
                    start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
                };
                rest.iter().all(u8::is_ascii_digit)
                    || ["code", "phrase", "word"].into_iter().any(goes_on)
            }
            Self::Cookie => {
                may_count = starts_with(b"s");
                let rest = rest.get(usize::from(may_count)..).unwrap_or_default();
                rest.iter().all(u8::is_ascii_digit)
            }
            Self::Signature => rest.is_empty(),
        };
        is_of_secret.then_some(Name {
            start,
            end: name_end,
            may_count,
        })
    }

    /// Tells whether what stands before the word makes its name that of a secret, given the anchor. A quick
    /// look does not ask: a letter of an escape may stand there.
    fn stands_alone(self, text: Text<'_>, name: &Name, at: usize) -> bool {
        let is_first = !text.is_before(at, is_alphanumeric)
            || text.is(at, |byte| byte.is_ascii_uppercase())
                && text.is_before(at, |byte| !byte.is_ascii_uppercase());
        match self {
            // `compass` and `bypass` are other words.
            Self::Pass => is_first,
            Self::Signature => {
                let is_of_query = text.is_before(name.start, |byte| matches!(byte, b'?' | b'&'));
                let lead = "sharedaccess";
                let is_shared = at
                    .checked_sub(lead.len())
                    .is_some_and(|start| text.has_word(start, lead));
                is_shared || is_of_query && is_first
            }
            Self::Password
            | Self::Passphrase
            | Self::Pwd
            | Self::Secret
            | Self::Token
            | Self::Key
            | Self::Credential
            | Self::Auth
            | Self::Cookie => true,
        }
    }

    /// Returns `true` if a value is what programs write of their own things, such as `Token(0)`: a type's name with a
    /// number, which is an index or a handle; and of tokens also what a parser reads, as `Ident("x")`.
    fn is_of_code(self, value: &[u8]) -> bool {
        let value = match value.strip_prefix(b"Some(") {
            Some(inner) => inner.strip_suffix(b")").unwrap_or(value),
            None => value,
        };
        let Some((name, content)) = type_and_content(value) else {
            return false;
        };
        let is_number = !content.is_empty() && content.iter().all(u8::is_ascii_digit);
        let is_wrapper = WRAPPERS.iter().any(|wrapper| wrapper.as_bytes() == name);
        match self {
            Self::Token => {
                let is_lexeme = LEXEMES.iter().any(|lexeme| lexeme.as_bytes() == name);
                is_lexeme || is_number && !is_wrapper
            }
            Self::Key | Self::Credential | Self::Auth | Self::Cookie | Self::Signature => {
                is_number && !is_wrapper
            }
            // A number may well be one.
            Self::Password | Self::Passphrase | Self::Pwd | Self::Secret | Self::Pass => false,
        }
    }

    /// Returns where the word ends that has its anchor there.
    fn end_at(self, text: Text<'_>, at: usize) -> Option<usize> {
        let has = |lead: usize, word: &str| {
            let start = at.checked_sub(lead)?;
            text.has_word(start, word).then_some(start + word.len())
        };
        match self {
            Self::Password => has(2, "password").or_else(|| has(2, "passwd")),
            Self::Passphrase => has(2, "passphrase"),
            Self::Pwd => has(0, "pwd"),
            Self::Secret => has(1, "secret"),
            Self::Token => has(1, "token"),
            Self::Credential => has(2, "credential"),
            Self::Auth => has(1, "auth"),
            Self::Pass => has(0, "pass"),
            Self::Cookie => has(2, "cookie"),
            Self::Signature => has(0, "signature").or_else(|| has(0, "sig")),
            Self::Key => {
                let is_joint = |byte| matches!(byte, b'_' | b'-' | b'.' | b' ');
                let joint = usize::from(text.is_before(at, is_joint));
                ["api", "access", "account", "private"]
                    .into_iter()
                    .find_map(|kind| has(joint + kind.len(), kind))?;
                has(0, "key")
            }
        }
    }
}

/// Tells whether what looks like a name is what a rule put there. Behind a letter or digit brackets are
/// rather a part of a name, as in `params[token]`.
fn is_in_mark(text: Text<'_>, start: usize) -> bool {
    text.is_before(start, |byte| byte == b'[')
        && mark_bytes(text.from(start - 1)).is_some()
        && !text.is_before(start - 1, is_alphanumeric)
}

/// Returns where the value behind a name begins, if a separator, or space after a flag, is between them.
fn value_start(text: Text<'_>, name: &Name) -> Option<usize> {
    let closed = text.end_within(name.end, CLOSERS_MAX, is_closer);
    let at = text.end_within(closed, BLANKS_MAX, is_blank);
    if let Some(start) = next_argument(text, name, closed) {
        return Some(start);
    }
    let next = text.byte(at + 1);
    let start = match text.byte(at)? {
        b'=' if matches!(next, Some(b'=' | b'>')) => at + 2,
        b':' if next == Some(b':') => return None,
        b':' if next == Some(b'=') => at + 2,
        b'=' | b':' => at + 1,
        b'-' => return None,
        _ if at > closed && closed == name.end && text.byte(name.start) == Some(b'-') => at,
        _ => return None,
    };
    Some(text.end_within(start, BLANKS_MAX, is_blank))
}

/// Returns where the argument after a flag begins, where each stands in quotes: `"--token", "x"`, as `Debug`
/// writes lists, and `"--token" "x"`, as it writes a command.
fn next_argument(text: Text<'_>, name: &Name, closed: usize) -> Option<usize> {
    let is_flag = text.byte(name.start) == Some(b'-') && closed > name.end;
    let comma = usize::from(text.byte(closed) == Some(b','));
    let start = text.end_within(closed + comma, BLANKS_MAX, |byte| {
        is_blank(byte) || byte == b'\n'
    });
    let quote = text.end_within(start, CLOSERS_MAX, |byte| byte == b'\\');
    let is_next = is_flag
        && start > closed
        && text.is(closed - 1, is_quote)
        && text.is(quote, is_quote)
        && !text.is(quote + 1, |byte| byte == b'-');
    is_next.then_some(start)
}

/// Returns what is secret in the value that begins there, and by which rule.
fn find_value(text: Text<'_>, start: usize) -> Option<(Rule, Range<usize>)> {
    if let Some(key) = token::find_private_key(text, start) {
        return Some((Rule::PrivateKey, key));
    }
    let scheme = ["bearer", "basic", "token", "digest", "negotiate", "apikey"]
        .into_iter()
        .filter(|scheme| text.has_word(start, scheme))
        .map(|scheme| start + scheme.len())
        .find(|&end| text.is(end, is_blank));
    match scheme {
        Some(end) => {
            let start = text.end_within(end, BLANKS_MAX, is_blank);
            Some((Rule::Token, find_plain_value(text, start)?))
        }
        None => Some((Rule::Assignment, find_plain_value(text, start)?)),
    }
}

/// Returns the cookies of a header, `Cookie: a=b; c=d`: all of its line, up to what closes a quote around
/// it. What does not begin like a cookie is any value.
fn cookies(text: Text<'_>, name: &Name, start: usize) -> Option<Range<usize>> {
    let is_header = text.get(name.end..start).contains(&b':');
    let first = text.end(start, |byte| {
        !ends_value(byte) && !is_quote(byte) && !matches!(byte, b'=' | b'\\')
    });
    if !is_header || first == start || text.byte(first) != Some(b'=') {
        return None;
    }
    let mut at = first;
    while let Some(byte) = text.byte(at) {
        if matches!(byte, b'\n' | b'\r' | b'\\') || is_quote(byte) {
            break;
        }
        at += 1;
        if byte == b'='
            && let Some(content) = quoted(text, at)
        {
            let escapes_end = text.end_within(content.end, CLOSERS_MAX, |byte| byte == b'\\');
            let is_closed = text.is(escapes_end, is_quote);
            at = if is_closed {
                escapes_end + 1
            } else {
                content.end
            };
        }
    }
    let trailing = text.get(start..at).iter().rev();
    let blanks = trailing.take_while(|&&byte| is_blank(byte)).count();
    Some(start..at - blanks)
}

fn find_plain_value(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    let range = quoted(text, start)
        .or_else(|| bracketed(text, start))
        .unwrap_or_else(|| word(text, start));
    let value = text.get(range.clone());
    (!is_mark(value) && !is_nothing(value)).then_some(range)
}

/// Returns `true` if a value says that there is none, or none to be seen: `None`, `<empty>`, `Some("")`,
/// `Secret([REDACTED])`, `****`.
fn is_nothing(value: &[u8]) -> bool {
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
            // What closes the value may have been taken for what closes the text around it.
            (None, [b'<' | b'*', rest @ ..] | [rest @ .., b'*']) => rest,
            (None, _) => break,
        }
        .trim_ascii();
    }
    let is_one_of = |words: &[&str]| {
        let mut words = words.iter();
        words.any(|word| inner.eq_ignore_ascii_case(word.as_bytes()))
    };
    let is_wrapped = inner.len() < value.len();
    inner.iter().all(|byte| *byte == b'*')
        || is_one_of(&NOTHING)
        || is_wrapped && is_one_of(&UNSEEN)
}

/// Returns the name of a type and what it holds: of `Token(0)`, `Token` and `0`.
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

/// Returns what is between quotes, up to the end of the text if they are not closed. Quotes may be
/// escaped, as in JSON within a string; then they are closed by one that is escaped no deeper. What goes on
/// behind them, as a shell allows, belongs to the value.
pub(super) fn quoted(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    let at = text.end_within(start, CLOSERS_MAX, |byte| byte == b'\\');
    let quote = text.byte(at).filter(|byte| is_quote(*byte))?;
    let depth = at - start;
    let mut backslashes = 0;
    for (end, byte) in (at + 1..).zip(text.from(at + 1).iter().copied()) {
        let is_closing = if depth == 0 {
            backslashes % 2 == 0
        } else {
            backslashes <= depth
        };
        if byte == quote && is_closing {
            let escape = if depth == 0 { 0 } else { backslashes };
            let content = at + 1..end - escape;
            let sticks = text.is(end + 1, |byte| content.is_empty() || !ends_quoted(byte));
            let rest = sticks.then(|| word(text, end + 1));
            return Some(match rest {
                Some(rest) if !rest.is_empty() => start..rest.end,
                Some(_) | None => content,
            });
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    Some(at + 1..text.len())
}

/// Returns a value in brackets, as JSON and `Debug` write them, with the type's name before it: up to
/// the bracket that closes it and what sticks to that, or the end of the text.
fn bracketed(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    if mark_bytes(text.from(start)).is_some() {
        return None;
    }
    let name_end = text.end_within(start, NAME_BYTES_MAX, is_alphanumeric);
    let is_type = text.is(start, |byte| byte.is_ascii_uppercase());
    let opening = if is_type && text.has(name_end, " {") {
        name_end + 1
    } else {
        name_end
    };
    let is_opening = match text.byte(opening)? {
        b'{' | b'(' => is_type || name_end == start,
        b'[' => name_end == start,
        _ => false,
    };
    if !is_opening {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = opening;
    while let Some(byte) = text.byte(at) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = quoted(text, at).map_or(at, |content| content.end),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(start..word(text, at).end);
        }
    }
    Some(start..text.len())
}

/// Returns a value without quotes: up to space, a comma, `&` or `;`, without what may close what the name
/// stands in.
pub(super) fn word(text: Text<'_>, start: usize) -> Range<usize> {
    let end = text.end(start, |byte| !ends_value(byte));
    let value = text.get(start..end);
    let kept = mark_bytes(value).unwrap_or(0);
    let closing = value
        .get(kept..)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(|&&byte| is_closer(byte) || matches!(byte, b'}' | b'>'))
        .count();
    start..end - closing
}

/// Tells whether a byte belongs to a name, or to the dashes before a flag.
const fn is_of_name(byte: u8) -> bool {
    is_url_safe(byte) || byte == b'.'
}

/// Tells whether a byte may stand between a name and its separator, or close what they stand in.
const fn is_closer(byte: u8) -> bool {
    is_quote(byte) || matches!(byte, b'\\' | b']' | b')')
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

const fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'&' | b';')
}

/// Tells whether a byte behind a closing quote belongs to the text around it.
const fn ends_quoted(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'.' | b'/' | b'\\' | b'|' | b')' | b']' | b'}' | b'>' | b'<' | b'"' | b'\'' | b'`'
    )
}

/// Values that keep no secret.
const NOTHING: [&str; 6] = ["true", "false", "null", "none", "nil", "undefined"];

/// What stands in a wrapper where a value is not shown.
const UNSEEN: [&str; 9] = [
    "empty", "filtered", "hidden", "masked", "missing", "omitted", "redacted", "removed", "unset",
];

/// How deep a value that says nothing is wrapped at most; each `*` counts.
const WRAPS_MAX: usize = 32;

/// Types whose content is a value of any kind.
const WRAPPERS: [&str; 4] = ["Err", "Ok", "Secret", "Some"];

/// What a parser calls its tokens. Strings are not among them: their content may be anything.
const LEXEMES: [&str; 12] = [
    "Char",
    "Float",
    "Ident",
    "Identifier",
    "Int",
    "Integer",
    "Keyword",
    "Number",
    "Op",
    "Operator",
    "Punct",
    "Symbol",
];

/// How far a name goes on at most before and after a word. The longest names of variables that people
/// use have half of that.
const NAME_BYTES_MAX: usize = 64;

/// A name's quote, escaped four times over, and the bracket after it.
const CLOSERS_MAX: usize = 18;

/// Space in a table whose values are aligned.
const BLANKS_MAX: usize = 64;

/// All that may stand before a separator, each byte of it escaped in a JSON string.
const GAP_ESCAPED_BYTES_MAX: usize = 2 * (CLOSERS_MAX + BLANKS_MAX);
