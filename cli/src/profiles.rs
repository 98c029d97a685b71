//! `profiles`: the profiles of an application, each with what holds in it, its installation id, and how much
//! is there. It makes and changes nothing; what there is to one profile in detail is `status`'s.

use serde::Serialize;

use super::exit::Exit;
use super::facts::{self, size};
use super::failure::Failure;
use super::place::Place;
use super::sanitize::Sanitized;
use super::screen::Screen;
use localtel::internal::consent::StoredConsent;
use localtel::internal::environment::Environment;
use localtel::internal::record::format_timestamp;

/// What to show of the profiles.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfilesArgs {
    /// Print one JSON array, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
}

/// Lists the profiles, the default one first.
pub(crate) fn run(
    place: &Place,
    args: &ProfilesArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let rows: Vec<ProfileRow> = place
        .profiles()?
        .iter()
        .map(|place| ProfileRow::of(place, environment, screen))
        .collect();
    if args.json {
        let text = serde_json::to_string(&rows)
            .map_err(|error| Failure::failed(format!("could not write JSON: {error}")))?;
        writeln!(screen.stdout, "{text}")?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        screen.say(format_args!(
            "{}: no profile of {} has a directory yet",
            place.host.called(),
            place.called()
        ));
        return Ok(Exit::Done);
    }
    let names = rows.iter().map(|row| row.profile.len());
    let width = names.max().unwrap_or(0).max(HEADING.len());
    writeln!(
        screen.stdout,
        "{HEADING:width$}  STATUS     UUID                                       SIZE  LAST RECORD"
    )?;
    for row in rows {
        let uuid = row.uuid.as_deref().unwrap_or("none");
        let (bytes, last) = match (&row.problem, row.bytes) {
            (Some(problem), _) => (String::new(), Sanitized(problem).to_string()),
            (None, bytes) => (
                size(bytes.unwrap_or(0)),
                row.last.unwrap_or_else(|| "none".to_owned()),
            ),
        };
        writeln!(
            screen.stdout,
            "{:width$}  {:9}  {uuid:36}  {bytes:>9}  {last}",
            row.profile, row.status
        )?;
    }
    Ok(Exit::Done)
}

/// One profile, with keys that stay.
#[derive(Debug, Serialize)]
struct ProfileRow {
    /// The profile.
    profile: String,
    /// `enabled`, `disabled` or `undecided`.
    status: String,
    /// Who decided.
    decided_by: &'static str,
    /// The installation id, once there is one.
    uuid: Option<String>,
    /// Where it lies.
    directory: String,
    /// The size of all segments.
    bytes: Option<u64>,
    /// The time of the latest record.
    last: Option<String>,
    /// Why what is there cannot be read.
    problem: Option<String>,
}

impl ProfileRow {
    fn of(place: &Place, environment: &Environment, screen: &Screen<'_>) -> Self {
        let path = place.path();
        let stored = StoredConsent::read_at(&path);
        let decision = place.decide(environment, &stored, screen.now);
        let (bytes, last, problem) = match facts::read(&path) {
            Ok(segments) => (
                Some(segments.iter().map(|segment| segment.bytes).sum()),
                segments.iter().filter_map(|segment| segment.last).max(),
                None,
            ),
            Err(error) => (None, None, Some(error.chain())),
        };
        Self {
            profile: place.profile.to_string(),
            status: decision.state.to_string(),
            decided_by: decision.decided_by.kind(),
            uuid: stored.installation().map(|own| own.id.to_string()),
            directory: path.display().to_string(),
            bytes,
            last: last.map(format_timestamp),
            problem,
        }
    }
}

/// The heading of the first column.
const HEADING: &str = "PROFILE";

/// Examples for `profiles`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  localtel --app myapp profiles
  localtel profiles --json | jq -r '.[] | select(.status == \"enabled\") | .profile'";
