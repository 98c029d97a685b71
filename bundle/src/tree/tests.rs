//! Tests of the directories of a tree and of its documents.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use tempfile::TempDir;

use super::*;

const LOGS: [&str; 4] = [
    "host=a/app=shop/profile=default/log=01936f0e-0000-7000-8000-000000000001",
    "host=a/app=shop/profile=default/log=01936f0e-0000-7000-8000-000000000002",
    "host=a/app=tool/profile=work/log=01936f0e-0000-7000-8000-000000000003",
    "host=b_x20c/app=shop/profile=default/log=01936f0e-0000-7000-8000-000000000004",
];

/// Creates a tree with these directories.
fn tree_of(folders: &[&str]) -> (TempDir, Tree) {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("fleet.json"), "{\"fleet_version\":1}\n").unwrap();
    for folder in folders {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    let tree = Tree::open(place.path()).unwrap().unwrap();
    (place, tree)
}

/// Returns the paths of logs below the tree, and the messages of errors.
fn listed(tree: &Tree) -> (Vec<String>, Vec<String>) {
    let (mut paths, mut errors) = (Vec::new(), Vec::new());
    for log in tree.logs().unwrap() {
        match log {
            Ok(log) => {
                let path = log.path.strip_prefix(tree.path()).unwrap();
                paths.push(path.to_str().unwrap().to_owned());
            }
            Err(error) => errors.push(error.chain()),
        }
    }
    (paths, errors)
}

#[test]
fn only_a_directory_with_the_mark_is_a_tree() {
    let place = TempDir::new().unwrap();
    assert!(Tree::open(place.path()).unwrap().is_none());
    assert!(Tree::open(&place.path().join("absent")).unwrap().is_none());
    let mark = place.path().join("fleet.json");
    assert!(Tree::open(&mark).unwrap().is_none());
    fs::write(&mark, "{\"fleet_version\":1,\"more\":true}").unwrap();
    assert!(Tree::open(place.path()).unwrap().is_some());
    assert!(Tree::open(&mark).unwrap().is_none());
    for wrong in ["{\"fleet_version\":2}", "{}", "", "[]"] {
        fs::write(&mark, wrong).unwrap();
        assert!(Tree::open(place.path()).is_err(), "{wrong}");
    }
}

#[test]
fn the_logs_of_a_tree_are_in_order_of_their_paths() {
    let mut folders = LOGS;
    folders.reverse();
    let (_place, tree) = tree_of(&folders);
    let (paths, errors) = listed(&tree);
    assert_eq!(paths, LOGS);
    assert_eq!(errors, [""; 0]);
    let last = tree.logs().unwrap().last().unwrap().unwrap();
    assert_eq!(last.host.as_str(), "b c");
    assert_eq!(last.application.as_str(), "shop");
    assert_eq!(last.profile.as_str(), "default");
    assert_eq!(last.log.to_string(), "01936f0e-0000-7000-8000-000000000004");
}

#[test]
fn what_is_wrong_in_a_tree_does_not_hide_other_logs() {
    let (place, tree) = tree_of(&LOGS);
    for folder in [
        ".import/new",
        "lost+found",
        "host=a/app=..",
        "host=_x41",
        "host=a/app=tool/profile=work/log=1",
        "host=a/app=tool/profile=work/log=01936F0E-0000-7000-8000-000000000003",
        "host=a/other",
    ] {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    fs::write(place.path().join("host=file"), "").unwrap();
    symlink("host=a", place.path().join("host=link")).unwrap();
    let log = place.path().join(LOGS[0]);
    symlink(
        log,
        place
            .path()
            .join("host=a/app=shop/profile=default/log=01936f0e-0000-7000-8000-000000000009"),
    )
    .unwrap();
    let (paths, errors) = listed(&tree);
    assert_eq!(paths, LOGS);
    assert_eq!(errors.len(), 7, "{errors:#?}");
}

#[test]
fn each_host_has_its_facts_and_its_logs() {
    let (place, tree) = tree_of(&LOGS);
    let import = json!({
        "bundle": "localtel-a-20261121T081530Z",
        "manifest": "0".repeat(64),
        "localtel": "0.1.0",
        "created": "2026-11-21T08:15:30.000000Z",
        "imported": "2026-11-21T08:15:29.500000Z",
        "range": null,
    });
    let facts = json!({ "host": "a", "imports": [import] });
    fs::write(place.path().join("host=a/fleet.json"), facts.to_string()).unwrap();
    let conflict = format!("{}/events.000003.jsonl.conflict-0123456789abcdef", LOGS[1]);
    fs::write(place.path().join(&conflict), "").unwrap();
    let hosts: Vec<TreeHost> = tree.hosts().unwrap().collect::<Result<_>>().unwrap();
    let [a, b] = hosts.as_slice() else {
        panic!("{hosts:?}");
    };
    assert_eq!((a.host.as_str(), b.host.as_str()), ("a", "b c"));
    assert_eq!((a.imports.len(), b.imports.len()), (1, 0));
    assert_eq!(a.clock_ahead_micros(), Some(500_000));
    assert_eq!(b.clock_ahead_micros(), None);
    assert_eq!(a.logs().unwrap().count(), 3);
    assert_eq!(b.logs().unwrap().count(), 1);
    let findings = a.findings().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].segment.get(), 3);
    assert_eq!(findings[0].file, place.path().join(conflict));
    assert_eq!(b.findings().unwrap(), []);
}

#[test]
fn an_import_that_was_ended_is_noticed() {
    let (place, tree) = tree_of(&LOGS);
    assert!(!tree.is_unfinished().unwrap());
    fs::create_dir_all(place.path().join(".import/new")).unwrap();
    assert!(!tree.is_unfinished().unwrap());
    fs::create_dir_all(place.path().join(".import/ready")).unwrap();
    assert!(tree.is_unfinished().unwrap());
}

#[test]
fn the_last_bundles_are_kept_in_whatever_order_they_come() {
    let import = |number: u8| HostImport {
        bundle: format!("bundle {number}"),
        manifest: crate::manifest::Sha256Sum::new([number; 32]),
        localtel: "0.1.0".to_owned(),
        created: localtel::read::Timestamp::from_unix_micros(i64::from(number / 2)).unwrap(),
        imported: localtel::read::Timestamp::UNIX_EPOCH,
        range: None,
    };
    let facts_of = |numbers: &mut dyn Iterator<Item = u8>| {
        let mut facts = FleetHost::new("a".parse().unwrap());
        numbers.for_each(|number| facts.add(import(number)));
        facts
    };
    let facts = facts_of(&mut (0..40));
    let names: Vec<&str> = facts
        .imports
        .iter()
        .map(|one| one.bundle.as_str())
        .collect();
    assert_eq!(
        (names.len(), names[0], names[31]),
        (32, "bundle 8", "bundle 39")
    );
    assert_eq!(facts_of(&mut (0..40).rev()), facts);
    assert_eq!(facts_of(&mut (0..40).chain(0..40)), facts);
}
