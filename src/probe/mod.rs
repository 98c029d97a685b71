//! The environment of a process: the operating system and the hardware, the kind of machine or
//! container, and the size of paths that an application names. Nothing is changed. `report` defines
//! their form in a report; the files are read through `store::elsewhere`.

mod machine;
mod surroundings;
mod volume;

pub(crate) use self::machine::Machine;
#[cfg(test)]
pub(crate) use self::machine::{Hardware, Os, Surroundings};
#[cfg(test)]
pub(crate) use self::surroundings::{Container, VirtualMachine};
#[cfg(test)]
pub(crate) use self::volume::{CutShort, VolumeCount};
pub(crate) use self::volume::{Volume, VolumeLimits, volumes};
