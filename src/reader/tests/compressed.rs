//! Compressed segments. INVARIANTS: a segment has the same items in each form; damage of a frame
//! hides no line of another.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use crate::store::compressor::compressed;

#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
impl ReaderPlace {
    /// Writes a segment in a compressed form.
    fn write_form(&self, segment: u64, end: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let name = number(segment).file_name() + end;
        fs::write(self.path().join(name), bytes).unwrap();
        self
    }
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[cfg(feature = "gzip")]
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns a description of the damage that a frame of that many plain bytes leaves.
fn undecodable(seen: &[String]) -> Vec<&String> {
    let is_undecodable = |item: &&String| item.contains("Undecodable");
    seen.iter().filter(is_undecodable).collect()
}

#[test]
fn a_segment_with_two_forms_is_read_once_from_the_plain_one() {
    let place = ReaderPlace::new();
    let (other, _) = compressed(&lines(7..9), 1000);
    place.write(1, lines(0..1)).write_form(1, ".zst", &other);
    place
        .write_form(2, ".zst", &other)
        .write_form(2, ".gz", "no");
    assert_both_ways(&place, &["1:1 0", "2:1 7", "2:2 8"]);
}

#[test]
fn the_highest_segment_can_be_compressed() {
    let place = ReaderPlace::new();
    let torn = [lines(0..1), b"{\"timest".to_vec()].concat();
    place.write_form(1, ".zst", zstd(&torn));
    assert_both_ways(&place, &["1:1 0", "1:2 Torn 8"]);
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower), ["1:1 0", "1:2 Torn 8"]);
    place.write(2, lines(1..2));
    assert_eq!(drain(&mut follower), ["2:1 1"]);
}

#[test]
fn a_follower_loses_nothing_when_its_segment_is_compressed() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..3));
    let mut follower = place.follow();
    assert_eq!(
        follower
            .poll()
            .unwrap()
            .map(|item| describe(&item))
            .unwrap(),
        "1:1 0"
    );
    let (file, _) = compressed(&lines(0..4), 1000);
    place.append(1, lines(3..4));
    place.write(2, lines(4..5)).write_form(1, ".zst", file);
    place.remove(1);
    assert_eq!(drain(&mut follower), ["1:2 1", "1:3 2", "1:4 3", "2:1 4"]);
}

#[test]
fn the_last_lines_need_only_the_last_frames() {
    let place = ReaderPlace::new();
    let plain = [lines(0..4000), b"no record\n".to_vec()].concat();
    let (mut file, ends) = compressed(&plain, 100_000);
    let last = ends.len() - 1;
    // A frame that is decompressed is reported.
    (0..ends[last - 1]).for_each(|byte| file[byte] ^= 0x55);
    place
        .write_form(1, ".zst", &file)
        .write(2, lines(4000..4001));
    let mut reverse = Reader::reverse(&place.path()).unwrap();
    let mut read = || describe(&reverse.next_item().unwrap());
    let read = [read(), read(), read()];
    assert_eq!(read, ["2:? 4000", "1:4001 NotARecord 9", "1:4000 3999"]);
}

#[test]
fn a_file_that_is_cut_off_is_read_up_to_there() {
    let place = ReaderPlace::new();
    let (file, ends) = compressed(&lines(0..4000), 100_000);
    place.write(2, lines(4000..4001));
    for cut in [file.len() - 1, ends[2], ends[2] + 5, ends[1] - 1, 3] {
        place.write_form(1, ".zst", &file[..cut]);
        let seen = place.read();
        assert_eq!(place.read_back(), seen, "{cut}");
        assert_eq!(seen.last().unwrap(), "2:1 4000");
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert!(seen.len() >= 4000 * whole / ends.len(), "{cut}");
        assert_eq!(undecodable(&seen).is_empty(), ends.contains(&cut), "{cut}");
    }
}

#[test]
fn a_file_that_is_not_compressed_is_damage() {
    let place = ReaderPlace::new();
    place
        .write_form(1, ".zst", lines(0..3))
        .write(2, lines(3..4));
    let seen = place.read();
    assert_eq!(place.read_back(), seen);
    assert_eq!((undecodable(&seen).len(), seen.len()), (1, 2), "{seen:?}");
    assert!(seen[0].starts_with("1:1 "), "{seen:?}");
}

#[test]
fn a_frame_that_wants_too_much_memory_is_damage() {
    let place = ReaderPlace::new();
    // A window of 4 TiB.
    let header = [0x28, 0xB5, 0x2F, 0xFD, 0, 0xF8, 1, 0, 0];
    place.write_form(1, ".zst", header).write(2, lines(3..4));
    let seen = place.read();
    assert_eq!((undecodable(&seen).len(), seen.len()), (1, 2), "{seen:?}");
}

#[cfg(not(feature = "gzip"))]
#[test]
fn without_the_feature_gzip_is_reported_as_unreadable() {
    let place = ReaderPlace::new();
    place
        .write_form(1, ".gz", [0x1F, 0x8B])
        .write(2, lines(3..4));
    let seen = place.read();
    assert!(seen[0].contains("does not read gzip"), "{seen:?}");
    assert_eq!(seen[1], "2:1 3");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_segment_has_the_same_items_in_each_form(
        pieces in prop::collection::vec(
            prop_oneof![
                (0..2000_u64).prop_map(|seq| lines(seq..seq + 200)),
                (1..200_000_usize).prop_map(|length| vec![0; length]),
                (1..200_000_usize).prop_map(|length| vec![b'y'; length]),
                Just(b"\n".to_vec()),
                Just(b"{\"timestamp\":\"".to_vec()),
            ],
            0..12,
        ),
        frame_bytes in 1_000..300_000_usize,
        split in 0..=100_usize,
    ) {
        let plain = pieces.concat();
        let read = |end: &str, file: &[u8]| {
            let place = ReaderPlace::new();
            place.write_form(1, end, file).write(2, lines(0..1));
            (place.read(), place.read_back())
        };
        let expected = read("", &plain);
        prop_assert_eq!(read(".zst", &compressed(&plain, frame_bytes).0), expected.clone());
        let (start, rest) = plain.split_at(plain.len() * split / 100);
        prop_assert_eq!(read(".zst", &[zstd(start), zstd(rest)].concat()), expected.clone());
        #[cfg(feature = "gzip")]
        prop_assert_eq!(read(".gz", &[gzip(start), gzip(rest)].concat()), expected);
    }

    #[test]
    fn damage_of_a_frame_hides_no_line_of_another(
        at in 0..100_usize,
        flipped in 1..=255_u8,
        frame in 0..5_usize,
    ) {
        let place = ReaderPlace::new();
        let plain = lines(0..2000);
        let (mut file, ends) = compressed(&plain, plain.len() / 5);
        let start = frame.checked_sub(1).map_or(0, |before| ends[before]);
        file[start + (ends[frame] - start) * at / 100] ^= flipped;
        place.write_form(1, ".zst", &file).write(2, lines(2000..2001));
        let seen = place.read();
        prop_assert!(place.read_back() == seen);
        let seqs: Vec<u64> = seen
            .iter()
            .filter_map(|item| item.rsplit_once(' ')?.1.parse().ok())
            .filter(|seq| *seq <= 2000)
            .collect();
        // Some bits have no meaning.
        let damaged = undecodable(&seen).len();
        prop_assert!(damaged <= 1);
        prop_assert!(seqs.len() > 1500 && (damaged == 1 || seqs.len() == 2001), "{}", seqs.len());
    }

    #[test]
    fn any_bytes_of_a_compressed_file_end_as_items(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        whole in 0..3000_usize,
        is_gzip in any::<bool>(),
    ) {
        let place = ReaderPlace::new();
        let (file, _) = compressed(&lines(0..50), 2000);
        let kept = whole.min(file.len());
        let end = if is_gzip { ".gz" } else { ".zst" };
        place.write_form(1, end, [&file[..kept], &bytes].concat()).write(2, lines(2000..2001));
        let seen = place.read();
        prop_assert_eq!(place.read_back(), seen.clone());
        prop_assert_eq!(seen.last().unwrap(), "2:1 2000");
    }
}
