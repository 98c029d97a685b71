//! Tokens and keys that are known by their shape, or by the word before them. A token that looks like
//! none of these is found only behind the name of a secret, which is `assignment`'s business.

use std::ops::Range;

use super::text::{Text, is_alphanumeric, is_blank, is_mark, is_url_safe, is_word};

/// How who signs in proves it, before the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `Bearer`, before a token.
    Bearer,
    /// `Basic`, before name and password in base64.
    Basic,
}

/// The tokens of one service: how they begin and go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    beginning: &'static str,
    /// Where in it the anchor is.
    lead: usize,
    is_of_rest: fn(u8) -> bool,
    rest_bytes_min: usize,
    /// What has no digit is a name.
    needs_digit: bool,
}

impl Shape {
    /// `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_` and 36 more; the anchor has the third and fourth byte.
    pub(super) const GITHUB: Self = Self::new("gh", 1, is_word, 2 + 20);
    /// `github_pat_` and 82 more.
    pub(super) const GITHUB_FINE: Self = Self::new("github_pat_", 4, is_word, 20);
    /// `glpat-` and 20 or more.
    pub(super) const GITLAB: Self = Self::new("glpat-", 1, is_url_safe, 16);
    /// `xoxb-`, `xoxp-` and their like, with numbers in them.
    pub(super) const SLACK: Self = Self::new("xox", 0, is_url_safe, 10).with_digit();
    /// `AKIA` or, for a while, `ASIA`, and 16 more.
    pub(super) const AWS: Self = Self::new("A", 1, is_upper_or_digit, 3 + 16);
    /// `AIza` and 35 more.
    pub(super) const GOOGLE: Self = Self::new("AIza", 1, is_url_safe, 30);
    /// `sk-`, `sk-proj-`, `sk-ant-` and at least 20 more.
    pub(super) const SK: Self = Self::new("sk-", 0, is_url_safe, 20).with_digit();
    /// `sk_live_` or `rk_live_` and at least 24 more; the anchor begins with the second byte.
    pub(super) const STRIPE: Self = Self::new("k_live_", 0, is_alphanumeric, 16);
    /// `npm_` and 36 more.
    pub(super) const NPM: Self = Self::new("npm_", 1, is_alphanumeric, 30);

    const fn new(
        beginning: &'static str,
        lead: usize,
        is_of_rest: fn(u8) -> bool,
        rest_bytes_min: usize,
    ) -> Self {
        Self {
            beginning,
            lead,
            is_of_rest,
            rest_bytes_min,
            needs_digit: false,
        }
    }

    const fn with_digit(self) -> Self {
        Self {
            needs_digit: true,
            ..self
        }
    }

    /// Finds a token of this shape, given the anchor in its beginning.
    pub(super) fn find(&self, text: Text<'_>, at: usize) -> Option<Range<usize>> {
        let beginning = at.checked_sub(self.lead)?;
        if !self.is_at(text, beginning) {
            return None;
        }
        // The one shape whose first letter varies.
        let is_letter_before = |byte| matches!(byte, b's' | b'r');
        let start =
            if self.beginning.starts_with('k') && text.is_before(beginning, is_letter_before) {
                beginning - 1
            } else {
                beginning
            };
        if text.is_before(start, is_alphanumeric) {
            return None;
        }
        Some(start..text.end(beginning + self.beginning.len(), self.is_of_rest))
    }

    pub(super) fn may_be(&self, text: Text<'_>, at: usize) -> bool {
        at.checked_sub(self.lead)
            .is_some_and(|beginning| self.is_at(text, beginning))
    }

    fn is_at(&self, text: Text<'_>, beginning: usize) -> bool {
        if !text.has(beginning, self.beginning) {
            return false;
        }
        let rest = beginning + self.beginning.len();
        let end = text.end_within(rest, DIGIT_WITHIN, self.is_of_rest);
        end - rest >= self.rest_bytes_min
            && (!self.needs_digit || text.get(rest..end).iter().any(u8::is_ascii_digit))
    }
}

impl Scheme {
    /// The word and where in it the anchor is.
    const fn word(self) -> (&'static str, usize) {
        match self {
            Self::Bearer => ("bearer", 0),
            Self::Basic => ("basic", 2),
        }
    }

    /// Returns where the word of this scheme begins and ends that has its anchor there.
    fn at(self, text: Text<'_>, at: usize) -> Option<Range<usize>> {
        let (word, lead) = self.word();
        let start = at.checked_sub(lead)?;
        text.has_word(start, word)
            .then_some(start..start + word.len())
    }

    /// Tells whether bytes behind the word are rather a token than the next word of a sentence.
    fn is_token(self, bytes: &[u8]) -> bool {
        let is_plain = bytes.len() < WORD_BYTES_MAX
            && bytes.iter().skip(1).all(u8::is_ascii_lowercase)
            && bytes.first().is_none_or(u8::is_ascii_alphabetic);
        match self {
            Self::Bearer => !is_plain,
            Self::Basic => !is_plain && bytes.len() >= 8 && bytes.len().is_multiple_of(4),
        }
    }
}

/// Finds what follows the name of a scheme, given the anchor in that.
pub(super) fn find_after(scheme: Scheme, text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let word = scheme.at(text, at)?;
    if text.is_before(word.start, is_word) {
        return None;
    }
    let start = text.end_within(word.end, BLANKS_MAX, is_between);
    let end = text.end(start, is_of_token);
    let token = text.get(start..end);
    // A full stop belongs to the sentence.
    let token = token.strip_suffix(b".").unwrap_or(token);
    let is_token = start > word.end && scheme.is_token(token) && !is_mark(token);
    is_token.then_some(start..start + token.len())
}

pub(super) fn may_be_after(scheme: Scheme, text: Text<'_>, at: usize) -> bool {
    scheme
        .at(text, at)
        .is_some_and(|word| text.is(word.end, |byte| is_between(byte) || byte == b'\\'))
}

/// Finds a JSON web token or its encrypted kin: three or more parts of base64 with dots between them.
pub(super) fn find_web_token(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if text.is_before(at, is_url_safe) {
        return None;
    }
    let mut end = at;
    for _ in 0..2 {
        let dot = text.end(end, is_url_safe);
        if dot - end < PART_BYTES_MIN || text.byte(dot) != Some(b'.') {
            return None;
        }
        end = dot + 1;
    }
    // The signature, which may be missing, and for encrypted ones two parts more.
    end = text.end(end, is_url_safe);
    while text.byte(end) == Some(b'.') && text.is(end + 1, is_url_safe) {
        end = text.end(end + 1, is_url_safe);
    }
    Some(at..end)
}

pub(super) fn may_be_web_token(text: Text<'_>, at: usize) -> bool {
    text.end_within(at, PART_BYTES_MIN, is_url_safe) - at == PART_BYTES_MIN
}

/// Finds a private key that begins there: up to its matching end, or to the end of the text.
pub(super) fn find_private_key(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    if !text.has(start, BEGIN) {
        return None;
    }
    let label_start = start + BEGIN.len();
    let is_of_label = |byte: u8| byte == b' ' || is_upper_or_digit(byte);
    let label_end = text.end_within(label_start, LABEL_BYTES_MAX, is_of_label);
    let label = std::str::from_utf8(text.get(label_start..label_end)).ok()?;
    if !label.contains("PRIVATE KEY") {
        return None;
    }
    let ending = format!("-----END {label}-----");
    let end = find_bytes(text.from(label_end), ending.as_bytes())
        .map_or(text.len(), |at| label_end + at + ending.len());
    Some(start..end)
}

fn find_bytes(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

const fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Tells whether a byte may stand between the name of a scheme and the token.
const fn is_between(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b':' | b'=')
}

/// Tells whether a byte belongs to a token as RFC 6750 (section 2.1) has them.
const fn is_of_token(byte: u8) -> bool {
    is_url_safe(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

/// How a key in PEM's armour begins (RFC 7468).
const BEGIN: &str = "-----BEGIN ";

/// The dashes before the anchor in that.
pub(super) const BEGIN_LEAD: usize = 4;

/// The longest known is `ENCRYPTED PRIVATE KEY`.
const LABEL_BYTES_MAX: usize = 64;

/// Tokens without a digit, a capital or a sign in their first 20 bytes are less likely than such words.
const WORD_BYTES_MAX: usize = 20;

/// The shortest header, `{"alg":"none"}`, has 19.
const PART_BYTES_MIN: usize = 5;

/// A digit that makes a token is among its first bytes.
const DIGIT_WITHIN: usize = 64;

/// Space before a token, where lines are aligned.
const BLANKS_MAX: usize = 64;
