//! `doctor`: prints what is wrong and what to do about each. What that is, is found by the library's `admin`.

use localtel::admin::{Finding, Findings, Location, RecordingAnswer, SecretName};
use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::sanitize::Sanitized;
use super::screen::Screen;

/// How to show what was found.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
}

/// Looks for what is wrong, and ends with [`Exit::Findings`] if something is.
pub(crate) fn run(
    location: &Location,
    args: &DoctorArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let Findings {
        answer,
        findings,
        secret_names,
        ..
    } = location.findings();
    if args.json {
        let report = DoctorReport {
            answer: &answer,
            findings: &findings,
            secret_names: secret_names.report(),
        };
        let text = serde_json::to_string(&report)
            .map_err(|error| Failure::failed(format!("could not write JSON: {error}")))?;
        writeln!(screen.stdout, "{text}")?;
    } else {
        let out = &mut *screen.stdout;
        if findings.is_empty() {
            writeln!(out, "nothing is wrong")?;
        }
        for Finding { what, next, .. } in &findings {
            writeln!(out, "{}; next: {}", Sanitized(what), Sanitized(next))?;
        }
        if let Some(masked) = secret_names.masked() {
            let command = location.command("policy property NAME keep");
            writeln!(
                out,
                "masked, because the name says that the text is a secret: {}; to keep one: {}",
                Sanitized(&masked),
                Sanitized(&command)
            )?;
        }
        let because = Sanitized(&answer.because);
        writeln!(out, "recording: {}, because {because}", answer.recording)?;
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
    #[serde(flatten)]
    answer: &'a RecordingAnswer,
    findings: &'a [Finding],
    /// The names that say that their texts are secrets, and how many of those are recorded in clear.
    secret_names: Vec<SecretName<'a>>,
}

/// Examples for `doctor`.
pub(crate) const EXAMPLES: &str = "\
Prints a line for each finding with the next step, and ends with 3 if there is one. \
It repairs nothing: what to do with your data is yours to decide.

Examples:
  localtel --app myapp doctor
  localtel doctor --json | jq -r '.findings[].kind'";
