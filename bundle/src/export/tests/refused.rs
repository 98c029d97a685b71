//! Exports that are refused before anything is written.

use super::*;

#[track_caller]
fn problem_of(machine: &MadeMachine, target: PathBuf) -> TargetProblem {
    let request = ExportRequest {
        target,
        ..machine.request()
    };
    match machine.export(&request) {
        Err(ExportError::Target { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_target_that_is_no_directory_is_refused() {
    let machine = with_each_form();
    let missing = machine.medium().join("missing");
    assert_eq!(problem_of(&machine, missing), TargetProblem::Missing);
    let file = machine.directory("shop").join("events.000001.jsonl");
    assert_eq!(problem_of(&machine, file), TargetProblem::NotADirectory);
}

#[test]
fn a_target_in_a_telemetry_directory_is_refused() {
    let machine = with_each_form();
    let own = machine.directory("shop");
    let below = own.join("profiles");
    fs::create_dir(&below).unwrap();
    machine.write("till", "consent.json", b"{}");
    let link = machine.medium().join("link");
    std::os::unix::fs::symlink(&own, &link).unwrap();
    for target in [own, below, machine.directory("till"), link] {
        let problem = problem_of(&machine, target.clone());
        assert!(
            matches!(problem, TargetProblem::InTelemetry(_)),
            "{target:?}: {problem:?}"
        );
    }
}

#[test]
fn a_target_in_a_tree_is_refused() {
    let machine = with_each_form();
    fs::write(machine.medium().join("fleet.json"), "{}").unwrap();
    let below = machine.medium().join("host=web");
    fs::create_dir(&below).unwrap();
    let problem = problem_of(&machine, below);
    assert!(matches!(problem, TargetProblem::InTree(_)), "{problem:?}");
}

#[test]
fn a_directory_and_its_copy_are_refused() {
    let machine = with_each_form();
    let source = |directory: &str| LogSource {
        directory: machine.directory(directory),
        application: "shop".parse().unwrap(),
        profile: Profile::default(),
        log: log_of(&machine.directory(directory)),
        consent: BundleConsent::new(ConsentDecision::Enabled, String::new(), None),
        explain: Vec::new(),
        policy: None,
    };
    machine.write("copy", "events.000001.jsonl", lines(0..3).as_bytes());
    let sources = [source("shop"), source("copy")];
    let failure = export(&machine.request(), &sources, &mut |_| {}).unwrap_err();
    assert!(
        matches!(failure.error, ExportError::SameLog { .. }),
        "{failure}"
    );
    assert_eq!(fs::read_dir(machine.medium()).unwrap().count(), 0);
}

#[test]
fn without_a_record_there_is_no_bundle() {
    let machine = MadeMachine::new();
    machine.write("shop", "consent.json", b"{}");
    let error = machine.export_of(&machine.request(), &["shop", "missing"]);
    assert!(matches!(error, Err(ExportError::Nothing)), "{error:?}");
    machine.write("shop", "events.000001.jsonl", line(0).as_bytes());
    let exported = machine
        .export_of(&machine.request(), &["shop", "missing"])
        .unwrap();
    assert_eq!(exported.empty, [machine.directory("missing")]);
}
