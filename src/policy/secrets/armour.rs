//! Key material in the formats of files: PEM and SSH2 between lines that begin and end it, keys of
//! `PuTTY`, and JSON web keys with a private member.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr};

use super::text::{RemainingText, is_alphanumeric};

/// Finds a private key, given the `BEGIN` of its first line.
pub(super) fn find(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let blank = text.start_within(at, 1, |byte| byte == b' ');
    let start = text.start_within(blank, DASHES_MAX, |byte| byte == b'-');
    find_at(text, start)
}

/// Finds a private key that begins at a position: up to its matching end, or to the end of the
/// text.
pub(super) fn find_at(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let dashes = text.end_within(start, DASHES_MAX, |byte| byte == b'-');
    let begin = text.end_within(dashes, 1, |byte| byte == b' ');
    if dashes - start < DASHES_MIN || !text.has(begin, BEGIN) {
        return None;
    }
    let label_start = begin + BEGIN.len();
    let is_of_label = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'-')
    };
    let label_end = text.end_within(label_start, LABEL_BYTES_MAX, is_of_label);
    let label = std::str::from_utf8(text.get(label_start..label_end)).ok()?;
    let label = label.trim_end_matches(['-', ' ']);
    if !label.contains("PRIVATE KEY") {
        return None;
    }
    let ending = format!("END {label}");
    let rest = text.from(label_end);
    let end = memmem::find(rest, ending.as_bytes()).map(|at| label_end + at + ending.len());
    let end = end.map(|end| {
        let blank = text.end_within(end, 1, |byte| byte == b' ');
        let dashes = text.end_within(blank, DASHES_MAX, |byte| byte == b'-');
        if dashes > blank { dashes } else { end }
    });
    Some(start..end.unwrap_or(text.len()))
}

/// Finds a key of `PuTTY`, given the second letter of that word: up to the checksum at its end, or
/// to the end of the text.
pub(super) fn find_putty(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(1)?;
    if !text.has(start, "PuTTY-User-Key-File-") {
        return None;
    }
    let Some(sum) = memmem::find(text.from(start), PUTTY_END) else {
        return Some(start..text.len());
    };
    let sum = start + sum + PUTTY_END.len();
    let sum = text.end_within(sum, 1, |byte| byte == b' ');
    Some(start..text.end(sum, is_alphanumeric))
}

/// Finds a JSON web key that has a private member, given its `kty`: the whole object, since all but
/// a few of its members are secrets.
pub(super) fn find_web_key(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    if !text.is_before(at, |byte| byte == b'"') {
        return None;
    }
    let before = text.last_before(at, OBJECT_BYTES_MAX);
    let opening = at - before.len() + memrchr(b'{', before)?;
    let until = at.saturating_add(OBJECT_BYTES_MAX);
    let object_end = memchr(b'}', text.get(at..until.min(text.len())));
    let end = match object_end {
        Some(length) => at + length + 1,
        None if until >= text.len() => text.len(),
        None => return None,
    };
    let object = text.get(opening..end);
    let is_private = ["\"d\"", "\"d\\", "\"k\"", "\"k\\"]
        .into_iter()
        .any(|member| memmem::find(object, member.as_bytes()).is_some());
    is_private.then_some(opening..end)
}

/// The text after the dashes of the first line, in PEM (RFC 7468) and in SSH2 (RFC 4716).
const BEGIN: &str = "BEGIN ";

/// The last line of a key of `PuTTY`.
const PUTTY_END: &[u8] = b"Private-MAC:";

/// SSH2 has four dashes, and PEM five.
const DASHES_MIN: usize = 4;
const DASHES_MAX: usize = 5;

/// The longest known label is `SSH2 ENCRYPTED PRIVATE KEY`, with its dashes.
const LABEL_BYTES_MAX: usize = 64;

/// The maximal distance of the braces of a web key from its `kty`: an RSA key of 4,096 bits has
/// some 3,200 bytes.
const OBJECT_BYTES_MAX: usize = 4096;
