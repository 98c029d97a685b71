//! Programs at a terminal: what it shows of one that ends by itself.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a program whose standard output is a terminal of that many columns. Returns what the
/// terminal shows, and what the standard error has.
pub(crate) fn output_at_terminal(mut command: Command, columns: u16) -> Output {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let size = Winsize {
        ws_row: 50,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    let child = command
        .stdin(Stdio::null())
        .stdout(terminal)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The terminal ends with its last handle, and this command has one.
    drop(command);
    let mut shown = Vec::new();
    // Reading fails at the end of a terminal.
    drop(File::from(master).read_to_end(&mut shown));
    let mut output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(shown).unwrap();
    output.stdout = shown.replace("\r\n", "\n").into_bytes();
    output
}
