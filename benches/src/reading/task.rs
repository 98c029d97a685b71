//! The queries, their contenders, and a check that all contenders print the same number of lines.

use std::path::PathBuf;

use super::generator::Data;
use super::process::{self, Taken};
use super::tools::{Peer, Tools};
use crate::Result;
use crate::results::{Table, number};
use crate::series::Series;

/// The directories that are read.
#[derive(Debug)]
pub(super) struct Shares {
    /// All segments.
    pub(super) whole: Data,
    /// A smaller directory, for programs that would take minutes.
    pub(super) part: Data,
    /// A quarter of all segments, for a database.
    pub(super) quarter: Data,
    /// Thousands of small segments.
    pub(super) many: Data,
    /// The lines of `many` in one segment.
    pub(super) one: Data,
    /// The lines of `part` in turn in several directories below one.
    pub(super) several: Data,
    /// The lines of `part`, compressed.
    pub(super) compressed: Data,
}

/// The input of a contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Whole,
    Part,
    Quarter,
    /// The first segment, to check whether the time is proportional to the bytes.
    Segment,
    Many,
    One,
    Several,
    Compressed,
}

impl Share {
    fn name(self) -> &'static str {
        match self {
            Self::Whole => "all",
            Self::Part => "a part",
            Self::Quarter => "a quarter",
            Self::Segment => "one segment",
            Self::Many => "many segments",
            Self::One => "the same lines in one",
            Self::Several => "a part in 20 directories",
            Self::Compressed => "a part, compressed",
        }
    }
}

impl Shares {
    fn data(&self, share: Share) -> &Data {
        match share {
            Share::Whole => &self.whole,
            Share::Part | Share::Segment => &self.part,
            Share::Quarter => &self.quarter,
            Share::Many => &self.many,
            Share::One => &self.one,
            Share::Several => &self.several,
            Share::Compressed => &self.compressed,
        }
    }

    /// Returns the files of a share, for programs that take files.
    fn files(&self, share: Share) -> Vec<String> {
        let segments = &self.data(share).segments;
        let taken = match share {
            Share::Whole
            | Share::Part
            | Share::Quarter
            | Share::Many
            | Share::One
            | Share::Several
            | Share::Compressed => segments.len(),
            Share::Segment => 1,
        };
        let name = |path: &PathBuf| path.display().to_string();
        segments.iter().take(taken).map(name).collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a bench reads sizes from outside"
    )]
    fn bytes(&self, share: Share) -> Result<f64> {
        let data = self.data(share);
        Ok(match share {
            Share::Whole
            | Share::Part
            | Share::Quarter
            | Share::Many
            | Share::One
            | Share::Several
            | Share::Compressed => float(data.bytes),
            Share::Segment => {
                let first = data.segments.first().ok_or("there is no segment")?;
                float(first.metadata()?.len())
            }
        })
    }
}

/// The number of lines that an answer must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// As many as the other contenders of the task print of the same share.
    AsOthers,
    /// Exactly this number.
    Exactly(u64),
    /// The same number in each round.
    Any,
}

/// A program with its arguments.
#[derive(Debug)]
pub(super) struct Contender {
    /// The command line without paths.
    pub(super) name: String,
    share: Share,
    program: String,
    arguments: Vec<String>,
    lines: Lines,
    wall: Series,
    processor: Series,
    peak: Series,
    printed: u64,
    bytes: f64,
}

/// A query and its contenders.
#[derive(Debug)]
pub(super) struct Task<'a> {
    title: String,
    tools: &'a Tools,
    shares: &'a Shares,
    contenders: Vec<Contender>,
}

impl<'a> Task<'a> {
    pub(super) fn new(title: &str, tools: &'a Tools, shares: &'a Shares) -> Self {
        Self {
            title: title.to_owned(),
            tools,
            shares,
            contenders: Vec::new(),
        }
    }

    /// Adds localtel with these arguments.
    pub(super) fn localtel(self, share: Share, words: &[&str], lines: Lines) -> Self {
        let directory = &self.shares.data(share).directory;
        let before = ["--dir", &directory.display().to_string()].map(str::to_owned);
        let words = words.iter().map(|word| (*word).to_owned());
        let arguments = before.into_iter().chain(words.clone()).collect();
        let name = format!("localtel {}", words.collect::<Vec<_>>().join(" "));
        let program = self.tools.localtel.program.clone();
        self.with(name, (program, arguments), share, lines)
    }

    /// Adds a peer with these arguments and then the files, if it is available.
    pub(super) fn peer(self, peer: Peer, share: Share, words: &[&str], lines: Lines) -> Self {
        let Some(program) = self.tools.peer(peer).map(|tool| tool.program.clone()) else {
            return self;
        };
        let words = words.iter().map(|word| (*word).to_owned());
        let arguments = words.clone().chain(self.shares.files(share)).collect();
        let name = format!("{} {}", peer.name(), words.collect::<Vec<_>>().join(" "));
        self.with(name, (program, arguments), share, lines)
    }

    /// Adds `duckdb` with a query that reads [`SEGMENTS`], if it is available.
    pub(super) fn duckdb(self, share: Share, query: &str, lines: Lines) -> Self {
        let Some(program) = self.tools.peer(Peer::DuckDb) else {
            return self;
        };
        let program = program.program.clone();
        let segments = self.shares.data(share).directory.join(SEGMENTS);
        let in_place = query.replace(SEGMENTS, &segments.display().to_string());
        let words = ["-csv", "-c"].map(str::to_owned).into_iter();
        let arguments = words.chain([in_place]).collect();
        let name = format!("{} -csv -c \"{query}\"", Peer::DuckDb.name());
        self.with(name, (program, arguments), share, lines)
    }

    fn with(
        mut self,
        name: String,
        (program, arguments): (String, Vec<String>),
        share: Share,
        lines: Lines,
    ) -> Self {
        self.contenders.push(Contender {
            name,
            share,
            program,
            arguments,
            lines,
            wall: Series::default(),
            processor: Series::default(),
            peak: Series::default(),
            printed: 0,
            bytes: 0.0,
        });
        self
    }

    /// Runs the contenders in turn, round by round.
    pub(super) fn run(mut self, rounds: usize) -> Result<Answers> {
        for contender in &mut self.contenders {
            contender.bytes = self.shares.bytes(contender.share)?;
        }
        for _ in 0..rounds {
            for contender in &mut self.contenders {
                let taken = process::take(&contender.program, &contender.arguments)?;
                contender.add(&taken)?;
            }
        }
        agree(&self.title, &self.contenders)?;
        Ok(Answers {
            title: self.title,
            contenders: self.contenders,
        })
    }
}

/// Returns an error if contenders printed different numbers of lines.
fn agree(title: &str, contenders: &[Contender]) -> Result<()> {
    for contender in contenders {
        let is_alike =
            |other: &&Contender| other.share == contender.share && other.lines == Lines::AsOthers;
        let expected = match contender.lines {
            Lines::Exactly(lines) => Some(lines),
            Lines::AsOthers => contenders.iter().find(is_alike).map(|first| first.printed),
            Lines::Any => Some(contender.printed),
        };
        if expected != Some(contender.printed) {
            return Err(format!(
                "{title}: `{}` printed {} lines of {}, and {expected:?} were expected",
                contender.name,
                contender.printed,
                contender.share.name()
            )
            .into());
        }
    }
    Ok(())
}

impl Contender {
    fn add(&mut self, taken: &Taken) -> Result<()> {
        if self.printed != 0 && self.printed != taken.lines {
            let (name, before, now) = (&self.name, self.printed, taken.lines);
            return Err(format!("`{name}` printed {before} lines, and then {now}").into());
        }
        self.wall.push(taken.wall.as_secs_f64());
        self.processor.push(taken.processor.as_secs_f64());
        self.peak.push(float(taken.peak_bytes));
        self.printed = taken.lines;
        Ok(())
    }

    /// Returns the median time, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.wall.median()
    }

    /// Returns the median time per byte of input, in seconds.
    pub(super) fn seconds_per_byte(&self) -> f64 {
        self.wall.median() / self.bytes
    }

    /// Returns the peak memory of all rounds, in bytes.
    pub(super) fn peak_bytes(&self) -> f64 {
        self.peak.most()
    }

    fn row(&self) -> Vec<String> {
        let millis = |seconds: f64| number(seconds * 1e3);
        vec![
            // A bar would end the cell, even in backquotes.
            format!("`{}`", self.name.replace('|', "\\|")),
            self.share.name().to_owned(),
            millis(self.wall.median()),
            millis(self.wall.least()),
            millis(self.wall.most()),
            millis(self.processor.median()),
            number(self.bytes / self.wall.median() / 1e6),
            number(self.peak_bytes() / MIB),
            self.printed.to_string(),
        ]
    }
}

/// The results of a query.
#[derive(Debug)]
pub(super) struct Answers {
    title: String,
    contenders: Vec<Contender>,
}

impl Answers {
    /// Finds a contender by a prefix of its name.
    pub(super) fn of(&self, name: &str, share: Share) -> Option<&Contender> {
        let mut own = self.contenders.iter();
        own.find(|contender| contender.share == share && contender.name.starts_with(name))
    }

    /// Returns everything as a table.
    pub(super) fn table(&self) -> Table {
        Table {
            title: self.title.clone(),
            columns: COLUMNS.map(str::to_owned).into(),
            rows: self.contenders.iter().map(Contender::row).collect(),
        }
    }
}

/// Returns a count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

const COLUMNS: [&str; 9] = [
    "program",
    "input",
    "ms",
    "least",
    "most",
    "processor ms",
    "MB/s of input",
    "peak MiB",
    "lines",
];

/// The segments of a directory, as a query names them.
pub(super) const SEGMENTS: &str = "events.*.jsonl";

pub(super) const MIB: f64 = 1024.0 * 1024.0;
