//! The findings of `doctor` on space: a file system with too little room or that is nearly full,
//! and limits that remove records by size before their age.

use std::time::Duration;

use crate::admin::finding::{Finding, FindingKind};
use crate::admin::limits::{Bounds, LimitSource, Rate};
use crate::admin::{Location, ShellWord};
use crate::clock;
use crate::consent::duration_text;
use crate::policy::storage::TOTAL_BYTES_LEAST;
use crate::store;
use crate::store::disk::{Directory, FileSystemRoom};
use crate::text::count;

/// Checks the file system of a directory, and its limits at today's rate.
pub(super) fn find(
    location: &Location,
    directory: &Directory,
    bounds: &Bounds,
    full_at_percent: u8,
) -> Vec<Finding> {
    let path = directory.path().display().to_string();
    let room = directory.room().ok();
    let is_writable = directory.check_is_writable().is_ok();
    let of_room = room
        .filter(|_| is_writable)
        .and_then(|room| about_room(room, &path, bounds));
    let of_room = of_room.or_else(|| about_fill(room?, &path, full_at_percent));
    let segments = store::list(directory).unwrap_or_default();
    let segments: Vec<_> = segments
        .iter()
        .map(|segment| (segment.number, segment.bytes))
        .collect();
    let rate = Rate::read(directory, &segments, bounds, clock::now());
    let of_limits = rate.and_then(|rate| about_limits(location, rate, bounds));
    of_room.into_iter().chain(of_limits).collect()
}

/// Checks that the file system has room for another segment or, if it is smaller than one, for
/// another line.
fn about_room(room: FileSystemRoom, path: &str, bounds: &Bounds) -> Option<Finding> {
    let needed = if room.bytes < bounds.segment_bytes_max {
        bounds.line_bytes_max as u64
    } else {
        bounds.segment_bytes_max
    };
    let kib = |bytes: u64| format!("{} KiB", bytes / 1024);
    let few_inodes = room.free_inodes.filter(|free| *free < INODES_MIN);
    let (free, needed, df) = match few_inodes {
        _ if room.bytes > 0 && room.free_bytes < needed => {
            (kib(room.free_bytes), kib(needed), "df -h")
        }
        Some(free) => (count(free, "inode"), count(INODES_MIN, "inode"), "df -i"),
        None => return None,
    };
    Some(Finding::new(
        FindingKind::Room,
        format!("the file system of {path} has {free} free, and recording may need {needed}"),
        format!(
            "make room there; `{df} {}` shows how much there is",
            ShellWord(path)
        ),
    ))
}

/// Checks that the file system is not fuller than that many percent, as `df` computes them.
fn about_fill(room: FileSystemRoom, path: &str, full_at_percent: u8) -> Option<Finding> {
    let used = u128::from(room.used_bytes);
    let all = used + u128::from(room.available_bytes);
    let percent = (used * 100).div_ceil(all.max(1));
    (percent > u128::from(full_at_percent)).then(|| {
        Finding::new(
            FindingKind::Full,
            format!("the file system of {path} is {percent} % full"),
            format!(
                "make room there; `df -h {}` shows how much there is, and `--full-at` sets the percentage of this finding ({full_at_percent})",
                ShellWord(path)
            ),
        )
    })
}

/// Checks that the total holds the records up to their greatest age, at that rate. Where both
/// limits are only assumed, the application may have set others.
fn about_limits(location: &Location, rate: Rate, bounds: &Bounds) -> Option<Finding> {
    let sources = [bounds.set_by.total_bytes_max, bounds.set_by.age_max];
    if sources == [LimitSource::Default; 2] || !rate.is_by_size(bounds) {
        return None;
    }
    let total = size(u128::from(bounds.total_bytes_max));
    let what = format!(
        "at today's rate of {} a day, the total of {total} lasts {}, so records are removed by size before their greatest age of {}",
        size(u128::from(rate.bytes_per_day)),
        days(rate.total_days),
        duration_text(Duration::from_secs(bounds.age_seconds_max)),
    );
    // A tenth more, since rates change, and room for the segment that is written.
    let needed = rate.bytes_for(bounds.age_seconds_max);
    let needed = needed + needed / 10 + u128::from(bounds.segment_bytes_max);
    let needed = size(needed.max(TOTAL_BYTES_LEAST.into()));
    let total = format!("policy storage total_bytes_max '{needed}'");
    let raise = location.command(&total);
    let lower = location.command("policy storage age_max AGE");
    let compress = if bounds.compress {
        String::new()
    } else {
        let compress = location.command("policy storage compress true");
        format!(", `{compress}`")
    };
    let next = format!("record less, or `{raise}`{compress} or `{lower}`");
    Some(Finding::new(FindingKind::Limits, what, next))
}

/// Returns a size in the unit in which it has at least two digits, rounded up.
fn size(bytes: u128) -> String {
    const UNITS: [(u128, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fitting = UNITS.iter().find(|(unit, _)| bytes >= 10 * unit);
    let (unit, name) = fitting.copied().unwrap_or((1, "B"));
    format!("{} {name}", bytes.div_ceil(unit))
}

fn days(days: u64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        days => format!("about {}", count(days, "day")),
    }
}

/// A segment, and a small file while it is replaced.
const INODES_MIN: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Telemetry;
    use crate::policy::storage::Storage;

    fn location() -> Location {
        Location::of(&Telemetry::builder("a").dir("/nonexistent/a")).unwrap()
    }

    fn bounds(location: &Location, storage: &Storage) -> Bounds {
        Bounds::of(location, storage)
    }

    #[test]
    fn a_file_system_is_full_above_the_percentage() {
        let of = |used_bytes, available_bytes| FileSystemRoom {
            bytes: 100_000,
            used_bytes,
            free_bytes: 100_000,
            available_bytes,
            free_inodes: None,
        };
        for (room, full_at_percent, expected) in [
            (of(80_000, 20_000), 80, None),
            (of(80_001, 19_999), 80, Some("is 81 % full")),
            (of(80_001, 19_999), 81, None),
            // A part is reserved for root, as `df` counts it.
            (of(76_000, 19_000), 80, None),
            (of(79_000, 16_000), 80, Some("is 84 % full")),
            (of(100_000, 0), 99, Some("is 100 % full")),
            (of(100_000, 0), 100, None),
            (of(0, 0), 80, None),
            (of(u64::MAX, 0), 80, Some("is 100 % full")),
        ] {
            let found = about_fill(room, "/a b", full_at_percent);
            let what = found.as_ref().map(|finding| finding.what.as_str());
            match expected {
                None => assert_eq!(what, None, "{room:?}"),
                Some(expected) => assert!(what.unwrap().contains(expected), "{what:?}"),
            }
            assert!(found.is_none_or(|found| found.next.contains("`df -h '/a b'`")));
        }
    }

    #[test]
    fn limits_that_remove_by_size_before_the_age_are_found() {
        let location = location();
        let with = |age_days: u64, total: Option<u64>| {
            let age_max = (age_days > 0).then(|| Duration::from_hours(24 * age_days));
            let storage = Storage {
                age_max,
                total_bytes_max: total,
                ..Storage::default()
            };
            bounds(&location, &storage)
        };
        for (rate, bounds, expected) in [
            (1 << 20, with(0, None), None),
            (1 << 20, with(256, None), None),
            (1 << 20, with(257, None), Some("lasts about 256 days")),
            (1 << 30, with(1, None), Some("lasts less than a day")),
            (
                1 << 20,
                with(0, Some(8 << 20)),
                Some("1024 KiB a day, the total of 8192 KiB lasts about 8 days"),
            ),
        ] {
            let found = about_limits(&location, Rate::new(rate, &bounds), &bounds);
            let what = found.as_ref().map(|finding| finding.what.as_str());
            match expected {
                None => assert_eq!(what, None),
                Some(expected) => assert!(what.unwrap().contains(expected), "{what:?}"),
            }
        }
    }

    #[test]
    fn the_total_that_is_suggested_is_enough() {
        let location = location();
        for total in [4 << 20, 1 << 30] {
            for rate in [1 << 20, 123_456_789, 1 << 30] {
                let own = |total| Storage {
                    age_max: Some(Duration::from_hours(24 * 400)),
                    total_bytes_max: Some(total),
                    ..Storage::default()
                };
                let less = bounds(&location, &own(total));
                let Some(found) = about_limits(&location, Rate::new(rate, &less), &less) else {
                    continue;
                };
                let (_, after) = found.next.split_once("total_bytes_max '").unwrap();
                let (suggested, _) = after.split_once('\'').unwrap();
                let more = own(crate::policy::storage::parse_total(suggested).unwrap());
                let more = bounds(&location, &more);
                let still = about_limits(&location, Rate::new(rate, &more), &more);
                assert_eq!(still, None, "{suggested}");
            }
        }
    }

    #[test]
    fn limits_that_are_only_assumed_are_not_a_finding() {
        let location = location();
        let mut bounds = bounds(&location, &Storage::default());
        let rate = Rate::new(1 << 30, &bounds);
        assert!(about_limits(&location, rate, &bounds).is_some());
        bounds.set_by.total_bytes_max = LimitSource::Default;
        assert!(about_limits(&location, rate, &bounds).is_some());
        bounds.set_by.age_max = LimitSource::Default;
        assert!(about_limits(&location, rate, &bounds).is_none());
    }

    #[test]
    fn too_little_room_is_found_for_bytes_and_inodes() {
        const MIB: u64 = 1 << 20;
        let bounds = bounds(&location(), &Storage::default());
        for (bytes, free_bytes, free_inodes, expected) in [
            (1000 * MIB, 16 * MIB, None, None),
            (
                1000 * MIB,
                16 * MIB - 1,
                None,
                Some("16383 KiB free, and recording may need 16384 KiB"),
            ),
            (1000 * MIB, 0, Some(0), Some("0 KiB free")),
            (MIB, 256 * 1024, None, None),
            (
                MIB,
                256 * 1024 - 1,
                None,
                Some("255 KiB free, and recording may need 256 KiB"),
            ),
            (0, 0, None, None),
            (
                0,
                0,
                Some(1),
                Some("1 inode free, and recording may need 2 inodes"),
            ),
            (1000 * MIB, 16 * MIB, Some(2), None),
        ] {
            let room = FileSystemRoom {
                bytes,
                used_bytes: bytes.saturating_sub(free_bytes),
                free_bytes,
                available_bytes: free_bytes,
                free_inodes,
            };
            let found = about_room(room, "/a b", &bounds);
            let what = found.as_ref().map(|finding| finding.what.as_str());
            match expected {
                None => assert_eq!(what, None, "{room:?}"),
                Some(expected) => assert!(what.unwrap().contains(expected), "{what:?}"),
            }
            let df = if free_bytes < 256 * 1024 || free_inodes.is_none() {
                "`df -h '/a b'`"
            } else {
                "`df -i '/a b'`"
            };
            if bytes > 0 {
                assert!(
                    found.is_none_or(|finding| finding.next.contains(df)),
                    "{room:?}"
                );
            }
        }
    }
}
