//! `clear`: removes recorded events, as whole segments, after saying which. Which ones go is decided from
//! their facts alone; removing them while others write is the store's.

use localtel::admin::{ClearPlan, Location, ReasonToStay, SegmentFacts};

use super::exit::Exit;
use super::failure::Failure;
use super::quantity::{count, size};
use super::screen::Screen;
use super::time::{Zone, parse, timestamp};

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
    location: &Location,
    args: &ClearArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let before = match &args.before {
        None => None,
        Some(text) => Some(timestamp(parse(text, Zone::UTC, screen.now)?)),
    };
    let plan = location.plan_clear(before)?;
    for line in describe(&plan) {
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
    let cleared = plan.run()?;
    writeln!(
        screen.stdout,
        "removed {}, {}",
        count(cleared.segments, "segment"),
        size(cleared.bytes)
    )?;
    if let Some(active) = cleared.stays {
        writeln!(
            screen.stdout,
            "stays: segment {active}; something that is not older was recorded in it meanwhile"
        )?;
    }
    Ok(Exit::Done)
}

/// Says what goes, and what stays and why, a line each.
fn describe(plan: &ClearPlan) -> Vec<String> {
    if plan.goes.is_empty() && plan.stays.is_empty() {
        return vec!["there is nothing to remove".to_owned()];
    }
    let goes = match plan.before {
        Some(before) if plan.goes.is_empty() => {
            format!("no segment is wholly before {before}")
        }
        Some(_) | None => format!("goes: {}", summary(&plan.goes)),
    };
    let stays = plan
        .stays
        .iter()
        .take(STAYS_SHOWN_MAX)
        .map(|(segment, reason)| {
            let own = std::slice::from_ref(segment);
            format!("stays: {}; {}", summary(own), why(*reason))
        });
    let more = plan.stays.len().saturating_sub(STAYS_SHOWN_MAX);
    let more = (more > 0).then(|| format!("stays: {} more", count(more as u64, "segment")));
    std::iter::once(goes).chain(stays).chain(more).collect()
}

/// Says why a segment stays.
fn why(reason: ReasonToStay) -> String {
    match reason {
        ReasonToStay::Newer(last) => format!("its last record is of {last}"),
        ReasonToStay::Behind(older) => format!("segment {older} before it stays"),
        ReasonToStay::Unknown | _ => "no time can be read in it".to_owned(),
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
        (Some(first), Some(last)) => format!(", {first} to {last}"),
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
