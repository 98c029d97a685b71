//! `doctor`: looks for what is wrong with the stored consent, the policy, the directory, its lock, its data and the
//! files beside them, and says what to do about each. It repairs and makes nothing; it takes the lock for a moment, to
//! see whether it can. The records themselves are `data`'s business; whether they are complete and unaltered is not
//! checked.

mod data;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use self::data::{about_data, about_secrets};
use super::exit::Exit;
use super::facts::count;
use super::failure::Failure;
use super::owner::{self, OwnedByOther};
use super::place::Place;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::secret_names::{SecretName, SecretNames};
use super::status::COPIED;
use super::stuck;
use localtel::internal::clock;
use localtel::internal::consent::{InstallationOrigin, StoredConsent};
use localtel::internal::directory::Profile;
use localtel::internal::environment::Environment;
use localtel::internal::history::StoredHistory;
use localtel::internal::policy::owner::OwnerFile;
use localtel::internal::release::Release;
use localtel::internal::store::disk::{Access, Directory, OpenError};
use localtel::internal::store::lock::{Extent, is_stuck};
use localtel::internal::store::segment::FileName;

/// How to show what was found.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
}

/// Looks for what is wrong, and ends with [`Exit::Findings`] if something is.
pub(crate) fn run(
    place: &Place,
    args: &DoctorArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut secret_names = SecretNames::default();
    let findings = examine(place, environment, &mut secret_names, screen);
    if args.json {
        let secret_names = secret_names.report();
        let report = DoctorReport {
            findings: &findings,
            secret_names,
        };
        let text = serde_json::to_string(&report)
            .map_err(|error| Failure::failed(format!("could not write JSON: {error}")))?;
        writeln!(screen.stdout, "{text}")?;
    } else {
        if findings.is_empty() {
            writeln!(screen.stdout, "nothing is wrong")?;
        }
        for Finding { what, next, .. } in &findings {
            let next = place.host.in_own_words(next);
            writeln!(
                screen.stdout,
                "{}; next: {}",
                Sanitized(what),
                Sanitized(&next)
            )?;
        }
        if let Some(masked) = secret_names.masked() {
            let command = place.command("policy property NAME keep");
            writeln!(
                screen.stdout,
                "masked, because the name says that the text is a secret: {masked}; to keep one: {}",
                Sanitized(&command)
            )?;
        }
    }
    Ok(if findings.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// What was found, for programs.
#[derive(Debug, Serialize)]
struct DoctorReport<'a> {
    findings: &'a [Finding],
    /// The names that say that their texts are secrets, and how many of those are recorded in clear.
    secret_names: Vec<SecretName<'a>>,
}

/// Something that is wrong, and what to do about it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    kind: FindingKind,
    what: String,
    next: String,
}

/// What is wrong, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum FindingKind {
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

fn examine(
    place: &Place,
    environment: &Environment,
    secret_names: &mut SecretNames,
    screen: &Screen<'_>,
) -> Vec<Finding> {
    let path = place.path();
    let stored = StoredConsent::read_at(&path);
    let directory = match Directory::open(&path, Access::Read) {
        Ok(directory) => directory,
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            // Whatever is stored for all profiles, and the variable, still decide.
            return about_consent(place, &stored, environment, screen);
        }
        Err(error) => {
            let owned = owner::of_opening(&error, &path, place);
            return vec![owned.map_or_else(|| about_opening(&path, error), about_owner)];
        }
    };
    let owned = owner::look(&directory, place);
    // What is said of its owner explains the rest.
    let is_own = owned.is_empty();
    let mut findings: Vec<Finding> = owned.into_iter().map(about_owner).collect();
    findings.extend(about_consent(place, &stored, environment, screen));
    if is_own {
        findings.extend(about_permissions(&directory));
    }
    findings.extend(about_files(&directory));
    if is_own && stored.origin_at(&path) == InstallationOrigin::Elsewhere {
        let step = format!("localtel {} reset", place.words());
        findings.push(Finding::new(FindingKind::Copied, COPIED, step));
    }
    findings.extend(about_policy(place, &path));
    let floor = Extent::peek(&directory).map(|extent| extent.floor);
    if is_own {
        // A removal that was under way when the floor was read is complete once the lock was free.
        findings.extend(about_lock(&directory));
    }
    findings.extend(stuck::look(&directory, floor).into_iter().map(
        |stuck::StuckFinding { what, next }| Finding::new(FindingKind::Unremovable, what, next),
    ));
    findings.extend(
        about_data(&path, secret_names, screen.now).unwrap_or_else(|error| {
            let step = "look at the directory as its owner";
            vec![Finding::new(FindingKind::Directory, error.chain(), step)]
        }),
    );
    findings.extend(about_secrets(place, &path, secret_names));
    findings.extend(about_history(&path));
    findings.extend(about_release(&path));
    findings
}

/// Looks whether what the owner forbids is known.
fn about_policy(place: &Place, path: &Path) -> Option<Finding> {
    let owner = OwnerFile::read_at(path);
    let what = format!(
        "{}; nothing is recorded until it is fixed",
        owner.problem()?
    );
    let file = path.join(FileName::Policy.to_string());
    let step = format!(
        "fix {}; `{}` says whether it can be understood",
        file.display(),
        place.command("policy")
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

/// Looks at everyone who has a say and cannot be understood.
fn about_consent(
    place: &Place,
    stored: &StoredConsent,
    environment: &Environment,
    screen: &Screen<'_>,
) -> Vec<Finding> {
    let words = place.words();
    let for_all = StoredConsent::read_for_all_at(&place.base);
    let decision = place.decide(environment, stored, screen.now);
    let step = |problem: &String| match problem {
        problem if stored.problem().as_ref() == Some(problem) => step_for(
            stored,
            &format!("{words} enable"),
            &format!("{words} disable"),
        ),
        problem if for_all.problem().as_ref() == Some(problem) => {
            let default = Place {
                profile: Profile::default(),
                ..place.clone()
            };
            let all = |choice| format!("{} {choice} --all-profiles", default.words());
            step_for(&for_all, &all("enable"), &all("disable"))
        }
        _ => "set the variable to one of these words, or unset it".to_owned(),
    };
    let mut findings: Vec<Finding> = decision
        .problems
        .iter()
        .map(|problem| Finding::new(FindingKind::Consent, problem.clone(), step(problem)))
        .collect();
    if stored
        .first_use()
        .is_some_and(|first| first.seen > screen.now)
    {
        findings.push(Finding::new(
            FindingKind::Clock,
            "the first use is remembered for a time that has not come yet, so the grace does not run",
            format!("set the clock, or decide: `localtel {words} enable` or `disable`"),
        ));
    }
    findings
}

fn step_for(stored: &StoredConsent, enable: &str, disable: &str) -> String {
    match stored {
        StoredConsent::Newer { .. } => "install the localtel that wrote it".to_owned(),
        StoredConsent::Unreadable { .. } => "let its owner read it".to_owned(),
        StoredConsent::Missing
        | StoredConsent::Known(_)
        | StoredConsent::Empty { .. }
        | StoredConsent::Damaged { .. } => {
            format!("decide anew: `localtel {enable}` or `localtel {disable}`")
        }
    }
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
    match is_stuck(directory, clock::deadline(LOCK_PATIENCE)) {
        Ok(false) => None,
        Ok(true) => Some(Finding::new(
            FindingKind::Lock,
            "a process holds the lock and does not let go, so nothing is recorded",
            "find it with `fuser` or `lsof` on the file `lock`; resume or end it",
        )),
        Err(error) => Some(Finding::new(
            FindingKind::Lock,
            format!("the file `lock` cannot be locked: {error}"),
            "remove it if it is no plain file of yours; it is made anew",
        )),
    }
}

/// What a file that announces a release looks like.
const RELEASE_FORM: &str =
    r#"remove it, or write {"version":"1.3.0","released":"2026-11-01","notes":"what is new"}"#;

/// A writer holds the lock for well under a millisecond; who holds it for so long does not let go.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// Examples for `doctor`.
pub(crate) const EXAMPLES: &str = "\
Prints a line for each finding with the next step, and ends with 3 if there is one. \
It repairs nothing: what to do with your data is yours to decide.

Examples:
  localtel --app myapp doctor
  localtel doctor --json | jq -r '.findings[].kind'";
