//! What is wrong with a time that was typed.

use std::fmt;

use time::Date;

/// The reason why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TypedTimeProblem {
    /// There is no text.
    Empty,
    /// A word has no form of a time.
    Unknown(String),
    /// The words do not make a whole time.
    Incomplete,
    /// A number has no unit.
    NoUnit(String),
    /// A part is given twice.
    Twice,
    /// An hour, a minute or a second is too large.
    Clock,
    /// With AM or PM the hour is not one of twelve.
    Half,
    /// The month does not have that day.
    NoSuchDay(String),
    /// The date, which is another weekday.
    Weekday(Date),
    /// A name that is no zone, or that several zones have.
    Zone(String),
    /// The time is in a year that no record can have.
    Range,
}

impl TypedTimeProblem {
    /// Returns `true` if its message contains the whole text that was typed.
    pub(super) fn names(&self, text: &str) -> bool {
        match self {
            Self::Empty => text.is_empty(),
            Self::Unknown(part) => part == text,
            Self::Incomplete
            | Self::NoUnit(_)
            | Self::Twice
            | Self::Clock
            | Self::Half
            | Self::NoSuchDay(_)
            | Self::Weekday(_)
            | Self::Zone(_)
            | Self::Range => false,
        }
    }
}

impl fmt::Display for TypedTimeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::Unknown(word) => write!(f, "`{word}` is not understood"),
            Self::Incomplete => write!(f, "a part is missing"),
            Self::NoUnit(number) if number.len() >= 9 => {
                write!(f, "`@{number}` is that second after 1970")
            }
            Self::NoUnit(number) => write!(f, "it needs a unit, as in `{number}m`"),
            Self::Twice => write!(f, "a part is given twice"),
            Self::Clock => write!(f, "hours go to 23, minutes and seconds to 59"),
            Self::Half => write!(f, "with AM or PM, hours go from 1 to 12"),
            Self::NoSuchDay(day) => write!(f, "there is no {day}"),
            Self::Weekday(date) => write!(f, "{date} is a {}", date.weekday()),
            Self::Zone(name) => write!(
                f,
                "`{name}` does not name one zone; write its offset, such as `+01:00`"
            ),
            Self::Range => write!(f, "it is not in the years 0 to 9999 of UTC"),
        }
    }
}
