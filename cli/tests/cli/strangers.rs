//! Files of other users under the names that localtel uses.

use std::process::Command;

use localtel::Limits;

use crate::support::TestPlace;

#[test]
fn files_of_another_user_under_our_names_are_not_removed() {
    let place = TestPlace::new();
    for _ in 0..3 {
        place.record_with(
            place.builder().limits(Limits {
                segment_bytes_max: 16 * 1024,
                ..Limits::default()
            }),
            || {
                for _ in 0..30 {
                    tracing::info!(text = "x".repeat(400));
                }
            },
        );
    }
    let first = place.path().join("events.000001.jsonl");
    if std::os::unix::fs::chown(&first, Some(4321), None).is_err() {
        println!("skipped: this needs the right to give a file away");
        return;
    }
    let before = std::fs::read(&first).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_localtel"))
        .args(["--app", "testapp", "clear", "--yes"])
        .env("LOCALTEL_DIR", place.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(printed.contains("belongs to another user"), "{printed}");
    assert!(!output.status.success());
    assert_eq!(std::fs::read(&first).unwrap(), before);
    // The other segments were removed, and recording continues.
    assert!(!place.path().join("events.000002.jsonl").exists());
    std::fs::remove_file(&first).unwrap();
    place.record(|| tracing::info!("after"));
    assert_eq!(place.events().len(), 1);
}
