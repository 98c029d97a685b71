//! Lines of plain text. A time and a level at the start are read if they are unambiguous; all the
//! rest is the message.

use super::json::ForeignText;
use super::level::ForeignLevel;
use super::record::{ForeignRecord, ForeignValue};
use super::time;

/// Reads a line as text.
pub(super) fn record(line: &str) -> ForeignRecord<'_> {
    let mut record = ForeignRecord::default();
    let opened = line.strip_prefix('[');
    let text = opened.unwrap_or(line);
    // `[TIME LEVEL TARGET] message` is the form of `env_logger`.
    let (mut rest, is_open) = match time::leading(text) {
        Some((time, rest)) => {
            record.time = Some(time);
            match rest.strip_prefix(']') {
                Some(rest) if opened.is_some() => (rest, false),
                Some(_) | None => (rest, opened.is_some()),
            }
        }
        None => (line, false),
    };
    if let Some((word, level, after)) = leading_level(rest.trim_start()) {
        record.level = Some(level.level());
        if let ForeignLevel::Near(_) = level {
            let word = ForeignValue::Text(ForeignText::Plain(word));
            record.properties.push(("level", word));
        }
        rest = after;
    } else if record.time.is_none() {
        record.level = told_level(rest);
    }
    if is_open
        && let Some((target, after)) = rest.split_once(']')
        && !target.trim().contains(' ')
    {
        record.target = Some(ForeignText::Plain(target.trim()));
        rest = after;
    }
    let message = if record.time.is_none() && rest.len() == line.len() {
        line.trim_end()
    } else {
        rest.trim()
    };
    record.message = Some(ForeignText::Plain(message)).filter(|message| !message.is_empty());
    record
}

/// Reads the level at the start of a text: a word in capitals, or one in brackets.
fn leading_level(text: &str) -> Option<(&str, ForeignLevel, &str)> {
    let (word, rest) = if let Some(text) = text.strip_prefix('[') {
        text.split_once(']')?
    } else {
        let end = text.find(|next: char| !next.is_ascii_uppercase());
        let (word, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        (word, rest)
    };
    let word = word.trim();
    let is_level = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
    let level = is_level.then(|| ForeignLevel::of_word(word))??;
    Some((word, level, rest))
}

/// Returns the level of a message such as `error: no such file`, which stays whole.
fn told_level(text: &str) -> Option<localtel::Level> {
    let (word, _) = text.split_once(": ")?;
    let is_told = ["error", "warning", "fatal"]
        .iter()
        .any(|told| told.eq_ignore_ascii_case(word));
    is_told.then(|| ForeignLevel::of_word(word).map(ForeignLevel::level))?
}

/// The words that mean nothing but a level at the start of a text.
const WORDS: [&str; 22] = [
    "trace", "trc", "debug", "dbg", "info", "inf", "notice", "warn", "warning", "wrn", "error",
    "err", "eror", "severe", "crit", "critical", "alert", "emerg", "fatal", "ftl", "panic",
    "dpanic",
];

#[cfg(test)]
mod tests {
    use localtel::Level;

    use super::*;

    #[test]
    fn a_time_and_a_level_at_the_start_are_read() {
        let time = "2026-11-21T08:15:30.000000Z";
        for (line, expected) in [
            (
                "2026-11-21T08:15:30Z  INFO shop: a b",
                (Some(time), Some(Level::Info), "shop: a b"),
            ),
            (
                "2026-11-21 08:15:30 WARNING a",
                (Some(time), Some(Level::Warn), "a"),
            ),
            (
                "[2026-11-21T08:15:30Z ERROR shop::net] a",
                (Some(time), Some(Level::Error), "a"),
            ),
            (
                "[2026-11-21 08:15:30] [debug] a",
                (Some(time), Some(Level::Debug), "a"),
            ),
            (
                "2026-11-21T08:15:30Z TRACE",
                (Some(time), Some(Level::Trace), ""),
            ),
            (
                "2026-11-21T08:15:30Z I went home",
                (Some(time), None, "I went home"),
            ),
            (
                "2026-11-21T08:15:30Z Info desk",
                (Some(time), None, "Info desk"),
            ),
            ("ERROR: a", (None, Some(Level::Error), "a")),
            ("[warn] a", (None, Some(Level::Warn), "a")),
            (
                "Error: no file",
                (None, Some(Level::Error), "Error: no file"),
            ),
            ("INFORMATIONS a", (None, None, "INFORMATIONS a")),
            ("  at show (a.js)  ", (None, None, "  at show (a.js)")),
            ("[a] b", (None, None, "[a] b")),
            ("[http] a", (None, None, "[http] a")),
            ("[2026-11-21T08:15:30Z a b] c", (Some(time), None, "a b] c")),
            ("[", (None, None, "[")),
        ] {
            let record = record(line);
            let message = record.message.map(|text| text.decoded().into_owned());
            let read_time = record.time.map(|time| time.to_string());
            let read = (
                read_time.as_deref(),
                record.level,
                message.unwrap_or_default(),
            );
            assert_eq!(
                read,
                (expected.0, expected.1, expected.2.to_owned()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_word_that_says_more_than_its_level_is_kept() {
        let record = record("2026-11-21T08:15:30Z FATAL a");
        assert_eq!(record.level, Some(Level::Error));
        let word = ForeignValue::Text(ForeignText::Plain("FATAL"));
        assert_eq!(record.properties, [("level", word)]);
    }
}
