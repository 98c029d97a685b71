//! Foreign files in place of ours: modes, objects planted under our names, directories of other
//! users, and files that are not ours.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use localtel::Limits;

use crate::child;
use crate::support::{TestPlace, dispatch, log, numbers_in, segments_in};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["000", "077", "777"] {
        let place = TestPlace::new();
        let script = format!("umask {umask} && exec \"$0\" \"$@\"");
        let mut command =
            child::command_in("write one inline", &place.path(), &["sh", "-c", &script]);
        command
            .env("LOCALTEL_TEST_COUNT", "200")
            .env("LOCALTEL_TEST_SEGMENT", "16384");
        child::succeed(command);
        assert_eq!(place.events().len(), 200);
        assert_eq!(mode(&place.path()), 0o700, "umask {umask}");
        let segments = segments_in(&place.path());
        let (head, closed) = segments.split_last().unwrap();
        assert_eq!(mode(head), 0o600, "umask {umask}");
        assert!(!closed.is_empty());
        for segment in closed {
            assert_eq!(mode(segment), 0o400, "umask {umask}");
        }
        for name in ["lock", "consent.json"] {
            assert_eq!(
                mode(&place.path().join(name)),
                0o600,
                "{name}, umask {umask}"
            );
        }
    }
}

/// Plants something at a path, which may link to the victim.
type Plant = fn(victim: &Path, at: &Path);

#[test]
fn nothing_planted_at_a_segments_name_is_followed_or_filled() {
    let victim_text = "not ours";
    let plants: [(&str, Plant); 5] = [
        ("symlink", |victim, at| symlink(victim, at).unwrap()),
        ("hard link", |victim, at| {
            std::fs::hard_link(victim, at).unwrap();
        }),
        ("directory", |_, at| std::fs::create_dir(at).unwrap()),
        ("pipe", |_, at| {
            let made = Command::new("mkfifo").arg(at).status().unwrap();
            assert!(made.success());
        }),
        ("dangling symlink", |_, at| symlink("nowhere", at).unwrap()),
    ];
    for (what, plant) in plants {
        for name in ["events.000001.jsonl", "events.000002.jsonl", "events.jsonl"] {
            let place = TestPlace::new();
            let victim = place.path().with_file_name("victim");
            std::fs::write(&victim, victim_text).unwrap();
            std::fs::create_dir(place.path()).unwrap();
            let at = place.path().join(name);
            plant(&victim, &at);
            let limits = Limits {
                segment_bytes_max: 16 * 1024,
                ..Limits::default()
            };
            let telemetry = place.builder().limits(limits).open();
            log(&dispatch(&telemetry), 100);
            let flushed = telemetry.flush();
            assert!(flushed.is_ok(), "{what} at {name}: {flushed:?}");
            drop(telemetry);
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), victim_text);
            assert!(!place.path().join("nowhere").exists());
            if name != "events.jsonl" {
                let planted = std::fs::symlink_metadata(&at).unwrap();
                assert!(
                    what == "hard link" || !planted.is_file(),
                    "{what} at {name}"
                );
                match what {
                    "directory" => std::fs::remove_dir(&at).unwrap(),
                    _ => std::fs::remove_file(&at).unwrap(),
                }
            }
            assert_eq!(place.events().len(), 100, "{what} at {name}");
        }
    }
}

#[test]
fn something_planted_at_the_locks_name_is_refused_with_a_reason() {
    let plants: [Plant; 4] = [
        |victim, at| symlink(victim, at).unwrap(),
        |victim, at| std::fs::hard_link(victim, at).unwrap(),
        |_, at| std::fs::create_dir(at).unwrap(),
        |_, at| {
            let made = Command::new("mkfifo").arg(at).status().unwrap();
            assert!(made.success());
        },
    ];
    for plant in plants {
        let place = TestPlace::new();
        let victim = place.path().with_file_name("victim");
        std::fs::write(&victim, "").unwrap();
        std::fs::create_dir(place.path()).unwrap();
        plant(&victim, &place.path().join("lock"));
        let telemetry = place.builder().open();
        let reason = telemetry.status().off_because.unwrap();
        assert!(reason.contains("lock"), "{reason}");
        log(&dispatch(&telemetry), 10);
        drop(telemetry);
        assert_eq!(std::fs::metadata(&victim).unwrap().len(), 0);
    }
}

#[test]
fn a_directory_at_the_highest_segment_number_does_not_hang() {
    for name in [
        "events.9999999999999999.jsonl",
        "events.18446744073709551615.jsonl",
    ] {
        let place = TestPlace::new();
        std::fs::create_dir_all(place.path().join(name)).unwrap();
        let mut command = child::writer("open and print", &place.path(), 5, 1 << 20);
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
                panic!("{name}: hangs");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let printed = child.wait_with_output().unwrap().stdout;
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let is_reported = printed.contains("used up") || printed.contains("flushed true");
        assert!(is_reported, "{name}: {printed}");
    }
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let place = TestPlace::new();
    std::fs::create_dir(place.path()).unwrap();
    for open_to_others in [0o777, 0o770, 0o1777] {
        let permissions = std::fs::Permissions::from_mode(open_to_others);
        std::fs::set_permissions(place.path(), permissions).unwrap();
        let reason = place.builder().open().status().off_because.unwrap();
        assert!(reason.contains("other users may write"), "{reason}");
    }
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    if std::os::unix::fs::chown(place.path(), Some(4321), None).is_err() {
        println!("skipped: this needs the right to give a directory away");
        return;
    }
    let reason = place.builder().open().status().off_because.unwrap();
    assert!(reason.contains("another user"), "{reason}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_symlink_or_file_as_directory_is_refused() {
    let place = TestPlace::new();
    let elsewhere = place.path().with_file_name("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, place.path()).unwrap();
    let reason = place.builder().open().status().off_because.unwrap();
    assert!(reason.contains("symbolic link"), "{reason}");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    std::fs::remove_file(place.path()).unwrap();
    std::fs::write(place.path(), "").unwrap();
    let reason = place.builder().open().status().off_because.unwrap();
    assert!(reason.contains("it is a file"), "{reason}");
}

/// Creates a directory that only its owner can read.
fn make_private(place: &TestPlace) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(place.path())
        .unwrap();
}

#[test]
fn user_files_with_names_of_ours_are_left_alone() {
    let place = TestPlace::new();
    make_private(&place);
    std::fs::write(place.path().join("events.jsonl"), "mine").unwrap();
    place.record(|| tracing::info!("beside it"));
    assert_eq!(
        std::fs::read_to_string(place.path().join("events.jsonl")).unwrap(),
        "mine"
    );

    let place = TestPlace::new();
    make_private(&place);
    std::fs::write(place.path().join("lock"), "a poem").unwrap();
    let error = place.builder().try_open().unwrap_err().to_string();
    assert!(
        error.contains("`lock` was not written by localtel"),
        "{error}"
    );
    assert_eq!(
        std::fs::read_to_string(place.path().join("lock")).unwrap(),
        "a poem"
    );
}

#[test]
fn files_that_others_can_read_are_made_private_or_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let place = TestPlace::new();
    place.record(|| tracing::info!("first"));
    set(&place.path(), 0o755);
    let first = place.path().join("events.000001.jsonl");
    set(&first, 0o644);
    place.record(|| tracing::info!("second"));
    assert_eq!(mode(&place.path()), 0o700);
    let second = std::fs::read_to_string(place.path().join("events.000002.jsonl")).unwrap();
    assert!(
        second.contains("second") && !std::fs::read_to_string(first).unwrap().contains("second")
    );

    set(&place.path(), 0o755);
    std::fs::write(place.path().join("thesis.tex"), "").unwrap();
    let error = place.builder().try_open().unwrap_err().to_string();
    assert!(error.contains("contains other files"), "{error}");
    assert_eq!(mode(&place.path()), 0o755);
}

#[test]
fn only_files_with_names_of_ours_are_removed() {
    let place = TestPlace::new();
    make_private(&place);
    let foreign = [
        "events.1.jsonl",
        "events.000001.jsonl~",
        ".events.000001.jsonl.swp",
        "events.000001.json",
        "notes.txt",
        "events.000001.jsonl.bak",
    ];
    for name in foreign {
        std::fs::write(place.path().join(name), "x").unwrap();
    }
    let limits = Limits {
        segment_bytes_max: 16 * 1024,
        total_bytes_max: 32 * 1024,
        ..Limits::default()
    };
    let telemetry = place.builder().limits(limits).try_open().unwrap();
    log(&dispatch(&telemetry), 500);
    drop(telemetry);
    assert!(numbers_in(&place.path())[0] > 1);
    for name in foreign {
        assert_eq!(
            std::fs::read_to_string(place.path().join(name)).unwrap(),
            "x"
        );
    }
}

#[test]
fn no_child_process_inherits_our_files() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    log(&dispatch(&telemetry), 10);
    telemetry.flush().unwrap();
    let listed = Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(!listed.contains(place.path().to_str().unwrap()), "{listed}");
    drop(telemetry);
}

/// Returns the output of a child that opens by variables, started by another program.
fn open_by_variables(place: &TestPlace, before: &[&str]) -> Option<String> {
    let mut command = child::command_in("open by variables", &place.path(), before);
    let variables = ["LOCALTEL_DIR", "STATE_DIRECTORY"].map(|name| (name, place.path()));
    let output = command.envs(variables).output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(printed)
}

#[test]
fn a_setuid_program_reads_no_variable() {
    let place = TestPlace::new();
    for elevated in [
        ["setpriv", "--ruid=4321", "--keep-groups"],
        ["setpriv", "--rgid=4321", "--keep-groups"],
    ] {
        let Some(printed) = open_by_variables(&place, &elevated) else {
            println!("skipped: this needs the right to become another user");
            return;
        };
        assert!(printed.contains("recording false"), "{printed}");
        assert!(
            printed.contains("environment variables are ignored"),
            "{printed}"
        );
        assert!(!place.path().exists());
    }
    let printed = open_by_variables(&place, &[]).unwrap();
    assert!(printed.contains("recording true"), "{printed}");
}

#[test]
fn files_of_another_user_prevent_recording() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let place = TestPlace::new();
    place.record(|| tracing::info!("before"));
    let lines = place.lines().len();
    let user = place.path().metadata().unwrap().uid();
    if chown(place.path(), Some(4321), None).is_err() {
        println!("skipped: this needs the right to give a file away");
        return;
    }
    let reason = format!("belongs to another user (uid 4321), and this is uid {user}");
    let printed = open_by_variables(&place, &[]).unwrap();
    assert!(printed.contains("recording false"), "{printed}");
    assert!(printed.contains(&reason), "{printed}");
    let refused = place.builder().try_open().unwrap_err().to_string();
    assert!(refused.contains(&reason), "{refused}");

    // Only a file in the directory, which is checked when something is written.
    chown(place.path(), Some(user), None).unwrap();
    chown(place.path().join("lock"), Some(4321), None).unwrap();
    let telemetry = place.builder().try_open().unwrap();
    log(&dispatch(&telemetry), 1);
    let failed = telemetry.flush().unwrap_err().to_string();
    assert!(failed.contains(&reason), "{failed}");
    drop(telemetry);
    assert_eq!(place.lines().len(), lines);
    chown(place.path().join("lock"), Some(user), None).unwrap();
    place.record(|| tracing::info!("after"));
    assert!(place.lines().len() > lines);
}
