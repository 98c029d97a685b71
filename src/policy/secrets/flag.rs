//! The flag with which curl and its like take a user and a password: `-u user:password`.

use std::ops::Range;

use super::assignment;
use super::text::{Text, is_blank, is_url_safe};

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

/// As curl has them.
const NAMES: [&str; 4] = ["-u", "-U", "--user", "--proxy-user"];

/// More than the longest of them.
const NAME_BYTES_MAX: usize = 16;

/// Space before a value, where lines are aligned.
const BLANKS_MAX: usize = 64;

/// How far a quick look goes. What is longer may be a secret.
const LOOK_BYTES_MAX: usize = 256;
