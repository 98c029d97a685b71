//! Bundles of directories in which segments are missing or damaged.

use super::*;

#[test]
fn a_missing_segment_is_lost_unless_it_is_below_the_floor() {
    let machine = MadeMachine::new();
    for number in [2, 4, 5, 8] {
        let name = format!("events.{number:06}.jsonl");
        machine.write("shop", &name, lines(0..1).as_bytes());
    }
    machine.write("shop", "lock", lock(8, 4).as_bytes());
    let exported = machine.export(&machine.request()).unwrap();
    let lost = exported.logs[0].lost.iter();
    let lost: Vec<(u64, u64)> = lost
        .map(|(first, last)| (first.get(), last.get()))
        .collect();
    assert_eq!(lost, [(6, 7)]);
    let log = only(&exported);
    assert_eq!((log.floor.get(), log.head.unwrap().get()), (4, 8));
    // A segment below the floor that could not be removed is still there.
    assert_eq!(log.segments[0].number.get(), 2);
}

#[test]
fn intact_records_of_a_segment_that_cannot_be_decompressed_stay() {
    let machine = MadeMachine::new();
    let frames = [zstd(&lines(0..200)), zstd(&lines(200..400))].concat();
    let cut = &frames[..frames.len() - 8];
    machine.write("shop", "events.000001.jsonl.zst", cut);
    machine.write("shop", "events.000002.jsonl", lines(400..401).as_bytes());
    for copies in [SegmentCopies::Plain, SegmentCopies::AsStored] {
        let request = ExportRequest {
            copies,
            ..machine.request()
        };
        let exported = machine.export(&request).unwrap();
        let segment = &only(&exported).segments[0];
        assert_eq!(segment.state, SegmentState::Derived);
        assert!(segment.damaged > 0 && segment.records >= 200, "{segment:?}");
        let text = fs::read_to_string(exported.path.join("0001/events.000001.jsonl")).unwrap();
        assert!(lines(0..400).starts_with(&text));
        assert_eq!(exported.logs[0].undecodable, [segment.number]);
    }
}

#[test]
fn a_segment_that_is_not_a_file_is_an_error() {
    let machine = with_each_form();
    let link = machine.directory("shop").join("events.000004.jsonl");
    std::os::unix::fs::symlink("/etc/passwd", link).unwrap();
    let error = machine.export(&machine.request()).unwrap_err();
    assert!(matches!(error, ExportError::Read(_)), "{error:?}");
    assert_eq!(fs::read_dir(machine.medium()).unwrap().count(), 0);
}

#[test]
fn what_is_not_read_back_as_written_is_no_bundle() {
    let machine = MadeMachine::new();
    let changes: [fn(&Path); 4] = [
        |bundle| fs::write(bundle.join("one"), "xxx").unwrap(),
        |bundle| fs::write(bundle.join("one"), "on").unwrap(),
        |bundle| fs::write(bundle.join("more"), "").unwrap(),
        |bundle| fs::remove_file(bundle.join("one")).unwrap(),
    ];
    for change in changes {
        let writer = written(&machine);
        let mut watcher = |_| {};
        let mut meter = Meter::new(ExportPhase::Checking, 0, &mut watcher);
        writer.check(&mut meter).unwrap();
        change(
            &machine
                .medium()
                .join("localtel-web-20261121T080000Z.partial"),
        );
        let checked = writer.check(&mut meter);
        assert!(checked.is_err(), "{checked:?}");
        assert_eq!(writer.discard(), None);
        assert_eq!(fs::read_dir(machine.medium()).unwrap().count(), 0);
    }
}

/// Returns a bundle that is written and has not its name.
fn written(machine: &MadeMachine) -> BundleWriter {
    let target = BundleFolder::open(&machine.medium()).unwrap();
    let mut writer = BundleWriter::begin(target, &"web".parse().unwrap(), time(0)).unwrap();
    writer.begin_log(LogDirectory::at(0)).unwrap();
    let directory = Some(LogDirectory::at(0));
    writer
        .write(directory, "events.000001.jsonl", b"{}\n")
        .unwrap();
    writer.write(None, "one", b"one").unwrap();
    writer.write_sums().unwrap();
    writer
}

/// As some drivers of other file systems do, which lose the entries of a directory.
#[test]
fn what_is_lost_when_a_bundle_gets_its_name_is_noticed() {
    let machine = MadeMachine::new();
    let changes: [fn(&Path); 3] = [
        |bundle| fs::remove_file(bundle.join("0001/events.000001.jsonl")).unwrap(),
        |bundle| fs::remove_dir_all(bundle.join("0001")).unwrap(),
        |bundle| fs::write(bundle.join("one"), "").unwrap(),
    ];
    for change in changes {
        let mut writer = written(&machine);
        change(
            &machine
                .medium()
                .join("localtel-web-20261121T080000Z.partial"),
        );
        let published = writer.publish();
        assert!(published.is_err(), "{published:?}");
        assert_eq!(writer.discard(), None);
        assert_eq!(fs::read_dir(machine.medium()).unwrap().count(), 0);
    }
    let mut writer = written(&machine);
    assert!(
        writer
            .publish()
            .unwrap()
            .join("0001/events.000001.jsonl")
            .exists()
    );
}
