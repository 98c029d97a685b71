//! The findings of `doctor` in the records: lines that cannot be read, missing segments, records of
//! a newer format or dated in the future, sessions without an end, lost events, and texts in clear
//! whose names suggest a secret. `gaps` finds missing records.

use super::gaps::Gaps;
use std::io::ErrorKind::PermissionDenied;

use super::INSTALL_NEWER;
use crate::admin::finding::{Finding, FindingKind};
use crate::admin::{AGAINST_DROPS, Location, SecretNames, ShellWord};
use crate::clock;
use crate::consent::StoredConsent;
use crate::error::{Error, Result};
use crate::policy::owner::OwnerFile;
use crate::reader::{Damage, DamageKind, Fold, Line, Notice, Position};
use crate::record::LineTime;
use crate::record::own::is_of_newer_format;
use crate::record::raw::RawRecord;
use crate::store;
use crate::store::age::is_ahead;
use crate::store::disk::Directory;
use crate::tally::SessionTally;
use crate::text::count;

/// Finds texts that are recorded in clear although their name suggests a secret.
pub(super) fn about_secrets(
    location: &Location,
    owner: &OwnerFile,
    secret_names: &SecretNames,
) -> Vec<Finding> {
    let in_clear = secret_names.in_clear(location, owner);
    let found = in_clear.map(|(name, texts)| {
        let (name_shown, texts) = (ShellWord(name), count(texts.clear, "text"));
        let what = format!("{name_shown}: {texts} in clear, and the name suggests a secret");
        let mask = location.rule_command(name, "mask");
        let keep = location.rule_command(name, "keep");
        let clear = location.command("clear");
        let next = format!(
            "`{mask}` masks it from now on, and `{clear}` removes existing records; if it is not a secret, `{keep}`"
        );
        Finding::new(FindingKind::Secret, what, next)
    });
    found.collect()
}

/// The number of problems of one kind, and the place of the first.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    count: u64,
    first: Option<Position>,
}

impl Places {
    fn add(&mut self, position: Position) {
        self.count += 1;
        self.first.get_or_insert(position);
    }

    fn merge(&mut self, later: Self) {
        self.count += later.count;
        self.first = self.first.or(later.first);
    }

    /// Returns the number after these words, and the place; nothing if there are none.
    fn finding(&self, kind: FindingKind, what: &str, noun: &str, next: &str) -> Option<Finding> {
        let (first, counted) = (self.first?, count(self.count, noun));
        let which = if self.count == 1 { "" } else { "the first " };
        Some(Finding::new(
            kind,
            format!("{what}{counted}, {which}at {first}"),
            next,
        ))
    }
}

/// The problems of the lines.
#[derive(Debug, Default)]
struct LineProblems {
    missing: Vec<Finding>,
    gaps: Gaps,
    unreadable: Places,
    segments: Vec<Damage>,
    /// The start and the size of a last line without a newline.
    unfinished: Option<(Position, u64)>,
    ahead: Places,
    latest: Option<LineTime>,
    newer: Places,
    sessions: SessionTally,
    secret_names: SecretNames,
    /// The time after which records are dated in the future; without it, none is.
    now: Option<LineTime>,
}

impl Fold for LineProblems {
    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        self.secret_names.add(raw);
        self.sessions.note(raw);
        self.gaps.note(line.position(), raw);
        if self.is_ahead(raw) {
            self.latest = self.latest.max(Some(LineTime::of_raw(raw)));
            self.ahead.add(line.position());
        }
        if is_of_newer_format(raw) {
            self.newer.add(line.position());
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.gaps.breaks += 1;
        match damage.kind {
            DamageKind::Missing { segments, .. } => self.missing.push(Finding::new(
                FindingKind::Missing,
                format!("missing, and not removed by localtel: {segments}"),
                "restore the files if you have them; the other records can still be read",
            )),
            DamageKind::NotAFile
            | DamageKind::Unreadable { .. }
            | DamageKind::Undecodable { .. } => self.segments.push(damage),
            DamageKind::Torn
            | DamageKind::NotARecord
            | DamageKind::NulHole
            | DamageKind::TooLong
            | DamageKind::InvalidUtf8 => self.unreadable.add(damage.position),
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.gaps.breaks += 1;
        if let Notice::Unfinished { position, bytes } = notice {
            self.unfinished = Some((position, bytes));
        }
    }

    fn merge(&mut self, later: &mut Self) {
        // This keeps the names that it has read.
        self.secret_names.merge(&mut later.secret_names);
        let secret_names = std::mem::take(&mut later.secret_names);
        let empty = Self {
            secret_names,
            ..Self::new(self.now)
        };
        let mut later = std::mem::replace(later, empty);
        self.missing.extend(later.missing);
        self.gaps.merge(later.gaps);
        self.unreadable.merge(later.unreadable);
        self.segments.extend(later.segments);
        self.unfinished = later.unfinished.or(self.unfinished);
        self.ahead.merge(later.ahead);
        self.latest = self.latest.max(later.latest);
        self.newer.merge(later.newer);
        self.sessions.merge(&mut later.sessions);
    }
}

impl LineProblems {
    fn new(now: Option<LineTime>) -> Self {
        Self {
            now,
            sessions: SessionTally::of_numbers(),
            ..Self::default()
        }
    }

    /// Returns `true` if a record is dated in the future. Most are before now, which is a cheap
    /// check.
    fn is_ahead(&self, raw: &RawRecord<'_>) -> bool {
        self.now.is_some_and(|now| {
            let time = LineTime::of_raw(raw);
            let moment = |time: LineTime| time.to_timestamp().to_moment();
            time > now && is_ahead(moment(time), moment(now))
        })
    }
}

/// Reads everything, and sums up the lines that cannot be read, the records dated in the future,
/// and the losses of sessions. Returns the names that suggest secrets, too.
pub(super) fn about_data(
    location: &Location,
    directory: &Directory,
    consent: &StoredConsent,
) -> Result<(Vec<Finding>, SecretNames)> {
    let now = LineTime::not_after(clock::now());
    let mut problems = LineProblems::new(now);
    let mut reader = location.reader()?;
    let empty = || LineProblems::new(now);
    reader.fold(&mut problems, empty, |_| Ok::<(), Error>(()))?;
    if consent.known().is_some() {
        let installation = consent.installation().map(|own| own.id);
        problems.sessions.withdraw_others(0, installation);
    }
    let show = location.command("show");
    let segments = problems.segments.iter();
    let segments = segments.map(|damage| about_segment(directory, damage, &show));
    let mut findings: Vec<Finding> = segments.collect();
    findings.extend(about_last_line(directory, problems.unfinished));
    let secret_names = std::mem::take(&mut problems.secret_names);
    findings.extend(problems.findings(&show));
    Ok((findings, secret_names))
}

impl LineProblems {
    fn findings(mut self, show: &str) -> Vec<Finding> {
        use FindingKind::{Clock, Newer, Unreadable};
        let of_lines = format!(
            "no action is needed: all other lines can be read; `{show}` prints the position and the reason"
        );
        let latest = self.latest.map(|latest| format!(" ({})", latest.as_str()));
        let latest = latest.unwrap_or_default();
        let future = format!("dated in the future{latest}, so a clock is or was wrong: ");
        let newer = "in a format of a newer localtel: ";
        let found = [
            self.unreadable
                .finding(Unreadable, "", "unreadable line", &of_lines),
            self.newer.finding(Newer, newer, "record", INSTALL_NEWER),
            self.ahead.finding(Clock, &future, "record", COMPARE_CLOCKS),
        ];
        self.missing.extend(self.gaps.findings());
        self.missing.extend(found.into_iter().flatten());
        self.missing.extend(about_sessions(self.sessions));
        self.missing
    }
}

/// Returns the finding for a segment that cannot be read.
fn about_segment(directory: &Directory, damage: &Damage, show: &str) -> Finding {
    let number = damage.position.segment;
    let found = store::file_of(directory, number);
    let (name, is_ours) = found.map_or((number.file_name(), false), |(name, facts)| {
        (name, facts.is_ours())
    });
    let path = directory.path().join(&name).display().to_string();
    let file = ShellWord(&path);
    if let DamageKind::Undecodable { .. } = damage.kind {
        let lines = match damage.bytes {
            0 => "everything".to_owned(),
            bytes => format!("{bytes} bytes of lines"),
        };
        let position = damage.position;
        let from = position.line.map_or_else(
            || format!("byte {}", position.byte),
            |line| format!("line {line}"),
        );
        return Finding::new(
            FindingKind::Unreadable,
            format!("{path}: {lines} from {from} on {}", damage.kind),
            format!(
                "restore {file} from a copy if you have one; all other lines can still be read"
            ),
        );
    }
    let next = if damage.kind == DamageKind::NotAFile {
        format!("move it away: {file}")
    } else if is_ours
        && directory
            .open_read(&name)
            .is_err_and(|error| error.kind() == PermissionDenied)
    {
        format!("chmod u+r {file}")
    } else {
        format!("read the file as its owner; `{show}` prints the reason")
    };
    let what = format!("{path}: {}", damage.kind);
    Finding::new(FindingKind::Unreadable, what, next)
}

/// Finds a last line that is not finished, although no process is writing it.
fn about_last_line(directory: &Directory, unfinished: Option<(Position, u64)>) -> Option<Finding> {
    let (position, bytes) = unfinished?;
    // A writer needs less than a millisecond for a line.
    let facts = directory.facts(&position.segment.file_name()).ok()?;
    (facts.bytes == position.byte + bytes).then(|| Finding::new(
        FindingKind::Unreadable,
        format!("the last line is incomplete, at {position} ({bytes} bytes)"),
        "no action is needed: unless a program is writing now, its writer was stopped or something else cut the file; the next writer ends the line",
    ))
}

/// Finds sessions without an end, and lost events. Events that consent and policy refused are not
/// losses.
fn about_sessions(sessions: SessionTally) -> Vec<Finding> {
    let list = sessions.finish();
    let (sessions, losses) = (list.counts(), list.losses());
    let found = [
        (
            (FindingKind::Sessions, sessions.without_end, "session"),
            "without an end: killed, aborted, or not visible from here, as in a container; records that were in memory are lost",
            "in the application, flush before `abort`, `_exit` and `daemon`, and exit cleanly on SIGTERM",
        ),
        (
            (FindingKind::Dropped, losses.dropped, "event"),
            "dropped because the buffer was full",
            AGAINST_DROPS,
        ),
        (
            (FindingKind::Failed, losses.failed, "event"),
            "lost because they could not be written",
            "check in the system log whether the disk was full, read-only or broken at that time",
        ),
    ];
    let found = found.into_iter().filter(|((_, times, _), ..)| *times > 0);
    found
        .map(|((kind, times, noun), what, next)| {
            Finding::new(kind, format!("{} {what}", count(times, noun)), next)
        })
        .collect()
}

/// The remedy for records that are dated in the future.
const COMPARE_CLOCKS: &str = "compare the clocks of the machines that record here; these records are removed with their segment, like others";
