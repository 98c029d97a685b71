//! Bundles of a range of time.

use super::*;

fn range(since: Option<i64>, until: Option<i64>) -> BundleRange {
    BundleRange::new(since.map(time), until.map(time)).unwrap()
}

#[test]
fn a_segment_partly_in_the_range_is_derived() {
    let machine = with_each_form();
    let request = ExportRequest {
        range: Some(range(Some(2), Some(7))),
        ..machine.request()
    };
    let exported = machine.export(&request).unwrap();
    assert_eq!(
        states(only(&exported)),
        [
            (1, SegmentState::Derived, 1),
            (2, SegmentState::Closed, 4),
            (3, SegmentState::Derived, 1)
        ]
    );
    let read = |name: &str| fs::read_to_string(exported.path.join("0001").join(name)).unwrap();
    assert_eq!(read("events.000001.jsonl"), line(2));
    assert_eq!(read("events.000002.jsonl"), lines(3..7));
    assert_eq!(read("events.000003.jsonl"), line(7));
    assert_eq!(exported.logs[0].records_left_out, 3);
    assert!(exported.logs[0].lost.is_empty());
}

#[test]
fn segments_outside_the_range_are_left_out() {
    let machine = with_each_form();
    let request = ExportRequest {
        range: Some(range(Some(3), Some(6))),
        copies: SegmentCopies::AsStored,
        ..machine.request()
    };
    let exported = machine.export(&request).unwrap();
    let log = only(&exported);
    assert_eq!(states(log), [(2, SegmentState::Closed, 4)]);
    assert_eq!(log.segments[0].file(), "events.000002.jsonl.zst");
    assert_eq!(exported.logs[0].records_left_out, 5);
}

#[test]
fn a_segment_around_the_range_without_a_record_is_left_out() {
    let machine = MadeMachine::new();
    let around = line(0) + &line(9);
    machine.write("shop", "events.000001.jsonl", around.as_bytes());
    let request = ExportRequest {
        range: Some(range(Some(4), Some(5))),
        ..machine.request()
    };
    let exported = machine.export(&request).unwrap();
    assert!(only(&exported).segments.is_empty());
    assert_eq!(files_below(&exported.path.join("0001")), 1);
}

#[test]
fn a_range_without_an_end_is_open() {
    let machine = with_each_form();
    for (since, until, records) in [(Some(7), None, 2), (None, Some(0), 1), (Some(0), None, 9)] {
        let request = ExportRequest {
            range: Some(range(since, until)),
            ..machine.request()
        };
        let exported = machine.export(&request).unwrap();
        assert_eq!(only(&exported).records(), records, "{since:?} {until:?}");
    }
}
