//! The levels of other loggers: words in any case, and numbers on the scale of their format. A
//! level that says more or less than one of localtel's keeps its own word as a property.

use localtel::Level;

use super::json::Json;

/// What a number means as a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelScale {
    /// bunyan and pino: from 10 for TRACE to 60 for fatal, with custom levels between.
    Tens,
    /// Unknown: the range of `Tens` and nothing else.
    Unknown,
    /// syslog: from 0 for an emergency to 7 for debugging.
    Syslog,
    /// OpenTelemetry: four steps for each level, from 1 for TRACE to 24 for fatal.
    Otlp,
}

/// A level of another logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForeignLevel {
    /// The same as the level.
    Same(Level),
    /// Something else, for which the level is the nearest.
    Near(Level),
}

impl ForeignLevel {
    /// Reads a level from a string or a number; `None` if it is neither a known word nor a number
    /// on the scale.
    pub(super) fn of_json(json: Json<'_>, scale: LevelScale) -> Option<Self> {
        if let Some(number) = json.number() {
            return Self::of_number(number.parse().ok()?, scale);
        }
        let text = json.text()?;
        let word = text.decoded();
        let word = word.trim();
        Self::of_word(word).or_else(|| Self::of_number(word.parse().ok()?, scale))
    }

    /// Reads a level from a word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let known = WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word));
        known
            .map(|(_, level)| *level)
            .or_else(|| Self::of_slog(word))
    }

    /// Reads a level of Go's `slog` between the words: `INFO+2`, `DEBUG-4`.
    fn of_slog(word: &str) -> Option<Self> {
        let (word, distance) = word.split_at_checked(word.find(['+', '-'])?)?;
        let base = match word {
            "DEBUG" => -4,
            "INFO" => 0,
            "WARN" => 4,
            "ERROR" => 8,
            _ => return None,
        };
        Some(Self::Near(
            match distance.parse::<i16>().ok()?.saturating_add(base) {
                ..-4 => Level::Trace,
                -4..0 => Level::Debug,
                0..4 => Level::Info,
                4..8 => Level::Warn,
                8.. => Level::Error,
            },
        ))
    }

    /// Reads a level from a number, which is rounded down.
    fn of_number(number: f64, scale: LevelScale) -> Option<Self> {
        let least = |limits: [f64; 4]| {
            let level = limits.iter().filter(|limit| number >= **limit).count();
            Level::ALL.get(level).copied().unwrap_or(Level::Error)
        };
        let (level, is_same) = match scale {
            LevelScale::Unknown if !(10.0..=60.0).contains(&number) => return None,
            LevelScale::Tens | LevelScale::Unknown => {
                let is_same = [10.0, 20.0, 30.0, 40.0, 50.0].contains(&number);
                (least([20.0, 30.0, 40.0, 50.0]), is_same)
            }
            LevelScale::Syslog => match number {
                7.0 => (Level::Debug, true),
                6.0 => (Level::Info, true),
                5.0 => (Level::Info, false),
                4.0 => (Level::Warn, true),
                3.0 => (Level::Error, true),
                0.0..3.0 => (Level::Error, false),
                _ => return None,
            },
            LevelScale::Otlp if !(1.0..=24.0).contains(&number) => return None,
            LevelScale::Otlp => {
                let is_same = [1.0, 5.0, 9.0, 13.0, 17.0].contains(&number);
                (least([5.0, 9.0, 13.0, 17.0]), is_same)
            }
        };
        Some(if is_same {
            Self::Same(level)
        } else {
            Self::Near(level)
        })
    }

    /// Returns the nearest level.
    pub(super) fn level(self) -> Level {
        match self {
            Self::Same(level) | Self::Near(level) => level,
        }
    }
}

/// The words in lower case. `verbose` is above `debug` for some loggers and below it for others.
const WORDS: [(&str, ForeignLevel); 44] = {
    use ForeignLevel::{Near, Same};
    use Level::{Debug, Error, Info, Trace, Warn};
    [
        ("info", Same(Info)),
        ("debug", Same(Debug)),
        ("warn", Same(Warn)),
        ("error", Same(Error)),
        ("trace", Same(Trace)),
        ("warning", Same(Warn)),
        ("fatal", Near(Error)),
        ("critical", Near(Error)),
        ("notice", Near(Info)),
        ("err", Same(Error)),
        ("information", Same(Info)),
        ("informational", Same(Info)),
        ("inf", Same(Info)),
        ("dbg", Same(Debug)),
        ("wrn", Same(Warn)),
        ("trc", Same(Trace)),
        ("trce", Same(Trace)),
        ("dbug", Same(Debug)),
        ("fail", Same(Error)),
        ("eror", Same(Error)),
        ("crit", Near(Error)),
        ("alert", Near(Error)),
        ("emerg", Near(Error)),
        ("emergency", Near(Error)),
        ("panic", Near(Error)),
        ("dpanic", Near(Error)),
        ("ftl", Near(Error)),
        ("severe", Near(Error)),
        ("verbose", Near(Debug)),
        ("vrb", Near(Debug)),
        ("http", Near(Debug)),
        ("fine", Near(Debug)),
        ("finer", Near(Trace)),
        ("finest", Near(Trace)),
        ("silly", Near(Trace)),
        ("success", Near(Info)),
        ("config", Near(Info)),
        ("default", Near(Info)),
        ("t", Same(Trace)),
        ("d", Same(Debug)),
        ("i", Same(Info)),
        ("w", Same(Warn)),
        ("e", Same(Error)),
        ("f", Near(Error)),
    ]
};

#[cfg(test)]
mod tests {
    use super::super::json::JsonTape;
    use super::*;
    use LevelScale::{Otlp, Syslog, Tens, Unknown};

    fn read(json: &str, scale: LevelScale) -> Option<ForeignLevel> {
        let line = format!("{{\"level\":{json}}}");
        let mut tape = JsonTape::default();
        ForeignLevel::of_json(tape.object(&line).unwrap().get("level").unwrap(), scale)
    }

    #[test]
    fn words_are_levels_in_any_case() {
        for (word, level) in [
            ("INFO", Some(ForeignLevel::Same(Level::Info))),
            (" Warning ", Some(ForeignLevel::Same(Level::Warn))),
            ("Fatal", Some(ForeignLevel::Near(Level::Error))),
            ("notice", Some(ForeignLevel::Near(Level::Info))),
            ("DEBUG-4", Some(ForeignLevel::Near(Level::Trace))),
            ("INFO+2", Some(ForeignLevel::Near(Level::Info))),
            ("ERROR+4", Some(ForeignLevel::Near(Level::Error))),
            ("30", Some(ForeignLevel::Same(Level::Info))),
            ("mine", None),
            ("", None),
            ("INFO+", None),
        ] {
            assert_eq!(read(&format!("\"{word}\""), Unknown), level, "{word}");
        }
    }

    #[test]
    fn numbers_are_levels_on_their_scale() {
        for (number, scale, level) in [
            ("10", Tens, Some(ForeignLevel::Same(Level::Trace))),
            ("35", Tens, Some(ForeignLevel::Near(Level::Info))),
            ("60", Tens, Some(ForeignLevel::Near(Level::Error))),
            ("5", Tens, Some(ForeignLevel::Near(Level::Trace))),
            ("70", Tens, Some(ForeignLevel::Near(Level::Error))),
            ("3", Unknown, None),
            ("70", Unknown, None),
            ("50", Unknown, Some(ForeignLevel::Same(Level::Error))),
            ("3", Syslog, Some(ForeignLevel::Same(Level::Error))),
            ("5", Syslog, Some(ForeignLevel::Near(Level::Info))),
            ("8", Syslog, None),
            ("9", Otlp, Some(ForeignLevel::Same(Level::Info))),
            ("12", Otlp, Some(ForeignLevel::Near(Level::Info))),
            ("13", Otlp, Some(ForeignLevel::Same(Level::Warn))),
            ("24", Otlp, Some(ForeignLevel::Near(Level::Error))),
            ("0", Otlp, None),
            ("25", Otlp, None),
        ] {
            assert_eq!(read(number, scale), level, "{number} {scale:?}");
        }
        assert_eq!(read("true", Tens), None);
        assert_eq!(read("1e999", Otlp), None);
    }
}
