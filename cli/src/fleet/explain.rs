//! `explain` of a tree: what `explain` said on each machine at its last export, and the consent
//! then. Neither is known of later times.

use serde::Serialize;
use serde_json::Value;

use localtel::read::Timestamp;
use localtel_bundle::manifest::BundleConsent;

use super::super::document::document;
use super::super::exit::Exit;
use super::super::explain::ExplainArgs;
use super::super::failure::Failure;
use super::super::files;
use super::super::sanitize::Sanitized;
use super::super::screen::Screen;
use super::super::selection::TreeLogs;
use super::super::time::moment;
use super::hosts::{HostState, LogState};
use super::status::word;

/// Prints what was explained, as one JSON object on a line for each log, or in words what is known.
pub(super) fn run(
    tree: &TreeLogs,
    args: &ExplainArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let zone = args.zone.zone(screen)?;
    for host in HostState::all(tree)? {
        for state in &host.logs {
            let imported = state.imported.as_ref();
            let exported = ExportedExplanation {
                host: &host.host,
                application: state.log.application.as_str(),
                profile: state.log.profile.as_str(),
                log: state.log.log.to_string(),
                exported: imported.map(|imported| imported.newest.created),
                consent: imported.map(|imported| &imported.consent),
                explain: stored(state),
            };
            if args.json {
                screen.stdout.write_all(&document(&exported)?)?;
            } else {
                let shown = |time| zone.text(moment(time)).to_string();
                let lines = exported.lines(&state.recorder(), shown);
                for line in lines {
                    writeln!(screen.stdout, "{}", Sanitized(&line))?;
                }
            }
        }
    }
    if !args.json {
        let json = tree.command("explain --json");
        screen.print_message(format_args!(
            "what was explained then: `{}`",
            Sanitized(&json)
        ));
    }
    Ok(Exit::Done)
}

/// What was explained on a machine.
#[derive(Debug, Serialize)]
struct ExportedExplanation<'a> {
    host: &'a str,
    application: &'a str,
    profile: &'a str,
    log: String,
    /// When, by the clock of the machine.
    exported: Option<Timestamp>,
    consent: Option<&'a BundleConsent>,
    /// The document of `explain --json`; `None` if it is lost.
    explain: Option<Value>,
}

impl ExportedExplanation<'_> {
    fn lines(&self, recorder: &str, shown: impl Fn(Timestamp) -> String) -> Vec<String> {
        let mut lines = vec![format!("== {} {recorder}", self.host)];
        match (self.exported, self.consent) {
            (Some(exported), Some(consent)) => {
                let decided = consent
                    .decided
                    .map(|time| format!(", decided {}", shown(time)));
                lines.push(format!(
                    "consent at the export of {}: {} ({}{})",
                    shown(exported),
                    word(consent.decision),
                    consent.source,
                    decided.unwrap_or_default()
                ));
            }
            (_, _) => lines.push("consent: not known, since the facts are lost".to_owned()),
        }
        lines
    }
}

/// Reads what was explained on the machine.
fn stored(state: &LogState) -> Option<Value> {
    let path = state.log.path.join(EXPLAIN_FILE);
    let bytes = files::read_regular(&path, EXPLAIN_BYTES_MAX).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// The file with what was explained, as imports name it.
const EXPLAIN_FILE: &str = "explain.json";

/// More than any explanation has.
const EXPLAIN_BYTES_MAX: u64 = 16 << 20;
