//! Tests of how following begins and ends.

use super::*;

/// The time of the screen in these tests is over, so following ends at once.
#[test]
fn following_ends_at_its_time() {
    let home = home(&[many(0..30)]);
    for (words, expected) in [
        (&["-n0", "-U", "2026-11-21 09:00"][..], vec![]),
        (&["-U", "2026-11-21 09:00"], (20..30).collect()),
        (&["-n2", "-U", "2026-11-21 08:00:20"], vec![19, 20]),
        (
            &["-S", "2026-11-21 08:00:27", "-U", "2026-11-21 09:00"],
            vec![27, 28, 29],
        ),
    ] {
        let words = [&["-f", "--json"][..], words].concat();
        let (outcome, stdout, stderr) = show(&words, &home);
        assert_eq!((outcome, stderr.as_str()), (Exit::Done, ""), "{words:?}");
        assert_eq!(seqs(&stdout), expected, "{words:?}");
    }
}

#[test]
fn following_with_an_end_has_an_exit_status() {
    let home = home(&[many(0..30)]);
    for (words, expected) in [
        (
            &["-U", "2026-11-21 09:00", "n>50"][..],
            Exit::NothingMatched,
        ),
        (&["-U", "2026-11-21 09:00", "n>5"], Exit::Done),
        (&["-m", "1", "n>5"], Exit::Done),
    ] {
        let words = [&["-f", "--exit-status"][..], words].concat();
        assert_eq!(show(&words, &home).0, expected, "{words:?}");
    }
    let output = ShownOutput::default();
    let without_end = args(&["-f", "--exit-status"]);
    let (outcome, ..) = run_on(&without_end, home.path(), OutputKind::Pipe, output);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("-U TIME or -m N"), "{error}");
}

#[test]
fn a_directory_that_appears_is_shown_from_its_start() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("later");
    let output = ShownOutput::default();
    let shown = output.clone();
    let tail = std::thread::Builder::new()
        .spawn({
            let path = path.clone();
            move || {
                run_on(
                    &args(&["-f", "--json", "-m3"]),
                    &path,
                    OutputKind::Pipe,
                    output,
                )
            }
        })
        .unwrap();
    std::thread::sleep(Follower::PAUSE * 2);
    std::fs::create_dir(&path).unwrap();
    append(&path, 1, &many(0..2));
    wait_for(&shown, "\"seq\":1,");
    append(&path, 1, &many(2..4));
    let (outcome, _, stderr) = tail.join().unwrap();
    assert_eq!(outcome.unwrap(), Exit::Done);
    assert_eq!(seqs(&shown.text()), [0, 1, 2]);
    assert_eq!(
        stderr,
        format!("waiting for {}, which does not exist yet\n", path.display())
    );
}

#[test]
fn a_process_that_begins_later_is_followed_by_its_id() {
    let of_process = |seq: u64, session: u8| {
        let line = record(seq, "INFO");
        line.replace("8000-000000000000", &format!("8000-00000000000{session}"))
    };
    let start = |seq, session, pid: u32| {
        let line = of_process(seq, session).replace(
            r#""target":"app","event":"e""#,
            r#""target":"localtel","event":"session""#,
        );
        line.replace("\"n\":", &format!("\"pid\":{pid},\"n\":"))
    };
    let home = home(&[start(0, 1, 4201) + &of_process(1, 1) + &start(2, 2, 4202)]);
    let output = ShownOutput::default();
    let shown = output.clone();
    let path = home.path().to_owned();
    let tail = std::thread::Builder::new()
        .spawn(move || {
            let args = args(&["-f", "-n", "all", "--json", "-m4", "pid=4201"]);
            run_on(&args, &path, OutputKind::Pipe, output)
        })
        .unwrap();
    wait_for(&shown, "\"seq\":1,");
    let later = start(3, 3, 4201) + &of_process(4, 2) + &of_process(5, 3);
    append(home.path(), 1, &later);
    assert_eq!(tail.join().unwrap().0.unwrap(), Exit::Done);
    assert_eq!(seqs(&shown.text()), [0, 1, 3, 5]);
}
