//! What `doctor` finds in the records: lines that cannot be read, missing segments, records of a newer format or dated in
//! the future, sessions without an end, lost events, and texts in clear whose names say that they are secrets.

use super::INSTALL_NEWER;
use crate::admin::finding::{Finding, FindingKind};
use crate::admin::{AGAINST_DROPS, Location, SecretNames, ShellWord};
use crate::clock;
use crate::error::Result;
use crate::policy::owner::OwnerFile;
use crate::reader::{DamageKind, Item, Position, Reader};
use crate::record::Timestamp;
use crate::record::own::is_of_newer_format;
use crate::store::age::is_ahead;
use crate::summary::SessionTally;
use crate::text::count;

/// Looks for texts that are recorded in clear although their name says that they are secrets.
pub(super) fn about_secrets(
    location: &Location,
    owner: &OwnerFile,
    secret_names: &SecretNames,
) -> Vec<Finding> {
    let in_clear = secret_names.in_clear(location, owner);
    let found = in_clear.map(|(name, texts)| {
        let what = format!(
            "{}: {} in clear, and the name says that it is a secret",
            ShellWord(name),
            count(texts.clear, "text")
        );
        let mask = location.rule_command(name, "mask");
        let keep = location.rule_command(name, "keep");
        let clear = location.command("clear");
        let next = format!(
            "`{mask}` masks it from now on and `{clear}` removes what is there; if it is none, `{keep}`"
        );
        Finding::new(FindingKind::Secret, what, next)
    });
    found.collect()
}

/// How many things are wrong in the same way, and where the first of them is.
#[derive(Debug, Default)]
struct Places {
    count: u64,
    first: Option<Position>,
}

impl Places {
    fn add(&mut self, position: Position) {
        self.count += 1;
        self.first.get_or_insert(position);
    }

    /// Says how many there are, behind these words, and where; nothing if there are none.
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

/// What is wrong with the lines.
#[derive(Debug, Default)]
struct Wrong {
    missing: Vec<Finding>,
    unreadable: Places,
    segments: Places,
    ahead: Places,
    latest: Option<Timestamp>,
    newer: Places,
    sessions: SessionTally,
}

/// Reads everything, and sums up what cannot be read, what is dated in the future, and what sessions lost.
pub(super) fn about_data(
    location: &Location,
    secret_names: &mut SecretNames,
) -> Result<Vec<Finding>> {
    let now = clock::now();
    let mut wrong = Wrong::default();
    let mut reader = Reader::open(&location.path())?;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Line(line) => match line.record() {
                Ok(record) => {
                    secret_names.add(&record);
                    wrong.sessions.note(&record);
                    if is_ahead(record.timestamp.to_moment(), now) {
                        wrong.latest = wrong.latest.max(Some(record.timestamp));
                        wrong.ahead.add(line.position());
                    }
                    if is_of_newer_format(&record) {
                        wrong.newer.add(line.position());
                    }
                }
                Err(_) => wrong.unreadable.add(line.position()),
            },
            Item::Damage(damage) => match damage.kind {
                DamageKind::Missing { segments, .. } => wrong.missing.push(Finding::new(
                    FindingKind::Missing,
                    format!("missing, and not removed by localtel: {segments}"),
                    "restore the files if you have them; what is there can still be read",
                )),
                DamageKind::NotAFile | DamageKind::Unreadable { .. } => {
                    wrong.segments.add(damage.position);
                }
                DamageKind::Torn
                | DamageKind::NotARecord
                | DamageKind::NulHole
                | DamageKind::TooLong
                | DamageKind::InvalidUtf8 => wrong.unreadable.add(damage.position),
            },
            Item::Notice(_) => {}
        }
    }
    Ok(wrong.findings(&location.command("show")))
}

impl Wrong {
    fn findings(mut self, show: &str) -> Vec<Finding> {
        use FindingKind::{Clock, Newer, Unreadable};
        let of_segments =
            format!("look at the file as its owner; `{show}` says why it cannot be read");
        let of_lines = format!(
            "nothing needs to be done, for all other lines can be read; `{show}` says where each is and why"
        );
        let latest = self.latest.map(|latest| format!(" ({latest})"));
        let latest = latest.unwrap_or_default();
        let future = format!("dated in the future{latest}, so a clock is wrong or was: ");
        let found = [
            self.segments
                .finding(Unreadable, "", "unreadable segment", &of_segments),
            self.unreadable
                .finding(Unreadable, "", "unreadable line", &of_lines),
            self.newer.finding(
                Newer,
                "in a format of a newer localtel: ",
                "record",
                INSTALL_NEWER,
            ),
            self.ahead.finding(Clock, &future, "record", COMPARE_CLOCKS),
        ];
        self.missing.extend(found.into_iter().flatten());
        self.missing.extend(about_sessions(self.sessions));
        self.missing
    }
}

/// Looks which sessions did not end, and whether events were lost. What consent and policy refused was to be refused.
fn about_sessions(sessions: SessionTally) -> Vec<Finding> {
    let (sessions, losses) = sessions.finish();
    let found = [
        (
            (FindingKind::Sessions, sessions.without_end, "session"),
            "without an end: killed, aborted, or out of sight as in a container; what was in memory then is lost",
            "in the application, flush before `abort`, `_exit` and `daemon`, and end on SIGTERM in an orderly way",
        ),
        (
            (FindingKind::Dropped, losses.dropped, "event"),
            "dropped for want of room",
            AGAINST_DROPS,
        ),
        (
            (FindingKind::Failed, losses.failed, "event"),
            "lost because they could not be written",
            "look whether the disk was full, read-only or broken at that time; the system log says it",
        ),
    ];
    let found = found.into_iter().filter(|((_, times, _), ..)| *times > 0);
    found
        .map(|((kind, times, noun), what, next)| {
            Finding::new(kind, format!("{} {what}", count(times, noun)), next)
        })
        .collect()
}

/// What to do about records that are dated in the future.
const COMPARE_CLOCKS: &str = "compare the clocks of what records here; these records are removed with their segment, like others";
