//! `report`: prints the deployment report as it would be recorded now, or the last one that was recorded. It
//! makes and changes nothing. What stands in a report is the library's business; here is what of it can be
//! known without the application running: from its builder where it embeds the commands, and from outside
//! only what lies in the directory.

use localtel::admin::Location;

use super::exit::Exit;
use super::failure::Failure;
use super::sanitize::SafeJson;
use super::screen::Screen;

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
    location: &Location,
    args: &ReportArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if args.last {
        return print_last(location, args, screen);
    }
    let report = location.report();
    if args.json {
        let text = serde_json::to_string(&report)?;
        writeln!(screen.stdout, "{}", SafeJson(&text))?;
    } else {
        writeln!(screen.stdout, "{report}")?;
    }
    if location.commands_called().is_none() {
        say_what_is_missing(location, screen);
    }
    Ok(Exit::Done)
}

/// Says where the rest is, which from outside is not known.
fn say_what_is_missing(location: &Location, screen: &mut Screen<'_>) {
    let application = location
        .name()
        .map_or("the application", |name| name.as_str());
    let last = match location.last_report() {
        Ok(Some(record)) => format!(
            "`{}` has what it said at {}",
            location.command("report --last"),
            record.timestamp
        ),
        Ok(None) | Err(_) => "it has recorded no report yet".to_owned(),
    };
    screen.say(format_args!(
        "localtel: made here and now; what only {application} knows is not in it: {last}"
    ));
}

fn print_last(
    location: &Location,
    args: &ReportArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let path = location.path();
    let Some(record) = location.last_report()? else {
        let message = format!("no report was recorded in {}", path.display());
        return Err(Failure::failed(message).hint(format!(
            "`{}` shows what would be recorded now",
            location.command("report")
        )));
    };
    let text = if args.json {
        serde_json::to_string(&record)?
    } else {
        serde_json::to_string_pretty(&record)?
    };
    // A line for a line, since a newline is what indents.
    for line in text.lines() {
        writeln!(screen.stdout, "{}", SafeJson(line))?;
    }
    Ok(Exit::Done)
}

/// Examples for `report`.
pub(crate) const EXAMPLES: &str = "\
It makes and changes nothing, and works whether or not anything is recorded.

Examples:
  localtel report
  localtel --app myapp report --json | jq .hardware
  localtel --app myapp report --last";
