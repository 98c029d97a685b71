//! The stored choice and the installation id: `consent.json`, one small file that is replaced as a
//! whole under the directory's lock, so that decision and id cannot disagree; and `consent.all.json`
//! beside it, the choice for all profiles, in the same format. Who else has a say is the parent's, and
//! what an installation is, is `identity`'s.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::Consent;
use super::identity::Origin;
use super::identity::{Installation, NoHash, Salt};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
#[cfg(any(feature = "cli", test))]
use crate::history::forget;
use crate::record::format_timestamp;
use crate::store::disk::{Access, Directory, OpenError};
use crate::store::lock::lock;
use crate::store::segment::FileName;

/// Whom a stored choice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One profile: `consent.json` in its directory, which also holds its installation.
    Profile,
    /// All profiles that have no choice of their own: `consent.all.json` in the default one's directory.
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

    const fn partial(self) -> FileName {
        match self {
            Self::Profile => FileName::ConsentPartial,
            Self::AllProfiles => FileName::ConsentForAllPartial,
        }
    }
}

/// What a file of consent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// There is none: nobody has decided.
    Missing,
    /// Somebody's choice, or an id that was made before anybody chose.
    Choice(Choice),
    /// It cannot be read or understood. It counts as disabled and is kept as it is.
    Damaged {
        /// What is wrong with what.
        reason: String,
    },
    /// A newer version wrote it. It counts as disabled and is never replaced.
    Newer {
        /// Which file it is.
        file: FileName,
        /// The format it is in.
        format: u32,
    },
}

/// A stored choice and the installation it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What was chosen.
    pub(crate) consent: Consent,
    /// When, as it stands in the file.
    pub(crate) decided: Option<String>,
    /// By what command or call.
    pub(crate) by: Option<String>,
    /// When an application was first used that records after a while of silence.
    pub(crate) first_use: Option<FirstUse>,
    /// The installation, once something was recorded.
    pub(crate) installation: Option<Installation>,
}

/// The first use of an application that records after a grace, remembered without recording anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstUse {
    /// When it was.
    pub(crate) seen: OffsetDateTime,
    /// How long the application said it would wait, in whole seconds, for those who look from outside.
    pub(crate) grace: Duration,
}

impl FirstUse {
    fn at(seen: OffsetDateTime, grace: Duration) -> Self {
        // Whole seconds, and never fewer than the application waits.
        let seconds = grace
            .as_secs()
            .saturating_add(u64::from(grace.subsec_nanos() > 0));
        Self {
            seen,
            grace: Duration::from_secs(seconds),
        }
    }

    /// Tells whether it is remembered with that grace.
    pub(crate) fn is_of(self, grace: Duration) -> bool {
        self == Self::at(self.seen, grace)
    }

    /// Returns how much of a grace is left. A clock that stands before the first use has not moved yet:
    /// jumping backwards makes the wait longer and never shorter.
    pub(crate) fn left(self, grace: Duration, now: OffsetDateTime) -> Duration {
        let elapsed = Duration::try_from(now - self.seen).unwrap_or(Duration::ZERO);
        grace.saturating_sub(elapsed)
    }
}

impl Choice {
    /// Returns a choice of which nothing more is known.
    pub(crate) const fn of(consent: Consent) -> Self {
        Self {
            consent,
            decided: None,
            by: None,
            first_use: None,
            installation: None,
        }
    }
}

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

impl Written {
    fn choice(self) -> std::result::Result<Choice, String> {
        let installation = self.installation()?;
        let first_use = self.first_use()?;
        let consent = match self.consent {
            None => Consent::Undecided,
            Some(word) => word.parse().map_err(|error: Error| error.to_string())?,
        };
        self.decided.as_deref().map(parse_time).transpose()?;
        Ok(Choice {
            consent,
            decided: self.decided,
            by: self.by,
            first_use,
            installation,
        })
    }

    fn installation(&self) -> std::result::Result<Option<Installation>, String> {
        let host = match self.host.as_deref().map(str::parse) {
            None => None,
            Some(Ok(host)) => Some(host),
            Some(Err(NoHash)) => return Err("its host is not 64 hexadecimal digits".to_owned()),
        };
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

    fn first_use(&self) -> std::result::Result<Option<FirstUse>, String> {
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

fn parse_time(text: &str) -> std::result::Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("its time is none: {error}"))
}

/// All that is asked of a file before its format is known.
#[derive(Debug, Deserialize)]
struct Probe {
    format: u32,
}

impl Stored {
    /// Reads what is stored for the profile of that directory.
    pub(crate) fn read(directory: &Directory) -> Self {
        Self::read_of(directory, Scope::Profile)
    }

    /// Reads what is stored for the profile at that path, where there may be no directory at all.
    pub(crate) fn read_at(path: &Path) -> Self {
        Self::read_of_at(path, Scope::Profile)
    }

    /// Reads what is stored for all profiles, given the directory of the default one.
    pub(crate) fn read_for_all_at(base: &Path) -> Self {
        Self::read_of_at(base, Scope::AllProfiles)
    }

    pub(super) fn read_of(directory: &Directory, scope: Scope) -> Self {
        let file = scope.file();
        match directory.read_small(&file.text(), BYTES_MAX) {
            Ok(bytes) => Self::parse(&bytes, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Damaged {
                reason: format!("{file} cannot be read: {error}"),
            },
        }
    }

    fn read_of_at(path: &Path, scope: Scope) -> Self {
        Self::read_in(&Directory::open(path, Access::Read), scope)
    }

    /// Reads what is stored in the directory that was opened, where there may be none at all.
    pub(crate) fn read_in(
        opened: &std::result::Result<Directory, OpenError>,
        scope: Scope,
    ) -> Self {
        match opened {
            Ok(directory) => Self::read_of(directory, scope),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(OpenError::Io(error)) => Self::Damaged {
                reason: format!("the directory cannot be opened: {error}"),
            },
            Err(OpenError::Unfit(reason)) => Self::Damaged {
                reason: format!("the directory cannot serve: {reason}"),
            },
        }
    }

    pub(super) fn parse(bytes: &[u8], file: FileName) -> Self {
        Self::try_parse(bytes, file).unwrap_or_else(|reason| Self::Damaged {
            reason: format!("{file} is damaged: {reason}"),
        })
    }

    fn try_parse(bytes: &[u8], file: FileName) -> std::result::Result<Self, String> {
        let no_json = |error: serde_json::Error| format!("it is not as we write it: {error}");
        // A list would be taken as well, its items for the fields in their order.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err("it is a list and no object".to_owned());
        }
        let written: std::result::Result<Written, _> = serde_json::from_slice(bytes);
        let format = match &written {
            Ok(written) => written.format,
            // Another format may hold other things under the same names.
            Err(_) => {
                serde_json::from_slice::<Probe>(bytes)
                    .map_err(no_json)?
                    .format
            }
        };
        if format > FORMAT {
            return Ok(Self::Newer { file, format });
        }
        if format != FORMAT {
            return Err(format!("format {format} never existed"));
        }
        Ok(Self::Choice(written.map_err(no_json)?.choice()?))
    }

    /// Returns what it amounts to: what cannot be understood is disabled.
    pub(crate) fn consent(&self) -> Consent {
        match self {
            Self::Missing => Consent::Undecided,
            Self::Choice(choice) => choice.consent,
            Self::Damaged { .. } | Self::Newer { .. } => Consent::Disabled,
        }
    }

    /// Returns the installation, if one was made and can be read.
    pub(crate) fn installation(&self) -> Option<&Installation> {
        match self {
            Self::Choice(choice) => choice.installation.as_ref(),
            Self::Missing | Self::Damaged { .. } | Self::Newer { .. } => None,
        }
    }

    /// Tells whether the installation was made here, for the directory at that path.
    pub(crate) fn origin_at(&self, path: &Path) -> Origin {
        match (self.installation(), Directory::open(path, Access::Read)) {
            (Some(installation), Ok(directory)) => installation.origin(&directory),
            (None, _) | (_, Err(_)) => Origin::Unknown,
        }
    }

    /// Returns the first use that was remembered, if one was and it can be read.
    pub(crate) fn first_use(&self) -> Option<FirstUse> {
        match self {
            Self::Choice(choice) => choice.first_use,
            Self::Missing | Self::Damaged { .. } | Self::Newer { .. } => None,
        }
    }

    /// Says what is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Choice(_) => None,
            Self::Damaged { reason } => Some(format!("{reason}; this counts as disabled")),
            Self::Newer { file, format } => Some(format!(
                "{file} is of format {format}, which only a newer localtel understands; \
                 this counts as disabled"
            )),
        }
    }
}

/// Stores a choice for the profile of that directory or, in the directory of the default one, for all
/// profiles, and returns what stood there before. The installation, if there is one, stays. A choice
/// that stands there already is left alone, also where nothing could be written.
///
/// A damaged file is replaced, for somebody has now decided; one of a newer version is not.
///
/// # Errors
///
/// Fails if the directory cannot be made or written, or a newer version wrote the file.
pub(crate) fn store_choice_of(
    path: &Path,
    scope: Scope,
    consent: Consent,
    by: &str,
    now: OffsetDateTime,
) -> Result<Stored> {
    let before = Stored::read_of_at(path, scope);
    if matches!(&before, Stored::Choice(choice) if choice.consent == consent) {
        return Ok(before);
    }
    let directory = open_to_write(path)?;
    let locked = lock(&directory, Instant::now() + PATIENCE)?;
    let before = Stored::read_of(&directory, scope);
    if let Stored::Newer { .. } = before {
        return Err(unfit(&directory, scope, &before));
    }
    let choice = Choice {
        consent,
        decided: Some(format_timestamp(now)),
        by: Some(by.to_owned()),
        first_use: before.first_use(),
        installation: before.installation().cloned(),
    };
    write(&directory, scope, &choice)?;
    drop(locked);
    Ok(before)
}

/// Stores a choice for one profile: see [`store_choice_of`].
#[cfg(test)]
fn store_choice(path: &Path, consent: Consent, by: &str, now: OffsetDateTime) -> Result<Stored> {
    store_choice_of(path, Scope::Profile, consent, by, now)
}

/// Makes a new installation id, a new salt and a new hash of the host and forgets the history, so that
/// nothing recorded from now on can be linked with what was recorded before, and keeps the choice.
///
/// # Errors
///
/// Fails if the directory cannot be made or written, if the history cannot be removed, or if the file cannot
/// be understood: then there is no choice that could be kept.
#[cfg(any(feature = "cli", test))]
pub(crate) fn reset(path: &Path) -> Result<Installation> {
    let directory = open_to_write(path)?;
    let locked = lock(&directory, Instant::now() + PATIENCE)?;
    let installation = Installation::make(&directory, clock::now());
    let mut choice = choice_to_keep(&directory)?;
    choice.installation = Some(installation.clone());
    // First: where the rest fails, the old installation has no history, and not the new one the old one's.
    forget(&directory)?;
    write(&directory, Scope::Profile, &choice)?;
    drop(locked);
    Ok(installation)
}

/// Returns the installation of that directory, and makes it if there is none. Whoever asks first makes
/// it, under the lock, and all others find that one.
///
/// # Errors
///
/// Fails if the file cannot be understood or written, or the lock is not free before the deadline.
pub(crate) fn installation(directory: &Directory, deadline: Instant) -> Result<Installation> {
    if let Some(installation) = Stored::read(directory).installation() {
        return Ok(installation.clone());
    }
    let locked = lock(directory, deadline)?;
    let mut choice = choice_to_keep(directory)?;
    if let Some(installation) = choice.installation {
        return Ok(installation);
    }
    let installation = Installation::make(directory, clock::now());
    choice.installation = Some(installation.clone());
    write(directory, Scope::Profile, &choice)?;
    drop(locked);
    Ok(installation)
}

/// Remembers when an application that records after a grace was first used, and how long it waits; a
/// first use that is remembered already stays. Returns what is stored then: somebody may have decided
/// meanwhile.
///
/// # Errors
///
/// Fails if the file cannot be understood or written, or the lock is not free before the deadline.
pub(crate) fn remember_first_use(
    directory: &Directory,
    grace: Duration,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<Stored> {
    let locked = lock(directory, deadline)?;
    let mut choice = choice_to_keep(directory)?;
    let seen = choice.first_use.map_or(now, |first_use| first_use.seen);
    let first_use = Some(FirstUse::at(seen, grace));
    if choice.first_use != first_use {
        choice.first_use = first_use;
        write(directory, Scope::Profile, &choice)?;
    }
    drop(locked);
    Ok(Stored::read(directory))
}

/// Returns the profile's choice, to be written again with a change.
fn choice_to_keep(directory: &Directory) -> Result<Choice> {
    match Stored::read(directory) {
        Stored::Missing => Ok(Choice::of(Consent::Undecided)),
        Stored::Choice(choice) => Ok(choice),
        stored @ (Stored::Damaged { .. } | Stored::Newer { .. }) => {
            Err(unfit(directory, Scope::Profile, &stored))
        }
    }
}

/// INVARIANT: called only under the lock, so that nobody's change is lost.
fn write(directory: &Directory, scope: Scope, choice: &Choice) -> Result<()> {
    let installation = choice.installation.as_ref();
    let written = Written {
        format: FORMAT,
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
    };
    let name = scope.file().to_string();
    let path = directory.path().join(&name);
    let mut bytes = serde_json::to_vec(&written)
        .map_err(|error| Error::io("write", &path)(io::Error::from(error)))?;
    bytes.push(b'\n');
    directory
        .replace(&name, &scope.partial().to_string(), &bytes)
        .map_err(Error::io("write", &path))
}

fn open_to_write(path: &Path) -> Result<Directory> {
    Directory::open(path, Access::Write).map_err(|error| crate::store::open_error(path, error))
}

fn unfit(directory: &Directory, scope: Scope, stored: &Stored) -> Error {
    ErrorKind::Format {
        path: directory.path().join(scope.file().to_string()),
        reason: stored.problem().unwrap_or_default(),
    }
    .into()
}

/// The format of the file that this version writes.
const FORMAT: u32 = 1;
/// Ours has some 300 bytes; anything beyond this is not ours.
const BYTES_MAX: u64 = 16 * 1024;
/// How long a person waits for the lock before hearing why. An append holds it for microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the files from outside"
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

    fn choice_at(path: &Path) -> Choice {
        match Stored::read_at(path) {
            Stored::Choice(choice) => choice,
            other @ (Stored::Missing | Stored::Damaged { .. } | Stored::Newer { .. }) => {
                panic!("{other:?}")
            }
        }
    }

    fn id_at(path: &Path) -> Installation {
        let directory = Directory::open(path, Access::Write).unwrap();
        installation(&directory, Instant::now() + PATIENCE).unwrap()
    }

    const WHOLE: &str = r#"{"format":1,"consent":"enabled","decided":"2026-11-21T08:15:30.123456Z","by":"localtel enable","installation":"8b6d2c3e-1f0a-4e57-9d3a-6a2f0c1b7e55","salt":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}"#;

    #[test]
    fn what_was_never_stored_is_missing_and_looking_makes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("myapp/telemetry");
        assert_eq!(Stored::read_at(&path), Stored::Missing);
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn disabling_on_a_virgin_home_leaves_only_the_choice() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("myapp/telemetry");
        store_choice(&path, Consent::Disabled, "localtel disable", now()).unwrap();
        assert_eq!(names(&path), ["consent.json", "lock"]);
        let choice = choice_at(&path);
        assert_eq!(choice.consent, Consent::Disabled);
        assert_eq!(choice.by.as_deref(), Some("localtel disable"));
        assert_eq!(choice.decided, Some(format_timestamp(now())));
        assert_eq!(choice.installation, None);
    }

    #[test]
    fn the_file_is_written_as_the_design_shows_it_and_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("telemetry");
        store_choice(&path, Consent::Enabled, "localtel enable", now()).unwrap();
        let id = id_at(&path);
        let text = fs::read_to_string(path.join("consent.json")).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"format\":1,\"consent\":\"enabled\",\"decided\":\"{}\",\
                 \"by\":\"localtel enable\",\"installation\":\"{}\",\"salt\":\"{}\",\"host\":\"{}\",\"made\":\"{}\"}}\n",
                format_timestamp(now()),
                id.id,
                id.salt,
                id.host.unwrap(),
                format_timestamp(id.made.unwrap())
            )
        );
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode();
        assert_eq!(mode("consent.json") & 0o777, 0o600);
        assert_eq!(mode(".") & 0o777, 0o700);
    }

    #[test]
    fn an_id_is_made_once_and_survives_every_change_of_mind() {
        let home = tempfile::tempdir().unwrap();
        let id = id_at(home.path());
        assert_eq!(choice_at(home.path()).consent, Consent::Undecided);
        for consent in [Consent::Disabled, Consent::Enabled, Consent::Undecided] {
            store_choice(home.path(), consent, "test", now()).unwrap();
            assert_eq!(id_at(home.path()), id);
            assert_eq!(choice_at(home.path()).consent, consent);
        }
    }

    #[test]
    fn a_reset_renews_id_and_salt_and_keeps_the_choice() {
        let home = tempfile::tempdir().unwrap();
        store_choice(home.path(), Consent::Enabled, "test", now()).unwrap();
        let before = id_at(home.path());
        let after = reset(home.path()).unwrap();
        assert_ne!(after.id, before.id);
        assert_ne!(after.salt, before.salt);
        assert_ne!(after.host, before.host);
        assert_eq!(id_at(home.path()), after);
        assert_eq!(choice_at(home.path()).consent, Consent::Enabled);
    }

    #[test]
    fn a_reset_forgets_the_history_whoever_wrote_it() {
        let home = tempfile::tempdir().unwrap();
        id_at(home.path());
        for history in [r#"{"format":1,"version":"1.2.0"}"#, r#"{"format":9}"#, "?"] {
            fs::write(home.path().join("history.json"), history).unwrap();
            reset(home.path()).unwrap();
            assert!(!home.path().join("history.json").exists(), "{history}");
        }
        fs::create_dir(home.path().join("history.json")).unwrap();
        let before = id_at(home.path());
        assert!(reset(home.path()).is_err(), "it cannot be forgotten");
        assert_eq!(id_at(home.path()), before);
    }

    #[test]
    fn concurrent_first_uses_agree_on_one_id() {
        let home = tempfile::tempdir().unwrap();
        let ids: Vec<Installation> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| id_at(home.path())))
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(id_at(home.path()), ids[0]);
    }

    #[test]
    fn what_is_not_as_we_write_it_is_disabled_with_a_reason() {
        let salt = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let broken = [
            String::new(),
            "{}".to_owned(),
            "null".to_owned(),
            WHOLE.replace("\"}", ""),
            format!("{WHOLE} {WHOLE}"),
            WHOLE.replace("enabled", "sometimes"),
            WHOLE.replace("\"enabled\"", "true"),
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
            Stored::parse(WHOLE.as_bytes(), FileName::Consent),
            Stored::Choice(_)
        ));
        for text in broken {
            let stored = Stored::parse(text.as_bytes(), FileName::Consent);
            assert!(
                matches!(stored, Stored::Damaged { .. }),
                "{text}: {stored:?}"
            );
            assert_eq!(stored.consent(), Consent::Disabled);
            assert!(stored.problem().is_some());
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_damaged_and_not_missing() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("consent.json")).unwrap();
        assert!(matches!(
            Stored::read_at(home.path()),
            Stored::Damaged { .. }
        ));
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", other.path().join("consent.json")).unwrap();
        assert!(matches!(
            Stored::read_at(other.path()),
            Stored::Damaged { .. }
        ));
        let large = tempfile::tempdir().unwrap();
        fs::write(large.path().join("consent.json"), vec![b' '; 20_000]).unwrap();
        assert!(matches!(
            Stored::read_at(large.path()),
            Stored::Damaged { .. }
        ));
        let file = large.path().join("consent.json");
        assert!(matches!(Stored::read_at(&file), Stored::Damaged { .. }));
    }

    #[test]
    fn a_damaged_file_is_kept_until_somebody_decides() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("consent.json");
        fs::write(&file, "{\"format\":1,\"cons").unwrap();
        assert!(reset(home.path()).is_err());
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        assert!(installation(&directory, Instant::now() + PATIENCE).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\"format\":1,\"cons");
        let before = store_choice(home.path(), Consent::Enabled, "test", now()).unwrap();
        assert!(matches!(before, Stored::Damaged { .. }));
        assert_eq!(choice_at(home.path()).consent, Consent::Enabled);
    }

    #[test]
    fn a_file_of_a_newer_version_is_never_replaced() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("consent.json");
        let newer = r#"{"format":2,"consent":{"until":"2027"}}"#;
        fs::write(&file, newer).unwrap();
        let file_name = FileName::Consent;
        assert_eq!(
            Stored::read_at(home.path()),
            Stored::Newer {
                file: file_name,
                format: 2
            }
        );
        assert!(store_choice(home.path(), Consent::Disabled, "test", now()).is_err());
        assert!(reset(home.path()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), newer);
    }

    #[test]
    fn a_write_that_fails_leaves_the_choice_that_was_there() {
        use crate::store::faults::Fault;
        let home = tempfile::tempdir().unwrap();
        store_choice(home.path(), Consent::Disabled, "test", now()).unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        directory.faults.plan(0, Fault::Sticky(28));
        assert!(installation(&directory, Instant::now() + PATIENCE).is_err());
        assert_eq!(choice_at(home.path()).consent, Consent::Disabled);
    }

    fn remembered_at(path: &Path, grace_seconds: u64, now: OffsetDateTime) -> Stored {
        let directory = Directory::open(path, Access::Write).unwrap();
        let grace = Duration::from_secs(grace_seconds);
        remember_first_use(&directory, grace, now, Instant::now() + PATIENCE).unwrap()
    }

    #[test]
    fn a_first_use_is_remembered_once_and_nothing_else_is_made() {
        let home = tempfile::tempdir().unwrap();
        let hour = time::Duration::HOUR;
        let first = remembered_at(home.path(), 3600, now()).first_use().unwrap();
        assert_eq!((first.seen, first.grace), (now(), Duration::from_hours(1)));
        let later = remembered_at(home.path(), 60, now() + hour);
        let expected = FirstUse {
            seen: now(),
            grace: Duration::from_mins(1),
        };
        assert_eq!(later.first_use(), Some(expected));
        assert_eq!(later.installation(), None);
        assert_eq!(later.consent(), Consent::Undecided);
        assert_eq!(names(home.path()), ["consent.json", "lock"]);
        store_choice(home.path(), Consent::Enabled, "test", now()).unwrap();
        assert_eq!(choice_at(home.path()).first_use, Some(expected));
    }

    #[test]
    fn a_clock_that_jumps_backwards_makes_the_wait_longer_and_never_shorter() {
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

    #[test]
    fn the_choice_for_all_profiles_stands_beside_that_of_the_default_one() {
        let home = tempfile::tempdir().unwrap();
        let all = Scope::AllProfiles;
        store_choice_of(home.path(), all, Consent::Disabled, "test", now()).unwrap();
        assert_eq!(names(home.path()), ["consent.all.json", "lock"]);
        assert_eq!(Stored::read_at(home.path()), Stored::Missing);
        let stored = Stored::read_for_all_at(home.path());
        assert_eq!(stored.consent(), Consent::Disabled);
        fs::write(home.path().join("consent.all.json"), r#"{"format":9}"#).unwrap();
        let problem = Stored::read_for_all_at(home.path()).problem().unwrap();
        assert!(problem.starts_with("consent.all.json is of format 9"));
        let refused = store_choice_of(home.path(), all, Consent::Enabled, "test", now());
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("consent.all.json")
        );
        assert!(id_at(home.path()).host.is_some());
    }

    #[test]
    fn a_choice_that_stands_already_is_not_written_again() {
        let home = tempfile::tempdir().unwrap();
        store_choice(home.path(), Consent::Enabled, "first", now()).unwrap();
        let later = now() + time::Duration::HOUR;
        let before = store_choice(home.path(), Consent::Enabled, "second", later).unwrap();
        assert_eq!(before.consent(), Consent::Enabled);
        assert_eq!(choice_at(home.path()).by.as_deref(), Some("first"));
    }
}
