//! What a process can learn of where it runs: the operating system and the hardware, what kind of machine or container
//! that is, and how much is below paths that an application names. Nothing is changed. What a report says of it is
//! `report`'s; the files are read through `store::elsewhere`.

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
