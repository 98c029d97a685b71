//! Importing bundles of many machines: killed at any moment, from read-only media, onto full disks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use localtel_bundle::manifest::Sha256Sum;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::support::scale;

fn import(bundles: &Path, fleet: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
    command.arg("import").arg(bundles).arg("--into").arg(fleet);
    command
}

/// Runs an import, and returns its exit code and its output.
fn imported(bundles: &Path, fleet: &Path) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = import(bundles, fleet).output().unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code().unwrap(), text)
}

/// Returns a segment of about that size.
fn segment(host: usize, number: usize, bytes: usize) -> String {
    let mut text = String::new();
    for seq in 0.. {
        if text.len() >= bytes {
            break;
        }
        let (minute, second) = (seq / 60 % 60, seq % 60);
        let line = json!({
            "timestamp": format!("2026-11-{:02}T08:{minute:02}:{second:02}.000000Z", number + 1),
            "level": "INFO",
            "source": "shop",
            "target": "shop::orders",
            "event": "order",
            "message": format!("order {seq} of host {host}"),
            "session": format!("01936f0e-0000-7000-8000-{host:012}"),
            "seq": seq,
            "properties": { "duration": seq % 997, "result": "SUCCESS" },
        });
        text += &line.to_string();
        text.push('\n');
    }
    text
}

/// Writes a bundle of one host with some of its first segments, of which the last one grows.
fn write_bundle(stick: &Path, host: usize, count: usize, bytes: usize) {
    let path = stick.join(format!("localtel-host{host:04}-{count}"));
    let sum = |bytes: &[u8]| Sha256Sum::new(Sha256::digest(bytes).into()).to_string();
    let time = "2026-11-01T08:00:00.000000Z";
    let mut files = BTreeMap::new();
    let mut segments = Vec::new();
    for number in 1..=count {
        let mut text = segment(host, number, bytes);
        if number == count {
            let half = text.len() / 2;
            text.truncate(half + text[half..].find('\n').unwrap() + 1);
        }
        let file = format!("events.{number:06}.jsonl");
        segments.push(json!({
            "number": number,
            "file": file,
            "state": if number == count { "growing" } else { "closed" },
            "bytes": text.len(),
            "plain_bytes": text.len(),
            "sha256": sum(text.as_bytes()),
            "plain_sha256": sum(text.as_bytes()),
            "records": 1,
            "damaged": 0,
            "first": time,
            "last": time,
            "seal": null,
        }));
        files.insert(format!("0001/{file}"), text);
    }
    let log = json!({
        "directory": "0001",
        "application": "shop",
        "profile": "default",
        "log": format!("01936f0e-0000-7000-8000-{host:012}"),
        "floor": 1,
        "head": count,
        "consent": { "decision": "enabled", "source": "the stored choice", "decided": null },
        "records": count,
        "damaged": 0,
        "first": time,
        "last": time,
        "segments": segments,
    });
    let manifest = json!({
        "bundle_version": 1,
        "localtel": "0.1.0",
        "created": format!("2026-11-01T08:00:{count:02}.000000Z"),
        "host": format!("host{host:04}"),
        "range": null,
        "seals": null,
        "logs": [log],
    });
    files.insert("manifest.json".to_owned(), format!("{manifest}\n"));
    files.insert("0001/explain.json".to_owned(), "{}\n".to_owned());
    fs::create_dir_all(path.join("0001")).unwrap();
    for (file, text) in &files {
        fs::write(path.join(file), text).unwrap();
    }
    let sums = files
        .iter()
        .map(|(file, text)| format!("{}  {file}\n", sum(text.as_bytes())));
    fs::write(path.join("SHA256SUMS"), sums.collect::<String>()).unwrap();
}

/// A stick with two bundles of each host, which overlap.
fn stick(hosts: usize, bytes: usize) -> TempDir {
    let stick = TempDir::new().unwrap();
    for host in 0..hosts {
        for count in [2, 3] {
            write_bundle(stick.path(), host, count, bytes);
        }
    }
    stick
}

/// Returns the sums of all files of a tree, without the times of its imports.
fn tree_at(fleet: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![fleet.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            if path.ends_with("fleet.json") && path.parent() != Some(fleet) {
                let mut facts: Value = serde_json::from_slice(&bytes).unwrap();
                for import in facts["imports"].as_array_mut().unwrap() {
                    import["imported"] = Value::Null;
                }
                bytes = facts.to_string().into_bytes();
            }
            let name = path.strip_prefix(fleet).unwrap().to_owned();
            files.insert(name, Sha256::digest(bytes).to_vec());
        }
    }
    files
}

/// `LOCALTEL_TEST_HOSTS=1000 LOCALTEL_TEST_KILLS=50` is the full length.
#[test]
fn imports_that_are_killed_end_in_the_tree_of_one_that_was_not() {
    let hosts = scale("LOCALTEL_TEST_HOSTS", 12);
    let kills = scale("LOCALTEL_TEST_KILLS", 10);
    let stick = stick(hosts, scale("LOCALTEL_TEST_SEGMENT_BYTES", 20_000));
    let place = TempDir::new().unwrap();
    let whole = place.path().join("whole");
    let begun = Instant::now();
    let (code, text) = imported(stick.path(), &whole);
    let elapsed = begun.elapsed();
    assert_eq!(code, 0, "{text}");
    println!("{} bundles in {elapsed:?}", hosts * 2);
    let killed = place.path().join("killed");
    let mut completed = 0;
    for round in 0..kills {
        let mut command = import(stick.path(), &killed);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // What is in the tree is only checked, so most of this time goes into new bundles.
        let thirds = u32::try_from(round % 3 + 1).unwrap();
        std::thread::sleep(elapsed * thirds / u32::try_from(kills * 3).unwrap());
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            completed += 1;
        }
    }
    assert!(
        completed <= kills / 2,
        "{completed} of {kills} imports were too fast to be killed"
    );
    let (code, text) = imported(stick.path(), &killed);
    assert_eq!(code, 0, "{text}");
    assert_eq!(tree_at(&killed), tree_at(&whole));
}

#[test]
fn a_second_import_into_a_tree_is_refused_at_once() {
    let place = TempDir::new().unwrap();
    let stick = stick(1, 1000);
    let fleet = place.path().join("fleet");
    assert_eq!(imported(stick.path(), &fleet).0, 0);
    let lock = fs::File::open(fleet.join(".import/lock")).unwrap();
    lock.lock().unwrap();
    let begun = Instant::now();
    let (code, text) = imported(stick.path(), &fleet);
    assert!(code == 1 && text.contains("another import into"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn bundles_of_a_read_only_medium_are_imported() {
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    write_bundle(disk.0.path(), 1, 2, 1000);
    disk.remount("remount,ro");
    let place = TempDir::new().unwrap();
    let (code, text) = imported(disk.0.path(), &place.path().join("fleet"));
    assert!(
        code == 0 && text.contains("imported 1 bundle of 1 host"),
        "{text}"
    );
}

#[test]
fn an_import_onto_a_full_disk_says_so_and_goes_on_later() {
    let Some(disk) = Disk::mount("size=1m") else {
        return;
    };
    let stick = stick(8, 100_000);
    let fleet = disk.0.path().join("fleet");
    let (code, text) = imported(stick.path(), &fleet);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("make room there and import again"), "{text}");
    assert!(text.contains("not tried"), "{text}");
    disk.remount("remount,size=16m");
    assert_eq!(imported(stick.path(), &fleet).0, 0);
    let place = TempDir::new().unwrap();
    let other = place.path().join("fleet");
    assert_eq!(imported(stick.path(), &other).0, 0);
    assert_eq!(tree_at(&fleet), tree_at(&other));
}

#[test]
fn names_in_bundles_cannot_harm_a_terminal() {
    let place = TempDir::new().unwrap();
    let stick = TempDir::new().unwrap();
    write_bundle(stick.path(), 1, 1, 1000);
    let bundle = stick.path().join("localtel-host0001-1");
    let odd = stick.path().join("localtel-\u{1b}[31m\u{202e}");
    fs::rename(&bundle, &odd).unwrap();
    fs::write(odd.join("\u{1b}]0;title\u{7}"), "").unwrap();
    let (code, text) = imported(stick.path(), &place.path().join("fleet"));
    assert_eq!(code, 1);
    assert!(text.contains(r"\x1b]0;title\x07"), "{text}");
    fs::remove_file(odd.join("\u{1b}]0;title\u{7}")).unwrap();
    let (code, more) = imported(stick.path(), &place.path().join("fleet"));
    assert_eq!(code, 0, "{more}");
    for letter in (text + &more).chars() {
        assert!(
            letter == '\n' || !localtel::read::is_unsafe_to_show(letter),
            "{letter:?}"
        );
    }
}
