//! Bundles that somebody made to do harm, and bundles that were damaged on their way.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::*;

use SegmentState::{Closed, Derived, Growing};

fn usual() -> MadeBundle {
    let mut bundle = bundle_of(
        3,
        [
            MadeSegment::new(1, Closed, lines(0..50)).compressed(),
            MadeSegment::new(2, Growing, lines(50..60)),
        ],
    );
    bundle.logs[0].policy = Some("a = 1\n");
    bundle
}

/// Imports a bundle that must be refused, into a tree that must stay as it is, and returns the
/// message.
fn refused(place: &ImportPlace, path: &Path) -> (String, RefusalStep) {
    drop(place.importer());
    let before = files_below(&place.tree);
    let failure = place.import_at(path).unwrap_err();
    assert_eq!(files_below(&place.tree), before);
    match failure {
        BundleFailure::Refused(refusal) => (refusal.to_string(), refusal.step()),
        BundleFailure::Failed(error) => panic!("{}", error.chain()),
    }
}

/// Changes a bundle, and returns the message of its refusal.
fn after(change: impl FnOnce(&Path)) -> String {
    let place = ImportPlace::new();
    let path = place.write(&usual());
    change(&path);
    refused(&place, &path).0
}

/// Changes the manifest of a bundle, with the right sums, and returns the message of its refusal.
fn with_manifest(change: impl FnOnce(&mut Value)) -> String {
    let place = ImportPlace::new();
    let bundle = usual();
    let mut manifest = serde_json::to_value(bundle.manifest()).unwrap();
    change(&mut manifest);
    let path = bundle.write_with(&place.stick(), manifest.to_string().as_bytes());
    refused(&place, &path).0
}

#[test]
fn each_file_that_was_damaged_is_named() {
    let files = [
        "manifest.json",
        "line.schema.json",
        "0001/events.000001.jsonl.zst",
        "0001/events.000002.jsonl",
        "0001/explain.json",
        "0001/policy.toml",
    ];
    for file in files {
        let flipped = after(|path| {
            let mut bytes = fs::read(path.join(file)).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path.join(file), bytes).unwrap();
        });
        assert!(flipped.starts_with(file), "{flipped}");
        let longer = after(|path| {
            let bytes = fs::read(path.join(file)).unwrap();
            fs::write(path.join(file), [&bytes[..], b"\n"].concat()).unwrap();
        });
        assert!(longer.starts_with(file), "{longer}");
        let shorter = after(|path| {
            let bytes = fs::read(path.join(file)).unwrap();
            fs::write(path.join(file), &bytes[..bytes.len() - 1]).unwrap();
        });
        assert!(shorter.starts_with(file), "{shorter}");
        let missing = after(|path| fs::remove_file(path.join(file)).unwrap());
        assert!(missing.contains(file), "{missing}");
    }
}

#[test]
fn anything_but_a_file_is_refused_and_not_opened() {
    for file in [
        "manifest.json",
        "SHA256SUMS",
        "line.schema.json",
        "0001/events.000002.jsonl",
        "0001/policy.toml",
    ] {
        let link = after(|path| {
            let secret = path.parent().unwrap().join("secret");
            fs::rename(path.join(file), &secret).unwrap();
            symlink(&secret, path.join(file)).unwrap();
        });
        assert!(link.starts_with(file), "{link}");
        let folder = after(|path| {
            fs::remove_file(path.join(file)).unwrap();
            fs::create_dir(path.join(file)).unwrap();
        });
        assert!(folder.starts_with(file), "{folder}");
        // Opening a pipe would wait for ever.
        let pipe = after(|path| {
            fs::remove_file(path.join(file)).unwrap();
            let mode = rustix::fs::Mode::RUSR;
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, path.join(file), kind, mode, 0).unwrap();
        });
        assert!(pipe.starts_with(file), "{pipe}");
    }
}

#[test]
fn a_directory_that_is_a_link_is_refused() {
    let message = after(|path| {
        let elsewhere = path.parent().unwrap().join("elsewhere");
        fs::rename(path.join("0001"), &elsewhere).unwrap();
        symlink(&elsewhere, path.join("0001")).unwrap();
    });
    assert!(message.starts_with("0001"), "{message}");
}

#[test]
fn a_file_that_no_export_wrote_is_refused() {
    for file in [
        "more",
        "0001/more",
        "0002/events.000001.jsonl",
        "0001/.hidden",
    ] {
        let unlisted = after(|path| {
            fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            fs::write(path.join(file), "").unwrap();
        });
        assert!(unlisted.contains("is not in SHA256SUMS"), "{unlisted}");
        let listed = after(|path| {
            fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            fs::write(path.join(file), "").unwrap();
            sum_again(path);
        });
        assert!(listed.contains("that no bundle has"), "{listed}");
    }
}

#[test]
fn a_list_of_sums_that_leads_elsewhere_is_refused() {
    for line in [
        "../../secret",
        "/etc/passwd",
        "0001/../../secret",
        "",
        "0001/events.000002.jsonl",
        "manifest.json",
    ] {
        let message = after(|path| {
            let sums = path.join("SHA256SUMS");
            let more = format!("{}  {line}\n", sum_of(b""));
            let text = fs::read_to_string(&sums).unwrap() + &more;
            fs::write(&sums, text).unwrap();
        });
        assert!(message.contains("SHA256SUMS"), "{line}: {message}");
    }
    for text in ["x\n", "\u{0}", "0  a\n", "\n"] {
        let message = after(|path| fs::write(path.join("SHA256SUMS"), text).unwrap());
        assert!(message.starts_with("SHA256SUMS"), "{text}: {message}");
    }
    let message = after(|path| fs::write(path.join("SHA256SUMS"), b"\xff").unwrap());
    assert!(message.starts_with("SHA256SUMS"), "{message}");
}

#[test]
fn a_manifest_that_names_other_places_is_refused() {
    for (pointer, value) in [
        ("/logs/0/application", json!("../../etc")),
        ("/logs/0/application", json!("a/b")),
        ("/logs/0/profile", json!("..")),
        ("/logs/0/log", json!("../../x")),
        ("/logs/0/directory", json!("../0001")),
        (
            "/logs/0/segments/0/file",
            json!("../../events.000001.jsonl.zst"),
        ),
        ("/logs/0/segments/0/number", json!(0)),
        ("/logs/0/segments/0/number", json!(2)),
        ("/host", json!("a\nb")),
        ("/host", json!("x".repeat(61))),
        ("/bundle_version", json!("1")),
    ] {
        let message = with_manifest(|manifest| {
            *manifest.pointer_mut(pointer).unwrap() = value.clone();
        });
        assert!(message.starts_with("manifest.json"), "{pointer}: {message}");
    }
}

#[test]
fn hosts_stay_below_the_tree() {
    for host in ["..", ".", "../../x", "/", "a/b", "host=a/app=b", "%2e%2e"] {
        let place = ImportPlace::new();
        let mut bundle = usual();
        bundle.host = host;
        place.import(&bundle);
        let names = fs::read_dir(&place.tree)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert_eq!(names.count(), 3, "{host}");
        assert_eq!(
            fs::read_dir(place.home.path()).unwrap().count(),
            2,
            "{host}"
        );
        let tree = Tree::open(&place.tree).unwrap().unwrap();
        let hosts: Vec<_> = tree.hosts().unwrap().map(Result::unwrap).collect();
        assert_eq!(hosts[0].host.as_str(), host);
    }
}

#[test]
fn a_bundle_of_a_newer_version_names_that_as_the_reason() {
    let place = ImportPlace::new();
    let bundle = usual();
    let mut manifest = serde_json::to_value(bundle.manifest()).unwrap();
    manifest["bundle_version"] = json!(2);
    let path = bundle.write_with(&place.stick(), manifest.to_string().as_bytes());
    let (message, step) = refused(&place, &path);
    assert_eq!(step, RefusalStep::Update, "{message}");
}

#[test]
fn what_is_no_bundle_is_refused_with_the_reason() {
    let place = ImportPlace::new();
    let other = place.stick().join("other");
    fs::create_dir(&other).unwrap();
    assert_eq!(refused(&place, &other).1, RefusalStep::NameBundle);
    let partial = place.stick().join("localtel-a.partial");
    fs::create_dir(&partial).unwrap();
    assert_eq!(refused(&place, &partial).1, RefusalStep::CopyAgain);
    let unsummed = place.write(&usual());
    fs::remove_file(unsummed.join("SHA256SUMS")).unwrap();
    assert_eq!(refused(&place, &unsummed).1, RefusalStep::CopyAgain);
    let absent = place.import_at(&place.stick().join("absent"));
    assert!(
        matches!(absent, Err(BundleFailure::Failed(_))),
        "{absent:?}"
    );
}

#[test]
fn a_compressed_bomb_stops_at_the_size_that_it_claims() {
    let place = ImportPlace::new();
    let mut bundle = bundle_of(
        3,
        [MadeSegment::new(1, Closed, vec![b'\n'; 8 << 20]).compressed()],
    );
    let mut manifest = bundle.manifest();
    manifest.logs[0].segments[0].plain_bytes = 1000;
    let path = bundle.write_with(&place.stick(), &manifest.to_json().unwrap());
    let (message, _) = refused(&place, &path);
    assert!(message.contains("more than the 1000 bytes"), "{message}");
    // A claim beyond what any segment has is not even tried.
    manifest.logs[0].segments[0].plain_bytes = (1 << 30) + 1;
    bundle.created = 4;
    let path = bundle.write_with(&place.stick(), &manifest.to_json().unwrap());
    let (message, _) = refused(&place, &path);
    assert!(message.contains("more than 1 GiB"), "{message}");
}

#[test]
fn what_is_not_compressed_is_not_taken_for_it() {
    let place = ImportPlace::new();
    let bundle = bundle_of(3, [MadeSegment::new(1, Closed, lines(0..3))]);
    let mut manifest = bundle.manifest();
    let plain = lines(0..3).into_bytes();
    manifest.logs[0].segments[0].form = StoredForm::Zstd {
        bytes: plain.len() as u64,
        sha256: sum_of(&plain),
    };
    let path = bundle.write_with(&place.stick(), &manifest.to_json().unwrap());
    let file = path.join("0001/events.000001.jsonl");
    fs::rename(&file, path.join("0001/events.000001.jsonl.zst")).unwrap();
    sum_again(&path);
    let (message, _) = refused(&place, &path);
    assert!(message.contains("cannot be decompressed"), "{message}");
}

#[test]
fn too_many_logs_are_refused_before_anything_is_made() {
    let place = ImportPlace::new();
    let mut bundle = bundle_of(3, []);
    let log = bundle.logs[0].clone();
    bundle.logs = (0..10_001)
        .map(|id| MadeLog {
            log: id,
            ..log.clone()
        })
        .collect();
    let manifest = bundle.manifest().to_json().unwrap();
    bundle.logs.clear();
    let path = bundle.write_with(&place.stick(), &manifest);
    let (message, _) = refused(&place, &path);
    assert!(message.contains("claims 10001 logs"), "{message}");
}

#[test]
fn a_manifest_that_is_too_large_or_too_deep_is_refused() {
    let place = ImportPlace::new();
    let bundle = usual();
    let deep = "[".repeat(1 << 20);
    let path = bundle.write_with(&place.stick(), deep.as_bytes());
    assert!(refused(&place, &path).0.starts_with("manifest.json"));
    let seal = format!("{{\"seals\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let path = bundle.write_with(&place.stick(), seal.as_bytes());
    assert!(refused(&place, &path).0.starts_with("manifest.json"));
    let path = place.write(&bundle);
    let file = fs::File::create(path.join("manifest.json")).unwrap();
    // A file without blocks: it has a size and takes no room.
    file.set_len((64 << 20) + 1).unwrap();
    let (message, _) = refused(&place, &path);
    assert!(
        message.contains("has more than 67108864 bytes"),
        "{message}"
    );
}

#[test]
fn a_line_longer_than_any_record_is_kept_as_it_is() {
    let place = ImportPlace::new();
    let long = "x".repeat(3 << 20) + "\n";
    let texts = [lines(0..2) + &long, long.clone() + &lines(1..4)];
    for (text, created) in texts.into_iter().zip(1..) {
        place.import(&bundle_of(created, [MadeSegment::new(1, Derived, text)]));
    }
    let files = place.segments(1);
    // A line that is not a record comes first.
    assert_eq!(files[0].1, long + &lines([0, 1, 3, 2]));
}

#[test]
fn more_lines_than_fit_into_memory_are_only_taken_whole() {
    let place = ImportPlace::new();
    let many = "\n".repeat(lines::LINES_MAX + 1);
    let path = place.write(&bundle_of(1, [MadeSegment::new(1, Derived, many.clone())]));
    assert_eq!(refused(&place, &path).1, RefusalStep::ExportWhole);
    place.import(&bundle_of(2, [MadeSegment::new(1, Closed, many)]));
}

#[test]
fn a_source_that_changes_while_it_is_read_is_refused() {
    let place = ImportPlace::new();
    let path = place.write(&usual());
    let file = path.join("0001/events.000002.jsonl");
    let mut importer = place.importer();
    let imported = importer.import(&path, &mut |step| {
        // When the first segment is read, the second one has not been.
        if step != ImportStep::Read(0) {
            fs::write(&file, lines(70..80)).unwrap();
        }
    });
    assert!(
        matches!(imported, Err(BundleFailure::Refused(_))),
        "{imported:?}"
    );
    assert_eq!(
        Tree::open(&place.tree)
            .unwrap()
            .unwrap()
            .logs()
            .unwrap()
            .count(),
        0
    );
}
