//! The days above rows: a row on a terminal has only the time of its day, so each day gets a line
//! of its own. Rows are written in parts by several threads, so a part knows the days of its first
//! and its last row, and the line between two parts is added where they are merged.

use std::fmt;

use time::{Date, OffsetDateTime, UtcOffset};

/// A day, and the offset of its times from UTC. When the clocks change, another one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShownDay {
    date: Date,
    offset: UtcOffset,
}

impl ShownDay {
    /// Returns the day of a time in its zone.
    pub(crate) fn of(time: OffsetDateTime) -> Self {
        Self {
            date: time.date(),
            offset: time.offset(),
        }
    }
}

impl fmt::Display for ShownDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date.to_calendar_date();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02} {}", self.date.weekday())?;
        let (hours, minutes, _) = self.offset.as_hms();
        if self.offset == UtcOffset::UTC {
            return f.write_str(" UTC");
        }
        let sign = if self.offset.is_negative() { '-' } else { '+' };
        let (hours, minutes) = (hours.unsigned_abs(), minutes.unsigned_abs());
        write!(f, " UTC{sign}{hours:02}:{minutes:02}")
    }
}

/// The days of the rows in a buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DayRange {
    /// The day of the first row that is not written yet.
    first: Option<ShownDay>,
    /// The day of the last row.
    last: Option<ShownDay>,
    /// The day of the last row that was written.
    written: Option<ShownDay>,
}

impl DayRange {
    /// Adds the day of a row, and returns it if a line with it belongs before the row.
    pub(crate) fn add(&mut self, day: ShownDay) -> Option<ShownDay> {
        let earlier = self.last.replace(day);
        if self.first.is_none() {
            // The line before the first row depends on the rows before this part.
            self.first = Some(day);
            return None;
        }
        (earlier != Some(day)).then_some(day)
    }

    /// Adds the days of the rows that follow, and returns the day of a line that belongs between.
    pub(crate) fn append(&mut self, later: &mut Self) -> Option<ShownDay> {
        let later = std::mem::take(later);
        let day = self.add(later.first?);
        self.last = later.last;
        day
    }

    /// Returns the day of a line that belongs before the rows, which are written now.
    pub(crate) fn write(&mut self) -> Option<ShownDay> {
        let first = self.first.take()?;
        let written = std::mem::replace(&mut self.written, self.last);
        (written != Some(first)).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(number: u8) -> ShownDay {
        let unix = i64::from(number) * 24 * 60 * 60;
        ShownDay::of(OffsetDateTime::from_unix_timestamp(unix).unwrap())
    }

    #[test]
    fn a_day_has_its_weekday_and_its_offset() {
        let time = OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap();
        assert_eq!(ShownDay::of(time).to_string(), "2026-11-21 Saturday UTC");
        let west = UtcOffset::from_hms(-9, -30, 0).unwrap();
        let west = time.checked_to_offset(west).unwrap();
        assert_eq!(
            ShownDay::of(west).to_string(),
            "2026-11-20 Friday UTC-09:30"
        );
    }

    proptest! {
        /// However rows are divided into parts and writes, each change of the day has one line.
        #[test]
        fn lines_do_not_depend_on_parts(
            parts in proptest::collection::vec(
                (proptest::collection::vec(0..3_u8, 0..4), any::<bool>()),
                0..8,
            )
        ) {
            let line = |day: Option<ShownDay>| day.map(|day| day.to_string());
            let row = |number: u8| format!("row of {}", day(number));
            let (mut whole, mut shown, mut buffer) = (DayRange::default(), Vec::new(), Vec::new());
            for (rows, is_written) in &parts {
                let (mut part, mut texts) = (DayRange::default(), Vec::new());
                for number in rows {
                    texts.extend(line(part.add(day(*number))));
                    texts.push(row(*number));
                }
                buffer.extend(line(whole.append(&mut part)));
                buffer.append(&mut texts);
                if *is_written {
                    shown.extend(line(whole.write()));
                    shown.append(&mut buffer);
                }
            }
            shown.extend(line(whole.write()));
            shown.append(&mut buffer);
            let mut expected = Vec::new();
            let mut last = None;
            for number in parts.iter().flat_map(|(rows, _)| rows) {
                if last.replace(*number) != Some(*number) {
                    expected.push(day(*number).to_string());
                }
                expected.push(row(*number));
            }
            prop_assert_eq!(shown, expected);
        }
    }
}
