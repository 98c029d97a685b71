//! Applies the policy to values: they are written first and then checked, so that a value without
//! secrets costs one check, and dropped or masked values are never formatted.

use serde_json::Value;

use super::JSON_DEPTH_MAX;
use super::text::{push_json, push_string};
use crate::policy::{Action, InForce, MASKED, NamePath, Naming, Reading};

/// A value that was written before and contained no secret: the messages of a call site are often
/// equal, and comparing is faster than searching for secrets. It is compared only with values under
/// the same policy.
#[derive(Debug, Default)]
pub(crate) struct SecretFree {
    written: Vec<u8>,
}

impl SecretFree {
    /// Creates an empty one.
    pub(crate) const fn new() -> Self {
        let written = Vec::new();
        Self { written }
    }

    fn is(&self, written: &[u8]) -> bool {
        self.written == written
    }

    fn remember(&mut self, written: &[u8]) {
        if written.len() <= REMEMBERED_BYTES_MAX {
            self.written.clear();
            self.written.extend_from_slice(written);
        }
    }
}

/// The handling of a value under the policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handling<'p> {
    pub(super) action: Action,
    pub(super) reading: Reading,
    pub(super) policy: &'p InForce,
}

/// Writes a value as the policy allows it.
pub(super) fn push_handled(
    out: &mut Vec<u8>,
    bytes_max: usize,
    handling: Handling<'_>,
    write: impl FnOnce(&mut Vec<u8>, usize),
) {
    push_handled_again(out, bytes_max, handling, None, write);
}

/// Writes a value as the policy allows it, for a field whose values are often equal.
pub(super) fn push_handled_again(
    out: &mut Vec<u8>,
    bytes_max: usize,
    handling: Handling<'_>,
    before: Option<&mut SecretFree>,
    write: impl FnOnce(&mut Vec<u8>, usize),
) {
    let start = out.len();
    match handling.action {
        Action::Keep => write(out, bytes_max),
        Action::Redact => {
            // A secret at the limit must be complete, since a part of one might not be detected.
            write(out, bytes_max.saturating_add(SECRET_BYTES));
            redact(out, start, bytes_max, (handling, before));
        }
        Action::Hash => {
            write(out, bytes_max);
            push_hash(out, start, handling.policy);
        }
        Action::Mask | Action::Drop => push_string(out, MASKED, bytes_max),
    }
}

/// Masks secrets in the value that was written from `start` on.
fn redact(
    out: &mut Vec<u8>,
    start: usize,
    bytes_max: usize,
    (handling, before): (Handling<'_>, Option<&mut SecretFree>),
) {
    let written = out.get(start..).unwrap_or_default();
    // Escapes only make a text longer, so a text that is this short needs no cut.
    let is_short = written.len() <= bytes_max.saturating_add(QUOTES_BYTES);
    if is_short {
        if before.as_ref().is_some_and(|before| before.is(written)) {
            return;
        }
        if !handling.policy.may_hold_secret(written, handling.reading) {
            if let Some(before) = before {
                before.remember(written);
            }
            return;
        }
    }
    // Text that was just written is valid; if it is not, its content is unknown.
    let value = serde_json::from_slice(written);
    out.truncate(start);
    match value {
        Ok(value) => {
            let value = redacted(value, bytes_max, handling);
            push_json(out, &value, bytes_max, JSON_DEPTH_MAX);
        }
        Err(_) => push_string(out, MASKED, bytes_max),
    }
}

/// Returns a value with the secrets in its texts masked. Its names were checked before.
fn redacted(value: Value, bytes_max: usize, handling: Handling<'_>) -> Value {
    let redact = |text: &str| {
        let policy = handling.policy;
        policy
            .redact(text, bytes_max, handling.reading)
            .into_owned()
    };
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(values) => {
            let mut is_after_flag = false;
            let redact_next = |value: Value| {
                let is_of_flag = std::mem::replace(&mut is_after_flag, is_secret_flag(&value));
                let is_argument = value.as_str().is_some_and(|text| !text.starts_with('-'));
                if is_of_flag && is_argument {
                    Value::from(SECRET)
                } else {
                    redacted(value, bytes_max, handling)
                }
            };
            values.into_iter().map(redact_next).collect()
        }
        Value::Object(values) => values
            .into_iter()
            .map(|(name, value)| (redact(&name), redacted(value, bytes_max, handling)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Returns `true` if an element of a list is a flag whose value, the next element, is a secret:
/// `["--password", "x"]`.
fn is_secret_flag(value: &Value) -> bool {
    value.as_str().is_some_and(|flag| {
        let is_flag = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        flag.starts_with('-')
            && flag.bytes().all(is_flag)
            && NamePath::of(flag).naming() == Naming::Secret
    })
}

/// Replaces the value that was written from `start` on with a keyed hash. A number and its text
/// have the same hash.
fn push_hash(out: &mut Vec<u8>, start: usize, policy: &InForce) {
    let written = out.get(start..).unwrap_or_default();
    let text = serde_json::from_slice::<String>(written)
        .unwrap_or_else(|_no_string| String::from_utf8_lossy(written).into_owned());
    let hash = policy.hash(&text);
    out.truncate(start);
    push_string(out, &hash, hash.len());
}

/// Writes the description of a command's failure, `<kind>: <message>`, with the secrets in each
/// masked separately: the kind may have the name of a secret, as `InvalidPassword`, without the
/// message being one.
pub(super) fn push_redacted_failure(
    out: &mut Vec<u8>,
    bytes_max: usize,
    policy: &InForce,
    (kind, message): (&str, &str),
) {
    let kind = policy.redact(kind, bytes_max, Reading::Prose);
    let message_bytes_max = bytes_max.saturating_sub(kind.len() + SEPARATOR.len());
    let message = policy.redact(message, message_bytes_max, Reading::Prose);
    push_string(out, &format!("{kind}{SEPARATOR}{message}"), bytes_max);
}

/// Returns kind and message of a command's failure, if the kind is certainly the name of one, such
/// as `InvalidPassword` or `myapp::Error`: one word, and not an assignment as `password: x`.
pub(super) fn split_failure(text: &str) -> Option<(&str, &str)> {
    let (kind, message) = text.split_once(SEPARATOR)?;
    let is_name = kind
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    let is_camel = kind.starts_with(|letter: char| letter.is_ascii_uppercase())
        && kind.as_bytes().windows(2).any(|pair| match pair {
            [one, other] => one.is_ascii_lowercase() && other.is_ascii_uppercase(),
            _ => false,
        });
    (is_name && (is_camel || kind.contains("::"))).then_some((kind, message))
}

/// The separator of an error's kind and its message.
const SEPARATOR: &str = ": ";

/// The replacement of a secret in a value that is recorded without its secrets.
pub(super) const SECRET: &str = "[secret]";

/// Number of bytes beyond the limit that are searched: 4 KiB is longer than any secret except a
/// private key, which is detected by its beginning.
const SECRET_BYTES: usize = 4096;

/// The longest value that is remembered: most messages are shorter, and a thread remembers one for
/// each of its call sites.
const REMEMBERED_BYTES_MAX: usize = 128;

/// The quotes of a string.
const QUOTES_BYTES: usize = 2;
