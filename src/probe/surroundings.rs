//! The container or virtual machine of a process, or neither. Pure: derives its name from marks
//! that such an environment is known to leave. The marks are those that `systemd-detect-virt` uses,
//! as far as reading them needs no privilege; `machine` collects them.

use serde::Serialize;

/// The kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Container {
    Containerd,
    Docker,
    Kubernetes,
    Lxc,
    Podman,
    SystemdNspawn,
    Unknown,
    Wsl,
}

/// Marks that containers leave.
#[derive(Debug, Default)]
pub(crate) struct ContainerMarks {
    /// Whether `/.dockerenv` exists.
    pub(crate) has_docker_file: bool,
    /// Whether `/run/.containerenv` exists.
    pub(crate) has_podman_file: bool,
    /// Whether Kubernetes gave the process the address of its API.
    pub(crate) has_kubernetes_variable: bool,
    /// `/run/systemd/container`: the name that the container's manager gave.
    pub(crate) manager: Option<String>,
    /// `/proc/self/cgroup`.
    pub(crate) cgroup: Option<String>,
    /// The kernel's release.
    pub(crate) kernel: Option<String>,
}

impl ContainerMarks {
    /// Returns the container that the marks identify. Kubernetes is checked first, because its
    /// containers also have the marks of their runtime; WSL last, because containers run in it.
    pub(crate) fn container(&self) -> Option<Container> {
        let by_cgroup = self.cgroup.as_deref().and_then(container_of_cgroup);
        let is_in_kubernetes =
            self.has_kubernetes_variable || by_cgroup == Some(Container::Kubernetes);
        let is_wsl = |kernel: &String| kernel.contains("icrosoft") || kernel.contains("WSL");
        let found = [
            is_in_kubernetes.then_some(Container::Kubernetes),
            self.manager.as_deref().and_then(container_of_manager),
            self.has_podman_file.then_some(Container::Podman),
            self.has_docker_file.then_some(Container::Docker),
            by_cgroup,
            self.kernel
                .as_ref()
                .filter(|kernel| is_wsl(kernel))
                .map(|_| Container::Wsl),
        ];
        found.into_iter().flatten().next()
    }
}

/// The words are those of `systemd`'s container interface.
fn container_of_manager(text: &str) -> Option<Container> {
    Some(match text.trim() {
        "" => return None,
        "docker" => Container::Docker,
        "lxc" | "lxc-libvirt" => Container::Lxc,
        "podman" => Container::Podman,
        "systemd-nspawn" => Container::SystemdNspawn,
        "wsl" => Container::Wsl,
        _ => Container::Unknown,
    })
}

/// Searches the names that managers give to the groups of their containers. The manager's own
/// services, such as `docker.service`, do not count.
fn container_of_cgroup(text: &str) -> Option<Container> {
    let groups = text
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .flat_map(|path| path.split('/'));
    let mut found = None;
    for group in groups {
        let container = if group.starts_with("kubepods") {
            return Some(Container::Kubernetes);
        } else if group == "docker" || is_scope(group, "docker-") {
            Container::Docker
        } else if is_scope(group, "libpod-") && !group.starts_with("libpod-conmon-") {
            Container::Podman
        } else if group == "lxc" || group.starts_with("lxc.payload") {
            Container::Lxc
        } else if is_scope(group, "cri-containerd-") {
            Container::Containerd
        } else {
            continue;
        };
        found = found.or(Some(container));
    }
    found
}

fn is_scope(group: &str, prefix: &str) -> bool {
    group.starts_with(prefix)
        && group
            .rsplit_once('.')
            .is_some_and(|(_, unit)| unit == "scope")
}

/// The virtual machine, by its hypervisor or provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VirtualMachine {
    Amazon,
    Apple,
    Bhyve,
    Bochs,
    Google,
    HyperV,
    Kvm,
    Parallels,
    Qemu,
    #[serde(rename = "unknown hypervisor")]
    Unknown,
    UserModeLinux,
    #[serde(rename = "virtualbox")]
    VirtualBox,
    #[serde(rename = "vmware")]
    VmWare,
    Xen,
}

/// Marks that virtual machines leave.
#[derive(Debug, Default)]
pub(crate) struct MachineMarks {
    /// `/sys/class/dmi/id/sys_vendor`.
    pub(crate) vendor: Option<String>,
    /// `/sys/class/dmi/id/product_name`.
    pub(crate) product: Option<String>,
    /// `/sys/hypervisor/type`.
    pub(crate) hypervisor: Option<String>,
    /// `/proc/xen/capabilities`.
    pub(crate) xen_capabilities: Option<String>,
    /// `/proc/device-tree/hypervisor/compatible`.
    pub(crate) device_tree: Option<String>,
    /// The mark in the processor's description.
    pub(crate) cpu: CpuMark,
}

/// The evidence of a hypervisor in `/proc/cpuinfo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CpuMark {
    /// It has the flag of one.
    Hypervisor,
    /// It lists its flags, without that one: bare metal.
    Metal,
    /// It has no such flag, as on ARM.
    #[default]
    Silent,
    /// It is a Linux that runs as a process of another.
    UserModeLinux,
}

impl CpuMark {
    /// Reads the mark from the text of `/proc/cpuinfo`.
    pub(crate) fn of(cpuinfo: &str) -> Self {
        let value_of = |name: &str| values(cpuinfo, name).next();
        if value_of("vendor_id") == Some("User Mode Linux") {
            return Self::UserModeLinux;
        }
        match value_of("flags") {
            Some(flags) if flags.split(' ').any(|flag| flag == "hypervisor") => Self::Hypervisor,
            Some(_) => Self::Metal,
            None => Self::Silent,
        }
    }
}

/// Returns the values that `/proc/cpuinfo` has under a name.
pub(super) fn values<'a>(cpuinfo: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    cpuinfo.lines().filter_map(move |line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

impl MachineMarks {
    /// Returns the virtual machine that the marks identify.
    pub(crate) fn virtual_machine(&self) -> Option<VirtualMachine> {
        let contains = |text: &Option<String>, word: &str| {
            text.as_ref().is_some_and(|text| text.contains(word))
        };
        let is_xen_host = contains(&self.xen_capabilities, "control_d");
        match self.cpu {
            // A cloud's vendor is also in the firmware of its bare machines.
            CpuMark::Metal if !contains(&self.hypervisor, "xen") => return None,
            CpuMark::UserModeLinux => return Some(VirtualMachine::UserModeLinux),
            CpuMark::Hypervisor | CpuMark::Metal | CpuMark::Silent => {}
        }
        if is_xen_host || contains(&self.product, ".metal") {
            return None;
        }
        let by_firmware = FIRMWARES
            .iter()
            .find(|(vendor, product, _)| {
                contains(&self.vendor, vendor) && contains(&self.product, product)
            })
            .map(|(_, _, machine)| *machine);
        by_firmware
            .or_else(|| contains(&self.hypervisor, "xen").then_some(VirtualMachine::Xen))
            .or_else(|| contains(&self.device_tree, "kvm").then_some(VirtualMachine::Kvm))
            .or_else(|| contains(&self.device_tree, "xen").then_some(VirtualMachine::Xen))
            .or_else(|| contains(&self.device_tree, "vmware").then_some(VirtualMachine::VmWare))
            .or_else(|| (self.cpu == CpuMark::Hypervisor).then_some(VirtualMachine::Unknown))
    }
}

/// The texts of firmware: a part of the vendor, a part of the product, and the virtual machine. The
/// first match counts. Microsoft and Oracle also sell physical machines.
const FIRMWARES: [(&str, &str, VirtualMachine); 16] = [
    ("Amazon EC2", "", VirtualMachine::Amazon),
    ("Google", "Google Compute Engine", VirtualMachine::Google),
    (
        "Microsoft Corporation",
        "Virtual Machine",
        VirtualMachine::HyperV,
    ),
    ("innotek GmbH", "", VirtualMachine::VirtualBox),
    ("", "VirtualBox", VirtualMachine::VirtualBox),
    ("VMware", "", VirtualMachine::VmWare),
    ("VMW", "", VirtualMachine::VmWare),
    ("Parallels", "", VirtualMachine::Parallels),
    ("Apple Inc.", "Apple Virtualization", VirtualMachine::Apple),
    ("Xen", "", VirtualMachine::Xen),
    ("Bochs", "", VirtualMachine::Bochs),
    ("", "BHYVE", VirtualMachine::Bhyve),
    ("", "KVM", VirtualMachine::Kvm),
    ("OpenStack", "", VirtualMachine::Kvm),
    ("KubeVirt", "", VirtualMachine::Kvm),
    ("QEMU", "", VirtualMachine::Qemu),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn by_cgroup(cgroup: &str) -> Option<Container> {
        let marks = ContainerMarks {
            cgroup: Some(cgroup.to_owned()),
            ..ContainerMarks::default()
        };
        marks.container()
    }

    #[test]
    fn the_groups_of_containers_name_their_manager() {
        let cases = [
            ("0::/", None),
            ("", None),
            ("garbage\n\n::::", None),
            ("0::/system.slice/docker.service", None),
            ("0::/user.slice/app-docker-desktop.scope", None),
            (
                "0::/system.slice/docker-0f3a.scope",
                Some(Container::Docker),
            ),
            ("12:pids:/docker/0f3a\n0::/", Some(Container::Docker)),
            (
                "0::/machine.slice/libpod-0f3a.scope",
                Some(Container::Podman),
            ),
            ("0::/machine.slice/libpod-conmon-0f3a.scope", None),
            ("0::/lxc.payload.web/init.scope", Some(Container::Lxc)),
            ("3:cpu:/lxc/web", Some(Container::Lxc)),
            (
                "0::/kubepods.slice/cri-containerd-0f.scope",
                Some(Container::Kubernetes),
            ),
            ("0::/x/cri-containerd-0f.scope", Some(Container::Containerd)),
        ];
        for (cgroup, expected) in cases {
            assert_eq!(by_cgroup(cgroup), expected, "{cgroup}");
        }
    }

    #[test]
    fn kubernetes_is_named_before_its_container_runtime() {
        let marks = ContainerMarks {
            has_docker_file: true,
            has_kubernetes_variable: true,
            manager: Some("docker".to_owned()),
            ..ContainerMarks::default()
        };
        assert_eq!(marks.container(), Some(Container::Kubernetes));
    }

    #[test]
    fn files_and_managers_name_containers() {
        let manager = |word: &str| ContainerMarks {
            manager: Some(word.to_owned()),
            ..ContainerMarks::default()
        };
        assert_eq!(
            manager("systemd-nspawn\n").container(),
            Some(Container::SystemdNspawn)
        );
        assert_eq!(manager("oci").container(), Some(Container::Unknown));
        assert_eq!(manager("\n").container(), None);
        let podman = ContainerMarks {
            has_podman_file: true,
            has_docker_file: true,
            ..ContainerMarks::default()
        };
        assert_eq!(podman.container(), Some(Container::Podman));
    }

    #[test]
    fn a_container_within_wsl_is_named_before_it() {
        let wsl = ContainerMarks {
            kernel: Some("5.15.90.1-microsoft-standard-WSL2".to_owned()),
            ..ContainerMarks::default()
        };
        assert_eq!(wsl.container(), Some(Container::Wsl));
        let docker = ContainerMarks {
            has_docker_file: true,
            ..wsl
        };
        assert_eq!(docker.container(), Some(Container::Docker));
    }

    fn by_firmware(vendor: &str, product: &str, cpu: CpuMark) -> Option<VirtualMachine> {
        let marks = MachineMarks {
            vendor: Some(vendor.to_owned()),
            product: Some(product.to_owned()),
            cpu,
            ..MachineMarks::default()
        };
        marks.virtual_machine()
    }

    #[test]
    fn firmware_names_virtual_machines_and_leaves_metal_alone() {
        use CpuMark::{Hypervisor, Metal, Silent};
        let cases = [
            (
                "QEMU\n",
                "Standard PC (Q35)\n",
                Hypervisor,
                Some(VirtualMachine::Qemu),
            ),
            ("Red Hat", "KVM", Hypervisor, Some(VirtualMachine::Kvm)),
            (
                "VMware, Inc.",
                "VMware7,1",
                Hypervisor,
                Some(VirtualMachine::VmWare),
            ),
            (
                "innotek GmbH",
                "VirtualBox",
                Hypervisor,
                Some(VirtualMachine::VirtualBox),
            ),
            (
                "Microsoft Corporation",
                "Virtual Machine",
                Hypervisor,
                Some(VirtualMachine::HyperV),
            ),
            ("Microsoft Corporation", "Surface Pro", Metal, None),
            ("Microsoft Corporation", "Surface Pro", Silent, None),
            (
                "Amazon EC2",
                "m7g.large",
                Silent,
                Some(VirtualMachine::Amazon),
            ),
            ("Amazon EC2", "c7g.metal", Silent, None),
            ("Amazon EC2", "c5.large", Metal, None),
            (
                "Google",
                "Google Compute Engine",
                Hypervisor,
                Some(VirtualMachine::Google),
            ),
            ("Dell Inc.", "PowerEdge R750", Metal, None),
            ("Dell Inc.", "PowerEdge R750", Silent, None),
            (
                "Dell Inc.",
                "PowerEdge R750",
                Hypervisor,
                Some(VirtualMachine::Unknown),
            ),
        ];
        for (vendor, product, cpu, expected) in cases {
            assert_eq!(
                by_firmware(vendor, product, cpu),
                expected,
                "{vendor} {product}"
            );
        }
    }

    #[test]
    fn without_firmware_the_hypervisor_is_identified() {
        let xen = MachineMarks {
            hypervisor: Some("xen\n".to_owned()),
            ..MachineMarks::default()
        };
        assert_eq!(xen.virtual_machine(), Some(VirtualMachine::Xen));
        let host = MachineMarks {
            xen_capabilities: Some("control_d\n".to_owned()),
            ..xen
        };
        assert_eq!(host.virtual_machine(), None);
        let tree = MachineMarks {
            device_tree: Some("linux,kvm\0".to_owned()),
            ..MachineMarks::default()
        };
        assert_eq!(tree.virtual_machine(), Some(VirtualMachine::Kvm));
        assert_eq!(MachineMarks::default().virtual_machine(), None);
    }

    #[test]
    fn the_processor_shows_a_hypervisor_in_its_flags_alone() {
        let cases = [
            ("flags\t\t: fpu hypervisor lahf_lm\n", CpuMark::Hypervisor),
            (
                "flags\t\t: fpu hypervisors\nmodel name\t: hypervisor\n",
                CpuMark::Metal,
            ),
            ("Features\t: fp asimd\n", CpuMark::Silent),
            ("vendor_id\t: User Mode Linux\n", CpuMark::UserModeLinux),
            ("\0\u{fffd}:::", CpuMark::Silent),
        ];
        for (cpuinfo, expected) in cases {
            assert_eq!(CpuMark::of(cpuinfo), expected, "{cpuinfo}");
        }
    }
}
