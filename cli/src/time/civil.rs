//! A date, a clock time or both, as people type them and as other programs print them: `9:00`,
//! `yesterday 14:00`, `monday`, and the output of `date`, `date -R`, `ls --full-time`, `git log`
//! and `journalctl`. It is split into words, whose order does not matter. What it means depends on
//! the zone, unless it names one.

use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset, Weekday};

use super::problem::TypedTimeProblem;
use super::zone::{Bound, Zone, parse_offset};

/// Parses a time and returns the moment that it means.
pub(super) fn parse(
    text: &str,
    bound: Bound,
    zone: Zone,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, TypedTimeProblem> {
    let parts = TimeParts::of(text)?;
    let zone = parts.offset.map_or(zone, Zone::Fixed);
    let date = parts.date(zone.show(now).date())?;
    let clock = parts.clock()?.unwrap_or(Time::MIDNIGHT);
    Ok(zone.assume(date.with_time(clock), bound))
}

/// The words of a time, each kind at most once.
#[derive(Debug, Default)]
struct TimeParts {
    day: Option<Day>,
    weekday: Option<Weekday>,
    last: Option<Last>,
    month: Option<Month>,
    day_of_month: Option<u8>,
    year: Option<i32>,
    clock: Option<Clock>,
    half: Option<Half>,
    offset: Option<UtcOffset>,
}

/// A day in one word.
#[derive(Debug, Clone, Copy)]
enum Day {
    Date(Date),
    /// Days after today.
    Relative(i64),
}

/// A time of day as it is written: with AM or PM the hour is one of twelve.
#[derive(Debug, Clone, Copy)]
struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    nanosecond: u32,
}

/// The word `last`.
#[derive(Debug, Clone, Copy)]
struct Last;

/// A half of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
}

impl TimeParts {
    fn of(text: &str) -> Result<Self, TypedTimeProblem> {
        let mut parts = Self::default();
        for word in text.split_whitespace() {
            parts.add(word)?;
        }
        Ok(parts)
    }

    fn add(&mut self, word: &str) -> Result<(), TypedTimeProblem> {
        // A date and a time as in RFC 3339, possibly with a comma before the fraction.
        if let Some((date, clock)) = word.split_once(['T', 't'])
            && let Some(date) = parse_date(date)
        {
            set(&mut self.day, Day::Date(date?))?;
            return self.add_clock(clock, word);
        }
        if let Some(date) = parse_date(word) {
            return set(&mut self.day, Day::Date(date?));
        }
        if word.contains(':') && word.starts_with(|first: char| first.is_ascii_digit()) {
            return self.add_clock(word, word);
        }
        if let Some(offset) = offset_of(word) {
            return set(&mut self.offset, offset);
        }
        let unknown = || TypedTimeProblem::Unknown(word.to_owned());
        match word.trim_end_matches(',') {
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => match number.len() {
                1 | 2 => set(
                    &mut self.day_of_month,
                    number.parse().map_err(|_| unknown())?,
                ),
                4 => set(&mut self.year, number.parse().map_err(|_| unknown())?),
                _ => Err(unknown()),
            },
            hour if hour.starts_with(|first: char| first.is_ascii_digit()) => {
                self.add_hour(hour).unwrap_or_else(|| Err(unknown()))
            }
            name => self
                .add_name(&name.to_ascii_lowercase())
                .unwrap_or_else(|| {
                    let is_upper = name.bytes().all(|byte| byte.is_ascii_uppercase());
                    Err(if is_upper && self.clock.is_some() {
                        TypedTimeProblem::Zone(name.to_owned())
                    } else {
                        unknown()
                    })
                }),
        }
    }

    /// Adds a name in lower case, unless it is unknown.
    fn add_name(&mut self, name: &str) -> Option<Result<(), TypedTimeProblem>> {
        let relative = match name {
            "today" => Some(0),
            "yesterday" => Some(-1),
            "tomorrow" => Some(1),
            _ => None,
        };
        if let Some(days) = relative {
            return Some(set(&mut self.day, Day::Relative(days)));
        }
        if let Some(half) = half_of(name) {
            return Some(set(&mut self.half, half));
        }
        if name == "last" {
            return Some(set(&mut self.last, Last));
        }
        if let Some((_, weekday)) = WEEKDAYS.iter().find(|(long, _)| is_named(name, long)) {
            return Some(set(&mut self.weekday, *weekday));
        }
        let (_, month) = MONTHS.iter().find(|(long, _)| is_named(name, long))?;
        Some(set(&mut self.month, *month))
    }

    /// Adds `9am`, unless it has another form.
    fn add_hour(&mut self, word: &str) -> Option<Result<(), TypedTimeProblem>> {
        let end = word.find(|letter: char| !letter.is_ascii_digit())?;
        let (hour, half) = word.split_at_checked(end)?;
        let half = half_of(&half.to_ascii_lowercase())?;
        let clock = Clock {
            hour: hour.parse().ok()?,
            minute: 0,
            second: 0,
            nanosecond: 0,
        };
        Some(set(&mut self.clock, clock).and_then(|()| set(&mut self.half, half)))
    }

    /// Adds a clock time, and the offset or the half of the day after it.
    fn add_clock(&mut self, text: &str, word: &str) -> Result<(), TypedTimeProblem> {
        let is_of_clock =
            |letter: char| letter.is_ascii_digit() || matches!(letter, ':' | '.' | ',');
        let end = text
            .find(|letter| !is_of_clock(letter))
            .unwrap_or(text.len());
        let (clock, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let unknown = || TypedTimeProblem::Unknown(word.to_owned());
        set(&mut self.clock, parse_clock(clock).ok_or_else(unknown)?)?;
        if rest.is_empty() {
            Ok(())
        } else if let Some(half) = half_of(&rest.to_ascii_lowercase()) {
            set(&mut self.half, half)
        } else {
            set(&mut self.offset, offset_of(rest).ok_or_else(unknown)?)
        }
    }

    /// Returns the time of day, if there is one.
    fn clock(&self) -> Result<Option<Time>, TypedTimeProblem> {
        let Some(clock) = self.clock else {
            return match self.half {
                Some(_) => Err(TypedTimeProblem::Incomplete),
                None => Ok(None),
            };
        };
        let hour = match self.half {
            None => clock.hour,
            Some(_) if !(1..=12).contains(&clock.hour) => return Err(TypedTimeProblem::Half),
            Some(Half::Am) => clock.hour % 12,
            Some(Half::Pm) => clock.hour % 12 + 12,
        };
        Time::from_hms_nano(hour, clock.minute, clock.second, clock.nanosecond)
            .map(Some)
            .map_err(|_| TypedTimeProblem::Clock)
    }

    fn date(&self, today: Date) -> Result<Date, TypedTimeProblem> {
        let named = match (self.day, self.month, self.day_of_month, self.year) {
            (Some(Day::Date(date)), None, None, None) => Some(date),
            (Some(Day::Relative(days)), None, None, None) => {
                let date = today.checked_add(Duration::days(days));
                Some(date.ok_or(TypedTimeProblem::Range)?)
            }
            (None, Some(month), Some(day), year) => Some(date_in(year, month, day, today)?),
            (None, None, None, None) => None,
            (Some(_), _, _, _) => return Err(TypedTimeProblem::Twice),
            (None, _, _, _) => return Err(TypedTimeProblem::Incomplete),
        };
        match (named, self.weekday, self.last) {
            (Some(date), Some(weekday), None) if date.weekday() != weekday => {
                Err(TypedTimeProblem::Weekday(date))
            }
            (Some(date), _, None) => Ok(date),
            // Today counts, unless the last one is asked for.
            (None, Some(weekday), None) if today.weekday() == weekday => Ok(today),
            (None, Some(weekday), _) => {
                let days = today.weekday().number_days_from_monday() + 7
                    - weekday.number_days_from_monday();
                let days = i64::from((days - 1) % 7 + 1);
                let date = today.checked_sub(Duration::days(days));
                date.ok_or(TypedTimeProblem::Range)
            }
            (None, None, None) if self.clock.is_some() => Ok(today),
            (Some(_), _, Some(Last)) | (None, None, _) => Err(TypedTimeProblem::Incomplete),
        }
    }
}

/// Returns the date; without a year, the latest that is not after today.
fn date_in(
    year: Option<i32>,
    month: Month,
    day: u8,
    today: Date,
) -> Result<Date, TypedTimeProblem> {
    let date_in = |year| Date::from_calendar_date(year, month, day).ok();
    let date = match year {
        Some(year) => date_in(year),
        // There can be eight years between two leap days.
        None => (today.year() - 8..=today.year())
            .rev()
            .filter_map(date_in)
            .find(|date| *date <= today),
    };
    date.ok_or_else(|| TypedTimeProblem::NoSuchDay(format!("{month} {day}")))
}

/// Stores a part, of which there is only one.
fn set<T>(part: &mut Option<T>, value: T) -> Result<(), TypedTimeProblem> {
    match part.replace(value) {
        Some(_) => Err(TypedTimeProblem::Twice),
        None => Ok(()),
    }
}

/// Parses `2026-11-21` or `2026/11/21`; returns `None` for words of another form.
fn parse_date(word: &str) -> Option<Result<Date, TypedTimeProblem>> {
    let mut parts = word.split(['-', '/']);
    let mut number = |digits: std::ops::RangeInclusive<usize>| {
        let part = parts.next()?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        Some(part).filter(|part| is_number && digits.contains(&part.len()))
    };
    let (year, month, day) = (number(4..=4)?, number(1..=2)?, number(1..=2)?);
    if parts.next().is_some() {
        return None;
    }
    let date = || {
        let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
        Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
    };
    Some(date().ok_or_else(|| TypedTimeProblem::NoSuchDay(word.to_owned())))
}

/// Parses `9:00` or `08:00:15.5`, where the decimal point may be a comma.
fn parse_clock(text: &str) -> Option<Clock> {
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut parts = whole.split(':');
    let mut number = |digits: std::ops::RangeInclusive<usize>| {
        let part = parts.next()?;
        part.parse().ok().filter(|_| digits.contains(&part.len()))
    };
    let (hour, minute) = (number(1..=2)?, number(2..=2)?);
    let second = match (parts.next(), fraction) {
        (None, None) => 0,
        (None, Some(_)) => return None,
        (Some(second), _) => second.parse().ok().filter(|_| second.len() == 2)?,
    };
    let nanosecond = match fraction {
        None => 0,
        Some("") => return None,
        Some(fraction) if !fraction.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        Some(fraction) => format!("{fraction:0<9.9}").parse().ok()?,
    };
    parts.next().is_none().then_some(Clock {
        hour,
        minute,
        second,
        nanosecond,
    })
}

/// Parses an offset or the name of one.
fn offset_of(word: &str) -> Option<UtcOffset> {
    let named = ZONES
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name));
    match named {
        Some((_, hours)) => UtcOffset::from_hms(*hours, 0, 0).ok(),
        None => parse_offset(word),
    }
}

fn half_of(name: &str) -> Option<Half> {
    match name {
        "am" => Some(Half::Am),
        "pm" => Some(Half::Pm),
        _ => None,
    }
}

/// Returns `true` for a name, and for its first three letters.
fn is_named(word: &str, name: &str) -> bool {
    word == name || Some(word) == name.get(..3)
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

const MONTHS: [(&str, Month); 12] = [
    ("january", Month::January),
    ("february", Month::February),
    ("march", Month::March),
    ("april", Month::April),
    ("may", Month::May),
    ("june", Month::June),
    ("july", Month::July),
    ("august", Month::August),
    ("september", Month::September),
    ("october", Month::October),
    ("november", Month::November),
    ("december", Month::December),
];

/// The names of offsets that `date` prints and that mean one offset everywhere. `CST`, `IST`, `BST`
/// and `PST` mean several.
const ZONES: [(&str, i8); 13] = [
    ("z", 0),
    ("utc", 0),
    ("gmt", 0),
    ("wet", 0),
    ("west", 1),
    ("cet", 1),
    ("cest", 2),
    ("eet", 2),
    ("eest", 3),
    ("est", -5),
    ("edt", -4),
    ("mst", -7),
    ("mdt", -6),
];
