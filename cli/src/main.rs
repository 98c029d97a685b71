//! The command `localtel`. `localtel_cli` has all of its code except ending the process.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

fn main() -> ExitCode {
    localtel_cli::main().end()
}
