//! Changes of stored consent: how a choice is stored, withdrawn and adopted, and how installations
//! are created and removed. Each change is made under the directory's lock. `stored` defines the
//! contents of the files, and `identity` an installation.

use std::path::Path;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::Consent;
use super::identity::Installation;
use super::location::{ApplicationProfile, KnownLocation};
use super::stored::{Choice, FirstUse, Scope, StoredConsent};
use crate::clock;
use crate::error::{ErrorKind, Result};
use crate::record::format_timestamp;
use crate::store::disk::{Access, Directory};
use crate::store::document::{read_to_change, remove, write};
use crate::store::lock::{Locked, lock};
use crate::store::segment::FileName;

/// A directory, and the location that its changes are for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsentDirectory<'a> {
    /// The directory.
    pub path: &'a Path,
    /// The application and profile; absent if the caller names only the directory.
    pub location: Option<&'a ApplicationProfile>,
}

/// Stores a choice for the profile of that directory or, in the directory of the default one, for
/// all profiles, and returns the previous contents. A choice that is already stored is left
/// unchanged, also if nothing could be written. Disabling removes the installation: its id, its
/// salt and the hash of its host.
///
/// A damaged file is replaced, since this is a new decision; one of a newer version is not.
///
/// # Errors
///
/// Returns an error if the directory belongs to another application or profile, if it cannot be
/// created or written, or if a newer version wrote the file. Disabling needs no free room and no
/// lock if the file exists; it returns an error then if the file can neither be replaced nor
/// changed.
pub(crate) fn set_consent_of(
    site: ConsentDirectory<'_>,
    scope: Scope,
    consent: Consent,
    by: &str,
    now: OffsetDateTime,
) -> Result<StoredConsent> {
    let before = StoredConsent::read_file_at(site.path, scope.file());
    if before.has_choice(consent) {
        admit(&KnownLocation::at(site.path), site.path, site.location)?;
        return Ok(before);
    }
    let directory = open_to_write(site.path)?;
    let locked = lock(&directory, clock::deadline(PATIENCE));
    let claim = admit(&KnownLocation::of(&directory), site.path, site.location)?;
    let before = StoredConsent::read_file(&directory, scope.file());
    if let StoredConsent::Newer { .. } = before {
        return Err(before.refuse_change(&directory, scope.file()));
    }
    let kept = before.known().cloned();
    let mut choice = Choice {
        consent,
        decided: Some(format_timestamp(now)),
        by: Some(by.to_owned()),
        claim,
        ..kept.unwrap_or_else(|| Choice::of(consent))
    };
    match consent {
        Consent::Enabled | Consent::Undecided => {
            let _locked = locked?;
            write(&directory, scope.file(), &choice)?;
        }
        Consent::Disabled => {
            let _removed = choice.remove_installation();
            choice.first_use = None;
            withdraw(&directory, scope, &choice, locked)?;
        }
    }
    Ok(before)
}

/// Stores that recording is forbidden, in the first of these ways that works: the file is replaced
/// under the lock, overwritten in place, or truncated to nothing, which means disabled. The last
/// two need no free room. They are done without the lock if a stopped process holds it: a file that
/// is read meanwhile is damaged, which means disabled, too.
fn withdraw(
    directory: &Directory,
    scope: Scope,
    choice: &Choice,
    locked: Result<Locked>,
) -> Result<()> {
    match scope {
        // It may contain links between installations; and it takes room, which may be short.
        Scope::Profile => drop(remove(directory, FileName::History)),
        Scope::AllProfiles => {}
    }
    let replaced = match &locked {
        Ok(_held) => write(directory, scope.file(), choice),
        Err(_) => Ok(()),
    };
    let failure = match (replaced, locked) {
        (Ok(()), Ok(_held)) => return Ok(()),
        (Err(error), _) | (Ok(()), Err(error)) => error,
    };
    let name = scope.file().to_string();
    let overwritten = StoredConsent::to_bytes(choice)
        .and_then(|bytes| directory.overwrite_whole(&name, &bytes))
        .or_else(|_| directory.empty(&name));
    overwritten.map_err(|_| failure)
}

/// Stores a choice for one profile: see [`set_consent_of`].
#[cfg(test)]
fn set_consent(
    path: &Path,
    consent: Consent,
    by: &str,
    now: OffsetDateTime,
) -> Result<StoredConsent> {
    let location = Some(&ApplicationProfile::for_test("one"));
    set_consent_of(
        ConsentDirectory { path, location },
        Scope::Profile,
        consent,
        by,
        now,
    )
}

/// Removes the installation id, the salt and the hash of the host, and the history, so that later
/// records cannot be linked with earlier ones. The choice is kept, and is returned. The next
/// process that records creates a new installation.
///
/// # Errors
///
/// Returns an error if the directory belongs to another application or profile, if it cannot be
/// created or written, if the history cannot be removed, or if the file is damaged: then there is
/// no choice to keep.
pub(crate) fn reset(site: ConsentDirectory<'_>) -> Result<Consent> {
    let directory = open_to_write(site.path)?;
    let locked = lock(&directory, clock::deadline(PATIENCE))?;
    let mut choice = choice_of(&directory, &KnownLocation::of(&directory), site.location)?;
    // First: if the rest fails, the old installation has no history, and the new one does not have
    // the old one's.
    remove(&directory, FileName::History)?;
    if choice.remove_installation()
        && let Err(error) = write(&directory, Scope::Profile.file(), &choice)
    {
        // The new contents are shorter than the old ones, so they fit if there is no free room.
        let name = Scope::Profile.file().to_string();
        StoredConsent::to_bytes(&choice)
            .and_then(|bytes| directory.overwrite_whole(&name, &bytes))
            .map_err(|_| error)?;
    }
    drop(locked);
    Ok(choice.consent)
}

/// Returns the installation of that directory, and creates it, under the lock, if there is none;
/// all other processes find that one. From then on the directory contains its owner. `seen` is the
/// stored consent when recording was decided.
///
/// # Errors
///
/// Returns an error if the directory belongs to another application or profile, if the file is
/// damaged or cannot be written, if recording was disabled meanwhile, or if the lock is not free
/// before the deadline.
pub(crate) fn installation(
    directory: &Directory,
    location: &ApplicationProfile,
    seen: Consent,
    deadline: Instant,
) -> Result<Installation> {
    let stored = StoredConsent::read(directory);
    if let Some(installation) = stored.installation()
        && stored.claim().is_of(location)
    {
        return Ok(installation.clone());
    }
    let locked = lock(directory, deadline)?;
    let before = KnownLocation::of(directory);
    let mut choice = choice_of(directory, &before, Some(location))?;
    if let Some(installation) = choice.installation.clone() {
        let noted = write(directory, Scope::Profile.file(), &choice);
        // If records contain the owner, nothing depends on this.
        return match before.source {
            Some(_) => Ok(installation),
            None => noted.map(|()| installation),
        };
    }
    if choice.consent == Consent::Disabled && seen != Consent::Disabled {
        let reason = "it was disabled at this moment".to_owned();
        return Err(ErrorKind::Off { reason }.into());
    }
    let installation = Installation::make(directory, clock::now())?;
    choice.installation = Some(installation.clone());
    write(directory, Scope::Profile.file(), &choice)?;
    drop(locked);
    Ok(installation)
}

/// Stores the first use of an application that records after a grace, and the length of that grace;
/// an earlier stored first use is kept. Returns the stored consent: a decision may have been made
/// meanwhile.
///
/// # Errors
///
/// Returns an error if the directory belongs to another application or profile, if the file is
/// damaged or cannot be written, or if the lock is not free before the deadline.
pub(crate) fn remember_first_use(
    directory: &Directory,
    location: &ApplicationProfile,
    grace: Duration,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<StoredConsent> {
    let locked = lock(directory, deadline)?;
    let mut choice = choice_of(directory, &KnownLocation::of(directory), Some(location))?;
    let seen = choice.first_use.map_or(now, |first_use| first_use.seen);
    let first_use = Some(FirstUse::at(seen, grace));
    if choice.first_use != first_use {
        choice.first_use = first_use;
        write(directory, Scope::Profile.file(), &choice)?;
    }
    drop(locked);
    Ok(StoredConsent::read(directory))
}

/// Reads the choice of a profile to change it, in a directory that is locked and whose owner is
/// known.
fn choice_of(
    directory: &Directory,
    claim: &KnownLocation,
    location: Option<&ApplicationProfile>,
) -> Result<Choice> {
    let claim = admit(claim, directory.path(), location)?;
    let choice = read_to_change::<Choice>(directory, Scope::Profile.file())?;
    Ok(Choice { claim, ..choice })
}

/// Returns the owner of the directory from now on, given its owner before.
fn admit(
    claim: &KnownLocation,
    path: &Path,
    location: Option<&ApplicationProfile>,
) -> Result<KnownLocation> {
    match location {
        Some(location) => {
            claim.check(path, location)?;
            Ok(KnownLocation::from(location))
        }
        None => Ok(claim.clone()),
    }
}

fn open_to_write(path: &Path) -> Result<Directory> {
    Directory::open(path, Access::Write).map_err(|error| crate::store::open_error(path, error))
}

/// The time that a command waits for the lock before it reports a failure. An append holds it for
/// microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use super::*;
    use std::fs;

    use crate::error::Error;

    fn reset(path: &Path) -> Result<Consent> {
        let location = Some(&ApplicationProfile::for_test("one"));
        super::reset(ConsentDirectory { path, location })
    }

    fn installation(
        directory: &Directory,
        seen: Consent,
        deadline: Instant,
    ) -> Result<Installation> {
        super::installation(
            directory,
            &ApplicationProfile::for_test("one"),
            seen,
            deadline,
        )
    }

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

    /// Adds keys of a newer version to a file of consent.
    fn add_keys(path: &Path, file: FileName, keys: &str) {
        let place = path.join(file.to_string());
        let text = fs::read_to_string(&place).unwrap();
        fs::write(&place, text.replacen('{', &format!("{{{keys},"), 1)).unwrap();
    }

    fn text_of(path: &Path, file: FileName) -> String {
        fs::read_to_string(path.join(file.to_string())).unwrap()
    }

    const LATER: &str = "\"later\":{\"a\": [1, 2.50]},\"yet\":123456789012345678901234567890";

    #[test]
    fn keys_of_a_newer_version_are_kept_by_each_decision() {
        let home = tempfile::tempdir().unwrap();
        let location = Some(&ApplicationProfile::for_test("one"));
        let path = home.path();
        for scope in [Scope::Profile, Scope::AllProfiles] {
            let store = |consent| {
                let site = ConsentDirectory { path, location };
                set_consent_of(site, scope, consent, "test", now()).unwrap();
            };
            let all = [
                Consent::Enabled,
                Consent::Disabled,
                Consent::Undecided,
                Consent::Enabled,
            ];
            for (at, consent) in all.into_iter().enumerate() {
                store(consent);
                if at == 0 {
                    add_keys(path, scope.file(), LATER);
                }
                let text = text_of(path, scope.file());
                assert!(text.contains(LATER), "{consent}: {text}");
            }
        }
        let open = Directory::open(path, Access::Write).unwrap();
        let made = id_in(&open);
        assert!(text_of(path, FileName::Consent).contains(LATER));
        assert_eq!(reset(path).unwrap(), Consent::Enabled);
        let text = text_of(path, FileName::Consent);
        assert!(
            text.contains(LATER) && !text.contains(&made.id.to_string()),
            "{text}"
        );
    }

    #[test]
    fn removed_values_are_in_no_key_of_a_newer_version() {
        for withdraw in [true, false] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path();
            let open = Directory::open(path, Access::Write).unwrap();
            let made = id_in(&open);
            let (id, salt, host) = (made.id, &made.salt, made.host.unwrap());
            let upper = id.simple().to_string().to_uppercase();
            let keys = format!(
                "{LATER},\"a\":\"{id}\",\"b\":[{{\"{upper}\":1}}],\"c\":\"x{salt}\",\"d\":\"{host}\",\
                 \"installation_peers\":[7]"
            );
            add_keys(path, FileName::Consent, &keys);
            if withdraw {
                set_consent(path, Consent::Disabled, "test", now()).unwrap();
            } else {
                reset(path).unwrap();
            }
            let text = text_of(path, FileName::Consent);
            assert!(text.contains(LATER), "{text}");
            let lower = text.to_lowercase().replace('-', "");
            for gone in [id.simple().to_string(), salt.to_string(), host.to_string()] {
                assert!(!lower.contains(&gone), "{text}");
            }
            assert!(!text.contains("installation"), "{text}");
        }
    }

    #[test]
    fn keys_of_a_newer_version_are_removed_with_the_installation() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path();
        set_consent(path, Consent::Disabled, "test", now()).unwrap();
        add_keys(path, FileName::Consent, "\"installations\":[1]");
        set_consent(path, Consent::Disabled, "test", now()).unwrap();
        assert!(!text_of(path, FileName::Consent).contains("installations"));
    }

    #[test]
    fn a_choice_can_be_stored_beside_keys_that_leave_it_no_room() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path();
        set_consent(path, Consent::Undecided, "test", now()).unwrap();
        let long = "x".repeat(16 * 1024 - 200);
        add_keys(path, FileName::Consent, &format!("\"later\":\"{long}\""));
        assert_eq!(StoredConsent::read_at(path).problem(), None);
        let open = Directory::open(path, Access::Write).unwrap();
        let made = id_in(&open);
        assert_eq!(StoredConsent::read_at(path).installation(), Some(&made));
        set_consent(path, Consent::Disabled, "test", now()).unwrap();
        assert_eq!(StoredConsent::read_at(path).problem(), None);
        assert_eq!(StoredConsent::read_at(path).consent(), Consent::Disabled);
    }

    fn choice_at(path: &Path) -> Choice {
        match StoredConsent::read_at(path) {
            StoredConsent::Known(choice) => choice,
            other @ (StoredConsent::Missing
            | StoredConsent::Empty { .. }
            | StoredConsent::Damaged { .. }
            | StoredConsent::Unreadable { .. }
            | StoredConsent::Newer { .. }) => panic!("{other:?}"),
        }
    }

    fn id_at(path: &Path) -> Installation {
        id_in(&Directory::open(path, Access::Write).unwrap())
    }

    fn id_in(directory: &Directory) -> Installation {
        installation(directory, Consent::Undecided, Instant::now() + PATIENCE).unwrap()
    }

    #[test]
    fn disabling_on_a_virgin_home_leaves_only_the_choice() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("myapp/telemetry");
        set_consent(&path, Consent::Disabled, "localtel disable", now()).unwrap();
        assert_eq!(names(&path), ["consent.json", "lock"]);
        let choice = choice_at(&path);
        assert_eq!(choice.consent, Consent::Disabled);
        assert_eq!(choice.by.as_deref(), Some("localtel disable"));
        assert_eq!(choice.decided, Some(format_timestamp(now())));
        assert_eq!(choice.installation, None);
    }

    #[test]
    fn the_consent_file_has_the_documented_form_and_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("telemetry");
        set_consent(&path, Consent::Enabled, "localtel enable", now()).unwrap();
        let id = id_at(&path);
        let text = fs::read_to_string(path.join("consent.json")).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"format\":1,\"source\":\"one\",\"profile\":\"default\",\"consent\":\"enabled\",\"decided\":\"{}\",\
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
    fn an_id_is_created_once_and_disabling_removes_it() {
        let home = tempfile::tempdir().unwrap();
        let id = id_at(home.path());
        assert_eq!(choice_at(home.path()).consent, Consent::Undecided);
        for consent in [Consent::Enabled, Consent::Undecided] {
            set_consent(home.path(), consent, "test", now()).unwrap();
            assert_eq!(id_at(home.path()), id);
            assert_eq!(choice_at(home.path()).consent, consent);
        }
        set_consent(home.path(), Consent::Disabled, "test", now()).unwrap();
        let text = fs::read_to_string(home.path().join("consent.json")).unwrap();
        for key in ["installation", "salt", "host", "made"] {
            assert!(!text.contains(key), "{text}");
        }
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        let after = id_at(home.path());
        assert_ne!((after.id, after.salt), (id.id, id.salt));
    }

    /// Withdraws consent while one operation of the disk fails, with the lock held by another
    /// process or not.
    fn withdrawn_despite(operation: &'static str, is_locked: bool) -> StoredConsent {
        use crate::store::faults::Fault;
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        id_at(home.path());
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        let locked = if is_locked {
            lock(&directory, Instant::now() + PATIENCE)
        } else {
            Err(Error::invalid("lock", "it is held"))
        };
        directory.faults.plan(0, Fault::Named(operation, 28));
        let disabled = Choice::of(Consent::Disabled);
        withdraw(&directory, Scope::Profile, &disabled, locked).unwrap();
        StoredConsent::read_at(home.path())
    }

    #[test]
    fn consent_is_withdrawn_where_the_file_cannot_be_replaced() {
        let disabled = StoredConsent::Known(Choice::of(Consent::Disabled));
        for (operation, is_locked) in [("replace", true), ("remove", true), ("remove", false)] {
            assert_eq!(withdrawn_despite(operation, is_locked), disabled);
        }
        // A file that can neither be replaced nor overwritten is truncated to nothing.
        let cut = withdrawn_despite("overwrite", false);
        assert!(matches!(cut, StoredConsent::Empty { .. }), "{cut:?}");
        assert_eq!(cut.consent(), Consent::Disabled);
    }

    #[test]
    fn a_withdrawal_makes_an_empty_file_where_there_is_none() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        let disabled = Choice::of(Consent::Disabled);
        let locked = Err(Error::invalid("lock", "it is held"));
        withdraw(&directory, Scope::AllProfiles, &disabled, locked).unwrap();
        let stored = StoredConsent::read_for_all_at(home.path());
        assert!(matches!(stored, StoredConsent::Empty { .. }), "{stored:?}");
    }

    #[test]
    fn disabling_again_removes_an_id_that_was_left() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        id_at(home.path());
        let file = home.path().join("consent.json");
        let left = fs::read_to_string(&file).unwrap();
        fs::write(&file, left.replace("enabled", "disabled")).unwrap();
        fs::write(home.path().join("history.json"), r#"{"format":1}"#).unwrap();
        set_consent(home.path(), Consent::Disabled, "test", now()).unwrap();
        assert_eq!(choice_at(home.path()).installation, None);
        assert_eq!(names(home.path()), ["consent.json", "lock"]);
    }

    #[test]
    fn no_id_is_created_after_recording_was_disabled() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Disabled, "test", now()).unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        let deadline = Instant::now() + PATIENCE;
        assert!(installation(&directory, Consent::Enabled, deadline).is_err());
        assert_eq!(choice_at(home.path()).installation, None);
        // A flag for one run is stronger than what is stored.
        assert!(installation(&directory, Consent::Disabled, deadline).is_ok());
    }

    #[test]
    fn a_reset_removes_id_and_salt_and_keeps_the_choice() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        let before = id_at(home.path());
        assert_eq!(reset(home.path()).unwrap(), Consent::Enabled);
        assert_eq!(choice_at(home.path()).installation, None);
        let after = id_at(home.path());
        assert_ne!(after.id, before.id);
        assert_ne!(after.salt, before.salt);
        assert_ne!(after.host, before.host);
        assert_eq!(choice_at(home.path()).consent, Consent::Enabled);
        assert_eq!(choice_at(home.path()).by.as_deref(), Some("test"));
    }

    #[test]
    fn a_reset_while_disabled_makes_no_id() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Disabled, "test", now()).unwrap();
        let before = choice_at(home.path());
        assert_eq!(reset(home.path()).unwrap(), Consent::Disabled);
        assert_eq!(choice_at(home.path()), before);
        fs::write(home.path().join("consent.json"), "").unwrap();
        assert_eq!(reset(home.path()).unwrap(), Consent::Disabled);
        let stored = StoredConsent::read_at(home.path());
        assert!(matches!(stored, StoredConsent::Empty { .. }), "{stored:?}");
    }

    #[test]
    fn a_reset_removes_the_history_of_any_version() {
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
            let threads: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| id_at(home.path())))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(id_at(home.path()), ids[0]);
    }

    #[test]
    fn a_damaged_file_is_kept_until_a_decision() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("consent.json");
        fs::write(&file, "{\"format\":1,\"cons").unwrap();
        assert!(reset(home.path()).is_err());
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        assert!(installation(&directory, Consent::Undecided, Instant::now() + PATIENCE).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\"format\":1,\"cons");
        let before = set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        assert!(matches!(before, StoredConsent::Damaged { .. }));
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
            StoredConsent::read_at(home.path()),
            StoredConsent::Newer {
                file: file_name,
                format: 2
            }
        );
        assert!(set_consent(home.path(), Consent::Disabled, "test", now()).is_err());
        assert!(reset(home.path()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), newer);
    }

    #[test]
    fn a_write_that_fails_leaves_the_choice_that_was_there() {
        use crate::store::faults::Fault;
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Disabled, "test", now()).unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        directory.faults.plan(0, Fault::Sticky(28));
        assert!(installation(&directory, Consent::Undecided, Instant::now() + PATIENCE).is_err());
        assert_eq!(choice_at(home.path()).consent, Consent::Disabled);
    }

    #[test]
    fn only_the_owner_of_a_directory_changes_its_files() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        let before = fs::read(home.path().join("consent.json")).unwrap();
        let (two, path) = (ApplicationProfile::for_test("two"), home.path());
        let mut work = ApplicationProfile::for_test("one");
        work.profile = "work".parse().unwrap();
        for other in [&two, &work] {
            let site = ConsentDirectory {
                path,
                location: Some(other),
            };
            for scope in [Scope::Profile, Scope::AllProfiles] {
                for consent in [Consent::Enabled, Consent::Disabled, Consent::Undecided] {
                    let error = set_consent_of(site, scope, consent, "test", now()).unwrap_err();
                    let text = error.to_string();
                    assert!(matches!(error.kind(), ErrorKind::Foreign { .. }), "{text}");
                    assert!(
                        text.contains("`one`") && text.contains(&other.to_string()),
                        "{text}"
                    );
                }
            }
            assert!(super::reset(site).is_err());
            let directory = Directory::open(path, Access::Write).unwrap();
            let deadline = Instant::now() + PATIENCE;
            assert!(super::installation(&directory, other, Consent::Enabled, deadline).is_err());
            let minute = Duration::from_mins(1);
            assert!(remember_first_use(&directory, other, minute, now(), deadline).is_err());
        }
        assert_eq!(fs::read(path.join("consent.json")).unwrap(), before);
        assert_eq!(names(path), ["consent.json", "lock"]);
    }

    #[test]
    fn one_of_two_applications_that_start_gets_the_directory() {
        let home = tempfile::tempdir().unwrap();
        let locations: Vec<ApplicationProfile> = (0..8)
            .map(|number| ApplicationProfile::for_test(&format!("app{number}")))
            .collect();
        let ids: Vec<Option<Installation>> = std::thread::scope(|scope| {
            let threads: Vec<_> = locations
                .iter()
                .map(|location| {
                    let path = home.path();
                    scope.spawn(move || {
                        let directory = Directory::open(path, Access::Write).unwrap();
                        let deadline = Instant::now() + PATIENCE;
                        super::installation(&directory, location, Consent::Undecided, deadline).ok()
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let winners: Vec<_> = ids.iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        let claim = choice_at(home.path()).claim;
        let winner = ids.iter().position(Option::is_some).unwrap();
        assert!(claim.is_of(&locations[winner]));
    }

    #[test]
    fn an_older_directory_names_its_owner_from_its_next_use_on() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        let id = id_at(home.path());
        let file = home.path().join("consent.json");
        let named = fs::read_to_string(&file).unwrap();
        let older = named.replace("\"source\":\"one\",\"profile\":\"default\",", "");
        assert_ne!(older, named);
        fs::write(&file, older).unwrap();
        assert_eq!(id_at(home.path()), id);
        assert_eq!(fs::read_to_string(&file).unwrap(), named);
    }

    fn remembered_at(path: &Path, grace_seconds: u64, now: OffsetDateTime) -> StoredConsent {
        let directory = Directory::open(path, Access::Write).unwrap();
        let grace = Duration::from_secs(grace_seconds);
        let deadline = Instant::now() + PATIENCE;
        remember_first_use(
            &directory,
            &ApplicationProfile::for_test("one"),
            grace,
            now,
            deadline,
        )
        .unwrap()
    }

    #[test]
    fn a_first_use_is_stored_once_and_nothing_else_is_created() {
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
        set_consent(home.path(), Consent::Enabled, "test", now()).unwrap();
        assert_eq!(choice_at(home.path()).first_use, Some(expected));
    }

    #[test]
    fn the_choice_for_all_profiles_is_stored_separately() {
        let home = tempfile::tempdir().unwrap();
        let all = Scope::AllProfiles;
        let location = Some(&ApplicationProfile::for_test("one"));
        let site = ConsentDirectory {
            path: home.path(),
            location,
        };
        set_consent_of(site, all, Consent::Disabled, "test", now()).unwrap();
        assert_eq!(names(home.path()), ["consent.all.json", "lock"]);
        assert_eq!(StoredConsent::read_at(home.path()), StoredConsent::Missing);
        let stored = StoredConsent::read_for_all_at(home.path());
        assert_eq!(stored.consent(), Consent::Disabled);
        fs::write(home.path().join("consent.all.json"), r#"{"format":9}"#).unwrap();
        let problem = StoredConsent::read_for_all_at(home.path())
            .problem()
            .unwrap();
        assert!(problem.starts_with("consent.all.json has format 9"));
        let refused = set_consent_of(site, all, Consent::Enabled, "test", now());
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("consent.all.json")
        );
        assert!(id_at(home.path()).host.is_some());
    }

    #[test]
    fn a_choice_that_is_stored_already_is_not_rewritten() {
        let home = tempfile::tempdir().unwrap();
        set_consent(home.path(), Consent::Enabled, "first", now()).unwrap();
        let later = now() + time::Duration::HOUR;
        let before = set_consent(home.path(), Consent::Enabled, "second", later).unwrap();
        assert_eq!(before.consent(), Consent::Enabled);
        assert_eq!(choice_at(home.path()).by.as_deref(), Some("first"));
    }
}
