//! Lines as they were read, not looked at yet: somebody else may do that, at another time and in another
//! thread, and finds in them what the reader would have found.

use super::damage::Position;
use super::scanner::{ScanStep, found_in, is_blank, looks_whole};
use super::{Item, Line};

/// Whole lines of one segment, with their newlines; none holds a NUL.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    position: Position,
    bytes: &'a [u8],
}

/// One of the lines of a run, without its newline.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    position: Position,
    bytes: &'a [u8],
}

impl<'a> Run<'a> {
    /// Returns lines that were read before and kept.
    pub fn new(position: Position, bytes: &'a [u8]) -> Self {
        Self { position, bytes }
    }

    /// Returns where it begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns its bytes as stored.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Cuts it into its lines.
    pub fn pieces(self) -> impl Iterator<Item = Piece<'a>> {
        let mut from = 0;
        let ends = memchr::memchr_iter(b'\n', self.bytes).zip(self.position.line..);
        ends.filter_map(move |(end, line)| {
            let position = Position {
                byte: self.position.byte + from as u64,
                line,
                ..self.position
            };
            let bytes = self.bytes.get(from..end)?;
            from = end + 1;
            Some(Piece { position, bytes })
        })
    }
}

impl<'a> Piece<'a> {
    /// Returns it as the line that it is if a [`RawRecord`](crate::record::raw::RawRecord) takes it.
    pub fn line(self) -> Line<'a> {
        Line {
            position: self.position,
            bytes: self.bytes,
        }
    }

    /// Returns what the reader finds in it.
    pub fn items(self) -> Vec<Item<'a>> {
        if is_blank(self.bytes) {
            return Vec::new();
        }
        if looks_whole(self.bytes) {
            return vec![Item::Line(self.line())];
        }
        let steps = found_in(self.position, self.bytes).into_iter().rev();
        let item = |step| match step {
            ScanStep::Line { position, range } => Some(Item::Line(Line {
                position,
                bytes: self.bytes.get(range)?,
            })),
            ScanStep::Damage(damage) => Some(Item::Damage(damage)),
            ScanStep::End => None,
        };
        steps.filter_map(item).collect()
    }
}
