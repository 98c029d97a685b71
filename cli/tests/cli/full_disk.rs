//! Commands on disks that are read-only or full.

use std::process::Command;

use crate::disk::Disk;
use crate::support::{dispatch, eventually, log};

#[test]
fn reading_commands_work_on_a_read_only_disk() {
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    let localtel = |words: &str| disk.localtel(words);
    assert_eq!(localtel("enable").0, 0);
    assert_eq!(localtel("record hello").0, 0);
    disk.remount("remount,ro");
    for (words, expected) in [
        ("status", "status: enabled"),
        ("show", "hello"),
        ("profiles", "default  enabled"),
        ("enable", "already enabled"),
    ] {
        let (code, out, err) = localtel(words);
        assert_eq!((code, err.as_str()), (0, ""), "{words}");
        assert!(out.contains(expected), "{words}: {out}");
    }
    let (code, out, _) = localtel("doctor");
    assert!(
        code == 3 && out.contains("nothing can be recorded in "),
        "{out}"
    );
    for words in ["disable", "reset", "clear --yes"] {
        let (code, _, err) = localtel(words);
        assert!(
            code == 1 && err.contains("Read-only file system"),
            "{words}: {err}"
        );
    }
}

/// Returns a disk that has records on it and no free block, no free inode, or neither.
fn full_disk_without(what: &str) -> Option<Disk> {
    let disk = Disk::mount("size=1m,nr_inodes=20")?;
    assert_eq!(disk.localtel("enable").0, 0);
    for _ in 0..3 {
        assert_eq!(disk.localtel("record hello").0, 0);
    }
    if what != "blocks" {
        for number in 0.. {
            let path = disk.0.path().join(format!("taken.{number}"));
            if std::fs::File::create(path).is_err() {
                break;
            }
        }
    }
    if what != "inodes" {
        let ballast = if what == "blocks" {
            "ballast"
        } else {
            "taken.0"
        };
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(disk.0.path().join(ballast))
            .unwrap();
        for bytes in [65_536, 1] {
            while std::io::Write::write_all(&mut file, &vec![b'.'; bytes]).is_ok() {}
        }
    }
    Some(disk)
}

impl Disk {
    fn localtel(&self, words: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_localtel"))
            .env_clear()
            .env("LOCALTEL_DIR", self.directory())
            .args(["--app", "testapp"])
            .args(words.split(' '))
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), out, err)
    }
}

#[test]
fn consent_is_withdrawn_on_a_full_disk() {
    for what in ["blocks", "inodes", "blocks and inodes"] {
        let Some(disk) = full_disk_without(what) else {
            return;
        };
        let (code, out, err) = disk.localtel("disable");
        assert_eq!((code, err.as_str()), (0, ""), "{what}: {out}");
        let (_, status, _) = disk.localtel("status");
        assert!(
            status.starts_with("status: disabled\nuuid: none\n"),
            "{what}: {status}"
        );
        assert!(!disk.builder().open().status().is_recording, "{what}");
        let text = std::fs::read_to_string(disk.directory().join("consent.json")).unwrap();
        assert!(!text.contains("salt"), "{what}: {text}");
    }
}

#[test]
fn a_running_process_applies_a_withdrawal_on_a_full_disk() {
    let Some(disk) = full_disk_without("blocks and inodes") else {
        return;
    };
    let telemetry = disk.builder().try_open().unwrap();
    assert!(telemetry.status().is_recording);
    telemetry.set_consent(localtel::Consent::Disabled).unwrap();
    eventually("it stops", || !telemetry.status().is_recording);
    assert_eq!(telemetry.status().installation, None);
}

#[test]
fn a_reset_needs_no_free_space() {
    for what in ["blocks", "inodes", "blocks and inodes"] {
        let Some(disk) = full_disk_without(what) else {
            return;
        };
        let (code, _, err) = disk.localtel("reset");
        assert_eq!((code, err.as_str()), (0, ""), "{what}");
        let (_, status, _) = disk.localtel("status");
        assert!(
            status.starts_with("status: enabled\nuuid: none\n"),
            "{what}: {status}"
        );
    }
}

#[test]
fn a_withdrawal_that_cannot_be_stored_is_reported() {
    let Some(disk) = Disk::mount("size=1m,nr_inodes=2") else {
        return;
    };
    std::fs::create_dir(disk.directory()).unwrap();
    let (code, _, err) = disk.localtel("disable");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("nothing was stored"), "{err}");
    assert!(err.contains("TESTAPP_TELEMETRY=off"), "{err}");
}

#[test]
fn clearing_needs_neither_a_free_block_nor_an_inode() {
    for what in ["blocks", "inodes", "blocks and inodes"] {
        let Some(disk) = full_disk_without(what) else {
            return;
        };
        let telemetry = disk.builder().try_open().unwrap();
        let dispatch = dispatch(&telemetry);
        log(&dispatch, 1);
        // An event that cannot be written stays in the buffer.
        telemetry.flush().unwrap_or_default();
        let (code, out, err) = disk.localtel("clear --yes");
        assert_eq!((code, err.as_str()), (0, ""), "{what}: {out}");
        assert!(out.contains("removed 1 segment, "), "{what}: {out}");
        let (code, out, _) = disk.localtel("show event=hello");
        assert_eq!((code, out.as_str()), (0, ""), "{what}");
        for number in 0..20 {
            drop(std::fs::remove_file(
                disk.0.path().join(format!("taken.{number}")),
            ));
        }
        drop(std::fs::remove_file(disk.0.path().join("ballast")));
        log(&dispatch, 1);
        eventually("a successful flush", || telemetry.flush().is_ok());
        let highest = crate::support::numbers_in(&disk.directory());
        assert!(highest.last() > Some(&1), "{what}: {highest:?}");
        let (code, out, _) = disk.localtel("doctor --full-at 100");
        assert_eq!(code, 0, "{what}: {out}");
        assert!(out.starts_with("no problems found\n"), "{what}: {out}");
    }
}

#[test]
fn doctor_finds_a_full_disk() {
    for (what, free) in [
        ("blocks", "has 0 KiB free"),
        ("inodes", "has 0 inodes free"),
        ("blocks and inodes", "has 0 KiB free"),
    ] {
        let Some(disk) = full_disk_without(what) else {
            return;
        };
        let (code, out, err) = disk.localtel("doctor");
        assert_eq!((code, err.as_str()), (3, ""), "{what}: {out}");
        assert!(out.starts_with("the file system of "), "{what}: {out}");
        assert!(out.contains(free), "{what}: {out}");
    }
}
