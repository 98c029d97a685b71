//! The stored choice and the installation id: `consent.json`, one small file, so that decision and
//! id cannot disagree; and `consent.all.json` beside it, the choice for all profiles, in the same
//! format. Defines the contents of the files; `keeper` changes them, the parent module combines all
//! sources, and `identity` defines an installation.
//!
//! # Valid choices
//!
//! Only a word counts: one that enables or disables, or `undecided`. A file without the key
//! `consent` contains no choice, as one with only a first use or an installation. An empty file
//! means disabled, because a choice is withdrawn that way when nothing else can be written.
//! Anything else in an existing file is damage, which counts as disabled: an empty or unknown word,
//! a value that is not a word, a key such as `Consent`.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::identity::InstallationOrigin;
use super::identity::{HostHash, Installation, Salt};
use super::location::KnownLocation;
use super::{Consent, whole_seconds};
use crate::directory::{Profile, Source};
use crate::error::Error;
use crate::record::{self, format_timestamp};
use crate::store::disk::{Access, Directory};
use crate::store::document::{Content, Document, OtherKeys};
use crate::store::segment::FileName;

/// The scope of a stored choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One profile: `consent.json` in its directory, which also contains its installation.
    Profile,
    /// All profiles that have no choice of their own: `consent.all.json` in the default one's
    /// directory.
    AllProfiles,
}

impl Scope {
    /// Returns the name of the file.
    pub(crate) const fn file(self) -> FileName {
        match self {
            Self::Profile => FileName::Consent,
            Self::AllProfiles => FileName::ConsentForAll,
        }
    }
}

/// The state of a file of consent. Every state that is not known counts as disabled. An empty file
/// does, because a choice is withdrawn that way on a full disk; a damaged one is kept unchanged;
/// for an unreadable one a running process keeps the last answer for a while.
pub(crate) type StoredConsent = Document<Choice>;

/// A stored choice and its installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The choice.
    pub consent: Consent,
    /// The time of the decision, as the file contains it.
    pub decided: Option<String>,
    /// The command or call that made it.
    pub by: Option<String>,
    /// The first use of an application that records after a grace.
    pub(crate) first_use: Option<FirstUse>,
    /// The installation, once something was recorded.
    pub installation: Option<Installation>,
    /// The owner of the directory.
    pub(crate) claim: KnownLocation,
    /// The keys of a newer version, which are kept.
    pub(crate) others: OtherKeys,
}

/// The first use of an application that records after a grace, stored without recording anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstUse {
    /// Its time.
    pub seen: OffsetDateTime,
    /// The grace of the application, in whole seconds, for other programs that read it.
    pub grace: Duration,
}

impl FirstUse {
    pub(super) fn at(seen: OffsetDateTime, grace: Duration) -> Self {
        Self {
            seen,
            grace: Duration::from_secs(whole_seconds(grace)),
        }
    }

    /// Returns `true` if it is stored with that grace.
    pub(crate) fn is_of(self, grace: Duration) -> bool {
        self == Self::at(self.seen, grace)
    }

    /// Returns the rest of a grace. A clock before the first use counts as being at the first use:
    /// jumping backwards makes the wait longer and never shorter.
    pub(crate) fn left(self, grace: Duration, now: OffsetDateTime) -> Duration {
        let elapsed = Duration::try_from(now - self.seen).unwrap_or(Duration::ZERO);
        grace.saturating_sub(elapsed)
    }
}

impl Choice {
    /// Returns a choice without other contents.
    pub(crate) const fn of(consent: Consent) -> Self {
        Self {
            consent,
            decided: None,
            by: None,
            first_use: None,
            installation: None,
            claim: KnownLocation {
                source: None,
                profile: None,
            },
            others: OtherKeys::none(),
        }
    }

    /// Returns `true` if it contains any part of an installation.
    fn has_installation(&self) -> bool {
        self.installation.is_some() || self.others.names().any(is_like_installation)
    }

    /// Removes the installation, and the keys of a newer version that belong to it: those named
    /// like it, and those whose value contains its id, its salt or the hash of its host. Returns
    /// `true` if there were any.
    pub(super) fn remove_installation(&mut self) -> bool {
        let removed = self.installation.take();
        let texts: Vec<String> = removed.iter().flat_map(Installation::texts).collect();
        let is_kept = |name: &str, value: &str| {
            let value = value.replace('-', "").to_ascii_lowercase();
            !is_like_installation(name) && !texts.iter().any(|text| value.contains(text))
        };
        self.others.retain(is_kept) || removed.is_some()
    }
}

/// The keys of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WrittenConsent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "word"
    )]
    consent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    installation: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<String>,
}

/// Reads a value that must be a word if its key is present: `null` is not one.
fn word<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    String::deserialize(value).map(Some)
}

impl WrittenConsent {
    fn new(choice: &Choice) -> Self {
        let installation = choice.installation.as_ref();
        Self {
            source: choice.claim.source.as_ref().map(Source::to_string),
            profile: choice.claim.profile.as_ref().map(Profile::to_string),
            consent: match choice.consent {
                Consent::Undecided => None,
                consent @ (Consent::Enabled | Consent::Disabled) => Some(consent.to_string()),
            },
            decided: choice.decided.clone(),
            by: choice.by.clone(),
            first_seen: choice.first_use.map(|first| format_timestamp(first.seen)),
            grace_seconds: choice.first_use.map(|first| first.grace.as_secs()),
            installation: installation.map(|own| own.id),
            salt: installation.map(|own| own.salt.to_string()),
            host: installation.and_then(|own| own.host.map(|host| host.to_string())),
            made: installation.and_then(|own| own.made.map(format_timestamp)),
        }
    }

    fn choice(self, others: OtherKeys) -> Result<Choice, String> {
        // A choice under a name that differs in case would be missed.
        if let Some(key) = others.names().find(|key| is_like_consent(key)) {
            return Err(format!("it has the key `{key}` and not `consent`"));
        }
        let installation = self.installation()?;
        let first_use = self.first_use()?;
        let claim = self.claim().map_err(|error| error.to_string())?;
        let consent = match self.consent.as_deref() {
            None => Consent::Undecided,
            Some(word) if word.trim().is_empty() => {
                return Err("its `consent` is empty".to_owned());
            }
            Some(word) => word.parse().map_err(|error: Error| error.to_string())?,
        };
        self.decided.as_deref().map(parse_time).transpose()?;
        Ok(Choice {
            consent,
            decided: self.decided,
            by: self.by,
            first_use,
            installation,
            claim,
            others,
        })
    }

    fn claim(&self) -> Result<KnownLocation, Error> {
        Ok(KnownLocation {
            source: self.source.as_deref().map(str::parse).transpose()?,
            profile: self.profile.as_deref().map(str::parse).transpose()?,
        })
    }

    fn installation(&self) -> Result<Option<Installation>, String> {
        let host = self
            .host
            .as_deref()
            .map(|host| HostHash::parse(host).ok_or("its host is not 64 hexadecimal digits"));
        let host = host.transpose()?;
        let made = self.made.as_deref().map(parse_time).transpose()?;
        match (self.installation, self.salt.as_deref(), host) {
            (None, None, None) => Ok(None),
            (Some(id), Some(salt), host) => Ok(Some(Installation {
                id,
                salt: Salt::parse(salt).ok_or("its salt is not 64 hexadecimal digits")?,
                host,
                made,
            })),
            (Some(_), None, _) => Err("it has an installation id without its salt".to_owned()),
            (None, Some(_), _) => Err("it has a salt without its installation id".to_owned()),
            (None, None, Some(_)) => Err("it has a host without its installation id".to_owned()),
        }
    }

    fn first_use(&self) -> Result<Option<FirstUse>, String> {
        match (self.first_seen.as_deref(), self.grace_seconds) {
            (None, None) => Ok(None),
            (Some(seen), Some(seconds)) => Ok(Some(FirstUse {
                seen: parse_time(seen)?,
                grace: Duration::from_secs(seconds),
            })),
            (Some(_), None) => Err("it has a first use without its grace".to_owned()),
            (None, Some(_)) => Err("it has a grace without its first use".to_owned()),
        }
    }
}

fn is_like_consent(key: &str) -> bool {
    key.trim().eq_ignore_ascii_case("consent")
}

/// Returns `true` if an unknown key is one of a newer version's installation. This is part of the
/// format: newer versions name the keys of an installation so.
fn is_like_installation(key: &str) -> bool {
    key.starts_with("installation")
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    record::parse_time(text).map_err(|problem| format!("its time is not valid: {problem}"))
}

impl Content for Choice {
    type Written = WrittenConsent;
    const KEYS: &'static [&'static str] = &[
        "format",
        "source",
        "profile",
        "consent",
        "decided",
        "by",
        "first_seen",
        "grace_seconds",
        "installation",
        "salt",
        "host",
        "made",
    ];
    /// A file that localtel writes has some 300 bytes; a longer one than this is not from localtel.
    const BYTES_MAX: u64 = 16 * 1024;
    const CONSEQUENCE: &'static str = "; this counts as disabled";

    fn read(written: WrittenConsent, others: OtherKeys) -> Result<Self, String> {
        written.choice(others)
    }

    fn write(&self) -> (WrittenConsent, &OtherKeys) {
        (WrittenConsent::new(self), &self.others)
    }

    fn irregular(reason: String) -> StoredConsent {
        StoredConsent::Damaged { reason }
    }

    fn changeable(stored: StoredConsent) -> Option<Self> {
        match stored {
            StoredConsent::Missing => Some(Self::of(Consent::Undecided)),
            StoredConsent::Known(choice) => Some(choice),
            StoredConsent::Empty { .. } => Some(Self::of(Consent::Disabled)),
            StoredConsent::Damaged { .. }
            | StoredConsent::Unreadable { .. }
            | StoredConsent::Newer { .. } => None,
        }
    }
}

impl StoredConsent {
    /// Reads the file of the profile in that directory.
    pub(crate) fn read(directory: &Directory) -> Self {
        Self::read_file(directory, Scope::Profile.file())
    }

    /// Reads the file of the profile in the directory at that path, which may be missing.
    pub(crate) fn read_at(path: &Path) -> Self {
        Self::read_file_at(path, Scope::Profile.file())
    }

    /// Reads the file for all profiles, given the directory of the default one.
    pub(crate) fn read_for_all_at(base: &Path) -> Self {
        Self::read_file_at(base, Scope::AllProfiles.file())
    }

    /// Returns `true` if that choice is stored already, without anything that it would remove.
    pub(super) fn has_choice(&self, consent: Consent) -> bool {
        self.known().is_some_and(|choice| {
            choice.consent == consent
                && (consent != Consent::Disabled || !choice.has_installation())
        })
    }

    /// Returns the resulting consent: an unusable file means disabled.
    pub(crate) fn consent(&self) -> Consent {
        match self {
            Self::Missing => Consent::Undecided,
            Self::Known(choice) => choice.consent,
            Self::Empty { .. }
            | Self::Damaged { .. }
            | Self::Unreadable { .. }
            | Self::Newer { .. } => Consent::Disabled,
        }
    }

    /// Returns the installation, if there is one and it can be read.
    pub(crate) fn installation(&self) -> Option<&Installation> {
        self.known()?.installation.as_ref()
    }

    /// Returns whether the installation was created here, for the directory at that path, or
    /// elsewhere.
    pub(crate) fn origin_at(&self, path: &Path) -> InstallationOrigin {
        match (self.installation(), Directory::open(path, Access::Read)) {
            (Some(installation), Ok(directory)) => installation.origin(&directory),
            (None, _) | (_, Err(_)) => InstallationOrigin::Unknown,
        }
    }

    /// Returns the owner of the directory, as far as the file contains it.
    pub(crate) fn claim(&self) -> KnownLocation {
        let claim = self.known().map(|choice| choice.claim.clone());
        claim.unwrap_or_default()
    }

    /// Returns the stored first use, if there is one and it can be read.
    pub(crate) fn first_use(&self) -> Option<FirstUse> {
        self.known()?.first_use
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use super::*;
    use std::fs;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    const WHOLE: &str = r#"{"format":1,"consent":"enabled","decided":"2026-11-21T08:15:30.123456Z","by":"localtel enable","installation":"8b6d2c3e-1f0a-4e57-9d3a-6a2f0c1b7e55","salt":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}"#;

    #[test]
    fn reading_a_missing_file_creates_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("myapp/telemetry");
        assert_eq!(StoredConsent::read_at(&path), StoredConsent::Missing);
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn unexpected_contents_mean_disabled_with_a_reason() {
        let salt = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let broken = [
            String::new(),
            " \n".to_owned(),
            "{}".to_owned(),
            "null".to_owned(),
            WHOLE.replace("\"}", ""),
            format!("{WHOLE} {WHOLE}"),
            WHOLE.replace("enabled", "sometimes"),
            WHOLE.replace("\"enabled\"", "true"),
            WHOLE.replace("\"enabled\"", "null"),
            WHOLE.replace("\"enabled\"", "\"\""),
            WHOLE.replace("\"enabled\"", "\" \\n\""),
            WHOLE.replace("\"consent\"", "\"Consent\""),
            WHOLE.replace("\"consent\"", "\"consent \""),
            WHOLE.replace("\"format\":1", "\"format\":0"),
            WHOLE.replace("\"format\":1", "\"format\":\"1\""),
            WHOLE.replace("8b6d2c3e-", ""),
            WHOLE.replace(salt, "abc"),
            WHOLE.replace("000102", "+00102"),
            WHOLE.replace(&format!(",\"salt\":\"{salt}\""), ""),
            WHOLE.replace("2026-11-21T", "yesterday "),
            WHOLE.replace("\"}", "\",\"host\":\"abc\"}"),
            WHOLE.replace("\"}", "\",\"grace_seconds\":3600}"),
            WHOLE.replace("\"}", "\",\"first_seen\":\"2026-11-21T08:15:30Z\"}"),
            WHOLE.replace("\"}", "\",\"first_seen\":\"once\",\"grace_seconds\":1}"),
            WHOLE.replace(
                "\"}",
                "\",\"first_seen\":\"2026-11-21T08:15:30Z\",\"grace_seconds\":-1}",
            ),
            format!(r#"{{"format":1,"host":"{salt}"}}"#),
            format!(r#"{{"format":1,"salt":"{salt}"}}"#),
            "\u{feff}{\"format\":1}".to_owned(),
            "{\"format\":1,\"consent\":\"enabled\"".to_owned(),
            "[1]".to_owned(),
        ];
        assert!(matches!(
            StoredConsent::parse(WHOLE.as_bytes(), FileName::Consent),
            StoredConsent::Known(_)
        ));
        for text in broken {
            let stored = StoredConsent::parse(text.as_bytes(), FileName::Consent);
            assert_eq!(
                matches!(stored, StoredConsent::Damaged { .. }),
                !text.is_empty(),
                "{text}: {stored:?}"
            );
            assert_eq!(stored.consent(), Consent::Disabled);
            assert!(stored.problem().is_some());
        }
    }

    #[test]
    fn the_keys_of_the_file_are_those_that_are_written() {
        let time = Some(now());
        let directory = tempfile::tempdir().unwrap();
        let directory = Directory::open(directory.path(), Access::Write).unwrap();
        let choice = Choice {
            decided: time.map(format_timestamp),
            by: Some("somebody".to_owned()),
            first_use: time.map(|seen| FirstUse::at(seen, Duration::ZERO)),
            installation: Some(Installation::make(&directory, now()).unwrap()),
            claim: KnownLocation {
                source: "one".parse().ok(),
                profile: "two".parse().ok(),
            },
            ..Choice::of(Consent::Enabled)
        };
        let bytes = StoredConsent::to_bytes(&choice).unwrap();
        let others = OtherKeys::of(&bytes, Choice::KEYS).unwrap();
        assert_eq!(others, OtherKeys::none());
        let written = OtherKeys::of(&bytes, &[]).unwrap();
        assert_eq!(written.names().count(), Choice::KEYS.len());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_damaged_and_not_missing() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("consent.json")).unwrap();
        assert!(matches!(
            StoredConsent::read_at(home.path()),
            StoredConsent::Damaged { .. }
        ));
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", other.path().join("consent.json")).unwrap();
        assert!(matches!(
            StoredConsent::read_at(other.path()),
            StoredConsent::Damaged { .. }
        ));
        let large = tempfile::tempdir().unwrap();
        fs::write(large.path().join("consent.json"), vec![b' '; 20_000]).unwrap();
        assert!(matches!(
            StoredConsent::read_at(large.path()),
            StoredConsent::Damaged { .. }
        ));
        let file = large.path().join("consent.json");
        assert!(matches!(
            StoredConsent::read_at(&file),
            StoredConsent::Unreadable { .. }
        ));
    }

    #[test]
    fn a_clock_jump_backwards_never_shortens_the_grace() {
        let hour = Duration::from_hours(1);
        let first = FirstUse {
            seen: now(),
            grace: hour,
        };
        let table = [
            (time::Duration::ZERO, hour),
            (time::Duration::minutes(18), Duration::from_mins(42)),
            (time::Duration::minutes(-18), hour),
            (time::Duration::days(-20_000), hour),
            (time::Duration::hours(1), Duration::ZERO),
            (time::Duration::days(20_000), Duration::ZERO),
        ];
        for (moved, left) in table {
            assert_eq!(first.left(hour, now() + moved), left, "{moved}");
        }
        assert_eq!(first.left(Duration::MAX, now()), Duration::MAX);
    }
}
