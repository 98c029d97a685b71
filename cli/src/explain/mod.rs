//! `explain`: tells a person what is recorded here and what never is, where it lies, for how long, who can
//! read it, how to stop it and how to remove it, and lists what was recorded so far. It makes and changes
//! nothing. The sentences are `text`'s, what was recorded so far is `inventory`'s, what becomes
//! of it under the policy is `verdict`'s; the facts for programs are `report`'s; here they are gathered.

mod inventory;
mod report;
#[cfg(test)]
mod tests;
mod text;
mod verdict;

use std::io;
use std::path::{Path, PathBuf};

use self::inventory::Inventory;
use self::report::ExplainReport;
use self::verdict::PolicyView;
use super::exit::Exit;
use super::failure::Failure;
use super::host::Host;
use super::place::Place;
use super::sanitize::SafeJson;
use super::screen::Screen;
use localtel::internal::consent::{Consent, DecidedBy, Decision, StoredConsent};
use localtel::internal::environment::Environment;
use localtel::internal::policy::owner::OwnerFile;
use localtel::internal::record::LINE_SCHEMA;
use localtel::internal::store::disk::{Access, Directory, OpenError};
use localtel::internal::store::limits::Limits;

/// What to tell.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Print one JSON object, for programs
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.schema"
    )]
    json: bool,
    /// Print a JSON Schema of the recorded lines
    #[arg(id = "localtel.schema", long = "schema")]
    schema: bool,
}

impl ExplainArgs {
    /// Returns `true` if it is about the format alone, whoever's telemetry is meant.
    pub(crate) fn is_of_no_place(&self) -> bool {
        self.schema
    }
}

/// Tells what is recorded, or prints the schema of its lines.
pub(crate) fn run(
    place: &Place,
    args: &ExplainArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if args.is_of_no_place() {
        return print_schema(screen);
    }
    let facts = Explanation::gather(place, environment, screen);
    if args.json {
        let text = serde_json::to_string(&ExplainReport::new(&facts))
            .map_err(|error| Failure::failed(format!("could not write JSON: {error}")))?;
        writeln!(screen.stdout, "{}", SafeJson(&text))?;
    } else {
        text::print(&facts, screen.stdout)?;
    }
    Ok(Exit::Done)
}

/// Prints the JSON Schema of a line of format 1.
pub(crate) fn print_schema(screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    screen.stdout.write_all(LINE_SCHEMA.as_bytes())?;
    Ok(Exit::Done)
}

/// All that is told.
#[derive(Debug)]
struct Explanation<'a> {
    place: &'a Place,
    path: PathBuf,
    decision: Decision,
    /// When and by what the stored choice was made, where it is the one that holds.
    chosen: Option<String>,
    recording: RecordingStatus,
    owner: OwnerFile,
    policies: PolicyView,
    limits: KnownLimits,
    openness: Openness,
    inventory: Option<Inventory>,
    problem: Option<String>,
}

/// Whether the application records when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordingStatus {
    /// It does.
    On,
    /// It does not.
    Off,
    /// Nobody decided, and what the application does then only the application knows.
    Unknown,
}

/// The limits, and how they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KnownLimits {
    /// The application itself says them.
    OfApplication(Limits),
    /// They hold unless the application says otherwise.
    Usual(Limits),
}

/// Who else may look into the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Openness {
    /// There is none.
    Missing,
    /// Nobody but its owner may look into it.
    Private,
    /// Others may do what these bits say.
    Open { mode_for_others: u32 },
    /// It cannot be looked at.
    Unknown,
}

impl<'a> Explanation<'a> {
    fn gather(place: &'a Place, environment: &Environment, screen: &Screen<'_>) -> Self {
        let path = place.path();
        let stored = StoredConsent::read_at(&path);
        let decision = place.decide(environment, &stored, screen.now);
        let (inventory, problem) = match Inventory::read(&path) {
            Ok(inventory) => (Some(inventory), None),
            // That nothing was ever recorded is no problem.
            Err(error) if error.is_not_found() => (None, None),
            Err(error) => (None, Some(error.chain())),
        };
        let owner = OwnerFile::read_at(&path);
        Self {
            recording: match owner.problem() {
                Some(_) => RecordingStatus::Off,
                None => RecordingStatus::of(place, &stored, &decision),
            },
            policies: PolicyView::new(&place.host, &owner),
            owner,
            limits: match &place.host {
                Host::Localtel => KnownLimits::Usual(Limits::default()),
                Host::Application(application) => {
                    KnownLimits::OfApplication(application.limits.clone())
                }
            },
            openness: Openness::of(&path),
            place,
            path,
            chosen: chosen(place, &stored, &decision),
            decision,
            inventory,
            problem,
        }
    }
}

/// Says when and by what the stored choice was made, where it is the one that holds.
fn chosen(place: &Place, stored: &StoredConsent, decision: &Decision) -> Option<String> {
    let for_all;
    let stored = match decision.decided_by {
        DecidedBy::Choice => stored,
        DecidedBy::ChoiceForAll => {
            for_all = StoredConsent::read_for_all_at(&place.base);
            &for_all
        }
        DecidedBy::Build
        | DecidedBy::Executable(_)
        | DecidedBy::DoNotTrack(_)
        | DecidedBy::Flag
        | DecidedBy::Variable { .. }
        | DecidedBy::Nobody
        | _ => return None,
    };
    let choice = stored.known()?;
    let parts: Vec<&str> = [choice.by.as_deref(), choice.decided.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl RecordingStatus {
    fn of(place: &Place, stored: &StoredConsent, decision: &Decision) -> Self {
        let is_up_to_application = decision.state == Consent::Undecided
            && place.host == Host::Localtel
            && stored.first_use().is_none();
        match decision.is_recording {
            true => Self::On,
            false if is_up_to_application => Self::Unknown,
            false => Self::Off,
        }
    }
}

impl KnownLimits {
    fn limits(&self) -> &Limits {
        match self {
            Self::OfApplication(limits) | Self::Usual(limits) => limits,
        }
    }
}

impl Openness {
    fn of(path: &Path) -> Self {
        match Directory::open(path, Access::Read) {
            Ok(directory) => match directory.mode_for_others() {
                Ok(0) => Self::Private,
                Ok(mode_for_others) => Self::Open { mode_for_others },
                Err(_) => Self::Unknown,
            },
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(_) => Self::Unknown,
        }
    }
}

/// Examples for `explain`.
pub(crate) const EXAMPLES: &str = "\
It makes and changes nothing, and works whether or not anything is recorded.

Examples:
  localtel explain
  localtel --app myapp explain --json | jq -r '.events[].event'
  localtel explain --schema > ../../../src/record/line.schema.json";
