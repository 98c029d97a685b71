//! The store.
pub(crate) mod disk;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod segment;
