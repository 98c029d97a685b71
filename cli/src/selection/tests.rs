//! Tests of the selection of one location and of all.

use localtel::admin::KnownApplication;

use super::super::exit::Exit;
use super::super::screen::Memory;
use super::*;

/// Finds a location, with times in UTC.
fn find(args: &SelectionArgs, environment: &Environment) -> Result<Location, Failure> {
    super::find(args, environment, Zone::UTC)
}

fn named(app: Option<&str>, dir: Option<&str>, profile: Option<&str>) -> SelectionArgs {
    SelectionArgs {
        app: app.map(|name| name.parse().unwrap()).into_iter().collect(),
        dir: dir.map(PathBuf::from),
        profile: profile.map(|name| name.parse().unwrap()),
        host: Vec::new(),
    }
}

fn home() -> (tempfile::TempDir, Environment) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().to_str().unwrap();
    let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", path)]);
    (home, environment)
}

#[test]
fn arguments_beat_the_environment_and_it_beats_defaults() {
    let variables = [("HOME", "/usr"), ("LOCALTEL_DIR", "/elsewhere")];
    let environment = Environment::for_test("localtel", &variables);
    let typed = find(&named(None, Some("/typed"), None), &environment).unwrap();
    assert_eq!(typed.path(), Path::new("/typed"));
    assert_eq!(typed.command("show"), "localtel --dir /typed show");
    let set = find(&named(Some("myapp"), None, Some("work")), &environment).unwrap();
    assert_eq!(set.path(), Path::new("/elsewhere/profiles/work"));
    assert_eq!(set.to_string(), "myapp");
    assert_eq!(
        set.command("show"),
        "localtel --app myapp --profile work show"
    );
}

#[test]
fn a_usual_path_gives_an_application_name_for_display_only() {
    let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", "/s")]);
    let find = |dir| find(&named(None, Some(dir), None), &environment).unwrap();
    let usual = find("/s/myapp/telemetry");
    assert_eq!(
        usual.application(),
        &KnownApplication::Likely("myapp".parse().unwrap())
    );
    assert_eq!(usual.to_string(), "myapp");
    let refused = unnamed(usual.certain_application().unwrap_err(), &usual);
    assert_eq!(refused.exit(), Exit::Usage);
    assert!(
        refused.text("localtel").contains("--app myapp"),
        "{}",
        refused.text("localtel")
    );
    for other in ["/s/data", "/elsewhere/myapp/telemetry"] {
        let location = find(other);
        assert_eq!(
            location.application(),
            &KnownApplication::Unknown,
            "{other}"
        );
        assert_eq!(location.name(), None, "{other}");
        let text = unnamed(location.certain_application().unwrap_err(), &location).text("localtel");
        assert!(text.contains("--app NAME"), "{text}");
    }
}

/// Creates a directory whose consent file names its owner.
fn of(source: &str, profile: &str, path: &Path) {
    let text = format!(r#"{{"format":1,"source":"{source}","profile":"{profile}"}}"#);
    std::fs::create_dir_all(path).unwrap();
    std::fs::write(path.join("consent.json"), text).unwrap();
    std::fs::write(path.join("lock"), "").unwrap();
}

#[test]
fn a_directory_of_another_application_is_refused() {
    let (home, environment) = home();
    let path = home.path().join("two/telemetry");
    let dir = path.to_str();
    of("one", "default", &path);
    let found = find(&named(None, dir, None), &environment).unwrap();
    assert_eq!(
        found.application(),
        &KnownApplication::Certain("one".parse().unwrap())
    );
    assert!(find(&named(Some("one"), dir, None), &environment).is_ok());
    let only = find(&named(None, None, None), &environment).unwrap();
    assert_eq!(only.to_string(), "one");
    assert!(
        only.command("show").contains("--dir "),
        "{}",
        only.command("show")
    );
    let refused: [(Option<&str>, Option<&str>, Option<&str>); 4] = [
        (Some("two"), dir, None),
        (Some("two"), None, None),
        (Some("One"), dir, None),
        (Some("two"), dir, Some("work")),
    ];
    for (app, dir, profile) in refused {
        let text = find(&named(app, dir, profile), &environment)
            .unwrap_err()
            .text("localtel");
        let wanted = format!("`{}`", app.unwrap());
        assert!(text.contains("`one`") && text.contains(&wanted), "{text}");
        assert!(text.contains("\nhint: "), "{text}");
    }
}

#[test]
fn a_directory_of_a_profile_is_not_the_default_profile() {
    let (home, environment) = home();
    let base = home.path().join("data");
    let work = base.join("profiles/work");
    of("one", "default", &base);
    of("one", "work", &work);
    let new = base.join("profiles/new");
    for (path, profile) in [(&work, "work"), (&new, "new")] {
        for app in [None, Some("one")] {
            let found = find(&named(app, path.to_str(), None), &environment).unwrap();
            assert_eq!(found.profile().as_str(), profile);
            assert_eq!(&found.path(), path);
        }
    }
    let found = find(&named(None, base.to_str(), Some("work")), &environment);
    assert_eq!(found.unwrap().path(), work);
    let copy = base.join("profiles/copy");
    of("one", "work", &copy);
    assert!(find(&named(None, base.to_str(), Some("copy")), &environment).is_err());
}

#[test]
fn the_only_source_is_taken() {
    let (home, environment) = home();
    std::fs::create_dir_all(home.path().join("only/telemetry")).unwrap();
    let location = find(&SelectionArgs::default(), &environment).unwrap();
    assert_eq!(location.to_string(), "only");
    assert_eq!(location.path(), home.path().join("only/telemetry"));
}

#[test]
fn several_sources_are_listed_with_their_records() {
    let (home, environment) = home();
    for source in ["one", "three"] {
        std::fs::create_dir_all(home.path().join(source).join("telemetry")).unwrap();
    }
    let failure = find(&SelectionArgs::default(), &environment).unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    let text = failure.text("localtel");
    assert!(text.contains("2 applications"), "{text}");
    assert!(
        text.contains("\n  one           0 B  no records\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  three         0 B  no records\n"),
        "{text}"
    );
    assert!(text.contains("\nhint: localtel --app one"), "{text}");
}

#[test]
fn the_list_of_applications_has_times_in_the_zone() {
    let (home, environment) = home();
    let line = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":0}"#;
    for source in ["one", "two"] {
        let path = home.path().join(source).join("telemetry");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("events.000001.jsonl"), format!("{line}\n")).unwrap();
    }
    let zone = "+02:00".parse().unwrap();
    let failure = super::find(&SelectionArgs::default(), &environment, zone).unwrap_err();
    let text = failure.text("localtel");
    let last = "last record 2026-11-21T10:15:30.123456+02:00";
    assert!(text.contains(last), "{text}");
}

#[test]
fn without_a_source_there_is_a_next_step() {
    let (_home, environment) = home();
    let text = find(&SelectionArgs::default(), &environment)
        .unwrap_err()
        .text("localtel");
    assert!(text.contains("no application has telemetry"), "{text}");
    assert!(
        text.contains("hint: name the application with --app"),
        "{text}"
    );
}

/// Returns a directory with telemetry of these applications below it.
fn parent(home: &tempfile::TempDir, sources: &[&str]) -> PathBuf {
    let parent = home.path().join("copies");
    for source in sources {
        let path = parent.join(source).join("telemetry");
        of(source, "default", &path);
        std::fs::write(path.join("events.000001.jsonl"), "").unwrap();
    }
    parent
}

#[test]
fn a_refused_directory_does_not_hide_the_others_below() {
    let (home, environment) = home();
    let parent = parent(&home, &["one", "three", "two"]);
    let claim = r#"{"format":1,"source":"other"}"#;
    std::fs::write(parent.join("two/telemetry/consent.all.json"), claim).unwrap();
    let args = named(None, parent.to_str(), None);
    let Ok(Selected::All(all)) = find_all(&args, &environment) else {
        panic!("two can be read");
    };
    let names: Vec<String> = all.list.iter().map(name_of).collect();
    assert_eq!(names, ["one", "three"]);
    let mut memory = Memory::default();
    memory.with(|screen| all.left_out.print(screen));
    let err = memory.err();
    assert!(err.contains("`two`") && err.contains("`other`"), "{err}");
    assert_eq!(all.left_out.exit(Exit::Done), Exit::Failed);
    assert_eq!(all.left_out.exit(Exit::Findings), Exit::Findings);
    let args = named(None, parent.join("two").to_str(), None);
    assert!(find_all(&args, &environment).is_err());
}
