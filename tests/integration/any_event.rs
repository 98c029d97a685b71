//! Generated events: each event is one line with the recorded values, whether an event or a span
//! holds them and whether they are recorded at once or later.

use std::fmt::Write as _;

use localtel::Policy;
use localtel::recording::Delivery;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tracing::field::Empty;

use crate::support::TestPlace;

/// The values of one generated event.
#[derive(Debug, Clone)]
struct Sample {
    text: String,
    shown: String,
    signed: i64,
    unsigned: u64,
    wide: i128,
    wide_unsigned: u128,
    float: f64,
    truth: bool,
    bytes: Vec<u8>,
    maybe: Option<i64>,
    maybe_text: Option<String>,
    late: Option<String>,
}

fn sample() -> impl Strategy<Value = Sample> {
    let texts = (any::<String>(), any::<String>());
    let numbers = (
        any::<i64>(),
        any::<u64>(),
        any::<i128>(),
        any::<u128>(),
        any::<f64>(),
        any::<bool>(),
    );
    let others = (
        proptest::collection::vec(any::<u8>(), 0..20),
        any::<Option<i64>>(),
        any::<Option<String>>(),
        any::<Option<String>>(),
    );
    (texts, numbers, others).prop_map(|(texts, numbers, others)| Sample {
        text: texts.0,
        shown: texts.1,
        signed: numbers.0,
        unsigned: numbers.1,
        wide: numbers.2,
        wide_unsigned: numbers.3,
        float: numbers.4,
        truth: numbers.5,
        bytes: others.0,
        maybe: others.1,
        maybe_text: others.2,
        late: others.3,
    })
}

impl Sample {
    fn log(&self) {
        let span = tracing::info_span!(
            "sampled",
            text = self.text,
            wide = self.wide,
            bytes = self.bytes.as_slice(),
            late = Empty
        );
        let _entered = span.enter();
        if let Some(late) = &self.late {
            span.record("late", late);
        }
        tracing::info!(
            text = self.text,
            shown = %self.shown,
            debug = ?self.shown,
            signed = self.signed,
            unsigned = self.unsigned,
            wide = self.wide,
            wide_unsigned = self.wide_unsigned,
            float = self.float,
            truth = self.truth,
            bytes = self.bytes.as_slice(),
            maybe = self.maybe,
            maybe_text = self.maybe_text,
            "{}",
            self.shown
        );
    }

    fn properties(&self) -> Value {
        let mut properties = json!({
            "text": self.text, "shown": self.shown, "debug": format!("{:?}", self.shown),
            "signed": self.signed, "unsigned": self.unsigned, "wide": wide(self.wide),
            "wide_unsigned": wide_unsigned(self.wide_unsigned), "float": self.float,
            "truth": self.truth, "bytes": hex(&self.bytes),
        });
        if let Some(maybe) = self.maybe {
            properties["maybe"] = json!(maybe);
        }
        if let Some(maybe) = &self.maybe_text {
            properties["maybe_text"] = json!(maybe);
        }
        properties
    }

    fn span_properties(&self) -> Value {
        let mut properties = json!({
            "text": self.text, "wide": wide(self.wide), "bytes": hex(&self.bytes),
        });
        if let Some(late) = &self.late {
            properties["late"] = json!(late);
        }
        properties
    }
}

fn wide(value: i128) -> Value {
    if let Ok(value) = i64::try_from(value) {
        json!(value)
    } else if let Ok(value) = u64::try_from(value) {
        json!(value)
    } else {
        json!(value.to_string())
    }
}

fn wide_unsigned(value: u128) -> Value {
    u64::try_from(value).map_or_else(|_| json!(value.to_string()), |value| json!(value))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn any_event_is_one_line_with_the_values_recorded() {
    let strategy = proptest::collection::vec(sample(), 1..20);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&strategy, |samples| {
        let place = TestPlace::new();
        // Some random messages look like secrets.
        let policy = Policy::new().keep_secrets();
        let builder = place.builder().delivery(Delivery::Inline).policy(policy);
        place.record_with(builder, || samples.iter().for_each(Sample::log));
        let events = place.events();
        prop_assert_eq!(events.len(), samples.len());
        for (event, sample) in events.iter().zip(&samples) {
            prop_assert_eq!(&event["message"], &json!(sample.shown));
            prop_assert_eq!(&event["properties"], &sample.properties());
            prop_assert_eq!(&event["spans"][0]["properties"], &sample.span_properties());
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
