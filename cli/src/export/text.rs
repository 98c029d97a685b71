//! What an export says about the bundle that it wrote, for people and as JSON.

use std::io;

use localtel::read::{SegmentNumber, Timestamp};
use localtel_bundle::export::{Exported, ExportedLog};
use localtel_bundle::manifest::{BundleRange, LogKey, TimeSpan};
use serde_json::{Value, json};

use super::super::cells::{LongWords, wrapped};
use super::super::grid::{Grid, Side};
use super::super::quantity::{count, size};
use super::super::sanitize::Sanitized;
use super::super::screen::Screen;
use super::super::time::{Zone, moment};
use localtel::admin::ShellWord;

/// Prints the bundle: a row for each application, what is not in it, and what to do next.
pub(super) fn print(exported: &Exported, zone: Zone, screen: &mut Screen<'_>) -> io::Result<()> {
    let manifest = &exported.manifest;
    let mut lines = vec![
        format!("bundle  {}", exported.path.display()),
        format!("host    {}", manifest.host),
    ];
    if let Some(range) = manifest.range {
        lines.push(format!("range   {}", range_text(range, zone)));
    }
    lines.push(String::new());
    let mut grid = Grid::new([
        ("APPLICATION", Side::Left),
        ("SEGMENTS", Side::Right),
        ("RECORDS", Side::Right),
        ("SIZE", Side::Right),
        ("FIRST", Side::Left),
        ("LAST", Side::Left),
    ]);
    for log in &exported.logs {
        let times = log.facts.times();
        let time = |end: fn(TimeSpan) -> Timestamp| {
            times.map_or_else(|| "none".to_owned(), |times| text_of(end(times), zone))
        };
        grid.push([
            name_of(&log.facts.key),
            log.facts.segments.len().to_string(),
            log.facts.records().to_string(),
            size(log.facts.bytes()),
            time(TimeSpan::first),
            time(TimeSpan::last),
        ]);
    }
    let cells = screen.cells();
    lines.extend(grid.lines(cells));
    lines.push(String::new());
    let notes = notes(exported);
    lines.extend(notes.iter().map(|note| note_text(note, screen)));
    if !notes.is_empty() {
        lines.push(String::new());
    }
    let closing = format!(
        "Read back from the medium and compared: {}, {}. It may be unmounted and removed.",
        count(exported.files, "file"),
        size(exported.bytes)
    );
    lines.push(note_text(&closing, screen));
    for line in lines {
        for line in line.lines().chain(line.is_empty().then_some("")) {
            writeln!(screen.stdout, "{}", Sanitized(line))?;
        }
    }
    Ok(())
}

/// Returns the same for programs.
pub(super) fn report(exported: &Exported) -> Value {
    let manifest = &exported.manifest;
    json!({
        "path": exported.path.display().to_string(),
        "host": manifest.host,
        "created": manifest.created,
        "range": manifest.range,
        "files": exported.files,
        "bytes": exported.bytes,
        "logs": exported.logs.iter().map(log_report).collect::<Vec<_>>(),
        "empty": paths(&exported.empty),
        "unfinished": paths(&exported.unfinished),
    })
}

fn log_report(log: &ExportedLog) -> Value {
    let facts = &log.facts;
    let lost = log.lost.iter();
    json!({
        "application": facts.key.application.as_str(),
        "profile": facts.key.profile.as_str(),
        "log": facts.key.log,
        "directory": facts.directory,
        "segments": facts.segments.len(),
        "records": facts.records(),
        "bytes": facts.bytes(),
        "first": facts.times().map(TimeSpan::first),
        "last": facts.times().map(TimeSpan::last),
        "damaged": facts.damaged(),
        "records_left_out": log.records_left_out,
        "removed_meanwhile": log.removed_meanwhile,
        "lost": lost.map(|(first, last)| [first.get(), last.get()]).collect::<Vec<_>>(),
        "undecodable": log.undecodable.iter().map(|number| number.get()).collect::<Vec<_>>(),
        "unfinished_bytes": log.unfinished_bytes,
    })
}

fn paths(paths: &[std::path::PathBuf]) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

/// Returns a sentence for each thing that is not in the bundle, or not as it should be.
fn notes(exported: &Exported) -> Vec<String> {
    let mut notes = Vec::new();
    for log in &exported.logs {
        let name = name_of(&log.facts.key);
        notes.extend(notes_on(log).map(|note| format!("{name}: {note}")));
    }
    let empty = exported.empty.iter();
    notes.extend(empty.map(|path| format!("left out: {} has no records", path.display())));
    notes.extend(exported.unfinished.iter().map(|path| {
        let path = path.display().to_string();
        format!(
            "an earlier export did not finish; `rm -r {}` removes what it left",
            ShellWord(&path)
        )
    }));
    notes
}

fn notes_on(log: &ExportedLog) -> impl Iterator<Item = String> {
    let left_out = (log.records_left_out > 0).then(|| {
        let records = count(log.records_left_out, "record");
        format!("{records} left out, outside the range")
    });
    let damaged = log.facts.damaged();
    let damaged = (damaged > 0).then(|| count(damaged, "damaged line"));
    let removed = (log.removed_meanwhile > 0).then(|| {
        let segments = count(log.removed_meanwhile, "segment");
        format!("{segments} left out, removed meanwhile by retention or `clear`")
    });
    let lost = log.lost.iter().map(|(first, last)| {
        if first == last {
            format!("{} is lost", first.file_name())
        } else {
            format!("{} to {} are lost", first.file_name(), last.file_name())
        }
    });
    let undecodable = log.undecodable.iter().map(|number: &SegmentNumber| {
        let name = number.file_name();
        format!("{name} cannot be decompressed as a whole; its intact records are in the bundle")
    });
    let unfinished = (log.unfinished_bytes > 0).then(|| {
        let bytes = count(log.unfinished_bytes, "byte");
        format!("{bytes} left out, of a line that was being written")
    });
    let lost: Vec<String> = lost.chain(undecodable).collect();
    let counted = [left_out, damaged, removed, unfinished].into_iter();
    counted.flatten().chain(lost)
}

/// Returns the name of an application with its profile, unless that is the default one.
fn name_of(key: &LogKey) -> String {
    if key.profile.is_default() {
        key.application.to_string()
    } else {
        format!("{}/{}", key.application, key.profile)
    }
}

fn range_text(range: BundleRange, zone: Zone) -> String {
    let since = range
        .since()
        .map(|since| format!("from {}", text_of(since, zone)));
    let until = range
        .until()
        .map(|until| format!("up to {}", text_of(until, zone)));
    let ends: Vec<String> = since.into_iter().chain(until).collect();
    ends.join(" ")
}

/// Returns a time without the fraction of its second.
fn text_of(time: Timestamp, zone: Zone) -> String {
    let text = zone.text(moment(time)).to_string();
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let zone = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{seconds}{zone}")
}

fn note_text(note: &str, screen: &Screen<'_>) -> String {
    wrapped(note, screen.text_cells(), 2, LongWords::Kept)
}
