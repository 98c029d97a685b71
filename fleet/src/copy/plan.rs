//! Which files a host needs, and from what each is written: pure functions of what its segments
//! contain.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use localtel::read::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::chain::ChainLink;
use crate::day::{DayPart, UtcDay, WantedTimes};
use crate::index::{LinesDigest, SegmentIndex};
use crate::state::KnownFile;
use crate::tree::{FleetLog, FleetSegment};

/// A segment of a host, and what it contains once it was read.
#[derive(Debug, Clone)]
pub(super) struct FoundSegment {
    /// The number of the log among those of the host.
    pub(super) log: usize,
    pub(super) segment: FleetSegment,
    pub(super) index: Option<SegmentIndex>,
}

/// The file of a day.
#[derive(Debug, Clone)]
pub(super) struct DayPlan {
    pub(super) day: UtcDay,
    /// The part of the day that is wanted.
    pub(super) part: WantedTimes,
    /// The lines of the day, by the log that they are in.
    pub(super) links: Vec<ChainLink>,
    /// The bytes of files that are read, as far as they are of this day.
    pub(super) stored_bytes: u64,
    pub(super) recipe: String,
}

/// What decides the contents of all files, besides the segments.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlanOptions<'a> {
    /// The promoted columns.
    pub(super) columns: &'a str,
    pub(super) range: WantedTimes,
}

/// Everything that decides the contents of a file.
#[derive(Serialize)]
struct Recipe<'a> {
    form: u32,
    columns: &'a str,
    since: Option<i64>,
    until: Option<i64>,
    lines: Vec<(&'a str, u64, u64, u64, LinesDigest)>,
}

/// Returns the files that a host needs, by day.
pub(super) fn plan(
    logs: &[FleetLog],
    segments: &[FoundSegment],
    options: PlanOptions<'_>,
) -> BTreeMap<UtcDay, DayPlan> {
    let mut plans: BTreeMap<UtcDay, (DayPlan, Recipe<'_>)> = BTreeMap::new();
    for found in segments {
        let days = found.index.iter().flat_map(|index| &index.days);
        let plain_bytes = days.clone().map(|(_, lines)| lines.to).max();
        for (day, lines) in days {
            let DayPart::Range(part) = options.range.of_day(*day) else {
                continue;
            };
            let (plan, recipe) = plans
                .entry(*day)
                .or_insert_with(|| new(*day, part, options));
            let link = ChainLink {
                log: found.log,
                number: found.segment.number,
                path: found.segment.path.clone(),
                from: lines.from,
                to: lines.to,
            };
            plan.stored_bytes += share(found.segment.stored.bytes, &link, plain_bytes);
            let key = logs.get(found.log).map_or("", |log| &log.key);
            let number = link.number.get();
            recipe
                .lines
                .push((key, number, link.from, link.to, lines.digest));
            plan.links.push(link);
        }
    }
    let finished = plans.into_iter().map(|(day, (mut plan, recipe))| {
        plan.recipe = digest(&recipe);
        (day, plan)
    });
    finished.collect()
}

fn new(day: UtcDay, part: WantedTimes, options: PlanOptions<'_>) -> (DayPlan, Recipe<'_>) {
    let plan = DayPlan {
        day,
        part,
        links: Vec::new(),
        stored_bytes: 0,
        recipe: String::new(),
    };
    let recipe = Recipe {
        form: FILE_FORM,
        columns: options.columns,
        since: part.since.map(Timestamp::unix_micros),
        until: part.until.map(Timestamp::unix_micros),
        lines: Vec::new(),
    };
    (plan, recipe)
}

/// Returns the part of a file's bytes that a link reads.
fn share(stored: u64, link: &ChainLink, plain: Option<u64>) -> u64 {
    let product = u128::from(stored) * u128::from(link.to - link.from);
    let share = product.checked_div(plain.unwrap_or(0).into());
    u64::try_from(share.unwrap_or(0)).unwrap_or(0)
}

fn digest(recipe: &Recipe<'_>) -> String {
    // Numbers and texts can always be written.
    let text = serde_json::to_vec(recipe).unwrap_or_default();
    let digest = Sha256::digest(text);
    let mut digits = String::new();
    for byte in digest {
        // Writing to a string does not fail.
        let _written = write!(digits, "{byte:02x}");
    }
    digits
}

/// The plan of a host against what it has.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// The files that are to be written.
    pub(super) dirty: Vec<DayPlan>,
    /// The days of the files that are to be removed.
    pub(super) gone: Vec<UtcDay>,
    /// The files that stay.
    pub(super) kept: BTreeMap<UtcDay, KnownFile>,
}

/// Compares a plan with the files that were written before. `is_there` returns whether a file still
/// is as it was written.
pub(super) fn difference(
    plans: BTreeMap<UtcDay, DayPlan>,
    before: &BTreeMap<UtcDay, KnownFile>,
    is_there: impl Fn(UtcDay, &KnownFile) -> bool,
) -> Difference {
    let mut difference = Difference::default();
    let gone = before.keys().filter(|day| !plans.contains_key(day));
    difference.gone = gone.copied().collect();
    for (day, plan) in plans {
        let known = before.get(&day).filter(|known| known.recipe == plan.recipe);
        match known.filter(|known| is_there(day, known)) {
            Some(known) => {
                difference.kept.insert(day, known.clone());
            }
            None => difference.dirty.push(plan),
        }
    }
    difference
}

/// The form of the files; a higher number writes all files again.
const FILE_FORM: u32 = 1;
