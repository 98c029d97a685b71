//! The Parquet copy: values, files, damage.

use std::fs;
use std::io::Write as _;

use localtel::serde_json::{Value, json};
use parquet::file::reader::FileReader as _;

use crate::made_tree::{MadeSession, MadeTree};
use crate::parquet_rows::{open, parquet_files, rows};

/// Returns properties of records, and what their columns are to have.
fn values() -> Vec<(&'static str, Value)> {
    vec![
        (r#"{"duration":871}"#, json!({"duration": 871.0})),
        (r#"{"duration":"long"}"#, json!({"duration": null})),
        (
            r#"{"duration":18446744073709551615,"n":18446744073709551615}"#,
            json!({"duration": 18_446_744_073_709_551_615.0, "n": null}),
        ),
        (
            r#"{"n":-9223372036854775808,"error":"no \"room\"\u0007"}"#,
            json!({"n": i64::MIN, "error": "no \"room\"\u{7}"}),
        ),
        (
            r#"{"http.url":"a","http":{"url":"b"},"list":[1,null,{"c":[]}]}"#,
            json!({"http.url": "a"}),
        ),
        (
            r#"{"command":null,"result":7,"flag":true,"n":1.0}"#,
            json!({"command": null, "result": null, "flag": true, "n": null}),
        ),
        (
            r#"{"command":"</script>\u001b[31m","flag":"true"}"#,
            json!({"command": "</script>\u{1b}[31m", "flag": null}),
        ),
        (r#"{"":"empty key"}"#, json!({"command": null})),
    ]
}

#[test]
fn each_value_is_in_its_column_and_in_the_properties() {
    let made = MadeTree::new();
    let mut session = MadeSession::new(1);
    let spans = r#""spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]"#;
    let values = values();
    let lines: Vec<String> = values
        .iter()
        .map(|(properties, _)| {
            let rest = format!(r#""properties":{properties},{spans}"#);
            session.line("2026-11-21T08:15:30.123456Z", &rest) + "\n"
        })
        .collect();
    made.write(&made.segment("web_x20one", "shop", 3), lines.concat());
    let columns = [
        "--column",
        "n:integer",
        "--column",
        "flag:boolean",
        "--column",
        "http.url:text",
    ];
    made.run("parquet", "out", &columns);
    let rows = rows(&made.path("out"));
    assert_eq!(rows.len(), values.len());
    let mut offset = 0;
    for (row, ((properties, expected), line)) in rows.iter().zip(values.iter().zip(&lines)) {
        for (column, value) in expected.as_object().unwrap() {
            assert_eq!(row[column], *value, "{column} of {properties}");
        }
        assert_eq!(row["properties"], *properties);
        let spans = json!([
            {"name": "request", "properties": "{\"id\":7}"},
            {"name": "inner", "properties": null},
        ]);
        assert_eq!(row["spans"], spans);
        let micros: i64 = 1_795_248_930_123_456;
        assert_eq!(row["timestamp"], micros);
        assert_eq!(
            (&row["level"], &row["source"]),
            (&"INFO".into(), &"shop".into())
        );
        assert_eq!(
            (&row["event"], &row["target"]),
            (&"sale".into(), &"shop::cart".into())
        );
        assert_eq!(
            (&row["host_name"], &row["application"]),
            (&"web one".into(), &"shop".into())
        );
        assert_eq!(
            (&row["segment"], &row["offset"]),
            (&3.into(), &offset.into())
        );
        assert_eq!(
            row["file"],
            "host=web_x20one/date=2026-11-21/records.parquet"
        );
        offset += line.len();
    }
}

#[test]
fn a_record_without_optional_parts_has_nulls() {
    let made = MadeTree::new();
    let line = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"ERROR","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":18446744073709551615}"#;
    made.write(&made.segment("a", "shop", 1), format!("{line}\n"));
    made.run("parquet", "out", &[]);
    let rows = rows(&made.path("out"));
    for column in [
        "event",
        "message",
        "seq",
        "properties",
        "spans",
        "once",
        "duration",
    ] {
        assert_eq!(rows[0][column], Value::Null, "{column}");
    }
}

#[test]
fn the_only_record_of_a_session_keeps_its_facts() {
    let made = MadeTree::new();
    let facts = r#"{"version":"1.2.0","pid":7}"#;
    let rest = format!(r#""properties":{{"n":1}},"once":{facts}"#);
    let line = MadeSession::new(1).line("2026-11-21T08:15:30.123456Z", &rest);
    made.write(&made.segment("a", "shop", 1), format!("{line}\n"));
    made.run("parquet", "out", &[]);
    assert_eq!(rows(&made.path("out"))[0]["once"], facts);
}

#[test]
fn records_of_applications_are_merged_by_time_and_day() {
    let made = MadeTree::new();
    let (mut one, mut two) = (MadeSession::new(1), MadeSession::new(2));
    let days = ["2026-11-21", "2026-11-22"];
    let lines = |session: &mut MadeSession| days.map(|day| session.lines(day, 500)).concat();
    made.write(&made.segment("a", "shop", 1), lines(&mut one));
    made.write(&made.segment("a", "till", 1), lines(&mut two));
    made.write(&made.segment("b", "shop", 1), one.lines(days[0], 3));
    let printed = made.run("parquet", "out", &[]);
    assert!(
        printed.starts_with("2 hosts: wrote 3 files of 2,003 records, "),
        "{printed}"
    );
    let out = made.path("out");
    let names: Vec<String> = parquet_files(&out)
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let expected = [
        "host=a/date=2026-11-21/records.parquet",
        "host=a/date=2026-11-22/records.parquet",
        "host=b/date=2026-11-21/records.parquet",
    ];
    assert_eq!(names, expected);
    let of_first = rows(&out)
        .into_iter()
        .filter(|row| row["file"] == expected[0]);
    let times: Vec<i64> = of_first
        .map(|row| row["timestamp"].as_i64().unwrap())
        .collect();
    assert!(times.len() == 1000 && times.is_sorted());
    let metadata = open(&out.join(expected[0])).metadata().clone();
    let statistics = metadata.row_group(0).column(0).statistics().unwrap();
    assert!(statistics.min_bytes_opt().is_some() && statistics.max_bytes_opt().is_some());
}

#[test]
fn each_row_leads_back_to_its_bytes_in_any_form() {
    let made = MadeTree::new();
    let days = ["2026-11-21", "2026-11-22"];
    let mut session = MadeSession::new(1);
    let plain: Vec<String> = (0..3)
        .map(|_| days.map(|day| session.lines(day, 900)).concat())
        .collect();
    made.write(&made.segment("a", "shop", 1), &plain[0]);
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstd = ruzstd::encoding::compress_to_vec(plain[1].as_bytes(), level);
    made.write(
        &made.segment("a", "shop", 2).with_extension("jsonl.zst"),
        zstd,
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain[2].as_bytes()).unwrap();
    made.write(
        &made.segment("a", "shop", 3).with_extension("jsonl.gz"),
        gzip.finish().unwrap(),
    );
    made.run("parquet", "out", &[]);
    let rows = rows(&made.path("out"));
    assert_eq!(rows.len(), 3 * 2 * 900);
    for row in rows {
        let number = |column: &str| usize::try_from(row[column].as_u64().unwrap()).unwrap();
        let rest = &plain[number("segment") - 1].as_bytes()[number("offset")..];
        let line = rest.split(|byte| *byte == b'\n').next().unwrap();
        let record = localtel::read::Record::parse(line).unwrap();
        assert_eq!(record.seq, row["seq"].as_u64().unwrap());
    }
}

#[test]
fn damage_is_counted_named_and_left_out() {
    let made = MadeTree::new();
    let mut session = MadeSession::new(1);
    let mut bytes = session.lines("2026-11-21", 2).into_bytes();
    bytes.extend_from_slice(b"\0\0\0\0\n{\"timestamp\":\"2026-11-2");
    bytes.extend_from_slice(session.lines("2026-11-21", 1).as_bytes());
    bytes.extend_from_slice(b"no record\n");
    bytes.extend_from_slice(session.line("2026-11-21T00:00:09.000000Z", "").as_bytes());
    made.write(&made.segment("a_x1bb", "shop", 1), bytes);
    let printed = made.run("parquet", "out", &[]);
    assert!(printed.contains("wrote 1 file of 4 records"), "{printed}");
    assert!(
        printed.contains("left out: 3 damaged places\n"),
        "{printed}"
    );
    assert!(
        printed.contains("  a\\u{1b}b, shop: events.000001.jsonl:3: "),
        "{printed}"
    );
    assert_eq!(rows(&made.path("out")).len(), 4);
    // It is still there.
    assert!(
        made.run("parquet", "out", &[])
            .contains("left out: 3 damaged places\n")
    );
}

#[test]
fn a_directory_with_files_of_others_is_refused() {
    let made = MadeTree::new();
    fs::create_dir(made.path("out")).unwrap();
    fs::write(made.path("out").join("thesis.txt"), "").unwrap();
    let output = made.output("parquet", "out", &[]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("contains files of others"), "{errors}");
}

#[test]
fn a_directory_that_is_no_tree_is_refused() {
    let made = MadeTree::new();
    fs::remove_file(made.tree().join("fleet.json")).unwrap();
    let output = made.output("parquet", "out", &[]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("is not a tree"), "{errors}");
}
