//! Segments as they are stored. INVARIANTS: a copy has the same bytes, whatever happens to the
//! segment after it was opened.

use std::io::Read as _;

use super::*;
use crate::store::compressor::compressed;
use crate::store::segment::SegmentForm;

/// Returns the stored and the plain bytes of a segment.
fn both(segment: &StoredSegment) -> (Vec<u8>, Vec<u8>) {
    let (mut stored, mut plain) = (Vec::new(), Vec::new());
    segment.stored(u64::MAX).read_to_end(&mut stored).unwrap();
    let all = segment.stored(u64::MAX);
    segment.plain(all).read_to_end(&mut plain).unwrap();
    (stored, plain)
}

#[test]
fn segments_are_opened_in_the_form_in_which_they_are_read() {
    let place = ReaderPlace::new();
    let (zstd, _) = compressed(&lines(0..9), 1000);
    place.write(1, lines(0..9));
    fs::write(place.path().join("events.000002.jsonl.zst"), &zstd).unwrap();
    let segments = StoredSegments::open(&place.path()).unwrap();
    assert_eq!(segments.numbers().unwrap(), [number(1), number(2)]);
    let plain = segments.open_segment(number(1)).unwrap().unwrap();
    assert_eq!(plain.form(), SegmentForm::Plain);
    assert_eq!(both(&plain), (lines(0..9), lines(0..9)));
    let packed = segments.open_segment(number(2)).unwrap().unwrap();
    assert_eq!(packed.form(), SegmentForm::Zstd);
    assert_eq!(packed.plain_bytes(), Some(lines(0..9).len() as u64));
    assert_eq!(both(&packed), (zstd, lines(0..9)));
    assert!(segments.open_segment(number(3)).unwrap().is_none());
}

#[test]
fn an_open_segment_keeps_the_bytes_that_it_had() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..3));
    let segments = StoredSegments::open(&place.path()).unwrap();
    let segment = segments.open_segment(number(1)).unwrap().unwrap();
    let mut file = fs::File::options()
        .append(true)
        .open(place.segment(1))
        .unwrap();
    file.write_all(&lines(3..4)).unwrap();
    fs::remove_file(place.segment(1)).unwrap();
    assert_eq!(both(&segment).0, lines(0..3));
    assert_eq!(segment.bytes_now().unwrap(), lines(0..4).len() as u64);
}

#[test]
fn whole_lines_end_at_the_last_newline_however_far_it_is() {
    let place = ReaderPlace::new();
    let segments = StoredSegments::open(&place.path()).unwrap();
    for (whole, torn) in [
        (0, 0),
        (0, 5),
        (1, 0),
        (3, 200_000),
        (0, 65_536),
        (2, 65_536),
    ] {
        let lines = lines(0..whole);
        place.write(1, [lines.clone(), vec![b'x'; torn]].concat());
        let segment = segments.open_segment(number(1)).unwrap().unwrap();
        let end = segment.whole_lines_bytes().unwrap();
        assert_eq!(end, lines.len() as u64, "{whole} lines and {torn} bytes");
    }
}

#[test]
fn what_is_not_a_file_is_not_opened() {
    let place = ReaderPlace::new();
    std::os::unix::fs::symlink("/dev/null", place.segment(1)).unwrap();
    let segments = StoredSegments::open(&place.path()).unwrap();
    assert!(segments.open_segment(number(1)).is_err());
}
