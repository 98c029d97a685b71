//! What `doctor` finds in the records: lines that cannot be read, missing segments, records dated in the future, sessions
//! without an end, dropped events, and texts in clear whose names say that they are secrets.

use super::{Finding, FindingKind};
use crate::admin::{AGAINST_DROPS, Location, SecretNames, ShellWord};
use crate::clock;
use crate::error::Result;
use crate::policy::owner::OwnerFile;
use crate::reader::{DamageKind, Item, Reader};
use crate::record::Timestamp;
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

/// Sums up records that are dated in the future, given how many there are and the latest of their times.
fn about_future((times, latest): (u64, Timestamp)) -> Finding {
    let which = if times == 1 {
        "it is of"
    } else {
        "the latest of"
    };
    Finding::new(
        FindingKind::Clock,
        format!(
            "{} dated in the future, {which} {}: a clock is wrong, or was",
            count(times, "record"),
            latest
        ),
        "compare the clocks of what records here; `localtel clear` removes such records with the rest",
    )
}

/// Reads everything, and sums up what cannot be read and what is dated in the future.
pub(super) fn about_data(
    location: &Location,
    secret_names: &mut SecretNames,
) -> Result<Vec<Finding>> {
    let now = clock::now();
    let mut findings = Vec::new();
    let mut unreadable = 0;
    let mut first = None;
    let mut sessions = SessionTally::default();
    let mut ahead: Option<(u64, Timestamp)> = None;
    let mut reader = Reader::open(&location.path())?;
    while let Some(item) = reader.next_item()? {
        let position = match item {
            Item::Line(line) => match line.record() {
                Ok(record) => {
                    secret_names.add(&record);
                    sessions.note(&record);
                    if is_ahead(record.timestamp.to_moment(), now) {
                        let (times, latest) = ahead.unwrap_or((0, record.timestamp));
                        ahead = Some((times + 1, latest.max(record.timestamp)));
                    }
                    continue;
                }
                Err(_) => line.position(),
            },
            Item::Damage(damage) => match damage.kind {
                DamageKind::Missing { segments, .. } => {
                    findings.push(Finding::new(
                        FindingKind::Missing,
                        format!("missing, and not removed by localtel: {segments}"),
                        "restore the files if you have them; what is there can still be read",
                    ));
                    continue;
                }
                DamageKind::Torn
                | DamageKind::NotARecord
                | DamageKind::NulHole
                | DamageKind::TooLong
                | DamageKind::InvalidUtf8
                | DamageKind::NotAFile
                | DamageKind::Unreadable { .. } => damage.position,
            },
            Item::Notice(_) => continue,
        };
        unreadable += 1;
        first.get_or_insert(position);
    }
    if let Some(first) = first {
        findings.push(Finding::new(
            FindingKind::Unreadable,
            format!(
                "{}, the first at {first}",
                count(unreadable, "unreadable line")
            ),
            "`localtel show` says where each is; `localtel clear` removes them with the rest",
        ));
    }
    findings.extend(about_sessions(sessions));
    findings.extend(ahead.map(about_future));
    Ok(findings)
}

/// Looks whether events may have been lost in memory.
fn about_sessions(sessions: SessionTally) -> Vec<Finding> {
    let (sessions, losses) = sessions.finish();
    let mut findings = Vec::new();
    if sessions.without_end > 0 {
        findings.push(Finding::new(
            FindingKind::Sessions,
            format!(
                "{} without an end: killed, aborted, or out of sight as in a container; what was in memory then is lost",
                count(sessions.without_end, "session")
            ),
            "in the application, flush before `abort`, `_exit` and `daemon`, and end on SIGTERM in an orderly way",
        ));
    }
    if losses.dropped > 0 {
        findings.push(Finding::new(
            FindingKind::Dropped,
            format!(
                "{} dropped for want of room",
                count(losses.dropped, "event")
            ),
            AGAINST_DROPS,
        ));
    }
    findings
}
