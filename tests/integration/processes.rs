//! Several processes in one directory, while others delete, rename and truncate its files, or kill
//! and stop processes. `strangers` tests foreign files in place of ours.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child;
use crate::support::{
    TestPlace, check_sessions, dispatch, eventually, lines_in, log, numbers_in, scale, segments_in,
};

fn start_writers(place: &TestPlace, count: usize, segment_bytes: u64) -> Vec<Child> {
    (0..4)
        .map(|_| {
            child::writer("write with threads", &place.path(), count, segment_bytes)
                .spawn()
                .unwrap()
        })
        .collect()
}

fn end_well(children: Vec<Child>) {
    for child in children {
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {printed}", output.status);
    }
}

/// Checks that the numbers of each process and thread run from 0 to the last, in file order.
fn check_numbers(events: &[Value], count: usize) {
    let mut next: HashMap<(u64, u64), u64> = HashMap::new();
    for event in events {
        let of = |name: &str| event["properties"][name].as_u64().unwrap();
        let expected = next.entry((of("pid"), of("thread"))).or_default();
        assert_eq!(of("number"), *expected, "{event}");
        *expected += 1;
    }
    assert!(next.values().all(|number| *number == count as u64));
}

/// `LOCALTEL_TEST_EVENTS=25000` is the full length: 400,000 events.
#[test]
fn four_processes_of_four_threads_lose_and_tear_nothing() {
    let count = scale("LOCALTEL_TEST_EVENTS", 1000);
    let segment_bytes = if count >= 10_000 { 1 << 20 } else { 128 << 10 };
    let place = TestPlace::new();
    end_well(start_writers(&place, count, segment_bytes));
    let events = place.events();
    assert_eq!(events.len(), 16 * count);
    check_numbers(&events, count);
    assert_eq!(check_sessions(&place.path()), 4);
    let numbers = numbers_in(&place.path());
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert!(numbers.len() > 10, "{numbers:?}");
    assert_eq!(numbers, expected);
    for segment in segments_in(&place.path()) {
        assert!(segment.metadata().unwrap().len() <= segment_bytes + 1024);
    }
    let stored = std::fs::read_to_string(place.path().join("log.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let first: Value = serde_json::from_str(&lines_in(&place.path())[0]).unwrap();
    assert_eq!(stored["log"], first["session"]);
}

/// Changes the newest segment or an older one as people and tools change log files.
fn change_a_segment(directory: &Path, round: usize) {
    let segments = segments_in(directory);
    let Some(segment) = segments.get(segments.len().saturating_sub(1 + round % 2)) else {
        return;
    };
    let aside = directory.join(format!("aside.{round}"));
    // Another process may have been faster, so errors are ignored.
    let done = match round % 6 {
        0 => std::fs::remove_file(segment),
        1 => std::fs::rename(segment, &aside),
        2 => File::options()
            .write(true)
            .open(segment)
            .and_then(|file| file.set_len(0)),
        3 => {
            std::fs::rename(segment, &aside).and_then(|()| std::fs::copy(&aside, segment).map(drop))
        }
        4 => File::options()
            .write(true)
            .open(segment)
            .and_then(|file| file.set_len(file.metadata()?.len() / 2)),
        _ => std::fs::remove_dir_all(directory),
    };
    drop(done);
}

#[test]
fn writers_survive_any_change_of_the_files_by_others() {
    let count = scale("LOCALTEL_TEST_EVENTS", 5000);
    let place = TestPlace::with_damage();
    let mut children = start_writers(&place, count, 64 << 10);
    let mut round = 0;
    let started = Instant::now();
    while children
        .iter_mut()
        .any(|child| child.try_wait().unwrap().is_none())
    {
        assert!(
            started.elapsed() < Duration::from_mins(5),
            "a writer does not end"
        );
        change_a_segment(&place.path(), round);
        round += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
    end_well(children);
    assert!(round > 5, "the writers ended too early");
    let telemetry = place.builder().try_open().unwrap();
    log(&dispatch(&telemetry), 10);
    drop(telemetry);
    let text = segments_in(&place.path())
        .iter()
        .map(|segment| std::fs::read_to_string(segment).unwrap())
        .collect::<String>();
    let is_late = |line: &&str| {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            return false;
        };
        value["message"] == "logged"
    };
    assert_eq!(text.lines().filter(is_late).count(), 10);
}

#[test]
fn a_running_writer_never_uses_a_number_twice() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    let mut highest = 0;
    for round in 0..12 {
        log(&dispatch, 3);
        telemetry.flush().unwrap();
        let newest = *numbers_in(&place.path()).last().unwrap();
        assert!(newest > highest, "round {round}: {newest} after {highest}");
        highest = newest;
        match round % 3 {
            0 => std::fs::remove_dir_all(place.path()).unwrap(),
            1 => {
                for segment in segments_in(&place.path()) {
                    std::fs::remove_file(segment).unwrap();
                }
            }
            _ => {
                // Another process creates the directory again, with numbers from 1.
                std::fs::remove_dir_all(place.path()).unwrap();
                let other = place.builder().try_open().unwrap();
                log(&crate::support::dispatch(&other), 1);
            }
        }
    }
}

#[test]
fn a_log_rotated_by_another_tool_is_followed_by_a_new_segment() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 5);
    telemetry.flush().unwrap();
    let head = place.path().join("events.000001.jsonl");
    let rotated = place.path().join("events.000001.jsonl.1");
    std::fs::rename(&head, &rotated).unwrap();
    log(&dispatch, 5);
    telemetry.flush().unwrap();
    assert_eq!(
        std::fs::read_to_string(&rotated).unwrap().lines().count(),
        6
    );
    assert_eq!(numbers_in(&place.path()), [2]);
    assert_eq!(place.events().len(), 5);
    assert_eq!(place.own("session")[0]["properties"]["resumed"], true);
}

#[test]
fn a_segment_that_was_replaced_is_appended_to() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 5);
    telemetry.flush().unwrap();
    let head = place.path().join("events.000001.jsonl");
    let copy = place.path().join("copy");
    std::fs::copy(&head, &copy).unwrap();
    // Replaced as an editor saves, and without the last newline.
    let file = File::options().write(true).open(&copy).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    std::fs::rename(&copy, &head).unwrap();
    log(&dispatch, 5);
    drop(telemetry);
    assert_eq!(place.events().len(), 10);
    assert_eq!(place.own("session").len(), 2);
}

/// A writer that prints what it has flushed, and a thread that reads the last number.
struct Acknowledging {
    child: Child,
    reader: std::thread::JoinHandle<u64>,
}

impl Acknowledging {
    fn start(place: &TestPlace) -> Self {
        let mut child = child::writer("write and acknowledge", &place.path(), 0, 256 << 10)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let read = move || {
            let mut flushed = 0;
            for line in output.lines().map_while(Result::ok) {
                // The first line may begin with output of the test harness.
                if let Some((_, number)) = line.split_once("flushed ") {
                    flushed = number.parse().unwrap_or(flushed);
                }
            }
            flushed
        };
        let reader = std::thread::Builder::new().spawn(read).unwrap();
        Self { child, reader }
    }

    /// Kills the writer, and returns its process id and the last number that it printed.
    fn kill(mut self) -> (u64, u64) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
        (u64::from(self.child.id()), self.reader.join().unwrap())
    }
}

/// `LOCALTEL_TEST_KILLS=200` is the full length.
#[test]
fn a_kill_tears_one_line_at_most_and_loses_nothing_flushed() {
    let rounds = scale("LOCALTEL_TEST_KILLS", 15);
    let place = TestPlace::with_damage();
    let survivor = Acknowledging::start(&place);
    let mut flushed = HashMap::new();
    for round in 0..rounds {
        let victim = Acknowledging::start(&place);
        // Spread over the start and the first writes, without a common period.
        std::thread::sleep(Duration::from_micros(3000 + (round as u64 * 7919) % 60_000));
        let (pid, number) = victim.kill();
        flushed.insert(pid, number);
    }
    let (pid, number) = survivor.kill();
    assert!(number > 0, "the survivor wrote nothing");
    flushed.insert(pid, number);
    // The next writer ends a line that the last kill may have torn.
    let telemetry = place.builder().try_open().unwrap();
    log(&dispatch(&telemetry), 1);
    drop(telemetry);

    let mut torn = 0;
    let mut seen: HashMap<u64, Vec<u64>> = HashMap::new();
    for segment in segments_in(&place.path()) {
        let bytes = std::fs::read(&segment).unwrap();
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let Ok(value) = serde_json::from_slice::<Value>(line) else {
                torn += 1;
                continue;
            };
            if let Some(pid) = value["properties"]["pid"]
                .as_u64()
                .filter(|_| value["target"] != "localtel")
            {
                let number = value["properties"]["number"].as_u64().unwrap();
                seen.entry(pid).or_default().push(number);
            }
        }
    }
    println!(
        "{rounds} kills, {torn} torn lines, {} writers that wrote",
        seen.len()
    );
    assert!(torn <= rounds + 1, "{torn} torn lines after {rounds} kills");
    for (pid, flushed) in flushed {
        let numbers = seen.remove(&pid).unwrap_or_default();
        let expected: Vec<u64> = (0..numbers.len() as u64).collect();
        assert_eq!(
            numbers, expected,
            "of process {pid}: in order, none missing, none twice"
        );
        assert!(numbers.len() as u64 >= flushed, "{pid} flushed {flushed}");
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_stopped_process_with_the_lock_stalls_no_other() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    // To other processes this is the same as a stopped writer; `flock` may not be installed.
    let lock = place.path().join("lock");
    let holder = Command::new("flock")
        .arg("--no-fork")
        .arg(&lock)
        .args(["sleep", "60"])
        .spawn();
    let Ok(mut holder) = holder else {
        println!("skipped: `flock` is not installed");
        return;
    };
    let probe = File::options().read(true).write(true).open(&lock).unwrap();
    eventually("the lock is taken", || {
        let is_free = probe.try_lock().is_ok();
        probe.unlock().unwrap();
        !is_free
    });
    signal(&holder, "STOP");
    let dispatch = dispatch(&telemetry);
    let started = Instant::now();
    log(&dispatch, 5000);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "recording blocked the host"
    );
    let opening = Instant::now();
    let other = place.builder().open();
    assert!(other.status().is_recording);
    assert!(
        opening.elapsed() < Duration::from_millis(500),
        "the lock blocked opening"
    );
    signal(&holder, "KILL");
    holder.wait().unwrap();
    drop(other);
    let counts = telemetry.close(Duration::from_secs(5));
    assert_eq!((counts.failed, counts.offered()), (0, 5000));
    assert_eq!(place.events().len() as u64, counts.recorded);
}

#[test]
fn a_lock_held_by_a_stopped_process_delays_opening_briefly() {
    let place = TestPlace::new();
    std::fs::create_dir(place.path()).unwrap();
    let lock = File::create(place.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let started = Instant::now();
    let telemetry = place.builder().open();
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    assert!(telemetry.status().off_because.is_some());
}
