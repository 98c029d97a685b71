//! `run` at a terminal: job control, signals of the terminal, and hangup.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use super::CommandHome;
use super::run::WAIT;
use crate::support::eventually;

/// A terminal with its own session, whose leader is the child.
pub(super) struct Terminal {
    /// Our end, until it is closed.
    master: Option<File>,
    name: String,
    child: Child,
    /// Output after the last text that was expected.
    shown: String,
}

impl Terminal {
    /// Starts a program with the script `count` in the working directory and the path of `localtel`
    /// in `$LOCALTEL`.
    pub(super) fn new(home: &CommandHome, words: &[&str]) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let name = name.to_str().unwrap().to_owned();
        let slave = File::options().read(true).write(true).open(&name).unwrap();
        std::fs::write(home.path().join("count"), COUNT).unwrap();
        // Without `noflsh` Ctrl-C discards pending output.
        stty(&name, &["noflsh"]);
        // The command has the only handles of the slave, so the terminal closes when it ends.
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(words)
            .current_dir(home.path())
            .env_clear()
            .envs(home.variables())
            .env("LOCALTEL", env!("CARGO_BIN_EXE_localtel"))
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .unwrap();
        Self {
            master: Some(File::from(master)),
            name,
            child,
            shown: String::new(),
        }
    }

    /// Runs a script under `run`, which leads the session.
    fn run(home: &CommandHome, script: &str) -> Self {
        let localtel = env!("CARGO_BIN_EXE_localtel");
        Self::new(
            home,
            &[localtel, "--app", "myapp", "run", "--", "sh", "-c", script],
        )
    }

    /// Runs a job of a shell, which prints `stopped` when the job stops, continues it in the
    /// foreground, and prints `ended` when it has ended.
    fn job(home: &CommandHome, job: &str) -> Self {
        let script = format!(
            "{job}; code=$?
             while [ $code -ge 147 ] && [ $code -le 150 ]; do
                 echo stopped $code; fg >/dev/null; code=$?
             done
             echo ended $code"
        );
        Self::new(home, &["sh", "-m", "-c", &script])
    }

    pub(super) fn type_in(&mut self, text: &str) {
        let mut master = self.master.as_ref().unwrap();
        master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the terminal shows a text, and returns the rest of its line.
    pub(super) fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let line = self.shown.split_once(text).and_then(|(_, rest)| {
                let (line, rest) = rest.split_once("\r\n")?;
                Some((line.trim().to_owned(), rest.to_owned()))
            });
            if let Some((line, rest)) = line {
                self.shown = rest;
                return line;
            }
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", self.shown);
            self.read().unwrap();
        }
    }

    /// Waits until the terminal shows a text, and returns what it has shown until then.
    pub(super) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.shown.contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", self.shown);
            self.read().unwrap();
        }
        std::mem::take(&mut self.shown)
    }

    /// Waits until the program has ended, and returns what the terminal has shown.
    pub(super) fn read_to_the_end(&mut self) -> String {
        let deadline = Instant::now() + Duration::from_mins(2);
        // Reading fails at the end of a terminal.
        while self.read().is_ok() {
            assert!(Instant::now() < deadline, "no end after {:?}", self.shown);
        }
        std::mem::take(&mut self.shown)
    }

    /// Returns the signal that ended the program.
    pub(super) fn signal(&mut self) -> Option<i32> {
        self.child.wait().unwrap().signal()
    }

    /// Reads what the terminal shows, and waits at most a second for it.
    fn read(&mut self) -> std::io::Result<()> {
        let mut master = self.master.as_ref().unwrap();
        let mut polled = [PollFd::new(master, PollFlags::IN)];
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        if poll(&mut polled, Some(&second)).unwrap() > 0 {
            let mut bytes = [0; 4096];
            let count = master.read(&mut bytes)?;
            self.shown
                .push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        Ok(())
    }
}

impl Drop for Terminal {
    /// Leaves no process behind if a test fails: the end of its leader hangs the session up.
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A script that counts signals, prints the count on SIGUSR1, and ends on SIGUSR2. It waits with
/// `wait`, which misses no signal and starts no process: a shell that is stopped while it starts
/// one does not stop.
const COUNT: &str = "n=0
trap 'n=$((n+1))' INT QUIT WINCH CONT
trap 'echo counted $n' USR1
trap 'kill $!; exit 3' USR2
sleep 100 &
echo ready $PPID
while :; do wait; done
";

fn stty(name: &str, words: &[&str]) {
    let status = Command::new("stty").args(["-F", name]).args(words).status();
    assert!(status.unwrap().success());
}

fn send(pid: &str, signal: Signal) {
    kill(Pid::from_raw(pid.parse().unwrap()), signal).unwrap();
}

/// Waits until `count` signals were counted, and checks that there are no more: a signal that
/// arrives together with the first SIGUSR1 is counted in the answer to the second.
fn expect_count(terminal: &mut Terminal, localtel: &str, count: usize) {
    let mut counted = || -> usize {
        send(localtel, Signal::SIGUSR1);
        terminal.expect("counted ").parse().unwrap()
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    while counted() < count {
        assert!(Instant::now() < deadline, "not {count}");
    }
    assert_eq!(counted(), count);
}

#[test]
fn a_hangup_reaches_the_command_of_a_session_leader() {
    let home = CommandHome::enabled();
    let received = home.path().join("received");
    let script = format!(
        "trap 'echo yes >{}; exit 5' HUP; echo ready; {WAIT}",
        received.display()
    );
    let mut terminal = Terminal::run(&home, &script);
    terminal.expect("ready");
    terminal.master = None;
    assert_eq!(terminal.child.wait().unwrap().code(), Some(5));
    assert_eq!(std::fs::read_to_string(received).unwrap(), "yes\n");
}

#[test]
fn a_command_that_dies_of_a_hangup_is_recorded_as_failed() {
    let home = CommandHome::enabled();
    let mut terminal = Terminal::run(&home, "echo ready; exec sleep 60");
    terminal.expect("ready");
    terminal.master = None;
    assert_eq!(terminal.child.wait().unwrap().signal(), Some(1));
    let records = home.records("command");
    assert_eq!(records[0].properties.get("signal"), Some(&json!(1)));
    assert_eq!(records[0].properties.get("result"), Some(&json!("ERROR")));
}

#[test]
fn each_signal_of_the_terminal_arrives_once() {
    let home = CommandHome::enabled();
    let mut terminal = Terminal::run(&home, "exec sh count");
    let localtel = terminal.expect("ready ");
    terminal.type_in("\u{3}");
    expect_count(&mut terminal, &localtel, 1);
    terminal.type_in("\u{1c}");
    expect_count(&mut terminal, &localtel, 2);
    stty(&terminal.name, &["cols", "77"]);
    expect_count(&mut terminal, &localtel, 3);
    send(&localtel, Signal::SIGUSR2);
    assert_eq!(terminal.child.wait().unwrap().code(), Some(3));
}

const RUN: &str = "\"$LOCALTEL\" --app myapp run --";

#[test]
fn a_shell_sees_its_job_stop_and_continues_it() {
    let home = CommandHome::enabled();
    for job in [
        format!("{RUN} sh count"),
        format!("true | {RUN} sh count"),
        // The shell sees only the outer `run`.
        format!("{RUN} {RUN} sh count"),
    ] {
        let mut terminal = Terminal::job(&home, &job);
        let localtel = terminal.expect("ready ");
        for count in 1..=2 {
            terminal.type_in("\u{1a}");
            assert_eq!(terminal.expect("stopped "), "148", "{job}");
            expect_count(&mut terminal, &localtel, count);
        }
        send(&localtel, Signal::SIGUSR2);
        assert_eq!(terminal.expect("ended "), "3");
        assert!(terminal.child.wait().unwrap().success());
    }
}

#[test]
fn sigtstp_stops_run_and_its_command_until_both_continue() {
    let home = CommandHome::enabled();
    let script = "\"$LOCALTEL\" --app myapp run -- sh -c 'echo ready $PPID $$; exec sleep 60'
                  echo stopped $?; read line; fg >/dev/null; echo ended $?";
    let mut terminal = Terminal::new(&home, &["sh", "-m", "-c", script]);
    let pids = terminal.expect("ready ");
    let (localtel, command) = pids.split_once(' ').unwrap();
    send(localtel, Signal::SIGTSTP);
    assert_eq!(terminal.expect("stopped "), "148");
    assert!(is_stopped(localtel) && is_stopped(command));
    terminal.type_in("\n");
    for pid in [localtel, command] {
        eventually("a running process", || !is_stopped(pid));
    }
    send(localtel, Signal::SIGTERM);
    assert_eq!(terminal.expect("ended "), "143");
}

fn is_stopped(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.contains(") T ")
}

#[test]
fn a_command_that_reads_in_the_background_stops_run() {
    let home = CommandHome::enabled();
    let script = "\"$LOCALTEL\" --app myapp run -- sh -c 'read line </dev/tty; echo read $line' &
                  wait $!; echo stopped; fg >/dev/null; echo ended $?";
    let mut terminal = Terminal::new(&home, &["bash", "-m", "-c", script]);
    terminal.expect("stopped");
    terminal.type_in("text\n");
    assert_eq!(terminal.expect("read "), "text");
    assert_eq!(terminal.expect("ended "), "0");
}

#[test]
fn ctrl_c_reaches_a_command_that_moved_to_its_own_group() {
    let home = CommandHome::enabled();
    // `timeout` becomes the leader of a new group in the background.
    let script = format!("trap 'echo received it' INT; echo ready $PPID; {WAIT}");
    let localtel = env!("CARGO_BIN_EXE_localtel");
    let words = [localtel, "--app", "myapp", "run", "timeout", "60"];
    let words = [&words[..], &["sh", "-c", &script]].concat();
    let mut terminal = Terminal::new(&home, &words);
    let timeout = terminal.expect("ready ");
    terminal.type_in("\u{3}");
    assert_eq!(terminal.expect("received "), "it");
    send(&timeout, Signal::SIGTERM);
    assert!(!terminal.child.wait().unwrap().success());
}
