//! From event to line: what an application records is what stands in the file.

use crate::support::Place;

#[test]
fn an_event_becomes_one_line_with_its_spans() {
    let place = Place::new();
    let records = place.record(|| {
        let _root = tracing::info_span!("request", id = 7, user = "eve").entered();
        let _leaf = tracing::info_span!("query").entered();
        tracing::info!(name: "command", command = "project-list", duration = 871, ok = true, ratio = 0.5, "listed {}", "projects");
    });
    println!("{}", place.lines().join("\n"));
    assert_eq!(records.len(), 1);
}
