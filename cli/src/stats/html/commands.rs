//! The commands on the page. Their times are absolute, since the page is read later than it is
//! made.

use time::{Duration, OffsetDateTime};

use super::super::super::reading::TimeRange;
use super::super::super::time::Zone;
use super::super::args::StatsArgs;
use super::super::commands::ShowCommands;
use localtel::admin::ShellWord;

/// Makes commands of `stats` with the selection that was counted.
#[derive(Debug)]
pub(in crate::stats) struct PageCommands {
    /// The words before the command, such as `localtel --app billing`.
    start: String,
    /// The selection and the question.
    selection: Vec<String>,
    question: Vec<String>,
}

impl PageCommands {
    /// Makes them from the commands that show the same records.
    pub(in crate::stats) fn new(show: &ShowCommands, args: &StatsArgs) -> Self {
        let start = show.start.strip_suffix(" show").unwrap_or(&show.start);
        Self {
            start: start.to_owned(),
            selection: [show.range.clone(), show.selection.clone()].concat(),
            question: args.typed_question(),
        }
    }

    /// Returns the command that makes this page.
    pub(super) fn of_page(&self) -> String {
        let words = self.question.iter().cloned();
        self.with(words.chain(["-o html".to_owned()]))
    }

    /// Returns the command that answers another question about the same records.
    pub(super) fn with(&self, question: impl IntoIterator<Item = String>) -> String {
        let words = [self.of("stats")].into_iter().chain(question);
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns another command with the same selection.
    pub(super) fn of(&self, command: &str) -> String {
        let words = [self.start.as_str(), command].into_iter();
        let words = words.chain(self.selection.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Returns the words that select a range of time, which ends when the page is made.
pub(in crate::stats) fn absolute(range: TimeRange, now: OffsetDateTime, zone: Zone) -> Vec<String> {
    let word = |flag: &str, time| {
        let time = zone.text(time).to_string().replace(".000000", "");
        format!("{flag} {}", ShellWord(&time))
    };
    // The next second, for the fractions of one make a command hard to read.
    let next = now.replace_nanosecond(0).unwrap_or(now);
    let next = next.checked_add(Duration::SECOND).unwrap_or(now);
    let until = range.until.map_or(next, |until| until.min(next));
    let since = range.since.map(|since| word("-S", since));
    since.into_iter().chain([word("-U", until)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_absolute_and_ends_when_the_page_is_made() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let now = at(1_795_248_000);
        let range = |since, until| TimeRange { since, until };
        for (range, expected) in [
            (range(None, None), "-U 2026-11-21T08:00:01Z"),
            (
                range(Some(at(1_795_161_600)), None),
                "-S 2026-11-20T08:00:00Z -U 2026-11-21T08:00:01Z",
            ),
            (
                range(None, Some(at(1_795_161_600))),
                "-U 2026-11-20T08:00:00Z",
            ),
            (
                range(None, Some(at(1_895_161_600))),
                "-U 2026-11-21T08:00:01Z",
            ),
        ] {
            assert_eq!(absolute(range, now, Zone::UTC).join(" "), expected);
        }
    }
}
