//! `clear`: lists the segments that it will remove, asks for confirmation and removes them. The
//! library's `admin` plans which, and its store removes them safely while other processes write.

use localtel::admin::{ClearPlan, KeepReason, Location, SegmentFacts};

use super::exit::Exit;
use super::failure::Failure;
use super::quantity::{count, size};
use super::screen::Screen;
use super::time::{Bound, Zone, ZoneArgs, moment, parse, timestamp};

/// Arguments of `clear`.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearArgs {
    /// Remove only segments whose records are all older [default: all segments]
    #[arg(
        id = "localtel.before",
        long = "before",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    before: Option<String>,
    /// Remove without confirmation
    #[arg(id = "localtel.yes", short = 'y', long = "yes")]
    yes: bool,
    /// Only print what would be removed
    #[arg(
        id = "localtel.dry_run",
        long = "dry-run",
        conflicts_with = "localtel.yes"
    )]
    dry_run: bool,
    /// The zone of times.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
}

impl ClearArgs {
    /// Returns the arguments that remove everything, without confirmation if `yes`.
    pub(crate) fn everything(yes: bool) -> Self {
        Self {
            before: None,
            yes,
            dry_run: false,
            zone: ZoneArgs::default(),
        }
    }
}

/// Removes the planned segments after a confirmation or with `--yes`.
pub(crate) fn run(
    location: &Location,
    args: &ClearArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let zone = args.zone.zone(screen)?;
    let before = match &args.before {
        None => None,
        // What is kept begins at that time.
        Some(text) => Some(timestamp(parse(text, Bound::Since, zone, screen.now)?)),
    };
    let plan = location.plan_clear(before)?;
    for line in describe(&plan, zone) {
        writeln!(screen.stdout, "{line}")?;
    }
    if plan.to_remove.is_empty() {
        return Ok(Exit::Done);
    }
    if args.dry_run {
        writeln!(screen.stdout, "dry run: nothing was removed")?;
        return Ok(Exit::Done);
    }
    if !args.yes {
        if !screen.is_interactive {
            return Err(
                Failure::usage("refusing to remove records without confirmation")
                    .hint("use --yes to remove them, or --dry-run to list them"),
            );
        }
        if !screen.confirm("remove them?")? {
            writeln!(screen.stderr, "nothing was removed")?;
            return Ok(Exit::Done);
        }
    }
    let cleared = plan.run().map_err(|error| {
        let list = location.command("clear --dry-run");
        Failure::from(error).hint(format!("`{list}` lists the segments that are left"))
    })?;
    writeln!(
        screen.stdout,
        "removed {}, {}",
        count(cleared.segments, "segment"),
        size(cleared.bytes)
    )?;
    if let Some(active) = cleared.kept {
        writeln!(
            screen.stdout,
            "kept segment {active}: a newer record was written to it meanwhile"
        )?;
    }
    Ok(Exit::Done)
}

/// Describes what will be removed, and what is kept and why, a line each.
fn describe(plan: &ClearPlan, zone: Zone) -> Vec<String> {
    if plan.to_remove.is_empty() && plan.to_keep.is_empty() {
        return vec!["there is nothing to remove".to_owned()];
    }
    let removed = match plan.before {
        Some(before) if plan.to_remove.is_empty() => {
            let before = zone.text(moment(before));
            format!("no segment has only records before {before}")
        }
        Some(_) | None => format!("will remove {}", summary(&plan.to_remove, zone)),
    };
    let kept = plan
        .to_keep
        .iter()
        .take(KEPT_SHOWN_MAX)
        .map(|(segment, reason)| {
            let own = std::slice::from_ref(segment);
            format!(
                "will keep {}; {}",
                summary(own, zone),
                reason_of(*reason, zone)
            )
        });
    let more = plan.to_keep.len().saturating_sub(KEPT_SHOWN_MAX);
    let more = (more > 0).then(|| format!("will keep {} more", count(more as u64, "segment")));
    std::iter::once(removed).chain(kept).chain(more).collect()
}

/// Returns the reason why a segment is kept.
fn reason_of(reason: KeepReason, zone: Zone) -> String {
    match reason {
        KeepReason::Newer(last) => format!("its last record is of {}", zone.text(moment(last))),
        KeepReason::Behind(older) => format!("the older segment {older} is kept"),
        KeepReason::Unknown | _ => "it has no readable timestamp".to_owned(),
    }
}

/// Summarises segments in a clause.
fn summary(segments: &[SegmentFacts], zone: Zone) -> String {
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
        (Some(first), Some(last)) => {
            let [first, last] = [first, last].map(|time| zone.text(moment(time)));
            format!(", {first} to {last}")
        }
        (None, _) | (_, None) => String::new(),
    };
    format!(
        "{names}: {}, {}{span}",
        count(records, "record"),
        size(bytes)
    )
}

/// Number of kept segments that are listed one by one.
const KEPT_SHOWN_MAX: usize = 5;

/// Examples for `clear`.
pub(crate) const EXAMPLES: &str = "\
Removes whole segments, the oldest first; also the active one if all of its records are older. \
Running programs continue to record without loss. The stored choice and the installation id are kept.

Examples:
  localtel clear                              all records, after confirmation
  localtel clear --before monday --yes
  localtel clear --before 2026-11-01 --dry-run";
