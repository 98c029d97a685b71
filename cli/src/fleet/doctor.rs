//! `doctor` of a tree: what is wrong with the records of each machine, and the next step. What is
//! wrong on a machine itself, its own `doctor` finds.

use serde::Serialize;

use super::super::cells::{LongWords, wrapped};
use super::super::doctor::DoctorArgs;
use super::super::document::document;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::sanitize::Sanitized;
use super::super::screen::Screen;
use super::super::selection::TreeLogs;
use super::hosts::{HostState, LogState};
use super::status::{long, missing};

/// Prints the findings, and returns [`Exit::Findings`] if there are any.
pub(super) fn run(
    tree: &TreeLogs,
    args: &DoctorArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    if tree.tree.is_unfinished()? {
        findings.push(TreeProblem {
            host: None,
            kind: ProblemKind::Unfinished,
            what: "an import did not finish, so some segments are missing".to_owned(),
            next: "run `localtel import` again".to_owned(),
        });
    }
    for host in HostState::all(tree)? {
        findings.extend(problems_of(&host));
    }
    if args.json {
        let found = FoundProblems {
            findings: &findings,
        };
        screen.stdout.write_all(&document(found)?)?;
    } else {
        let cells = screen.text_cells();
        if findings.is_empty() {
            writeln!(screen.stdout, "no problems found")?;
        }
        for problem in &findings {
            let host = problem.host.iter().map(|host| format!("{host}: "));
            let line = format!(
                "{}{}; next: {}",
                host.collect::<String>(),
                problem.what,
                problem.next
            );
            let line = Sanitized(&line).to_string();
            let shown = wrapped(&line, cells, 2, LongWords::Kept);
            writeln!(screen.stdout, "{shown}")?;
        }
    }
    Ok(if findings.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// The findings, for programs.
#[derive(Debug, Serialize)]
struct FoundProblems<'a> {
    findings: &'a [TreeProblem],
}

/// A problem in a tree, and its remedy.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct TreeProblem {
    /// The machine whose records it concerns.
    host: Option<String>,
    kind: ProblemKind,
    what: String,
    next: String,
}

/// The kind of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ProblemKind {
    /// An import has not moved all of its files.
    Unfinished,
    /// Segments are not in the tree.
    Missing,
    /// Two bundles have different bytes for a segment.
    Conflict,
    /// The clock of the machine was ahead.
    Clock,
    /// The facts that imports left are lost or cannot be read.
    Facts,
}

/// Returns the problems of a machine.
fn problems_of(host: &HostState) -> Vec<TreeProblem> {
    let mut found: Vec<(ProblemKind, String, String)> = Vec::new();
    for log in &host.logs {
        found.extend(problems_of_log(log));
    }
    if let Some(ahead) = host.clock_ahead_seconds_min() {
        let what = format!("its clock was ahead by {} at least", long(ahead));
        let next = "set its clock; its records keep their times".to_owned();
        found.push((ProblemKind::Clock, what, next));
    }
    found.extend(host.problems.iter().map(|problem| {
        let next = "import its newest bundle again".to_owned();
        (ProblemKind::Facts, problem.clone(), next)
    }));
    let problems = found.into_iter().map(|(kind, what, next)| TreeProblem {
        host: Some(host.host.clone()),
        kind,
        what,
        next,
    });
    problems.collect()
}

fn problems_of_log(log: &LogState) -> Vec<(ProblemKind, String, String)> {
    let name = log.recorder();
    let mut found = Vec::new();
    for gap in &log.gaps {
        let next = if gap.removed {
            "export more often than its limits remove segments"
        } else {
            "export without a range, and import that bundle"
        };
        let what = format!("{name} lacks {}", missing(gap));
        found.push((ProblemKind::Missing, what, next.to_owned()));
    }
    for conflict in &log.conflicts {
        let segment = conflict.segment;
        let what = format!("{name} has another version of segment {segment}");
        let file = conflict.file.display();
        let next = format!("compare it with {file}, and remove that file");
        found.push((ProblemKind::Conflict, what, next));
    }
    if log.imported.is_none() {
        let what = format!("{name} has no facts of its imports");
        let next = "import its newest bundle again".to_owned();
        found.push((ProblemKind::Facts, what, next));
    }
    found
}
