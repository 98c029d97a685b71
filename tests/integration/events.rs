//! From event to line: the file has the values that an application records. `hostile_values` tests
//! values that fail while they are formatted.

use std::fmt;

use localtel::{Level, Limits};
use serde_json::{Value, json};
use tracing::field::Empty;

use crate::support::{TestPlace, occurrences};

#[test]
fn an_event_becomes_one_line_with_its_spans() {
    let place = TestPlace::new();
    let records = place.record(|| {
        let _root = tracing::info_span!("request", id = 7, user = "eve").entered();
        let _leaf = tracing::info_span!("query").entered();
        tracing::info!(name: "command", command = "project-list", duration = 871, ok = true, "listed {}", "projects");
    });
    let [record] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(record.event.as_deref(), Some("command"));
    assert_eq!(record.message.as_deref(), Some("listed projects"));
    assert_eq!(record.properties.get("duration"), Some(&json!(871)));
    assert_eq!(record.spans.len(), 2);
    assert_eq!(record.spans[0].properties.get("user"), Some(&json!("eve")));
    assert!(record.spans[1].properties.is_empty());
}

#[test]
fn the_keys_of_a_line_are_in_the_documented_order() {
    let place = TestPlace::new();
    place.record(|| {
        let _span = tracing::warn_span!("request", id = 7).entered();
        tracing::warn!(name: "slow", target: "app::db", first = 1, "took {}", "long");
    });
    let line = place.only_line();
    let rest = line.strip_prefix("{\"timestamp\":\"").unwrap();
    let (timestamp, rest) = rest.split_at(27);
    let rest = rest
        .strip_prefix(
            "\",\"level\":\"WARN\",\"source\":\"testapp\",\"target\":\"app::db\",\"event\":\"slow\",\
             \"message\":\"took long\",\"session\":\"",
        )
        .unwrap_or_else(|| panic!("{line}"));
    let (session, rest) = rest.split_at(36);
    assert_eq!(
        rest,
        "\",\"seq\":1,\"properties\":{\"first\":1},\
         \"spans\":[{\"name\":\"request\",\"properties\":{\"id\":7}}]}"
    );
    assert_eq!((&timestamp[10..11], &timestamp[26..]), ("T", "Z"));
    assert_eq!(&session[14..15], "7", "the session is a UUIDv7: {session}");
}

#[test]
fn empty_keys_are_absent() {
    let place = TestPlace::new();
    place.record(|| tracing::info!(target: "app", nothing = None::<i64>, later = Empty));
    let line = place.only_line();
    for key in ["event", "message", "properties", "spans"] {
        assert!(!line.contains(&format!("\"{key}\"")), "{line}");
    }
}

#[test]
fn a_default_event_name_is_absent_and_a_given_one_kept() {
    let place = TestPlace::new();
    place.record(|| {
        tracing::info!("default");
        tracing::info!(name: "event of the year", "given");
        tracing::info!(name: "event src/lib.rs:7", "given, and nearly the default");
    });
    let events: Vec<Value> = place.events().iter().map(|e| e["event"].clone()).collect();
    assert_eq!(
        events,
        [
            Value::Null,
            json!("event of the year"),
            json!("event src/lib.rs:7")
        ]
    );
}

#[test]
fn all_levels_are_recorded_by_their_names() {
    let place = TestPlace::new();
    place.record_with(place.builder().level(Level::Trace), || {
        tracing::trace!("");
        tracing::debug!("");
        tracing::info!("");
        tracing::warn!("");
        tracing::error!("");
    });
    let levels: Vec<Value> = place.events().iter().map(|e| e["level"].clone()).collect();
    assert_eq!(levels, ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]);
}

#[test]
fn integers_are_exact_within_64_bits_and_strings_beyond() {
    let place = TestPlace::new();
    let properties = place.properties(|| {
        tracing::info!(
            small = 1_u8,
            i64_min = i64::MIN,
            u64_max = u64::MAX,
            fits = i128::from(i64::MIN),
            fits_unsigned = u128::from(u64::MAX),
            above = u128::from(u64::MAX) + 1,
            below = i128::from(i64::MIN) - 1,
            i128_min = i128::MIN,
            u128_max = u128::MAX
        );
    });
    assert_eq!(
        properties,
        json!({
            "small": 1, "i64_min": i64::MIN, "u64_max": u64::MAX, "fits": i64::MIN,
            "fits_unsigned": u64::MAX, "above": "18446744073709551616",
            "below": "-9223372036854775809", "i128_min": i128::MIN.to_string(),
            "u128_max": u128::MAX.to_string(),
        })
    );
}

#[test]
fn numbers_that_json_cannot_express_are_null() {
    let place = TestPlace::new();
    let properties = place.properties(|| {
        tracing::info!(
            nan = f64::NAN,
            infinity = f64::INFINITY,
            minus = f64::NEG_INFINITY,
            narrow = f32::NAN,
            tiny = f64::MIN_POSITIVE,
            huge = f64::MAX,
            half = 0.5_f32
        );
    });
    assert_eq!(
        properties,
        json!({
            "nan": null, "infinity": null, "minus": null, "narrow": null,
            "tiny": f64::MIN_POSITIVE, "huge": f64::MAX, "half": 0.5,
        })
    );
}

#[test]
fn floats_read_back_bit_by_bit() {
    // Parsers that round inexactly read the first two one unit too low or too high.
    let values: [f64; 4] = [0.1 + 0.2, 1.234_567_890_123_456_7e-300, 5e-324, 9.5e15];
    let place = TestPlace::new();
    let records = place.record(|| {
        for value in values {
            tracing::info!(value);
        }
    });
    for (record, value) in records.iter().zip(values) {
        let read = record.properties.get("value").unwrap().as_f64().unwrap();
        assert_eq!(read.to_bits(), value.to_bits(), "{value:e}");
    }
}

#[test]
fn bytes_are_lower_case_hex_in_events_and_in_spans() {
    let place = TestPlace::new();
    place.record(|| {
        let _span = tracing::info_span!("span", bytes = [0xca_u8, 0xfe].as_slice()).entered();
        tracing::info!(
            bytes = [0_u8, 0xab, 0xff].as_slice(),
            none = [0_u8; 0].as_slice()
        );
    });
    let event = &place.events()[0];
    assert_eq!(event["properties"], json!({"bytes": "00abff", "none": ""}));
    assert_eq!(event["spans"][0]["properties"]["bytes"], "cafe");
}

#[derive(Debug)]
struct Layered(&'static str, Option<Box<Self>>);

impl fmt::Display for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Layered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

#[test]
fn an_error_is_its_message_and_its_sources() {
    let root = Layered("permission \"denied\"", None);
    let error = Layered(
        "cannot start",
        Some(Box::new(Layered("cannot read", Some(Box::new(root))))),
    );
    let place = TestPlace::new();
    let properties = place.properties(|| {
        tracing::error!(error = &error as &(dyn std::error::Error + 'static), shown = %error);
    });
    assert_eq!(
        properties,
        json!({
            "error": "cannot start: cannot read: permission \"denied\"",
            "shown": "cannot start",
        })
    );
}

#[test]
fn raw_and_dotted_names_are_recorded_as_written() {
    let place = TestPlace::new();
    let properties = place.properties(|| {
        tracing::info!(r#type = "a", http.status = 200, "quoted \"name\"" = true);
    });
    assert_eq!(
        properties,
        json!({"type": "a", "http.status": 200, "quoted \"name\"": true})
    );
}

#[test]
fn a_name_given_twice_appears_once_with_its_last_value() {
    let cases: [(fn(), Value); 5] = [
        (|| tracing::info!(a = 1, b = 2, a = 3), json!(3)),
        (|| tracing::info!(a = 1, a = Empty), json!(1)),
        (|| tracing::info!(a = 1, a = None::<i64>), json!(1)),
        (
            || tracing::info!(a = None::<i64>, a = "last"),
            json!("last"),
        ),
        (
            || tracing::info!(a = 1, a = true, a = "c", a = 4.5),
            json!(4.5),
        ),
    ];
    for (work, expected) in cases {
        let place = TestPlace::new();
        let properties = place.properties(work);
        assert_eq!(properties["a"], expected);
        assert_eq!(occurrences(&place.only_line(), "a"), 1);
    }
    let place = TestPlace::new();
    assert_eq!(
        place.properties(|| tracing::info!(r#type = 1, "type" = 2)),
        json!({"type": 2})
    );
    assert_eq!(occurrences(&place.only_line(), "type"), 1);
}

#[test]
fn a_name_given_twice_in_a_span_is_written_once() {
    let place = TestPlace::new();
    place.record(|| {
        let span = tracing::info_span!("span", a = 1, a = 2, "message" = "m").entered();
        tracing::info!("before");
        span.record("a", 3);
        tracing::info!("after");
    });
    let spans: Vec<Value> = place
        .events()
        .iter()
        .map(|e| e["spans"][0].clone())
        .collect();
    assert_eq!(spans[0]["properties"], json!({"a": 2, "message": "m"}));
    assert_eq!(spans[1]["properties"], json!({"a": 3, "message": "m"}));
    for line in place.raw() {
        assert_eq!(occurrences(&line, "a"), 1, "{line}");
    }
}

#[test]
fn properties_may_have_the_names_of_keys() {
    let place = TestPlace::new();
    place.record(|| {
        tracing::info!(
            timestamp = 1,
            level = 2,
            source = 3,
            event = 4,
            session = 5,
            seq = 6,
            properties = 7,
            spans = 8,
            "mine"
        );
    });
    let event = &place.events()[0];
    assert_eq!(event["source"], "testapp");
    assert_eq!(event["properties"].as_object().unwrap().len(), 8);
}

#[test]
fn the_message_is_a_string_wherever_the_event_has_it() {
    let place = TestPlace::new();
    place.record(|| {
        tracing::info!(a = 1, b = 2, "last {}", 3);
        tracing::info!(a = 1, message = "middle", b = 2);
        tracing::info!(message = 42, a = 1, b = 2);
        tracing::info!(a = 1, message = true, b = 2);
        tracing::info!(a = 1, b = 2, message = "first", message = "twice");
        tracing::info!(a = 1, b = 2, message = "");
    });
    let events = place.events();
    let messages: Vec<&Value> = events.iter().map(|event| &event["message"]).collect();
    assert_eq!(messages, ["last 3", "middle", "42", "true", "twice", ""]);
    for (event, line) in events.iter().zip(place.raw()) {
        assert_eq!(event["properties"], json!({"a": 1, "b": 2}));
        assert_eq!(occurrences(&line, "message"), 1, "{line}");
        assert!(
            line.find("\"message\"") < line.find("\"session\""),
            "{line}"
        );
    }
}

#[test]
fn long_strings_are_cut_at_a_character_boundary_and_marked() {
    let place = TestPlace::new();
    let limits = Limits {
        string_bytes_max: 16,
        ..Limits::default()
    };
    let long = "ä".repeat(1_000_000);
    place.record_with(place.builder().limits(limits), || {
        let _span = tracing::info_span!("span", long).entered();
        tracing::info!(
            long, odd = %format_args!("a{long}"), debug = ?long, hex = [7_u8; 100].as_slice(), fits = "sixteen bytes ok", empty = "",
            "{long}"
        );
    });
    let cut = format!("{}…", "ä".repeat(8));
    let event = &place.events()[0];
    assert_eq!(event["message"], cut);
    assert_eq!(event["spans"][0]["properties"]["long"], cut);
    assert_eq!(
        event["properties"],
        json!({
            "long": cut, "odd": format!("a{}…", "ä".repeat(7)), "debug": format!("\"{}…", "ä".repeat(7)),
            "hex": "0707070707070707…", "fits": "sixteen bytes ok", "empty": "",
        })
    );
}

#[test]
fn any_text_reads_back_unchanged_and_is_safe_to_print() {
    let text = "\0\u{1}\u{7f}\u{80}\u{9b}31m\u{1b}[31m\r\n\t\"\\\\\"{}\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}\u{fffd}\u{10ffff}é漢👩‍🚀";
    let place = TestPlace::new();
    place.record(|| {
        let _span = tracing::info_span!("\u{1b}]0;span\u{7}", text).entered();
        tracing::info!(name: "\u{1b}[2J", target: "a\nb", text, debug = ?text, "{text}");
    });
    let line = place.only_line();
    for character in line.chars() {
        assert!(
            !character.is_control()
                && !"\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}".contains(character),
            "{character:?} is in {line}"
        );
    }
    let event = &place.events()[0];
    assert_eq!(event["properties"]["text"], text);
    assert_eq!(event["properties"]["debug"], format!("{text:?}"));
    assert_eq!(event["message"], text);
    assert_eq!(event["event"], "\u{1b}[2J");
    assert_eq!(event["target"], "a\nb");
    assert_eq!(event["spans"][0]["name"], "\u{1b}]0;span\u{7}");
}

#[test]
fn a_line_beyond_the_limit_is_replaced_by_a_notice() {
    let place = TestPlace::new();
    let limits = Limits {
        line_bytes_max: 4096,
        ..Limits::default()
    };
    let text = "x".repeat(2000);
    place.record_with(place.builder().limits(limits), || {
        let _span = tracing::info_span!("span", text).entered();
        tracing::info!(name: "big", a = text, b = text, "kept");
        tracing::info!(name: "big", a = text, b = text, "{}", "\u{1}".repeat(600));
        tracing::info!(name: "small", parent: None, a = 1);
    });
    let notice = json!({"localtel.cut": {"line_bytes_max": 4096, "properties": 2, "spans": 1}});
    let events = place.events();
    assert_eq!(events[0]["properties"], notice);
    assert_eq!(events[0]["message"], "kept");
    assert_eq!(events[1]["properties"], notice);
    assert_eq!(events[1]["message"], Value::Null);
    assert_eq!(events[2]["properties"], json!({"a": 1}));
    for line in place.raw() {
        assert!(line.len() < 4096, "{} bytes: {line}", line.len());
    }
}

/// A name that takes six times its length in a line.
const CONTROLS: &str = match std::str::from_utf8(&[1; 300]) {
    Ok(text) => text,
    Err(_) => panic!(),
};

#[test]
fn no_name_makes_a_line_longer_than_the_shortest_limit() {
    let place = TestPlace::new();
    let limits = Limits {
        line_bytes_max: 4096,
        string_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let text = "\u{1}".repeat(5000);
    place.record_with(place.builder().limits(limits), || {
        tracing::info!(
            name: CONTROLS, target: CONTROLS, a = text, "{text}"
        );
    });
    let line = place.only_line();
    assert!(line.len() < 4096, "{} bytes", line.len());
}
