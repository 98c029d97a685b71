//! `run` does not change how its command behaves, and records how it ended.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{CommandHome, err, out};
use crate::support::eventually;

/// Shell code that waits for signals, for a minute: a lost signal must fail a test and not hang it.
pub(super) const WAIT: &str =
    "turns=0; while [ $turns -lt 1200 ]; do sleep 0.05; turns=$((turns+1)); done";

/// Starts a shell script under `run` and waits until it has printed `ready`.
fn start(home: &CommandHome, script: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = home
        .localtel()
        .args(["run", "--name", "script", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, output)
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).unwrap();
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Returns `true` if this process was started with a signal ignored, as by `nohup` and `&`: then a
/// shell cannot trap it either.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal as i32 - 1)) != 0)
}

#[test]
fn run_reports_that_it_does_not_record() {
    let home = CommandHome::enabled();
    for words in [&["--app", "other", "enable"] as &[&str], &["run", "echo"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_localtel"))
            .env_clear()
            .envs(home.variables())
            .args(words)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        let expected = words.contains(&"run");
        let printed = err(&output);
        let last = "\nlocaltel: running without recording\n";
        assert_eq!(printed.ends_with(last), expected, "{printed}");
    }
}

#[test]
fn the_exit_code_is_the_commands_own() {
    let home = CommandHome::enabled();
    for code in [0, 1, 3, 42, 127, 255] {
        let status = home
            .localtel()
            .args(["run", "--", "sh", "-c", &format!("exit {code}")])
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code));
    }
    let records = home.records("command");
    assert_eq!(records.len(), 6);
    let property = |index: usize, key: &str| records[index].properties.get(key).cloned();
    assert_eq!(property(0, "command"), Some(json!("sh")));
    assert_eq!(property(0, "exit_code"), Some(json!(0)));
    assert_eq!(property(0, "result"), Some(json!("SUCCESS")));
    assert_eq!(property(3, "exit_code"), Some(json!(42)));
    assert_eq!(property(3, "result"), Some(json!("ERROR")));
    assert!(property(3, "duration").is_some_and(|value| value.is_u64()));
}

#[test]
fn every_signal_that_can_be_caught_reaches_the_command() {
    let home = CommandHome::enabled();
    let can_be_trapped = |number: &i32| {
        let signal = Signal::try_from(*number);
        let uncaught = [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD];
        // The C library reserves some of the real-time signals.
        !signal.is_ok_and(|signal| uncaught.contains(&signal) || is_ignored(signal))
            && !(32..=34).contains(number)
    };
    let last = if cfg!(target_os = "linux") { 64 } else { 15 };
    let mut numbers: Vec<i32> = (1..=last).filter(can_be_trapped).collect();
    // The last one ends the command.
    numbers.retain(|number| *number != Signal::SIGTERM as i32);
    numbers.push(Signal::SIGTERM as i32);
    let traps = numbers
        .iter()
        .map(|number| format!("trap 'echo {number}' {number}; "));
    let script = format!(
        "{} trap 'echo 15; exit 5' TERM; echo ready; {WAIT}",
        traps.collect::<String>()
    );
    let (mut child, mut output) = start(&home, &script);
    for number in numbers {
        let kill = format!("kill -{number} {}", child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{number}");
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{number}\n"));
    }
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn a_signal_to_the_process_group_arrives_once() {
    let home = CommandHome::enabled();
    let script = format!(
        "trap 'n=$((n+1))' USR1; trap 'echo $n' USR2; n=0; kill -USR1 0; echo ready; {WAIT}"
    );
    let mut command = home.localtel();
    let mut child = command
        .args(["run", "--", "sh", "-c", &script])
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    output.read_line(&mut lines).unwrap();
    // The second answer comes after every signal that was received before the first one.
    for _ in 0..2 {
        send(&child, Signal::SIGUSR2);
        output.read_line(&mut lines).unwrap();
    }
    assert_eq!(lines, "ready\n1\n1\n");
    send(&child, Signal::SIGTERM);
    child.wait().unwrap();
}

#[test]
fn a_run_has_a_start_and_an_end_in_one_session() {
    let home = CommandHome::enabled();
    let mut command = home.localtel();
    assert!(command.args(["run", "true"]).status().unwrap().success());
    let [start, end] = ["command.start", "command"].map(|event| home.records(event).remove(0));
    assert_eq!(start.session, end.session);
    for name in ["command", "command.id"] {
        let value = start.properties.get(name);
        assert_eq!(value, end.properties.get(name), "{name}");
        assert!(value.is_some(), "{name}");
    }
    assert_eq!(start.properties.get("result"), None);
}

#[test]
fn a_run_that_is_killed_leaves_its_start() {
    let home = CommandHome::enabled();
    let (mut child, _output) = start(&home, "echo ready; exec sleep 2");
    // The command may print before its start is recorded.
    eventually("`command.start`", || {
        home.records("command.start").len() == 1
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(home.records("command").len(), 0);
    let status = out(&home.localtel().arg("status").output().unwrap());
    assert!(status.contains("0 running, 1 without an end"), "{status}");
}

#[test]
fn records_inside_a_run_have_its_id() {
    const OTHER: &str = "01936f0e-7d5c-7a51-9b63-3c1f0a9d2e4b";
    let home = CommandHome::enabled();
    let script = format!(
        "localtel() {{ '{}' --app myapp \"$@\"; }}
         localtel record one a=1 && localtel record own command.id={OTHER} &&
         echo '{{\"event\":\"two\"}} {{\"event\":\"own\",\"command.id\":\"{OTHER}\"}}' |
         tr ' ' '\\n' | localtel record - &&
         LOCALTEL_COMMAND_ID='{OTHER} x' localtel record none",
        env!("CARGO_BIN_EXE_localtel")
    );
    let mut command = home.localtel();
    let output = command.args(["run", "--", "sh", "-c", &script]).output();
    assert!(output.as_ref().unwrap().status.success(), "{output:?}");
    let ids = |event: &str| -> Vec<Option<Value>> {
        let records = home.records(event);
        let id = |record: &localtel::read::Record| record.properties.get("command.id").cloned();
        records.iter().map(id).collect()
    };
    let own = ids("command");
    assert!(own[0].is_some());
    assert_eq!(ids("one"), own);
    assert_eq!(ids("two"), own);
    assert_eq!(ids("own"), [Some(json!(OTHER)), Some(json!(OTHER))]);
    assert_eq!(ids("none"), [None]);
}

/// Returns a command that starts `run` with a shell script, through the program `words`.
fn started_by(home: &CommandHome, words: &[&str], script: &str) -> Command {
    let localtel = home.localtel();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(localtel.get_program())
        .args(localtel.get_args())
        .args(["run", "--", "sh", "-c", script])
        .current_dir(home.path())
        .env_clear()
        .envs(home.variables());
    command
}

#[test]
fn a_command_that_run_cannot_reap_keeps_its_code() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let home = CommandHome::enabled();
    let mut command = started_by(&home, &["env", "--ignore-signal=CHLD"], "exit 7");
    assert_eq!(command.status().unwrap().code(), Some(7));
    assert_eq!(home.records("command.start").len(), 1);
    assert_eq!(home.records("command").len(), 0);
}

#[test]
fn as_process_1_of_a_container_run_reaps_orphans() {
    let unshare = ["unshare", "--fork", "--pid", "--mount-proc"];
    let probe = Command::new(unshare[0])
        .args(&unshare[1..])
        .arg("true")
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return;
    }
    let home = CommandHome::enabled();
    // The orphan outlives its parent, so that only process 1 can reap it.
    let script = "sh -c 'sleep 0.1 & echo $! >orphan'; orphan=$(cat orphan); i=0
                  while [ -e /proc/$orphan ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done
                  [ -e /proc/$orphan ] && cat /proc/$orphan/stat; exit 9";
    let output = started_by(&home, &unshare, script).output().unwrap();
    assert_eq!((out(&output).as_str(), output.status.code()), ("", Some(9)));
    // No signal ends process 1, so its exit code names the signal.
    let mut command = started_by(&home, &unshare, "kill -TERM $$");
    assert_eq!(command.status().unwrap().code(), Some(143));
}

#[test]
fn run_ends_by_the_signal_that_ended_its_command() {
    let home = CommandHome::enabled();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGKILL,
        Signal::SIGSEGV,
        Signal::SIGINT,
    ]
    .into_iter()
    .filter(|signal| !is_ignored(*signal))
    {
        let name = signal.as_str().trim_start_matches("SIG");
        let status = home
            .localtel()
            .args([
                "run",
                "--",
                "sh",
                "-c",
                &format!("ulimit -c 0; kill -{name} $$"),
            ])
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(signal as i32), "{signal}");
    }
    let records = home.records("command");
    assert_eq!(records[0].properties.get("signal"), Some(&json!(15)));
    assert_eq!(records[0].properties.get("exit_code"), None);
    assert_eq!(records[0].properties.get("result"), Some(&json!("ERROR")));
}

#[test]
fn a_broken_pipe_of_the_command_ends_as_in_a_shell() {
    let home = CommandHome::new();
    let status = home
        .localtel()
        .args(["run", "--", "sh", "-c", "kill -PIPE $$"])
        .status()
        .unwrap();
    assert!(
        status.code() == Some(141) || status.signal() == Some(13),
        "{status:?}"
    );
}

#[test]
fn input_output_and_arguments_pass_through_unchanged() {
    let home = CommandHome::enabled();
    let mut child = home
        .localtel()
        .args([
            "run",
            "--",
            "sh",
            "-c",
            "cat; printf '%s|' \"$@\" >&2",
            "sh",
        ])
        .args(["--help", "-x", "a b", ""])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(300_000).collect();
    let mut input = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::Builder::new()
        .spawn(move || input.write_all(&sent).unwrap())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(output.stdout, bytes);
    assert_eq!(err(&output), "--help|-x|a b||");
}

#[test]
fn the_command_inherits_signals_and_variables() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let home = CommandHome::enabled();
    let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status; echo \"$MARK\"";
    let output = home
        .localtel()
        .env("MARK", "a=b\nc")
        .args(["run", "--", "sh", "-c", script])
        .output()
        .unwrap();
    let text = out(&output);
    assert!(text.contains("SigBlk:\t0000000000000000\n"), "{text}");
    let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
    let ignored = u64::from_str_radix(ignored.unwrap(), 16).unwrap();
    assert_eq!(ignored & (1 << 12), 0, "SIGPIPE is ignored: {text}");
    assert!(text.ends_with("a=b\nc\n"), "{text}");
}

#[test]
fn command_ids_are_passed_down_the_process_tree() {
    const ID: &str = "01936f0e-7d5c-7a51-9b63-3c1f0a9d2e4b";
    let home = CommandHome::enabled();
    let script = "echo $LOCALTEL_COMMAND_ID; env | grep -c COMMAND_ID";
    let printed = |given: Option<&str>| {
        let mut command = home.localtel();
        command.envs(given.map(|id| ("LOCALTEL_COMMAND_ID", id)));
        let output = command.args(["run", "--", "sh", "-c", script]).output();
        out(&output.unwrap()).trim_end().to_owned()
    };
    let made = printed(None);
    assert_eq!(printed(Some(ID)), format!("{ID}\n1"));
    let replaced = printed(Some("nonsense"));
    let recorded: Vec<String> = home
        .records("command")
        .iter()
        .map(|record| record.properties.get("command.id").unwrap())
        .map(|id| format!("{}\n1", id.as_str().unwrap()))
        .collect();
    assert_eq!(recorded, [made, format!("{ID}\n1"), replaced]);
}

#[test]
fn nested_runs_have_one_id() {
    let home = CommandHome::enabled();
    let inner = format!("{} --app myapp run -- true", env!("CARGO_BIN_EXE_localtel"));
    let mut command = home.localtel();
    command.args(["run", "--", "sh", "-c", &inner]);
    assert!(command.status().unwrap().success());
    let records = home.records("command");
    let id = |index: usize| records[index].properties.get("command.id").unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(id(0), id(1));
}

#[test]
fn when_off_an_id_is_passed_on_but_not_created() {
    let home = CommandHome::new();
    let mut command = home.localtel();
    command.args(["run", "--", "sh", "-c", "echo ${LOCALTEL_COMMAND_ID-none}"]);
    assert_eq!(out(&command.output().unwrap()), "none\n");
    command.env("LOCALTEL_COMMAND_ID", "anything");
    assert_eq!(out(&command.output().unwrap()), "anything\n");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_or_invalid_program_ends_as_in_a_shell() {
    let home = CommandHome::enabled();
    let missing = home
        .localtel()
        .args(["run", "--", "no-such-command"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(127));
    assert_eq!(
        err(&missing),
        "localtel: could not run \"no-such-command\": command not found\n"
    );
    let file = home.path().join("file");
    std::fs::write(&file, "text").unwrap();
    for path in [file.as_path(), home.path()] {
        let refused = home
            .localtel()
            .args(["run", "--"])
            .arg(path)
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(126), "{refused:?}");
    }
    let codes: Vec<Option<Value>> = home
        .records("command")
        .iter()
        .map(|record| record.properties.get("exit_code").cloned())
        .collect();
    assert_eq!(
        codes,
        [Some(json!(127)), Some(json!(126)), Some(json!(126))]
    );
}

#[test]
fn a_command_that_cannot_start_is_recorded_by_file_name() {
    let home = CommandHome::enabled();
    let table = [
        (&["no-such-command", "-x"][..], "no-such-command"),
        (&["/no/such/folder/tool"], "tool"),
        (&["/etc"], "etc"),
        // A command line in one argument, and variables before a command, may contain secrets.
        (&["mysql -u root -phunter2 /db"], "mysql"),
        (&["password=hunter2"], "password"),
        (&["--name", "nightly", "--", "password=hunter2"], "nightly"),
    ];
    for (words, _) in table {
        home.localtel().arg("run").args(words).output().unwrap();
    }
    let records = home.records("command");
    let names: Vec<&Value> = records
        .iter()
        .map(|record| record.properties.get("command").unwrap())
        .collect();
    assert_eq!(names, table.map(|(_, name)| name));
    assert_eq!(home.records("command.start").len(), 0);
}

#[test]
fn a_missing_interpreter_ends_with_127() {
    let home = CommandHome::new();
    let script = home.path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).unwrap();
    let output = home.localtel().arg("run").arg(&script).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    let message = err(&output);
    assert!(
        message.contains("its interpreter does not exist"),
        "{message}"
    );
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let mut command = home.localtel();
        let status = command.args(["run", "no-such"]).stderr(full).status();
        assert_eq!(status.unwrap().code(), Some(127));
    }
}

#[test]
fn when_off_the_command_runs_silently_without_traces() {
    let home = CommandHome::new();
    let output = home
        .localtel()
        .args(["run", "--", "sh", "-c", "echo hello; exit 5"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(
        (out(&output), err(&output)),
        ("hello\n".to_owned(), String::new())
    );
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn signals_are_passed_on_from_the_first_moment() {
    let home = CommandHome::new();
    // The signal may arrive before or after the command starts; no process may remain.
    for _ in 0..20 {
        let mut child = home
            .localtel()
            .args(["run", "--", "sleep", "30"])
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(4));
        send(&child, Signal::SIGTERM);
        assert_eq!(child.wait().unwrap().signal(), Some(15));
    }
}
