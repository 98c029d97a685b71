//! The commands on consent: `status`, `enable`, `disable`, `reset`. What they say is here; who is obeyed
//! and what is stored is the library's `consent`.

use std::path::Path;

use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::screen::Screen;
use crate::consent::{self, Consent, Decision, Stored};
use crate::environment::Environment;

/// What to show of the status.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

/// Says whether events are recorded and why, and makes nothing.
pub(crate) fn status(
    place: &Place,
    args: &StatusArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let path = place.path();
    let stored = Stored::read_at(&path);
    let decision = place.decide(environment, &stored);
    let report = Report::new(place, &path, &stored, &decision);
    if args.json {
        let text = serde_json::to_string(&report)
            .map_err(|error| Failure::failed(format!("could not write JSON: {error}")))?;
        writeln!(screen.stdout, "{text}")?;
    } else {
        report.print(screen)?;
    }
    // The storage part, from `Summary::read(&path)`, takes its place here and in `Report`.
    Ok(Exit::Done)
}

/// The status, with keys that stay.
#[derive(Debug, Serialize)]
struct Report {
    /// `enabled`, `disabled` or `undecided`.
    status: String,
    /// The installation id, once there is one.
    uuid: Option<String>,
    /// Who decided.
    decided_by: By,
    /// Whether nothing stored can change it.
    locked: bool,
    /// Who wanted something else.
    overruled: Vec<Wanted>,
    /// What could not be understood and counts as disabled.
    problems: Vec<String>,
    /// The stored choice, whether or not it decided.
    stored: Option<Kept>,
    /// Whose telemetry it is.
    source: String,
    /// Which set of it.
    profile: String,
    /// Where it lies.
    directory: String,
    /// Whether there is anything yet.
    directory_exists: bool,
}

/// Who decided, for machines and for people.
#[derive(Debug, Serialize)]
struct By {
    kind: &'static str,
    text: String,
}

/// What somebody wanted who was overruled.
#[derive(Debug, Serialize)]
struct Wanted {
    kind: &'static str,
    text: String,
    consent: String,
}

/// The stored choice.
#[derive(Debug, Serialize)]
struct Kept {
    consent: String,
    decided: Option<String>,
    by: Option<String>,
}

impl Report {
    fn new(place: &Place, path: &Path, stored: &Stored, decision: &Decision) -> Self {
        let kept = match stored {
            Stored::Choice(choice) => Some(Kept {
                consent: choice.consent.to_string(),
                decided: choice.decided.clone(),
                by: choice.by.clone(),
            }),
            Stored::Missing | Stored::Damaged { .. } | Stored::Newer { .. } => None,
        };
        Self {
            status: decision.state.to_string(),
            uuid: stored.installation().map(|own| own.id.to_string()),
            decided_by: By {
                kind: decision.decided_by.kind(),
                text: decision.decided_by.to_string(),
            },
            locked: decision.is_locked,
            overruled: decision
                .overruled
                .iter()
                .map(|overruled| Wanted {
                    kind: overruled.by.kind(),
                    text: overruled.by.to_string(),
                    consent: overruled.wanted.to_string(),
                })
                .collect(),
            problems: decision.problems.clone(),
            stored: kept,
            source: place.source.to_string(),
            profile: place.profile.to_string(),
            directory: path.display().to_string(),
            directory_exists: path.is_dir(),
        }
    }

    fn print(&self, screen: &mut Screen<'_>) -> std::io::Result<()> {
        let out = &mut screen.stdout;
        writeln!(out, "status: {}", self.status)?;
        writeln!(out, "uuid: {}", self.uuid.as_deref().unwrap_or("none"))?;
        writeln!(out, "decided by: {}{}", self.decided_by.text, self.when())?;
        for overruled in &self.overruled {
            writeln!(out, "overruled: {} ({})", overruled.text, overruled.consent)?;
        }
        writeln!(out, "locked: {}", if self.locked { "yes" } else { "no" })?;
        for problem in &self.problems {
            writeln!(out, "problem: {}", plain(problem))?;
        }
        writeln!(out, "source: {}", self.source)?;
        writeln!(out, "profile: {}", self.profile)?;
        let missing = if self.directory_exists {
            ""
        } else {
            " (not there yet)"
        };
        writeln!(out, "directory: {}{missing}", plain(&self.directory))
    }

    /// Says when and by what the stored choice was made, where it is the one that holds.
    fn when(&self) -> String {
        let kept = self
            .stored
            .as_ref()
            .filter(|_| self.decided_by.kind == "choice");
        let parts: Vec<&str> = kept
            .into_iter()
            .flat_map(|kept| [kept.by.as_deref(), kept.decided.as_deref()])
            .flatten()
            .collect();
        if parts.is_empty() {
            String::new()
        } else {
            plain(&format!(" ({})", parts.join(", ")))
        }
    }
}

/// Files and paths can hold anything; nothing in them may move the cursor.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

/// Stores that recording is allowed.
pub(crate) fn enable(
    place: &Place,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    choose(
        place,
        Consent::Enabled,
        "localtel enable",
        environment,
        screen,
    )
}

/// Stores that recording is forbidden.
pub(crate) fn disable(
    place: &Place,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    choose(
        place,
        Consent::Disabled,
        "localtel disable",
        environment,
        screen,
    )
}

fn choose(
    place: &Place,
    wanted: Consent,
    by: &str,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let path = place.path();
    let before = consent::store_choice(&path, wanted, by, screen.now)?;
    if let Some(problem) = before.problem() {
        writeln!(screen.stderr, "localtel: replaced: {}", plain(&problem))?;
    }
    let decision = place.decide(environment, &Stored::read_at(&path));
    let effect = if decision.state == wanted {
        String::new()
    } else {
        let now = match decision.state {
            Consent::Enabled => "on",
            Consent::Disabled | Consent::Undecided => "off",
        };
        format!("; {now} for now because of {}", decision.decided_by)
    };
    writeln!(
        screen.stdout,
        "{wanted} for {} (profile {}): saved{effect}",
        place.source, place.profile
    )?;
    Ok(Exit::Done)
}

/// Makes a new installation id.
pub(crate) fn reset(place: &Place, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let path = place.path();
    let installation = consent::reset(&path).map_err(|error| {
        if Stored::read_at(&path).problem().is_some() {
            Failure::from(error).hint(format!(
                "`localtel {0} enable` or `localtel {0} disable` puts a new choice in its place",
                place.words()
            ))
        } else {
            Failure::from(error)
        }
    })?;
    writeln!(screen.stdout, "uuid: {}", installation.id)?;
    Ok(Exit::Done)
}

/// Examples for `status`.
pub(crate) const STATUS_EXAMPLES: &str = "\
Examples:
  localtel status
  localtel --app myapp status --json | jq -r .status";

/// Examples for `enable`.
pub(crate) const ENABLE_EXAMPLES: &str = "\
The choice is stored for one profile of one application. DO_NOT_TRACK, a flag \
of the application and the variable <APP>_TELEMETRY are stronger; `localtel status` says who decides.

Examples:
  localtel --app myapp enable
  localtel --app myapp --profile work enable";

/// Examples for `disable`.
pub(crate) const DISABLE_EXAMPLES: &str = "\
Examples:
  localtel --app myapp disable
  localtel --app myapp clear          also remove what was recorded";

/// Examples for `reset`.
pub(crate) const RESET_EXAMPLES: &str = "\
The id and the salt of the hashes are both replaced; the choice stays. Records that \
are already there keep the old id; `localtel clear` removes them.

Examples:
  localtel --app myapp reset";
