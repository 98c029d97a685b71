//! Which version of a segment stays, and what else is in the tree.

use super::*;

use SegmentState::{Closed, Derived, Growing};

fn segment(number: u64, state: SegmentState, plain: impl Into<Vec<u8>>) -> MadeSegment {
    MadeSegment::new(number, state, plain)
}

/// Imports versions of segment 1, one after the other, and returns the last change, and its file in
/// the tree.
fn met(versions: &[MadeSegment]) -> (SegmentChanges, Vec<(String, String)>) {
    let place = ImportPlace::new();
    let mut changes = SegmentChanges::default();
    for (version, created) in versions.iter().zip(1..) {
        changes = place.import(&bundle_of(created, [version.clone()]));
    }
    let files = place.segments(1);
    // Once more, in a tree that has everything.
    for (version, created) in versions.iter().zip(1..) {
        let again = place.import(&bundle_of(created, [version.clone()]));
        assert_eq!(again.unchanged + again.conflicting, 1, "{again:?}");
    }
    assert_eq!(place.segments(1), files);
    (changes, files)
}

fn file(name: &str, plain: impl Into<String>) -> (String, String) {
    (name.to_owned(), plain.into())
}

#[test]
fn a_bundle_becomes_a_tree_that_readers_find() {
    let place = ImportPlace::new();
    let mut bundle = bundle_of(
        9,
        [
            segment(1, Closed, lines(0..3)),
            segment(2, Growing, lines(3..5)),
        ],
    );
    bundle.logs[0].policy = Some("[record]\n");
    bundle.logs.push(MadeLog {
        log: 2,
        segments: vec![segment(7, Closed, lines(0..1)).compressed()],
        policy: None,
    });
    let changes = place.import(&bundle);
    assert_eq!((changes.new, changes.total()), (3, 3));
    let names: Vec<String> = files_below(&place.tree).into_keys().collect();
    let (one, other) = (log_path(1), log_path(2));
    assert_eq!(
        names,
        [
            ".import/lock".to_owned(),
            "fleet.json".to_owned(),
            format!("{one}/events.000001.jsonl"),
            format!("{one}/events.000002.jsonl"),
            format!("{one}/explain.json"),
            format!("{one}/imported.json"),
            format!("{one}/policy.exported.toml"),
            format!("{other}/events.000007.jsonl.zst"),
            format!("{other}/explain.json"),
            format!("{other}/imported.json"),
            "host=web_x201/fleet.json".to_owned(),
        ]
    );
    let tree = Tree::open(&place.tree).unwrap().unwrap();
    let logs: Vec<_> = tree.logs().unwrap().map(Result::unwrap).collect();
    assert_eq!(logs.len(), 2);
    let mut reader = localtel::read::Reader::open(&logs[0].path).unwrap();
    assert_eq!(reader.records().filter_map(Result::ok).count(), 5);
    let facts = logs[0].imported().unwrap().unwrap();
    let states: Vec<_> = facts
        .segments
        .values()
        .map(|segment| segment.state)
        .collect();
    assert_eq!(states, [Closed, Growing]);
    let hosts: Vec<_> = tree.hosts().unwrap().map(Result::unwrap).collect();
    assert_eq!(hosts[0].host.as_str(), "web 1");
    assert_eq!(hosts[0].imports.len(), 1);
    assert_eq!(hosts[0].clock_ahead_micros(), Some(9_000_000));
    assert!(!tree.is_unfinished().unwrap());
}

#[test]
fn the_longer_of_two_versions_stays_in_any_order_and_form() {
    let short = segment(1, Growing, lines(0..3));
    let long = segment(1, Closed, lines(0..5));
    let packed = long.clone().compressed();
    for (one, other, is_replaced) in [
        (&short, &long, true),
        (&long, &short, false),
        (&short, &packed, true),
        (&packed, &short, false),
        (&long, &packed, false),
        (&packed, &long, false),
    ] {
        let (changes, files) = met(&[one.clone(), other.clone()]);
        assert_eq!(
            (changes.longer == 1, changes.unchanged == 0),
            (is_replaced, is_replaced)
        );
        let stays = if is_replaced { other } else { one };
        let end = if stays.is_compressed { ".zst" } else { "" };
        assert_eq!(
            files,
            [file(&format!("events.000001.jsonl{end}"), lines(0..5))]
        );
    }
}

#[test]
fn a_segment_that_was_closed_without_a_line_more_is_closed() {
    let place = ImportPlace::new();
    for (created, state) in [(1, Growing), (2, Closed), (3, Growing)] {
        place.import(&bundle_of(created, [segment(1, state, lines(0..3))]));
    }
    let facts = place.facts();
    assert_eq!(facts.segments[&SegmentNumber::FIRST].state, Closed);
}

#[test]
fn a_version_that_contradicts_the_tree_is_kept_beside_it() {
    let (changes, files) = met(&[
        segment(1, Closed, lines(0..3)),
        segment(1, Closed, lines([0, 9])).compressed(),
    ]);
    assert_eq!((changes.conflicting, changes.total()), (1, 1));
    let conflict = format!(
        "events.000001.jsonl.conflict-{}",
        &sum_of(lines([0, 9]).as_bytes()).to_string()[..16]
    );
    assert_eq!(
        files,
        [
            file("events.000001.jsonl", lines(0..3)),
            file(&conflict, lines([0, 9]))
        ]
    );
}

#[test]
fn of_a_growing_contradiction_only_the_longest_is_kept() {
    let place = ImportPlace::new();
    place.import(&bundle_of(1, [segment(1, Closed, lines(0..3))]));
    for count in [11, 13, 12] {
        let changes = place.import(&bundle_of(2, [segment(1, Growing, lines(10..count))]));
        assert_eq!(changes.conflicting, 1);
    }
    let files = place.segments(1);
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(files[1].1, lines(10..13));
    let tree = Tree::open(&place.tree).unwrap().unwrap();
    let host = tree.hosts().unwrap().next().unwrap().unwrap();
    assert_eq!(host.findings().unwrap().len(), 1);
}

#[test]
fn contradicting_versions_do_not_fill_the_disk() {
    let place = ImportPlace::new();
    place.import(&bundle_of(1, [segment(1, Closed, lines(0..3))]));
    for start in 10..18 {
        place.import(&bundle_of(2, [segment(1, Closed, lines(start..20))]));
    }
    let path = place.write(&bundle_of(2, [segment(1, Closed, lines(18..20))]));
    let BundleFailure::Refused(refusal) = place.import_at(&path).unwrap_err() else {
        panic!("not refused");
    };
    assert_eq!(refusal.step(), RefusalStep::RemoveConflicts);
    assert_eq!(place.segments(1).len(), 9);
}

#[test]
fn lines_of_a_range_are_each_there_once() {
    let all = segment(1, Closed, lines(0..9));
    let growing = segment(1, Growing, lines(0..5));
    let grown = segment(1, Growing, lines(0..9));
    let part = segment(1, Derived, lines(2..5));
    let end = segment(1, Derived, lines(3..9));
    let name = "events.000001.jsonl";
    let merged = lines([0, 1, 3, 5, 2, 4, 6, 8, 7]);
    for (versions, expected) in [
        (vec![&part], lines([3, 2, 4])),
        (vec![&part, &all], lines(0..9)),
        (vec![&all, &part], lines(0..9)),
        (vec![&part, &growing], lines(0..5)),
        (vec![&growing, &end], merged.clone()),
        (vec![&end, &growing], merged),
        (vec![&growing, &end, &grown], lines(0..9)),
        (vec![&part, &end, &all], lines(0..9)),
    ] {
        let versions: Vec<MadeSegment> = versions.into_iter().cloned().collect();
        let (changes, files) = met(&versions);
        assert_eq!(changes.conflicting, 0);
        assert_eq!(files, [file(name, expected)]);
    }
}

#[test]
fn lines_that_a_closed_segment_never_had_contradict_it() {
    let all = segment(1, Closed, lines(0..5));
    let part = segment(1, Derived, lines(3..7));
    for versions in [[all.clone(), part.clone()], [part, all]] {
        let (changes, files) = met(&versions);
        assert_eq!(changes.conflicting, 1);
        assert_eq!(files.len(), 2);
    }
}

#[test]
fn a_line_without_its_newline_is_the_same_line() {
    let torn = lines(0..2) + "{\"timestamp\":";
    let part = segment(1, Derived, torn.clone());
    let other = segment(1, Derived, "{\"timestamp\":\n".to_owned() + &lines(1..2));
    let (changes, files) = met(&[part, other]);
    assert_eq!(changes.unchanged, 1);
    assert_eq!(files[0].1, "{\"timestamp\":\n".to_owned() + &lines(0..2));
}

#[test]
fn the_facts_about_a_log_are_those_of_its_newest_bundle() {
    let place = ImportPlace::new();
    let mut newest = bundle_of(5, [segment(3, Growing, lines(0..1))]);
    newest.logs[0].policy = Some("a = 1\n");
    place.import(&newest);
    let explain = || fs::read_to_string(place.tree.join(log_path(1)).join("explain.json")).unwrap();
    let policy = place.tree.join(log_path(1)).join("policy.exported.toml");
    place.import(&bundle_of(4, [segment(2, Closed, lines(0..1))]));
    assert_eq!(
        (explain().as_str(), policy.exists()),
        ("{\"at\":5}\n", true)
    );
    assert_eq!(place.facts().head.unwrap().get(), 3);
    place.import(&bundle_of(6, [segment(4, Growing, lines(0..1))]));
    assert_eq!(
        (explain().as_str(), policy.exists()),
        ("{\"at\":6}\n", false)
    );
    assert_eq!(place.facts().head.unwrap().get(), 4);
}

#[test]
fn a_bundle_that_adds_nothing_changes_nothing() {
    let place = ImportPlace::new();
    let path = place.write(&bundle_of(
        1,
        [
            segment(1, Derived, lines(0..3)),
            segment(2, Growing, lines(3..5)),
        ],
    ));
    place.import_at(&path).unwrap();
    let before = files_below(&place.tree);
    let modified = |name: &str| {
        let facts = fs::metadata(place.tree.join(log_path(1)).join(name)).unwrap();
        facts.modified().unwrap()
    };
    let time = modified("imported.json");
    let mut importer =
        Importer::open(&place.tree, Timestamp::from_unix_micros(5).unwrap()).unwrap();
    let changes = importer.import(&path, &mut |_| ()).unwrap().segments();
    assert_eq!(changes.unchanged, 2);
    assert_eq!(files_below(&place.tree), before);
    assert_eq!(modified("imported.json"), time);
}

#[test]
fn what_a_person_did_to_the_tree_is_not_trusted() {
    let place = ImportPlace::new();
    let path = place.write(&bundle_of(1, [segment(1, Closed, lines(0..3))]));
    place.import_at(&path).unwrap();
    let file = place.tree.join(log_path(1)).join("events.000001.jsonl");
    // Shortened: the longer version of the bundle takes its place.
    fs::write(&file, lines(0..2)).unwrap();
    assert_eq!(place.import_at(&path).unwrap().segments().longer, 1);
    fs::remove_file(&file).unwrap();
    assert_eq!(place.import_at(&path).unwrap().segments().new, 1);
    fs::remove_file(place.tree.join(log_path(1)).join("imported.json")).unwrap();
    assert_eq!(place.import_at(&path).unwrap().segments().unchanged, 1);
    assert_eq!(place.facts().segments[&SegmentNumber::FIRST].state, Closed);
}

#[test]
fn one_import_runs_at_a_time() {
    let place = ImportPlace::new();
    let first = place.importer();
    let second = Importer::open(&place.tree, NOW);
    assert!(matches!(second, Err(NoImport::Busy(_))), "{second:?}");
    drop(first);
    drop(place.importer());
}

#[test]
fn only_a_new_or_an_empty_directory_becomes_a_tree() {
    let place = ImportPlace::new();
    fs::create_dir(&place.tree).unwrap();
    drop(place.importer());
    let stick = Importer::open(&place.stick(), NOW);
    drop(stick.unwrap());
    let other = place.home.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("events.000001.jsonl"), "").unwrap();
    let refused = Importer::open(&other, NOW);
    assert!(
        matches!(refused, Err(NoImport::NotATree { .. })),
        "{refused:?}"
    );
    assert!(Importer::open(&place.home.path().join("a/b"), NOW).is_err());
    assert!(Importer::open(&other.join("events.000001.jsonl"), NOW).is_err());
    assert_eq!(files_below(&other).len(), 1);
}

#[test]
fn bundles_of_a_directory_are_found_by_their_names() {
    let place = ImportPlace::new();
    for name in ["localtel-b", "localtel-a", "localtel-c.partial", "other"] {
        fs::create_dir(place.stick().join(name)).unwrap();
    }
    fs::write(place.stick().join("localtel-file"), "").unwrap();
    std::os::unix::fs::symlink("localtel-a", place.stick().join("localtel-link")).unwrap();
    let paths = |names: &[&str]| names.iter().map(|name| place.stick().join(name)).collect();
    assert_eq!(
        find_bundles(&place.stick()).unwrap(),
        FoundBundles::Folder {
            bundles: paths(&["localtel-a", "localtel-b"]),
            unfinished: paths(&["localtel-c.partial"]),
        }
    );
    assert_eq!(
        find_bundles(&place.stick().join("other")).unwrap(),
        FoundBundles::One
    );
    let bundle = place.write(&bundle_of(1, []));
    assert_eq!(find_bundles(&bundle).unwrap(), FoundBundles::One);
}

#[test]
fn each_byte_that_is_read_is_reported() {
    let place = ImportPlace::new();
    let bundle = bundle_of(
        1,
        [
            segment(1, Closed, lines(0..50)).compressed(),
            segment(2, Growing, lines(0..50)),
        ],
    );
    let path = place.write(&bundle);
    let expected: u64 = bundle.logs[0]
        .segments
        .iter()
        .map(|one| one.stored().len() as u64)
        .sum();
    for _ in 0..2 {
        let (mut all, mut read) = (0, 0);
        let taken = place.importer().import(&path, &mut |step| match step {
            ImportStep::Opened(bytes) => all += bytes,
            ImportStep::Read(bytes) => read += bytes,
        });
        assert_eq!(
            (all, read, taken.unwrap().bytes),
            (expected, expected, expected)
        );
    }
}
