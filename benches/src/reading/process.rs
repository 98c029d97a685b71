//! One process as a whole: its wall time, processor time, memory, and the lines that it prints into
//! a pipe. Each is started by a separate process, since the system sums up all children of a
//! process.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes from outside"
)]

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::{Result, child};

/// The measurements of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) wall: Duration,
    /// User and system time of all its threads.
    pub(super) processor: Duration,
    /// Peak of its resident memory.
    pub(super) peak_bytes: u64,
    /// Number of lines that it printed.
    pub(super) lines: u64,
}

/// Runs a program to its end and measures it.
pub(super) fn take(program: &str, arguments: &[String]) -> Result<Taken> {
    let words = [MEASUREMENT, program].into_iter();
    let words: Vec<&str> = words.chain(arguments.iter().map(String::as_str)).collect();
    let printed = child::measure("reading", &words)?;
    let numbers: Vec<u64> = printed
        .split_whitespace()
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    let [wall, processor, peak_bytes, lines] = numbers.as_slice() else {
        return Err(format!("unexpected output of a measurement: {printed}").into());
    };
    Ok(Taken {
        wall: Duration::from_micros(*wall),
        processor: Duration::from_micros(*processor),
        peak_bytes: *peak_bytes,
        lines: *lines,
    })
}

/// Runs the program that `words` name, and prints the line that [`take`] parses.
pub(super) fn measure(words: &[&str]) -> Result<()> {
    let [program, arguments @ ..] = words else {
        return Err("a program is needed".into());
    };
    let start = Instant::now();
    let mut process = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut lines = 0;
    if let Some(mut stdout) = process.stdout.take() {
        drain(&mut stdout, |counted| lines += counted)?;
    }
    let mut errors = String::new();
    if let Some(mut stderr) = process.stderr.take() {
        stderr.read_to_string(&mut errors)?;
    }
    let status = process.wait()?;
    let wall = start.elapsed().as_micros();
    // A program that prints errors has not read everything, even if its status is 0.
    let is_done = matches!(status.code(), Some(0 | FINDINGS));
    if !is_done || !errors.is_empty() {
        return Err(format!("{program} ended with {status} and printed: {errors}").into());
    }
    let (processor, peak_bytes) = children()?;
    println!("{wall} {} {peak_bytes} {lines}", processor.as_micros());
    Ok(())
}

/// Returns the processor time of the children that ended, and the peak memory of the largest.
pub(super) fn children() -> Result<(Duration, u64)> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let peak_bytes = u64::try_from(usage.max_rss())? * PEAK_UNIT_BYTES;
    Ok((Duration::from_micros(u64::try_from(micros)?), peak_bytes))
}

/// Reads everything, and passes the number of lines of each read to `counted`.
pub(super) fn drain(from: &mut dyn Read, mut counted: impl FnMut(u64)) -> io::Result<()> {
    let mut buffer = vec![0; PIPE_BYTES];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        counted(newlines(buffer.get(..read).unwrap_or_default()));
    }
}

/// Counts newlines, in chunks whose count fits a byte, so that the compiler vectorises the loop.
pub(super) fn newlines(bytes: &[u8]) -> u64 {
    let in_chunk = |chunk: &[u8]| {
        let ends = chunk.iter().map(|byte| u8::from(*byte == b'\n'));
        u64::from(ends.sum::<u8>())
    };
    bytes.chunks(usize::from(u8::MAX)).map(in_chunk).sum()
}

/// The word for this measurement.
pub(super) const MEASUREMENT: &str = "process";

/// The exit code of a command that has read everything and found something, as `doctor` does.
const FINDINGS: i32 = 3;

/// The capacity of a pipe.
const PIPE_BYTES: usize = 64 * 1024;

/// Linux reports the peak in KiB.
const PEAK_UNIT_BYTES: u64 = 1024;
