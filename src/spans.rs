//! Which spans have records of their own. `layer` measures and records them.

use std::time::Duration;

/// Which spans of `tracing` have records of their own;
/// [`Builder::spans`](crate::Builder::spans) sets it.
///
/// ```
/// use std::time::Duration;
///
/// use localtel::Telemetry;
/// use localtel::consent::WhenUndecided;
/// use localtel::read::Reader;
/// use localtel::recording::Spans;
/// use tracing_subscriber::prelude::*;
///
/// #[tracing::instrument]
/// fn load(table: &str) {
///     std::thread::sleep(Duration::from_millis(20));
/// }
///
/// let home = tempfile::tempdir()?;
/// let telemetry = Telemetry::builder("myapp")
///     .dir(home.path().join("telemetry"))
///     .when_undecided(WhenUndecided::Record)
///     .spans(Spans::Closed { at_least: Duration::from_millis(10) })
///     .open();
/// let layer = telemetry.layer().with_filter(telemetry.filter());
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
///     load("projects");
/// });
/// telemetry.flush()?;
///
/// let mut reader = Reader::open(&home.path().join("telemetry"))?;
/// let mut records = reader.records().filter_map(Result::ok);
/// let load = records.find(|record| record.event.as_deref() == Some("span")).unwrap();
/// assert_eq!(load.message.as_deref(), Some("load"));
/// assert_eq!(load.properties.get("table"), Some(&"projects".into()));
/// assert!(load.properties.get("duration").unwrap().as_f64() >= Some(20.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Spans {
    /// None: spans are only recorded with the events in them, and no time is measured.
    #[default]
    InEvents,
    /// Also each span that was open for at least that long, when it closes: as an event `span` with
    /// the level and the target of the span.
    ///
    /// * The message is the name of the span. It is not a value, so no rule for `message` applies.
    /// * `duration` is the time from its opening to its closing, in milliseconds with up to three
    ///   digits behind the point. `busy_us` is the part of it in which at least one thread was in
    ///   the span, and `idle_us` is the rest, such as the time at an `await`; both are in
    ///   microseconds.
    /// * The values of its fields are properties, too. If one of them has the name of one of the
    ///   three figures, it is recorded instead of the figure.
    /// * `spans` are its parents. It is itself none of them: the condition `span=load` finds the
    ///   records inside of a span, and `event=span message=load` those of its closing.
    ///
    /// The policy applies as to an event, at the time of closing: to the event `span`, to the
    /// target, and to each property, the figures included. A span that was open while consent was
    /// withdrawn or the installation id was reset is refused. Spans below the
    /// [level](crate::Builder::level) are not recorded, nor are spans that are still open when
    /// telemetry is closed or the process ends. A forked child also records the spans of its
    /// parent that it closes.
    ///
    /// The clock is read when a span is opened, entered, exited and closed.
    Closed {
        /// The shortest time; with [`Duration::ZERO`] each span is recorded.
        at_least: Duration,
    },
}

impl Spans {
    /// Returns `true` if the times of spans are measured.
    pub(crate) fn are_timed(self) -> bool {
        match self {
            Self::InEvents => false,
            Self::Closed { .. } => true,
        }
    }

    /// Returns `true` if a span that was open for that long has a record of its own.
    pub(crate) fn include(self, total: Duration) -> bool {
        match self {
            Self::InEvents => false,
            Self::Closed { at_least } => total >= at_least,
        }
    }
}
