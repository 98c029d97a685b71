//! The end of a run: the messages about what was not shown and why nothing matched, and the exit.

use std::io::Write;

use super::super::exit::Exit;
use super::super::reading::{EmptySelection, RecordInputs, UnreadCounts};
use super::super::screen::{OutputKind, Screen};
use super::args::{LineLimit, ShowArgs};

/// What is known when everything was shown.
pub(super) struct ShowEnd {
    pub(super) lines: LineLimit,
    /// Whether there are records before those that were shown.
    pub(super) is_cut: bool,
    pub(super) is_reader_gone: bool,
    /// Number of inputs that could not be opened.
    pub(super) failures: usize,
    pub(super) matched: u64,
    /// Number of records of localtel itself that match and are not shown.
    pub(super) own: u64,
}

impl ShowEnd {
    /// Prints what the user should know of the result, and returns the exit.
    pub(super) fn report(
        &self,
        args: &ShowArgs,
        (inputs, selection): (&RecordInputs<'_>, &EmptySelection),
        unread: &UnreadCounts,
        screen: &mut Screen<'_>,
    ) -> Exit {
        print_own(self.own, screen.stderr);
        let is_denied = unread.is_denied() || self.failures > 0;
        let is_nothing = self.matched == 0 && !self.is_reader_gone;
        let is_explained = is_nothing
            && !is_denied
            && self.own == 0
            // A follower said so when it had read everything, and with a cursor it is usual.
            && !args.follow
            && args.wanted.cursor_file().is_none()
            && self.lines != LineLimit::Last(0)
            && selection.print_reasons(inputs, screen.stderr);
        if let (None, false, LineLimit::Last(count)) = (args.lines, args.follow, self.lines)
            && (self.is_cut || self.matched >= count)
        {
            screen.print_message(format_args!(
                "only the last {count} records are shown; `-n all` shows all"
            ));
        }
        let is_silent = is_nothing && !is_explained && !args.wanted.count;
        if is_silent && screen.sink == OutputKind::Terminal {
            let other = if self.own > 0 { " else" } else { "" };
            screen.print_message(format_args!("nothing{other} matched"));
        }
        // Damage does not change the exit, but missing permission to read does.
        if is_denied {
            Exit::Failed
        } else if args.exit_status && is_nothing {
            Exit::NothingMatched
        } else {
            Exit::Done
        }
    }
}

/// Prints how many records of localtel itself are not shown.
pub(super) fn print_own(count: u64, stderr: &mut dyn Write) {
    let text = match count {
        0 => return,
        1 => "1 record of localtel itself is hidden; --own shows it".to_owned(),
        count => format!("{count} records of localtel itself are hidden; --own shows them"),
    };
    // A closed stderr is not an error here.
    drop(writeln!(stderr, "{text}"));
}
