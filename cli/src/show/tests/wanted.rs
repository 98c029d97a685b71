//! Tests of `-m` and `--count`.

use super::*;

#[test]
fn the_first_records_are_shown_in_any_order() {
    // Large enough for parts that several threads fold.
    let home = home(&[many(0..3000), many(3000..6000)]);
    let shown = |words: &[&str]| {
        let words = [&["--json"][..], words].concat();
        seqs(&show(&words, &home).1)
    };
    assert_eq!(shown(&["-m", "3"]), [0, 1, 2]);
    assert_eq!(shown(&["-m2", "n>=5990"]), [5990, 5991]);
    assert_eq!(shown(&["-m", "9", "n>5996"]), [5997, 5998, 5999]);
    assert_eq!(shown(&["-m", "5000"]), (0..5000).collect::<Vec<_>>());
    assert_eq!(shown(&["-n", "100", "-m", "2"]), [5900, 5901]);
    assert_eq!(shown(&["-r", "-m", "2"]), [5999, 5998]);
    assert_eq!(shown(&["-r", "-n", "1", "-m", "2"]), [5999]);
}

#[test]
fn the_first_sorted_records_are_shown() {
    let home = home(&[many([5, 1, 3]), many([4, 2])]);
    let shown = |words: &[&str]| seqs(&show(words, &home).1);
    assert_eq!(shown(&["--json", "--sort", "-m2"]), [1, 2]);
    assert_eq!(shown(&["--json", "--sort", "-r", "-m2"]), [5, 4]);
    assert_eq!(shown(&["--json", "--sort", "-n3", "-m2"]), [3, 4]);
}

#[test]
fn the_first_blocks_are_whole() {
    let home = home(&[many(0..2000)]);
    let whole = show(&["-o", "pretty"], &home).1;
    let first = show(&["-o", "pretty", "-m", "1500"], &home).1;
    let rest = whole.strip_prefix(&first).unwrap();
    assert!(rest.starts_with("2026-11-21T08:25:00"), "{rest:.100}");
}

#[test]
fn the_number_is_that_of_the_records_shown() {
    let home = home(&[many(0..3000), many(3000..6000)]);
    let number = |words: &[&str]| {
        let words = [&["--count"][..], words].concat();
        let (_, stdout, stderr) = show(&words, &home);
        assert_eq!(stderr, "", "{words:?}");
        stdout
    };
    for (words, expected) in [
        (&[][..], "6000\n"),
        (&["n>5000"], "999\n"),
        (&["n<2000", "-r"], "2000\n"),
        (&["n<2000", "--sort"], "2000\n"),
        (&["-n", "7"], "7\n"),
        (&["-m", "7"], "7\n"),
        (&["-m", "7", "n>5996"], "3\n"),
        (&["-S", "08:01:00", "-U", "08:01:01", "n<100"], "2\n"),
    ] {
        assert_eq!(number(words), expected, "{words:?}");
    }
}

#[test]
fn a_count_of_nothing_has_the_usual_exit() {
    let home = home(&[many(0..3)]);
    let (outcome, stdout, _) = show(&["--count", "n>5"], &home);
    assert_eq!((outcome, stdout.as_str()), (Exit::Done, "0\n"));
    let (outcome, stdout, _) = show(&["--count", "n>5", "--exit-status"], &home);
    assert_eq!((outcome, stdout.as_str()), (Exit::NothingMatched, "0\n"));
    let counted = show(&["--count", "n>1", "--exit-status"], &home);
    assert_eq!(counted, (Exit::Done, "1\n".into(), String::new()));
}

#[test]
fn a_terminal_gets_the_number_of_all_records() {
    let home = home(&[many(0..1500)]);
    let (_, stdout, stderr) = run_on(
        &args(&["--count"]),
        home.path(),
        OutputKind::Terminal,
        ShownOutput::default(),
    );
    assert_eq!((stdout.as_str(), stderr.as_str()), ("1500\n", ""));
}

#[test]
fn following_ends_after_the_first_records() {
    let home = home(&[many(0..20)]);
    for (words, expected) in [
        (&["-fm3", "--json"][..], &[10, 11, 12][..]),
        (&["-fm2", "--json", "-n", "all", "n>7"], &[8, 9]),
    ] {
        let (outcome, stdout, _) = show(words, &home);
        assert_eq!((outcome, seqs(&stdout).as_slice()), (Exit::Done, expected));
    }
}
