//! A command that keeps its telemetry in a `static` and ends with `process::exit` where it fails.
//!
//! ```sh
//! DICE_TELEMETRY=on cargo run --bin exit_codes -- 6
//! DICE_TELEMETRY=on cargo run --bin exit_codes -- six
//! ```
//!
//! The handle is never dropped, by neither way of ending. What was recorded is written all the same when the
//! process ends, the failure among it. A program that ends by `abort`, by `_exit` or by a signal that it does
//! not handle flushes before.

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
        // What was typed may be anything, so it is not recorded.
        tracing::error!(name: "failed", "the number of sides is no number");
        fail("give a number of sides, such as 6");
    };
    println!("a die with {sides} sides");
    tracing::info!(name: "made", sides);
}

#[expect(clippy::exit, reason = "this is how many commands end failures")]
fn fail(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(101);
}
