//! What an import says about bundles that it took, for people and as JSON.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use localtel_bundle::host::HostName;
use localtel_bundle::import::{BundleImport, LogImport, SegmentChanges};
use localtel_bundle::manifest::LogKey;
use serde_json::{Value, json};

use super::super::quantity::{count, length};
use super::super::sanitize::Sanitized;
use super::super::screen::Screen;
use super::super::time::{Zone, moment, timestamp};

/// The sums over all bundles.
#[derive(Debug, Default)]
pub(super) struct Totals {
    bundles: u64,
    segments: SegmentChanges,
    /// Names as hashes would do, but a thousand hosts are few.
    hosts: BTreeSet<String>,
}

impl Totals {
    /// Adds a bundle.
    pub(super) fn add(&mut self, imported: &BundleImport) {
        self.bundles += 1;
        self.segments = self.segments.with(imported.segments());
        self.hosts.insert(imported.host.to_string());
    }

    /// Returns the number of segments that contradict the tree.
    pub(super) fn conflicts(&self) -> u64 {
        self.segments.conflicting
    }

    /// Prints the sums, and what to do about contradictions.
    pub(super) fn print(&self, fleet: &Path, screen: &mut Screen<'_>) -> io::Result<()> {
        if self.bundles == 0 {
            return Ok(());
        }
        let line = format!(
            "imported {} of {} into {}: {}",
            count(self.bundles, "bundle"),
            count(self.hosts.len() as u64, "host"),
            fleet.display(),
            changes(self.segments)
        );
        writeln!(screen.stdout, "{}", Sanitized(&line))?;
        if self.conflicts() > 0 {
            screen.stdout.flush()?;
            screen.print_message(format_args!(
                "hint: compare each conflict with its segment; keep the right one under the segment's name, and remove the other"
            ));
        }
        Ok(())
    }
}

/// Prints a bundle: a line for it, and one for each application.
pub(super) fn print(
    path: &Path,
    imported: &BundleImport,
    zone: Zone,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    let mut lines = vec![format!(
        "{}: host {}, exported {}",
        name_of(path),
        imported.host,
        zone.text(moment(imported.created))
    )];
    for log in &imported.logs {
        lines.push(format!(
            "  {}: {}",
            log_name(&log.key),
            changes(log.segments)
        ));
        lines.extend(conflicts(log));
    }
    if let Some(ahead) = ahead(imported, screen) {
        lines.push(format!(
            "  note: the clock of {} was ahead of this one, by {} at least",
            imported.host,
            length(ahead)
        ));
    }
    for line in lines {
        writeln!(screen.stdout, "{}", Sanitized(&line))?;
    }
    Ok(())
}

fn conflicts(log: &LogImport) -> impl Iterator<Item = String> {
    log.conflicts.iter().map(|conflict| {
        format!(
            "    conflict: segment {} is not the one in the tree; it is kept as {}",
            conflict.segment,
            conflict.file.display()
        )
    })
}

/// Returns by how much the clock of the host was ahead at least: the export cannot be later than
/// the import.
fn ahead(imported: &BundleImport, screen: &Screen<'_>) -> Option<Duration> {
    let now = timestamp(screen.now).unix_micros();
    let micros = u64::try_from(imported.created.unix_micros() - now).ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

/// Returns a bundle for programs.
pub(super) fn report(path: &Path, imported: &BundleImport) -> Value {
    json!({
        "path": path.display().to_string(),
        "host": host(&imported.host),
        "created": imported.created,
        "range": imported.range,
        "bytes": imported.bytes,
        "logs": imported.logs.iter().map(log_report).collect::<Vec<_>>(),
        "error": null,
    })
}

fn host(host: &HostName) -> &str {
    host.as_str()
}

fn log_report(log: &LogImport) -> Value {
    let conflicts = log.conflicts.iter().map(|conflict| {
        json!({
            "segment": conflict.segment.get(),
            "file": conflict.file.display().to_string(),
        })
    });
    json!({
        "application": log.key.application.as_str(),
        "profile": log.key.profile.as_str(),
        "log": log.key.log,
        "new": log.segments.new,
        "longer": log.segments.longer,
        "merged": log.segments.merged,
        "known": log.segments.unchanged,
        "conflicting": log.segments.conflicting,
        "conflicts": conflicts.collect::<Vec<_>>(),
    })
}

/// Describes numbers of segments in a clause.
fn changes(segments: SegmentChanges) -> String {
    let parts = [
        (segments.new, "new"),
        (segments.longer, "longer"),
        (segments.merged, "merged"),
        (segments.unchanged, "known"),
        (segments.conflicting, "conflicting"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    match parts.as_slice() {
        [] => "no segments".to_owned(),
        parts => format!(
            "{} ({})",
            count(segments.total(), "segment"),
            parts.join(", ")
        ),
    }
}

/// Says how many bundles were found in a directory.
pub(super) fn found(path: &Path, bundles: usize) -> String {
    let bundles = count(bundles as u64, "bundle");
    format!("found {bundles} in {}", path.display())
}

/// Says that an export did not finish.
pub(super) fn unfinished(path: &Path) -> String {
    format!("passed over {}: its export did not finish", path.display())
}

/// Returns the name of an application with its profile, unless that is the default one.
fn log_name(key: &LogKey) -> String {
    if key.profile.is_default() {
        key.application.to_string()
    } else {
        format!("{}/{}", key.application, key.profile)
    }
}

/// Returns the name of a bundle's directory.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
