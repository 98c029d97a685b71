//! Completion in real shells, at a terminal: a line is typed with Tab, and the shell runs it with a
//! function in place of `localtel` that prints its arguments.

use std::process::Command;

#[cfg(target_os = "linux")]
use super::run_at_terminal::Terminal;
use super::{CommandHome, err, out};

fn line(event: &str, properties: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"billing","target":"billing::db::pool","event":"{event}","session":"01936f0e-0000-7000-8000-000000000000","seq":0,"properties":{properties}}}"#
    ) + "\n"
}

/// An event whose name a shell would run if it were not quoted.
const HOSTILE: &str = "hazard $(touch pwned) `touch pwned`;touch pwned *'s ~";

fn recorded() -> CommandHome {
    let home = CommandHome::new();
    let directory = home.path().join("billing/telemetry");
    std::fs::create_dir_all(&directory).unwrap();
    let lines = line("request", r#"{"status":200,"route":"/v1/pay"}"#)
        + &line(
            "request",
            r#"{"status":502,"route":"/v1/refund","duration":7}"#,
        )
        + &line("reload", r#"{"tenant":"Acme Inc"}"#)
        + &line(HOSTILE, "{}");
    std::fs::write(directory.join("lock"), "").unwrap();
    std::fs::write(directory.join("events.000001.jsonl"), lines).unwrap();
    home
}

#[cfg(target_os = "linux")]
fn is_missing(shell: &str) -> bool {
    let is_missing = Command::new(shell).arg("--version").output().is_err();
    if is_missing {
        println!("skipped: {shell} is not installed");
    }
    is_missing
}

/// Types lines with Tabs in a shell, and checks the arguments with which it calls `localtel`.
#[cfg(target_os = "linux")]
fn assert_completed(shell: &[&str], setup: &str) {
    let home = recorded();
    let environment = ["env", "TERM=xterm", "LANG=C.UTF-8"];
    let mut terminal = Terminal::new(&home, &[&environment[..], shell].concat());
    terminal.type_in(setup);
    terminal.type_in("echo read''y\n");
    terminal.expect("ready");
    for (typed, arguments) in [
        ("localtel sho\t-e rel\t", "<show><-e><reload>"),
        (
            "localtel --app bil\tshow -l err\t",
            "<--app><billing><show><-l><error>",
        ),
        (
            "localtel show -t billing::db::p\t",
            "<show><-t><billing::db::pool>",
        ),
        ("localtel show --event=rel\t", "<show><--event=reload>"),
        (
            "localtel show -o fi\tduration,sta\t",
            "<show><-o><fields:duration,status>",
        ),
        // A key is followed by its value without a space.
        ("localtel show stat\t5\t", "<show><status=502>"),
        ("localtel show status!=5\t", "<show><status!=502>"),
        ("localtel show tenant=\t", "<show><tenant=Acme Inc>"),
        ("localtel show 'route=/v1/r\t", "<show><route=/v1/refund>"),
        ("localtel show \"tenant=A\t", "<show><tenant=Acme Inc>"),
        (
            "localtel show --dir billing/tel\t",
            "<show><--dir><billing/telemetry>",
        ),
        ("localtel show -e haz\t", &format!("<show><-e><{HOSTILE}>")),
    ] {
        terminal.type_in(typed);
        terminal.type_in("\n");
        // zsh removes the slash that it added to a directory.
        let called = terminal.expect("called").replace("/>", ">");
        assert_eq!(called, arguments, "{typed:?}");
    }
    assert!(!home.path().join("pwned").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn bash_completes_what_is_recorded() {
    if is_missing("bash") {
        return;
    }
    assert_completed(
        &["bash", "--norc", "--noprofile", "-i"],
        "bind 'set enable-bracketed-paste off'; PATH=\"${LOCALTEL%/*}:$PATH\"
         source <(localtel completions bash); called=cal''led
         localtel() { printf %s \"$called\"; printf '<%s>' \"$@\"; echo; }\n",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn zsh_completes_what_is_recorded() {
    if is_missing("zsh") {
        return;
    }
    assert_completed(
        &["zsh", "-f", "-i"],
        "PATH=\"${LOCALTEL%/*}:$PATH\"; autoload -Uz compinit; compinit -u -D
         source <(localtel completions zsh); called=cal''led
         localtel() { printf %s \"$called\"; printf '<%s>' \"$@\"; echo; }\n",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn fish_completes_what_is_recorded() {
    if is_missing("fish") {
        return;
    }
    assert_completed(
        &["fish", "--no-config", "-i"],
        "set -x PATH (dirname $LOCALTEL) $PATH
         localtel completions fish | source; set called cal''led
         function localtel; printf %s $called; printf '<%s>' $argv; echo; end\n",
    );
}

#[test]
fn a_shell_without_a_script_of_ours_gets_the_commands() {
    let home = CommandHome::new();
    for shell in ["elvish", "powershell"] {
        let output = home
            .localtel()
            .args(["completions", shell])
            .output()
            .unwrap();
        assert!(output.status.success(), "{shell}");
        assert!(out(&output).contains("explain"), "{shell}");
    }
}

#[test]
fn completion_prints_no_error_and_does_not_fail() {
    let home = recorded();
    let lines = line("torn", "{}").repeat(3);
    let damaged = home.path().join("damaged/telemetry");
    std::fs::create_dir_all(damaged.join("events.000002.jsonl")).unwrap();
    std::fs::write(
        damaged.join("events.000001.jsonl"),
        format!("\0\0{}", &lines[20..]),
    )
    .unwrap();
    for words in [
        &["show", "-e", ""] as &[&str],
        &["--app", "damaged", "show", "-e", ""],
        &["--dir", "/dev/null", "show", "-e", ""],
        &["--dir", "/proc", "show", ""],
        &["nonsense", "\u{1b}[31m"],
        &[],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
        command.env_clear().envs(home.variables());
        command.args(["__complete", "fish", "localtel"]).args(words);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert_eq!(err(&output), "", "{words:?}");
    }
}
