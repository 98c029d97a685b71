//! `status` of a tree: a row for each machine or, of one machine, what is known of each of its
//! logs. Whether something is recorded is only known on the machine itself; here is what its last
//! export said.

use std::collections::BTreeSet;

use localtel::read::Timestamp;
use localtel_bundle::manifest::ConsentDecision;
use localtel_bundle::tree::HostImport;
use serde::Serialize;

use super::super::cells::{LongWords, wrapped};
use super::super::document::document;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::grid::{Grid, Side};
use super::super::quantity::{count, size};
use super::super::sanitize::Sanitized;
use super::super::screen::{OutputKind, Screen};
use super::super::selection::TreeLogs;
use super::super::status::StatusArgs;
use super::super::time::{Zone, moment};
use super::gaps::SegmentGap;
use super::hosts::{HostState, LogState};

/// Prints a table of the machines, all that is known of the only one, or a JSON object on a line
/// for each.
pub(super) fn run(
    tree: &TreeLogs,
    args: &StatusArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let zone = args.zone.zone(screen)?;
    let hosts = HostState::all(tree)?;
    if args.json {
        for host in &hosts {
            screen.stdout.write_all(&document(HostStatus::of(host))?)?;
        }
        return Ok(Exit::Done);
    }
    let cells = match screen.sink {
        OutputKind::Terminal => screen.cells(),
        OutputKind::Pipe => PIPE_CELLS,
    };
    if let [only] = hosts.as_slice() {
        let cells = screen.text_cells();
        for line in lines_of_one(only, zone) {
            let shown = wrapped(&Sanitized(&line).to_string(), cells, 2, LongWords::Kept);
            writeln!(screen.stdout, "{shown}")?;
        }
    } else {
        for line in lines_of_all(&hosts, zone, cells) {
            writeln!(screen.stdout, "{line}")?;
        }
    }
    Ok(Exit::Done)
}

/// The width of the output in pipes.
const PIPE_CELLS: usize = 80;

/// The most rows of the table: those with findings come first.
const ROWS_MAX: usize = 40;

/// Returns the sums, and a row for each machine: those with findings first, then those that
/// recorded nothing for the longest time.
fn lines_of_all(hosts: &[HostState], zone: Zone, cells: usize) -> Vec<String> {
    let mut lines = vec![sums(hosts)];
    let silent = hosts.iter().filter(|host| host.is_silent()).count();
    if silent > 0 {
        let machines = count(silent as u64, "machine");
        lines.push(format!(
            "silent: {machines}, without a record in the day before the last export"
        ));
    }
    let mut rows: Vec<&HostState> = hosts.iter().collect();
    rows.sort_by_key(|host| (!host.has_findings(), host.last_record()));
    let has_marks = rows.iter().any(|host| !marks(host).is_empty());
    let mut grid = Grid::new(
        [
            ("HOST", Side::LeftCut),
            ("APPS", Side::Right),
            ("SIZE", Side::Right),
            ("LAST RECORD", Side::Left),
            ("IMPORTED", Side::Left),
            ("FINDINGS", Side::LeftCut),
        ]
        .into_iter()
        .take(if has_marks { 6 } else { 5 }),
    );
    for host in rows.iter().take(ROWS_MAX) {
        let applications: BTreeSet<String> = host.logs.iter().map(LogState::recorder).collect();
        let row = [
            host.host.clone(),
            applications.len().to_string(),
            size(host.bytes()),
            shown(host.last_record(), zone, MINUTE),
            shown(host.last_import(), zone, DAY),
            marks(host),
        ];
        grid.push(row.into_iter().take(if has_marks { 6 } else { 5 }));
    }
    lines.extend(grid.lines(cells));
    let more = rows.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        lines.push(format!(
            "and {more} more: `--json` lists all, --host NAME shows one"
        ));
    }
    lines
}

/// Returns a line about all machines.
fn sums(hosts: &[HostState]) -> String {
    let logs = hosts.iter().flat_map(|host| &host.logs);
    let applications: BTreeSet<&str> = logs.map(|log| log.log.application.as_str()).collect();
    let bytes = hosts.iter().map(HostState::bytes).sum();
    let with_findings = hosts.iter().filter(|host| host.has_findings()).count();
    let findings = match with_findings {
        0 => "no findings".to_owned(),
        number => format!("{number} with findings, which `doctor` explains"),
    };
    format!(
        "{}, {}, {}, {findings}",
        count(hosts.len() as u64, "machine"),
        count(applications.len() as u64, "application"),
        size(bytes)
    )
}

/// Returns the findings of a machine in a few words.
fn marks(host: &HostState) -> String {
    let mut marks = Vec::new();
    let number = |number: usize, noun: &str| (number > 0).then(|| count(number as u64, noun));
    marks.extend(number(host.gaps(), "gap"));
    marks.extend(number(host.conflicts(), "conflict"));
    if let Some(seconds) = host.clock_ahead_seconds_min() {
        marks.push(format!("clock +{}", short(seconds)));
    }
    let without_facts = host.logs.iter().filter(|log| log.imported.is_none());
    if without_facts.count() + host.problems.len() > 0 {
        marks.push("unreadable facts".to_owned());
    }
    if host.is_silent() {
        marks.push("silent".to_owned());
    }
    marks.join(", ")
}

/// Returns all that is known of one machine.
fn lines_of_one(host: &HostState, zone: Zone) -> Vec<String> {
    let mut lines = vec![format!("host: {}", host.host)];
    lines.push(match host.newest() {
        None => "imports: unknown, since their list is lost".to_owned(),
        Some(newest) => format!(
            "imports: {}, the last on {}; the newest bundle was exported {} (by its clock)",
            host.imports.len(),
            shown(host.last_import(), zone, MINUTE),
            shown(Some(newest.created), zone, MINUTE)
        ),
    });
    lines.push(clock(host));
    if host.is_silent() {
        lines.push("silent: without a record in the day before the last export".to_owned());
    }
    for log in &host.logs {
        lines.extend(lines_of_log(log, zone));
    }
    lines.extend(
        host.problems
            .iter()
            .map(|problem| format!("problem: {problem}")),
    );
    lines
}

/// Returns what the imports show of the clock.
fn clock(host: &HostState) -> String {
    match (
        host.clock_ahead_seconds_min(),
        host.clock_behind_seconds_max(),
    ) {
        (Some(ahead), _) => format!(
            "clock: ahead by {} at least, as a bundle that came from the future shows",
            long(ahead)
        ),
        (None, Some(behind)) => format!(
            "clock: not known; behind by {} at most, the shortest time from an export to its import",
            long(behind)
        ),
        (None, None) => "clock: not known".to_owned(),
    }
}

fn lines_of_log(state: &LogState, zone: Zone) -> Vec<String> {
    let name = state.recorder();
    let Some(imported) = &state.imported else {
        return vec![format!(
            "{name}: log {}, whose facts are lost",
            state.log.log
        )];
    };
    let (segments, derived) = state.segments();
    let partly = match derived {
        0 => String::new(),
        derived => format!(" ({derived} with the lines of a range of times only)"),
    };
    let mut lines = vec![format!(
        "{name}: log {}, {}{partly}, {}, last record {}",
        state.log.log,
        count(segments as u64, "segment"),
        size(state.bytes()),
        shown(imported.last, zone, MINUTE)
    )];
    let consent = &imported.consent;
    let decided = match consent.decided {
        Some(decided) => format!(", decided {}", shown(Some(decided), zone, MINUTE)),
        None => String::new(),
    };
    lines.push(format!(
        "  consent at the export of {}: {} ({}{decided})",
        shown(Some(imported.newest.created), zone, MINUTE),
        word(consent.decision),
        consent.source
    ));
    lines.extend(
        state
            .gaps
            .iter()
            .map(|gap| format!("  missing: {}", missing(gap))),
    );
    lines.extend(
        state
            .conflicts
            .iter()
            .map(|conflict| format!("  conflict: {}", conflict.file.display())),
    );
    lines
}

/// Returns the segments of a gap, and whether another export can bring them.
pub(super) fn missing(gap: &SegmentGap) -> String {
    if gap.removed {
        format!("{gap}, which the machine removed before an export took them")
    } else {
        format!("{gap}, which the machine had at its last export")
    }
}

/// Returns the word for a decision.
pub(super) fn word(decision: ConsentDecision) -> &'static str {
    match decision {
        ConsentDecision::Enabled => "enabled",
        ConsentDecision::Disabled => "disabled",
        ConsentDecision::Undecided => "undecided",
    }
}

/// Returns a length of time in its two largest units.
pub(super) fn long(seconds: u64) -> String {
    super::super::quantity::length(std::time::Duration::from_secs(seconds))
}

/// Returns a length of time in its largest unit.
fn short(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The characters of a time up to the day, and up to the minute.
const DAY: usize = "YYYY-MM-DD".len();
const MINUTE: usize = "YYYY-MM-DD HH:MM".len();

/// Returns a time up to that number of characters.
fn shown(time: Option<Timestamp>, zone: Zone, characters: usize) -> String {
    let Some(time) = time else {
        return "-".to_owned();
    };
    let text = zone.text(moment(time)).to_string().replace('T', " ");
    text.get(..characters).unwrap_or(&text).to_owned()
}

/// What is known of a machine, for programs.
#[derive(Debug, Serialize)]
struct HostStatus<'a> {
    host: &'a str,
    /// By the clock of the machine.
    last_record: Option<Timestamp>,
    /// By the clock of the machine with the tree.
    last_import: Option<Timestamp>,
    bytes: u64,
    gaps: usize,
    conflicts: usize,
    silent: bool,
    clock_ahead_seconds_min: Option<u64>,
    clock_behind_seconds_max: Option<u64>,
    imports: &'a [HostImport],
    logs: Vec<LogStatus<'a>>,
    problems: &'a [String],
}

/// What is known of a log, for programs.
#[derive(Debug, Serialize)]
struct LogStatus<'a> {
    application: &'a str,
    profile: &'a str,
    log: String,
    directory: String,
    /// As the newest bundle says.
    exported: Option<ExportedState<'a>>,
    last_record: Option<Timestamp>,
    bytes: u64,
    segments: usize,
    /// Number of segments with the lines of a range of times only.
    derived_segments: usize,
    gaps: &'a [SegmentGap],
    conflicts: Vec<String>,
}

/// The state of a log on its machine at its newest export.
#[derive(Debug, Serialize)]
struct ExportedState<'a> {
    created: Timestamp,
    floor: u64,
    head: Option<u64>,
    consent: &'a localtel_bundle::manifest::BundleConsent,
}

impl<'a> HostStatus<'a> {
    fn of(host: &'a HostState) -> Self {
        Self {
            host: &host.host,
            last_record: host.last_record(),
            last_import: host.last_import(),
            bytes: host.bytes(),
            gaps: host.gaps(),
            conflicts: host.conflicts(),
            silent: host.is_silent(),
            clock_ahead_seconds_min: host.clock_ahead_seconds_min(),
            clock_behind_seconds_max: host.clock_behind_seconds_max(),
            imports: &host.imports,
            logs: host.logs.iter().map(LogStatus::of).collect(),
            problems: &host.problems,
        }
    }
}

impl<'a> LogStatus<'a> {
    fn of(state: &'a LogState) -> Self {
        let (segments, derived_segments) = state.segments();
        let imported = state.imported.as_ref();
        let conflicts = state.conflicts.iter();
        Self {
            application: state.log.application.as_str(),
            profile: state.log.profile.as_str(),
            log: state.log.log.to_string(),
            directory: state.log.path.display().to_string(),
            exported: imported.map(|imported| ExportedState {
                created: imported.newest.created,
                floor: imported.floor.get(),
                head: imported.head.map(localtel::read::SegmentNumber::get),
                consent: &imported.consent,
            }),
            last_record: imported.and_then(|imported| imported.last),
            bytes: state.bytes(),
            segments,
            derived_segments,
            gaps: &state.gaps,
            conflicts: conflicts
                .map(|conflict| conflict.file.display().to_string())
                .collect(),
        }
    }
}
