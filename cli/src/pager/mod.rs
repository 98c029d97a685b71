//! The pager for output that does not fit on the screen, as in `git` and `journalctl`. Without a
//! pager, or if it is not installed, output goes to the screen. `less` reads the options of the
//! usual pager.

mod less;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use less::LessEscapes;

/// A running pager. Writing to it fails with a broken pipe after the user has left it.
#[derive(Debug)]
pub(crate) struct Pager {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// Returns the pager command: `LOCALTEL_PAGER`, else `PAGER`, else `less`. An empty value and `cat`
/// mean no pager.
fn choose(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let chosen = variable("LOCALTEL_PAGER")
        .or_else(|| variable("PAGER"))
        .unwrap_or_else(|| "less".into());
    let is_none = chosen
        .to_str()
        .is_some_and(|text| matches!(text.trim(), "" | "cat"));
    (!is_none).then_some(chosen)
}

/// Splits a command at its spaces, or runs it with the shell if it has special characters.
fn words(command: &OsString) -> Vec<OsString> {
    match command.to_str() {
        Some(text) if !text.contains(['"', '\'', '\\', '$', '|', '&', ';', '<', '>', '(', '*']) => {
            text.split_whitespace().map(OsString::from).collect()
        }
        Some(_) | None => vec!["sh".into(), "-c".into(), command.clone()],
    }
}

impl Pager {
    /// Returns `true` if the pager shows colours. `less` does with the options set here, or if
    /// the user's own include that one. Other pagers pass on what they get.
    pub(crate) fn shows_colours(variable: &dyn Fn(&str) -> Option<OsString>) -> bool {
        let Some(command) = choose(variable) else {
            return true;
        };
        let command = command.to_string_lossy();
        let mut words = command.split_whitespace();
        let is_less = |word: &&str| Path::new(word).file_name() == Some(OsStr::new("less"));
        if words.find(is_less).is_none() {
            return true;
        }
        let options = variable("LESS").unwrap_or_else(|| LESS_OPTIONS.into());
        let escapes = LessEscapes::default().after(&options.to_string_lossy());
        let is_option = |word: &&str| word.starts_with(['-', '+']);
        let typed = words.take_while(is_option);
        typed.fold(escapes, LessEscapes::after) == LessEscapes::Passed
    }

    /// Starts the pager, if there is one and the terminal is not dumb.
    pub(crate) fn start(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<Self> {
        if variable("TERM").is_some_and(|term| term == "dumb") {
            return None;
        }
        let words = words(&choose(variable)?);
        let (program, arguments) = words.split_first()?;
        #[expect(clippy::disallowed_methods, reason = "the user chooses the pager")]
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped());
        if variable("LESS").is_none() {
            command.env("LESS", LESS_OPTIONS);
        }
        if rustix::process::geteuid().is_root() {
            // A pager that runs as root must not give access to a shell.
            command.env("LESSSECURE", "1");
        }
        let mut child = command.spawn().ok()?;
        let stdin = child.stdin.take();
        // Ctrl-C is for the pager now. The child was started before, so it still gets it.
        let mut interrupt = nix::sys::signal::SigSet::empty();
        interrupt.add(nix::sys::signal::Signal::SIGINT);
        interrupt.thread_block().ok();
        Some(Self { child, stdin })
    }

    /// Closes the input of the pager, and waits until the user leaves it.
    pub(crate) fn finish(mut self) {
        drop(self.stdin.take());
        // The exit of the pager does not change the result.
        drop(self.child.wait());
    }
}

/// The options of `less` if the user has none: it ends if everything fits, shows colours but no
/// other escape sequences, cuts long lines, which scroll sideways, and keeps the screen.
const LESS_OPTIONS: &str = "FRSX";

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stdin {
            Some(stdin) => stdin.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.as_mut().map_or(Ok(()), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(set: &[(&str, &str)]) -> Option<OsString> {
        choose(&|name: &str| {
            let found = set.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn localtel_pager_overrides_pager() {
        let both = [("PAGER", "more"), ("LOCALTEL_PAGER", "most -x")];
        assert_eq!(chosen(&both), Some("most -x".into()));
        assert_eq!(chosen(&both[..1]), Some("more".into()));
        assert_eq!(chosen(&[]), Some("less".into()));
    }

    #[test]
    fn cat_and_nothing_mean_no_pager() {
        for none in ["", " ", "cat"] {
            assert_eq!(chosen(&[("PAGER", none)]), None, "{none:?}");
            assert_eq!(chosen(&[("PAGER", "more"), ("LOCALTEL_PAGER", none)]), None);
        }
    }

    #[test]
    fn a_command_is_split_unless_it_needs_a_shell() {
        assert_eq!(words(&"less -R  -S".into()), ["less", "-R", "-S"]);
        assert_eq!(words(&"less | cat".into()), ["sh", "-c", "less | cat"]);
    }

    #[test]
    fn less_shows_colours_only_with_the_option_for_it() {
        for (variables, expected) in [
            (&[][..], true),
            (&[("LESS", "--ignore-case")], false),
            (&[("LESS", "-i --quit-if-one-screen")], false),
            (&[("LESS", "")], false),
            (&[("LESS", "-R")], true),
            (&[("LESS", "-i"), ("PAGER", "less -R")], true),
            (&[("LESS", "R"), ("PAGER", "/usr/bin/less -+R")], false),
            (&[("LESS", "i"), ("PAGER", "grep x | less")], false),
            (&[("LESS", "i"), ("PAGER", "more")], true),
            (&[("LESS", "i"), ("PAGER", "cat")], true),
        ] {
            let variable = |wanted: &str| {
                let found = variables.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| OsString::from(value))
            };
            let shown = Pager::shows_colours(&variable);
            assert_eq!(shown, expected, "{variables:?}");
        }
    }

    #[test]
    fn a_missing_pager_is_not_started() {
        let missing = |name: &str| (name == "PAGER").then(|| "/nowhere/pager".into());
        assert!(Pager::start(&missing).is_none());
    }
}
