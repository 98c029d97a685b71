//! Flags of one letter: the one with which curl and its like take a user and a password, `-u user:password`;
//! and in the arguments of commands the one with which others take a password that sticks to it, `-pX`.

use std::ops::Range;

use super::text::{Text, is_blank, is_url_safe, mark_bytes};
use super::{Finding, Rule, assignment};

/// Finds user and password behind a flag, given the dash before its `u`.
pub(super) fn find(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = text.start_within(at, NAME_BYTES_MAX, is_url_safe);
    let end = text.end_within(at, NAME_BYTES_MAX, is_url_safe);
    if !NAMES
        .iter()
        .any(|name| text.get(start..end) == name.as_bytes())
    {
        return None;
    }
    let blanks_end = text.end_within(end, BLANKS_MAX, is_blank);
    let value = match text.byte(end)? {
        b'=' => end + 1,
        _ if blanks_end > end => blanks_end,
        _ => return None,
    };
    let range = assignment::quoted(text, value).unwrap_or_else(|| assignment::word(text, value));
    is_user_info(text.get(range.clone())).then_some(range)
}

/// Tells whether there is such a flag and something like a separator behind it.
pub(super) fn may_be(text: Text<'_>, at: usize) -> bool {
    let end = text.end_within(at, NAME_BYTES_MAX, is_url_safe);
    let is_name = NAMES
        .iter()
        .any(|name| name.as_bytes().ends_with(text.get(at..end)));
    let is_separated = text.is(end, |byte| is_blank(byte) || matches!(byte, b'=' | b'\\'));
    let colon = text.end_within(end, LOOK_BYTES_MAX, |byte| byte != b':');
    is_name && is_separated && (colon - end == LOOK_BYTES_MAX || text.byte(colon) == Some(b':'))
}

/// Tells whether a value is a user and a password. Numbers of users and groups, as containers take them,
/// paths, formats of dates and URLs are none.
fn is_user_info(value: &[u8]) -> bool {
    let Some(colon) = value.iter().position(|&byte| byte == b':') else {
        return false;
    };
    let password = value.get(colon + 1..).unwrap_or_default();
    let is_of_ids = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b':');
    let is_other = matches!(value.first(), Some(b'/' | b'+' | b'~'));
    !password.is_empty() && !password.starts_with(b"//") && !is_of_ids && !is_other
}

/// Lists the passwords that stick to `-p` in the arguments of a command, in order. They stand in a line as a
/// shell takes it, or in a list as `Debug` writes it.
pub(super) fn passwords(text: &str) -> Vec<Finding> {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut findings = Vec::new();
    while let Some(at) = memchr::memmem::find(bytes.get(from..).unwrap_or_default(), LETTER) {
        let start = from + at + LETTER.len();
        from = start;
        if let Some(range) = password(Text::above(bytes, 0), start) {
            from = range.end;
            findings.push(Finding {
                rule: Rule::Assignment,
                range,
                replacement: Rule::Assignment.replacement(),
            });
        }
    }
    findings
}

/// Quickly tells whether there may be such a password in a text, plain or as a JSON string.
pub(super) fn may_have_password(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, LETTER).any(|at| {
        let next = text.get(at + LETTER.len());
        next.is_some_and(|next| !is_blank(*next))
    })
}

/// Finds the password that begins there, behind its flag.
fn password(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    let dash = start - LETTER.len();
    let before = text.before(dash);
    let begins = before.is_none_or(|byte| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'[' | b'(' | b',')
    });
    if !begins || mark_bytes(text.from(start)).is_some() {
        return None;
    }
    let range = match before.filter(|byte| matches!(byte, b'"' | b'\'' | b'`')) {
        // A whole argument: blanks are a part of it.
        Some(_) => {
            let escapes = text.start_within(dash - 1, ESCAPES_MAX, |byte| byte == b'\\');
            let end = assignment::quoted(text, escapes)?.end;
            start..end.max(start)
        }
        None => assignment::quoted(text, start).unwrap_or_else(|| {
            let end = text.end(start, |byte| !byte.is_ascii_whitespace() && byte != b'"');
            let closers = |byte| matches!(byte, b',' | b']' | b')' | b'\'' | b'\\');
            let closed = text.start_within(end, ESCAPES_MAX, closers);
            start..closed.max(start)
        }),
    };
    let value = text.get(range.clone());
    let name = value.split(|byte| matches!(byte, b'=' | b':')).next();
    let is_other = value.is_empty()
        || is_port(value)
        || name.is_some_and(|name| OTHERS.iter().any(|other| other.as_bytes() == name));
    (!is_other).then_some(range)
}

/// Tells whether a value is a port, or several as containers take them: `8080:80/tcp`.
fn is_port(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"=").unwrap_or(value);
    let value = value.strip_suffix(b"/tcp").unwrap_or(value);
    let value = value.strip_suffix(b"/udp").unwrap_or(value);
    let is_address = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-');
    value.iter().all(is_address) && (value.len() <= PORT_DIGITS_MAX || value.contains(&b':'))
}

/// The flag that a password sticks to.
const LETTER: &[u8] = b"-p";

/// What of the flags of common programs that begin with `-p` is behind that.
const OTHERS: [&str; 36] = [
    "R",
    "ackage",
    "arallel",
    "arams",
    "ass",
    "assin",
    "assout",
    "assphrase",
    "asswd",
    "assword",
    "ath",
    "edantic",
    "erm",
    "g",
    "id",
    "ipe",
    "kg",
    "lnt",
    "lntu",
    "lugin",
    "olicy",
    "ort",
    "prof",
    "r",
    "refix",
    "rint",
    "rint0",
    "rivate",
    "rofile",
    "roject",
    "rune",
    "thread",
    "v",
    "xf",
    "xvf",
    "xzf",
];

/// What escapes or closes a quote at most.
const ESCAPES_MAX: usize = 16;

const PORT_DIGITS_MAX: usize = 5;

/// As curl has them.
const NAMES: [&str; 4] = ["-u", "-U", "--user", "--proxy-user"];

/// More than the longest of them.
const NAME_BYTES_MAX: usize = 16;

/// Space before a value, where lines are aligned.
const BLANKS_MAX: usize = 64;

/// How far a quick look goes. What is longer may be a secret.
const LOOK_BYTES_MAX: usize = 256;
