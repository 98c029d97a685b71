//! Tokens that are known by the word before them, `Bearer` and `Basic`, by their parts, as JSON web
//! tokens, or by their position, as in addresses of webhooks. Tokens of one service are in `shape`.

use std::ops::Range;

use super::text::{BLANKS_MAX, RemainingText, is_blank, is_mark, is_url_safe, is_word};

/// Finds the token after `Bearer`, given the first letter of that word.
pub(super) fn find_bearer(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    find_after("bearer", text, at)
}

/// Finds the user and password in base64 after `Basic`, given the third letter of that word.
pub(super) fn find_basic(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let range = find_after("basic", text, at.checked_sub("ba".len())?)?;
    (range.len() >= 8 && range.len().is_multiple_of(4)).then_some(range)
}

/// Finds the token after the name of a scheme.
fn find_after(scheme: &str, text: RemainingText<'_>, word: usize) -> Option<Range<usize>> {
    if !text.has_word(word, scheme) || text.is_before(word, is_word) {
        return None;
    }
    let word_end = word + scheme.len();
    let start = text.end_within(word_end, BLANKS_MAX, is_between);
    let end = text.end(start, is_of_token);
    let token = text.get(start..end);
    // A full stop at the end belongs to the sentence.
    let token = token.strip_suffix(b".").unwrap_or(token);
    let is_parameter = text.byte(end) == Some(b'"');
    let is_next_word = token.len() < WORD_BYTES_MAX
        && token.iter().skip(1).all(u8::is_ascii_lowercase)
        && token.first().is_none_or(u8::is_ascii_alphabetic);
    let is_token = start > word_end && !is_next_word && !is_mark(token);
    // A challenge contains a parameter instead of credentials: `Basic realm="private"`.
    let is_challenge = is_parameter
        && token
            .strip_suffix(b"=")
            .is_some_and(|name| name.iter().all(u8::is_ascii_lowercase));
    (is_token && !is_challenge).then_some(start..start + token.len())
}

/// Finds a signed or encrypted JSON web token: three or more parts of base64 with dots between
/// them.
pub(super) fn find_web_token(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    if text.is_before(at, is_url_safe) && text.is_inside_word(at) {
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
    // The signature, which may be missing; encrypted tokens have two further parts.
    end = text.end(end, is_url_safe);
    while text.byte(end) == Some(b'.') && text.is(end + 1, is_url_safe) {
        end = text.end(end + 1, is_url_safe);
    }
    Some(at..end)
}

/// Finds the hash of a password, as written by `crypt` and similar functions, given its first
/// dollar sign.
pub(super) fn find_hash(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let start = text.after_any(at, HASHES)?;
    let end = text.end(start, |byte| {
        is_word(byte) || matches!(byte, b'.' | b'/' | b'$' | b'=' | b',' | b'+')
    });
    // A comma belongs to the text around it, unless parameters follow it.
    let hash_end = text.start_within(end, end - start, |byte| matches!(byte, b',' | b'.'));
    (end - start >= HASH_BYTES_MIN).then_some(at..hash_end)
}

/// Finds the secret part of the address of a webhook, given `hoo` in it.
pub(super) fn find_webhook(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let start = WEBHOOKS.iter().find_map(|(lead, address)| {
        let start = at.checked_sub(*lead)?;
        text.has(start, address).then_some(start + address.len())
    })?;
    let end = text.end(start, |byte| {
        is_url_safe(byte) || matches!(byte, b'/' | b'@')
    });
    let path = text.get(start..end);
    let is_secret = path.len() >= WEBHOOK_BYTES_MIN && path.iter().any(u8::is_ascii_digit);
    is_secret.then_some(start..end)
}

/// Returns `true` if a byte may separate the name of a scheme and the token.
const fn is_between(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b':' | b'=')
}

/// Returns `true` if a byte belongs to a token as defined by RFC 6750 (section 2.1).
const fn is_of_token(byte: u8) -> bool {
    is_url_safe(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

/// The beginnings of hashes.
const HASHES: &[&str] = &[
    "$2a$", "$2b$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$apr1$", "$argon2",
];

/// The addresses that precede a secret, and the position of the anchor in them.
const WEBHOOKS: &[(usize, &str)] = &[
    (0, "hooks.slack.com/services/"),
    (0, "hooks.slack.com/workflows/"),
    (0, "hooks.slack.com/triggers/"),
    (0, "hooks.zapier.com/hooks/catch/"),
    (8, "/api/webhooks/"),
    (4, "/webhookb2/"),
];

/// The shortest hash, of MD5, has 22 bytes after its salt.
const HASH_BYTES_MIN: usize = 20;

/// Shorter parts are numbers of webhooks, which are not secrets.
const WEBHOOK_BYTES_MIN: usize = 16;

/// A text without a digit, a capital or a sign in its first 20 bytes is more likely a word than a
/// token.
const WORD_BYTES_MAX: usize = 20;

/// The shortest header, `{"alg":"none"}`, has 19.
const PART_BYTES_MIN: usize = 5;
