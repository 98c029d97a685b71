//! Followers while processes write: they return each record once and in order, and a notice of
//! what they missed if other processes clear or delete segments meanwhile.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use localtel::Event;
use localtel::read::{Follower, Item, Reader};
use localtel::recording::Outcome;

use crate::child;
use crate::support::{TestPlace, scale, segments_in};

/// The records and notices that one follower returned.
#[derive(Default)]
struct Seen {
    /// For each session the next number, and whether a gap was reported since the last record.
    sessions: HashMap<String, (u64, bool)>,
    records: u64,
    /// Number of notices and of damaged items.
    reported: u64,
}

impl Seen {
    fn take(&mut self, item: &Item<'_>) {
        match item {
            Item::Line(line) => {
                let record = line.record().unwrap();
                let session = record.session.to_string();
                let is_reported = self.reported > 0;
                let (next, is_gap_reported) =
                    self.sessions.entry(session).or_insert((0, is_reported));
                assert!(record.seq >= *next, "{} came twice", line.position());
                assert!(
                    record.seq == *next || *is_gap_reported,
                    "{} was missed",
                    line.position()
                );
                (*next, *is_gap_reported) = (record.seq + 1, false);
                self.records += 1;
            }
            Item::Text(_) | Item::Damage(_) | Item::Notice(_) => {
                self.reported += 1;
                for (_, is_gap_reported) in self.sessions.values_mut() {
                    *is_gap_reported = true;
                }
            }
        }
    }

    /// Follows until the writers have ended and the follower returns no more items.
    fn follow(path: &Path, are_done: &AtomicBool) -> Self {
        let mut seen = Self::default();
        let mut follower = Reader::open(path).unwrap().follow();
        loop {
            let is_last_poll = are_done.load(Ordering::SeqCst);
            while let Some(item) = follower.poll().unwrap() {
                seen.take(&item);
            }
            if is_last_poll {
                return seen;
            }
            std::thread::sleep(Follower::PAUSE / 10);
        }
    }
}

fn start_writers(place: &TestPlace, count: usize, segment_bytes: u64) -> Vec<Child> {
    let start =
        |_| child::writer("write with threads", &place.path(), count, segment_bytes).spawn();
    (0..4).map(start).collect::<Result<_, _>>().unwrap()
}

/// Runs writers and two followers, and calls `interfere` repeatedly while they write.
fn follow_while(
    place: &TestPlace,
    count: usize,
    segment_bytes: u64,
    interfere: impl Fn(usize),
) -> Vec<Seen> {
    // The directory must exist before it can be followed.
    drop(place.builder().try_open().unwrap());
    let are_done = AtomicBool::new(false);
    let (path, are_done) = (place.path(), &are_done);
    std::thread::scope(|scope| {
        let followers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| Seen::follow(&path, are_done)))
            .collect();
        let mut writers = start_writers(place, count, segment_bytes);
        let mut round = 0;
        while writers
            .iter_mut()
            .any(|writer| writer.try_wait().unwrap().is_none())
        {
            interfere(round);
            round += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        for writer in writers {
            let output = writer.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        are_done.store(true, Ordering::SeqCst);
        followers
            .into_iter()
            .map(|follower| follower.join().unwrap())
            .collect()
    })
}

/// `LOCALTEL_TEST_EVENTS=25000` is the full length.
#[test]
fn followers_see_each_record_once_across_rotations() {
    let count = scale("LOCALTEL_TEST_EVENTS", 1000);
    let place = TestPlace::new();
    for seen in follow_while(&place, count, 64 << 10, |_| {}) {
        assert_eq!(seen.reported, 0);
        assert_eq!(seen.records, place.lines().len() as u64);
        assert_eq!(seen.sessions.len(), 4);
    }
    assert!(segments_in(&place.path()).len() > 10);
}

/// `LOCALTEL_TEST_EVENTS=25000` is the full length.
#[test]
fn followers_and_writers_survive_clears_and_deletions() {
    let count = scale("LOCALTEL_TEST_EVENTS", 10_000);
    let place = TestPlace::new();
    let cleared = std::sync::atomic::AtomicUsize::new(0);
    let interfere = |round: usize| match round % 3 {
        0 => {
            let output = localtel(&place.path(), &["clear", "--yes"])
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            cleared.fetch_add(1, Ordering::Relaxed);
        }
        1 => {
            let segments = segments_in(&place.path());
            if let [oldest, _, ..] = segments.as_slice() {
                drop(std::fs::remove_file(oldest));
            }
        }
        _ => {}
    };
    for seen in follow_while(&place, count, 32 << 10, interfere) {
        // Segments may be removed before a follower reads them, so only bounds are known.
        assert!(seen.records > 0 && seen.records <= (16 * count) as u64 + 10_000);
    }
    assert!(cleared.into_inner() > 2, "too fast to clear");
}

#[test]
fn a_follower_continues_in_the_file_that_replaced_a_segment() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let record = |event: &str| {
        assert_eq!(telemetry.record(&Event::new(event)), Outcome::Recorded);
        telemetry.flush().unwrap();
    };
    record("before");
    let mut follower = Reader::open(&place.path()).unwrap().follow();
    let mut seen = || {
        let mut events = Vec::new();
        while let Some(item) = follower.poll().unwrap() {
            events.push(match item {
                Item::Line(line) => line.record().unwrap().event.unwrap(),
                Item::Damage(damage) => format!("damage: {damage}"),
                Item::Text(line) => format!("text: {line:?}"),
                Item::Notice(notice) => format!("notice: {notice}"),
            });
        }
        events
    };
    assert_eq!(seen(), ["session", "before"]);
    let segment = &segments_in(&place.path())[0];
    let copy = place.path().join("copy");
    std::fs::copy(segment, &copy).unwrap();
    std::fs::rename(&copy, segment).unwrap();
    record("after");
    let later = [seen(), seen()].concat();
    assert!(later.contains(&"after".to_owned()), "{later:?}");
    assert!(
        later.iter().any(|item| item.starts_with("notice")),
        "{later:?}"
    );
    assert!(!later.contains(&"before".to_owned()), "{later:?}");
}

/// A `tail` process and its output.
struct Tail {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Tail {
    fn start(place: &TestPlace, count: &str) -> Self {
        let mut process = localtel(&place.path(), &["tail", "-n", count, "-o", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Returns the numbers of the events that it prints, up to `last`.
    fn numbers_up_to(&mut self, last: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            let line = self.lines.next().unwrap().unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            numbers.extend(line["properties"]["number"].as_u64());
        }
        numbers
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn tail_shows_each_line_of_a_truncated_or_replaced_file() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let record = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            let event = Event::new("numbered").property("number", number);
            assert_eq!(telemetry.record(&event), Outcome::Recorded);
        }
        telemetry.flush().unwrap();
    };
    record(0..10);
    let mut tail = Tail::start(&place, "1");
    let mut whole = Tail::start(&place, "all");
    assert_eq!(tail.numbers_up_to(9), [9]);
    assert_eq!(whole.numbers_up_to(9), (0..10).collect::<Vec<_>>());
    let segment = &segments_in(&place.path())[0];

    // As `logrotate` does with `copytruncate`; then the file grows beyond its old length.
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    file.set_len(0).unwrap();
    record(10..50);
    let expected: Vec<_> = (10..50).collect();
    assert_eq!(tail.numbers_up_to(49), expected);
    assert_eq!(whole.numbers_up_to(49), expected);

    // As `sed -i` does that removes a line.
    let text = std::fs::read_to_string(segment).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(":12}")).collect();
    let other = place.path().join("other");
    std::fs::write(&other, kept.join("\n") + "\n").unwrap();
    let mode = std::fs::metadata(segment).unwrap().permissions();
    std::fs::set_permissions(&other, mode).unwrap();
    std::fs::rename(&other, segment).unwrap();
    record(50..60);
    let expected: Vec<_> = (50..60).collect();
    assert_eq!(tail.numbers_up_to(59), expected);
    assert_eq!(whole.numbers_up_to(59), expected);
}

/// Half of the attempts must be in time: on a busy machine a single one proves little.
#[test]
fn tail_shows_a_record_within_200_ms() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    assert_eq!(telemetry.record(&Event::new("first")), Outcome::Recorded);
    telemetry.flush().unwrap();
    let mut tail = localtel(&place.path(), &["tail", "-n", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The measurement makes sense only once `tail` waits for new records.
    std::thread::sleep(Duration::from_millis(300));
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut quick = 0;
    for number in 0..10 {
        std::thread::sleep(Duration::from_millis(number * 13));
        let started = Instant::now();
        assert_eq!(
            telemetry.record(&Event::new("live").property("number", number)),
            Outcome::Recorded
        );
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&format!("live number={number}")), "{line}");
        quick += usize::from(started.elapsed() < Duration::from_millis(200));
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    assert!(quick >= 5, "only {quick} of 10");
}

#[test]
fn tail_ends_when_its_reader_ends_even_if_idle() {
    let place = TestPlace::new();
    drop(place.builder().try_open().unwrap());
    let mut tail = localtel(&place.path(), &["tail"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(tail.stdout.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = tail.try_wait().unwrap() {
            break status;
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "tail did not end"
        );
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
}

/// Runs a command that must end within ten seconds, and returns its exit code and its output.
fn ended(mut command: Command) -> (Option<i32>, String, String) {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn tail_ends_at_its_time_with_what_was_recorded_until_then() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let tail = std::thread::scope(|scope| {
        let words = ["tail", "-n0", "-U", "+2s", "event=live"];
        let command = localtel(&place.path(), &words);
        let tail = scope.spawn(|| ended(command));
        std::thread::sleep(Duration::from_secs(1));
        telemetry.record(&Event::new("live"));
        tail.join().unwrap()
    });
    assert_eq!((tail.0, tail.1.lines().count()), (Some(0), 1), "{tail:?}");
    let words = ["tail", "-n0", "-U", "now", "--exit-status"];
    assert_eq!(ended(localtel(&place.path(), &words)).0, Some(4));
}

#[test]
fn what_follows_waits_for_the_first_application() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path();
    let localtel = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
        command.env_clear().env("XDG_STATE_HOME", state).args(words);
        command.stdin(Stdio::null());
        command
    };
    let waiting = [
        &["tail", "-m1", "event=first"][..],
        &["--app", "myapp", "tail", "-m1", "event=first"],
        &["show", "-f", "-m1", "event=first"],
    ];
    let outcomes = std::thread::scope(|scope| {
        let waiting = waiting.map(|words| scope.spawn(move || ended(localtel(words))));
        std::thread::sleep(Duration::from_millis(500));
        for words in [&["enable"][..], &["record", "first"]] {
            let words = [&["--app", "myapp"], words].concat();
            assert_eq!(ended(localtel(&words)).0, Some(0));
        }
        waiting.map(|waiting| waiting.join().unwrap())
    });
    for (code, shown, messages) in &outcomes {
        assert_eq!((*code, shown.lines().count()), (Some(0), 1), "{shown}");
        assert_eq!(messages.matches("waiting for").count(), 1, "{messages}");
    }
    // A similar name is suggested at once.
    let misspelt = ["--app", "myap", "tail", "-U", "now"];
    let (_, _, messages) = ended(localtel(&misspelt));
    assert!(messages.contains("did you mean"), "{messages}");
}

fn localtel(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
    command
        .arg("--dir")
        .arg(directory)
        .args(words)
        .stdin(Stdio::null());
    command
}
