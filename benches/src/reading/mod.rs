//! The speed of reading a directory: `show` and `tail` as whole processes, beside other programs
//! that read the same lines.

mod follower;
mod formats;
mod generator;
mod groups;
mod lines;
mod passes;
mod process;
mod task;
mod tools;

use self::generator::Size;
use self::task::{Answers, Lines, MIB, Share, Shares, Task};
use self::tools::{Peer, Tools};
use crate::Result;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Section};

/// Runs all measurements of this part.
pub(crate) fn run(effort: Effort) -> Result<Section> {
    let tools = Tools::gather(effort)?;
    let home = tools::target()?.join("reading");
    let [whole, quarter, part, many] = effort.pick([WHOLE, QUARTER, EIGHTH, MANY], QUICK);
    let many = generator::data(&home, many)?;
    let part = generator::data(&home, part)?;
    let shares = Shares {
        whole: generator::data(&home, whole)?,
        quarter: generator::data(&home, quarter)?,
        several: generator::spread(&home, &part, APPLICATIONS)?,
        compressed: generator::compressed(&home, &part)?,
        part,
        one: generator::joined(&home, &many)?,
        many,
    };
    let rounds = effort.pick(ROUNDS, 1);
    let answers = |task: Task<'_>| task.run(rounds);
    let errors = answers(errors(&tools, &shares))?;
    let failures = answers(failures(&tools, &shares))?;
    let slow = answers(slow(&tools, &shares))?;
    let people = answers(people(&tools, &shares))?;
    let end = answers(end(&tools, &shares))?;
    let word = answers(formats::word(&tools, &shares))?;
    let csv = answers(formats::csv(&tools, &shares))?;
    let pretty = answers(formats::pretty(&tools, &shares))?;
    let commands = answers(passes::commands(&tools, &shares))?;
    let grouped = answers(groups::commands(&tools, &shares))?;
    let segments = answers(passes::segments(&tools, &shares))?;
    let inputs = answers(passes::inputs(&tools, &shares))?;
    let followed = follower::follow(&tools.localtel, effort)?;
    let figures = [
        conditions("`show -l error -o json`", &errors),
        conditions("`show event=command result=ERROR -o json`", &failures),
        numbers(&slow),
        for_people(&people),
        formats::figures(&word, &csv, &pretty),
        passes::figures(&commands, &segments, shares.many.segments.len()),
        groups::figures(&grouped),
        passes::figures_of_inputs(&inputs),
        at_the_end(&end),
        memory(&errors, &people),
        followed.figures().into(),
    ];
    let all = [&errors, &failures, &slow, &people, &word, &csv, &pretty];
    let all = all
        .into_iter()
        .chain([&commands, &grouped, &segments, &inputs, &end]);
    let mut tables: Vec<_> = all.map(Answers::table).collect();
    tables.push(followed.table());
    Ok(Section {
        title: "Reading",
        about: about(&tools, &shares, rounds),
        figures: figures.into_iter().flatten().collect(),
        tables,
    })
}

/// Runs one measurement, in a child process.
pub(crate) fn child(arguments: &[&str]) -> Result<()> {
    match arguments {
        [process::MEASUREMENT, words @ ..] => process::measure(words),
        [follower::MEASUREMENT, words @ ..] => follower::measure(words),
        _ => Err("unknown measurement of `reading`".into()),
    }
}

fn about(tools: &Tools, shares: &Shares, rounds: usize) -> String {
    let Shares {
        whole, part, many, ..
    } = shares;
    format!(
        "{}\n\nA directory of {} records in {} segments, {} MB, generated and in the page cache. Each contender \
         is a process, measured from start to end, that prints into a pipe, where its lines are counted; a run \
         fails if contenders print different numbers of lines. `rg`, `hl` and localtel use all cores, `jq` and \
         `jaq` one. `jq` and `jaq` read only a part, {} of the segments, and ratios compare the time per byte. `duckdb` reads \
         a quarter, as localtel does beside it, with as many threads as there are cores. Another directory has {} MB in {} segments. Rounds: {rounds}; numbers are medians.",
        tools.about(),
        whole.records,
        whole.segments.len(),
        whole.bytes / 1_000_000,
        part.segments.len(),
        many.bytes / 1_000_000,
        many.segments.len(),
    )
}

/// Failures, by their level.
fn errors<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let localtel = ["show", "-l", "error", "-o", "json"];
    let jq = ["-c", r#"select(.level=="ERROR")"#];
    Task::new("Records of one level", tools, shares)
        .localtel(Share::Whole, &localtel, Lines::AsOthers)
        .localtel(Share::Part, &localtel, Lines::AsOthers)
        .peer(
            Peer::Ripgrep,
            Share::Whole,
            &rg(r#""level":"ERROR""#),
            Lines::AsOthers,
        )
        .peer(Peer::Jq, Share::Part, &jq, Lines::AsOthers)
        .peer(Peer::Jq, Share::Segment, &jq, Lines::AsOthers)
        .peer(Peer::Jaq, Share::Part, &jq, Lines::AsOthers)
        .peer(Peer::Jaq, Share::Segment, &jq, Lines::AsOthers)
}

/// Failures, by two conditions with `=`.
fn failures<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let localtel = ["show", "event=command", "result=ERROR", "-o", "json"];
    let jq = [
        "-c",
        r#"select(.event=="command" and .properties.result=="ERROR")"#,
    ];
    Task::new("Records of one event and one result", tools, shares)
        .localtel(Share::Whole, &localtel, Lines::AsOthers)
        .localtel(Share::Part, &localtel, Lines::AsOthers)
        .peer(
            Peer::Ripgrep,
            Share::Whole,
            &rg(r#""result":"ERROR""#),
            Lines::AsOthers,
        )
        .peer(Peer::Jq, Share::Part, &jq, Lines::AsOthers)
        .peer(Peer::Jaq, Share::Part, &jq, Lines::AsOthers)
}

/// Slow commands, by a comparison of numbers.
fn slow<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let localtel = ["show", "duration>990", "-o", "json"];
    let jq = ["-c", "select(.properties.duration>990)"];
    Task::new("Records with a number above a bound", tools, shares)
        .localtel(Share::Whole, &localtel, Lines::AsOthers)
        .localtel(Share::Part, &localtel, Lines::AsOthers)
        .peer(Peer::Jq, Share::Part, &jq, Lines::AsOthers)
        .peer(Peer::Jaq, Share::Part, &jq, Lines::AsOthers)
}

/// All records, in the default format.
fn people<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let jq = [
        "-r",
        r#""\(.timestamp) \(.level) \(.message) \(.properties.command)""#,
    ];
    let whole = Lines::Exactly(shares.whole.records);
    let part = Lines::Exactly(shares.part.records);
    Task::new("All records, default format", tools, shares)
        .localtel(Share::Whole, &["show"], whole)
        .localtel(Share::Part, &["show"], part)
        .peer(Peer::Hl, Share::Whole, &HL, whole)
        .peer(Peer::Jq, Share::Part, &jq, part)
        .peer(Peer::Jaq, Share::Part, &jq, part)
}

/// The last records, beside a full scan.
fn end<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let Shares { whole, .. } = shares;
    let since = ["show", "--since", &whole.since, "-o", "json"];
    let last = ["show", "-n", "10", "-o", "json"];
    let scan = ["show", "-l", "error", "-o", "json"];
    Task::new("The last records", tools, shares)
        .localtel(Share::Whole, &scan, Lines::AsOthers)
        .localtel(Share::Whole, &last, Lines::Exactly(10))
        .localtel(Share::Whole, &since, Lines::Exactly(whole.recent))
}

/// Returns the arguments with which `rg` prints the lines that contain a text, and nothing else.
fn rg(text: &str) -> [&str; 5] {
    ["--no-config", "-F", "-I", "-N", text]
}

fn conditions(what: &str, answers: &Answers) -> Vec<Figure> {
    let bounds = [(Peer::Jq, 40.0), (Peer::Jaq, 18.0)];
    let mut figures = ahead(what, answers, &bounds);
    figures.extend(beside_rg(what, "one plain string", answers, 4.0));
    figures
}

/// Returns how many times as long as `rg` localtel takes.
fn beside_rg(what: &str, text: &str, answers: &Answers, bound: f64) -> Option<Figure> {
    let own = answers.of("localtel", Share::Whole)?;
    let peer = answers.of(Peer::Ripgrep.name(), Share::Whole)?;
    Some(Figure {
        what: format!("{what}: time relative to `rg` for {text}"),
        target: Bound::AtMost(bound),
        measured: own.seconds() / peer.seconds(),
        unit: "×",
    })
}

fn numbers(answers: &Answers) -> Vec<Figure> {
    let bounds = [(Peer::Jq, 15.0), (Peer::Jaq, 7.0)];
    ahead("`show 'duration>990' -o json`", answers, &bounds)
}

fn for_people(answers: &Answers) -> Vec<Figure> {
    let bounds = [(Peer::Jq, 6.0), (Peer::Hl, 2.0)];
    ahead("`show` of all records, default format", answers, &bounds)
}

/// Returns how many times as fast as each peer localtel is, per byte.
fn ahead(what: &str, answers: &Answers, bounds: &[(Peer, f64)]) -> Vec<Figure> {
    let figure = |(peer, bound): &(Peer, f64)| {
        // Both read the same data: all of it, or the part that a slow peer reads.
        let (found, own) = [Share::Whole, Share::Part].into_iter().find_map(|share| {
            let found = answers.of(peer.name(), share)?;
            Some((found, answers.of("localtel", share)?))
        })?;
        Some(Figure {
            what: format!("{what}: speed relative to `{}`", peer.name()),
            target: Bound::AtLeast(*bound),
            measured: found.seconds_per_byte() / own.seconds_per_byte(),
            unit: "×",
        })
    };
    bounds.iter().filter_map(figure).collect()
}

fn at_the_end(answers: &Answers) -> Vec<Figure> {
    let scan = answers.of("localtel show -l", Share::Whole);
    let ways = [
        ("`show -n 10`", "localtel show -n"),
        (
            "`show --since` five minutes before the end",
            "localtel show --since",
        ),
    ];
    let figure = |(what, name): (&str, &str)| {
        Some(Figure {
            what: format!("{what}: time relative to a full scan"),
            target: Bound::AtMost(0.01),
            measured: answers.of(name, Share::Whole)?.seconds() / scan?.seconds(),
            unit: "×",
        })
    };
    ways.into_iter().filter_map(figure).collect()
}

fn memory(errors: &Answers, people: &Answers) -> Vec<Figure> {
    let of = |what: &str, answers: &Answers| {
        let whole = answers.of("localtel", Share::Whole)?.peak_bytes();
        let part = answers.of("localtel", Share::Part)?.peak_bytes();
        let figure = |what, target, measured, unit| Figure {
            what,
            target,
            measured,
            unit,
        };
        Some([
            figure(
                format!("{what}: memory"),
                Bound::AtMost(64.0),
                whole / MIB,
                "MiB",
            ),
            figure(
                format!("{what}: memory relative to that for a part of the data"),
                Bound::AtMost(1.2),
                whole / part,
                "×",
            ),
        ])
    };
    [
        ("`show -l error -o json`", errors),
        ("`show`, default format", people),
    ]
    .into_iter()
    .filter_map(|(what, answers)| of(what, answers))
    .flatten()
    .collect()
}

/// The arguments with which `hl` prints what localtel prints: a line for each record, without the
/// names of the files and the keys that localtel omits in its default format.
const HL: [&str; 13] = [
    "--config",
    "-",
    "-P",
    "-x",
    "never",
    "--input-info",
    "none",
    "-h",
    "source",
    "-h",
    "session",
    "-h",
    "seq",
];

/// Number of rounds: odd, so that one round is the median.
const ROUNDS: usize = 5;

/// 1 GiB in segments of the default size, about 3 million records.
const WHOLE: Size = Size {
    segments: 64,
    segment_bytes: 16 << 20,
};

/// As much as a database is asked about.
const QUARTER: Size = Size {
    segments: 16,
    segment_bytes: 16 << 20,
};

/// As much as `jq` reads in two seconds.
const EIGHTH: Size = Size {
    segments: 8,
    segment_bytes: 16 << 20,
};

/// As many bytes as `EIGHTH`, in segments of a program that rotates often.
const MANY: Size = Size {
    segments: 5000,
    segment_bytes: 26 << 10,
};

/// Number of directories that are merged.
const APPLICATIONS: usize = 20;

const QUICK: [Size; 4] = [
    Size {
        segments: 4,
        segment_bytes: 2 << 20,
    },
    Size {
        segments: 2,
        segment_bytes: 2 << 20,
    },
    Size {
        segments: 2,
        segment_bytes: 2 << 20,
    },
    Size {
        segments: 100,
        segment_bytes: 26 << 10,
    },
];
