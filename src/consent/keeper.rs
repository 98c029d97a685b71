//! Keeping what was decided: how a choice is stored, withdrawn and taken over, and how installations are made and
//! removed. Each change is made under the directory's lock. What the files say is `stored`'s, and what an
//! installation is, is `identity`'s.

use std::path::Path;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::Consent;
use super::identity::Installation;
use super::stored::{Choice, FirstUse, Scope, Stored};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
#[cfg(any(feature = "cli", test))]
use crate::history::forget;
use crate::record::format_timestamp;
use crate::store::disk::{Access, Directory};
use crate::store::lock::lock;

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
        stored @ (Stored::Empty { .. } | Stored::Damaged { .. } | Stored::Newer { .. }) => {
            Err(unfit(directory, Scope::Profile, &stored))
        }
    }
}

/// INVARIANT: called only under the lock, so that nobody's change is lost.
fn write(directory: &Directory, scope: Scope, choice: &Choice) -> Result<()> {
    let name = scope.file().to_string();
    let path = directory.path().join(&name);
    let bytes = Stored::to_bytes(choice).map_err(Error::io("write", &path))?;
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

/// How long a person waits for the lock before hearing why. An append holds it for microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the files from outside"
)]
mod tests {
    use super::*;
    use crate::store::segment::FileName;
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
            other @ (Stored::Missing
            | Stored::Empty { .. }
            | Stored::Damaged { .. }
            | Stored::Newer { .. }) => panic!("{other:?}"),
        }
    }

    fn id_at(path: &Path) -> Installation {
        let directory = Directory::open(path, Access::Write).unwrap();
        installation(&directory, Instant::now() + PATIENCE).unwrap()
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
