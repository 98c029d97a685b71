//! Finds secrets in free text, such as messages and error texts, and replaces them.
//!
//! A text is scanned once for [anchors]: three bytes that each secret of a kind contains. Only
//! there the rule of that kind is applied: a [name] and the [value] after it ([assignment], except
//! what is [plain]ly not a secret), the [shape] of a [token], an [address], [armour] around a key,
//! a [flag], a [command], a [path]. The number of bytes that a rule reads beyond what it masks is
//! bounded, so that any text takes linear time. A mark that replaces a secret has the effect of a
//! bracket on the text after it, so masking masked text changes nothing.
//!
//! The rules prefer masking a harmless word to missing a secret. They match shapes, not meanings: a
//! secret that stands alone and looks like an ordinary word is not found. Callers decide which
//! texts are scanned.

mod address;
mod anchors;
mod armour;
mod assignment;
mod command;
mod flag;
mod name;
mod path;
mod plain;
mod shape;
mod text;
mod token;
mod value;
pub(super) mod words;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use self::anchors::{Anchor, Anchors};
use self::path::OwnerText;
use self::text::RemainingText;

/// The rules that find secrets in text.
#[derive(Debug)]
pub(crate) struct Secrets {
    anchors: Anchors,
    home: Option<OwnerText>,
    user: Option<OwnerText>,
}

/// The mode in which a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As text that people or libraries wrote.
    Prose,
    /// As the arguments of a command, in which the `X` of `-pX` is a password, too.
    Arguments,
}

/// The kind of secret that a rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SecretRule {
    /// The text after `Bearer` and `Basic` unless it is an ordinary word, tokens that are known by
    /// their shape, and hashes.
    Token,
    /// The value after the name of a secret.
    Assignment,
    /// The user and password in a URL, or in a flag as of curl and mysql.
    UserInfo,
    /// A private key in its armour, or as a JSON web key.
    PrivateKey,
    /// An e-mail address.
    Email,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// The owner's home directory.
    Home,
    /// The name of a person in a path.
    User,
}

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretFinding {
    /// The rule that found it.
    pub rule: SecretRule,
    /// The position in the text, in bytes.
    pub range: Range<usize>,
}

impl Secrets {
    /// Creates the shipped rules, with the owner's home directory and user name, if known. There is
    /// no rule for a home that is a root, an empty name, a name of one letter, or `root`, since
    /// they do not identify a person.
    pub(crate) fn new(home: Option<&str>, user: Option<&str>) -> Self {
        let home = home.and_then(OwnerText::home);
        let user = user.and_then(OwnerText::user);
        Self {
            anchors: Anchors::new(
                home.as_ref().map(OwnerText::fingerprint),
                user.as_ref().map(OwnerText::fingerprint),
            ),
            home,
            user,
        }
    }

    /// Returns `true` if a value that was written as JSON may contain a secret, without allocating.
    /// There may be false positives but no false negatives: text that a JSON string escapes is not
    /// read here.
    pub(crate) fn may_find_in(&self, json: &[u8], reading: Reading) -> bool {
        if is_name(json) {
            return false;
        }
        if reading == Reading::Arguments && flag::may_have_password(json) {
            return true;
        }
        let Some((at, _)) = self.anchors.next(json, 0) else {
            return false;
        };
        match json {
            [b'"', text @ .., b'"'] if memchr::memchr(b'\\', text).is_none() => {
                let text = RemainingText::above(text, 0);
                self.next(text, at.saturating_sub(1)).is_some()
            }
            [b'"' | b'{' | b'[', ..] => true,
            number => self.next(RemainingText::above(number, 0), at).is_some(),
        }
    }

    /// Masks the secrets in plain text that people or libraries wrote.
    pub(crate) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.mask_up_to(text, text.len(), Reading::Prose)
    }

    /// Lists the secrets in such a text, in order and without overlap.
    pub(crate) fn findings(&self, text: &str) -> Vec<SecretFinding> {
        self.findings_in(text, Reading::Prose)
    }

    /// Masks the secrets in a plain text, of which at most `bytes_max` bytes are kept: a longer one
    /// is truncated and ends in `…`, and a secret across the cut is masked whole.
    pub(crate) fn mask_up_to<'t>(
        &self,
        text: &'t str,
        bytes_max: usize,
        reading: Reading,
    ) -> Cow<'t, str> {
        let mut findings = self.findings_in(text, reading);
        if text.len() > bytes_max {
            let kept = within(&mut findings, text, bytes_max);
            return Cow::Owned(apply(&findings, kept) + "…");
        }
        if findings.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(apply(&findings, text))
    }

    /// Lists the secrets in plain text, in order and without overlap.
    ///
    /// The masked form is scanned again: a mark ends text that went on before, such as a name in a
    /// path, and a value may have hidden a secret in its name.
    pub(crate) fn findings_in(&self, text: &str, reading: Reading) -> Vec<SecretFinding> {
        let mut findings = match reading {
            Reading::Prose => self.findings_at_once(text),
            Reading::Arguments => {
                let passwords = flag::passwords(text);
                let later = self.findings_at_once(&apply(&passwords, text));
                join(passwords, later)
            }
        };
        for _ in 1..ROUNDS_MAX {
            if findings.is_empty() {
                break;
            }
            let later = self.findings_at_once(&apply(&findings, text));
            if later.is_empty() {
                break;
            }
            findings = join(findings, later);
        }
        findings
    }

    fn findings_at_once(&self, text: &str) -> Vec<SecretFinding> {
        let bytes = text.as_bytes();
        let mut findings = Vec::new();
        let (mut from, mut floor) = (0, 0);
        while let Some((found, at)) = self.next(RemainingText::above(bytes, floor), from) {
            floor = found.range.end;
            from = floor.max(at + 1);
            findings.push(found);
        }
        findings
    }

    /// Finds the next secret at or after a position, and returns it with its anchor.
    fn next(&self, text: RemainingText<'_>, mut from: usize) -> Option<(SecretFinding, usize)> {
        while let Some((at, hits)) = self.anchors.next(text.from(0), from) {
            let found = hits.find(text, at, |anchor| self.find(anchor, text, at));
            if let Some(found) = found {
                return Some((found, at));
            }
            from = at + 1;
        }
        None
    }

    /// Applies the rule of an anchor.
    fn find(&self, anchor: Anchor, text: RemainingText<'_>, at: usize) -> Option<SecretFinding> {
        let (rule, range) = match anchor {
            Anchor::Name(stem) => assignment::find(stem, text, at)?,
            Anchor::Shape(shape) => (SecretRule::Token, shape.find(text, at)?),
            Anchor::Other(other) => (other.rule, (other.find)(text, at)?),
            Anchor::Home => (SecretRule::Home, self.home.as_ref()?.find_home(text, at)?),
            Anchor::User => (SecretRule::User, self.user.as_ref()?.find_user(text, at)?),
        };
        Some(SecretFinding { rule, range })
    }
}

/// Returns `true` if a JSON string is a name such as `project-list`, all lower-case letters: no
/// kind of secret can be detected in it. The values of `command` are such names; for one of twelve
/// bytes this check takes a tenth of the instructions of a search for anchors, and needs no table
/// in the cache.
fn is_name(json: &[u8]) -> bool {
    match json {
        [b'"', b'a'..=b'z', rest @ .., b'"'] => rest.iter().copied().all(text::is_of_name),
        _ => false,
    }
}

/// Keeps the findings that begin within `bytes_max`, and returns that much of the text, or more if
/// a finding ends later.
fn within<'t>(findings: &mut Vec<SecretFinding>, text: &'t str, bytes_max: usize) -> &'t str {
    let mut end = text.floor_char_boundary(bytes_max);
    findings.retain(|finding| finding.range.start < end);
    if let Some(last) = findings.last() {
        end = end.max(last.range.end);
    }
    text.get(..end).unwrap_or_default()
}

/// Returns the text with the findings replaced.
fn apply(findings: &[SecretFinding], text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for finding in findings {
        masked.push_str(text.get(from..finding.range.start).unwrap_or_default());
        masked.push_str(finding.rule.replacement());
        from = finding.range.end;
    }
    masked.push_str(text.get(from..).unwrap_or_default());
    masked
}

/// Joins findings in a text with those that were found later in its masked form. A later finding
/// replaces those whose marks it covers.
fn join(findings: Vec<SecretFinding>, later: Vec<SecretFinding>) -> Vec<SecretFinding> {
    let mut joined = Vec::with_capacity(findings.len() + later.len());
    let mut findings = findings.into_iter().peekable();
    // The length of the masked form from a position to the end of a finding.
    let masked_bytes =
        |next: &SecretFinding, from| next.range.start - from + next.rule.replacement().len();
    // Number of bytes of the text, and of its masked form, before the current position.
    let (mut plain, mut masked) = (0, 0);
    for mut found in later {
        let Range { start, end } = found.range;
        while let Some(next) = findings.next_if(|next| masked + masked_bytes(next, plain) <= start)
        {
            masked += masked_bytes(&next, plain);
            plain = next.range.end;
            joined.push(next);
        }
        let mut range = plain + (start - masked)..0;
        while let Some(next) = findings.next_if(|next| masked + next.range.start - plain < end) {
            range.start = range.start.min(next.range.start);
            masked += masked_bytes(&next, plain);
            plain = next.range.end;
        }
        range.end = plain + end.saturating_sub(masked);
        (plain, masked) = (range.end, masked.max(end));
        found.range = range;
        joined.push(found);
    }
    joined.extend(findings);
    joined
}

impl SecretRule {
    /// All rules.
    pub(crate) const ALL: [Self; 8] = [
        Self::Token,
        Self::Assignment,
        Self::UserInfo,
        Self::PrivateKey,
        Self::Email,
        Self::IpAddress,
        Self::Home,
        Self::User,
    ];

    /// Returns the name of the rule.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Assignment => "secret",
            Self::UserInfo => "url",
            Self::PrivateKey => "key",
            Self::Email => "email",
            Self::IpAddress => "ip",
            Self::Home => "home",
            Self::User => "user",
        }
    }

    /// Returns a description of what the rule masks, for users.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Token => {
                "the text after `Bearer` or `Basic` unless it is an ordinary word, access tokens of well-known \
                 services, addresses of webhooks, and hashes of passwords"
            }
            Self::Assignment => {
                "the value after a name such as password, secret, token, cookie or api_key, as in \
                 `password=...`, `\"token\": \"...\"` or `--api-key ...`"
            }
            Self::UserInfo => {
                "user name and password in a URL, as in `https://user:password@host`, and in flags, as in \
                 `-u user:password` and `mysql -pX`"
            }
            Self::PrivateKey => {
                "private keys, from `-----BEGIN ... PRIVATE KEY-----` to their end, those of SSH2 and PuTTY, \
                 and JSON web keys"
            }
            Self::Email => "e-mail addresses",
            Self::IpAddress => "IPv4 and IPv6 addresses; a port after them is kept",
            Self::Home => "your home directory at the start of a path",
            Self::User => {
                "your user name as a part of a path, and any name after /home/, /Users/ or \\Users\\"
            }
        }
    }

    /// Returns the mark that replaces what the rule finds.
    pub(crate) const fn replacement(self) -> &'static str {
        match self {
            Self::Token => "[token]",
            Self::Assignment | Self::UserInfo => "[secret]",
            Self::PrivateKey => "[key]",
            Self::Email => "[email]",
            Self::IpAddress => "[ip]",
            Self::Home => "~",
            Self::User => "[user]",
        }
    }
}

/// The number of times that a text is scanned. The second scan finds nothing new except in
/// contrived texts.
const ROUNDS_MAX: usize = 8;
