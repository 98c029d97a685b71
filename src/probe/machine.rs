//! Facts of the operating system and of the hardware, as far as they are available without
//! privilege. They contain no user, no host and no address. Those that every system provides come
//! from `sysinfo`, without its list of processes; the others from files of Linux, each read through
//! `store::elsewhere` up to a limit, and parsed by pure functions.

use std::collections::BTreeSet;

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, System};

use super::surroundings::{
    Container, ContainerMarks, CpuMark, MachineMarks, VirtualMachine, values,
};
use crate::environment::Environment;
use crate::store::elsewhere;
use crate::text::cut;

/// The machine of an application, at the time of reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Machine {
    pub(crate) os: Os,
    pub(crate) surroundings: Surroundings,
    pub(crate) hardware: Hardware,
    /// Number of seconds that it has been running.
    pub(crate) uptime_seconds: Option<u64>,
}

/// Facts of the operating system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Os {
    /// The kind of system: `linux`, `macos`.
    pub(crate) family: Option<String>,
    /// The name of the distribution in one word: `debian`.
    pub(crate) distribution: Option<String>,
    /// `Debian GNU/Linux`.
    pub(crate) name: Option<String>,
    /// `12`.
    pub(crate) version: Option<String>,
    /// The version with the name of the release: `12 (bookworm)`.
    pub(crate) release: Option<String>,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub(crate) pretty_name: Option<String>,
    /// The kernel's release: `6.1.0-28-amd64`.
    pub(crate) kernel: Option<String>,
    /// The architecture that the application was built for: `x86_64`.
    pub(crate) arch: Option<String>,
    /// The size of its pointers in bits.
    pub(crate) pointer_width: Option<u32>,
}

/// The container and virtual machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Surroundings {
    pub(crate) container: Option<Container>,
    pub(crate) virtual_machine: Option<VirtualMachine>,
}

/// Facts of the hardware.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Hardware {
    /// The processors that the system reports, each thread of a core counted.
    pub(crate) cpus: Option<usize>,
    pub(crate) cores: Option<usize>,
    pub(crate) sockets: Option<usize>,
    /// The name of the first processor.
    pub(crate) model: Option<String>,
    /// The highest frequency of the first processor, or if that is unknown its current frequency.
    pub(crate) mhz: Option<u64>,
    pub(crate) memory_total_bytes: Option<u64>,
    pub(crate) memory_available_bytes: Option<u64>,
    /// The load averages of 1, 5 and 15 minutes.
    pub(crate) load: Option<[f64; 3]>,
}

impl Machine {
    /// Reads the facts of the machine. It only opens files for reading, and takes about a
    /// millisecond.
    pub(crate) fn read(environment: &Environment) -> Self {
        let cpuinfo = text_of("/proc/cpuinfo", CPUINFO_BYTES_MAX).unwrap_or_default();
        let kernel = System::kernel_version();
        Self {
            surroundings: Surroundings {
                container: read_container_marks(environment, kernel.clone()).container(),
                virtual_machine: read_machine_marks(&cpuinfo).virtual_machine(),
            },
            os: read_os(kernel),
            hardware: read_hardware(&cpuinfo),
            // An unknown value is 0.
            uptime_seconds: Some(System::uptime()).filter(|seconds| *seconds > 0),
        }
    }
}

fn read_os(kernel: Option<String>) -> Os {
    let os_release = OS_RELEASES
        .iter()
        .find_map(|path| text_of(path, OS_RELEASE_BYTES_MAX))
        .unwrap_or_default();
    Os {
        family: known(std::env::consts::OS),
        distribution: known(System::distribution_id()),
        name: System::name().and_then(known),
        version: System::os_version().and_then(known),
        release: os_release_value(&os_release, "VERSION").and_then(known),
        pretty_name: os_release_value(&os_release, "PRETTY_NAME")
            .or_else(System::long_os_version)
            .and_then(known),
        kernel: kernel.and_then(known),
        arch: known(std::env::consts::ARCH),
        pointer_width: Some(usize::BITS),
    }
}

fn read_container_marks(environment: &Environment, kernel: Option<String>) -> ContainerMarks {
    ContainerMarks {
        has_docker_file: elsewhere::exists("/.dockerenv"),
        has_podman_file: elsewhere::exists("/run/.containerenv"),
        has_kubernetes_variable: environment.is_in_kubernetes(),
        manager: text_of("/run/systemd/container", WORD_BYTES_MAX),
        cgroup: text_of("/proc/self/cgroup", CGROUP_BYTES_MAX),
        kernel,
    }
}

fn read_machine_marks(cpuinfo: &str) -> MachineMarks {
    let word_of = |path| text_of(path, WORD_BYTES_MAX);
    MachineMarks {
        vendor: word_of("/sys/class/dmi/id/sys_vendor"),
        product: word_of("/sys/class/dmi/id/product_name"),
        hypervisor: word_of("/sys/hypervisor/type"),
        xen_capabilities: word_of("/proc/xen/capabilities"),
        device_tree: word_of("/proc/device-tree/hypervisor/compatible"),
        cpu: CpuMark::of(cpuinfo),
    }
}

fn read_hardware(cpuinfo: &str) -> Hardware {
    // Only the names of the processors are read: Linux takes long to report all frequencies.
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let cpus = system.cpus();
    let memory = |bytes: u64| Some(bytes).filter(|bytes| *bytes > 0);
    let load = System::load_average();
    Hardware {
        cpus: Some(cpus.len()).filter(|count| *count > 0),
        cores: System::physical_core_count().filter(|count| *count > 0),
        sockets: sockets(cpuinfo),
        model: cpus.first().and_then(|cpu| known(cpu.brand())),
        mhz: text_of(MAX_KHZ, WORD_BYTES_MAX)
            .and_then(|khz| mhz_of_khz(&khz))
            .or_else(|| mhz_of_cpuinfo(cpuinfo)),
        memory_total_bytes: memory(system.total_memory()),
        memory_available_bytes: memory(system.available_memory()),
        load: plausible_load([load.one, load.five, load.fifteen]),
    }
}

fn text_of(path: &str, bytes_max: u64) -> Option<String> {
    let bytes = elsewhere::read_of_system(path, bytes_max)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns a text up to its limit, unless it is empty.
fn known(text: impl Into<String>) -> Option<String> {
    let text = text.into();
    let trimmed = text.trim_matches(|end: char| end.is_whitespace() || end == '\'' || end == '\0');
    (!trimmed.is_empty()).then(|| cut(trimmed, TEXT_BYTES_MAX))
}

/// Returns a value of an `os-release` file, which has the quotes of a shell.
fn os_release_value(text: &str, name: &str) -> Option<String> {
    let assigned = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    };
    let value = text.lines().find_map(assigned)?;
    let quoted = |quote| {
        value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote))
    };
    if let Some(plain) = quoted('\'') {
        return Some(plain.to_owned());
    }
    let mut out = String::new();
    let mut characters = quoted('"').unwrap_or(&value).chars();
    while let Some(character) = characters.next() {
        let meant = match character {
            '\\' => characters.next(),
            plain => Some(plain),
        };
        out.extend(meant);
    }
    Some(out)
}

/// Counts the sockets in `/proc/cpuinfo`; ARM has none there.
fn sockets(cpuinfo: &str) -> Option<usize> {
    let ids: BTreeSet<u64> = values(cpuinfo, "physical id")
        .filter_map(|id| id.parse().ok())
        .collect();
    (!ids.is_empty()).then_some(ids.len())
}

fn mhz_of_cpuinfo(cpuinfo: &str) -> Option<u64> {
    let mhz = values(cpuinfo, "cpu MHz").next()?;
    // The thousandths are meaningless.
    let whole = mhz.split_once('.').map_or(mhz, |(whole, _)| whole);
    whole.parse().ok().filter(|mhz| *mhz > 0)
}

fn mhz_of_khz(khz: &str) -> Option<u64> {
    let khz: u64 = khz.trim().parse().ok()?;
    Some(khz / 1000).filter(|mhz| *mhz > 0)
}

/// Returns the load if it is valid.
fn plausible_load(load: [f64; 3]) -> Option<[f64; 3]> {
    load.iter()
        .all(|load| load.is_finite() && *load >= 0.0)
        .then_some(load)
}

/// The files that describe the system; the first that exists is read.
const OS_RELEASES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// The highest frequency of the first processor in kHz.
const MAX_KHZ: &str = "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq";
/// 2000 processors of 2 KiB each.
const CPUINFO_BYTES_MAX: u64 = 4 << 20;
/// Such files have a few hundred bytes.
const OS_RELEASE_BYTES_MAX: u64 = 64 * 1024;
/// A dozen hierarchies with a path each.
const CGROUP_BYTES_MAX: u64 = 64 * 1024;
/// Files of one word.
const WORD_BYTES_MAX: u64 = 256;
/// No system's name is longer.
const TEXT_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn os_release_is_read_with_the_quotes_of_a_shell() {
        let text =
            "# x\nPRETTY_NAME=\"Ma\\\"in \\$1\"\nVERSION='12 (bookworm)'\nID=debian\nNAME=\"open\n";
        let value = |name| os_release_value(text, name);
        assert_eq!(value("PRETTY_NAME").as_deref(), Some("Ma\"in $1"));
        assert_eq!(value("VERSION").as_deref(), Some("12 (bookworm)"));
        assert_eq!(value("ID").as_deref(), Some("debian"));
        assert_eq!(value("NAME").as_deref(), Some("\"open"));
        assert_eq!(value("VERSION_ID"), None);
    }

    #[test]
    fn distinct_physical_ids_are_sockets() {
        let two = "physical id\t: 0\n\nphysical id\t: 1\n\nphysical id\t: 0\nphysical id : x\n";
        assert_eq!(sockets(two), Some(2));
        assert_eq!(sockets("Features : fp\n"), None);
    }

    #[test]
    fn frequencies_are_whole_and_never_zero() {
        assert_eq!(
            mhz_of_cpuinfo("cpu MHz\t\t: 2596.096\ncpu MHz : 1\n"),
            Some(2596)
        );
        assert_eq!(mhz_of_cpuinfo("cpu MHz : 0.000\n"), None);
        assert_eq!(mhz_of_cpuinfo("cpu MHz : fast\n"), None);
        assert_eq!(mhz_of_khz("3600000\n"), Some(3600));
        assert_eq!(mhz_of_khz("-1"), None);
    }

    #[test]
    fn a_load_that_is_not_a_number_is_unknown() {
        assert_eq!(plausible_load([0.5, 0.0, 12.0]), Some([0.5, 0.0, 12.0]));
        assert_eq!(plausible_load([0.5, f64::NAN, 1.0]), None);
        assert_eq!(plausible_load([f64::INFINITY, 0.0, 0.0]), None);
        assert_eq!(plausible_load([-1.0, 0.0, 0.0]), None);
    }

    #[test]
    fn a_text_is_bounded_and_an_empty_one_is_unknown() {
        assert_eq!(known(" \n\0"), None);
        assert_eq!(known("'debian'\n").as_deref(), Some("debian"));
        assert_eq!(
            known("x".repeat(10 << 20)).map(|text| text.len()),
            Some(131)
        );
    }

    #[test]
    fn facts_of_this_machine_are_read_in_little_time() {
        let environment = Environment::for_test("myapp", &[]);
        let started = std::time::Instant::now();
        let machine = Machine::read(&environment);
        assert!(started.elapsed() < std::time::Duration::from_secs(2));
        assert!(machine.os.kernel.is_some() && machine.os.pretty_name.is_some());
        let hardware = &machine.hardware;
        assert!(hardware.cpus >= hardware.cores.or(Some(1)), "{hardware:?}");
        assert!(hardware.memory_total_bytes > hardware.memory_available_bytes);
        assert!(machine.uptime_seconds > Some(0) && hardware.load.is_some());
    }

    proptest! {
        #[test]
        fn no_text_of_a_system_makes_a_parser_panic(text in "[a-z:= \n\"'\\\\\0-9\u{fffd}]{0,200}") {
            let _: (Option<usize>, Option<u64>) = (sockets(&text), mhz_of_cpuinfo(&text));
            let _: Option<u64> = mhz_of_khz(&text);
            let _: CpuMark = CpuMark::of(&text);
            let name = text.split('=').next().unwrap_or("");
            drop(os_release_value(&text, name));
        }
    }
}
