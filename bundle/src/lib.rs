//! Bundles: telemetry of one machine in a directory that a person carries to another machine, and
//! trees: the telemetry of many machines, as it was taken from bundles.
//!
//! `localtel export` writes bundles ([`export`]), and `localtel import` takes them into a tree
//! ([`import`]). This package contains what both are: the names ([`names`]), the description of a
//! bundle ([`manifest`]) and the name of a machine ([`host`]), and it reads trees ([`tree`]). It
//! accesses the file system only in [`disk`], opens no connection, and reads telemetry directories
//! only through the library `localtel`.

pub mod disk;
pub mod export;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod folder;
pub mod host;
pub mod import;
pub mod manifest;
pub mod names;
pub mod tree;
