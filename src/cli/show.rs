//! `show` and `tail`: which records, in which order, to where. What a record looks like is `view`'s,
//! which ones fit is the filter's, where they lie is the reader's.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Outcome;
use super::pager::Pager;
use super::sanitize::Excerpt;
use super::screen::{Screen, Sink, Stop};
use super::time::{Zone, parse};
use super::view::{Format, View};
use crate::error::Result;
use crate::filter::{Filter, Levels, Term};
use crate::reader::{Damage, DamageKind, Follower, Item, Notice, Position, Reader};

/// Which records to show, and how.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ShowArgs {
    /// Show the last N records, or `all` [default: 1000 on a terminal, 10 with --follow, else all]
    #[arg(short = 'n', long, value_name = "N|all")]
    pub(crate) lines: Option<Lines>,
    /// Show records of that time or later: 2026-11-21, 08:00, today, -2h
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Show records of that time or earlier
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// Go on showing records as they come
    #[arg(short, long, conflicts_with_all = ["reverse", "sort", "exit_status"])]
    pub(crate) follow: bool,
    /// Show the newest records first
    #[arg(short, long)]
    pub(crate) reverse: bool,
    /// Show records that contain the regular expression; in lower case it matches any case
    #[arg(short, long, value_name = "REGEX")]
    pub(crate) grep: Option<String>,
    /// Show records of that level and graver ones; `=info` only that one, `debug..warn` a range
    #[arg(short, long, value_name = "LEVEL")]
    pub(crate) level: Option<Levels>,
    /// Show records of that target and of the modules below it
    #[arg(short, long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    /// Show records of that event
    #[arg(short, long, value_name = "EVENT")]
    pub(crate) event: Vec<String>,
    /// Show records of the session whose id starts like this
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// How to show them
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Show each line as it is stored: the same as `--output json`
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    /// Show and read times in UTC: the default
    #[arg(long, conflicts_with = "local")]
    pub(crate) utc: bool,
    /// Show and read times in the zone of this machine
    #[arg(long)]
    pub(crate) local: bool,
    /// Put records of all sessions in the order of their times; needs memory for all of them
    #[arg(long)]
    pub(crate) sort: bool,
    /// Do not use a pager
    #[arg(long)]
    pub(crate) no_pager: bool,
    /// End with exit code 4 if nothing matched
    #[arg(long)]
    pub(crate) exit_status: bool,
    /// Conditions that must all hold: key=value, key!=value, key>10, key~regex
    #[arg(value_name = "CONDITION")]
    pub(crate) terms: Vec<Term>,
}

/// How many records to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Every one.
    All,
    /// The last ones.
    Last(u64),
}

impl FromStr for Lines {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text.trim() {
            "all" => Ok(Self::All),
            number => number
                .parse()
                .map(Self::Last)
                .map_err(|_| "give a number of records, or `all`"),
        }
    }
}

impl ShowArgs {
    /// Makes `tail` of it: the last ten, and then what comes.
    pub(crate) fn into_tail(mut self) -> Self {
        self.follow = true;
        self
    }

    fn zone(&self) -> Zone {
        if self.local { Zone::Local } else { Zone::UTC }
    }

    fn format(&self) -> Format {
        let default = if self.json {
            Format::Json
        } else {
            Format::Short
        };
        self.output.unwrap_or(default)
    }

    fn filter(&self, now: OffsetDateTime) -> Result<Filter> {
        let mut filter = Filter::new();
        if let Some(levels) = self.level {
            filter = filter.levels(levels);
        }
        for target in &self.target {
            filter = filter.target(target);
        }
        for event in &self.event {
            filter = filter.event(event);
        }
        if let Some(session) = &self.session {
            filter = filter.session(session);
        }
        if let Some(since) = &self.since {
            filter = filter.since(parse(since, self.zone(), now)?);
        }
        if let Some(until) = &self.until {
            filter = filter.until(parse(until, self.zone(), now)?);
        }
        if let Some(pattern) = &self.grep {
            filter = filter.grep(pattern)?;
        }
        Ok(self
            .terms
            .iter()
            .cloned()
            .fold(filter, |filter, term| filter.term(term)))
    }

    /// Decides how many records to show where the person did not say.
    fn lines_or_default(&self, sink: Sink) -> Lines {
        let has_range = self.since.is_some() || self.until.is_some();
        match (self.lines, sink) {
            (Some(lines), _) => lines,
            (None, _) if has_range => Lines::All,
            (None, _) if self.follow => Lines::Last(LINES_BEFORE_FOLLOW),
            (None, Sink::Terminal) => Lines::Last(LINES_ON_TERMINAL),
            (None, Sink::Pipe) => Lines::All,
        }
    }
}

/// Shows records of the directory.
pub(crate) fn run(args: &ShowArgs, directory: &Path, screen: &mut Screen<'_>) -> Result<Outcome> {
    let filter = args.filter(screen.now)?;
    // Opened before the pager is, so that a directory that is not there is said on the screen.
    let reader = Reader::open(directory)?;
    let lines = args.lines_or_default(screen.sink);
    let start = start_of(args, directory, &filter, lines)?;
    if let (None, Sink::Terminal, false, Lines::Last(count), Start::At(_)) =
        (args.lines, screen.sink, args.follow, lines, &start)
    {
        screen.say(format_args!(
            "showing the last {count} records; `-n all` shows every one"
        ));
    }
    let view = View::new(args.format(), args.zone(), screen.sink, screen.colour);
    let mut pager = match screen.sink {
        Sink::Terminal if !args.no_pager && !args.follow => Pager::start(screen.variable),
        Sink::Terminal | Sink::Pipe => None,
    };
    let mut show = Show {
        view,
        filter,
        matched: 0,
        unread: Unread::default(),
    };
    let result = {
        let stdout: &mut dyn Write = match &mut pager {
            Some(pager) => pager,
            None => &mut *screen.stdout,
        };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, stdout);
        let source = Source {
            reader,
            directory,
            start,
            lines,
        };
        let result = show
            .run(args, source, &mut out, screen.stderr)
            .and_then(|()| Ok(out.flush()?));
        // A buffer that could not be written is not tried again.
        drop(out.into_parts());
        result
    };
    if let Some(pager) = pager {
        pager.finish();
    }
    let is_cut_short = matches!(result, Err(Stop::ReaderGone));
    Stop::settle(result, || ())?;
    show.unread.tell(screen.stderr);
    let is_nothing = show.matched == 0 && !is_cut_short;
    Ok(if args.exit_status && is_nothing {
        Outcome::NothingMatched
    } else {
        Outcome::Done
    })
}

/// Where the records come from.
struct Source<'a> {
    reader: Reader,
    directory: &'a Path,
    start: Start,
    lines: Lines,
}

/// Where to start.
#[derive(Debug)]
enum Start {
    /// At the first line.
    First,
    /// At a line, which is shown.
    At(Position),
    /// Behind what is there.
    End,
}

/// Finds where the last records that pass begin, from the end of the data.
fn start_of(args: &ShowArgs, directory: &Path, filter: &Filter, lines: Lines) -> Result<Start> {
    let Lines::Last(count) = lines else {
        return Ok(Start::First);
    };
    // Sorted or reversed, the last ones are counted as they are shown.
    if count == 0 || args.reverse || args.sort {
        return Ok(if count == 0 { Start::End } else { Start::First });
    }
    let mut reverse = Reader::reverse(directory)?;
    let mut left = count;
    while let Some(item) = reverse.next_item() {
        let Item::Line(line) = item else { continue };
        if line.record().is_ok_and(|record| filter.matches(&record)) {
            left -= 1;
            if left == 0 {
                return Ok(Start::At(line.position()));
            }
        }
    }
    Ok(Start::First)
}

/// Showing records, under way.
struct Show {
    view: View,
    filter: Filter,
    matched: u64,
    unread: Unread,
}

impl Show {
    fn run(
        &mut self,
        args: &ShowArgs,
        source: Source<'_>,
        out: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> std::result::Result<(), Stop> {
        self.view.write_header(out)?;
        if args.follow {
            self.follow(source, out, stderr)
        } else if args.sort {
            self.sorted(args, source, out)
        } else if args.reverse {
            self.reversed(&source, out)
        } else {
            self.forwards(source, out)
        }
    }

    fn forwards(
        &mut self,
        source: Source<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), Stop> {
        let mut reader = source.reader;
        match source.start {
            Start::First => {}
            Start::At(position) => reader.seek(position),
            Start::End => return Ok(()),
        }
        while let Some(item) = reader.next_item()? {
            self.take(item, out)?;
        }
        Ok(())
    }

    fn reversed(
        &mut self,
        source: &Source<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), Stop> {
        let mut reverse = Reader::reverse(source.directory)?;
        let is_enough = |matched: u64| match source.lines {
            Lines::All => false,
            Lines::Last(count) => matched >= count,
        };
        while !is_enough(self.matched) {
            let Some(item) = reverse.next_item() else {
                break;
            };
            self.take(item, out)?;
        }
        Ok(())
    }

    fn sorted(
        &mut self,
        args: &ShowArgs,
        source: Source<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), Stop> {
        let mut reader = source.reader;
        let mut kept: Vec<(OffsetDateTime, Uuid, u64, Box<[u8]>)> = Vec::new();
        while let Some(item) = reader.next_item()? {
            let Some(line) = self.unread.take(item) else {
                continue;
            };
            match line.record() {
                Ok(record) if self.filter.matches(&record) => kept.push((
                    record.timestamp,
                    record.session,
                    record.seq,
                    line.bytes().into(),
                )),
                Ok(_) => {}
                Err(damage) => self.unread.add(damage),
            }
        }
        // The sequence decides within a session, so that equal times keep their order.
        kept.sort_by(|(one, .., _), (other, .., _)| one.cmp(other));
        let skipped = match source.lines {
            Lines::All => 0,
            Lines::Last(count) => kept
                .len()
                .saturating_sub(usize::try_from(count).unwrap_or(usize::MAX)),
        };
        kept.drain(..skipped);
        if args.reverse {
            kept.reverse();
        }
        for (.., line) in &kept {
            if let Ok(record) = crate::record::Record::parse(line) {
                self.view.write(out, line, &record)?;
                self.matched += 1;
            }
        }
        Ok(())
    }

    /// Shows what is there and then what comes, until nobody reads it any more.
    fn follow(
        &mut self,
        source: Source<'_>,
        out: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> std::result::Result<(), Stop> {
        let mut reader = source.reader;
        match source.start {
            Start::First => {}
            Start::At(position) => reader.seek(position),
            Start::End => while reader.next_item()?.is_some() {},
        }
        let mut follower = reader.follow();
        loop {
            if let Some(item) = follower.poll()? {
                self.take(item, out)?;
                continue;
            }
            out.flush()?;
            // Nobody waits for the end here, so what could not be read is told as it comes.
            self.unread.tell(stderr);
            self.unread = Unread::default();
            std::thread::sleep(Follower::PAUSE);
        }
    }

    fn take(&mut self, item: Item<'_>, out: &mut dyn Write) -> std::result::Result<(), Stop> {
        let Some(line) = self.unread.take(item) else {
            return Ok(());
        };
        match line.record() {
            Ok(record) if self.filter.matches(&record) => {
                self.view.write(out, line.bytes(), &record)?;
                self.matched += 1;
            }
            Ok(_) => {}
            Err(damage) => self.unread.add(damage),
        }
        Ok(())
    }
}

/// What could not be read.
#[derive(Debug, Default)]
struct Unread {
    lines: u64,
    segments: u64,
    examples: Vec<Damage>,
    notices: Vec<Notice>,
}

impl Unread {
    /// A person reads a handful; the count tells the rest.
    const EXAMPLES_MAX: usize = 5;

    /// Keeps what is no line and gives back what is.
    fn take<'a>(&mut self, item: Item<'a>) -> Option<crate::reader::Line<'a>> {
        match item {
            Item::Line(line) => return Some(line),
            Item::Damage(damage) => self.add(damage),
            Item::Notice(notice) => {
                if self.notices.len() < Self::EXAMPLES_MAX {
                    self.notices.push(notice);
                }
            }
        }
        None
    }

    fn add(&mut self, damage: Damage) {
        match damage.kind {
            DamageKind::Torn
            | DamageKind::NotARecord
            | DamageKind::NulHole
            | DamageKind::TooLong
            | DamageKind::InvalidUtf8 => self.lines += 1,
            DamageKind::Missing { .. } | DamageKind::NotAFile | DamageKind::Unreadable { .. } => {
                self.segments += 1;
            }
        }
        if self.examples.len() < Self::EXAMPLES_MAX {
            self.examples.push(damage);
        }
    }

    /// Says it on stderr. That nobody listens there is no failure.
    fn tell(&self, stderr: &mut dyn Write) {
        drop(self.write(stderr));
    }

    fn write(&self, stderr: &mut dyn Write) -> std::io::Result<()> {
        for notice in &self.notices {
            writeln!(stderr, "{notice}")?;
        }
        if self.lines > 0 {
            let plural = if self.lines == 1 { "" } else { "s" };
            let in_line: Vec<_> = self
                .examples
                .iter()
                .filter(|damage| damage.bytes > 0)
                .map(|damage| damage.position.to_string())
                .collect();
            let is_cut = (in_line.len() as u64) < self.lines;
            let more = if is_cut { ", …" } else { "" };
            writeln!(
                stderr,
                "{} unreadable line{plural} ({}{more})",
                self.lines,
                in_line.join(", ")
            )?;
        }
        if self.segments > 0 {
            let plural = if self.segments == 1 { "" } else { "s" };
            writeln!(stderr, "{} gap{plural} in the segments", self.segments)?;
        }
        for damage in &self.examples {
            // The reason of the operating system is no text of ours either.
            let described = damage.to_string();
            let described = super::sanitize::Sanitized(&described);
            if damage.excerpt.is_empty() {
                writeln!(stderr, "  {described}")?;
            } else {
                writeln!(stderr, "  {described}: {}", Excerpt(&damage.excerpt))?;
            }
        }
        Ok(())
    }
}

/// As many records as `journalctl` takes to its pager: a few dozen screens.
const LINES_ON_TERMINAL: u64 = 1000;

/// As many as `tail` shows before it waits.
const LINES_BEFORE_FOLLOW: u64 = 10;

/// One write for a few hundred records.
const BUFFER_BYTES: usize = 64 * 1024;
