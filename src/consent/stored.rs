//! The stored choice and the installation id: `consent.json`, one small file that is replaced as a
//! whole under the directory's lock, so that decision and id cannot disagree. Who else has a say is
//! the parent's.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::Consent;
use crate::error::{Error, ErrorKind, Result};
use crate::record::format_timestamp;
use crate::store::disk::{Access, Directory, OpenError};
use crate::store::lock::{LockFile, Locked};
use crate::store::segment::FileName;

/// What `consent.json` says.
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
    /// The installation, once something was recorded.
    pub(crate) installation: Option<Installation>,
}

impl Choice {
    /// Returns a choice of which nothing more is known.
    pub(crate) const fn of(consent: Consent) -> Self {
        Self {
            consent,
            decided: None,
            by: None,
            installation: None,
        }
    }
}

/// A random id for this directory, and the salt that makes its hashes worthless elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The id; it says nothing about the machine or its user.
    pub(crate) id: Uuid,
    /// The salt.
    pub(crate) salt: Salt,
}

impl Installation {
    fn random() -> Self {
        Self {
            id: Uuid::new_v4(),
            salt: Salt::random(),
        }
    }
}

/// 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Salt([u8; Self::BYTES]);

impl Salt {
    const BYTES: usize = 32;

    /// A version 4 id is 16 bytes of the system's randomness, of which the bytes 6 and 8 hold its
    /// version and variant: the first six of six ids are more than enough and wholly random.
    fn random() -> Self {
        let ids = [(); 6].map(|()| Uuid::new_v4().into_bytes());
        let random = ids.iter().flat_map(|id| id.iter().take(6));
        let mut salt = [0; Self::BYTES];
        for (byte, random) in salt.iter_mut().zip(random) {
            *byte = *random;
        }
        Self(salt)
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::BYTES * 2 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut salt = [0; Self::BYTES];
        for (byte, digits) in salt.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(salt))
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whoever knows the salt can guess what was hashed, so it is kept out of messages.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Salt({} bytes)", Self::BYTES)
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
    installation: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
}

/// All that is asked of a file before its format is known.
#[derive(Debug, Deserialize)]
struct Probe {
    format: u32,
}

impl Stored {
    /// Reads what is stored in that directory.
    pub(crate) fn read(directory: &Directory) -> Self {
        match directory.read_small(&FileName::Consent.to_string(), BYTES_MAX) {
            Ok(bytes) => Self::parse(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Damaged {
                reason: format!("consent.json cannot be read: {error}"),
            },
        }
    }

    /// Reads what is stored at that path, where there may be no directory at all.
    pub(crate) fn read_at(path: &Path) -> Self {
        match Directory::open(path, Access::Read) {
            Ok(directory) => Self::read(&directory),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(OpenError::Io(error)) => Self::Damaged {
                reason: format!("the directory cannot be opened: {error}"),
            },
            Err(OpenError::Unfit(reason)) => Self::Damaged {
                reason: format!("the directory cannot serve: {reason}"),
            },
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        Self::try_parse(bytes).unwrap_or_else(|reason| Self::Damaged {
            reason: format!("consent.json is damaged: {reason}"),
        })
    }

    fn try_parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let no_json = |error: serde_json::Error| format!("it is not as we write it: {error}");
        let Probe { format } = serde_json::from_slice(bytes).map_err(no_json)?;
        if format > FORMAT {
            return Ok(Self::Newer { format });
        }
        if format != FORMAT {
            return Err(format!("format {format} never existed"));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(no_json)?;
        let consent = match written.consent {
            None => Consent::Undecided,
            Some(word) => word.parse().map_err(|error: Error| error.to_string())?,
        };
        let installation = match (written.installation, written.salt.as_deref()) {
            (None, None) => None,
            (Some(id), Some(salt)) => Some(Installation {
                id,
                salt: Salt::parse(salt).ok_or("its salt is not 64 hexadecimal digits")?,
            }),
            (Some(_), None) => return Err("it has an installation id without its salt".to_owned()),
            (None, Some(_)) => return Err("it has a salt without its installation id".to_owned()),
        };
        if let Some(decided) = &written.decided {
            OffsetDateTime::parse(decided, &Rfc3339)
                .map_err(|error| format!("its time is none: {error}"))?;
        }
        Ok(Self::Choice(Choice {
            consent,
            decided: written.decided,
            by: written.by,
            installation,
        }))
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

    /// Says what is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Choice(_) => None,
            Self::Damaged { reason } => Some(format!("{reason}; this counts as disabled")),
            Self::Newer { format } => Some(format!(
                "consent.json is of format {format}, which only a newer localtel understands; \
                 this counts as disabled"
            )),
        }
    }
}

/// Stores a choice, and returns what stood there before. The installation, if there is one, stays.
///
/// A damaged file is replaced, for somebody has now decided; one of a newer version is not.
///
/// # Errors
///
/// Fails if the directory cannot be made or written, or a newer version wrote the file.
pub(crate) fn store_choice(
    path: &Path,
    consent: Consent,
    by: &str,
    now: OffsetDateTime,
) -> Result<Stored> {
    let directory = open_to_write(path)?;
    let locked = lock(&directory, Instant::now() + PATIENCE)?;
    let before = Stored::read(&directory);
    if let Stored::Newer { .. } = before {
        return Err(unfit(&directory, &before));
    }
    let choice = Choice {
        consent,
        decided: Some(format_timestamp(now)),
        by: Some(by.to_owned()),
        installation: before.installation().cloned(),
    };
    write(&directory, &choice)?;
    drop(locked);
    Ok(before)
}

/// Makes a new installation id and a new salt, so that nothing recorded from now on can be linked with
/// what was recorded before, and keeps the choice.
///
/// # Errors
///
/// Fails if the directory cannot be made or written, or the file cannot be understood: then there is
/// no choice that could be kept.
#[cfg(any(feature = "cli", test))]
pub(crate) fn reset(path: &Path) -> Result<Installation> {
    let directory = open_to_write(path)?;
    let locked = lock(&directory, Instant::now() + PATIENCE)?;
    let installation = Installation::random();
    write(&directory, &with_installation(&directory, &installation)?)?;
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
    if let Some(installation) = Stored::read(directory).installation() {
        return Ok(installation.clone());
    }
    let installation = Installation::random();
    write(directory, &with_installation(directory, &installation)?)?;
    drop(locked);
    Ok(installation)
}

fn with_installation(directory: &Directory, installation: &Installation) -> Result<Choice> {
    let mut choice = match Stored::read(directory) {
        Stored::Missing => Choice::of(Consent::Undecided),
        Stored::Choice(choice) => choice,
        stored @ (Stored::Damaged { .. } | Stored::Newer { .. }) => {
            return Err(unfit(directory, &stored));
        }
    };
    choice.installation = Some(installation.clone());
    Ok(choice)
}

/// INVARIANT: called only under the lock, so that nobody's change is lost.
fn write(directory: &Directory, choice: &Choice) -> Result<()> {
    let written = Written {
        format: FORMAT,
        consent: match choice.consent {
            Consent::Undecided => None,
            consent @ (Consent::Enabled | Consent::Disabled) => Some(consent.to_string()),
        },
        decided: choice.decided.clone(),
        by: choice.by.clone(),
        installation: choice.installation.as_ref().map(|own| own.id),
        salt: choice.installation.as_ref().map(|own| own.salt.to_string()),
    };
    let name = FileName::Consent.to_string();
    let path = directory.path().join(&name);
    let mut bytes = serde_json::to_vec(&written)
        .map_err(|error| Error::io("write", &path)(io::Error::from(error)))?;
    bytes.push(b'\n');
    directory
        .replace(&name, &FileName::ConsentPartial.to_string(), &bytes)
        .map_err(Error::io("write", &path))
}

fn open_to_write(path: &Path) -> Result<Directory> {
    Directory::open(path, Access::Write).map_err(|error| crate::store::open_error(path, error))
}

/// Takes the directory's lock; a lock file that lost its name meanwhile is opened anew.
fn lock(directory: &Directory, deadline: Instant) -> Result<Locked> {
    loop {
        if let Some(locked) = LockFile::open(directory)?.lock(directory, deadline)? {
            return Ok(locked);
        }
    }
}

fn unfit(directory: &Directory, stored: &Stored) -> Error {
    ErrorKind::Format {
        path: directory.path().join(FileName::Consent.to_string()),
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
                 \"by\":\"localtel enable\",\"installation\":\"{}\",\"salt\":\"{}\"}}\n",
                format_timestamp(now()),
                id.id,
                id.salt
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
        assert_eq!(id_at(home.path()), after);
        assert_eq!(choice_at(home.path()).consent, Consent::Enabled);
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
        ];
        assert!(matches!(Stored::parse(WHOLE.as_bytes()), Stored::Choice(_)));
        for text in broken {
            let stored = Stored::parse(text.as_bytes());
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
        assert_eq!(Stored::read_at(home.path()), Stored::Newer { format: 2 });
        assert!(store_choice(home.path(), Consent::Disabled, "test", now()).is_err());
        assert!(reset(home.path()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), newer);
    }

    #[test]
    fn a_salt_shows_in_its_file_and_nowhere_else() {
        let salt = Salt::random();
        assert_eq!(Salt::parse(&salt.to_string()), Some(salt.clone()));
        assert!(!format!("{salt:?}").contains(&salt.to_string()));
        assert_ne!(salt, Salt::random());
        assert!(salt.0.iter().any(|byte| *byte != 0));
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
}
