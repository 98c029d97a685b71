//! Secrets in free text, such as messages and texts of errors: where they are, and what is shown instead.
//!
//! A text is scanned once for [anchors](anchors): three bytes that each secret of a kind contains. Only
//! there the rule of that kind looks closer, never far: how much it reads beyond what it masks has a
//! bound, so that any text takes linear time. What was masked stands like a bracket for what comes after
//! it, so masking masked text changes nothing.
//!
//! The rules would rather mask a harmless word than leave a secret. They know shapes, not meanings: a
//! secret that stands alone and looks like any word is not found. Which texts are looked at is for others
//! to say.

mod address;
mod anchors;
mod assignment;
mod path;
mod text;
mod token;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use self::anchors::{Anchor, Anchors};
use self::path::{Home, User};
use self::text::Text;

/// The rules that find secrets in text.
#[derive(Debug)]
pub(crate) struct Secrets {
    anchors: Anchors,
    home: Option<Home>,
    user: Option<User>,
}

/// What one rule looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// What follows `Bearer` and `Basic`, and tokens known by their shape.
    Token,
    /// The value that stands behind the name of a secret.
    Assignment,
    /// Who signs in, in a URL.
    UserInfo,
    /// A private key in PEM's armour.
    PrivateKey,
    /// An address of e-mail.
    Email,
    /// An address of IPv4 or IPv6.
    IpAddress,
    /// The owner's home directory.
    Home,
    /// A person's name in a path.
    User,
}

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The rule that found it.
    pub(crate) rule: Rule,
    /// Where it is, in bytes of the text.
    pub(crate) range: Range<usize>,
    /// What stands in its place.
    pub(crate) replacement: &'static str,
}

impl Secrets {
    /// Returns the shipped rules, with the owner's home directory and user name, if known. A home that is
    /// a root, an empty name, one of a single letter, and `root` tell nothing and are no rule.
    pub(crate) fn new(home: Option<&str>, user: Option<&str>) -> Self {
        let home = home.and_then(Home::new);
        let user = user.and_then(User::new);
        Self {
            anchors: Anchors::new(
                home.as_ref().map(Home::fingerprint),
                user.as_ref().map(User::fingerprint),
            ),
            home,
            user,
        }
    }

    /// Tells whether a text may hold a secret, as fast as scanning and without allocating. The text may
    /// be plain, or written as a JSON string. A wrong "yes" is possible, a wrong "no" is not.
    pub(crate) fn may_find_in(&self, text: &[u8]) -> bool {
        let mut from = 0;
        while let Some((at, hits)) = self.anchors.next(text, from) {
            if hits.into_iter().any(|anchor| self.may_be(anchor, text, at)) {
                return true;
            }
            from = at + 1;
        }
        false
    }

    /// Masks what is found in plain text.
    pub(crate) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let findings = self.findings(text);
        if findings.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for finding in findings {
            masked.push_str(text.get(from..finding.range.start).unwrap_or_default());
            masked.push_str(finding.replacement);
            from = finding.range.end;
        }
        masked.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// Lists what is found in plain text, in order and without overlap.
    pub(crate) fn findings(&self, text: &str) -> Vec<Finding> {
        let bytes = text.as_bytes();
        let mut findings: Vec<Finding> = Vec::new();
        let mut from = 0;
        let mut floor = 0;
        while let Some((at, hits)) = self.anchors.next(bytes, from) {
            let text = Text::above(bytes, floor);
            let found = hits
                .into_iter()
                .find_map(|anchor| self.find(anchor, text, at));
            from = at + 1;
            if let Some((rule, range)) = found {
                floor = range.end;
                from = from.max(floor);
                findings.push(Finding {
                    replacement: rule.replacement(),
                    rule,
                    range,
                });
            }
        }
        findings
    }

    /// Looks closer at an anchor of plain text.
    fn find(&self, anchor: Anchor, text: Text<'_>, at: usize) -> Option<(Rule, Range<usize>)> {
        let by = |rule| move |range| (rule, range);
        match anchor {
            Anchor::Word(word) => assignment::find(word, text, at),
            Anchor::Scheme(scheme) => token::find_after(scheme, text, at).map(by(Rule::Token)),
            Anchor::Shape(shape) => shape.find(text, at).map(by(Rule::Token)),
            Anchor::WebToken => token::find_web_token(text, at).map(by(Rule::Token)),
            Anchor::PrivateKey => token::find_private_key(text, at.checked_sub(token::BEGIN_LEAD)?)
                .map(by(Rule::PrivateKey)),
            Anchor::Url => address::find_user_info(text, at).map(by(Rule::UserInfo)),
            Anchor::Email => address::find_email(text, at + 1).map(by(Rule::Email)),
            Anchor::Ipv4 => address::find_ipv4(text, at).map(by(Rule::IpAddress)),
            Anchor::Ipv6 => address::find_ipv6(text, at).map(by(Rule::IpAddress)),
            Anchor::Homes => path::find_in_homes(text, at).map(by(Rule::User)),
            Anchor::Home => self.home.as_ref()?.find(text, at).map(by(Rule::Home)),
            Anchor::User => self.user.as_ref()?.find(text, at).map(by(Rule::User)),
        }
    }

    /// Looks a little closer at an anchor, where a JSON string may have changed what stands around it:
    /// a letter or digit before it may belong to an escape, and quotes and backslashes have multiplied.
    fn may_be(&self, anchor: Anchor, text: &[u8], at: usize) -> bool {
        let text = Text::above(text, 0);
        match anchor {
            Anchor::Word(word) => assignment::may_be(word, text, at),
            Anchor::Scheme(scheme) => token::may_be_after(scheme, text, at),
            Anchor::Shape(shape) => shape.may_be(text, at),
            Anchor::WebToken => token::may_be_web_token(text, at),
            Anchor::PrivateKey => text.has(at, "-BEGIN "),
            Anchor::Url => address::may_be_user_info(text, at),
            Anchor::Email => address::may_be_email(text, at + 1),
            Anchor::Ipv4 => address::may_be_ipv4(text, at),
            Anchor::Ipv6 => address::may_be_ipv6(text, at),
            Anchor::Homes => path::may_be_in_homes(text, at),
            Anchor::Home => self.home.as_ref().is_some_and(|home| home.may_be(text, at)),
            Anchor::User => self.user.as_ref().is_some_and(|user| user.may_be(text, at)),
        }
    }
}

impl Rule {
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

    /// Returns the rule's name.
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

    /// Says to a person what the rule masks.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Token => {
                "what follows `Bearer` or `Basic`, and access tokens of well-known services"
            }
            Self::Assignment => {
                "the value after a name such as password, secret, token or api_key, as in \
                 `password=...`, `\"token\": \"...\"` or `--api-key ...`"
            }
            Self::UserInfo => "user name and password in a URL, as in `https://user:password@host`",
            Self::PrivateKey => "private keys, from `-----BEGIN ... PRIVATE KEY-----` to their end",
            Self::Email => "e-mail addresses",
            Self::IpAddress => "IPv4 and IPv6 addresses; a port after them stays",
            Self::Home => "your home directory at the start of a path",
            Self::User => {
                "your user name as a part of a path, and any name after /home/, /Users/ or \\Users\\"
            }
        }
    }

    /// Returns what stands in place of what the rule finds.
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
