//! Disks that cannot be written: full, read-only, or with a limit on the size of files. Tests that
//! need the right to mount print that they are skipped if it is missing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Overflow};
use localtel::{Limits, Telemetry};
use serde_json::Value;

use crate::child;
use crate::disk::Disk;
use crate::support::{
    TestPlace, check_sessions, dispatch, eventually, is_own, lines_in, log, segments_in,
};

fn values(directory: &Path) -> Vec<Value> {
    lines_in(directory)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Returns the number of the application's records, and the sum of the counts in `dropped` records.
fn kept_and_dropped(directory: &Path) -> (u64, u64) {
    let values = values(directory);
    let kept = values.iter().filter(|value| !is_own(value)).count() as u64;
    let dropped = values
        .iter()
        .filter(|value| is_own(value) && value["event"] == "dropped")
        .map(|value| value["properties"]["count"].as_u64().unwrap())
        .sum();
    (kept, dropped)
}

#[test]
fn a_full_disk_loses_only_events_and_counts_them() {
    for (delivery, overflow) in [
        (Delivery::Background, Overflow::Drop),
        (Delivery::Background, Overflow::Block),
        (Delivery::Inline, Overflow::Drop),
        (Delivery::Inline, Overflow::Block),
    ] {
        let Some(disk) = Disk::mount("size=4m") else {
            return;
        };
        let limits = Limits {
            line_bytes_max: 4096,
            buffer_bytes_max: 65_536,
            ..Limits::default()
        };
        let builder = disk.builder().limits(limits);
        let telemetry = builder
            .delivery(delivery)
            .overflow(overflow)
            .try_open()
            .unwrap();
        let dispatch = dispatch(&telemetry);
        log(&dispatch, 100);
        telemetry.flush().unwrap();
        let ballast = disk.fill();

        let started = Instant::now();
        log(&dispatch, 20_000);
        let elapsed = started.elapsed();
        assert!(
            elapsed < Duration::from_secs(4),
            "{delivery:?} {overflow:?}: {elapsed:?}"
        );
        assert!(telemetry.flush().is_err());
        let full = telemetry.status();
        assert!(
            full.trouble
                .is_some_and(|trouble| trouble.contains("No space"))
        );
        assert!(full.counts.dropped > 10_000, "{:?}", full.counts);
        assert_eq!(full.counts.offered(), 20_100);

        std::fs::remove_file(ballast).unwrap();
        let is_recovered = || {
            let dropped = |disk: &Disk| kept_and_dropped(&disk.directory()).1;
            if delivery == Delivery::Inline {
                log(&dispatch, 1);
                dropped(&disk) > 0
            } else {
                dropped(&disk) == full.counts.dropped
            }
        };
        eventually("recording resumes when there is room", is_recovered);
        log(&dispatch, 10);
        let counts = telemetry.close(Duration::from_secs(5));
        assert_eq!(counts.failed, 0);
        assert_eq!(
            kept_and_dropped(&disk.directory()),
            (counts.recorded, counts.dropped)
        );
        assert_eq!(check_sessions(&disk.directory()), 1);
    }
}

#[test]
fn events_never_written_to_a_full_disk_count_as_failed() {
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    let telemetry = disk.builder().try_open().unwrap();
    disk.fill();
    log(&dispatch(&telemetry), 100);
    let counts = telemetry.close(Duration::from_secs(2));
    assert_eq!((counts.failed, counts.offered()), (100, 100));
    assert_eq!(values(&disk.directory()).len(), 0);
}

#[test]
fn a_disk_without_inodes_keeps_its_records_and_recovers() {
    let Some(disk) = Disk::mount("size=4m,nr_inodes=9") else {
        return;
    };
    let limits = Limits {
        line_bytes_max: 4096,
        buffer_bytes_max: 65_536,
        segment_bytes_max: 65_536,
        ..Limits::default()
    };
    let telemetry = disk.builder().limits(limits).try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 10);
    telemetry.flush().unwrap();
    let mut ballast = Vec::new();
    for number in 0..9 {
        let path = disk.0.path().join(number.to_string());
        if std::fs::File::create(&path).is_ok() {
            ballast.push(path);
        }
    }
    log(&dispatch, 2000);
    assert!(telemetry.flush().is_err());
    assert_eq!(telemetry.status().counts.offered(), 2010);
    for path in ballast {
        std::fs::remove_file(path).unwrap();
    }
    eventually("recording resumes", || telemetry.flush().is_ok());
    let counts = telemetry.close(Duration::from_secs(5));
    let dropped = counts.dropped;
    assert_eq!(
        kept_and_dropped(&disk.directory()),
        (counts.recorded, dropped)
    );
    check_sessions(&disk.directory());
}

#[test]
fn recording_resumes_after_the_disk_was_read_only() {
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    let telemetry = disk.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    disk.remount("remount,ro");
    log(&dispatch, 100);
    assert!(telemetry.flush().is_err());
    assert!(telemetry.status().trouble.is_some());
    disk.remount("remount,rw");
    eventually("recording resumes", || telemetry.flush().is_ok());
    drop((telemetry, dispatch));
    assert_eq!(kept_and_dropped(&disk.directory()), (100, 0));

    disk.remount("remount,ro");
    let telemetry = disk.builder().open();
    log(&crate::support::dispatch(&telemetry), 10);
    drop(telemetry);
}

#[test]
fn telemetry_on_a_read_only_disk_is_off_with_the_reason() {
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    drop(disk.builder().try_open().unwrap());
    disk.remount("remount,ro");
    let hour = WhenUndecided::RecordAfter(Duration::from_hours(1));
    for (builder, word) in [
        (disk.builder(), "telemetry"),
        (disk.builder().profile("new"), "new"),
        (disk.builder().when_undecided(hour), "telemetry"),
    ] {
        let telemetry = builder.open();
        log(&dispatch(&telemetry), 10);
        let status = telemetry.status();
        assert!(!status.is_recording);
        let reason = status.off_because.unwrap();
        assert!(
            reason.contains(word) && reason.contains("Read-only file system"),
            "{reason}"
        );
        telemetry.flush().unwrap();
    }
}

#[test]
fn a_flush_syncs_every_segment_and_its_name() {
    let place = TestPlace::new();
    let trace = place.path().with_file_name("trace");
    let trace_text = trace.to_str().unwrap();
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: `strace` is not installed");
        return;
    }
    let before = [
        "strace",
        "-f",
        "-y",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
        trace_text,
    ];
    let mut command = child::command_in("write one durable", &place.path(), &before);
    command
        .env("LOCALTEL_TEST_COUNT", "400")
        .env("LOCALTEL_TEST_SEGMENT", "16384");
    child::succeed(command);
    let trace = std::fs::read_to_string(&trace).unwrap();
    let calls: Vec<&str> = trace.lines().collect();
    let last = |what: &str| calls.iter().rposition(|line| line.contains(what));
    let segments = segments_in(&place.path());
    assert!(segments.len() > 2, "{segments:?}");
    for segment in segments {
        let synced = last(segment.to_str().unwrap());
        assert!(
            synced.is_some(),
            "{} is not synced:\n{trace}",
            segment.display()
        );
    }
    let directory = format!("{}>", place.path().display());
    let newest_name = last(&directory);
    assert!(
        newest_name > last("events.000002.jsonl"),
        "the names are not synced:\n{trace}"
    );
}

#[test]
fn a_limit_on_file_sizes_does_not_end_the_host() {
    let place = TestPlace::new();
    let mut command = child::command_in(
        "open and print",
        &place.path(),
        &["prlimit", "--fsize=20000"],
    );
    command.env("LOCALTEL_TEST_COUNT", "200");
    let output = child::succeed(command);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("offered 200 recorded 200"), "{printed}");
    let segments = segments_in(&place.path());
    let sizes: Vec<u64> = segments
        .iter()
        .map(|segment| segment.metadata().unwrap().len())
        .collect();
    assert!(sizes.iter().all(|bytes| *bytes <= 20_000), "{sizes:?}");
    // All events are recorded, in as many segments of that size as they need.
    assert_eq!(place.events().len(), 200, "{printed}");
    check_sessions(&place.path());
}

#[test]
fn a_process_without_file_descriptors_continues() {
    let place = TestPlace::new();
    let mut command =
        child::command_in("open and print", &place.path(), &["prlimit", "--nofile=4"]);
    command.env("LOCALTEL_TEST_COUNT", "10");
    let printed = child::succeed(command).stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(printed.contains("recording false"), "{printed}");
    assert!(printed.contains("Too many open files"), "{printed}");
}

#[test]
fn events_without_descriptors_are_kept_for_a_while_then_refused() {
    let place = TestPlace::new();
    let printed = child::run("record without file descriptors", &place).stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    for delivery in ["Background", "Inline"] {
        let directory = place.path().join(delivery);
        let kept = kept_and_dropped(&directory).0;
        assert!(
            printed.contains(&format!("{delivery} recorded {kept}\n")),
            "{printed}"
        );
        // A record states that recording resumed.
        let values = values(&directory);
        assert!(values.iter().any(|value| value["event"] == "consent"));
        assert_eq!(check_sessions(&directory), 1);
    }
}

/// Runs in a child: records with both deliveries before the file descriptors are used up, while
/// they are, and afterwards.
pub(crate) fn record_without_file_descriptors(task: &child::ChildTask) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let all = getrlimit(Resource::Nofile);
    let open = |delivery: Delivery| {
        let directory = Path::new(&task.directory).join(format!("{delivery:?}"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("policy.toml"), "level = \"info\"\n").unwrap();
        let telemetry = task.builder().dir(directory).delivery(delivery);
        telemetry.try_open().unwrap()
    };
    let handles = [Delivery::Background, Delivery::Inline].map(open);
    let record = |telemetry: &Telemetry| log(&dispatch(telemetry), 1);
    let mut offered = 0;
    let mut record_with_all = || {
        handles.iter().for_each(record);
        offered += 1;
        std::thread::sleep(Duration::from_millis(20));
        handles.each_ref().map(Telemetry::flush)
    };
    assert!(record_with_all().iter().all(Result::is_ok));
    let none = Rlimit {
        current: Some(3),
        ..all
    };
    setrlimit(Resource::Nofile, none).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        for (flushed, telemetry) in record_with_all().iter().zip(&handles) {
            assert!(flushed.is_ok(), "{flushed:?}");
            assert!(telemetry.status().is_recording);
        }
    }
    for telemetry in &handles {
        let trouble = telemetry.status().trouble.unwrap();
        assert!(trouble.contains("Too many open files"), "{trouble}");
    }
    eventually("a flush returns the error", || {
        let flushed = record_with_all();
        flushed.iter().all(|flushed| {
            let failure = flushed.as_ref().err();
            failure.is_some_and(|error| error.to_string().contains("Too many open files"))
        })
    });
    let refused = handles.each_ref().map(|it| it.status().counts.refused);
    for _ in 0..10 {
        let _flushed = record_with_all();
    }
    for (telemetry, before) in handles.iter().zip(refused) {
        let status = telemetry.status();
        assert_eq!(status.counts.refused, before + 10);
        assert!(!status.is_recording);
        assert!(status.trouble.unwrap().contains("Too many open files"));
        assert!(status.off_because.unwrap().contains("Too many open files"));
    }
    setrlimit(Resource::Nofile, all).unwrap();
    eventually("recording resumes", || {
        let flushed = record_with_all();
        let is_recording = |telemetry: &Telemetry| telemetry.status().is_recording;
        flushed.iter().all(Result::is_ok) && handles.iter().all(is_recording)
    });
    println!();
    for (telemetry, delivery) in handles.into_iter().zip(["Background", "Inline"]) {
        assert_eq!(telemetry.status().trouble, None);
        let counts = telemetry.close(Duration::from_secs(5));
        assert_eq!((counts.offered(), counts.failed), (offered, 0));
        println!("{delivery} recorded {}", counts.recorded);
    }
}

#[test]
fn a_process_that_cannot_start_a_thread_still_records() {
    let place = TestPlace::new();
    std::fs::create_dir(place.path()).unwrap();
    std::os::unix::fs::chown(place.path(), Some(4321), Some(4321)).unwrap_or_default();
    let before = [
        "setpriv",
        "--reuid=4321",
        "--regid=4321",
        "--clear-groups",
        "prlimit",
        "--nproc=1",
    ];
    let mut command = child::command_in("open and print", &place.path(), &before);
    command.env("LOCALTEL_TEST_COUNT", "10");
    let output = command.output().unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("ermission denied")
        || String::from_utf8_lossy(&output.stderr).contains("not permitted")
    {
        println!("skipped: this needs the right to become another user");
        return;
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    assert!(printed.contains("offered 10 recorded 10"), "{printed}");
    assert_eq!(place.events().len(), 10);
}
