//! `profiles`: lists the profiles of an application, each with its consent, installation id and
//! size. It changes nothing. `status` shows one profile in detail.

use localtel::admin::{Location, Status};

use super::exit::Exit;
use super::failure::Failure;
use super::host::called;
use super::quantity::size;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::time::{ZoneArgs, moment};

/// Arguments of `profiles`.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfilesArgs {
    /// Print one JSON array, for programs
    #[arg(id = "localtel.json", long = "json")]
    pub(crate) json: bool,
    /// Do this for each application that has telemetry
    #[arg(id = "localtel.all", long = "all")]
    pub(crate) all: bool,
    /// The zone of times, except in JSON.
    #[command(flatten)]
    zone: ZoneArgs,
}

/// Lists the profiles, the default one first.
pub(crate) fn run(
    location: &Location,
    args: &ProfilesArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let zone = args.zone.zone(screen)?;
    let profiles = location.profiles()?;
    let rows: Vec<Status> = profiles.iter().map(Location::status).collect();
    if args.json {
        writeln!(screen.stdout, "{}", serde_json::to_string(&rows)?)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        screen.print_message(format_args!(
            "{}: no profile of {location} has a directory yet",
            called(location),
        ));
        return Ok(Exit::Done);
    }
    let names = rows.iter().map(|row| row.profile.len());
    let width = names.max().unwrap_or(0).max(HEADING.len());
    writeln!(
        screen.stdout,
        "{HEADING:width$}  STATUS     RECORDING  UUID                                       SIZE  LAST RECORD"
    )?;
    for row in rows {
        let uuid = row
            .uuid
            .map_or_else(|| "none".to_owned(), |uuid| uuid.to_string());
        let (bytes, last) = match (&row.storage_problem, &row.storage) {
            (Some(problem), _) => (String::new(), Sanitized(problem).to_string()),
            (None, storage) => {
                let bytes = storage.as_ref().map_or(0, |storage| storage.bytes);
                let last = storage.as_ref().and_then(|storage| storage.last);
                let shown = |last| zone.text(moment(last)).to_string();
                let last = last.map_or_else(|| "none".to_owned(), shown);
                (size(bytes), last)
            }
        };
        writeln!(
            screen.stdout,
            "{:width$}  {:9}  {:9}  {uuid:36}  {bytes:>9}  {last}",
            row.profile, row.status, row.answer.recording
        )?;
    }
    Ok(Exit::Done)
}

/// The heading of the first column.
const HEADING: &str = "PROFILE";

/// Examples for `profiles`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  localtel --app myapp profiles
  localtel profiles --json | jq -r '.[] | select(.status == \"enabled\") | .profile'";
