//! The contents of a report, whatever its parts.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::encode::{LineLimits, Own, SyntheticRecord, encode_synthetic};
use crate::policy::owner::Include;
use crate::probe::{
    Container, CutShort, Hardware, Os, Surroundings, VirtualMachine, VolumeCount, VolumeLimits,
};
use crate::record::{Level, Record};
use crate::store::limits::Limits;
use crate::text::is_unsafe_to_show;

/// The keys of a record of a report, in their order.
const KEYS: [&str; 22] = [
    "installation",
    "installed",
    "started",
    "uptime",
    "uuid",
    "exported_uuid",
    "install_timestamp",
    "application",
    "os",
    "environment",
    "hardware",
    "machine_uptime",
    "data",
    "changed_settings",
    "components",
    "extensions",
    "metadata",
    "counters",
    "errors",
    "since",
    "counted_since",
    "omitted",
];

fn time(text: &str) -> OffsetDateTime {
    crate::record::parse_time(text).unwrap()
}

/// All parts of a report, owned, so that a test changes those that it is about.
#[derive(Clone)]
struct Made {
    source: String,
    version: String,
    deployment: Deployment,
    owner_metadata: BTreeMap<String, OwnerMetadata>,
    machine: Machine,
    volumes: BTreeMap<String, Volume>,
    counters: Value,
    errors: Value,
    recorded: Recorded,
    line_bytes_max: usize,
}

impl Made {
    fn full() -> Self {
        let deployment = Deployment::new()
            .commit("0c4a5e5")
            .branch("main")
            .dirty(false)
            .debug_build(true)
            .installer("docker")
            .build("go.version", "1.25")
            .data_path("tables", "/var/lib/myapp")
            .changed_setting("cache-size")
            .component("postgres", "17.2")
            .extension("postgis", false)
            .metadata("cloud", "ours", Include::Yes)
            .metadata("team", "secret-team", Include::No)
            .metadata("uuid", "u-1", Include::Yes)
            .metadata("exported_uuid", "u-2", Include::Yes)
            .metadata("install_timestamp", "2026-01-01", Include::Yes);
        let counted = VolumeCount {
            bytes: 10,
            files: 2,
            unreadable: 1,
            cut_short: Some(CutShort::Time),
        };
        Self {
            source: "myapp".to_owned(),
            version: "1.2.0".to_owned(),
            deployment,
            owner_metadata: BTreeMap::new(),
            machine: machine(),
            volumes: BTreeMap::from([("tables".to_owned(), Volume::Measured(counted))]),
            counters: json!({"queries": {"find": 7}}),
            errors: json!({"42P01": 3}),
            recorded: Recorded::of(&RecordingAnswer::not_recorded("disabled by DO_NOT_TRACK=1")),
            line_bytes_max: Limits::default().line_bytes_max,
        }
    }

    fn report(&self) -> Report {
        Report::new(Parts {
            installation: Some(Uuid::nil()),
            installed: Some(time("2026-01-01T00:00:00Z")),
            started: Some(time("2026-11-21T08:00:00Z")),
            source: &self.source,
            version: Some(&self.version),
            deployment: &self.deployment,
            owner_metadata: &self.owner_metadata,
            machine: &self.machine,
            volumes: &self.volumes,
            counters: self.counters.clone(),
            errors: self.errors.clone(),
            since: Some(time("2026-11-20T08:00:00Z")),
            counted_since: Some(time("2026-11-20T08:00:00Z")),
            recorded: self.recorded.clone(),
            line_bytes_max: self.line_bytes_max,
            now: time("2026-11-21T08:01:30.9Z"),
        })
    }
}

fn machine() -> Machine {
    let text = |text: &str| Some(text.to_owned());
    Machine {
        os: Os {
            family: text("linux"),
            distribution: text("debian"),
            name: text("Debian GNU/Linux"),
            version: text("12"),
            release: text("12 (bookworm)"),
            pretty_name: text("Debian GNU/Linux 12 (bookworm)"),
            kernel: text("6.1.0"),
            arch: text("x86_64"),
            pointer_width: Some(64),
        },
        surroundings: Surroundings {
            container: Some(Container::Docker),
            virtual_machine: Some(VirtualMachine::Kvm),
        },
        hardware: Hardware {
            cpus: Some(4),
            cores: Some(2),
            sockets: Some(1),
            model: text("EPYC"),
            mhz: Some(2600),
            memory_total_bytes: Some(200),
            memory_available_bytes: Some(100),
            load: Some([0.5, 0.25, 1.0]),
        },
        uptime_seconds: Some(77),
    }
}

/// Returns the keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let keys = value.as_object().unwrap().keys();
    let mut keys: Vec<&str> = keys.map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Writes the record of a report as the handle would, and reads it back.
fn recorded(report: &Report) -> Record {
    let mut frame = Vec::new();
    let synthetic = SyntheticRecord {
        own: Own::Localtel,
        level: Level::Info,
        source: "myapp",
        target: "localtel",
        event: Some("report"),
        message: None,
        properties: report.properties(),
        policy: None,
    };
    encode_synthetic(
        &mut frame,
        LineLimits::from(&Limits::default()),
        0,
        &synthetic,
    );
    // The frame is the line without its session and number, behind a header.
    let start = frame.iter().position(|byte| *byte == b'{').unwrap();
    let line = String::from_utf8(frame[start..].to_vec()).unwrap();
    let number = r#","event":"report","session":"01936f0e-0000-7000-8000-000000000000","seq":0"#;
    Record::parse(line.replacen(r#","event":"report""#, number, 1).as_bytes()).unwrap()
}

#[test]
fn the_keys_of_a_report_are_these() {
    let mut made = Made::full();
    made.deployment.build = (0..1001)
        .fold(Deployment::new(), |made, n| made.build(n.to_string(), ""))
        .build;
    let json = made.report().to_json();
    let mut expected: Vec<&str> = KEYS.into_iter().chain(["recorded"]).collect();
    expected.sort_unstable();
    assert_eq!(keys(&json), expected);
    let objects = [
        (
            "application",
            "branch build commit debug dirty installer name version",
        ),
        (
            "os",
            "arch distribution family kernel name pointer_width pretty_name release version",
        ),
        ("environment", "container virtual_machine"),
        (
            "hardware",
            "cores cpus load memory_available_bytes memory_total_bytes mhz model sockets",
        ),
        ("recorded", "because recording text"),
        ("omitted", "build"),
    ];
    for (name, expected) in objects {
        assert_eq!(keys(&json[name]).join(" "), expected, "{name}");
    }
    assert_eq!(
        keys(&json["data"]["tables"]).join(" "),
        "bytes cut_short files problem"
    );
}

#[test]
fn a_report_shows_its_keys_in_their_order() {
    let shown = Made::full().report().to_string();
    let found: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split_once('"'))
        .map(|(key, _)| key)
        .collect();
    let expected = KEYS.into_iter().filter(|key| *key != "omitted");
    assert_eq!(found, expected.chain(["recorded"]).collect::<Vec<_>>());
    assert!(shown.contains("\"uptime\": 90,"), "{shown}");
    assert!(
        shown.contains("\"installed\": \"2026-01-01T00:00:00.000000Z\""),
        "{shown}"
    );
}

#[test]
fn unknown_values_are_absent() {
    let report = Report::new(Parts {
        installation: None,
        installed: None,
        started: None,
        source: "myapp",
        version: None,
        deployment: &Deployment::new(),
        owner_metadata: &BTreeMap::new(),
        machine: &Machine::default(),
        volumes: &BTreeMap::new(),
        counters: Value::Null,
        errors: Value::Null,
        since: None,
        counted_since: None,
        recorded: Recorded::of(&RecordingAnswer::new(true, "enabled by the stored choice")),
        line_bytes_max: Limits::default().line_bytes_max,
        now: time("2026-11-21T08:00:00Z"),
    });
    let expected = json!({
        "application": {"name": "myapp"},
        "recorded": {"recording": "yes", "because": "enabled by the stored choice", "text": "is recorded when the next report is due, or when the application asks for one"},
    });
    assert_eq!(report.to_json(), expected);
}

#[test]
fn a_clock_that_was_set_back_makes_no_uptime() {
    let mut report = Made::full().report();
    assert_eq!(report.to_json()["uptime"], 90);
    let made = Made::full();
    report = Report::new(Parts {
        now: time("2026-11-21T07:00:00Z"),
        installation: None,
        installed: None,
        started: Some(time("2026-11-21T08:00:00Z")),
        source: "myapp",
        version: None,
        deployment: &made.deployment,
        owner_metadata: &made.owner_metadata,
        machine: &made.machine,
        volumes: &made.volumes,
        counters: Value::Null,
        errors: made.errors,
        since: None,
        counted_since: None,
        recorded: made.recorded,
        line_bytes_max: made.line_bytes_max,
    });
    assert_eq!(report.to_json().get("uptime"), None);
}

#[test]
fn a_report_that_is_off_has_the_reason() {
    let json = Made::full().report().to_json();
    let expected = json!({
        "recording": "no",
        "because": "disabled by DO_NOT_TRACK=1",
        "text": "would be recorded if telemetry were on",
    });
    assert_eq!(json["recorded"], expected);
}

#[test]
fn the_record_of_a_report_has_all_keys_but_recorded() {
    let report = Made::full().report();
    let record = recorded(&report);
    let mut json = report.to_json();
    json.as_object_mut().unwrap().remove("recorded");
    let read = serde_json::to_value(&record.properties).unwrap();
    assert_eq!(read, json);
    let order: Vec<&str> = record.properties.iter().map(|(name, _)| name).collect();
    let expected = KEYS.into_iter().filter(|key| *key != "omitted");
    assert_eq!(order, expected.collect::<Vec<_>>());
}

#[test]
fn reserved_rows_are_only_at_the_top_level() {
    let json = Made::full().report().to_json();
    assert_eq!(json["uuid"], "u-1");
    assert_eq!(json["exported_uuid"], "u-2");
    assert_eq!(json["install_timestamp"], "2026-01-01");
    assert_eq!(json["metadata"], json!({"cloud": "ours"}));
    assert!(RESERVED_KEYS.iter().all(|key| KEYS.contains(key)));
}

#[test]
fn a_row_that_is_not_included_is_absent() {
    let made = Made::full();
    assert!(!made.report().to_string().contains("team"));
    let mut with_owner = made;
    let change = OwnerMetadata {
        value: None,
        include: Some(Include::No),
    };
    with_owner.owner_metadata.insert("uuid".to_owned(), change);
    assert_eq!(with_owner.report().to_json().get("uuid"), None);
}

#[test]
fn creating_and_showing_a_report_changes_nothing() {
    let place = tempfile::TempDir::new().unwrap();
    let data = place.path().join("data");
    crate::store::disk::Directory::open(&data, crate::store::disk::Access::Write).unwrap();
    let names = || crate::store::elsewhere::names_in(place.path()).unwrap();
    let before = names();
    let mut made = Made::full();
    made.deployment = made.deployment.data_path("tables", &data);
    let environment = crate::environment::Environment::for_test("myapp", &[]);
    made.machine = Machine::read(&environment);
    made.volumes = made.deployment.volumes(VolumeLimits::default());
    let first = made.report();
    assert_eq!(first.to_string(), made.report().to_string());
    assert_eq!(first.to_json(), made.report().to_json());
    assert_eq!(
        (names(), crate::store::elsewhere::names_in(&data).unwrap()),
        (before, vec![])
    );
    assert_eq!(
        first.to_json()["data"]["tables"],
        json!({"bytes": 0, "files": 0})
    );
}

/// One hostile value in each part that takes one, with the pointer to its place.
fn hostile(text: &str) -> Vec<(Made, Vec<&'static str>)> {
    let made = Made::full();
    let entries = |change: &dyn Fn(Deployment) -> Deployment, places: &[&'static str]| {
        let mut made = Made::full();
        made.deployment = change(made.deployment);
        (made, places.to_vec())
    };
    let mut cases = vec![
        entries(&|d| d.commit(text), &["application/commit"]),
        entries(&|d| d.branch(text), &["application/branch"]),
        entries(&|d| d.installer(text), &["application/installer"]),
        entries(&|d| d.build("x", text), &["application/build/x"]),
        entries(&|d| d.build(text, "x"), &["application/build/*"]),
        entries(&|d| d.changed_setting(text), &["changed_settings/*"]),
        entries(&|d| d.component("x", text), &["components/x"]),
        entries(&|d| d.component(text, "x"), &["components/*"]),
        entries(&|d| d.extension(text, true), &["extensions/*"]),
        entries(&|d| d.metadata("x", text, Include::Yes), &["metadata/x"]),
        entries(&|d| d.metadata(text, "x", Include::Yes), &["metadata/*"]),
        entries(&|d| d.metadata("uuid", text, Include::Yes), &["uuid"]),
        entries(&|d| d.metadata(text, text, Include::No), &[]),
        entries(&|d| d.data_path(text, text), &[]),
    ];
    let mut with = |change: &dyn Fn(&mut Made), place| {
        let mut made = made.clone();
        change(&mut made);
        cases.push((made, vec![place]));
    };
    let reason = Volume::Unknown(text.to_owned());
    with(
        &|made| made.version = text.to_owned(),
        "application/version",
    );
    with(&|made| made.source = text.to_owned(), "application/name");
    with(
        &|made| drop(made.volumes.insert(text.to_owned(), reason.clone())),
        "data/*",
    );
    with(&|made| made.errors[text] = json!(1), "errors/*");
    with(
        &|made| made.counters = json!({"queries": {"find": 7}, text: {text: text}}),
        "counters/*",
    );
    let row = OwnerMetadata {
        value: Some(text.to_owned()),
        include: None,
    };
    with(
        &|made| drop(made.owner_metadata.insert("x".to_owned(), row.clone())),
        "metadata/x",
    );
    with(
        &|made| drop(made.owner_metadata.insert(text.to_owned(), row.clone())),
        "metadata/*",
    );
    with(
        &|made| made.recorded = Recorded::of(&RecordingAnswer::not_recorded(text)),
        "recorded/because",
    );
    cases
}

/// Lists the values of a report by their place.
fn places(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    let at = |key: &str| format!("{path}{}{key}", if path.is_empty() { "" } else { "/" });
    match value {
        Value::Object(values) => {
            for (key, value) in values {
                places(value, &at(key), out);
            }
        }
        Value::Array(values) => {
            for value in values {
                let key = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                out.push((at(&key), Value::Null));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push((path.to_owned(), value.clone()));
        }
    }
}

fn placed(report: &Report) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    places(&report.to_json(), "", &mut out);
    out
}

fn assert_only_their_own_places_change(text: &str) {
    let plain = placed(&Made::full().report());
    for (made, own) in hostile(text) {
        let report = made.report();
        let shown = report.to_string();
        let is_harmless = |letter| letter == '\n' || !is_unsafe_to_show(letter);
        assert!(shown.chars().all(is_harmless), "{own:?}");
        assert!(shown.len() < 2 * made.line_bytes_max, "{own:?}");
        let parsed: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(parsed, report.to_json(), "{own:?}");
        let found = placed(&report);
        let is_own = |place: &str| {
            let is_at = |own: &&str| match own.strip_suffix('*') {
                Some(prefix) => place.starts_with(prefix),
                None => place == *own,
            };
            own.iter().any(is_at) || place.starts_with("omitted/")
        };
        for (place, value) in &plain {
            let stays = found
                .iter()
                .any(|(other, new)| other == place && new == value);
            // A value that is replaced is at its own place; an entry that is added beside others
            // takes none of theirs.
            let is_replaced = own.iter().any(|own| own == place);
            assert!(stays || is_replaced, "{own:?} took {place}");
        }
        for (place, value) in &found {
            let was_there = plain
                .iter()
                .any(|(other, old)| other == place && old == value);
            assert!(was_there || is_own(place), "{own:?} added {place}");
        }
        let record = recorded(&report);
        assert_eq!(record.properties.get("localtel.cut"), None, "{own:?}");
    }
}

#[test]
fn ten_megabytes_anywhere_change_nothing_but_their_own_entry() {
    assert_only_their_own_places_change(&"x".repeat(10 << 20));
}

#[test]
fn ten_mb_of_control_characters_change_only_their_entry() {
    assert_only_their_own_places_change(&"\u{1b}\u{9b}\u{202e}\0\n".repeat(10 << 17));
}

#[test]
fn short_hostile_texts_change_nothing_but_their_own_entry() {
    for text in ["", "\u{1b}[2J", "\u{202e}", "\"}\n{", "\u{fffd}", "uuid\0"] {
        assert_only_their_own_places_change(text);
    }
}

#[test]
fn hostile_values_everywhere_at_once_still_fit_into_a_line() {
    let text = "\u{1}".repeat(text::VALUE_BYTES_MAX);
    let mut made = Made::full();
    for number in 0..1100 {
        let name = format!("{number}{}", "\u{1}".repeat(300));
        made.deployment = made
            .deployment
            .build(&name, &text)
            .changed_setting(&name)
            .component(&name, &text)
            .extension(&name, true)
            .metadata(&name, &text, Include::Yes);
        made.volumes
            .insert(name.clone(), Volume::Unknown(text.clone()));
        made.errors[name] = json!(1);
    }
    made.deployment = made.deployment.commit(&text).branch(&text).installer(&text);
    for key in RESERVED_KEYS {
        made.deployment = made.deployment.metadata(key, &text, Include::Yes);
    }
    let counters = (0..1100).map(|number| (format!("{number}{text}"), json!(1)));
    made.counters = Value::Object(counters.collect());
    (made.source, made.version) = (text.clone(), text.clone());
    let long = Some("\u{1}".repeat(128) + "…");
    made.machine.os = Os {
        distribution: long.clone(),
        name: long.clone(),
        version: long.clone(),
        release: long.clone(),
        pretty_name: long.clone(),
        kernel: long.clone(),
        ..made.machine.os
    };
    made.machine.hardware.model = long;
    let report = made.report();
    let record = recorded(&report);
    assert_eq!(record.properties.get("localtel.cut"), None);
    let omitted = record.properties.get("omitted").unwrap();
    let kinds = "build changed_settings components counters data errors extensions metadata";
    assert_eq!(keys(omitted).join(" "), kinds);
    // 1000 are kept and some of them fit; the earlier ones are kept.
    assert!(omitted["components"].as_u64() > Some(100));
    assert_eq!(report.to_json()["components"]["postgres"], "17.2");
}

#[test]
fn in_a_short_line_the_facts_stay() {
    let mut made = Made::full();
    made.line_bytes_max = 4096;
    let text = "y".repeat(3000);
    made.deployment = made.deployment.component("large", text);
    let json = made.report().to_json();
    assert_eq!(json["application"]["commit"], "0c4a5e5");
    assert_eq!(json["components"], json!({"postgres": "17.2"}));
    assert_eq!(json["omitted"], json!({"components": 1}));
}

#[test]
fn a_load_that_is_not_a_number_is_harmless() {
    let mut made = Made::full();
    made.machine.hardware.load = Some([f64::NAN; 3]);
    let json: Value = serde_json::from_str(&made.report().to_string()).unwrap();
    assert_eq!(json["hardware"]["load"], json!([null, null, null]));
    assert_eq!(json["hardware"]["cpus"], 4);
}

#[test]
fn counters_that_are_not_an_object_are_absent() {
    let mut made = Made::full();
    made.counters = json!([1, 2]);
    assert_eq!(made.report().to_json().get("counters"), None);
}

#[test]
fn the_name_of_a_path_is_reported_and_not_the_path() {
    let mut made = Made::full();
    let secret = Path::new("/home/somebody/secret");
    made.deployment = made.deployment.data_path("tables", secret);
    made.volumes = made.deployment.volumes(VolumeLimits::default());
    let shown = made.report().to_string();
    assert!(
        !shown.contains("somebody") && shown.contains("No such file"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_text_is_shown_as_json_that_acts_on_no_terminal(text in any::<String>()) {
        let mut made = Made::full();
        made.deployment = made
            .deployment
            .commit(&text)
            .component(&text, &text)
            .metadata(&text, &text, Include::Yes);
        let report = made.report();
        let shown = report.to_string();
        prop_assert!(shown.chars().all(|letter| letter == '\n' || !is_unsafe_to_show(letter)));
        prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), report.to_json());
    }
}
