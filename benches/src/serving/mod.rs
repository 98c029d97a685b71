//! The cost of recording in a web server: axum with the `TraceLayer` of `tower-http`, which opens a
//! span for each request and emits an event at its start and one with the response.
//!
//! Server and clients are separate processes, so that the processor time is the server's. The
//! clients connect to 127.0.0.1 only, send a fixed number of requests, each as soon as the previous
//! one is answered, and give up after a minute.

mod clients;
mod contender;
mod server;

use self::contender::Contender;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Section, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// The results of one contender.
#[derive(Debug, Default)]
struct Samples {
    /// The server's processor time per request, in microseconds.
    micros: Series,
    /// Number of requests answered per second.
    rate: Series,
    /// Number of events that are not in the files, in all rounds.
    lost: u64,
}

/// Runs all measurements of this part.
pub(crate) fn run(effort: Effort) -> Result<Section> {
    let requests: u64 = effort.pick(100_000, 1_000);
    let mut samples = Contender::ALL.map(|_| Samples::default());
    for _ in 0..effort.rounds() {
        for (contender, samples) in Contender::ALL.into_iter().zip(&mut samples) {
            let home = tempfile::tempdir()?;
            let directory = home.path().to_string_lossy();
            let words = [
                "server",
                contender.word(),
                &requests.to_string(),
                &directory,
            ];
            let printed = child::measure("serving", &words)?;
            let numbers = printed.split_whitespace().map(str::parse::<f64>);
            let numbers: Vec<f64> = numbers.collect::<std::result::Result<_, _>>()?;
            let [micros, rate] = numbers.as_slice() else {
                return Err(format!("unexpected output of the server: `{printed}`").into());
            };
            samples.micros.push(*micros);
            samples.rate.push(*rate);
            let expected = contender
                .is_recording()
                .then_some(requests * EVENTS_PER_REQUEST);
            let written = server::events_in(home.path())?;
            samples.lost += expected.unwrap_or(0).saturating_sub(written);
        }
    }
    let [no_layer, _, localtel] = &samples;
    let above = |samples: &Samples| samples.micros.median() - no_layer.micros.median();
    let figures = vec![Figure {
        what: "events of a web server lost at full speed, with the defaults, in all rounds"
            .to_owned(),
        target: Bound::AtMost(0.0),
        measured: count(localtel.lost),
        unit: "events",
    }];
    let row = |(contender, samples): (Contender, &Samples)| {
        vec![
            contender.title().to_owned(),
            number(samples.micros.median()),
            format!(
                "{} to {}",
                number(samples.micros.least()),
                number(samples.micros.most())
            ),
            number(above(samples)),
            number(samples.rate.median()),
            samples.lost.to_string(),
        ]
    };
    let columns = [
        "recorded by",
        "processor, µs per request",
        "least to most",
        "above no layer",
        "requests/s",
        "lost",
    ];
    Ok(Section {
        title: "A web server",
        about: ABOUT.to_owned(),
        figures,
        tables: vec![Table {
            title: "axum with `TraceLayer`, at full speed".to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: Contender::ALL.into_iter().zip(&samples).map(row).collect(),
        }],
    })
}

/// Runs one measurement, in a child process.
pub(crate) fn child(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["server", contender, requests, directory] => server::serve(
            Contender::of_word(contender)?,
            requests.parse()?,
            directory.as_ref(),
        ),
        ["clients", port, requests] => clients::send(port.parse()?, requests.parse()?),
        _ => Err("unknown measurement of `serving`".into()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

/// One at the start of a request, and one with the response.
const EVENTS_PER_REQUEST: u64 = 2;

const ABOUT: &str = "\
An axum server on 127.0.0.1 with the `TraceLayer` of `tower-http`, whose span and events are at INFO: each request is \
a span of three fields, an event at its start and one with the response. Sixteen clients in another process send \
requests over persistent connections, each as soon as the previous one is answered, so the server and its worker have \
no spare core. All contenders have their defaults: `non_blocking` drops events if its queue is full, and so does \
localtel, which counts them in its directory (if events are lost, set `Overflow::Block` or a larger \
`Limits::buffer_bytes_max`).

*Processor* time per request is that of the server's process, until everything is closed and in the files; the medians \
of the rounds. *Lost* are the events that are not in the files, in all rounds.";
