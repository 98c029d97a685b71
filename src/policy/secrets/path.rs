//! People in paths: the owner's home directory, the owner's name, and the names of directories in
//! the usual parents of homes. Names are compared as a whole, so `/home/al` does not match
//! `/home/alice`.

use std::ops::Range;

use super::text::RemainingText;

/// A text that identifies the owner, with the first part of it that is unchanged in a JSON string.
#[derive(Debug)]
pub(super) struct OwnerText {
    text: String,
    part: Range<usize>,
}

impl OwnerText {
    /// Creates a text for the owner's home directory, without a separator at its end. Returns
    /// `None` for a root, and for a path that is not absolute.
    pub(super) fn home(path: &str) -> Option<Self> {
        let path = path.trim_end_matches(['/', '\\']);
        let is_absolute = path.starts_with(['/', '\\']) || path.contains(":\\");
        is_absolute.then(|| Self::new(path))?
    }

    /// Creates a text for the owner's name. Returns `None` for an empty name, for one letter, and
    /// for `root`, who is not a person.
    pub(super) fn user(name: &str) -> Option<Self> {
        let identifies = name.chars().nth(1).is_some() && name != "root";
        identifies.then(|| Self::new(name))?
    }

    /// Returns `None` for a text of which no part is unchanged in a JSON string.
    fn new(text: &str) -> Option<Self> {
        let is_kept = |letter: char| {
            letter.is_alphanumeric() || matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\')
        };
        let mut start = 0;
        let part = text
            .split_inclusive(|letter| !is_kept(letter))
            .find_map(|part| {
                let kept = part.trim_end_matches(|letter| !is_kept(letter)).len();
                let range = start..start + kept;
                start += part.len();
                (kept > 1).then_some(range)
            })?;
        Some(Self {
            text: text.to_owned(),
            part,
        })
    }

    /// Returns the first three bytes to search for: one for each place, or none if it is missing.
    pub(super) fn fingerprint(&self) -> [&[u8]; 3] {
        let part = self.text.get(self.part.clone()).unwrap_or_default();
        [0, 1, 2].map(|at| part.as_bytes().get(at..=at).unwrap_or_default())
    }

    /// Finds the home directory at the start of a path.
    pub(super) fn find_home(&self, text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
        let range = self.find(text, at)?;
        let is_inside = text.is_before(range.start, |byte| is_of_name(byte) || is_separator(byte));
        (!is_inside && is_end_of_name(text, range.end)).then_some(range)
    }

    /// Finds the name as a whole component of a path.
    pub(super) fn find_user(&self, text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
        let range = self.find(text, at)?;
        let is_component = text.is_before(range.start, is_separator)
            || text.is(range.end, is_separator) && !text.is_before(range.start, is_of_name);
        (is_component && is_end_of_name(text, range.end)).then_some(range)
    }

    fn find(&self, text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
        let start = at.checked_sub(self.part.start)?;
        text.has(start, &self.text)
            .then(|| start..start + self.text.len())
    }
}

/// Finds the name after `/home/`, `/Users/` or `\Users\`, given the separator before it. In text
/// that `Debug` wrote, each backslash is doubled.
pub(super) fn find_in_homes(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let separator = text.byte(at)?;
    let name_at = match separator {
        b'/' => text.after_any(at, &["/home", "/Users"])?,
        _ => text
            .has_word(at + 1, "users")
            .then(|| at + "/users".len())?,
    };
    // Slashes may be escaped, as JSON allows.
    let start = text.end_within(name_at, SEPARATORS_MAX, |byte| {
        byte == separator || byte == b'\\'
    });
    let is_escaped = separator == b'/' && text.before(start) == Some(b'\\');
    let start = text.end_within(start, usize::from(is_escaped), |byte| byte == separator);
    if start == name_at {
        return None;
    }
    let end = text.end(start, is_of_name);
    let end = spaced_end(text, start)
        .filter(|_| separator == b'\\')
        .unwrap_or(end);
    let name_end = text.start_within(end, end - start, |byte| byte == b'.');
    (name_end > start).then_some(start..name_end)
}

/// Returns the end of a name that contains spaces, which Windows allows: a backslash must follow.
fn spaced_end(text: RemainingText<'_>, start: usize) -> Option<usize> {
    let end = text.end_within(start, NAME_BYTES_MAX, |byte| {
        byte == b' ' || is_of_name(byte)
    });
    let is_name = text.byte(end) == Some(b'\\') && !text.is_before(end, |byte| byte == b' ');
    is_name.then_some(end)
}

/// Returns `true` if a name ends at a position; a full stop may end a sentence.
fn is_end_of_name(text: RemainingText<'_>, at: usize) -> bool {
    let end = text.end_within(at, SEPARATORS_MAX, |byte| byte == b'.');
    !text.is(end, is_of_name)
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// Returns `true` if a byte may belong to a name in a path. Bytes that more likely belong to the
/// text around the path are left out.
const fn is_of_name(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'+' | b'@' | b'~' | b'#'
            | b'$' | b'%' | b'!' | 0x80..)
}

/// Windows allows 20 characters in the names of users, and longer ones in full names.
const NAME_BYTES_MAX: usize = 64;

/// A backslash that was escaped four times.
const SEPARATORS_MAX: usize = 16;
