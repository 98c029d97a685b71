//! A policy, and the key of hashes, that change while threads record: each line follows the old
//! policy or the new one, and every lost event is counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use localtel::recording::{Counts, Delivery, Outcome};
use localtel::{Event, Limits, Telemetry};
use serde_json::{Value, json};
use tracing::{info, info_span};

use crate::policy::owner;
use crate::support::{TestPlace, check_sessions, dispatch, eventually, reset};

/// Replaces the policy atomically.
fn replace(place: &TestPlace, text: &str) {
    let partial = place.path().join("policy.toml.new");
    std::fs::write(&partial, text).unwrap();
    std::fs::rename(partial, place.path().join("policy.toml")).unwrap();
}

/// Records on several threads, by hand and through `tracing`, until `change` returns. Returns the
/// number of events offered.
fn record_during(telemetry: &Telemetry, change: impl FnOnce()) -> u64 {
    let is_over = AtomicBool::new(false);
    let offered = AtomicU64::new(0);
    let dispatch = dispatch(telemetry);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (is_over, offered, dispatch) = (&is_over, &offered, &dispatch);
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    let long = info_span!("long", a = "a", b = "b", user = thread);
                    let _entered = long.enter();
                    while !is_over.load(Ordering::Relaxed) {
                        let _short = info_span!("short", a = 1, b = 2).entered();
                        info!(a = "a", b = "b", user = thread, "event");
                        long.record("a", "again");
                        let event = Event::new("event").property("a", 1).property("b", 2);
                        let _outcome = telemetry.record(&event.property("user", thread));
                        offered.fetch_add(2, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_micros(500));
                    }
                });
            });
        }
        change();
        is_over.store(true, Ordering::Relaxed);
    });
    offered.into_inner()
}

fn all_of(counts: &Counts) -> u64 {
    counts.recorded + counts.refused + counts.dropped + counts.failed
}

fn has(properties: &Value, name: &str) -> bool {
    properties.get(name).is_some()
}

const WITHOUT_A: &str = "[properties]\na = \"drop\"\n";
const WITHOUT_B: &str = "[properties]\nb = \"drop\"\n";

#[test]
fn each_line_follows_one_policy_while_the_policy_changes() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        owner(&place, WITHOUT_A);
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        let offered = record_during(&telemetry, || {
            for round in 0..4 {
                for _ in 0..10 {
                    replace(&place, WITHOUT_A);
                    replace(&place, WITHOUT_B);
                    std::thread::sleep(Duration::from_millis(20));
                }
                replace(&place, if round % 2 == 0 { WITHOUT_B } else { WITHOUT_A });
                // A policy that is not stricter takes effect when two polls read the same file.
                std::thread::sleep(Duration::from_millis(1200));
            }
        });
        telemetry.flush().unwrap();
        assert_eq!(all_of(&telemetry.status().counts), offered);
        drop(telemetry);
        check_sessions(&place.path());
        let mut seen = [false; 2];
        for event in place.events() {
            let spans = event["spans"].as_array().cloned().unwrap_or_default();
            let spans = spans.iter().map(|span| &span["properties"]);
            let all: Vec<&Value> = spans.chain([&event["properties"]]).collect();
            let (a, b) = (
                all.iter().any(|values| has(values, "a")),
                all.iter().any(|values| has(values, "b")),
            );
            assert!(!(a && b), "no policy allows both: {event}");
            seen[0] |= a;
            seen[1] |= b;
        }
        assert_eq!(seen, [true, true], "each policy applied for a while");
    }
}

#[test]
fn a_stricter_policy_masks_values_of_open_spans() {
    let place = TestPlace::new();
    owner(&place, "[properties]\nuser = \"hash\"\n");
    let telemetry = place.builder().try_open().unwrap();
    tracing::dispatcher::with_default(&dispatch(&telemetry), || {
        let _span = info_span!("span", plain = "password=hunter2", user = "anna", id = 7).entered();
        info!("before");
        replace(&place, "[properties]\nplain = \"clean\"\n");
        // A value that was kept and is now to be redacted, and a hash, whose key may have been
        // replaced.
        let expected = json!({"plain": "[masked]", "user": "[masked]", "id": 7});
        eventually("the span is narrowed", || {
            info!("after");
            telemetry.flush().unwrap();
            place.events().pop().unwrap()["spans"][0]["properties"] == expected
        });
    });
    let first = &place.events()[0]["spans"][0]["properties"];
    assert_eq!(first["plain"], "password=hunter2");
    assert!(first["user"].as_str().unwrap().starts_with("p-"));
}

#[test]
fn an_emptied_policy_file_does_not_allow_recording_at_once() {
    let place = TestPlace::new();
    owner(&place, WITHOUT_A);
    let telemetry = place.builder().try_open().unwrap();
    record_during(&telemetry, || {
        for _ in 0..4 {
            let path = place.path().join("policy.toml");
            std::fs::write(&path, "").unwrap();
            // Shorter than the poll interval, so that at most one poll reads the empty file.
            std::thread::sleep(Duration::from_millis(300));
            std::fs::write(&path, WITHOUT_A).unwrap();
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    drop(telemetry);
    let events = place.events();
    assert!(!events.is_empty());
    for event in events {
        assert!(!has(&event["properties"], "a"), "{event}");
    }
}

#[test]
fn a_reset_leaves_no_hash_that_links_two_sessions() {
    use std::collections::{HashMap, HashSet};
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        owner(&place, "[properties]\nuser = \"hash\"\n");
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        let offered = record_during(&telemetry, || {
            std::thread::sleep(Duration::from_millis(300));
            for _ in 0..3 {
                reset(&place);
                std::thread::sleep(Duration::from_millis(800));
            }
        });
        telemetry.flush().unwrap();
        assert_eq!(all_of(&telemetry.status().counts), offered);
        drop(telemetry);
        let mut sessions: HashMap<String, HashSet<String>> = HashMap::new();
        for event in place.events() {
            let known = sessions
                .entry(event["session"].as_str().unwrap().to_owned())
                .or_default();
            let spans = event["spans"].as_array().cloned().unwrap_or_default();
            let spans = spans.iter().map(|span| &span["properties"]["user"]);
            let users = spans.chain([&event["properties"]["user"]]);
            known.extend(users.filter_map(Value::as_str).map(str::to_owned));
        }
        assert_eq!(sessions.len(), 4);
        let mut all = HashSet::new();
        for users in sessions.values_mut() {
            users.remove("[masked]");
            assert_eq!(users.len(), 4, "one for each thread");
            for user in users.drain() {
                assert!(user.starts_with("p-"), "{user}");
                assert!(all.insert(user), "two sessions have a hash in common");
            }
        }
    }
}

#[test]
fn a_relaxed_policy_takes_effect_in_an_idle_process() {
    let place = TestPlace::new();
    owner(&place, "level = \"error\"\n");
    let telemetry = place.builder().try_open().unwrap();
    tracing::dispatcher::with_default(&dispatch(&telemetry), || {
        info!("excluded");
        std::thread::sleep(Duration::from_millis(50));
        replace(&place, "level = \"trace\"\n");
        eventually("events are recorded", || {
            info!("allowed");
            telemetry.flush().unwrap();
            place
                .events()
                .iter()
                .any(|event| event["message"] == "allowed")
        });
    });
    drop(telemetry);
    assert!(
        place
            .events()
            .iter()
            .all(|event| event["message"] == "allowed")
    );
}

#[test]
fn a_half_written_policy_records_nothing() {
    let place = TestPlace::new();
    owner(&place, "[properties]\na = \"drop\"\nb = \"drop\"\n");
    let telemetry = place.builder().try_open().unwrap();
    tracing::dispatcher::with_default(&dispatch(&telemetry), || {
        for round in 0..3 {
            info!(a = "a", b = "b", round, "event");
            telemetry.flush().unwrap();
            // Longer than the poll interval.
            std::thread::sleep(Duration::from_millis(600));
            std::fs::write(
                place.path().join("policy.toml"),
                "[properties]\na = \"drop\"\n",
            )
            .unwrap();
            info!(a = "a", b = "b", round, "event");
            telemetry.flush().unwrap();
            let whole = "[properties]\na = \"drop\"\nb = \"drop\"\n";
            std::fs::write(place.path().join("policy.toml"), whole).unwrap();
            std::thread::sleep(Duration::from_millis(600));
        }
    });
    drop(telemetry);
    let events = place.events();
    assert!(
        events
            .iter()
            .all(|event| event["properties"].get("b").is_none())
    );
}

/// Returns the size of all segments together.
fn stored_bytes(place: &TestPlace) -> u64 {
    let entries = std::fs::read_dir(place.path()).unwrap();
    let sizes = entries.filter_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_segment = name.starts_with("events.0");
        // A segment may be removed meanwhile.
        is_segment.then(|| entry.metadata().map_or(0, |facts| facts.len()))
    });
    sizes.sum()
}

/// Records and flushes some MiB.
fn record_mib(telemetry: &Telemetry, mib: usize) {
    for _ in 0..mib {
        for _ in 0..128 {
            let event = Event::new("event").property("text", "x".repeat(8 << 10));
            assert_eq!(telemetry.record(&event), Outcome::Recorded);
        }
        telemetry.flush().unwrap();
    }
}

#[test]
fn limits_of_the_owner_replace_those_of_a_running_program() {
    const MIB: u64 = 1 << 20;
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let limits = Limits {
            segment_bytes_max: 2 * MIB,
            total_bytes_max: 8 * MIB,
            ..Limits::default()
        };
        let builder = place.builder().limits(limits).delivery(delivery);
        let telemetry = builder.try_open().unwrap();
        record_mib(&telemetry, 6);
        assert!(stored_bytes(&place) >= 6 * MIB);
        replace(&place, "[storage]\ntotal_bytes_max = \"4 MiB\"\n");
        let started = Instant::now();
        eventually("the smaller total applies", || {
            let _outcome = telemetry.record(&Event::new("event"));
            telemetry.flush().unwrap();
            stored_bytes(&place) <= 4 * MIB
        });
        assert!(started.elapsed() < Duration::from_secs(10));
        replace(&place, "[storage]\ntotal_bytes_max = \"1 GiB\"\n");
        eventually("the larger total applies", || {
            record_mib(&telemetry, 1);
            stored_bytes(&place) > 9 * MIB
        });
    }
}

#[test]
fn limits_of_the_owner_apply_at_the_next_start() {
    const MIB: u64 = 1 << 20;
    let place = TestPlace::new();
    let builder = || {
        place.builder().limits(Limits {
            segment_bytes_max: 2 * MIB,
            ..Limits::default()
        })
    };
    let telemetry = builder().try_open().unwrap();
    record_mib(&telemetry, 6);
    drop(telemetry);
    replace(&place, "[storage]\ntotal_bytes_max = \"4 MiB\"\n");
    drop(builder().try_open().unwrap());
    assert!(stored_bytes(&place) > 5 * MIB, "nothing was recorded");
    let telemetry = builder().try_open().unwrap();
    let _outcome = telemetry.record(&Event::new("event"));
    telemetry.flush().unwrap();
    assert!(stored_bytes(&place) <= 4 * MIB);
}

#[test]
fn an_idle_program_removes_nothing_that_newer_limits_keep() {
    const MIB: u64 = 1 << 20;
    let place = TestPlace::new();
    let builder = || {
        let limits = Limits {
            segment_bytes_max: MIB,
            total_bytes_max: 4 * MIB,
            ..Limits::default()
        };
        place.builder().limits(limits).delivery(Delivery::Inline)
    };
    let idle = builder().try_open().unwrap();
    let _outcome = idle.record(&Event::new("event"));
    idle.flush().unwrap();
    replace(&place, "[storage]\ntotal_bytes_max = \"1 GiB\"\n");
    record_mib(&builder().try_open().unwrap(), 7);
    // Long after its last poll.
    std::thread::sleep(Duration::from_millis(600));
    record_mib(&idle, 2);
    let stored = stored_bytes(&place);
    assert!(stored > 9 * MIB, "{stored}");
}

#[test]
fn compression_by_the_owner_applies_to_a_running_program() {
    let place = TestPlace::new();
    let limits = Limits {
        segment_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let telemetry = place.builder().limits(limits).try_open().unwrap();
    record_mib(&telemetry, 3);
    let first = place.path().join("events.000001.jsonl");
    let two_days_ago = SystemTime::now() - Duration::from_hours(48);
    let file = std::fs::File::open(&first).unwrap();
    file.set_modified(two_days_ago).unwrap();
    // The worker has looked for segments once, and found that none is to be compressed.
    std::thread::sleep(Duration::from_millis(1500));
    telemetry.flush().unwrap();
    let record = || {
        let _outcome = telemetry.record(&Event::new("event"));
        std::thread::sleep(Duration::from_millis(50));
    };
    (0..10).for_each(|_| record());
    assert!(first.exists());
    replace(&place, "[storage]\ncompress = true\n");
    let compressed = place.path().join("events.000001.jsonl.zst");
    eventually("the segment is compressed", || {
        record();
        compressed.exists() && !first.exists()
    });
}
