//! Access to a text by the rules: the bytes around a position, and the extent of similar bytes.
//! Every range that a rule finds begins and ends beside ASCII, so it never splits a character.

use std::ops::Range;

use super::SecretRule;

/// A text of which the part below the floor is decided: rules do not read that part again.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemainingText<'t> {
    bytes: &'t [u8],
    floor: usize,
}

impl<'t> RemainingText<'t> {
    pub(super) fn above(bytes: &'t [u8], floor: usize) -> Self {
        Self { bytes, floor }
    }

    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Returns the byte before a position, unless it is decided.
    pub(super) fn before(self, at: usize) -> Option<u8> {
        if at <= self.floor {
            return None;
        }
        self.byte(at - 1)
    }

    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(super) fn get(self, range: Range<usize>) -> &'t [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Returns the last bytes before a position that are not decided, at most `bytes_max` of them.
    pub(super) fn last_before(self, at: usize, bytes_max: usize) -> &'t [u8] {
        self.get(at.saturating_sub(bytes_max).max(self.floor)..at)
    }

    pub(super) fn from(self, at: usize) -> &'t [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Returns `true` if the byte at a position is wanted.
    pub(super) fn is(self, at: usize, wanted: impl Fn(u8) -> bool) -> bool {
        self.byte(at).is_some_and(wanted)
    }

    /// Returns `true` if the byte before a position is wanted and not decided.
    pub(super) fn is_before(self, at: usize, wanted: impl Fn(u8) -> bool) -> bool {
        self.before(at).is_some_and(wanted)
    }

    /// Returns `true` if a word begins at a position that is not decided.
    pub(super) fn has(self, at: usize, word: &str) -> bool {
        at >= self.floor && self.from(at).starts_with(word.as_bytes())
    }

    /// Returns `true` if a word begins at a position that is not decided, ignoring ASCII case.
    pub(super) fn has_word(self, at: usize, word: &str) -> bool {
        at >= self.floor
            && self
                .bytes
                .get(at..at.saturating_add(word.len()))
                .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Returns the end of the first of several words that begins at a position.
    pub(super) fn after_any(self, at: usize, words: &[&str]) -> Option<usize> {
        let word = words.iter().find(|word| self.has(at, word))?;
        Some(at + word.len())
    }

    /// Returns the end of the blanks at a position.
    pub(super) fn after_blanks(self, at: usize) -> usize {
        self.end_within(at, BLANKS_MAX, is_blank)
    }

    /// Returns the end of the wanted bytes from a position on.
    pub(super) fn end(self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        self.end_within(from, usize::MAX, wanted)
    }

    /// Returns the end of the wanted bytes from a position on, after at most `bytes_max` of them.
    pub(super) fn end_within(
        self,
        from: usize,
        bytes_max: usize,
        wanted: impl Fn(u8) -> bool,
    ) -> usize {
        let rest = self.from(from).iter().take(bytes_max);
        from + rest.take_while(|&&byte| wanted(byte)).count()
    }

    /// Returns the beginning of the wanted bytes that end at a position, or of the last `bytes_max`
    /// of them.
    pub(super) fn start_within(
        self,
        until: usize,
        bytes_max: usize,
        wanted: impl Fn(u8) -> bool,
    ) -> usize {
        let part = self.last_before(until, bytes_max);
        until - part.iter().rev().take_while(|&&byte| wanted(byte)).count()
    }

    /// Returns `true` if a position is within a word that begins before it. The end of an escape,
    /// as in `\\n` and `%3D`, is not a part of a word.
    pub(super) fn is_inside_word(self, at: usize) -> bool {
        let Some(before) = self.before(at).filter(u8::is_ascii_alphanumeric) else {
            return false;
        };
        let back = |bytes: usize| at.checked_sub(bytes).and_then(|at| self.byte(at));
        let is_escape = matches!(before, b'n' | b't' | b'r') && back(2) == Some(b'\\');
        let is_encoded = before.is_ascii_hexdigit() && back(3) == Some(b'%');
        !is_escape && !is_encoded
    }

    /// Returns `true` if the byte before a position is wanted, or the text begins there.
    pub(super) fn is_before_or_start(self, at: usize, wanted: impl Fn(u8) -> bool) -> bool {
        at == 0 || self.is_before(at, wanted)
    }

    /// Returns `true` if a word, ignoring ASCII case, ends at a position and is not the end of a
    /// longer one.
    pub(super) fn has_word_before(self, at: usize, word: &str) -> bool {
        at.checked_sub(word.len())
            .is_some_and(|start| self.has_word(start, word) && !self.is_inside_word(start))
    }
}

/// Returns `true` if bytes are a mark, which a rule put in place of a secret.
pub(super) fn is_mark(bytes: &[u8]) -> bool {
    mark_bytes(bytes) == Some(bytes.len())
}

/// Returns the length of the mark at the beginning of bytes.
pub(super) fn mark_bytes(bytes: &[u8]) -> Option<usize> {
    SecretRule::ALL
        .into_iter()
        .map(|rule| rule.replacement().as_bytes())
        .find(|mark| mark.starts_with(b"[") && bytes.starts_with(mark))
        .map(<[u8]>::len)
}

pub(super) const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) const fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// Returns `true` if a byte belongs to a word in most kinds of names.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns `true` if a byte belongs to the URL-safe alphabet of base64.
pub(super) const fn is_url_safe(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// Returns `true` if a byte belongs to lower-case names such as `project-list`. Tokens are random,
/// and contain digits or capitals as well.
pub(super) const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_')
}

/// The maximal number of blanks between a name and its value: enough to align the values of a
/// table.
pub(super) const BLANKS_MAX: usize = 64;
