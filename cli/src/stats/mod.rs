//! `stats`: counts records, and draws the counts. `counts` is the fold, `overview` and `breakdown`
//! sum it up, and `text` and `document` show the sums. The library's `tally` counts.

mod args;
mod breakdown;
mod chart;
mod commands;
mod compared;
mod comparison;
mod counts;
mod csv_rows;
mod document;
mod group_key;
mod html;
mod numbers;
mod overview;
mod period;
mod recorders;
mod text;

use super::columns::HostKey;
use super::exit::Exit;
use super::explain::Explanation;
use super::failure::Failure;
use super::reading::{
    EmptySelection, InputLabels, RecordInputs, Rewritten, TimeRange, of_processes,
};
use super::screen::{OutputKind, Screen};
use super::selection::name_of;
use localtel::admin::{Location, note_withdrawn};
use localtel::read::{Filter, Merged};
use localtel::{Error, Result};
use time::OffsetDateTime;

pub(crate) use args::StatsArgs;
use args::{StatsFormat, StatsQuestion};
use breakdown::{Breakdown, FieldSummary};
use chart::ChartLetters;
use commands::ShowCommands;
use counts::{AnswerCounts, SessionScope, StatsCounts, StatsPlan};
use csv_rows::csv;
use document::{StatsAnswer, StatsDocument};
use html::{PageCommands, ReportPage};
use overview::{Overview, StorageRow, SummingUp};
use text::TextStyle;

/// The records that are counted.
pub(crate) struct StatsSource<'a> {
    pub(crate) inputs: RecordInputs<'a>,
    /// The locations among the inputs.
    pub(crate) locations: &'a [Location],
    /// The words of a command that shows the records.
    pub(crate) show: String,
}

/// Counts records, and prints the counts.
pub(crate) fn run(
    args: &StatsArgs,
    source: &StatsSource<'_>,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let args = &args.resolved(&source.inputs)?;
    let question = args.question()?;
    let zone = args.records.zone.zone(screen)?;
    let selected = args.records.range(zone, screen.now)?;
    let (range, other) = match &args.compare {
        Some(comparison) => {
            let (range, other) = comparison.ranges(selected, zone, screen.now)?;
            (range, Some(other))
        }
        None => (selected, None),
    };
    let style = TextStyle {
        zone,
        letters: if args.ascii {
            ChartLetters::Ascii
        } else {
            ChartLetters::of(screen.variable)
        },
        cells: match screen.sink {
            OutputKind::Terminal => screen.cells(),
            OutputKind::Pipe => PIPE_CELLS,
        },
    };
    let run = Run {
        args,
        source,
        question,
        style,
        commands: ShowCommands {
            start: source.show.clone(),
            range: match args.format() {
                // A page is read later than it is made.
                StatsFormat::Html => html::absolute(range, screen.now, zone),
                StatsFormat::Text | StatsFormat::Json | StatsFormat::Csv => {
                    args.records.typed_range()
                }
            },
            selection: args.records.typed(),
            host: source.inputs.host_key(),
        },
    };
    let counted = run.count(range, screen)?;
    let compared = other.map(|other| run.count(other, screen)).transpose()?;
    let compared = compared.as_ref().map(|counted| &counted.answer);
    run.print(&counted, compared, screen)?;
    if counted.records == 0 {
        let filter = run.filter(range)?;
        let selection = EmptySelection::new(&args.records, zone, &filter);
        if counted.failures == 0 && !selection.print_reasons(&source.inputs, screen.stderr) {
            screen.print_message(format_args!("nothing matched"));
        }
    }
    Ok(if counted.is_denied || counted.failures > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// The width of the output in pipes.
const PIPE_CELLS: usize = 80;

/// A run of counting.
struct Run<'a> {
    args: &'a StatsArgs,
    source: &'a StatsSource<'a>,
    question: StatsQuestion,
    style: TextStyle,
    commands: ShowCommands,
}

/// What was counted.
struct Counted {
    answer: StatsAnswer,
    records: u64,
    /// Number of inputs that could not be opened.
    failures: usize,
    is_denied: bool,
}

impl Run<'_> {
    /// Counts the records of a range of time.
    fn count(&self, range: TimeRange, screen: &mut Screen<'_>) -> Result<Counted> {
        let plan = StatsPlan {
            question: self.question.clone(),
            filter: self.filter(range)?,
            range: in_range(range),
            sessions: if self.args.records.has_conditions() {
                SessionScope::Matching
            } else {
                SessionScope::All
            },
            zone: self.style.zone,
        };
        let (opened, failures) = self.source.inputs.open(&plan.range, screen.stderr)?;
        let labels = InputLabels::of_opened(&opened, false);
        let directories: Vec<_> = opened.iter().map(|it| it.named.directory()).collect();
        let number = opened.len();
        let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input)).in_turn();
        let empty = || {
            let counts = StatsCounts::new(&plan, labels.clone(), number);
            Rewritten::new(counts, labels.rewriters())
        };
        let mut counts = empty();
        merged.fold(&mut counts, empty, |_| Ok::<(), Error>(()))?;
        let mut counts = counts.fold;
        for (input, directory) in directories.into_iter().enumerate() {
            if let Some(directory) = directory {
                note_withdrawn(directory, input, &mut counts.sessions);
            }
        }
        self.print_unread(&counts, screen);
        let records = counts.inputs.iter().map(|input| input.levels.total()).sum();
        let is_denied = counts.unread.is_denied();
        let answer = self.sum_up(counts, &labels)?;
        Ok(Counted {
            answer,
            records,
            failures,
            is_denied,
        })
    }

    /// Prints what could not be read, and whether a key is only in records that are not counted.
    fn print_unread(&self, counts: &StatsCounts<'_>, screen: &mut Screen<'_>) {
        counts.unread.print(screen.stderr);
        if let (StatsQuestion::Field(key), AnswerCounts::Field(found)) =
            (&self.question, &counts.answer)
            && found.kinds.is_empty()
            && counts.own > 0
        {
            let key = key.headings().next().unwrap_or_default();
            screen.print_message(format_args!(
                "no record has `{key}`; records of localtel itself are not counted, --own counts them"
            ));
        }
    }

    /// Sums up the counts as the answer to the question.
    fn sum_up(&self, counts: StatsCounts<'_>, labels: &InputLabels) -> Result<StatsAnswer> {
        let facts = SummingUp {
            labels,
            zone: self.style.zone,
            commands: &self.commands,
            // What is compared is joined before the first rows are taken.
            rows_max: match self.args.compare {
                Some(_) => usize::MAX,
                None => self.rows_max(),
            },
            buckets_max: match self.args.format() {
                StatsFormat::Html => html::COLUMNS_MAX,
                StatsFormat::Text | StatsFormat::Json | StatsFormat::Csv => {
                    text::histogram_columns(self.style.cells)
                }
            },
            storage: &self.storage(),
        };
        Ok(match (counts.answer, &self.question) {
            (AnswerCounts::Breakdown(counted), StatsQuestion::Breakdown(keys)) => {
                StatsAnswer::Breakdown(Breakdown::new(counted, keys, &facts))
            }
            (AnswerCounts::Field(counted), StatsQuestion::Field(key)) => {
                let key = key.headings().next().unwrap_or_default();
                StatsAnswer::Field(FieldSummary::new(counted, key, &facts))
            }
            (AnswerCounts::Overview(counted), _) => {
                let sessions = match self.source.inputs.host_key() {
                    HostKey::Property => counts.sessions.finish(),
                    HostKey::Machine => counts.sessions.finish_elsewhere(),
                };
                let overview = Overview::new(counted, &counts.inputs, &sessions, &facts);
                StatsAnswer::Overview(Box::new(overview))
            }
            (AnswerCounts::Breakdown(_) | AnswerCounts::Field(_), _) => {
                return Err(Error::invalid(
                    "stats",
                    "the counts are of another question",
                ));
            }
        })
    }

    /// Returns the filter of a range of time. Records about the recording itself are counted only
    /// if they are asked for, in pipes, too: they say nothing of what the application did.
    fn filter(&self, range: TimeRange) -> Result<Filter> {
        let records = &self.args.records;
        let filter = records.filter_in(range, records.own_matches(OutputKind::Terminal))?;
        of_processes(filter, &self.source.inputs)
    }

    /// Returns the most rows of a table.
    fn rows_max(&self) -> usize {
        self.args.rows(&self.question).most()
    }

    /// Returns how much the locations store. What cannot be listed was reported.
    fn storage(&self) -> Vec<StorageRow> {
        let rows = self.source.locations.iter().filter_map(|location| {
            let usage = location.usage().ok()?;
            Some(StorageRow {
                name: name_of(location),
                bytes: usage.bytes,
                total_bytes_max: usage.limits.total_bytes_max,
                age_seconds_max: usage.limits.age_seconds_max,
            })
        });
        rows.collect()
    }

    /// Prints the answer, and the one that is compared with it.
    fn print(
        &self,
        counted: &Counted,
        compared: Option<&StatsAnswer>,
        screen: &mut Screen<'_>,
    ) -> Result<(), Failure> {
        let answer = &counted.answer;
        match self.args.format() {
            StatsFormat::Json => {
                let answer = StatsDocument::new(answer, compared);
                screen
                    .stdout
                    .write_all(&super::document::document(&answer)?)?;
            }
            StatsFormat::Csv => screen.stdout.write_all(&csv(answer, screen.sink))?,
            StatsFormat::Html => write!(screen.stdout, "{}", self.page(counted, screen.now))?,
            StatsFormat::Text => {
                let lines = match (answer, compared) {
                    (answer, Some(other)) => {
                        compared::compared(answer, other, self.rows_max(), self.style)
                    }
                    (StatsAnswer::Overview(overview), None) => text::overview(overview, self.style),
                    (StatsAnswer::Breakdown(breakdown), None) => {
                        text::breakdown(breakdown, self.style)
                    }
                    (StatsAnswer::Field(field), None) => text::field(field, self.style),
                };
                write!(screen.stdout, "{}", text::fitted(&lines, self.style))?;
            }
        }
        Ok(())
    }

    /// Returns the answer as a page, with what is recorded of the applications.
    fn page(&self, counted: &Counted, now: OffsetDateTime) -> String {
        let locations = self.source.locations.iter();
        let page = ReportPage {
            answer: &counted.answer,
            style: self.style,
            made: now,
            commands: PageCommands::new(&self.commands, self.args),
            accounts: locations
                .map(|location| Explanation::gather(location, self.style.zone))
                .collect(),
            failures: counted.failures,
        };
        page.text()
    }
}

/// Returns the filter of a range of time.
fn in_range(range: TimeRange) -> Filter {
    let mut filter = Filter::new();
    if let Some(since) = range.since {
        filter = filter.since(std::time::SystemTime::from(since));
    }
    if let Some(until) = range.until {
        filter = filter.until(std::time::SystemTime::from(until));
    }
    filter
}

/// Examples for `stats`.
pub(crate) const EXAMPLES: &str = "\
Without flags, an overview on one screen. With `--json`, rows of events, errors
and durations have the command that lists their records.

Examples:
  localtel stats                        what happened
  localtel stats -S -1d                 in the last day
  localtel stats -e request --by route --of duration_ms
                                        the slowest routes
  localtel stats -l error --per hour    errors over time
  localtel stats --field version        which values are there?
  localtel stats --compare yesterday    today, and yesterday at the same times";
