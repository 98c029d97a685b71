//! The tests of `localtel-fleet`, with a file for each command. They run the program on trees that
//! they write, and read what it wrote.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests access the disk directly, start processes, and fail by panicking"
)]

#[path = "fleet/made_tree.rs"]
mod made_tree;
#[path = "fleet/parquet_rows.rs"]
mod parquet_rows;

#[path = "fleet/dependencies.rs"]
mod dependencies;
#[path = "fleet/otlp.rs"]
mod otlp;
#[path = "fleet/parquet.rs"]
mod parquet_copy;
#[path = "fleet/updates.rs"]
mod updates;
