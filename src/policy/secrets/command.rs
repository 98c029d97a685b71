//! Passwords in protocol commands such as `AUTH`, in `IDENTIFIED BY` of SQL, and in lines of
//! password files.

use std::ops::Range;

use super::text::{RemainingText, is_blank, is_quote, is_url_safe};
use super::{plain, value};

/// Finds the password after `IDENTIFIED BY`, or after `IDENTIFIED WITH` a plugin and `BY`, given
/// the last `d` before it.
pub(super) fn find_identified(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let word = text.start_within(at, PART_BYTES_MAX, is_url_safe);
    let is_identified = text.has_word(at, "d by ")
        && (text.has_word(word, "identified by ")
            || text.has_word_before(word, "identified with "));
    if !is_identified {
        return None;
    }
    let range = value::quoted(text, text.after_blanks(at + "d by".len()))?;
    (!plain::is_mark_or_variable(text.get(range.clone()))).then_some(range)
}

/// Finds the password in a protocol command, given its first letter.
pub(super) fn find_command(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let words = text.after_any(at, &["AUTH", "PASS", "LOGIN"])?;
    let is_login = text.has(at, "LOGIN");
    if !is_first(text, at, is_login) {
        return None;
    }
    let closed = text.end_within(words, 1, is_quote);
    let start = text.end_within(closed, 1, is_blank);
    let end = text.end_within(start, LINE_BYTES_MAX, |byte| !matches!(byte, b'\n' | b'\r'));
    if end - start == LINE_BYTES_MAX {
        return None;
    }
    let range = last_argument(text, start..end, is_login)?;
    let value = text.get(range.clone());
    let is_password = start > closed
        && !plain::is_state_of_secret(value)
        && !plain::is_mark_or_variable(value)
        && !value.iter().any(|byte| matches!(byte, b'[' | b'(' | b':'))
        && !value.starts_with(b"Test")
        && (text.has(at, "AUTH") || !value.contains(&b'/'));
    is_password.then_some(range)
}

/// Returns `true` if a command begins a line, as a client writes it, or follows the tag of IMAP.
fn is_first(text: RemainingText<'_>, at: usize, needs_tag: bool) -> bool {
    let gap = text.start_within(at, 1, is_blank);
    if needs_tag {
        let tag = text.start_within(gap, TAG_BYTES_MAX, |byte| byte.is_ascii_alphanumeric());
        return gap < at
            && text.is_before(gap, |byte| byte.is_ascii_digit())
            && !text.is_inside_word(tag);
    }
    text.is_before_or_start(gap, |byte| {
        matches!(byte, b'>' | b':' | b'\n') || gap == at && is_quote(byte)
    })
}

/// Returns the last of one or two arguments.
fn last_argument(
    text: RemainingText<'_>,
    line: Range<usize>,
    needs_two: bool,
) -> Option<Range<usize>> {
    let bytes = text.get(line.clone());
    let trimmed = bytes.trim_ascii_end();
    let mut words = trimmed.split(|byte| is_blank(*byte));
    let (first, second, third) = (words.next()?, words.next(), words.next());
    if third.is_some() || needs_two && second.is_none() || first.is_empty() {
        return None;
    }
    let word = second.unwrap_or(first);
    let start = line.start + trimmed.len() - word.len();
    let opening = text.end_within(start, 1, is_quote);
    let end = text.end_within(opening, word.len(), |byte| {
        !is_quote(byte) && !is_blank(byte)
    });
    (end > opening).then_some(opening..end)
}

/// Finds the password in a line `host:port:database:user:password`, given the colon before the
/// port.
pub(super) fn find_in_file(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let is_part = |byte: u8| {
        !byte.is_ascii_whitespace() && !matches!(byte, b':' | b'/' | b'@') && !is_quote(byte)
    };
    let host = text.is_before(at, |byte| is_url_safe(byte) || matches!(byte, b'.' | b'*'));
    let port = text.end_within(at + 1, 5, |byte| byte.is_ascii_digit());
    if !host || port - at != 5 || text.byte(port) != Some(b':') {
        return None;
    }
    let database = text.end_within(port + 1, PART_BYTES_MAX, is_part);
    let user = text.end_within(database + 1, PART_BYTES_MAX, is_part);
    let has_parts = database > port + 1
        && text.byte(database) == Some(b':')
        && user > database + 1
        && text.byte(user) == Some(b':');
    let range = value::word(text, user + 1);
    (has_parts && !range.is_empty() && !plain::is_mark_or_variable(text.get(range.clone())))
        .then_some(range)
}

/// The longest line that is a command.
const LINE_BYTES_MAX: usize = 256;

/// The longest tag before a command of IMAP.
const TAG_BYTES_MAX: usize = 16;

/// The longest name of a database or a user.
const PART_BYTES_MAX: usize = 64;
