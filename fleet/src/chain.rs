//! Ranges of segments, read one after the other as one stream of lines, and the way back from a
//! position in that stream to the segment. Segments of one log do not overlap in time, so a chain
//! is one input of a merge, and only one of its files is open.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use localtel::read::{SegmentNumber, decompressed};

use crate::disk;

/// A range of whole lines of a segment, without the newline behind the last one.
#[derive(Debug, Clone)]
pub(crate) struct ChainLink {
    /// The number of the log among those of its host.
    pub(crate) log: usize,
    pub(crate) number: SegmentNumber,
    pub(crate) path: PathBuf,
    /// The offsets in the plain bytes.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// A place in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentPlace {
    pub(crate) log: usize,
    pub(crate) number: SegmentNumber,
    pub(crate) offset: u64,
}

/// The offset in the stream of the first byte of each link.
#[derive(Debug, Default)]
pub(crate) struct ChainMap(Vec<(u64, SegmentPlace)>);

impl ChainMap {
    pub(crate) fn new(links: &[ChainLink]) -> Self {
        let mut starts = Vec::with_capacity(links.len());
        let mut start = 0;
        for link in links {
            let place = SegmentPlace {
                log: link.log,
                number: link.number,
                offset: link.from,
            };
            starts.push((start, place));
            // One byte for the newline.
            start += link.to.saturating_sub(link.from) + 1;
        }
        Self(starts)
    }

    /// Returns the place of a byte of the stream.
    pub(crate) fn place(&self, byte: u64) -> Option<SegmentPlace> {
        let after = self.0.partition_point(|(start, _)| *start <= byte);
        let (start, place) = self.0.get(after.checked_sub(1)?)?;
        Some(SegmentPlace {
            offset: place.offset + (byte - start),
            ..*place
        })
    }
}

/// The first failure of reading, which a stream of lines would report as damage.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadFailure(Arc<Mutex<Option<String>>>);

impl ReadFailure {
    fn note(&self, failure: String) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get_or_insert(failure);
    }

    /// Returns the failure, if there was one.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The bytes of the links.
pub(crate) struct SegmentChain {
    /// The links that are not read yet, the next one last.
    waiting: Vec<ChainLink>,
    /// The bytes of the current link, and the number of those that are left.
    current: Option<(Box<dyn Read + Send>, u64)>,
    failure: ReadFailure,
}

impl SegmentChain {
    pub(crate) fn new(mut links: Vec<ChainLink>, failure: &ReadFailure) -> Self {
        links.reverse();
        Self {
            waiting: links,
            current: None,
            failure: failure.clone(),
        }
    }

    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.current.is_none() {
            let Some(link) = self.waiting.pop() else {
                return Ok(0);
            };
            let source = plain_bytes_from(disk::open(&link.path)?, link.from)?;
            self.current = Some((source, link.to.saturating_sub(link.from)));
        }
        let Some((source, left)) = &mut self.current else {
            return Ok(0);
        };
        if *left == 0 {
            self.current = None;
            let newline = buffer.first_mut().map(|byte| *byte = b'\n');
            return Ok(newline.map_or(0, |()| 1));
        }
        let wanted = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match source.read(buffer.get_mut(..wanted).unwrap_or_default())? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                *left -= read as u64;
                Ok(read)
            }
        }
    }
}

impl Read for SegmentChain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_on(buffer);
        if let Err(error) = &read {
            self.failure.note(error.to_string());
        }
        read
    }
}

/// Returns the plain bytes of a segment from an offset on.
fn plain_bytes_from(mut file: File, offset: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = [0; 1];
    let is_plain = file.read(&mut magic)? == 0 || magic == *b"{";
    if is_plain {
        file.seek(SeekFrom::Start(offset))?;
        return Ok(Box::new(file));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut plain = decompressed(file)?;
    let skipped = io::copy(&mut (&mut plain).take(offset), &mut io::sink())?;
    if skipped < offset {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_the_stream_leads_back_to_its_segment() {
        let link = |log, number, from, to| ChainLink {
            log,
            number: SegmentNumber::new(number).unwrap(),
            path: PathBuf::new(),
            from,
            to,
        };
        let map = ChainMap::new(&[link(0, 3, 10, 20), link(1, 4, 0, 5), link(1, 7, 100, 200)]);
        let place = |byte| {
            let place = map.place(byte).unwrap();
            (place.log, place.number.get(), place.offset)
        };
        assert_eq!(place(0), (0, 3, 10));
        assert_eq!(place(9), (0, 3, 19));
        assert_eq!(place(11), (1, 4, 0));
        assert_eq!(place(17), (1, 7, 100));
        assert_eq!(place(20), (1, 7, 103));
        assert_eq!(ChainMap::default().place(0), None);
    }
}
