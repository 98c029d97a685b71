//! `status`: shows whether events are recorded, which rule decided that, where they are stored, how
//! much is stored, and whether there is a newer release of the application. It changes nothing.

use std::io::{self, Write};

use localtel::admin::{
    AGAINST_DROPS, LimitSource, Location, OwnerState, Status, StoredChoice, Update,
};
use localtel::read::Summary;

use super::cells::{LongWords, Padded, width, wrapped};
use super::document::document;
use super::exit::Exit;
use super::failure::Failure;
use super::quantity::{age, count, days, lasting, round_size, size};
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::selection::name_of;
use super::time::{Zone, ZoneArgs, moment};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    pub(crate) json: bool,
    /// The zone of times, except in JSON.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
}

/// Prints the status as text or JSON.
pub(crate) fn run(
    location: &Location,
    args: &StatusArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let status = location.status();
    if args.json {
        screen.stdout.write_all(&document(&status)?)?;
    } else {
        let mut text = Vec::new();
        print(&status, location, args.zone.zone(screen)?, &mut text)?;
        let cells = screen.text_cells();
        for line in String::from_utf8_lossy(&text).lines() {
            writeln!(
                screen.stdout,
                "{}",
                wrapped(line, cells, 2, LongWords::Kept)
            )?;
        }
    }
    Ok(Exit::Done)
}

/// Prints one row for each location, or one JSON object on a line.
pub(crate) fn run_all(
    locations: &[Location],
    args: &StatusArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let zone = args.zone.zone(screen)?;
    if args.json {
        for location in locations {
            let status = document(location.status())?;
            screen.stdout.write_all(&status)?;
        }
        return Ok(Exit::Done);
    }
    let rows = locations.iter().map(|location| {
        let name = Sanitized(&name_of(location)).to_string();
        StatusRow::new(name, &location.status(), zone)
    });
    write_table(&rows.collect::<Vec<_>>(), screen.stdout)?;
    Ok(Exit::Done)
}

/// The facts about a location in one row.
struct StatusRow {
    name: String,
    recording: String,
    /// The cells below [`STORED_HEADINGS`], or the reason why there are none.
    stored: Result<[String; 5], String>,
}

/// The headings of what is stored; the one above times is aligned to the left with its spaces.
const STORED_HEADINGS: [&str; 5] = ["RECORDS", "SIZE", "LAST RECORD        ", "LOST", "DAMAGE"];

impl StatusRow {
    fn new(name: String, status: &Status, zone: Zone) -> Self {
        let stored = status.storage.as_ref().map(|storage| {
            let shown = |last| zone.text(moment(last)).to_string().replace('T', " ");
            let last = storage.last.map_or_else(|| "-".to_owned(), shown);
            // Up to the second; the zone is that of all times of this output.
            let last = last.get(..SECOND_CHARACTERS).unwrap_or(&last);
            let losses = storage.losses;
            [
                storage.records.to_string(),
                size(storage.bytes),
                format!("{last:SECOND_CHARACTERS$}"),
                (losses.dropped + losses.refused + losses.failed).to_string(),
                storage.damage.to_string(),
            ]
        });
        let reason = status.storage_problem.as_deref().unwrap_or("no records");
        Self {
            name,
            recording: status.answer.recording.to_string(),
            stored: stored.ok_or_else(|| Sanitized(reason).to_string()),
        }
    }
}

/// Writes rows with columns that are as wide as their cells.
fn write_table(rows: &[StatusRow], out: &mut dyn Write) -> io::Result<()> {
    let names = rows.iter().map(|row| width(&row.name));
    let names = names.chain(["APPLICATION".len()]).max().unwrap_or(0);
    let mut widths = STORED_HEADINGS.map(str::len);
    for cells in rows.iter().filter_map(|row| row.stored.as_ref().ok()) {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    let line = |cells: [&str; 5]| {
        let cells = cells.into_iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        cells.join("  ")
    };
    let heading = line(STORED_HEADINGS);
    writeln!(out, "{:names$}  RECORDING  {heading}", "APPLICATION")?;
    for row in rows {
        let stored = match &row.stored {
            Ok(cells) => line(cells.each_ref().map(String::as_str)),
            Err(reason) => reason.clone(),
        };
        let name = Padded(&row.name, names);
        writeln!(out, "{name}  {:9}  {stored}", row.recording)?;
    }
    Ok(())
}

/// Number of characters of a date and a time up to the second.
const SECOND_CHARACTERS: usize = 19;

fn print(status: &Status, location: &Location, zone: Zone, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "status: {}", status.status)?;
    let uuid = status.uuid.map(|uuid| uuid.to_string());
    writeln!(out, "uuid: {}", uuid.as_deref().unwrap_or("none"))?;
    print_recording(status, out)?;
    if let Some(level) = status.level {
        writeln!(out, "level: {level}")?;
    }
    match status.policy.owner {
        OwnerState::Missing | OwnerState::Open => {}
        OwnerState::Narrows => writeln!(out, "policy: policy.toml restricts what is recorded")?,
        OwnerState::Damaged => {
            let problem = status.policy.problem.as_deref();
            let problem = problem.filter(|problem| !status.answer.because.contains(problem));
            let problem = Sanitized(problem.unwrap_or("damaged, see above"));
            writeln!(
                out,
                "policy: {problem}; nothing is recorded until it is fixed"
            )?;
        }
    }
    let unknown = "unknown: the directory does not name it";
    let source = status.source.as_deref().unwrap_or(unknown);
    writeln!(out, "source: {source}")?;
    writeln!(out, "profile: {}", status.profile)?;
    if let Some(others) = location.other_profiles() {
        writeln!(out, "other profiles: {}", Sanitized(&others))?;
    }
    let missing = if status.directory_exists || status.storage_problem.is_some() {
        ""
    } else {
        " (does not exist yet)"
    };
    writeln!(out, "directory: {}{missing}", Sanitized(&status.directory))?;
    print_limits(status, out)?;
    match (status.grace(), &status.first_seen) {
        (Some(left), _) => writeln!(out, "grace: {left} left")?,
        (None, Some(_)) => {
            writeln!(out, "grace: over, events are recorded until you decide")?;
        }
        (None, None) => {}
    }
    if status.copied == Some(true) {
        let reset = location.command("reset");
        writeln!(
            out,
            "copied: this directory was created on another machine or by another user; `{}` removes its id",
            Sanitized(&reset)
        )?;
    }
    if let Some(update) = &status.update {
        print_update(update, location, out)?;
    }
    if let Some(problem) = &status.update_problem {
        writeln!(out, "update: unknown: {}", Sanitized(problem))?;
    }
    if let Some(problem) = &status.storage_problem {
        writeln!(out, "storage: unreadable: {}", Sanitized(problem))?;
    }
    let storage = status.storage.as_ref();
    storage.map_or(Ok(()), |storage| print_storage(out, storage, zone))
}

/// Prints the limits with who set each, and how many days they hold at today's rate.
fn print_limits(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let limits = &status.limits;
    let set_by = limits.set_by;
    let (most, oldest) = (
        round_size(limits.total_bytes_max),
        age(limits.age_seconds_max),
    );
    let source = |source| match source {
        LimitSource::Owner => "owner",
        LimitSource::Application => "application",
        LimitSource::Default => "default, unless the application sets another",
    };
    write!(out, "limits: ")?;
    match (set_by.total_bytes_max, set_by.age_max) {
        (LimitSource::Default, LimitSource::Default) => write!(
            out,
            "{most}, {oldest} (defaults, unless the application sets others)"
        )?,
        (of_most, of_oldest) if of_most == of_oldest => {
            write!(out, "{most}, {oldest} ({})", source(of_most))?;
        }
        (of_most, of_oldest) => write!(
            out,
            "{most} ({}), {oldest} ({})",
            source(of_most),
            source(of_oldest)
        )?,
    }
    match (limits.compress, set_by.compress) {
        (true, by) => write!(out, ", compressed ({})", source(by))?,
        (false, LimitSource::Owner) => write!(out, ", not compressed (owner)")?,
        (false, LimitSource::Application | LimitSource::Default) => {}
    }
    writeln!(out)?;
    if let Some(rate) = &status.rate {
        let lasting = lasting(limits.total_bytes_max, rate);
        let kept = days(rate.kept_days);
        writeln!(out, "days: {lasting}; records are kept for {kept}")?;
    } else if set_by.total_bytes_max == LimitSource::Owner {
        writeln!(
            out,
            "days: not known yet: the records of less than 6 hours are stored"
        )?;
    }
    if let Some(overdue @ 1..) = status.overdue_compression {
        let segments = count(overdue, "segment");
        writeln!(
            out,
            "to compress: {segments}; only a program that runs for longer than a moment compresses"
        )?;
    }
    Ok(())
}

/// Prints whether events are recorded, why, and which rule decided.
fn print_recording(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let because = Sanitized(&status.answer.because);
    writeln!(
        out,
        "recording: {}, because {because}",
        status.answer.recording
    )?;
    if let Some(own) = &status.record_and_run {
        let because = Sanitized(&own.because);
        writeln!(
            out,
            "`localtel record` and `run`: {}, because {because}",
            own.recording
        )?;
    }
    let when = status.choice().map(made_by).unwrap_or_default();
    writeln!(out, "decided by: {}{}", status.decided_by, Sanitized(&when))?;
    for overruled in &status.overruled {
        writeln!(out, "overruled: {} ({})", overruled.by, overruled.wanted)?;
    }
    let locked = if status.locked { "yes" } else { "no" };
    writeln!(out, "locked: {locked}")?;
    for problem in &status.problems {
        writeln!(out, "problem: {}", Sanitized(problem))?;
    }
    Ok(())
}

/// Describes when and by which command a choice was made.
fn made_by(choice: &StoredChoice) -> String {
    let parts = [choice.by.as_deref(), choice.decided.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

fn print_update(update: &Update, location: &Location, out: &mut dyn Write) -> io::Result<()> {
    let released = match &update.released {
        Some(released) => format!(" (released {released})"),
        None => String::new(),
    };
    let current = match location.command_name() {
        Some(_) => format!("this is {}", update.current),
        None => format!("{} recorded last", update.current),
    };
    let text = format!("{} is available{released}, {current}", update.version);
    writeln!(out, "update: {}", Sanitized(&text))
}

fn print_storage(out: &mut dyn Write, storage: &Summary, zone: Zone) -> io::Result<()> {
    let segments = storage.segments.len() as u64;
    writeln!(out, "segments: {} ({})", segments, size(storage.bytes))?;
    writeln!(out, "records: {}", storage.records)?;
    if let (Some(first), Some(last)) = (storage.first, storage.last) {
        writeln!(out, "first: {}", zone.text(moment(first)))?;
        writeln!(out, "last: {}", zone.text(moment(last)))?;
    }
    let sessions = storage.sessions;
    let more = if sessions.is_cut_short {
        "more than "
    } else {
        ""
    };
    writeln!(
        out,
        "sessions: {more}{}, {} running, {} without an end",
        sessions.count, sessions.running, sessions.without_end
    )?;
    if sessions.left_to_parents > 0 {
        let left = count(sessions.left_to_parents, "event");
        writeln!(out, "forks: {left} left to parent processes to record")?;
    }
    let losses = storage.losses;
    writeln!(
        out,
        "lost: {} dropped, {} refused, {} failed",
        losses.dropped, losses.refused, losses.failed
    )?;
    if losses.dropped > 0 {
        writeln!(out, "to drop no events: {AGAINST_DROPS}")?;
    }
    let damage = count(storage.damage, "unreadable or missing item");
    writeln!(out, "damage: {damage}")
}

/// Examples for `status`.
pub(crate) const EXAMPLES: &str = "\
Changes nothing, and works whether or not anything is recorded.

Examples:
  localtel status
  localtel --app myapp status --json | jq -r .status";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use localtel::admin::{Environment, Selection};
    use localtel::{Limits, Telemetry};

    use super::*;
    use crate::screen::Memory;

    fn text(location: &Location) -> String {
        let mut memory = Memory::default();
        let args = StatusArgs {
            json: false,
            zone: ZoneArgs::default(),
        };
        memory.with(|screen| run(location, &args, screen).unwrap());
        memory.out()
    }

    #[test]
    fn the_limits_are_shown_with_what_is_known_of_them() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().to_str().unwrap();
        let environment = Environment::for_test("myapp", &[("LOCALTEL_DIR", directory)]);
        let builder = Telemetry::builder("myapp").limits(Limits {
            total_bytes_max: 64 << 20,
            age_max: Duration::from_hours(36),
            ..Limits::default()
        });
        let embedded = text(&Location::of_application(&builder, &environment).unwrap());
        let expected = "\nlimits: 64 MiB, 36 hours (application)\n";
        assert!(embedded.contains(expected), "{embedded}");
        let selection = Selection {
            application: Some("myapp".parse().unwrap()),
            ..Selection::default()
        };
        let outside = Location::find(&selection, &environment).unwrap().unwrap();
        let expected = |expected: &str, location: &Location| {
            let text = text(location);
            assert!(text.contains(&format!("\nlimits: {expected}\n")), "{text}");
        };
        expected(
            "256 MiB, 90 days (defaults, unless the application sets others)",
            &outside,
        );
        let own = |rows: &str| {
            let text = format!("[storage]\n{rows}");
            outside.edit_policy(|_| Ok(text)).unwrap();
        };
        own("total_bytes_max = \"2 GiB\"");
        expected(
            "2 GiB (owner), 90 days (default, unless the application sets another)",
            &outside,
        );
        own("preset = \"audit\"\ntotal_bytes_max = \"2 GiB\"");
        expected("2 GiB, 400 days (owner), compressed (owner)", &outside);
        own("compress = false\nage_max = \"36h\"");
        expected(
            "256 MiB (default, unless the application sets another), 36 hours (owner), not compressed (owner)",
            &outside,
        );
    }
}
