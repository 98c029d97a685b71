//! Bytes that are copied, hashed and compared as they pass: nothing is in memory as a whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use localtel::read::decompressed;
use localtel::{Error, Result};
use sha2::{Digest as _, Sha256};

use crate::manifest::Sha256Sum;
use crate::tree::paths::TreeForm;

/// The number and the SHA-256 of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlainContent {
    pub(super) bytes: u64,
    pub(super) sum: Sha256Sum,
}

/// Counts and hashes bytes.
#[derive(Default)]
pub(super) struct Hasher {
    bytes: u64,
    hash: Sha256,
}

impl Hasher {
    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Returns the result.
    pub(super) fn content(self) -> PlainContent {
        PlainContent {
            bytes: self.bytes,
            sum: Sha256Sum::new(self.hash.finalize().into()),
        }
    }
}

/// Passes bytes to a sink, in pieces, and returns what they were. Stops behind `bytes_max`: then
/// there is one byte more than that.
pub(super) fn pass(
    mut from: impl Read,
    path: &Path,
    bytes_max: u64,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<PlainContent> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; PIECE_BYTES];
    while hasher.bytes <= bytes_max {
        let left = bytes_max.saturating_add(1) - hasher.bytes;
        let wanted = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        let read = read_some(&mut from, room).map_err(Error::io("read", path))?;
        let piece = buffer.get(..read).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hasher.add(piece);
        sink(piece)?;
    }
    Ok(hasher.content())
}

/// Returns the plain bytes of a segment's file.
pub(super) fn plain_of(file: File, form: TreeForm) -> io::Result<Box<dyn Read + Send>> {
    match form {
        TreeForm::Plain => Ok(Box::new(file)),
        TreeForm::Zstd => {
            let mut file = io::BufReader::with_capacity(PIECE_BYTES, file);
            // What begins otherwise would be passed on as it is, or taken for gzip.
            let start = io::BufRead::fill_buf(&mut file)?;
            if start.starts_with(&ZSTD_MAGIC) {
                decompressed(file)
            } else {
                Err(io::Error::other("it is not compressed with Zstandard"))
            }
        }
    }
}

/// How one sequence of bytes is like another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    Equal,
    /// The first is the beginning of the second.
    Shorter,
    /// The second is the beginning of the first.
    Longer,
    Different,
}

/// Compares sequences of bytes.
pub(super) fn compare(mut one: impl Read, mut other: impl Read) -> io::Result<Likeness> {
    let (mut of_one, mut of_other) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        let one = fill(&mut one, &mut of_one)?;
        let other = fill(&mut other, &mut of_other)?;
        if one.len() == other.len() {
            match (one == other, one.len() < PIECE_BYTES) {
                (true, false) => {}
                (true, true) => return Ok(Likeness::Equal),
                (false, _) => return Ok(Likeness::Different),
            }
        } else if other.starts_with(one) {
            return Ok(Likeness::Shorter);
        } else if one.starts_with(other) {
            return Ok(Likeness::Longer);
        } else {
            return Ok(Likeness::Different);
        }
    }
}

/// Reads until the buffer is full or the end is reached.
fn fill<'a>(from: &mut impl Read, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match read_some(from, room)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

/// Reads once, and again after a signal.
fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Number of bytes that are read at once.
const PIECE_BYTES: usize = 256 << 10;
/// The first bytes of a frame of Zstandard (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_in_whatever_pieces_they_come() {
        let long = vec![7; PIECE_BYTES * 2];
        let changed = [&long[..PIECE_BYTES * 2 - 1], b"x"].concat();
        for (one, other, expected) in [
            (&b""[..], &b""[..], Likeness::Equal),
            (b"a", b"a", Likeness::Equal),
            (b"a", b"ab", Likeness::Shorter),
            (b"ab", b"a", Likeness::Longer),
            (b"", b"a", Likeness::Shorter),
            (b"ab", b"ba", Likeness::Different),
            (b"ab", b"b", Likeness::Different),
            (&long, &long, Likeness::Equal),
            (&long, &changed, Likeness::Different),
            (&long[..PIECE_BYTES], &long, Likeness::Shorter),
            (&long, &long[..PIECE_BYTES], Likeness::Longer),
        ] {
            assert_eq!(compare(one, other).unwrap(), expected);
        }
    }

    #[test]
    fn no_more_than_one_byte_behind_the_limit_is_read() {
        let mut passed = Vec::new();
        let content = pass(io::repeat(b'x'), Path::new("x"), 3, |piece| {
            passed.extend_from_slice(piece);
            Ok(())
        });
        assert_eq!(passed, b"xxxx");
        assert_eq!(content.unwrap().bytes, 4);
    }
}
