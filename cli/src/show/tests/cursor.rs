//! Tests of `--cursor-file`.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::screen::Memory;

/// A cursor file in a directory of its own.
struct CursorPlace(TempDir);

impl CursorPlace {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("cursor")
    }

    /// Returns the numbers that a run shows, and its messages.
    fn run(&self, words: &[&str], home: &TempDir) -> (Vec<u64>, String) {
        let path = self.path();
        let own = ["--json", "--cursor-file", path.to_str().unwrap()];
        let (outcome, stdout, stderr) = show(&[&own[..], words].concat(), home);
        assert_eq!(outcome, Exit::Done);
        (seqs(&stdout), stderr)
    }

    fn error(&self, words: &[&str], home: &TempDir) -> String {
        let path = self.path();
        let own = ["--cursor-file", path.to_str().unwrap()];
        let words = args(&[&own[..], words].concat());
        let (outcome, ..) = run_on(
            &words,
            home.path(),
            OutputKind::Pipe,
            ShownOutput::default(),
        );
        outcome.unwrap_err().chain()
    }
}

fn nothing() -> (Vec<u64>, String) {
    (Vec::new(), String::new())
}

fn only_shown(seqs: impl IntoIterator<Item = u64>) -> (Vec<u64>, String) {
    (seqs.into_iter().collect(), String::new())
}

#[test]
fn each_record_is_shown_once_across_segments() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3)]));
    assert_eq!(cursor.run(&[], &home), only_shown(0..3));
    let mode = cursor.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(cursor.run(&[], &home), nothing());
    append(home.path(), 1, &many(3..5));
    append(home.path(), 2, &many(5..6));
    assert_eq!(cursor.run(&[], &home), only_shown(3..6));
    append(home.path(), 2, &many(6..7));
    assert_eq!(cursor.run(&[], &home), only_shown(6..7));
    assert_eq!(std::fs::read_dir(cursor.0.path()).unwrap().count(), 1);
}

#[test]
fn what_does_not_match_is_read_too() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3000), many(3000..6000)]));
    assert_eq!(cursor.run(&["n=5"], &home), only_shown([5]));
    assert_eq!(cursor.run(&[], &home), nothing());
    append(home.path(), 3, &many(6000..6003));
    assert_eq!(cursor.run(&["n>=5", "-C1"], &home), only_shown(6000..6003));
}

#[test]
fn the_position_is_behind_the_last_record_shown() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3000), many(3000..6000)]));
    assert_eq!(cursor.run(&["-m", "2000"], &home), only_shown(0..2000));
    assert_eq!(cursor.run(&["-m", "2"], &home), only_shown(2000..2002));
    assert_eq!(cursor.run(&["-m1", "n>2999"], &home), only_shown([3000]));
    assert_eq!(cursor.run(&[], &home), only_shown(3001..6000));
}

#[test]
fn counting_saves_the_position() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3)]));
    let path = cursor.path();
    let words = ["--count", "--cursor-file", path.to_str().unwrap()];
    assert_eq!(show(&words, &home).1, "3\n");
    append(home.path(), 1, &many(3..5));
    assert_eq!(show(&words, &home).1, "2\n");
    assert_eq!(cursor.run(&[], &home), nothing());
}

#[test]
fn each_directory_has_a_position() {
    let cursor = CursorPlace::new();
    let (one, other) = (home(&[many(0..3)]), home(&[many(10..13)]));
    assert_eq!(cursor.run(&[], &one), only_shown(0..3));
    append(one.path(), 1, &many(3..4));
    let inputs = [&one, &other].map(|home| NamedInput::of_directory(home.path()));
    let path = cursor.path();
    let words = args(&["--json", "--cursor-file", path.to_str().unwrap()]);
    let both = || {
        let mut memory = Memory::default();
        let inputs = RecordInputs::of(inputs.to_vec());
        memory.with(|screen| run(&words, &inputs, screen)).unwrap();
        seqs(&memory.out())
    };
    assert_eq!(both(), [3, 10, 11, 12]);
    assert_eq!(both(), [0; 0]);
    append(other.path(), 1, &many(13..14));
    assert_eq!(cursor.run(&[], &one), nothing());
    assert_eq!(cursor.run(&[], &other), only_shown([13]));
}

#[test]
fn damage_behind_the_last_record_is_reported_once() {
    let (cursor, home) = (
        CursorPlace::new(),
        home(&[many(0..3000) + "no record\n\0\0\n"]),
    );
    let (shown, messages) = cursor.run(&[], &home);
    assert_eq!(shown.len(), 3000);
    assert!(messages.contains("events.000001.jsonl:3001"), "{messages}");
    assert_eq!(cursor.run(&[], &home), nothing());
    append(home.path(), 1, &(many(3000..3002) + "{}\n"));
    let (shown, messages) = cursor.run(&["n!=3000"], &home);
    assert_eq!(shown, [3001]);
    assert!(
        messages.contains("1 unreadable line (events.000001.jsonl:3005)"),
        "{messages}"
    );
    // Lost segments are damage, too.
    append(home.path(), 4, "no record\n");
    let (_, messages) = cursor.run(&[], &home);
    assert!(messages.contains("events.000004.jsonl:1"), "{messages}");
    assert_eq!(cursor.run(&[], &home), nothing());
}

#[test]
fn segments_that_are_gone_are_counted() {
    let segments: Vec<String> = (0..5).map(|n| many(n * 2..n * 2 + 2)).collect();
    let home = home(&segments);
    let remove = |number: u64| {
        let name = SegmentNumber::new(number).unwrap().file_name();
        std::fs::remove_file(home.path().join(name)).unwrap();
    };
    let cursor = CursorPlace::new();
    assert_eq!(cursor.run(&["-m1"], &home), only_shown([0]));
    remove(1);
    remove(2);
    let (seen, stderr) = cursor.run(&["-m1"], &home);
    assert_eq!(seen, [4]);
    let expected = "2 segments were removed since the last run: records in events.000001.jsonl to \
                    events.000002.jsonl that were not shown are missing\n";
    assert_eq!(stderr, expected);
    remove(3);
    // Without a floor the reader does not know whether it was removed on purpose.
    let (seen, stderr) = cursor.run(&["-m1"], &home);
    assert_eq!(seen, [6]);
    assert!(stderr.contains("events.000003.jsonl lost"), "{stderr}");
}

#[test]
fn a_directory_that_began_again_is_shown_from_its_start() {
    let other = |seqs| many(seqs).replace("01936f0e", "01936f0f");
    // The same length, shorter, and with fewer segments.
    for (before, after) in [
        (vec![many(0..3)], vec![other(0..3)]),
        (vec![many(0..3)], vec![other(0..1)]),
        (vec![many(0..2), many(2..3)], vec![other(0..1)]),
        (vec![many(0..3)], vec![format!("[]{}", other(0..3))]),
    ] {
        let (cursor, home) = (CursorPlace::new(), home(&before));
        cursor.run(&[], &home);
        for (number, _) in (1..).zip(&before) {
            let name = SegmentNumber::new(number).unwrap().file_name();
            std::fs::remove_file(home.path().join(name)).unwrap();
        }
        assert_eq!(cursor.run(&[], &home), nothing());
        append(home.path(), 1, &after.concat());
        let (seen, stderr) = cursor.run(&[], &home);
        assert_eq!(seen.first(), Some(&0), "{stderr}");
        assert!(
            stderr.starts_with("the directory was emptied or replaced since the last run"),
            "{stderr}"
        );
        assert_eq!(cursor.run(&[], &home).0, [0; 0]);
    }
}

#[test]
fn a_run_that_cannot_write_its_output_is_repeated() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3000)]));
    let output = ShownOutput {
        breaks_after: Some("\"seq\":0,"),
        ..ShownOutput::default()
    };
    let path = cursor.path();
    let words = args(&["--json", "--cursor-file", path.to_str().unwrap()]);
    let (outcome, ..) = run_on(&words, home.path(), OutputKind::Pipe, output);
    assert_eq!(outcome.unwrap(), Exit::Done);
    assert_eq!(cursor.run(&[], &home), only_shown(0..3000));
}

#[test]
fn an_empty_file_is_no_position_and_any_other_is_an_error() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3)]));
    for text in ["{", "[]", "0", r#"{"format":2,"directories":{}}"#] {
        std::fs::write(cursor.path(), text).unwrap();
        let error = cursor.error(&[], &home);
        assert!(error.contains("remove it to show all records"), "{error}");
        assert_eq!(std::fs::read_to_string(cursor.path()).unwrap(), text);
    }
    std::fs::write(cursor.path(), "").unwrap();
    assert_eq!(cursor.run(&[], &home), only_shown(0..3));
    std::fs::remove_file(cursor.path()).unwrap();
    std::fs::create_dir(cursor.path()).unwrap();
    let error = cursor.error(&[], &home);
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn a_position_needs_all_records_in_their_order() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3)]));
    for words in [&["-n3"][..], &["-r"], &["--sort"], &["-f", "-n0"]] {
        let error = cursor.error(words, &home);
        assert!(error.contains("--cursor-file"), "{words:?}: {error}");
    }
    assert!(!cursor.path().try_exists().unwrap());
}

#[test]
fn a_follower_continues_and_saves_its_position() {
    let (cursor, home) = (CursorPlace::new(), home(&[many(0..3)]));
    assert_eq!(cursor.run(&["-f", "-m2"], &home), only_shown(0..2));
    assert_eq!(
        cursor.run(&["-f", "-U", "2026-11-21 09:00"], &home),
        only_shown([2])
    );
    append(home.path(), 2, &many(3..5));
    assert_eq!(
        cursor.run(&["-f", "-U", "2026-11-21 09:00"], &home),
        only_shown(3..5)
    );
    assert_eq!(cursor.run(&[], &home), nothing());
}
