//! Finds data that can be skipped if only records of some time or later are requested: data that is
//! proven to be older by what its writers recorded (`store::latest`). Without a proof it is read.

use time::OffsetDateTime;

use crate::store;
use crate::store::disk::Directory;
use crate::store::latest::{last_max_timestamp, latest_of_segment};
use crate::store::segment::SegmentNumber;
use crate::store::segment_file::SegmentFile;

/// Returns `true` if all records of a segment are proven to be older. Returns `false` if it is not
/// a file, which must be reported.
pub(super) fn is_older(
    directory: &Directory,
    number: SegmentNumber,
    since: OffsetDateTime,
) -> bool {
    let latest = || latest_of_segment(directory, number)?.to_moment();
    let file = store::file_of(directory, number);
    let is_regular = file.is_some_and(|(_, facts)| facts.is_regular);
    is_regular && latest().is_some_and(|latest| latest < since)
}

/// Finds the last start of a line in a segment before which all records are proven to be older.
pub(super) fn start_in(directory: &Directory, file: &SegmentFile, since: OffsetDateTime) -> u64 {
    // The first line precedes any line with a proof, so the rest of the segment is not read.
    if store::first_timestamp(file).is_some_and(|first| first >= since) {
        return 0;
    }
    let Ok(facts) = file.facts(directory) else {
        return 0;
    };
    let max = last_max_timestamp(directory, file, (0, facts.bytes), |latest| {
        latest.to_moment().is_some_and(|latest| latest < since)
    });
    max.ok().flatten().map_or(0, |max| max.byte)
}
