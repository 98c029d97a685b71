//! The commands that read the whole directory beside a condition, which does the least; and
//! thousands of segments beside one.

use super::task::{Answers, Lines, MIB, Share, Shares, Task};
use super::tools::Tools;
use crate::results::{Bound, Figure};

/// The commands, and a condition.
pub(super) fn commands<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let all = Lines::Exactly(shares.whole.records);
    let last = ["show", "--sort", "-n", "10", "-o", "json"];
    Task::new("Commands that read everything", tools, shares)
        .localtel(Share::Whole, &CONDITION, Lines::Any)
        .localtel(Share::Whole, &["status"], Lines::Any)
        .localtel(Share::Whole, &["explain"], Lines::Any)
        .localtel(Share::Whole, &["doctor"], Lines::Any)
        .localtel(Share::Whole, &["stats"], Lines::Any)
        .localtel(Share::Whole, &last, Lines::Exactly(10))
        .localtel(Share::Whole, &["show", "-o", "json"], all)
        .localtel(Share::Whole, &["show", "-r", "-o", "json"], all)
}

/// Commands for many segments, and for the same lines in one.
pub(super) fn segments<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let task = Task::new("Many segments", tools, shares);
    [&CONDITION[..], &BACKWARDS, &["status"], &["doctor"]]
        .iter()
        .fold(task, |task, words| {
            task.localtel(Share::Many, words, Lines::Any)
                .localtel(Share::One, words, Lines::Any)
        })
}

/// Directories that are merged, and one that is compressed, beside a plain one of the same lines.
pub(super) fn inputs<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let last = ["show", "-n", "10", "-o", "json"];
    Task::new(
        "Several directories, and compressed segments",
        tools,
        shares,
    )
    .localtel(Share::Part, &CONDITION, Lines::Any)
    .localtel(Share::Several, &CONDITION, Lines::Any)
    .localtel(Share::Several, &last, Lines::Exactly(10))
    .localtel(Share::Compressed, &CONDITION, Lines::Any)
}

/// Returns the figures of several directories and of compressed segments.
pub(super) fn figures_of_inputs(inputs: &Answers) -> Vec<Figure> {
    let seconds = |words, share| Some(inputs.of(&localtel(words), share)?.seconds());
    let condition = "`show 'duration>990' -o json`";
    let rows = [
        (
            format!("{condition} of 20 directories: time relative to one with the same lines"),
            (SLOW, Share::Several),
            (SLOW, Share::Part),
            2.0,
        ),
        (
            "`show -n 10` of 20 directories: time relative to a scan of them".to_owned(),
            ("show -n", Share::Several),
            (SLOW, Share::Several),
            0.02,
        ),
        (
            format!("{condition} of compressed segments: time relative to plain ones"),
            (SLOW, Share::Compressed),
            (SLOW, Share::Part),
            3.0,
        ),
    ];
    let figures = rows.into_iter().filter_map(|(what, own, base, bound)| {
        Some(Figure {
            what,
            target: Bound::AtMost(bound),
            measured: seconds(own.0, own.1)? / seconds(base.0, base.1)?,
            unit: "×",
        })
    });
    figures.collect()
}

/// Returns the figures of the two tasks.
pub(super) fn figures(commands: &Answers, segments: &Answers, count: usize) -> Vec<Figure> {
    let condition = "`show 'duration>990' -o json`";
    let of_commands = [
        ("`status`", "status", condition, SLOW, 2.0),
        ("`explain`", "explain", condition, SLOW, 2.0),
        ("`doctor`", "doctor", condition, SLOW, 2.0),
        ("`stats`", "stats", condition, SLOW, 2.0),
        (
            "`show --sort -n 10 -o json`",
            "show --sort",
            condition,
            SLOW,
            3.0,
        ),
        (
            "`show -r -o json`",
            "show -r",
            "`show -o json`",
            "show -o",
            1.5,
        ),
    ];
    let of_commands = of_commands
        .into_iter()
        .filter_map(|(what, own, of, base, bound)| {
            let seconds = |words| Some(commands.of(&localtel(words), Share::Whole)?.seconds());
            Some(Figure {
                what: format!("{what}: time relative to {of}"),
                target: Bound::AtMost(bound),
                measured: seconds(own)? / seconds(base)?,
                unit: "×",
            })
        });
    let of_segments = [
        (condition, SLOW),
        ("`show -r -o json`", "show -r"),
        ("`status`", "status"),
        ("`doctor`", "doctor"),
    ];
    let of_segments = of_segments.into_iter().filter_map(|(what, words)| {
        let seconds = |share| Some(segments.of(&localtel(words), share)?.seconds());
        Some(Figure {
            what: format!("{what} of {count} segments: time relative to the same lines in one"),
            target: Bound::AtMost(1.2),
            measured: seconds(Share::Many)? / seconds(Share::One)?,
            unit: "×",
        })
    });
    let of_memory = commands.of(&localtel("stats"), Share::Whole);
    let of_memory = of_memory.map(|answer| Figure {
        what: "`stats`: memory".to_owned(),
        target: Bound::AtMost(128.0),
        measured: answer.peak_bytes() / MIB,
        unit: "MiB",
    });
    of_commands.chain(of_segments).chain(of_memory).collect()
}

/// Returns the beginning of the name of a contender.
fn localtel(words: &str) -> String {
    format!("localtel {words}")
}

/// The beginning of the words of the condition.
const SLOW: &str = "show duration";

const CONDITION: [&str; 4] = ["show", "duration>990", "-o", "json"];

const BACKWARDS: [&str; 4] = ["show", "-r", "-o", "json"];
