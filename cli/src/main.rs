//! The command `localtel`. Everything it does is in `localtel_cli`; only the end of the process
//! is here.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

fn main() -> ExitCode {
    localtel_cli::main().end()
}
