//! `clear`: removes recorded events, as whole segments, after saying which. Which ones go is decided from
//! their facts alone; removing them while others write is the store's.

use std::time::Instant;

use ::time::OffsetDateTime;

use super::exit::Exit;
use super::facts::{self, SegmentFacts, count, size};
use super::failure::Failure;
use super::place::Place;
use super::screen::Screen;
use super::time::{Zone, parse};
use localtel::internal::record::format_timestamp;
use localtel::internal::store::age::Now;
use localtel::internal::store::segment::SegmentNumber;
use localtel::internal::store::{self, Clearing};

/// What to remove.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearArgs {
    /// Remove only segments whose records are all older than this
    #[arg(
        id = "localtel.before",
        long = "before",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    before: Option<String>,
    /// Remove without asking
    #[arg(id = "localtel.yes", short = 'y', long = "yes")]
    yes: bool,
    /// Only say what would be removed
    #[arg(
        id = "localtel.dry_run",
        long = "dry-run",
        conflicts_with = "localtel.yes"
    )]
    dry_run: bool,
}

impl ClearArgs {
    /// Asks for everything, of a person unless they said yes already.
    pub(crate) const fn everything(yes: bool) -> Self {
        Self {
            before: None,
            yes,
            dry_run: false,
        }
    }
}

/// Removes what was asked for, once a person or `--yes` has agreed.
pub(crate) fn run(
    place: &Place,
    args: &ClearArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let before = match &args.before {
        None => None,
        Some(text) => Some(parse(text, Zone::UTC, screen.now)?),
    };
    let path = place.path();
    let plan = plan(facts::read(&path)?, before);
    for line in plan.describe() {
        writeln!(screen.stdout, "{line}")?;
    }
    if plan.goes.is_empty() {
        return Ok(Exit::Done);
    }
    if args.dry_run {
        writeln!(screen.stdout, "dry run: nothing was removed")?;
        return Ok(Exit::Done);
    }
    if !args.yes {
        if !screen.can_ask {
            return Err(
                Failure::usage("nothing was removed: there is nobody to ask").hint(
                    "add --yes to remove without asking, or --dry-run to only see what would go",
                ),
            );
        }
        if !screen.ask("remove them?")? {
            writeln!(screen.stderr, "nothing was removed")?;
            return Ok(Exit::Done);
        }
    }
    let now = Now {
        clock: screen.now,
        steady: Instant::now(),
    };
    let cleared = store::clear(&path, plan.clearing, now)?;
    writeln!(
        screen.stdout,
        "removed {}, {}",
        count(cleared.segments, "segment"),
        size(cleared.bytes)
    )?;
    if let Clearing::UpTo(active, _) = plan.clearing
        && cleared.segments < plan.goes.len() as u64
    {
        writeln!(
            screen.stdout,
            "stays: segment {active}; something that is not older was recorded in it meanwhile"
        )?;
    }
    Ok(Exit::Done)
}

/// Which segments go and which stay.
#[derive(Debug, PartialEq, Eq)]
struct ClearPlan {
    /// What the store is asked to remove.
    clearing: Clearing,
    /// The segments that go, the oldest first.
    goes: Vec<SegmentFacts>,
    /// The segments that stay, with the reason.
    stays: Vec<(SegmentFacts, Reason)>,
    /// The time before which records were to be removed.
    before: Option<OffsetDateTime>,
}

/// Why a segment stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// A record in it is not older than asked for: this is the latest.
    Newer(OffsetDateTime),
    /// No time can be read in it, and the segment after it does not help.
    Unknown,
    /// It could go, but an older one stays, and segments go from the oldest on.
    Behind(SegmentNumber),
}

/// Decides which segments go: all of them, or from the oldest on those that hold nothing but records
/// from before that time.
fn plan(mut segments: Vec<SegmentFacts>, before: Option<OffsetDateTime>) -> ClearPlan {
    let mut plan = ClearPlan {
        clearing: Clearing::All,
        goes: Vec::new(),
        stays: Vec::new(),
        before,
    };
    // What is left of an earlier `clear` is an active segment without a byte.
    let empty = segments.pop_if(|active| active.bytes == 0);
    let Some(before) = before else {
        plan.goes = segments;
        return plan;
    };
    let next_firsts: Vec<Option<OffsetDateTime>> = segments
        .iter()
        .skip(1)
        .map(|segment| segment.first)
        .collect();
    for (index, segment) in segments.into_iter().enumerate() {
        let next_first = next_firsts.get(index).copied().flatten();
        let behind = plan
            .stays
            .first()
            .map(|(older, _)| Reason::Behind(older.number));
        match reason_to_stay(&segment, next_first, before).or(behind) {
            None => plan.goes.push(segment),
            Some(reason) => plan.stays.push((segment, reason)),
        }
    }
    plan.clearing = match (plan.stays.first(), &empty, plan.goes.last()) {
        (Some((first, _)), _, _) => Clearing::Below(first.number),
        (None, Some(empty), _) => Clearing::Below(empty.number),
        (None, None, Some(active)) => Clearing::UpTo(active.number, before),
        (None, None, None) => Clearing::Below(SegmentNumber::FIRST),
    };
    plan
}

/// A segment in which no time can be read is as old as the one after it allows.
fn reason_to_stay(
    segment: &SegmentFacts,
    next_first: Option<OffsetDateTime>,
    before: OffsetDateTime,
) -> Option<Reason> {
    match (segment.last, next_first) {
        (Some(last), _) if last < before => None,
        (Some(last), _) => Some(Reason::Newer(last)),
        (None, Some(next)) if next <= before => None,
        (None, _) => Some(Reason::Unknown),
    }
}

impl ClearPlan {
    /// Says what goes, and what stays and why, a line each.
    fn describe(&self) -> Vec<String> {
        if self.goes.is_empty() && self.stays.is_empty() {
            return vec!["there is nothing to remove".to_owned()];
        }
        let goes = match self.before {
            Some(before) if self.goes.is_empty() => {
                format!("no segment is wholly before {}", format_timestamp(before))
            }
            Some(_) | None => format!("goes: {}", summary(&self.goes)),
        };
        let stays = self
            .stays
            .iter()
            .take(STAYS_SHOWN_MAX)
            .map(|(segment, reason)| {
                let own = std::slice::from_ref(segment);
                format!("stays: {}; {}", summary(own), reason.text())
            });
        let more = self.stays.len().saturating_sub(STAYS_SHOWN_MAX);
        let more = (more > 0).then(|| format!("stays: {} more", count(more as u64, "segment")));
        std::iter::once(goes).chain(stays).chain(more).collect()
    }
}

impl Reason {
    fn text(self) -> String {
        match self {
            Self::Newer(last) => format!("its last record is of {}", format_timestamp(last)),
            Self::Unknown => "no time can be read in it".to_owned(),
            Self::Behind(older) => format!("segment {older} before it stays"),
        }
    }
}

/// Sums up some segments in a clause.
fn summary(segments: &[SegmentFacts]) -> String {
    let names = match segments {
        [] => "nothing".to_owned(),
        [only] => format!("segment {}", only.number),
        [first, .., last] => format!(
            "{} ({} to {})",
            count(segments.len() as u64, "segment"),
            first.number,
            last.number
        ),
    };
    let records = segments.iter().map(|segment| segment.records).sum();
    let bytes = segments.iter().map(|segment| segment.bytes).sum();
    let first = segments.iter().filter_map(|segment| segment.first).min();
    let last = segments.iter().filter_map(|segment| segment.last).max();
    let span = match (first, last) {
        (Some(first), Some(last)) => format!(
            ", {} to {}",
            format_timestamp(first),
            format_timestamp(last)
        ),
        (None, _) | (_, None) => String::new(),
    };
    format!(
        "{names}: {}, {}{span}",
        count(records, "record"),
        size(bytes)
    )
}

/// More than this nobody reads; each has its line below it.
const STAYS_SHOWN_MAX: usize = 5;

/// Examples for `clear`.
pub(crate) const EXAMPLES: &str = "\
Removes whole segments, the oldest first, the active one too if all of its records are older. \
Programs that record go on without loss. \
The stored choice and the installation id stay.

Examples:
  localtel clear                              everything, after asking
  localtel clear --before 2026-11-01T00:00:00Z --yes
  localtel clear --before 2026-11-01 --dry-run";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(second).unwrap()
    }

    /// A segment with records between two seconds, or with none that can be read.
    fn segment(number: u64, span: Option<(i64, i64)>) -> SegmentFacts {
        SegmentFacts {
            number: SegmentNumber::new(number).unwrap(),
            bytes: 1024,
            records: if span.is_some() { 10 } else { 0 },
            first: span.map(|(first, _)| at(first)),
            last: span.map(|(_, last)| at(last)),
            damage: 0,
        }
    }

    fn going(plan: &ClearPlan) -> Vec<u64> {
        plan.goes
            .iter()
            .map(|segment| segment.number.get())
            .collect()
    }

    fn reasons(plan: &ClearPlan) -> Vec<Reason> {
        plan.stays.iter().map(|(_, reason)| *reason).collect()
    }

    fn three() -> Vec<SegmentFacts> {
        vec![
            segment(4, Some((10, 20))),
            segment(5, Some((20, 30))),
            segment(6, Some((30, 40))),
        ]
    }

    #[test]
    fn without_a_time_everything_goes() {
        let plan = plan(three(), None);
        assert_eq!(
            (going(&plan), plan.clearing),
            (vec![4, 5, 6], Clearing::All)
        );
    }

    #[test]
    fn an_empty_active_segment_is_nothing_to_remove() {
        let mut segments = three();
        segments[2].bytes = 0;
        assert_eq!(going(&plan(segments.clone(), None)), [4, 5]);
        assert!(going(&plan(segments.split_off(2), None)).is_empty());
    }

    #[test]
    fn a_segment_goes_only_if_all_its_records_are_before_the_time() {
        let below = |number| Clearing::Below(SegmentNumber::new(number).unwrap());
        let table: [(i64, Vec<u64>, Clearing); 6] = [
            (5, vec![], below(4)),
            (20, vec![], below(4)),
            (21, vec![4], below(5)),
            (30, vec![4], below(5)),
            (31, vec![4, 5], below(6)),
            (40, vec![4, 5], below(6)),
        ];
        for (before, goes, clearing) in table {
            let plan = plan(three(), Some(at(before)));
            assert_eq!(going(&plan), goes, "{before}");
            assert_eq!(plan.clearing, clearing, "{before}");
        }
    }

    #[test]
    fn the_active_segment_goes_if_all_its_records_are_older() {
        let all = plan(three(), Some(at(41)));
        let active = SegmentNumber::new(6).unwrap();
        assert_eq!(going(&all), [4, 5, 6]);
        assert_eq!(all.clearing, Clearing::UpTo(active, at(41)));
        assert!(all.stays.is_empty());
    }

    #[test]
    fn an_empty_active_segment_neither_goes_nor_stays() {
        let mut segments = three();
        segments[2] = segment(6, None);
        segments[2].bytes = 0;
        let closed = plan(segments.clone(), Some(at(99)));
        let active = SegmentNumber::new(6).unwrap();
        assert_eq!(going(&closed), [4, 5]);
        assert_eq!(closed.clearing, Clearing::Below(active));
        let none = plan(segments.split_off(2), Some(at(99)));
        assert_eq!(none.describe(), ["there is nothing to remove"]);
    }

    #[test]
    fn nothing_goes_from_behind_a_segment_that_stays() {
        let segments = vec![
            segment(1, Some((10, 90))),
            segment(2, Some((20, 30))),
            segment(3, Some((90, 91))),
        ];
        let plan = plan(segments, Some(at(50)));
        let first = SegmentNumber::FIRST;
        assert!(going(&plan).is_empty());
        assert_eq!(
            reasons(&plan),
            [
                Reason::Newer(at(90)),
                Reason::Behind(first),
                Reason::Newer(at(91))
            ]
        );
    }

    #[test]
    fn a_segment_without_a_time_takes_its_age_from_the_next() {
        let segments = |next| vec![segment(1, None), segment(2, next), segment(3, None)];
        let known = plan(segments(Some((20, 30))), Some(at(40)));
        assert_eq!(going(&known), [1, 2]);
        let later = plan(segments(Some((50, 60))), Some(at(40)));
        assert_eq!(reasons(&later)[0], Reason::Unknown);
        let unknown = plan(segments(None), Some(at(40)));
        assert!(going(&unknown).is_empty());
    }

    #[test]
    fn what_goes_and_what_stays_is_said_with_numbers_and_times() {
        let lines = plan(three(), Some(at(21))).describe();
        assert_eq!(
            lines[0],
            "goes: segment 4: 10 records, 1.0 KiB, \
             1970-01-01T00:00:10.000000Z to 1970-01-01T00:00:20.000000Z"
        );
        assert!(lines[1].contains("its last record is of 1970-01-01T00:00:30"));
        assert!(lines[2].contains("its last record is of 1970-01-01T00:00:40"));
        let all = plan(three(), None).describe();
        assert!(all[0].starts_with("goes: 3 segments (4 to 6): 30 records, 3.0 KiB"));
        assert_eq!(
            plan(Vec::new(), None).describe(),
            ["there is nothing to remove"]
        );
    }
}
