//! `status`: whether events are recorded, who decided that, where they lie, what is there, and whether there is
//! a newer release of the application. It makes and changes nothing.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::exit::Exit;
use super::facts::{count, size};
use super::failure::Failure;
use super::host::Host;
use super::place::Place;
use super::rules::{OwnerReport, OwnerState};
use super::sanitize::Sanitized;
use super::screen::Screen;
use localtel::internal::consent::{Consent, Decision, InstallationOrigin, StoredConsent, rough};
use localtel::internal::environment::Environment;
use localtel::internal::history::History;
use localtel::internal::policy::owner::OwnerFile;
use localtel::internal::record::{Level, format_timestamp};
use localtel::internal::release::Release;
use localtel::internal::summary::Summary;

/// What to show of the status.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
}

/// Says whether events are recorded and why, where they lie and what is there, and makes nothing.
pub(crate) fn run(
    place: &Place,
    args: &StatusArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let path = place.path();
    let stored = StoredConsent::read_at(&path);
    let decision = place.decide(environment, &stored, screen.now);
    let mut report = StatusReport::new(place, &path, &stored, &decision);
    report.copied = match stored.origin_at(&path) {
        InstallationOrigin::Here => Some(false),
        InstallationOrigin::Elsewhere => Some(true),
        InstallationOrigin::Unknown => None,
    };
    match Summary::read(&path) {
        Ok(summary) => report.storage = Some(summary),
        // That nothing was ever recorded is no problem.
        Err(error) if error.is_not_found() => {}
        Err(error) => report.storage_problem = Some(error.chain()),
    }
    match Release::read_at(&path) {
        Ok(release) => report.update = release.and_then(|new| Update::new(new, place, &path)),
        Err(problem) => report.update_problem = Some(problem.to_string()),
    }
    if args.json {
        let text = serde_json::to_string(&report)
            .map_err(|error| Failure::failed(format!("could not write JSON: {error}")))?;
        writeln!(screen.stdout, "{text}")?;
    } else {
        report.print(&place.host, screen.stdout)?;
    }
    Ok(Exit::Done)
}

/// The status, with keys that stay.
#[derive(Debug, Serialize)]
struct StatusReport {
    /// `enabled`, `disabled` or `undecided`.
    status: String,
    /// The installation id, once there is one.
    uuid: Option<String>,
    /// Who decided.
    decided_by: StatusDecidedBy,
    /// Whether nothing stored can change it.
    locked: bool,
    /// Who wanted something else.
    overruled: Vec<OverruledWish>,
    /// What could not be understood and counts as disabled.
    problems: Vec<String>,
    /// The lowest level of what is recorded from `tracing`; absent where only the application knows.
    level: Option<Level>,
    /// What the owner's `policy.toml` amounts to; where it is damaged nothing is recorded.
    policy: OwnerReport,
    /// The stored choice, whether or not it decided.
    stored: Option<StoredChoice>,
    /// The choice stored for all profiles, whether or not it decided.
    stored_for_all: Option<StoredChoice>,
    /// When an application that waits for a grace was first used.
    first_seen: Option<String>,
    /// How many seconds of the grace remain, rounded up; nothing is recorded in them.
    grace_left_seconds: Option<u64>,
    /// Whether the directory was made on another machine or by another user, if it says so.
    copied: Option<bool>,
    /// Whose telemetry it is; absent where nothing says so.
    source: Option<String>,
    /// Which set of it.
    profile: String,
    /// Where it lies.
    directory: String,
    /// Whether there is anything yet.
    directory_exists: bool,
    /// What is there.
    storage: Option<Summary>,
    /// Why what is there cannot be read.
    storage_problem: Option<String>,
    /// The release that the owner announced, if it is newer than what is in use.
    update: Option<Update>,
    /// Why what the owner announced cannot be understood.
    update_problem: Option<String>,
}

/// A release that is newer than what is in use.
#[derive(Debug, Serialize)]
struct Update {
    version: String,
    released: Option<String>,
    notes: Option<String>,
    /// What is in use: the version of the application that runs the command, or that recorded last.
    current: String,
}

impl Update {
    /// Returns nothing if it is no newer, or nobody knows what is in use.
    fn new(release: Release, place: &Place, path: &Path) -> Option<Self> {
        let current = match place.host.version() {
            Some(version) => version.to_owned(),
            None => History::read_at(path).version?,
        };
        release.is_newer_than(&current).then_some(Self {
            version: release.version,
            released: release.released,
            notes: release.notes,
            current,
        })
    }

    fn print(&self, host: &Host, out: &mut dyn Write) -> io::Result<()> {
        let released = match &self.released {
            Some(released) => format!(" (released {released})"),
            None => String::new(),
        };
        let current = match host.version() {
            Some(version) => format!("this is {version}"),
            None => format!("{} recorded last", self.current),
        };
        let text = format!("{} is out{released}, {current}", self.version);
        writeln!(out, "update: {}", Sanitized(&text))
    }
}

/// Who decided, for machines and for people.
#[derive(Debug, Serialize)]
struct StatusDecidedBy {
    kind: &'static str,
    text: String,
}

/// What somebody wanted who was overruled.
#[derive(Debug, Serialize)]
struct OverruledWish {
    kind: &'static str,
    text: String,
    consent: String,
}

/// The stored choice.
#[derive(Debug, Serialize)]
struct StoredChoice {
    consent: String,
    decided: Option<String>,
    by: Option<String>,
}

impl StoredChoice {
    fn of(stored: &StoredConsent) -> Option<Self> {
        stored.known().map(|choice| Self {
            consent: choice.consent.to_string(),
            decided: choice.decided.clone(),
            by: choice.by.clone(),
        })
    }
}

/// Rounds up: it is never over before that.
fn whole_seconds(left: Duration) -> u64 {
    left.as_secs()
        .saturating_add(u64::from(left.subsec_nanos() > 0))
}

impl StatusReport {
    fn new(place: &Place, path: &Path, stored: &StoredConsent, decision: &Decision) -> Self {
        Self {
            status: decision.state.to_string(),
            uuid: stored.installation().map(|own| own.id.to_string()),
            decided_by: StatusDecidedBy {
                kind: decision.decided_by.kind(),
                text: decision.decided_by.to_string(),
            },
            locked: decision.is_locked,
            overruled: decision
                .overruled
                .iter()
                .map(|overruled| OverruledWish {
                    kind: overruled.by.kind(),
                    text: overruled.by.to_string(),
                    consent: overruled.wanted.to_string(),
                })
                .collect(),
            problems: decision.problems.clone(),
            level: place.host.level(),
            policy: OwnerReport::of(&OwnerFile::read_at(path)),
            stored: StoredChoice::of(stored),
            stored_for_all: StoredChoice::of(&StoredConsent::read_for_all_at(&place.base)),
            first_seen: stored
                .first_use()
                .filter(|_| decision.state == Consent::Undecided)
                .map(|first_use| format_timestamp(first_use.seen)),
            grace_left_seconds: decision.grace_left.map(whole_seconds),
            copied: None,
            source: place.name().map(ToString::to_string),
            profile: place.profile.to_string(),
            directory: path.display().to_string(),
            directory_exists: localtel::internal::store::elsewhere::is_directory(path),
            storage: None,
            storage_problem: None,
            update: None,
            update_problem: None,
        }
    }

    fn print(&self, host: &Host, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "status: {}", self.status)?;
        writeln!(out, "uuid: {}", self.uuid.as_deref().unwrap_or("none"))?;
        writeln!(out, "decided by: {}{}", self.decided_by.text, self.when())?;
        for overruled in &self.overruled {
            writeln!(out, "overruled: {} ({})", overruled.text, overruled.consent)?;
        }
        writeln!(out, "locked: {}", if self.locked { "yes" } else { "no" })?;
        for problem in &self.problems {
            writeln!(out, "problem: {}", Sanitized(problem))?;
        }
        if let Some(level) = self.level {
            writeln!(out, "level: {level}")?;
        }
        match self.policy.owner {
            OwnerState::Missing | OwnerState::Open => {}
            OwnerState::Narrows => writeln!(out, "policy: policy.toml narrows what is recorded")?,
            OwnerState::Damaged => {
                let problem = Sanitized(self.policy.problem.as_deref().unwrap_or_default());
                writeln!(
                    out,
                    "policy: {problem}; nothing is recorded until it is fixed"
                )?;
            }
        }
        let unknown = "unknown, for the directory does not say it";
        let source = self.source.as_deref().unwrap_or(unknown);
        writeln!(out, "source: {source}")?;
        writeln!(out, "profile: {}", self.profile)?;
        let missing = if self.directory_exists {
            ""
        } else {
            " (not there yet)"
        };
        writeln!(out, "directory: {}{missing}", Sanitized(&self.directory))?;
        match (self.grace_left_seconds, &self.first_seen) {
            (Some(seconds), _) => {
                writeln!(out, "grace: {} left", rough(Duration::from_secs(seconds)))?;
            }
            (None, Some(_)) => {
                writeln!(out, "grace: over, events are recorded until you decide")?;
            }
            (None, None) => {}
        }
        if self.copied == Some(true) {
            writeln!(out, "copied: {}", host.in_own_words(COPIED))?;
        }
        if let Some(update) = &self.update {
            update.print(host, out)?;
        }
        if let Some(problem) = &self.update_problem {
            writeln!(out, "update: unknown: {}", Sanitized(problem))?;
        }
        if let Some(problem) = &self.storage_problem {
            writeln!(out, "storage: unreadable: {}", Sanitized(problem))?;
        }
        self.storage
            .as_ref()
            .map_or(Ok(()), |storage| print_storage(out, storage))
    }

    /// Says when and by what the stored choice was made, where it is the one that holds.
    fn when(&self) -> String {
        let kept = match self.decided_by.kind {
            "choice" => self.stored.as_ref(),
            "choice_for_all" => self.stored_for_all.as_ref(),
            _ => None,
        };
        let parts: Vec<&str> = kept
            .into_iter()
            .flat_map(|kept| [kept.by.as_deref(), kept.decided.as_deref()])
            .flatten()
            .collect();
        if parts.is_empty() {
            String::new()
        } else {
            Sanitized(&format!(" ({})", parts.join(", "))).to_string()
        }
    }
}

fn print_storage(out: &mut dyn Write, storage: &Summary) -> io::Result<()> {
    let segments = storage.segments.len() as u64;
    writeln!(out, "segments: {} ({})", segments, size(storage.bytes))?;
    writeln!(out, "records: {}", storage.records)?;
    if let (Some(first), Some(last)) = (storage.first, storage.last) {
        writeln!(out, "first: {first}")?;
        writeln!(out, "last: {last}")?;
    }
    let sessions = storage.sessions;
    let more = if sessions.is_cut_short {
        "more than "
    } else {
        ""
    };
    writeln!(
        out,
        "sessions: {more}{}, {} running, {} without an end",
        sessions.count, sessions.running, sessions.without_end
    )?;
    if sessions.left_to_parents > 0 {
        let left = count(sessions.left_to_parents, "event");
        writeln!(out, "forks: {left} left to parent processes to record")?;
    }
    let losses = storage.losses;
    writeln!(
        out,
        "lost: {} dropped, {} refused, {} failed",
        losses.dropped, losses.refused, losses.failed
    )?;
    if losses.dropped > 0 {
        writeln!(out, "to drop none: {AGAINST_DROPS}")?;
    }
    writeln!(out, "damage: {}", count(storage.damage, "unreadable item"))
}

/// What a copied home means and what to do.
pub(crate) const COPIED: &str = "this directory was made on another machine or by another user; `localtel reset` removes its id";

/// What an application can do that must not drop events.
pub(crate) const AGAINST_DROPS: &str =
    "in the application, `Overflow::Block` waits for room and `Limits::buffer_bytes` makes more";

/// Examples for `status`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  localtel status
  localtel --app myapp status --json | jq -r .status";
