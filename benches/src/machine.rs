//! The machine and the versions that a run was made with.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench looks at its machine from outside"
)]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::Result;

/// Says in Markdown on what was measured, with which versions, and how to do it again.
pub(crate) fn about() -> Result<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("an unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut text = String::from(
        "Written by one command, which measures everything anew:\n\n\
         ```sh\ncargo run --release --manifest-path benches/Cargo.toml\n```\n\n",
    );
    writeln!(
        text,
        "Measured with {cores} cores of {model}, Linux {}, {}. Absolute times of a shared machine mean \
         little; ratios of contenders that took turns do.",
        kernel.trim().split('-').next().unwrap_or_default(),
        rustc_version()?,
    )?;
    Ok(text)
}

fn rustc_version() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
