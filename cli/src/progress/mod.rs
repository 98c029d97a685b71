//! The line on a terminal that says how far a command is while it prints nothing: it appears after
//! a second, and is erased before the command prints. A thread draws it, so the work is not slower,
//! and so that the line is true while a file system does not answer. The bytes are counted where
//! they are read or copied; their number as text is a pure function. `interrupt` has the line
//! erased on Ctrl-C.

mod interrupt;

use std::cell::RefCell;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use self::interrupt::{HeldInterrupts, Interrupts};
use super::quantity::size;
use localtel::read::{ByteCounts, ByteProgress};

/// The line of one command.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    is_shown: bool,
    bytes: ByteProgress,
    drawing: RefCell<Option<Drawing>>,
}

/// The thread that draws, which ends when the pipe is closed.
#[derive(Debug)]
struct Drawing {
    stop: PipeWriter,
    thread: JoinHandle<()>,
    /// Dropped at the end, when the line is erased.
    held: Option<HeldInterrupts>,
}

impl ProgressLine {
    /// Returns a line on the standard error that is a terminal. It does not appear yet.
    pub(crate) fn on_terminal() -> Self {
        Self::new(true)
    }

    /// Returns a line that never appears.
    pub(crate) fn hidden() -> Self {
        Self::new(false)
    }

    fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            bytes: ByteProgress::default(),
            drawing: RefCell::new(None),
        }
    }

    /// Returns `true` if somebody may see the line.
    pub(crate) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Returns where the bytes are counted that the line shows.
    pub(crate) fn bytes(&self) -> &ByteProgress {
        &self.bytes
    }

    /// Begins: from a second on, the line says how many bytes were done, after what is being done
    /// with them.
    pub(crate) fn begin(&self, doing: &'static str) {
        self.end();
        if self.is_shown {
            // Without a thread, there is no line.
            *self.drawing.borrow_mut() = self.start(doing).ok();
        }
    }

    fn start(&self, doing: &'static str) -> io::Result<Drawing> {
        let (stopped, stop) = io::pipe()?;
        // Before the thread is started, so that it holds them back, too.
        let (held, interrupts) = HeldInterrupts::begin().unzip();
        let bytes = self.bytes.clone();
        let wakes = Wakes {
            stopped,
            interrupts,
        };
        let thread = thread::Builder::new().name("localtel-progress".to_owned());
        let thread = thread.spawn(move || draw(doing, &bytes, &wakes))?;
        Ok(Drawing { stop, thread, held })
    }

    /// Erases the line, and draws it no more.
    pub(crate) fn end(&self) {
        if let Some(Drawing { stop, thread, held }) = self.drawing.borrow_mut().take() {
            drop(stop);
            let _ended = thread.join();
            drop(held);
        }
    }
}

/// A test has no terminal.
#[cfg(test)]
impl Default for ProgressLine {
    fn default() -> Self {
        Self::hidden()
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.end();
    }
}

/// An output that erases the line before anything is written to it.
#[derive(Debug)]
pub(crate) struct AfterProgress<'a, W> {
    line: &'a ProgressLine,
    output: W,
}

impl<'a, W> AfterProgress<'a, W> {
    pub(crate) fn new(line: &'a ProgressLine, output: W) -> Self {
        Self { line, output }
    }
}

impl<W: Write> Write for AfterProgress<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.end();
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// What the thread waits for.
#[derive(Debug)]
struct Wakes {
    stopped: PipeReader,
    interrupts: Option<Interrupts>,
}

/// Why the thread goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// It is time to draw.
    Interval,
    /// The command prints something, or ends.
    Stopped,
    /// The user wants it to end.
    Interrupted,
}

impl Wakes {
    fn wait(&self) -> Wake {
        let mut polled = vec![PollFd::new(&self.stopped, PollFlags::IN)];
        let interrupts = self.interrupts.as_ref();
        let descriptor = interrupts.map(Interrupts::descriptor);
        polled.extend(descriptor.map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN)));
        match poll(&mut polled, Some(&INTERVAL)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // Without waiting, it would only use the processor.
            Err(_) => return Wake::Stopped,
        }
        let is_stopped = polled.first().is_none_or(|pipe| !pipe.revents().is_empty());
        if interrupts.is_some_and(Interrupts::take) {
            Wake::Interrupted
        } else if is_stopped {
            Wake::Stopped
        } else {
            Wake::Interval
        }
    }
}

/// Draws the line until the command prints, and then erases it.
fn draw(doing: &str, bytes: &ByteProgress, wakes: &Wakes) {
    let begun = Instant::now();
    let mut shown = 0;
    loop {
        match wakes.wait() {
            Wake::Interval if is_foreground() => {
                let line = line(doing, bytes.counts(), begun.elapsed(), cells());
                write(&replacing(&line, shown));
                shown = line.len();
            }
            Wake::Interval => {}
            Wake::Stopped => return erase(shown),
            Wake::Interrupted => {
                erase(shown);
                shown = 0;
                interrupt::deliver();
            }
        }
    }
}

/// Erases a line of that many cells, and the `^C` that the terminal shows behind it.
fn erase(shown: usize) {
    if shown > 0 {
        write(&format!("{}\r", replacing("", shown + ECHO_CELLS)));
    }
}

/// Returns the text of the line, which is shorter than the terminal is wide; nothing in the first
/// second, and if it is not known how much there is to do.
fn line(doing: &str, counts: ByteCounts, elapsed: Duration, cells: usize) -> String {
    if elapsed < QUIET || counts.total == 0 {
        return String::new();
    }
    // What others write meanwhile is read, too.
    let total = counts.total.max(counts.done);
    let percent = u128::from(counts.done) * 100 / u128::from(total);
    let bytes = format!("{} of {}", size(counts.done), size(total));
    let texts = [
        format!("{doing} {bytes} ({percent}%)"),
        bytes,
        format!("{percent}%"),
    ];
    let mut texts = texts.into_iter();
    // A line as wide as the terminal would move the cursor to the next one.
    texts
        .find(|text| text.len() + ECHO_CELLS < cells)
        .unwrap_or_default()
}

/// Returns what replaces a line of that many cells. It has no escape sequence, which not every
/// terminal knows.
fn replacing(line: &str, shown: usize) -> String {
    if line.is_empty() && shown == 0 {
        return String::new();
    }
    format!("\r{line:shown$}")
}

/// Writes to the standard error, of which this process holds the lock while a command runs. That it
/// cannot be written costs the line only.
fn write(text: &str) {
    // The handle is not locked, so that this does not wait for the command.
    let _written = rustix::io::write(io::stderr(), text.as_bytes());
}

/// Returns the width of the terminal.
fn cells() -> usize {
    let told = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if told == 0 {
        CELLS_DEFAULT
    } else {
        usize::from(told)
    }
}

/// Returns `false` if another job has the terminal.
fn is_foreground() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |group| group == getpgrp())
}

/// The time in which no line appears.
const QUIET: Duration = Duration::from_secs(1);

/// The time between two drawings.
const INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// The width of `^C`.
const ECHO_CELLS: usize = 2;

/// The width of a terminal that does not say it.
const CELLS_DEFAULT: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: ByteCounts = ByteCounts {
        done: 400 << 20,
        total: 1 << 30,
    };

    fn after_two_seconds(counts: ByteCounts, cells: usize) -> String {
        line("reading", counts, Duration::from_secs(2), cells)
    }

    #[test]
    fn a_line_says_how_many_bytes_of_all_are_done() {
        let text = after_two_seconds(HALF, 80);
        assert_eq!(text, "reading 400.0 MiB of 1.0 GiB (39%)");
    }

    #[test]
    fn nothing_is_shown_in_the_first_second() {
        let at = |millis| line("reading", HALF, Duration::from_millis(millis), 80);
        assert_eq!(at(0), "");
        assert_eq!(at(999), "");
        assert_ne!(at(1000), "");
    }

    #[test]
    fn nothing_is_shown_while_the_total_is_unknown() {
        assert_eq!(after_two_seconds(ByteCounts::default(), 80), "");
    }

    #[test]
    fn bytes_that_were_added_meanwhile_count_in_the_total() {
        let counts = ByteCounts {
            done: 3 << 10,
            total: 2 << 10,
        };
        assert_eq!(
            after_two_seconds(counts, 80),
            "reading 3.0 KiB of 3.0 KiB (100%)"
        );
    }

    #[test]
    fn a_line_is_shorter_than_a_narrow_terminal_is_wide() {
        for (cells, expected) in [
            (37, "reading 400.0 MiB of 1.0 GiB (39%)"),
            (36, "400.0 MiB of 1.0 GiB"),
            (22, "39%"),
            (5, ""),
            (0, ""),
        ] {
            assert_eq!(after_two_seconds(HALF, cells), expected, "{cells}");
        }
    }

    #[test]
    fn a_shorter_line_leaves_nothing_of_the_one_before() {
        assert_eq!(replacing("abc", 0), "\rabc");
        assert_eq!(replacing("ab", 4), "\rab  ");
        assert_eq!(replacing("abc", 2), "\rabc");
    }

    #[test]
    fn before_the_first_line_nothing_is_written() {
        assert_eq!(replacing("", 0), "");
    }

    #[test]
    fn no_thread_draws_a_hidden_line() {
        let line = ProgressLine::hidden();
        line.begin("reading");
        assert!(line.drawing.borrow().is_none());
    }

    #[test]
    fn output_ends_the_line() {
        let line = ProgressLine::on_terminal();
        line.begin("reading");
        assert!(line.drawing.borrow().is_some());
        let mut shown = Vec::new();
        AfterProgress::new(&line, &mut shown)
            .write_all(b"a")
            .unwrap();
        assert!(line.drawing.borrow().is_none());
        assert_eq!(shown, b"a");
    }
}
