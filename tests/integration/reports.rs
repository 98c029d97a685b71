//! Reports: the record is the report that was shown, counts are reported once, many processes
//! record one report between them, and without consent nothing is reported, counted or started.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Outcome, Watching};
use localtel::report::{Deployment, Include, Reports};
use localtel::{Consent, Telemetry};
use serde_json::{Value, json};

use crate::child::{self, ChildTask};
use crate::support::{TestPlace, eventually, reset};

const DAY: Duration = Duration::from_hours(24);
const VERSION: &str = "LOCALTEL_TEST_VERSION";
const EVERY: &str = "LOCALTEL_TEST_EVERY";

/// Returns a report without the values that change from moment to moment.
fn lasting(report: &Value) -> Value {
    let mut report = report.clone();
    let keys = report.as_object_mut().unwrap();
    for key in ["uptime", "machine_uptime", "recorded"] {
        keys.remove(key);
    }
    if let Some(hardware) = keys.get_mut("hardware").and_then(Value::as_object_mut) {
        hardware.remove("memory_available_bytes");
        hardware.remove("load");
    }
    report
}

/// Returns the names of all entries of a directory, with the contents of regular files.
pub(crate) fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return BTreeMap::new();
    };
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_file = entry.file_type().unwrap().is_file();
        let bytes = is_file.then(|| std::fs::read(entry.path()).unwrap());
        (name, bytes.unwrap_or_default())
    };
    entries.map(file).collect()
}

fn reports(place: &TestPlace) -> Vec<Value> {
    place.own("report")
}

/// Returns the count of a counter without labels, from some properties.
fn count(properties: &Value, name: &str) -> u64 {
    let counted = &properties["counters"][name];
    counted[0]["count"].as_u64().unwrap_or(0)
}

fn owner(place: &TestPlace, text: &str) {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    let path = place.path();
    builder.recursive(true).mode(0o700).create(&path).unwrap();
    std::fs::write(path.join("policy.toml"), text).unwrap();
}

#[test]
fn showing_a_report_changes_nothing() {
    let place = TestPlace::new();
    let off = [
        (
            place.builder().when_undecided(WhenUndecided::Refuse),
            "consent is undecided",
        ),
        (place.builder().flag(Consent::Disabled), "flag"),
    ];
    for (builder, why) in off {
        let telemetry = builder.version("1.2.0").open();
        telemetry.counter("queries", []).add(1);
        let shown = telemetry.report();
        let json = shown.to_json();
        assert_eq!(json["recorded"]["recording"], "no");
        let text = "would be recorded if telemetry were on";
        assert_eq!(json["recorded"]["text"], text);
        let because = json["recorded"]["because"].as_str().unwrap();
        assert!(because.contains(why), "{because}");
        assert_eq!(json["application"]["version"], "1.2.0");
        assert_eq!(json.get("counters"), None, "nothing is counted");
        assert!(shown.to_string().contains(text));
        assert_eq!(telemetry.report_now(), Outcome::Refused);
        drop(telemetry);
        assert!(!place.path().exists(), "{why}");
    }
    let telemetry = place.builder().open();
    telemetry.counter("queries", []).add(1);
    telemetry.flush().unwrap();
    let before = contents(&place.path());
    let first = telemetry.report().to_json();
    let second = telemetry.report().to_json();
    assert_eq!(count(&first, "queries"), 1);
    assert_eq!(lasting(&first), lasting(&second));
    assert_eq!(first["recorded"]["recording"], "yes");
    assert_eq!(contents(&place.path()), before);
    assert_eq!(telemetry.status().counts.offered(), 0);
}

#[test]
fn a_report_names_what_forbids_it() {
    let place = TestPlace::new();
    let mut command = child::command("report under do not track", &place.path());
    command.env("DO_NOT_TRACK", "1");
    child::succeed(command);
    assert!(!place.path().exists());
}

pub(crate) fn report_under_do_not_track(task: &ChildTask) {
    let telemetry = task.builder().reports(Reports::Every(DAY)).open();
    let report = telemetry.report().to_json();
    let because = report["recorded"]["because"].as_str().unwrap();
    assert!(because.contains("DO_NOT_TRACK"), "{because}");
    assert_eq!(telemetry.report_now(), Outcome::Refused);
    assert_eq!(threads(), 0);
}

#[test]
fn a_report_is_recorded_as_shown_and_counts_are_reset_once() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let deployment = Deployment::new()
            .commit("0c4a5e5")
            .component("postgres", "17.2")
            .metadata("team", "db", Include::Yes);
        let telemetry = place
            .builder()
            .version("1.2.0")
            .deployment(deployment)
            .delivery(delivery)
            .try_open()
            .unwrap();
        telemetry.counter("queries", [("command", "find")]).add(3);
        telemetry.error_counter("40001").add(1);
        let shown = telemetry.report().to_json();
        assert_eq!(telemetry.report_now(), Outcome::Recorded);
        let after = telemetry.report().to_json();
        assert_eq!((after.get("counters"), after.get("errors")), (None, None));
        assert!(after["since"].is_string());
        telemetry.counter("queries", [("command", "find")]).add(1);
        assert_eq!(telemetry.report_now(), Outcome::Recorded);
        drop(telemetry);
        let recorded = reports(&place);
        assert_eq!(recorded.len(), 2);
        assert_eq!(recorded[0]["target"], "localtel");
        assert_eq!(lasting(&recorded[0]["properties"]), lasting(&shown));
        let counters = json!({"queries": [{"command": "find", "count": 3}]});
        assert_eq!(recorded[0]["properties"]["counters"], counters);
        assert_eq!(recorded[0]["properties"]["errors"], json!({"40001": 1}));
        let counters = json!({"queries": [{"command": "find", "count": 1}]});
        assert_eq!(recorded[1]["properties"]["counters"], counters);
        assert_eq!(recorded[1]["properties"].get("errors"), None);
        let end = place.own("session.end").pop().unwrap();
        assert_eq!(end["properties"].get("counters"), None);
        assert_eq!(end["properties"]["recorded"], 2);
    }
}

#[test]
fn since_is_the_time_of_the_previous_report() {
    let place = TestPlace::new();
    let open = || place.builder().reports(Reports::AtStart(Duration::ZERO));
    drop(open().open());
    drop(open().open());
    let reports = reports(&place);
    assert_eq!(reports[0]["properties"].get("since"), None);
    let since = reports[1]["properties"]["since"].as_str().unwrap();
    let (first, second) = (&reports[0]["timestamp"], &reports[1]["timestamp"]);
    assert!(since <= first.as_str().unwrap(), "{since}: {first}");
    assert!(first.as_str() < second.as_str());
}

#[test]
fn counts_state_the_time_since_which_they_count() {
    let place = TestPlace::new();
    let (one, other) = (place.builder().open(), place.builder().open());
    assert_eq!(one.report_now(), Outcome::Recorded);
    other.counter("queries", []).add(1);
    assert_eq!(other.report_now(), Outcome::Recorded);
    other.counter("queries", []).add(1);
    assert_eq!(one.report_now(), Outcome::Recorded);
    assert_eq!(other.report_now(), Outcome::Recorded);
    other.flush().unwrap();
    one.flush().unwrap();
    let mut all: Vec<Value> = reports(&place)
        .iter()
        .map(|it| it["properties"].clone())
        .collect();
    all.retain(|report| report.get("counters").is_some());
    let [first, second] = all.as_slice() else {
        panic!("{all:?}")
    };
    let time = |report: &Value, key: &str| report[key].as_str().unwrap().to_owned();
    assert_eq!(time(first, "counted_since"), time(first, "started"));
    assert!(time(first, "since") > time(first, "counted_since"));
    assert!(time(second, "counted_since") > time(first, "since"));
    assert!(time(second, "counted_since") < time(second, "since"));
    let without = one.report().to_json();
    assert_eq!(without.get("counted_since"), None, "nothing is counted");
}

#[test]
fn counts_made_during_reports_are_not_lost_or_doubled() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let (threads, each) = (4_u64, 20_000_u64);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..each {
                    telemetry.counter("counted", []).add(1);
                    telemetry.error_counter("E1").add(1);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(telemetry.report_now(), Outcome::Recorded);
                    let _shown = telemetry.report();
                }
            });
        }
    });
    telemetry.counter("counted", []).add(1);
    drop(telemetry);
    let all = [reports(&place), place.own("session.end")].concat();
    assert_eq!(all.len(), 11);
    let counted: u64 = all
        .iter()
        .map(|line| count(&line["properties"], "counted"))
        .sum();
    assert_eq!(counted, threads * each + 1);
    let errors = |line: &Value| line["properties"]["errors"]["E1"].as_u64().unwrap_or(0);
    assert_eq!(all.iter().map(errors).sum::<u64>(), threads * each);
}

#[test]
fn counts_after_the_last_report_are_in_the_end_record() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    telemetry.counter("queries", []).add(2);
    telemetry.error_counter("40001").add(1);
    telemetry.close(Duration::from_secs(5));
    let end = place.own("session.end").pop().unwrap();
    let expected = json!({"queries": [{"count": 2}]});
    assert_eq!(end["properties"]["counters"], expected);
    assert_eq!(end["properties"]["errors"], json!({"40001": 1}));
}

#[test]
fn counters_that_do_not_fit_are_omitted_from_the_end_record() {
    let place = TestPlace::new();
    let limits = localtel::Limits {
        line_bytes_max: 4096,
        ..localtel::Limits::default()
    };
    let telemetry = place.builder().limits(limits).try_open().unwrap();
    for number in 0..100 {
        let name: &'static str = format!("counter_{number}").leak();
        telemetry.counter(name, [("label", "value")]).add(1);
    }
    drop(telemetry);
    let end = place.own("session.end").pop().unwrap();
    let end = &end["properties"];
    assert_eq!(end["dropped"], 0);
    let kept = end["counters"].as_object().unwrap().len() as u64;
    assert_eq!(kept + end["omitted"]["counters"].as_u64().unwrap(), 100);
}

/// Returns `true` if a text is in any file of the directory.
fn holds(place: &TestPlace, text: &str) -> bool {
    let finds = |bytes: &Vec<u8>| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    contents(&place.path()).values().any(finds)
}

/// Longer than the poll interval of a recorder.
const LONGER_THAN_A_POLL: Duration = Duration::from_millis(600);

#[test]
fn counts_without_consent_are_never_recorded() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        telemetry.counter("counted_before", []).add(1);
        telemetry.set_consent(Consent::Disabled).unwrap();
        eventually("recording stops", || !telemetry.status().is_recording);
        telemetry.counter("counted_while_off", []).add(1);
        assert_eq!(telemetry.report_now(), Outcome::Refused);
        telemetry.set_consent(Consent::Enabled).unwrap();
        eventually("recording resumes", || telemetry.status().is_recording);
        eventually("counting resumes", || {
            telemetry.counter("counted_after", []).add(1);
            telemetry.report().to_json().get("counters").is_some()
        });
        let shown = count(&telemetry.report().to_json(), "counted_after");
        assert_eq!(telemetry.report_now(), Outcome::Recorded);
        drop(telemetry);
        assert_eq!(
            count(&reports(&place)[0]["properties"], "counted_after"),
            shown
        );
        assert!(!holds(&place, "counted_before"));
        assert!(!holds(&place, "counted_while_off"));
    }
}

#[test]
fn an_idle_process_notices_withdrawal_when_it_reports() {
    for ends in [true, false] {
        let place = TestPlace::new();
        let telemetry = place.builder().try_open().unwrap();
        telemetry.counter("counted_before", []).add(1);
        telemetry.set_consent(Consent::Disabled).unwrap();
        telemetry.counter("counted_while_off", []).add(1);
        telemetry.set_consent(Consent::Enabled).unwrap();
        std::thread::sleep(LONGER_THAN_A_POLL);
        if !ends {
            assert_eq!(telemetry.report_now(), Outcome::Recorded);
        }
        drop(telemetry);
        assert!(!holds(&place, "counted_"), "at the end: {ends}");
    }
}

#[test]
fn counts_before_a_forbidding_policy_are_never_recorded() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        telemetry.counter("counted_before", []).add(1);
        owner(&place, "[[[");
        eventually("recording stops", || !telemetry.status().is_recording);
        telemetry.counter("counted_while_off", []).add(1);
        owner(&place, "");
        eventually("recording resumes", || telemetry.status().is_recording);
        assert_eq!(telemetry.report_now(), Outcome::Recorded);
        drop(telemetry);
        assert!(!holds(&place, "counted_"));
    }
}

#[test]
fn after_disable_no_count_is_recorded() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    telemetry.counter("counted_before", []).add(1);
    assert_eq!(telemetry.report_now(), Outcome::Recorded);
    telemetry.counter("counted_later", []).add(1);
    telemetry.set_consent(Consent::Disabled).unwrap();
    std::thread::sleep(LONGER_THAN_A_POLL);
    drop(telemetry);
    assert!(!holds(&place, "counted_later"));
    assert!(holds(&place, "counted_before"));
}

#[test]
fn a_reset_discards_the_counts() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    telemetry.counter("counted_before", []).add(1);
    reset(&place);
    std::thread::sleep(LONGER_THAN_A_POLL);
    assert_eq!(telemetry.report_now(), Outcome::Recorded);
    telemetry.counter("counted_after", []).add(1);
    drop(telemetry);
    assert!(!holds(&place, "counted_before"));
    assert!(holds(&place, "counted_after"));
}

/// Starts a number of processes that run a role at the same time, and waits until they end.
fn at_once(place: &TestPlace, processes: usize, role: &str, variables: &[(&str, &str)]) {
    let go = place.path().with_file_name("go");
    let start = |_| -> Child {
        let mut command = child::command(role, &place.path());
        command.envs(variables.iter().copied());
        command.spawn().unwrap()
    };
    let children: Vec<Child> = (0..processes).map(start).collect();
    std::fs::write(&go, "").unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    std::fs::remove_file(go).unwrap();
}

/// Runs in a process of its own: opens with the version and the schedule of the environment.
pub(crate) fn report_at_the_start(task: &ChildTask) {
    task.wait_for_go();
    let schedule = match std::env::var(EVERY).as_deref() {
        Ok("hourly, then daily") => Reports::HourlyThenDaily,
        Ok(text) => Reports::AtStart(Duration::from_millis(text.parse().unwrap())),
        Err(_) => Reports::AtStart(DAY),
    };
    let version = std::env::var(VERSION).unwrap_or("1.2.0".to_owned());
    let telemetry = task
        .builder()
        .version(version)
        .reports(schedule)
        .try_open()
        .unwrap();
    telemetry.close(Duration::from_secs(20));
}

#[test]
fn many_processes_record_one_report_between_them() {
    let place = TestPlace::new();
    at_once(&place, 8, "report at the start", &[]);
    assert_eq!(reports(&place).len(), 1);
    for _ in 0..20 {
        let telemetry = place.builder().reports(Reports::AtStart(DAY)).open();
        drop(telemetry);
    }
    assert_eq!(reports(&place).len(), 1);
    std::thread::sleep(Duration::from_millis(20));
    at_once(&place, 1, "report at the start", &[(EVERY, "10")]);
    assert_eq!(reports(&place).len(), 2, "the interval is over");
}

#[test]
fn many_processes_report_hourly_at_first_and_daily_later() {
    let place = TestPlace::new();
    let history = place.path().join("history.json");
    let ago = |time: Duration| {
        let time = time::OffsetDateTime::now_utc() - time;
        time.format(&time::format_description::well_known::Rfc3339)
            .unwrap()
    };
    let minutes = Duration::from_mins;
    let of_schedule = &[(EVERY, "hourly, then daily")];
    at_once(&place, 4, "report at the start", of_schedule);
    assert_eq!(reports(&place).len(), 1);
    for (reports_before, jitter, since, is_due) in [
        (1, 0, minutes(59), false),
        (1, 0, minutes(61), true),
        (11, 65_535, minutes(66), false),
        (11, 65_535, minutes(68), true),
        (12, 0, minutes(23 * 60), false),
        (12, 0, minutes(24 * 60 + 1), true),
        (999, 65_535, minutes(26 * 60), false),
        (999, 65_535, minutes(27 * 60 + 1), true),
    ] {
        let text = json!({
            "format": 1, "version": "1.2.0", "reported": ago(since),
            "reports": reports_before, "jitter": jitter,
        });
        std::fs::write(&history, text.to_string()).unwrap();
        let before = reports(&place).len();
        at_once(&place, 4, "report at the start", of_schedule);
        let added = reports(&place).len() - before;
        assert_eq!(added, usize::from(is_due), "{text}");
        let known: Value = serde_json::from_slice(&std::fs::read(&history).unwrap()).unwrap();
        let expected = reports_before + u64::from(is_due);
        assert_eq!(known["reports"], expected, "{text}");
    }
}

#[test]
fn an_hourly_report_is_recorded_before_opening_returns() {
    let place = TestPlace::new();
    let telemetry = place.builder().reports(Reports::HourlyThenDaily).open();
    telemetry.counter("queries", []).add(1);
    telemetry.flush().unwrap();
    let reports = reports(&place);
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["properties"].get("counters"), None);
}

#[test]
fn a_reset_begins_the_hourly_reports_again() {
    let place = TestPlace::new();
    for _ in 0..2 {
        let telemetry = place.builder().reports(Reports::HourlyThenDaily).open();
        drop(telemetry);
        let text = std::fs::read(place.path().join("history.json")).unwrap();
        let history: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(history["reports"], 1);
        reset(&place);
    }
    assert_eq!(reports(&place).len(), 2);
}

#[test]
fn a_requested_report_counts_as_the_last_one() {
    let place = TestPlace::new();
    let telemetry = place.builder().open();
    assert_eq!(telemetry.report_now(), Outcome::Recorded);
    drop(telemetry);
    drop(place.builder().reports(Reports::AtStart(DAY)).open());
    assert_eq!(reports(&place).len(), 1);
}

#[test]
fn a_running_process_reports_repeatedly() {
    let place = TestPlace::new();
    let every = Reports::Every(Duration::from_secs(1));
    let telemetry = place.builder().reports(every).open();
    eventually("a third report", || {
        telemetry.counter("counted", []).add(1);
        std::thread::sleep(Duration::from_millis(50));
        telemetry.flush().unwrap();
        reports(&place).len() >= 3
    });
    drop(telemetry);
    let reports = reports(&place);
    assert!(reports[1]["properties"]["counters"].is_object());
}

/// Counts the threads of localtel in this process.
fn threads() -> usize {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.unwrap().path().join("comm")).unwrap_or_default()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(name)
        .filter(|name| name.starts_with("localtel"))
        .count()
}

#[test]
fn the_report_thread_exists_only_while_recording() {
    child::run("report from a thread", &TestPlace::new());
}

/// Runs in a process of its own, since it counts all threads.
pub(crate) fn report_from_a_thread(_: &ChildTask) {
    let place = TestPlace::new();
    let every = Reports::Every(DAY);
    let off = place.builder().when_undecided(WhenUndecided::Refuse);
    let off = off.reports(every).open();
    assert_eq!(threads(), 0, "without consent");
    drop(off);
    assert!(!place.path().exists());
    let inline = place.builder().delivery(Delivery::Inline);
    for (reports, expected) in [
        (Reports::OnRequest, 0),
        (Reports::AtStart(DAY), 0),
        (every, 1),
        (Reports::HourlyThenDaily, 1),
    ] {
        let telemetry = inline.clone().reports(reports).open();
        // A thread has no name before it runs.
        eventually("the threads have started", || threads() >= expected);
        assert_eq!(threads(), expected, "{reports:?}");
        drop(telemetry);
        eventually("the threads have ended", || threads() == 0);
    }
    let telemetry = place.builder().reports(every).open();
    eventually("the worker is the second thread", || threads() == 2);
    drop(telemetry);
    eventually("the threads have ended", || threads() == 0);
    let elsewhere = TestPlace::new();
    let watching = elsewhere
        .builder()
        .when_undecided(WhenUndecided::Refuse)
        .watching(Watching::Always)
        .reports(every)
        .open();
    eventually("both threads run", || threads() == 2);
    drop(watching);
    assert!(!elsewhere.path().exists());
    eventually("the threads have ended", || threads() == 0);
}

#[test]
fn a_due_report_is_recorded_even_if_closed_at_once() {
    for _ in 0..5 {
        let place = TestPlace::new();
        let started = Instant::now();
        let telemetry = place.builder().reports(Reports::Every(DAY)).open();
        drop(telemetry);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(reports(&place).len(), 1);
    }
}

fn versions(place: &TestPlace) -> Vec<Value> {
    let properties = |line: Value| line["properties"].clone();
    place.own("version").into_iter().map(properties).collect()
}

#[test]
fn only_a_changed_version_is_recorded_and_once() {
    let place = TestPlace::new();
    let open = |version: &str| drop(place.builder().version(version).open());
    open("1.2.0");
    open("1.2.0");
    drop(place.builder().open());
    assert!(versions(&place).is_empty());
    assert!(place.lines().is_empty(), "no version changed");
    open("1.3.0");
    open("1.3.0");
    open("1.2.9");
    let expected = [
        json!({"from": "1.2.0", "to": "1.3.0"}),
        json!({"from": "1.3.0", "to": "1.2.9"}),
    ];
    assert_eq!(versions(&place), expected);
    at_once(&place, 8, "report at the start", &[(VERSION, "2.0.0")]);
    assert_eq!(
        versions(&place)[2..],
        [json!({"from": "1.2.9", "to": "2.0.0"})]
    );
}

#[test]
fn a_version_record_waits_until_the_policy_allows_it() {
    let place = TestPlace::new();
    drop(place.builder().version("1.2.0").open());
    owner(&place, "[events]\nversion = \"drop\"\n");
    drop(place.builder().version("1.3.0").open());
    assert!(versions(&place).is_empty());
    owner(&place, "");
    drop(place.builder().version("1.3.0").open());
    assert_eq!(versions(&place), [json!({"from": "1.2.0", "to": "1.3.0"})]);
}

#[test]
fn session_handle_and_status_announce_a_newer_release() {
    let place = TestPlace::new();
    drop(place.builder().open());
    let release = r#"{"version":"1.3.0","released":"2026-11-01","notes":"Faster."}"#;
    std::fs::write(place.path().join("release.json"), release).unwrap();
    for (version, update) in [("1.2.0", Some("1.3.0")), ("1.3.0", None), ("2.0.0", None)] {
        let telemetry = place.builder().version(version).open();
        let newer = telemetry.release().map(|release| release.version);
        assert_eq!(newer.as_deref(), update, "{version}");
        let _recorded = telemetry.report_now();
        drop(telemetry);
        let session = place.own("session").pop().unwrap();
        assert_eq!(
            session["properties"].get("update"),
            update.map(|it| json!(it)).as_ref()
        );
    }
}

fn full(place: &TestPlace) -> Telemetry {
    let deployment = Deployment::new()
        .metadata("team", "metadata_q7", Include::Yes)
        .component("postgres", "component_q7");
    let telemetry = place.builder().version("1.3.0").deployment(deployment);
    let telemetry = telemetry.try_open().unwrap();
    telemetry.counter("counter_q7", []).add(1);
    telemetry.error_counter("error_q7").add(1);
    telemetry.command("command_q7").success();
    let _outcome = telemetry.report_now();
    telemetry
}

#[test]
fn an_owner_can_exclude_reports_versions_and_commands() {
    let place = TestPlace::new();
    drop(place.builder().version("1.2.0").open());
    owner(
        &place,
        "[events]\nreport = \"drop\"\nversion = \"drop\"\ncommand = \"drop\"\n",
    );
    let telemetry = full(&place);
    assert_eq!(telemetry.report_now(), Outcome::Refused);
    drop(telemetry);
    assert!(!holds(&place, "_q7"), "also not in `session.end`");
    for event in ["report", "version", "command"] {
        assert!(place.own(event).is_empty(), "{event}");
    }
    drop(place.builder().reports(Reports::AtStart(DAY)).open());
    std::fs::write(place.path().join("policy.toml"), "").unwrap();
    drop(place.builder().reports(Reports::AtStart(DAY)).open());
    assert_eq!(
        reports(&place).len(),
        1,
        "an excluded report does not count as made"
    );
}

#[test]
fn the_policy_applies_to_the_report_that_is_shown() {
    let place = TestPlace::new();
    drop(place.builder().open());
    let rules = "[properties]\nhardware = \"mask\"\nmetadata = \"drop\"\ninstallation = \"hash\"\n\
                 \"os.kernel\" = \"drop\"\n";
    owner(&place, rules);
    let deployment = Deployment::new().metadata("team", "ours", Include::Yes);
    let telemetry = place.builder().deployment(deployment).open();
    let mut shown = telemetry.report().to_json();
    assert_eq!(shown["recorded"]["recording"], "yes");
    assert_eq!(shown["hardware"], "[masked]");
    assert_eq!(telemetry.report_now(), Outcome::Recorded);
    telemetry.flush().unwrap();
    let mut recorded = reports(&place)[0]["properties"].clone();
    for report in [&mut shown, &mut recorded] {
        *report = lasting(report);
    }
    assert_eq!(shown, recorded);
    for rule in ["level = \"error\"\n", "[events]\nreport = \"drop\"\n"] {
        owner(
            &place,
            &format!("{rule}[properties]\nhardware = \"mask\"\n"),
        );
        let telemetry = place.builder().open();
        let shown = telemetry.report().to_json();
        assert_eq!(shown["recorded"]["recording"], "no", "{rule}");
        let because = shown["recorded"]["because"].as_str().unwrap();
        assert!(because.contains("policy"), "{because}");
        assert_eq!(shown["hardware"], "[masked]");
        assert_eq!(telemetry.report_now(), Outcome::Refused);
    }
}

#[test]
fn an_owner_can_drop_properties_of_localtels_records() {
    let place = TestPlace::new();
    drop(place.builder().version("1.2.0").open());
    owner(
        &place,
        "[properties]\nmetadata = \"drop\"\ncounters = \"drop\"\nerrors = \"mask\"\n\
         command = \"mask\"\nfrom = \"hash\"\ncomponents = \"hash\"\n",
    );
    let telemetry = full(&place);
    telemetry.counter("counter_q7", []).add(1);
    telemetry.error_counter("error_q7").add(1);
    drop(telemetry);
    assert!(!holds(&place, "_q7"));
    let report = &reports(&place)[0]["properties"];
    assert_eq!(report.get("metadata"), None);
    assert_eq!(report.get("counters"), None);
    assert_eq!(report["errors"], "[masked]");
    assert!(report["components"].as_str().unwrap().starts_with("p-"));
    assert_eq!(place.own("command")[0]["properties"]["command"], "[masked]");
    let version = &place.own("version")[0]["properties"];
    assert!(version["from"].as_str().unwrap().starts_with("p-"));
    assert_eq!(version["to"], "1.3.0");
}

#[test]
fn an_owner_can_exclude_nested_values_of_reports_and_events() {
    let place = TestPlace::new();
    drop(place.builder().open());
    owner(
        &place,
        "[properties]\n\"os.kernel\" = \"drop\"\n\"hardware.*\" = \"mask\"\n\"metadata.cloud\" = \"mask\"\n\
         \"counters.*\" = \"drop\"\n\"extensions.*\" = \"mask\"\n\"http.url\" = \"drop\"\n",
    );
    let deployment = Deployment::new()
        .metadata("cloud", "ours", Include::Yes)
        .metadata("rack", "7", Include::Yes)
        .extension("postgis", true);
    let telemetry = place.builder().deployment(deployment).open();
    telemetry.counter("queries", []).add(1);
    assert_eq!(telemetry.report_now(), Outcome::Recorded);
    telemetry.counter("queries", []).add(1);
    let url = json!({"url": "https://example.org", "status": 200});
    let _outcome = telemetry.record(&localtel::Event::new("asked").property("http", url));
    drop(telemetry);
    let report = &reports(&place)[0]["properties"];
    assert_eq!(report["os"].get("kernel"), None);
    assert!(report["os"]["family"].is_string());
    assert_eq!(report["hardware"]["memory_total_bytes"], "[masked]");
    assert_eq!(
        report["metadata"],
        json!({"cloud": "[masked]", "rack": "7"})
    );
    assert_eq!(report["extensions"], json!({"postgis": "[masked]"}));
    assert_eq!(report["counters"], json!({}));
    let end = place.own("session.end").pop().unwrap();
    assert_eq!(end["properties"].get("queries"), None);
    assert!(!end.to_string().contains("queries"), "{end}");
    let event = place.records().pop().unwrap();
    assert_eq!(event.properties.get("http"), Some(&json!({"status": 200})));
}

#[test]
fn an_owners_rows_of_metadata_are_in_the_report() {
    let place = TestPlace::new();
    owner(
        &place,
        "[metadata]\nrack = { value = \"7\" }\nteam = { include = false }\n",
    );
    let telemetry = full(&place);
    let metadata = json!({"rack": "7"});
    assert_eq!(telemetry.report().to_json()["metadata"], metadata);
    drop(telemetry);
    assert_eq!(reports(&place)[0]["properties"]["metadata"], metadata);
}

#[test]
fn deployment_updates_of_several_threads_are_all_kept() {
    let place = TestPlace::new();
    let telemetry = place.builder().open();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let telemetry = &telemetry;
            scope.spawn(move || {
                for number in 0..50 {
                    let name = format!("{thread}.{number}");
                    telemetry.update_deployment(|deployment| deployment.component(name, "1"));
                }
            });
        }
    });
    let report = telemetry.report().to_json();
    assert_eq!(report["components"].as_object().unwrap().len(), 200);
    telemetry.update_deployment(|deployment| {
        let _shown = telemetry.report();
        deployment.extension("postgis", true)
    });
    assert_eq!(
        telemetry.report().to_json()["extensions"],
        json!({"postgis": true})
    );
}
