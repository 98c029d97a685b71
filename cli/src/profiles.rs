//! `profiles`: lists the profiles of an application, each with its consent, installation id and
//! size. It changes nothing. `status` shows one profile in detail.

use localtel::admin::{Location, Status};

use super::cells::{Padded, width};
use super::document::document;
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
    pub(crate) zone: ZoneArgs,
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
        let rows = document(serde_json::json!({ "profiles": rows }))?;
        screen.stdout.write_all(&rows)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        screen.print_message(format_args!(
            "{}: no profile of {location} has a directory yet",
            called(location),
        ));
        return Ok(Exit::Done);
    }
    let names = rows.iter().map(|row| width(&row.profile));
    let widest = names.max().unwrap_or(0).max(HEADING.len());
    writeln!(
        screen.stdout,
        "{}  STATUS     RECORDING  UUID           SIZE  LAST RECORD",
        Padded(HEADING, widest)
    )?;
    for row in rows {
        let uuid = row.uuid.map(|uuid| uuid.to_string());
        let uuid = uuid.as_deref().unwrap_or("none");
        // `status` and `--json` have all of it.
        let uuid = uuid.get(..UUID_LETTERS).unwrap_or(uuid);
        let (bytes, last) = match (&row.storage_problem, &row.storage) {
            (Some(problem), _) => (String::new(), Sanitized(problem).to_string()),
            (None, storage) => {
                let bytes = storage.as_ref().map_or(0, |storage| storage.bytes);
                let last = storage.as_ref().and_then(|storage| storage.last);
                let shown = |last| in_seconds(&zone.text(moment(last)).to_string());
                (size(bytes), last.map_or_else(|| "none".to_owned(), shown))
            }
        };
        writeln!(
            screen.stdout,
            "{}  {:9}  {:9}  {uuid:UUID_LETTERS$}  {bytes:>9}  {last}",
            Padded(&row.profile, widest),
            row.status,
            row.answer.recording
        )?;
    }
    Ok(Exit::Done)
}

/// Returns a time without the fraction of its second.
fn in_seconds(time: &str) -> String {
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    let zone = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{seconds}{zone}")
}

/// Number of letters of an installation id that are shown.
const UUID_LETTERS: usize = 8;

/// The heading of the first column.
const HEADING: &str = "PROFILE";

/// Examples for `profiles`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  localtel --app myapp profiles
  localtel profiles --json | jq -r '.profiles[] | [.profile, .status] | @tsv'";
