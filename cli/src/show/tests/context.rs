//! Tests of `-A`, `-B`, `-C` and `--same`.

use super::*;

/// The numbers that are shown, and -1 for each line of `--`.
fn shown(words: &[&str], home: &TempDir) -> Vec<i64> {
    let (_, stdout, stderr) = show(words, home);
    assert_eq!(stderr, "", "{words:?}");
    let number = |line: &str| {
        let number = line.rsplit_once("n=").map(|(_, number)| number);
        assert!(number.is_some() || line == "--", "{line}");
        number.map_or(-1, |number| number.parse().unwrap())
    };
    stdout.lines().map(number).collect()
}

#[test]
fn groups_that_do_not_touch_are_separated() {
    let home = home(&[many(0..60), many(60..100)]);
    for (words, expected) in [
        (&["-A2", "n=7"][..], &[7, 8, 9][..]),
        (&["-B2", "n=7"], &[5, 6, 7]),
        (&["-C1", "n=0"], &[0, 1]),
        (&["-C1", "n=99"], &[98, 99]),
        (&["-C1", "n=60"], &[59, 60, 61]),
        (&["-C1", "-A0", "n=7"], &[6, 7]),
        // They touch, overlap, and leave out one record.
        (&["-C1", "n~^(7|10)$"], &[6, 7, 8, 9, 10, 11]),
        (&["-C2", "n~^(7|9)$"], &[5, 6, 7, 8, 9, 10, 11]),
        (&["-C1", "n~^(7|11)$"], &[6, 7, 8, -1, 10, 11, 12]),
        (&["-A1", "n~^(7|9)$"], &[7, 8, 9, 10]),
        (&["-A1", "n~^(7|10)$"], &[7, 8, -1, 10, 11]),
        (&["-B1", "n~^(7|8)$"], &[6, 7, 8]),
        (&["-C0", "n~^(7|9)$"], &[7, -1, 9]),
    ] {
        assert_eq!(shown(words, &home), expected, "{words:?}");
    }
}

#[test]
fn the_last_and_first_matches_have_their_whole_context() {
    let home = home(&[many(0..100)]);
    for (words, expected) in [
        (&["-n1", "-C2", "n~^(7|9)$"][..], &[7, 8, 9, 10, 11][..]),
        (&["-n2", "-C1", "n~^(1|7|9)$"], &[6, 7, 8, 9, 10]),
        (&["-n2", "-B1", "n~^(1|7|20)$"], &[6, 7, -1, 19, 20]),
        (&["-n0", "-C1", "n=7"], &[]),
        (&["-m1", "-C2", "n~^(7|9)$"], &[5, 6, 7, 8, 9]),
        (&["-m1", "-A1", "n~^(98|99)$"], &[98, 99]),
        (&["-n2", "-m1", "-C1", "n~^(1|7|20)$"], &[6, 7, 8]),
    ] {
        assert_eq!(shown(words, &home), expected, "{words:?}");
    }
}

#[test]
fn the_line_of_a_day_stands_behind_the_separator() {
    let next_day = record(2, "INFO").replace("2026-11-21", "2026-11-22");
    let home = home(&[many(0..2) + &next_day]);
    let (_, stdout, _) = run_on(
        &args(&["-C0", "n=0,2", "--utc"]),
        home.path(),
        OutputKind::Terminal,
        ShownOutput::default(),
    );
    let starts: Vec<&str> = stdout
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let times = ["08:00:00.000", "08:00:02.000"];
    assert_eq!(
        starts,
        ["2026-11-21", times[0], "--", "2026-11-22", times[1]]
    );
}

#[test]
fn formats_of_programs_have_no_separators() {
    let home = home(&[many(0..100)]);
    let words = ["--json", "-C1", "n~^(7|20)$"];
    assert_eq!(seqs(&show(&words, &home).1), [6, 7, 8, 19, 20, 21]);
    let csv = show(&["-ocsv", "-C1", "n~^(7|20)$"], &home).1;
    assert_eq!((csv.lines().count(), csv.contains("--")), (7, false));
    let pretty = show(&["-opretty", "-C1", "n~^(7|20)$"], &home).1;
    assert_eq!(pretty.lines().filter(|line| *line == "--").count(), 1);
}

/// Records of sessions and spans in turn: the number, the session and the request.
fn mixed(records: &[(u64, u8, &str)]) -> String {
    let lines = records.iter().map(|(seq, session, request)| {
        let spans = format!(
            ",\"spans\":[{{\"name\":\"request\",\"properties\":{{\"id\":\"{request}\"}}}},{{\"name\":\"query{seq}\"}}]}}\n"
        );
        let line = record(*seq, "INFO").replace("000000000000\"", &format!("00000000000{session}\""));
        let line = line.replace("\"n\":", "\"id\":\"\",\"n\":");
        if request.is_empty() {
            line
        } else {
            line.replace("}}\n", "}") + &spans
        }
    });
    lines.collect()
}

fn numbers(words: &[&str], home: &TempDir) -> Vec<i64> {
    let (_, stdout, _) = show(words, home);
    let number = |line: &str| {
        let rest = line.split_once("n=").map(|(_, rest)| rest);
        let digits = rest.map(|rest| rest.split(' ').next().unwrap());
        digits.map_or(-1, |digits| digits.parse().unwrap())
    };
    stdout.lines().map(number).collect()
}

#[test]
fn context_of_the_same_session_leaves_out_others() {
    let records = [
        (0, 1, ""),
        (1, 2, ""),
        (2, 1, ""),
        (3, 2, ""),
        (4, 1, ""),
        (5, 2, ""),
        (6, 1, ""),
    ];
    let home = home(&[mixed(&records)]);
    for (words, expected) in [
        (&["-C1", "n=3"][..], &[2, 3, 4][..]),
        (&["-C1", "--same", "session", "n=3"], &[1, 3, 5]),
        (&["-B9", "--same", "session", "n=4"], &[0, 2, 4]),
        (&["--same", "session", "n=4"], &[0, 2, 4, 6]),
        (
            &["-C1", "--same", "session", "n~^(1|6)$"],
            &[1, 3, -1, 4, 6],
        ),
        (&["-n1", "-C1", "--same", "session", "n~^(1|6)$"], &[4, 6]),
    ] {
        assert_eq!(numbers(words, &home), expected, "{words:?}");
    }
}

#[test]
fn context_of_the_same_span_is_that_of_its_request() {
    let records = [
        (0, 1, "a"),
        (1, 1, "b"),
        (2, 1, ""),
        (3, 1, "a"),
        (4, 2, "a"),
        (5, 1, "b"),
        (6, 1, "a"),
    ];
    let home = home(&[mixed(&records)]);
    for (words, expected) in [
        (&["--same", "span", "n=3"][..], &[0, 3, 6][..]),
        (&["--same", "span", "-A1", "n=0"], &[0, 3]),
        (&["--same", "span", "n=5"], &[1, 5]),
        (&["--same", "span", "n=4"], &[4]),
        // A record in no span has no context.
        (&["--same", "span", "n=2"], &[2]),
        (&["--same", "span", "n~^[23]$"], &[2, -1, 0, 3, 6]),
    ] {
        assert_eq!(numbers(words, &home), expected, "{words:?}");
    }
}

#[test]
fn sessions_beyond_the_limit_are_forgotten() {
    let records: String = (0..3000)
        .map(|seq| record(seq, "INFO").replace("000000000000\"", &format!("{:012}\"", seq % 1500)))
        .collect();
    let home = home(&[records]);
    let lines = show(&["--same", "session", "-B1", "n=1501"], &home).1;
    assert_eq!(lines.lines().count(), 1);
    // Without earlier records, nothing is kept of sessions that have no match.
    let lines = show(&["--same", "session", "-A1", "n=1"], &home).1;
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn context_needs_the_order_of_writing() {
    let home = home(&[many(0..3)]);
    for flag in ["-r", "--sort", "--count"] {
        let words = ["-C1", flag];
        let output = ShownOutput::default();
        let (outcome, ..) = run_on(&args(&words), home.path(), OutputKind::Pipe, output);
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("-A, -B, -C"), "{error}");
    }
}

#[test]
fn a_follower_shows_context_across_polls() {
    let home = home(&[many(0..30)]);
    let path = home.path().to_owned();
    let output = ShownOutput::default();
    let shown = output.clone();
    let tail = std::thread::Builder::new()
        .spawn(move || {
            let args = args(&["-f", "--json", "-n1", "-m2", "-C1", "n~^(7|9|31)$"]);
            run_on(&args, &path, OutputKind::Pipe, output).0.unwrap()
        })
        .unwrap();
    wait_for(&shown, "\"seq\":10,");
    append(home.path(), 1, &many([30, 31]));
    wait_for(&shown, "\"seq\":31,");
    append(home.path(), 2, &many([32, 33]));
    assert_eq!(tail.join().unwrap(), Exit::Done);
    assert_eq!(seqs(&shown.text()), [8, 9, 10, 30, 31, 32]);
}
