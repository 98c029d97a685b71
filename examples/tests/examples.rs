//! The tests of the examples, linked once.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests access files directly, start processes, and fail by panicking"
)]

#[path = "../../cli/tests/cli/program.rs"]
mod program;
#[path = "../../tests/integration/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the library")]
mod support;

#[path = "examples/embedded.rs"]
mod embedded;
#[path = "examples/programs.rs"]
mod programs;
#[path = "examples/seeds.rs"]
mod seeds;
