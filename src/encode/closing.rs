//! The record of a closed span: an event `span` whose message is the name of the span. Its
//! properties are the figures of its time and the fields of the span. `site` prepares its constant
//! data.

use std::time::Duration;

use super::PendingLine;
use super::fields::{FieldKind, SpanValues};
use super::handling::push_handled;
use super::site::{FieldKey, FigureKey, Site};
use super::text::push_number;

/// The times of a closed span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanTimes {
    /// The time from its opening to its closing.
    pub(crate) total: Duration,
    /// The part of it in which a thread was in the span.
    pub(crate) busy: Duration,
}

impl PendingLine<'_> {
    /// Adds the properties of a closed span: its duration, the values of its fields, and the other
    /// figures. A field with the name of a figure replaces it.
    pub(crate) fn closed_span(&mut self, site: &Site, values: &SpanValues, times: SpanTimes) {
        let Some(closing) = &site.closing else { return };
        let [duration, busy, idle] = &closing.figures;
        let total = micros(times.total);
        // Busy and idle microseconds add up to the duration.
        let busy_micros = micros(times.busy.min(times.total));
        let idle_micros = total - busy_micros;
        self.figure(duration, (site, values), |out| push_millis(out, total));
        for rendered in values.rendered() {
            self.rendered_property(rendered);
        }
        self.figure(busy, (site, values), |out| push_number(out, busy_micros));
        self.figure(idle, (site, values), |out| push_number(out, idle_micros));
        self.end_properties();
    }

    fn figure(
        &mut self,
        figure: &FigureKey,
        (site, values): (&Site, &SpanValues),
        push: impl FnOnce(&mut Vec<u8>),
    ) {
        if figure.field.is_some_and(|field| values.contains(field)) {
            return;
        }
        if let FieldKey::Property(key, named) = &figure.key {
            let handling = FieldKind::Bare.handling(*named, site);
            self.property(site.key(*key), |out, bytes_max| {
                push_handled(out, bytes_max, handling, |out, _| push(out));
            });
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Writes microseconds as milliseconds, with the digits behind the point that they need.
fn push_millis(out: &mut Vec<u8>, micros: u64) {
    push_number(out, micros / 1000);
    let mut rest = micros % 1000;
    let mut unit = 100;
    if rest > 0 {
        out.push(b'.');
    }
    while rest > 0 {
        push_number(out, rest / unit);
        rest %= unit;
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_have_the_digits_that_they_need() {
        for (micros, expected) in [
            (0, "0"),
            (1, "0.001"),
            (10, "0.01"),
            (999, "0.999"),
            (1000, "1"),
            (1010, "1.01"),
            (12_345, "12.345"),
            (1_234_500, "1234.5"),
            (90_000_000, "90000"),
        ] {
            let mut out = Vec::new();
            push_millis(&mut out, micros);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
