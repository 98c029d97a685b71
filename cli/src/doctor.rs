//! `doctor`: prints problems and the next step for each. The library's `admin` finds them.

use localtel::admin::{Environment, Finding, FindingKind, Findings, Location};

use super::cells::{LongWords, wrapped};
use super::document::document;
use super::exit::Exit;
use super::failure::Failure;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::suggestion::near;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    pub(crate) json: bool,
    /// Report a file system that is fuller than this, in percent
    #[arg(id = "localtel.full_at", long = "full-at", value_name = "PERCENT",
          default_value_t = 80, value_parser = clap::value_parser!(u8).range(..=100))]
    full_at: u8,
    /// Do this for each application that has telemetry
    #[arg(id = "localtel.all", long = "all")]
    pub(crate) all: bool,
}

/// Prints the findings, and returns [`Exit::Findings`] if there are any.
pub(crate) fn run(
    location: &Location,
    args: &DoctorArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut found = location.findings(args.full_at);
    if let (false, Some(near)) = (found.directory_exists, near(location, environment)) {
        let next = format!("did you mean `{}`?", near.command("doctor"));
        let name = Finding::new(FindingKind::Name, nothing_found(location), next);
        found.findings.insert(0, name);
    }
    if args.json {
        screen.stdout.write_all(&document(&found)?)?;
    } else {
        let cells = screen.text_cells();
        for line in lines_of(location, &found) {
            let line = Sanitized(&line).to_string();
            let shown = wrapped(&line, cells, 2, LongWords::Kept);
            writeln!(screen.stdout, "{shown}")?;
        }
    }
    Ok(if found.findings.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// Returns the problems with their next steps, and whether anything is recorded.
fn lines_of(location: &Location, found: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    match (found.findings.is_empty(), found.directory_exists) {
        (true, true) => lines.push("no problems found".to_owned()),
        (true, false) => lines.push(nothing_found(location)),
        (false, _) => {}
    }
    for Finding { what, next, .. } in &found.findings {
        lines.push(format!("{what}; next: {next}"));
    }
    if let Some(masked) = found.secret_names.masked() {
        let command = location.command("policy property NAME keep");
        let masked = format!("masked because their names suggest secrets: {masked}");
        lines.push(format!("{masked}; to keep one: {command}"));
    }
    let (recording, because) = (found.answer.recording, &found.answer.because);
    lines.push(format!("recording: {recording}, because {because}"));
    lines
}

fn nothing_found(location: &Location) -> String {
    let application = location.name().map(|name| format!(" for {name}"));
    format!(
        "no choice and no records{} in {}: the directory does not exist",
        application.unwrap_or_default(),
        location.path().display()
    )
}

/// Examples for `doctor`.
pub(crate) const EXAMPLES: &str = "\
Prints each problem with the next step on one line, and exits with 3 if there are any. It changes nothing. \
Names that were masked and a line on whether anything is recorded follow; they do not change the exit code. \
A finding on old records remains until their segment is removed, by the limits or by `localtel clear --before`.

Examples:
  localtel --app myapp doctor
  localtel doctor --full-at 95
  localtel doctor --json | jq -r '.findings[].kind'";
