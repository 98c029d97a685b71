//! The problems at a location, and the remedy for each: the stored consent, the policy, the
//! directory, its lock, its data and the files beside them. Nothing is repaired or created; the
//! lock is taken for a moment, to check that it is free. `data` reads the records, `gaps` finds
//! missing ones, `space` checks the file system and the limits, and `stuck` finds segments that
//! cannot be removed; whether records are unaltered is not checked.

mod data;
mod gaps;
mod space;
mod stuck;

use std::io::{self, ErrorKind::PermissionDenied};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use self::data::{about_data, about_secrets};
use super::finding::{Finding, FindingKind, first_of};
use super::recording::Stored;
use super::{Bounds, COPIED, Location, Profile, RecordingAnswer, SecretNames, ShellWord, owner};
use crate::clock;
use crate::consent::InstallationOrigin;
use crate::history::StoredHistory;
use crate::policy::owner::OwnerFile;
use crate::release::Release;
use crate::store::disk::{Access, Directory, OpenError};
use crate::store::elsewhere;
use crate::store::lock::{Extent, LockFile, is_stuck};
use crate::store::segment::{FileName, is_ours};

/// The findings at a location, with stable keys when serialised.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Findings {
    /// Whether anything is recorded, and why.
    #[serde(flatten)]
    pub answer: RecordingAnswer,
    /// Whether the directory exists. If not, nothing was ever recorded or decided here.
    pub directory_exists: bool,
    /// The problems; empty if there are none.
    pub findings: Vec<Finding>,
    /// The recorded names that suggest secrets.
    pub secret_names: SecretNames,
}

impl Location {
    /// Returns the finding on files here that other users may read or write, if there are any.
    pub fn finding_on_files(&self) -> Option<Finding> {
        about_files(&Directory::open(&self.path(), Access::Read).ok()?)
    }

    /// Finds the problems here. One is a file system that is fuller than that many percent.
    pub fn findings(&self, full_at_percent: u8) -> Findings {
        let opened = Directory::open(&self.path(), Access::Read);
        let (findings, secret_names) = examine(self, full_at_percent);
        Findings {
            directory_exists: !opened.is_err_and(|error| error.is_not_found()),
            findings,
            answer: self.recording(),
            secret_names,
        }
    }
}

fn examine(location: &Location, full_at_percent: u8) -> (Vec<Finding>, SecretNames) {
    let path = location.path();
    let stored = Stored::at(location);
    let directory = match Directory::open(&path, Access::Read) {
        Ok(directory) => directory,
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            // The choice for all profiles and the variable still decide.
            let mut findings = about_consent(location, &stored);
            findings.extend(stored.directory.as_ref().err().map(|error| {
                let step =
                    "make it writable for its owner, or set LOCALTEL_DIR to another directory";
                Finding::new(FindingKind::Directory, error.chain(), step)
            }));
            return (findings, SecretNames::default());
        }
        Err(error) => {
            let owned = owner::of_opening(&error, &path, location);
            let finding = owned.unwrap_or_else(|| about_opening(&path, &error));
            return (vec![finding], SecretNames::default());
        }
    };
    let mut findings = owner::find(&directory, location);
    // A finding on its owner explains the rest.
    let is_own = findings.is_empty();
    findings.extend(about_consent(location, &stored));
    if is_own {
        findings.extend(about_permissions(&directory));
    }
    let bounds = Bounds::of(location, &stored.owner.storage());
    findings.extend(space::find(location, &directory, &bounds, full_at_percent));
    findings.extend(about_files(&directory));
    if is_own && stored.consent.origin_at(&path) == InstallationOrigin::Elsewhere {
        findings.push(Finding::new(
            FindingKind::Copied,
            COPIED,
            format!("`{}` removes its id", location.command("reset")),
        ));
    }
    findings.extend(about_policy(location, &stored.owner));
    let floor = Extent::peek(&directory).map(|extent| extent.floor);
    if is_own && directory.check_is_writable().is_ok() {
        // A removal that was under way when the floor was read is complete once the lock was free.
        findings.extend(about_lock(&directory));
    }
    findings.extend(stuck::find(&directory, floor));
    let (of_data, secret_names) =
        about_data(location, &directory, &stored.consent).unwrap_or_else(|error| {
            let step = "check the directory as its owner";
            let finding = Finding::new(FindingKind::Directory, error.chain(), step);
            (vec![finding], SecretNames::default())
        });
    findings.extend(of_data);
    findings.extend(about_secrets(location, &stored.owner, &secret_names));
    findings.extend(about_history(&path));
    findings.extend(about_release(&path));
    (findings, secret_names)
}

/// Checks that the owner's policy is known. The reason why it is not is part of the answer on
/// recording, or printed by `policy`.
fn about_policy(location: &Location, owner: &OwnerFile) -> Option<Finding> {
    owner.problem()?;
    let step = format!(
        "fix {}; `{}` prints the error",
        location.policy_file().display(),
        location.command("policy")
    );
    let what = "policy.toml is invalid, so nothing is recorded";
    Some(Finding::new(FindingKind::Policy, what, step))
}

/// Checks the file of facts for the next process.
fn about_history(path: &Path) -> Option<Finding> {
    let kept = StoredHistory::read_at(path);
    let problem = kept.problem()?;
    let step = match kept {
        StoredHistory::Newer { .. } => INSTALL_NEWER,
        StoredHistory::Unreadable { .. } => "make it readable for its owner, or remove it",
        StoredHistory::Damaged { .. }
        | StoredHistory::Empty { .. }
        | StoredHistory::Missing
        | StoredHistory::Known(_) => "nothing; the next process that stores something replaces it",
    };
    let what = format!("{problem}; events are still recorded");
    Some(Finding::new(FindingKind::History, what, step))
}

/// Checks the owner's file on the newest release.
fn about_release(path: &Path) -> Option<Finding> {
    let problem = match Release::read_at(path) {
        Ok(Some(release)) if !release.is_ordered() => format!(
            "release.json: the version `{}` cannot be compared with others",
            release.version
        ),
        Ok(_) => return None,
        Err(problem) => problem,
    };
    let what = format!("{problem}; events are still recorded");
    Some(Finding::new(FindingKind::Release, what, RELEASE_FORM))
}

fn about_opening(path: &Path, error: &OpenError) -> Finding {
    let (kind, is_denied) = match error {
        OpenError::OtherUser { .. } => (FindingKind::Owner, false),
        OpenError::Unfit(_) => (FindingKind::Directory, false),
        OpenError::Io(error) => (FindingKind::Directory, error.kind() == PermissionDenied),
    };
    let is_own = |(_, owner): &(&Path, u32)| is_denied && *owner == elsewhere::effective_user();
    let next = match elsewhere::nearest_visible(path).filter(is_own) {
        Some((at, _)) => format!("chmod u+rwx {}", ShellWord(&at.display().to_string())),
        None => "correct it as its owner, or set LOCALTEL_DIR to another directory".to_owned(),
    };
    Finding::new(kind, format!("{}: {error}", path.display()), next)
}

/// Checks the sources of consent for invalid values.
fn about_consent(location: &Location, stored: &Stored) -> Vec<Finding> {
    let (decision, _) = location.decide(stored, clock::now());
    let default = location.with_profile(Profile::default());
    let (own, for_all) = (&stored.consent, &stored.consent_for_all);
    let step = |problem: &String| {
        let step = if own.problem().as_ref() == Some(problem) {
            location.step_for(own, "")
        } else if for_all.problem().as_ref() == Some(problem) {
            default.step_for(for_all, " --all-profiles")
        } else {
            None
        };
        step.unwrap_or_else(|| "set the variable to one of these words, or unset it".to_owned())
    };
    let mut findings: Vec<Finding> = decision
        .problems
        .iter()
        .map(|problem| Finding::new(FindingKind::Consent, problem.clone(), step(problem)))
        .collect();
    let first_use = stored.consent.first_use();
    if first_use.is_some_and(|first| first.seen > clock::now()) {
        findings.push(Finding::new(
            FindingKind::Clock,
            "the stored time of the first use is in the future, so the grace period does not run",
            format!(
                "set the clock, or decide: `{}` or `{}`",
                location.command("enable"),
                location.command("disable")
            ),
        ));
    }
    findings
}

/// Checks the permissions of the directory.
fn about_permissions(directory: &Directory) -> Vec<Finding> {
    let path = directory.path().display().to_string();
    let chmod = format!("chmod 700 {}", ShellWord(&path));
    let mut findings = Vec::new();
    match (directory.check_is_private(), directory.mode_for_others()) {
        (Err(error), _) => findings.push(Finding {
            next: chmod.clone(),
            ..about_opening(directory.path(), &error)
        }),
        (Ok(()), Ok(0) | Err(_)) => {}
        (Ok(()), Ok(mode)) => findings.push(Finding::new(
            FindingKind::Permission,
            format!("{path} is open to other users (mode 07{mode:02o})"),
            chmod.clone(),
        )),
    }
    if let Err(error) = directory.check_is_writable() {
        findings.push(Finding::new(
            FindingKind::ReadOnly,
            format!("nothing can be recorded in {path}: {error}"),
            format!("`{chmod}`, or mount the file system writable, or disable recording"),
        ));
    }
    findings
}

/// Checks whether others may read or write a file of localtel. Files that the owner writes with an
/// editor are usually readable, and contain nothing about a person.
fn about_files(directory: &Directory) -> Option<Finding> {
    let is_open = |name: &String| {
        let facts = directory.facts(name).ok().filter(|facts| facts.is_regular);
        match (name.parse(), facts) {
            (_, None) => false,
            (Ok(FileName::Policy | FileName::Release), Some(facts)) => !facts.is_guarded,
            (Ok(_) | Err(_), Some(facts)) => is_ours(name) && !facts.is_private,
        }
    };
    let names = directory.names().ok()?.into_iter();
    let names = names.filter_map(|name| name.into_string().ok());
    let path = |name: String| directory.path().join(name).display().to_string();
    let mut paths: Vec<String> = names.filter(is_open).map(path).collect();
    paths.sort();
    paths.first()?;
    let what = first_of(&paths, "more file");
    let quoted = |path: &String| ShellWord(path).to_string();
    let files: Vec<String> = paths.iter().map(quoted).collect();
    Some(Finding::new(
        FindingKind::Permission,
        format!("open to other users: {what}"),
        format!("chmod go= {}", files.join(" ")),
    ))
}

/// Checks whether a process holds the lock for longer than any operation needs.
fn about_lock(directory: &Directory) -> Option<Finding> {
    let is_stuck = || is_stuck(directory, clock::deadline(LOCK_PATIENCE));
    let checked = LockFile::check(directory).map_err(|error| error.chain());
    let (what, next) = match checked.and_then(|()| is_stuck().map_err(|error| error.to_string())) {
        Ok(false) => return None,
        Ok(true) => (
            "a process holds the lock and does not release it, so nothing is recorded".to_owned(),
            "find it with `fuser` or `lsof` on the file `lock`; resume or end it".to_owned(),
        ),
        Err(reason) => {
            let path = directory.path().join("lock").display().to_string();
            let path = ShellWord(&path);
            (
                format!("the file `lock` cannot be locked: {reason}"),
                format!(
                    "if it is a regular file of yours, chmod 600 {path}; otherwise remove it, and it is created again"
                ),
            )
        }
    };
    Some(Finding::new(FindingKind::Lock, what, next))
}

/// The form of a file that announces a release.
const RELEASE_FORM: &str =
    r#"remove it, or write {"version":"1.3.0","released":"2026-11-01","notes":"what is new"}"#;

/// The remedy for a file of a newer version.
const INSTALL_NEWER: &str = "install the localtel that wrote it";

/// A writer holds the lock for well under a millisecond; a process that holds it for so long is
/// stuck.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
