//! A command that keeps its telemetry in a `static` and calls `process::exit` if it fails.
//!
//! ```sh
//! DICE_TELEMETRY=on cargo run --bin exit_codes -- 6
//! DICE_TELEMETRY=on cargo run --bin exit_codes -- six
//! ```
//!
//! The handle is dropped in neither case. All records, including that of the failure, are still
//! written when the process ends. A program that ends by `abort`, `_exit` or an unhandled signal
//! must flush before.

use std::sync::OnceLock;

use localtel::Telemetry;
use tracing_subscriber::prelude::*;

static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

fn main() {
    let telemetry = TELEMETRY.get_or_init(|| {
        Telemetry::builder("dice")
            .version(env!("CARGO_PKG_VERSION"))
            .open()
    });
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();

    let sides = std::env::args().nth(1).unwrap_or_else(|| "6".to_owned());
    let Ok(sides) = sides.parse::<u32>() else {
        // The argument may be any text, so it is not recorded.
        tracing::error!(name: "failed", "the number of sides is not a number");
        fail("expected a number of sides, for example 6");
    };
    println!("a die with {sides} sides");
    tracing::info!(name: "created", sides);
}

#[expect(clippy::exit, reason = "many commands end this way after a failure")]
fn fail(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(101);
}
