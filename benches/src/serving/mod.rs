//! What recording costs a web server: axum with the `TraceLayer` of `tower-http`, which opens a span for each request
//! and makes an event when it begins and when it is answered.
//!
//! Server and clients are processes of their own, so that the processor time is the server's. The clients speak to
//! 127.0.0.1 only, send a fixed number of requests, each as soon as the one before is answered, and give up after a
//! minute.

mod clients;
mod contender;
mod server;

use self::contender::Contender;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Section, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// What one run of the server came to.
#[derive(Debug, Default)]
struct Samples {
    /// The server's processor time for a request, in microseconds.
    micros: Series,
    /// Requests answered in a second.
    rate: Series,
    /// Events that are not in the files, in all runs.
    lost: u64,
}

/// Measures everything of this part.
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
            let told = child::measure("serving", &words)?;
            let numbers = told.split_whitespace().map(str::parse::<f64>);
            let numbers: Vec<f64> = numbers.collect::<std::result::Result<_, _>>()?;
            let [micros, rate] = numbers.as_slice() else {
                return Err(format!("the server said `{told}`").into());
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
    let [nobody, _, localtel] = &samples;
    let above = |samples: &Samples| samples.micros.median() - nobody.micros.median();
    let figures = vec![Figure {
        what: "events of a web server lost at full speed, with the defaults, of all rounds"
            .to_owned(),
        wanted: Bound::AtMost(0.0),
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
        "processor, µs a request",
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

/// Does one measurement in a process of its own.
pub(crate) fn child(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["server", contender, requests, directory] => server::serve(
            Contender::of_word(contender)?,
            requests.parse()?,
            directory.as_ref(),
        ),
        ["clients", port, requests] => clients::send(port.parse()?, requests.parse()?),
        _ => Err("no measurement of `serving` is called so".into()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

/// One when a request begins, one when it is answered.
const EVENTS_PER_REQUEST: u64 = 2;

const ABOUT: &str = "\
An axum server on 127.0.0.1 with the `TraceLayer` of `tower-http`, whose span and events are at INFO: each request is \
a span of three fields, an event when it begins and one when it is answered. Sixteen clients in another process send \
requests over connections that stay open, each as soon as the one before is answered, so the server and its \
worker have no core to spare. Everyone has its defaults: `non_blocking` drops events where its queue is full, and so does localtel, \
which counts them in its directory (`Overflow::Block`, or a larger `Limits::buffer_bytes`, is what to set where some are lost).

*Processor* time is of the server's process, until everything is closed and in the files, for a request; the medians of the \
rounds. *Lost* are events that are not in the files, of all rounds.";
