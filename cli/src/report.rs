//! `report`: prints the deployment report as it would be recorded now, or the last one that was recorded. It
//! makes and changes nothing. What stands in a report is the library's business; here is what of it can be
//! known without the application running: from its builder where it embeds the commands, and from outside
//! only what lies in the directory.

use std::path::Path;

use super::exit::Exit;
use super::failure::Failure;
use super::host::Host;
use super::place::Place;
use super::sanitize::SafeJson;
use super::screen::Screen;
use localtel::internal::consent::{Installation, StoredConsent};
use localtel::internal::directory::Source;
use localtel::internal::encode::LineLimits;
use localtel::internal::environment::Environment;
use localtel::internal::error::Result;
use localtel::internal::history::History;
use localtel::internal::policy::owner::OwnerFile;
use localtel::internal::policy::{InForce, Policy, Secrets};
use localtel::internal::reader::Reader;
use localtel::internal::record::Record;
use localtel::internal::report::{Deployment, Machine, Parts, Report, ReportRecording};
use localtel::internal::store::limits::Limits;
use localtel::internal::store::volume::VolumeLimits;

/// Which report to show, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Print the last report that was recorded, instead of what would be recorded now
    #[arg(id = "localtel.last", long = "last")]
    last: bool,
    /// Print it on one line, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
}

/// Prints a report, and makes nothing.
pub(crate) fn run(
    place: &Place,
    args: &ReportArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> std::result::Result<Exit, Failure> {
    if args.last {
        return print_last(place, args, screen);
    }
    let report = fresh(place, environment, screen);
    if args.json {
        let text = serde_json::to_string(&report).map_err(no_json)?;
        writeln!(screen.stdout, "{}", SafeJson(&text))?;
    } else {
        writeln!(screen.stdout, "{report}")?;
    }
    match place.host {
        Host::Localtel => say_what_is_missing(place, screen),
        Host::Application(_) => {}
    }
    Ok(Exit::Done)
}

/// Makes the report from what is known here and now.
fn fresh(place: &Place, environment: &Environment, screen: &Screen<'_>) -> Report {
    let path = place.path();
    let stored = StoredConsent::read_at(&path);
    let history = History::read_at(&path);
    let decision = place.decide(environment, &stored, screen.now);
    let owner = OwnerFile::read_at(&path);
    let (told, version, limits, own) = match &place.host {
        Host::Localtel => {
            let limits = Limits::default();
            (Deployment::new(), history.version, limits, Policy::new())
        }
        Host::Application(application) => (
            application.deployment.clone(),
            application.version.clone(),
            application.limits.clone(),
            application.policy.clone(),
        ),
    };
    let limits = LineLimits::from(&limits);
    let installation = stored.installation();
    let policy = in_force(own, &owner, installation, environment);
    let recording = match owner.problem() {
        Some(problem) => ReportRecording::Off {
            because: problem.to_owned(),
        },
        None if decision.is_recording => ReportRecording::On.under(&policy),
        None => ReportRecording::Off {
            because: decision.reason(),
        },
    };
    Report::new(Parts {
        installation: installation.map(|installation| installation.id),
        installed: installation.and_then(|installation| installation.made),
        started: None,
        source: place.name().map_or("unknown", Source::as_str),
        version: version.as_deref(),
        deployment: &told,
        // Where it is not known nothing is recorded, as the report says.
        owner_metadata: &owner.into_metadata().unwrap_or_default(),
        machine: &Machine::look(environment),
        volumes: &told.volumes(VolumeLimits::default()),
        counters: serde_json::Value::Null,
        errors: &std::collections::BTreeMap::new(),
        since: history.reported,
        counted_since: None,
        recording: &recording,
        line_bytes_max: limits.line_bytes_max(),
        now: screen.now,
    })
    .under(&policy, limits)
}

/// Returns the policy that is in force when the application records.
fn in_force(
    application: Policy,
    owner: &OwnerFile,
    installation: Option<&Installation>,
    environment: &Environment,
) -> InForce {
    let home = environment.home();
    let home = home.as_deref().and_then(Path::to_str);
    let secrets = Secrets::new(home, environment.user().as_deref());
    let in_force = InForce::new(application, owner.policy().cloned(), secrets);
    match installation {
        Some(installation) => in_force.with_key(installation.hash_key()),
        None => in_force,
    }
}

/// Says where the rest is, which from outside is not known.
fn say_what_is_missing(place: &Place, screen: &mut Screen<'_>) {
    let application = place.name().map_or("the application", |name| name.as_str());
    let last = match last_recorded(&place.path()) {
        Ok(Some(record)) => format!(
            "`{}` has what it said at {}",
            place.command("report --last"),
            record.timestamp
        ),
        Ok(None) | Err(_) => "it has recorded no report yet".to_owned(),
    };
    screen.say(format_args!(
        "localtel: made here and now; what only {application} knows is not in it: {last}"
    ));
}

fn print_last(
    place: &Place,
    args: &ReportArgs,
    screen: &mut Screen<'_>,
) -> std::result::Result<Exit, Failure> {
    let path = place.path();
    let Some(record) = last_recorded(&path)? else {
        let message = format!("no report was recorded in {}", path.display());
        return Err(Failure::failed(message).hint(format!(
            "`{}` shows what would be recorded now",
            place.command("report")
        )));
    };
    let text = if args.json {
        serde_json::to_string(&record)
    } else {
        serde_json::to_string_pretty(&record)
    };
    let text = text.map_err(no_json)?;
    // A line for a line, since a newline is what indents.
    for line in text.lines() {
        writeln!(screen.stdout, "{}", SafeJson(line))?;
    }
    Ok(Exit::Done)
}

/// Returns the last report that was recorded, if there is one and it can be read.
fn last_recorded(path: &Path) -> Result<Option<Record>> {
    let mut reverse = match Reader::reverse(path) {
        Ok(reverse) => reverse,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut records = reverse.records().filter_map(Result::ok);
    Ok(records.find(|record| record.is_own() && record.event.as_deref() == Some("report")))
}

fn no_json(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("could not write JSON: {error}"))
}

/// Examples for `report`.
pub(crate) const EXAMPLES: &str = "\
It makes and changes nothing, and works whether or not anything is recorded.

Examples:
  localtel report
  localtel --app myapp report --json | jq .hardware
  localtel --app myapp report --last";
