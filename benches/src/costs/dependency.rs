//! The cost of a dependency's events and spans at level TRACE, which are not recorded: without
//! localtel, with the layer and its per-layer filter, and with the layer only.

use std::path::Path;
use std::time::Instant;

use localtel::Limits;
use localtel::recording::Delivery;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{fmt, registry};

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// The setups beside a layer that formats from INFO up.
const BESIDE: [(&str, &str); 3] = [
    ("nothing", "without localtel"),
    ("filter", "layer and filter"),
    ("layer", "layer only"),
];

/// Measures each setup in a process of its own.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let rounds = effort.pick("200", "10");
    let mut measured = Vec::new();
    for (beside, _) in BESIDE {
        let path = home.path().join(beside);
        let path = path
            .to_str()
            .ok_or("the temporary directory is not UTF-8")?;
        let printed = child::measure("costs", &["dependency", beside, rounds, path])?;
        let mut numbers = printed.split_whitespace().map(str::parse::<f64>);
        let mut next = || numbers.next().ok_or("a number is missing");
        measured.push((next()??, next()??));
    }
    let [(event, span), (event_filtered, span_filtered), _] = measured[..] else {
        return Err("a measurement is missing".into());
    };
    let figure = |what: &str, more: f64| Figure {
        what: format!("{what} at TRACE of a dependency, with layer and filter: added by localtel"),
        target: Bound::AtMost(1.0),
        measured: more,
        unit: "ns",
    };
    let figures = vec![
        figure("event", event_filtered - event),
        figure("span", span_filtered - span),
    ];
    let rows = BESIDE
        .iter()
        .zip(&measured)
        .map(|((_, name), (event, span))| {
            [(*name).to_owned(), number(*event), number(*span)].to_vec()
        });
    let columns = [
        "beside a layer that formats from INFO up",
        "event, ns",
        "span, ns",
    ];
    let table = Table {
        title: "An event and a span at TRACE of a dependency".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    };
    Ok((figures, table))
}

/// Prints the nanoseconds per event, and per span that is entered and closed.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let [beside, rounds, path] = arguments else {
        return Err("`dependency` takes a setup, rounds and a directory".into());
    };
    let rounds: usize = rounds.parse()?;
    let telemetry = event::open(Path::new(path), Delivery::Background, Limits::default())?;
    let format = fmt::layer().with_writer(std::io::sink);
    let subscriber = registry().with(format.with_filter(LevelFilter::INFO));
    match *beside {
        "nothing" => subscriber.init(),
        "filter" => {
            let layer = telemetry.layer().with_filter(telemetry.filter());
            subscriber.with(layer).init();
        }
        "layer" => subscriber.with(telemetry.layer()).init(),
        _ => return Err("unknown setup".into()),
    }
    let (mut events, mut spans) = (Series::default(), Series::default());
    event::in_spans(|| {
        for _ in 0..rounds {
            events.push(nanos(
                |number| tracing::trace!(target: "h2::codec", number, "received"),
            ));
            spans.push(nanos(|number| {
                let _span = tracing::trace_span!(target: "h2::codec", "poll", number).entered();
            }));
        }
    });
    println!("{} {}", events.median(), spans.median());
    Ok(())
}

fn nanos(make: impl Fn(u32)) -> f64 {
    let start = Instant::now();
    for number in 0..REPEATED {
        make(number);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(REPEATED)
}

/// Number of events or spans in a loop.
const REPEATED: u32 = 10_000;
