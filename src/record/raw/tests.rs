//! A raw record and the parsed one agree.

use proptest::prelude::*;

use super::*;
use crate::record::Record;

const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed \"all\"","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"ticloud-project-list","duration":871,"ratio":-0.5,"ok":true,"none":null,"list":[1,{"a":[]}],"text":"a\u0041\n"},"spans":[{"name":"request","properties":{"id":7}},{"name":"leaf"}]}"#;

/// Fails unless the raw record and the parsed one agree on a line.
fn agree(line: &str) -> Result<(), TestCaseError> {
    let Some(raw) = RawRecord::at(line.as_bytes()) else {
        return Ok(());
    };
    let record = Record::parse(line.as_bytes());
    prop_assert!(record.is_ok(), "{line}: {record:?}");
    let record = record.unwrap();
    prop_assert_eq!(raw.timestamp.decoded(), record.timestamp.to_string());
    prop_assert_eq!(raw.time(), record.timestamp);
    prop_assert_eq!(raw.level, record.level);
    prop_assert_eq!(raw.seq, record.seq);
    prop_assert_eq!(raw.session.decoded(), record.session.to_string());
    let text = |text: Option<RawText<'_>>| text.map(|text| text.decoded().into_owned());
    prop_assert_eq!(raw.source.decoded(), record.source.clone());
    prop_assert_eq!(raw.target.decoded(), record.target.clone());
    prop_assert_eq!(text(raw.event), record.event.clone());
    prop_assert_eq!(text(raw.message), record.message.clone());
    for (name, value) in record.properties.iter() {
        let found = raw.properties.get(name).unwrap();
        let found: serde_json::Value = serde_json::from_slice(found).unwrap();
        prop_assert_eq!(&found, value);
    }
    same_members(raw.properties, &record.properties)?;
    prop_assert_eq!(&raw.properties.to_properties(), &record.properties);
    for ((name, properties), span) in raw.spans.iter().zip(&record.spans) {
        prop_assert_eq!(name.decoded(), span.name.clone());
        same_members(properties, &span.properties)?;
    }
    prop_assert_eq!(&raw.spans.to_spans(), &record.spans);
    prop_assert_eq!(raw.spans.iter().count(), record.spans.len());
    prop_assert_eq!(raw.spans_left_out, record.spans_left_out);
    Ok(())
}

/// Fails unless the members are the values of that name, in this order, as text.
fn same_members(members: Object<'_>, values: &Properties) -> Result<(), TestCaseError> {
    let expected = values.iter().map(|(name, value)| {
        let value = RawValue::of_value(value.clone());
        (name.to_owned(), value.to_text().into_owned())
    });
    let members = members.members();
    let members = members
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_text().into_owned()));
    prop_assert_eq!(members.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_line_in_our_form_becomes_a_raw_record_with_all_parts() {
    let raw = RawRecord::at(LINE.as_bytes()).unwrap();
    assert!(raw.event.unwrap().is("command"));
    assert!(raw.message.unwrap().is("listed \"all\""));
    assert_eq!(raw.properties.get("duration"), Some(b"871".as_slice()));
    assert_eq!(raw.properties.get("id"), None);
    let spans: Vec<_> = raw.spans.iter().map(|(_, span)| span.get("id")).collect();
    assert_eq!(spans, [Some(b"7".as_slice()), None]);
    agree(LINE).unwrap();
}

#[test]
fn of_equal_names_the_last_value_is_at_the_first_position() {
    for twice in [
        r#""duration":871,"duration":5"#,
        r#""duration":871,"\u0064uration":5"#,
    ] {
        let line = LINE.replacen(r#""duration":871"#, twice, 1);
        agree(&line).unwrap();
        // In a line without escapes, too.
        agree(&line.replace("\\\"", "")).unwrap();
    }
    let many = (0..100_000).map(|name| format!("\"n{}\":{name}", name % 99_999));
    let line = LINE.replacen(r#""duration":871"#, &many.collect::<Vec<_>>().join(","), 1);
    let members = RawRecord::at(line.as_bytes()).unwrap().properties.members();
    assert_eq!(members.iter().filter(|(name, _)| name == "n0").count(), 1);
    assert_eq!(members[1].1.to_text(), "99999");
}

#[test]
fn the_number_of_spans_left_out_is_read_behind_the_spans() {
    let with = |rest: &str| LINE.replacen("\"leaf\"}]", &format!("\"leaf\"}}],{rest}"), 1);
    let line = with("\"spans_left_out\":36");
    agree(&line).unwrap();
    assert_eq!(RawRecord::at(line.as_bytes()).unwrap().spans_left_out, 36);
    let line = with("\"spans_left_out\":36,\"once\":{\"format\":1}");
    assert_eq!(RawRecord::at(line.as_bytes()).unwrap().spans_left_out, 36);
    for wrong in ["\"36\"", "-1", "03", "1.5", "null", "99999999999999999999"] {
        let line = with(&format!("\"spans_left_out\":{wrong}"));
        assert!(RawRecord::at(line.as_bytes()).is_none(), "{line}");
        assert!(Record::parse(line.as_bytes()).is_err(), "{line}");
    }
    let most = with("\"spans_left_out\":18446744073709551615");
    agree(&most).unwrap();
    let record = Record::parse(most.as_bytes()).unwrap();
    assert_eq!(record.spans_left_out, u64::MAX);
}

#[test]
fn unusual_but_valid_lines_are_left_to_the_parser() {
    for (from, to) in [
        (",\"level\"", ", \"level\""),
        (
            "\"level\":\"INFO\",\"source\":\"ticloud\"",
            "\"source\":\"ticloud\",\"level\":\"INFO\"",
        ),
        ("\"seq\":12", "\"seq\":12,\"later\":1"),
        ("Z\"", "+00:00\""),
        ("listed", "\\ud83d\\ude00"),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert!(RawRecord::at(line.as_bytes()).is_none(), "{line}");
        let anew = Record::parse(line.as_bytes()).unwrap().to_line();
        assert!(RawRecord::at(&anew).is_some(), "{line}");
    }
}

#[test]
fn an_invalid_record_does_not_become_a_raw_record() {
    for (from, to) in [
        ("2026-11-21", "2026-02-30"),
        ("2026-11-21", "2026-13-21"),
        ("T08", "T24"),
        ("INFO", "LOUD"),
        ("INFO", "info"),
        ("\"seq\":12", "\"seq\":012"),
        ("\"seq\":12", "\"seq\":99999999999999999999"),
        ("871", "0871"),
        ("871", "1e999"),
        ("true", "tru"),
        ("\\u0041", "\\ud841"),
        ("\\u0041", "\\u00"),
        ("\\n", "\n"),
        ("{\"a\":[]}", "{\"a\":[}"),
        ("\"spans\":[", "\"spans\":[7,"),
        ("01936f0e", "01936g0e"),
        (",\"session\"", ""),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert!(Record::parse(line.as_bytes()).is_err(), "{line}");
        assert!(RawRecord::at(line.as_bytes()).is_none(), "{line}");
    }
}

#[test]
fn leap_seconds_are_left_to_the_parser() {
    for time in ["2016-12-31T23:59:60.000000Z", "2016-12-30T24:00:00.000000Z"] {
        let line = LINE.replace("2026-11-21T08:15:30.123456Z", time);
        assert!(RawRecord::at(line.as_bytes()).is_none(), "{time}");
    }
    let first = LINE.replacen(
        "2026-11-21T08:15:30.123456Z",
        "0000-01-01T00:00:00.000000Z",
        1,
    );
    assert!(RawRecord::at(first.as_bytes()).is_some());
    agree(&first).unwrap();
}

#[test]
fn the_last_days_of_months_are_checked() {
    for (day, exists) in [
        ("2024-02-29", true),
        ("2026-02-29", false),
        ("2026-04-30", true),
        ("2026-04-31", false),
        ("2026-12-31", true),
    ] {
        let line = LINE.replacen("2026-11-21", day, 1);
        assert_eq!(RawRecord::at(line.as_bytes()).is_some(), exists, "{day}");
        assert_eq!(Record::parse(line.as_bytes()).is_ok(), exists, "{day}");
    }
}

#[test]
fn values_may_be_nested_as_deep_as_in_the_parser() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for depth in [1, 60, 100_000].into_iter().chain(120..130) {
        for (number, rest) in [(":871", ""), (":7}", "}")] {
            let line = LINE.replacen(number, &format!(":{}{rest}", deep(depth)), 1);
            let is_parsed = Record::parse(line.as_bytes()).is_ok();
            assert_eq!(
                RawRecord::at(line.as_bytes()).is_some(),
                is_parsed,
                "{depth}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However a line is changed, one that is accepted as a raw record is a record with the same
    /// values.
    #[test]
    fn each_raw_record_is_valid_for_the_parser(
        edits in proptest::collection::vec((0..LINE.len(), prop_oneof![
            Just(String::new()),
            "[\"\\\\{}\\[\\],:0-9a-fu.eE+-]",
            "[ -~]{0,3}",
            Just("\u{e9}".to_owned()),
            Just("\0".to_owned()),
        ], 0..3_usize), 1..4),
    ) {
        let mut line = LINE.to_owned();
        for (at, text, cut) in edits {
            let at = at.min(line.len());
            let end = (at + cut).min(line.len());
            if line.is_char_boundary(at) && line.is_char_boundary(end) {
                line.replace_range(at..end, &text);
            }
        }
        agree(&line)?;
        if let Ok(record) = Record::parse(line.as_bytes()) {
            let anew = record.to_line();
            prop_assert!(RawRecord::at(&anew).is_some(), "{}", line);
            agree(std::str::from_utf8(&anew).unwrap())?;
        }
    }

    /// Every record in localtel's form is accepted.
    #[test]
    fn each_line_we_write_becomes_a_raw_record(
        text in any::<String>(),
        number: i64,
        float: f64,
        seq: u64,
        spans in 0..3_usize,
        left_out in 0..3_u64,
    ) {
        let mut record = Record::parse(LINE.as_bytes()).unwrap();
        record.message = Some(text.clone());
        record.properties.set("text", text.clone());
        record.properties.set("number", number);
        record.properties.set("deep", serde_json::json!({"a": [text, number]}));
        record.spans.truncate(spans);
        record.spans_left_out = left_out;
        record.properties.set("float", float);
        record.seq = seq;
        let line = record.to_line();
        prop_assert!(RawRecord::at(&line).is_some(), "{:?}", record);
        agree(std::str::from_utf8(&line).unwrap())?;
    }
}
