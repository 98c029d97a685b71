//! A small command that records its result before it ends, without a thread and without waiting.
//!
//! ```sh
//! THERMOMETER_TELEMETRY=on cargo run --bin short_lived -- 21.5
//! ```
//!
//! It converts degrees Celsius to Fahrenheit. Without consent it creates no directory and no file.
//! With consent for one run, as above, or a stored consent, each run adds one record. Recording
//! never changes the output or the exit code of the conversion.

use std::process::ExitCode;
use std::time::Instant;

use localtel::recording::Delivery;
use localtel::{Event, Level, Telemetry};

fn main() -> ExitCode {
    let start = Instant::now();
    let telemetry = Telemetry::builder("thermometer")
        .version(env!("CARGO_PKG_VERSION"))
        .delivery(Delivery::Inline)
        .open();

    let outcome = convert(std::env::args().nth(1).as_deref());
    let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let event = Event::new("command")
        .property("command", "thermometer-convert")
        .property("duration", duration);
    // The argument may be any text, so it is not recorded; the result is.
    let (event, exit) = match outcome {
        Ok(fahrenheit) => {
            println!("{fahrenheit:.1} °F");
            (event.property("result", "SUCCESS"), ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("{reason}");
            let event = event.level(Level::Error).property("result", "ERROR");
            (event.message(reason), ExitCode::from(2))
        }
    };
    // Whether the event was recorded does not matter to this command.
    let _ = telemetry.record(&event);

    let status = telemetry.status();
    match (status.off_because, status.directory) {
        (Some(reason), _) => eprintln!("(nothing was recorded: {reason})"),
        (None, Some(directory)) => eprintln!("(recorded in {})", directory.display()),
        (None, None) => {}
    }
    exit
}

fn convert(celsius: Option<&str>) -> Result<f64, &'static str> {
    let celsius = celsius.ok_or("expected a temperature in degrees Celsius, for example 21.5")?;
    let celsius: f64 = celsius
        .parse()
        .map_err(|_| "the temperature is not a number")?;
    Ok(celsius * 1.8 + 32.0)
}
