//! One process as a whole: how long it takes, on the clock and of the processors, its memory, and what it prints
//! into a pipe. Each is started and watched by a process of its own, since the system sums up all children.
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

/// What a process came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) wall: Duration,
    /// User and system time of all its threads.
    pub(super) processor: Duration,
    /// The most memory that it held at once.
    pub(super) peak_bytes: u64,
    /// The lines that it printed.
    pub(super) lines: u64,
}

/// Runs a program to its end and measures it.
pub(super) fn take(program: &str, arguments: &[String]) -> Result<Taken> {
    let words = [MEASUREMENT, program].into_iter();
    let words: Vec<&str> = words.chain(arguments.iter().map(String::as_str)).collect();
    let told = child::measure("reading", &words)?;
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    let [wall, processor, peak_bytes, lines] = numbers.as_slice() else {
        return Err(format!("a measurement said {told}").into());
    };
    Ok(Taken {
        wall: Duration::from_micros(*wall),
        processor: Duration::from_micros(*processor),
        peak_bytes: *peak_bytes,
        lines: *lines,
    })
}

/// Runs the program that the words name, and prints what [`take`] reads.
pub(super) fn measure(words: &[&str]) -> Result<()> {
    let [program, arguments @ ..] = words else {
        return Err("which program?".into());
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
    let mut complaint = String::new();
    if let Some(mut stderr) = process.stderr.take() {
        stderr.read_to_string(&mut complaint)?;
    }
    let status = process.wait()?;
    let wall = start.elapsed().as_micros();
    // What complains has not read everything, whatever its status says.
    if !status.success() || !complaint.is_empty() {
        return Err(format!("{program} ended with {status} and said: {complaint}").into());
    }
    let (processor, peak_bytes) = children()?;
    println!("{wall} {} {peak_bytes} {lines}", processor.as_micros());
    Ok(())
}

/// Returns the processor time of the children that ended, and the most memory that one of them held.
pub(super) fn children() -> Result<(Duration, u64)> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let peak_bytes = u64::try_from(usage.max_rss())? * PEAK_UNIT_BYTES;
    Ok((Duration::from_micros(u64::try_from(micros)?), peak_bytes))
}

/// Reads everything and tells how many lines ended after each step.
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

/// Counts newlines, in chunks that a byte can count, so that the compiler takes many bytes at once.
pub(super) fn newlines(bytes: &[u8]) -> u64 {
    let in_chunk = |chunk: &[u8]| {
        let ends = chunk.iter().map(|byte| u8::from(*byte == b'\n'));
        u64::from(ends.sum::<u8>())
    };
    bytes.chunks(usize::from(u8::MAX)).map(in_chunk).sum()
}

/// The word for this measurement.
pub(super) const MEASUREMENT: &str = "process";

/// As much as a pipe holds.
const PIPE_BYTES: usize = 64 * 1024;

/// Linux tells the peak in KiB.
const PEAK_UNIT_BYTES: u64 = 1024;
