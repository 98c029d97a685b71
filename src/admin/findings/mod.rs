//! What is wrong at a location, and what to do about each: the stored consent, the policy, the directory, its lock, its
//! data and the files beside them. Nothing is repaired or made; the lock is taken for a moment, to see whether it can be.
//! The records themselves are `data`'s, segments that cannot be removed `stuck`'s; whether records are complete and
//! unaltered is not checked.

mod data;
mod stuck;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use self::data::{about_data, about_secrets};
use super::owner::{self, OwnedByOther};
use super::recording::Stored;
use super::{COPIED, Location, Profile, RecordingAnswer, SecretNames};
use crate::clock;
use crate::consent::InstallationOrigin;
use crate::history::StoredHistory;
use crate::policy::owner::OwnerFile;
use crate::release::Release;
use crate::store::disk::{Access, Directory, OpenError};
use crate::store::lock::{Extent, LockFile, is_stuck};
use crate::store::segment::FileName;
use crate::text::count;

/// What was found at a location.
#[derive(Debug)]
#[non_exhaustive]
pub struct Findings {
    /// Whether anything is recorded, and why.
    pub answer: RecordingAnswer,
    /// What is wrong; nothing if it is empty.
    pub findings: Vec<Finding>,
    /// The recorded names that say that their texts are secrets.
    pub secret_names: SecretNames,
}

/// Something that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong, for machines.
    pub kind: FindingKind,
    /// What is wrong, as a clause.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

/// What is wrong, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The directory cannot serve, or cannot be looked into.
    Directory,
    /// The directory or a file in it belongs to another user.
    Owner,
    /// Others may look into the directory, or read or write a file in it.
    Permission,
    /// Nothing can be written in the directory.
    ReadOnly,
    /// A stored choice or the application's variable cannot be understood.
    Consent,
    /// The owner's policy cannot be read or understood, so nothing is recorded.
    Policy,
    /// The first use, or a record, lies in the future.
    Clock,
    /// The directory was made elsewhere.
    Copied,
    /// The lock is held, or is no file.
    Lock,
    /// Lines cannot be read.
    Unreadable,
    /// Texts are recorded in clear whose name says that they are secrets.
    Secret,
    /// Segments are missing that nobody removed on purpose.
    Missing,
    /// Sessions did not say that they ended, and do not run any more.
    Sessions,
    /// Events were dropped because there was no room for them.
    Dropped,
    /// Segments cannot be removed. Recording goes on while there is room beside them.
    Unremovable,
    /// What is remembered of earlier processes cannot be understood. Recording goes on.
    History,
    /// What the owner said of the newest release cannot be understood. Recording goes on.
    Release,
}

impl Finding {
    fn new(kind: FindingKind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            next: next.into(),
        }
    }
}

impl Location {
    /// Looks for what is wrong here.
    pub fn findings(&self) -> Findings {
        let mut secret_names = SecretNames::default();
        Findings {
            findings: examine(self, &mut secret_names),
            answer: self.recording(),
            secret_names,
        }
    }
}

fn examine(location: &Location, secret_names: &mut SecretNames) -> Vec<Finding> {
    let path = location.path();
    let stored = Stored::at(location);
    let directory = match Directory::open(&path, Access::Read) {
        Ok(directory) => directory,
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            // Whatever is stored for all profiles, and the variable, still decide.
            return about_consent(location, &stored);
        }
        Err(error) => {
            let owned = owner::of_opening(&error, &path, location);
            return vec![owned.map_or_else(|| about_opening(&path, error), about_owner)];
        }
    };
    let owned = owner::look(&directory, location);
    // What is said of its owner explains the rest.
    let is_own = owned.is_empty();
    let mut findings: Vec<Finding> = owned.into_iter().map(about_owner).collect();
    findings.extend(about_consent(location, &stored));
    if is_own {
        findings.extend(about_permissions(&directory));
    }
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
    if is_own {
        // A removal that was under way when the floor was read is complete once the lock was free.
        findings.extend(about_lock(&directory));
    }
    findings.extend(stuck::look(&directory, floor).into_iter().map(
        |stuck::StuckFinding { what, next }| Finding::new(FindingKind::Unremovable, what, next),
    ));
    findings.extend(about_data(location, secret_names).unwrap_or_else(|error| {
        let step = "look at the directory as its owner";
        vec![Finding::new(FindingKind::Directory, error.chain(), step)]
    }));
    findings.extend(about_secrets(location, &stored.owner, secret_names));
    findings.extend(about_history(&path));
    findings.extend(about_release(&path));
    findings
}

/// Looks whether what the owner forbids is known.
fn about_policy(location: &Location, owner: &OwnerFile) -> Option<Finding> {
    let what = format!(
        "{}; nothing is recorded until it is fixed",
        owner.problem()?
    );
    let file = location.path().join(FileName::Policy.to_string());
    let step = format!(
        "fix {}; `{}` says whether it can be understood",
        file.display(),
        location.command("policy")
    );
    Some(Finding::new(FindingKind::Policy, what, step))
}

/// Looks at what is remembered from one process to the next.
fn about_history(path: &Path) -> Option<Finding> {
    let kept = StoredHistory::read_at(path);
    let problem = kept.problem()?;
    let step = match kept {
        StoredHistory::Newer { .. } => "install the localtel that wrote it",
        StoredHistory::Unreadable { .. } => "let its owner read it, or remove it",
        StoredHistory::Damaged { .. }
        | StoredHistory::Empty { .. }
        | StoredHistory::Missing
        | StoredHistory::Known(_) => {
            "nothing, for it is replaced when there is something to remember"
        }
    };
    let what = format!("{problem}; events are recorded all the same");
    Some(Finding::new(FindingKind::History, what, step))
}

/// Looks at what the owner said of the newest release.
fn about_release(path: &Path) -> Option<Finding> {
    let problem = match Release::read_at(path) {
        Ok(Some(release)) if !release.is_ordered() => format!(
            "release.json: nobody can tell what `{}` is newer than",
            release.version
        ),
        Ok(_) => return None,
        Err(problem) => problem.to_string(),
    };
    let what = format!("{problem}; events are recorded all the same");
    Some(Finding::new(FindingKind::Release, what, RELEASE_FORM))
}

fn about_owner(owned: OwnedByOther) -> Finding {
    Finding::new(FindingKind::Owner, owned.what, owned.next)
}

fn about_opening(path: &Path, error: OpenError) -> Finding {
    let path = path.display();
    match error {
        OpenError::Io(error) => Finding::new(
            FindingKind::Directory,
            format!("{path} cannot be opened: {error}"),
            "look at it as its owner, or name another directory with --dir",
        ),
        OpenError::Unfit(reason) => Finding::new(
            FindingKind::Directory,
            format!("{path} cannot serve: {reason}"),
            "move what is in the way, or name another directory with --dir",
        ),
        OpenError::OtherUser { .. } => Finding::new(
            FindingKind::Owner,
            error.to_string(),
            "look at it as its owner, or name another directory with --dir",
        ),
    }
}

/// Looks at what has a say and cannot be understood.
fn about_consent(location: &Location, stored: &Stored) -> Vec<Finding> {
    let (decision, _) = location.decide(stored, clock::now());
    let is_of = |own: Option<String>, problem: &String| own.as_ref() == Some(problem);
    let step = |problem: &String| {
        let step = if is_of(stored.consent.problem(), problem) {
            location.step_for(&stored.consent, "")
        } else if is_of(stored.consent_for_all.problem(), problem) {
            let default = location.with_profile(Profile::default());
            default.step_for(&stored.consent_for_all, " --all-profiles")
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
            "the first use is remembered for a time that has not come yet, so the grace does not run",
            format!(
                "set the clock, or decide: `{}` or `{}`",
                location.command("enable"),
                location.command("disable")
            ),
        ));
    }
    findings
}

/// Looks at whose the directory is and who may do what in it.
fn about_permissions(directory: &Directory) -> Vec<Finding> {
    let path = directory.path().display();
    let chmod = format!("chmod 700 {path}");
    let mut findings = Vec::new();
    match (directory.check_is_private(), directory.mode_for_others()) {
        (Err(error), _) => findings.push(about_opening(directory.path(), error)),
        (Ok(()), Ok(0) | Err(_)) => {}
        (Ok(()), Ok(mode)) => findings.push(Finding::new(
            FindingKind::Permission,
            format!("{path} is open to other users (mode 07{mode:02o})"),
            chmod,
        )),
    }
    if let Err(error) = directory.check_is_writable() {
        findings.push(Finding::new(
            FindingKind::ReadOnly,
            format!("nothing can be recorded in {path}: {error}"),
            "make it writable for its owner, or disable recording",
        ));
    }
    findings
}

/// Looks whether others may read or write a file of ours. What the owner writes with an editor is usually
/// open to be read, and holds nothing about anybody.
fn about_files(directory: &Directory) -> Option<Finding> {
    let mut names: Vec<String> = directory
        .names()
        .ok()?
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|name| {
            let facts = directory.facts(name).ok().filter(|facts| facts.is_regular);
            match (name.parse(), facts) {
                (Err(_), _) | (_, None) => false,
                (Ok(FileName::Policy | FileName::Release), Some(facts)) => !facts.is_guarded,
                (Ok(_), Some(facts)) => !facts.is_private,
            }
        })
        .collect();
    names.sort();
    let first = directory.path().join(names.first()?);
    let (what, files) = match names.len() {
        1 => (first.display().to_string(), first.display().to_string()),
        more => {
            let files = names.iter().map(|name| directory.path().join(name));
            let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
            let what = format!(
                "{} and {}",
                first.display(),
                count(more as u64 - 1, "more file")
            );
            (what, files.join(" "))
        }
    };
    Some(Finding::new(
        FindingKind::Permission,
        format!("open to other users: {what}"),
        format!("chmod go= {files}"),
    ))
}

/// Looks whether somebody holds the lock for longer than anybody should.
fn about_lock(directory: &Directory) -> Option<Finding> {
    let cannot_be_locked = |reason: String| {
        Finding::new(
            FindingKind::Lock,
            format!("the file `lock` cannot be locked: {reason}"),
            "remove it if it is no plain file of yours; it is made anew",
        )
    };
    if let Err(error) = LockFile::check(directory) {
        return Some(cannot_be_locked(error.chain()));
    }
    match is_stuck(directory, clock::deadline(LOCK_PATIENCE)) {
        Ok(false) => None,
        Ok(true) => Some(Finding::new(
            FindingKind::Lock,
            "a process holds the lock and does not let go, so nothing is recorded",
            "find it with `fuser` or `lsof` on the file `lock`; resume or end it",
        )),
        Err(error) => Some(cannot_be_locked(error.to_string())),
    }
}

/// What a file that announces a release looks like.
const RELEASE_FORM: &str =
    r#"remove it, or write {"version":"1.3.0","released":"2026-11-01","notes":"what is new"}"#;

/// A writer holds the lock for well under a millisecond; who holds it for so long does not let go.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
