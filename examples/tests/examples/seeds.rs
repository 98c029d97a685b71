//! The fields that earlier systems report can be recorded: for each system there is an example with
//! a counterpart of each documented field in its records. The tables here and in
//! docs/compatibility.md are the same.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use localtel::read::Record;
use serde_json::Value;

use crate::programs::{ExamplePlace, of_event, records_in, text};
use crate::support::terminal;

/// A field of an earlier system, the path of its counterpart here, and its type. The counterpart is
/// in each line, or in the records of an event. A question mark marks facts that are not known on
/// every machine.
const TICLOUD: &str = r#"
timestamp                 | timestamp            | text
source                    | source               | text
properties["alias"]       | command: alias       | text
properties["arch"]        | command: arch        | text
properties["auth_method"] | command: auth_method | text
properties["command"]     | command: command     | text
properties["duration"]    | command: duration    | number
properties["error"]       | command: error       | text
properties["flags"]       | command: flags       | list
properties["git_commit"]  | command: git_commit  | text
properties["installer"]   | command: installer   | text
properties["interactive"] | command: interactive | flag
properties["os"]          | command: os          | text
properties["project_id"]  | command: project_id  | text
properties["result"]      | command: result      | text
properties["terminal"]    | command: terminal    | text
properties["version"]     | command: version     | text
"#;

const TIUP: &str = "
installationUUID                | session: installation                      | text
eventUUID                       | command: command.id                        | text
event_unix_timestamp            | timestamp                                  | text
version.TiUPVersion             | command: version                           | text
version.ComponentVersion        | command: component_version                 | text
version.GitRef                  | report: application.branch                 | text
version.GitCommit               | command: git_commit                        | text
version.os                      | command: os                                | text
version.arch                    | command: arch                              | text
version.go                      | report: application.build.rust             | text
tiup.command                    | command: command                           | text
tiup.tag                        | command: tag                               | text
tiup.take_milliseconds          | command: duration                          | number
tiup.exit_code                  | command: exit_code                         | number
tiup.custom_mirror              | command: custom_mirror                     | flag
cluster.ID                      | command: cluster_id                        | text
cluster.command                 | command: command                           | text
cluster.take_milliseconds       | command: duration                          | number
cluster.exit_code               | command: result                            | text
cluster.topology (hashed)       | command: topology.servers.host.0           | text
cluster.topology (omitted)      | command: topology.server_configs.log.level | text
modified configuration names    | report: changed_settings                   | list
nodes[].node_id                 | command: nodes.node_id.0                   | text
nodes[].hardware.virtualization | report: environment.virtual_machine        | text?
nodes[].hardware.cpu.numcpu     | report: hardware.cpus                      | number?
nodes[].hardware.cpu.sockets    | report: hardware.sockets                   | number?
nodes[].hardware.cpu.cores      | report: hardware.cores                     | number?
nodes[].hardware.cpu.model      | report: hardware.model                     | text?
nodes[].hardware.cpu.mhz        | report: hardware.mhz                       | number?
nodes[].hardware.mem.total      | report: hardware.memory_total_bytes        | number?
nodes[].hardware.mem.available  | report: hardware.memory_available_bytes    | number?
nodes[].hardware.loadavg15      | report: hardware.load                      | list
nodes[].os.family               | report: os.family                          | text
nodes[].os.platform             | report: os.distribution                    | text?
nodes[].os.version              | report: os.version                         | text?
";

const FERRETDB: &str = "
version                   | report: application.version                 | text
commit                    | report: application.commit                  | text
branch                    | report: application.branch                  | text
dirty                     | report: application.dirty                   | flag
package                   | report: application.installer               | text
debug                     | report: application.debug                   | flag
build_environment         | report: application.build                   | object
os                        | report: os.family                           | text
arch                      | report: os.arch                             | text
postgresql_version        | report: components.collection               | text
documentdb_version        | report: components.query                    | text
uuid                      | report: installation                        | text
uptime                    | report: uptime                              | number
command_metrics: opcode   | report: counters.command_metrics[].opcode   | text
command_metrics: command  | report: counters.command_metrics[].command  | text
command_metrics: argument | report: counters.command_metrics[].argument | text
command_metrics: result   | report: counters.command_metrics[].result   | text
command_metrics: count    | report: counters.command_metrics[].count    | number
";

const TIMESCALEDB: &str = "
telemetry_version                 | session: format                            | number
db_uuid                           | report: uuid                               | text
exported_db_uuid                  | report: exported_uuid                      | text
installed_time                    | report: install_timestamp                  | text
install_method                    | report: application.installer              | text
license.edition                   | report: metadata.edition                   | text
last_tuned_time                   | report: metadata.last_tuned_time           | text
last_tuned_version                | report: metadata.last_tuned_version        | text
os_name                           | report: os.family                          | text
os_release                        | report: os.kernel                          | text?
os_name_pretty                    | report: os.pretty_name                     | text?
postgresql_version                | report: components.csv                     | text
timescaledb_version               | report: application.version                | text
build_os_name                     | report: application.build.os               | text
build_os_version                  | report: application.build.os_version       | text
build_architecture                | report: os.arch                            | text
build_architecture_bit_size       | report: os.pointer_width                   | number
data_volume                       | report: data.tables.bytes                  | number
num_hypertables                   | report: metadata.num_hypertables           | text
db_metadata                       | report: metadata                           | object
instance_metadata.cloud           | report: metadata.cloud                     | text
related_extensions                | report: extensions.gzip                    | flag
errors_by_sqlerrcode: sqlstate    | report: errors.22P02                       | number
errors_by_sqlerrcode: job_type    | report: counters.job_errors[].job_type     | text
stats_by_job_type: total_runs     | report: counters.jobs[].count              | number
stats_by_job_type: total_failures | report: counters.jobs[].result             | text
stats_by_job_type: total_duration | report: counters.job_milliseconds[].count  | number
functions_used                    | report: counters.functions_used[].function | text
";

const TIDB: &str = "
reportTimestamp                       | timestamp                                 | text
featureUsage.txn.asyncCommitUsed      | report: extensions.async_commit           | flag
featureUsage.txn.txnCommitCounter     | report: counters.commits[].kind           | text
featureUsage.txn.SavepointCounter     | report: counters.savepoints[].count       | number
windowedStats[].beginAt               | report: counted_since                     | text
windowedStats[].executeCount          | report: counters.executed[].count         | number
windowedStats[].coprCacheUsage        | report: counters.reads[].cache            | text
windowedStats[].builtinFunctionsUsage | report: counters.builtin_functions[].name | text
";

#[test]
fn cloud_cli_records_every_field_of_ticloud() {
    let place = ExamplePlace::new();
    cloud(&place, &["project", "ls", "-o", "json"]);
    let failed = cloud_command(&place, &["cluster", "create", "-p", "nowhere", "umbrella"]);
    assert_eq!(output_of(failed).status.code(), Some(1));
    cloud(
        &place,
        &["cluster", "create", "umbrella", "--region", "mars-1"],
    );
    let Some((_ours, theirs)) = terminal() else {
        return;
    };
    let mut at_terminal = cloud_command(&place, &["cluster", "ls", "--debug"]);
    let at_terminal = at_terminal
        .env("CLOUD_API_KEY", "sesame")
        .stdout(theirs)
        .stderr(Stdio::null());
    assert!(at_terminal.status().unwrap().success());

    let directory = place.state().join("cloud/telemetry");
    let records = records_in(&directory);
    compare("ticloud", TICLOUD, &records);
    let commands = of_event(&records, "command");
    let first = &commands[0].properties;
    assert_eq!(first.get("command").unwrap(), "cloud-project-list");
    assert_eq!(first.get("alias").unwrap(), "ls");
    assert_eq!(
        first.get("flags").unwrap(),
        &serde_json::json!(["output", "telemetry"])
    );
    let error = commands[1].properties.get("error").unwrap();
    assert_eq!(error, "CloudError: no such project");
    assert_nowhere(&directory, &["umbrella", "mars-1", "nowhere", "sesame"]);
}

#[test]
fn cloud_cli_keeps_clusters_with_and_without_consent() {
    let place = ExamplePlace::new();
    for telemetry in ["on", "off"] {
        let name = format!("cluster-{telemetry}");
        let mut command = place.command("cloud_cli", &["cluster", "create", &name]);
        command.args(["--data-dir", "data", "--telemetry", telemetry]);
        assert!(output_of(command).status.success());
    }
    let listed = place.run("cloud_cli", &["cluster", "ls", "--data-dir", "data"]);
    let expected = "cluster-on  aws  eu-central-1\ncluster-off  aws  eu-central-1\n";
    assert_eq!(text(&listed.stdout), expected);
    let records = records_in(&place.state().join("cloud/telemetry"));
    assert_eq!(of_event(&records, "command").len(), 1);
}

#[test]
fn cloud_cli_sets_telemetry_enabled_for_one_profile() {
    let place = ExamplePlace::new();
    let run = |words: &[&str]| {
        let mut command = place.command("cloud_cli", words);
        command.args(["--data-dir", "data"]);
        let output = output_of(command);
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    };
    let commands = |directory: &str| {
        let directory = place.state().join("cloud/telemetry").join(directory);
        if !directory.exists() {
            return 0;
        }
        of_event(&records_in(&directory), "command").len()
    };
    let other = "profiles/work";
    assert_eq!(
        run(&["config", "set", "telemetry-enabled", "true"]),
        "Set profile `default` property `telemetry-enabled` to value `true` successfully\n"
    );
    run(&["project", "list"]);
    run(&["project", "list", "--profile", "work"]);
    assert_eq!((commands(""), commands(other)), (1, 0));
    let set = ["config", "set", "telemetry-enabled", "true", "--profile"];
    let printed = run(&[&set[..], &["work"]].concat());
    assert!(printed.starts_with("Set profile `work` "), "{printed}");
    run(&["config", "set", "telemetry-enabled", "false"]);
    run(&["project", "list"]);
    run(&["--profile=work", "project", "list"]);
    assert_eq!((commands(""), commands(other)), (1, 1));
    let status = run(&["telemetry", "status", "--profile", "work"]);
    assert!(status.starts_with("status: enabled\n"), "{status}");
    assert!(status.contains("\nprofile: work\n"), "{status}");
    let status = run(&["telemetry", "status"]);
    assert!(status.starts_with("status: disabled\n"), "{status}");
}

#[test]
fn cloud_cli_refuses_values_other_than_true_and_false() {
    for words in [
        &["telemetry-enabled", "perhaps"][..],
        &["telemetry-enabled", ""],
        &["telemetry-enabled", "undecided"],
        &["telemetry-enabled"],
        &["public-key", "true"],
    ] {
        let place = ExamplePlace::new();
        let mut command = place.command("cloud_cli", &["config", "set"]);
        command.args(words);
        let output = output_of(command);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(!place.state().exists(), "{words:?}");
    }
    let place = ExamplePlace::new();
    let words = ["config", "set", "telemetry-enabled", "true", "--profile"];
    let mut command = place.command("cloud_cli", &words);
    command.arg("../other");
    assert_eq!(output_of(command).status.code(), Some(1));
    assert!(!place.state().exists());
}

#[test]
fn cloud_cli_reports_that_its_setting_is_overruled() {
    let place = ExamplePlace::new();
    let set = ["config", "set", "telemetry-enabled", "true"];
    let mut command = place.command("cloud_cli", &set);
    command.env("DO_NOT_TRACK", "1");
    let output = output_of(command);
    assert!(output.status.success(), "{output:?}");
    let printed = text(&output.stderr);
    assert!(printed.contains("disabled by DO_NOT_TRACK=1"), "{printed}");
    let status = text(&place.run("cloud_cli", &["telemetry", "status"]).stdout);
    assert!(status.starts_with("status: enabled\n"), "{status}");
}

#[test]
fn cloud_cli_shows_each_event_with_debug() {
    for (telemetry, outcome) in [("on", "recorded"), ("off", "refused")] {
        let place = ExamplePlace::new();
        let words = ["cluster", "create", "umbrella", "--debug"];
        let mut command = place.command("cloud_cli", &words);
        command.args(["--data-dir", "data", "--telemetry", telemetry]);
        let shown = shown_records(&output_of(command), "cloud", outcome);
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert_eq!(shown[0]["properties"]["command"], "cloud-cluster-create");
        assert!(!shown[0].to_string().contains("umbrella"), "{shown:?}");
    }
    let place = ExamplePlace::new();
    std::fs::write(place.state(), "a file").unwrap();
    let mut command = place.command("cloud_cli", &["project", "list", "--debug"]);
    command.args(["--data-dir", "data", "--telemetry", "on"]);
    assert_eq!(
        shown_records(&output_of(command), "cloud", "refused").len(),
        1
    );
}

#[test]
fn deployer_records_every_field_of_tiup() {
    let place = ExamplePlace::new();
    let words = [
        "deploy",
        "umbrella",
        "8.5.3",
        "--hosts",
        "raven-1,raven-2",
        "--user",
        "hugin",
    ];
    let mut deploy = deployer(&place, &words);
    deploy.args(["--set", "log.level=murmur", "--tag", "autumn"]);
    assert!(output_of(deploy).status.success());
    let again = output_of(deployer(&place, &words));
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let listed = output_of(deployer(&place, &["list"]));
    assert_eq!(text(&listed.stdout), "umbrella  raven-1 raven-2\n");
    assert!(
        output_of(deployer(&place, &["clean", "umbrella"]))
            .status
            .success()
    );

    let directory = place.state().join("deployer/telemetry");
    let records = records_in(&directory);
    compare("TiUP", TIUP, &records);
    // One of eight short-lived processes recorded the report.
    assert_eq!(of_event(&records, "report").len(), 1);
    assert_eq!(of_event(&records, "command").len(), 8);
    let names = [
        "umbrella", "raven-1", "raven-2", "hugin", "murmur", "autumn",
    ];
    assert_nowhere(&directory, &names);
}

#[test]
fn deployer_and_its_component_share_the_id_of_their_command() {
    let place = ExamplePlace::new();
    assert!(output_of(deployer(&place, &["list"])).status.success());
    assert!(output_of(deployer(&place, &["list"])).status.success());
    let records = records_in(&place.state().join("deployer/telemetry"));
    let mut commands: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in of_event(&records, "command") {
        let property = |name| record.properties.get(name).unwrap().as_str().unwrap();
        commands
            .entry(property("command.id"))
            .or_default()
            .push(property("command"));
    }
    let commands: Vec<_> = commands.into_values().collect();
    let expected = vec!["deployer-component-list", "deployer-list"];
    assert_eq!(commands, [expected.clone(), expected]);
}

#[test]
fn deployer_begins_its_status_with_the_two_lines_of_tiup() {
    let place = ExamplePlace::new();
    let done = |words: &[&str]| {
        let output = place.run("deployer", words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    };
    let status = || {
        let shown = done(&["telemetry", "status"]);
        let lines: Vec<String> = shown.lines().take(2).map(str::to_owned).collect();
        lines.join("\n")
    };
    assert_eq!(status(), "status: undecided\nuuid: none");
    done(&["telemetry", "enable"]);
    assert_eq!(status(), "status: enabled\nuuid: none");
    done(&["list", "--data-dir", "data"]);
    let before = status();
    let id = before.strip_prefix("status: enabled\nuuid: ").unwrap();
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4);
    done(&["telemetry", "reset"]);
    done(&["list", "--data-dir", "data"]);
    let after = status();
    assert!(after.starts_with("status: enabled\nuuid: "), "{after}");
    assert_ne!(after, before);
    done(&["telemetry", "disable"]);
    assert_eq!(status(), "status: disabled\nuuid: none");
}

#[test]
fn deployer_shows_what_it_records_with_deployer_debug() {
    for (word, telemetry, outcome) in [
        ("enable", "on", "recorded"),
        ("1", "on", "recorded"),
        ("enable", "off", "refused"),
    ] {
        let place = ExamplePlace::new();
        let words = ["deploy", "umbrella", "1.0.0", "--hosts", "raven-1"];
        let mut command = deployer(&place, &words);
        command.env("DEPLOYER_DEBUG", word);
        command.env("DEPLOYER_TELEMETRY", telemetry);
        let shown = shown_records(&output_of(command), "deployer", outcome);
        let commands: Vec<&str> = shown
            .iter()
            .filter(|record| record["event"] == "command")
            .map(|record| record["properties"]["command"].as_str().unwrap())
            .collect();
        assert_eq!(
            commands,
            ["deployer-component-deploy", "deployer-deploy"],
            "{word}"
        );
        for record in &shown {
            let record = record.to_string();
            assert!(!record.contains("umbrella"), "{record}");
            assert!(!record.contains("raven-1"), "{record}");
        }
    }
    for word in ["", "disable", "perhaps"] {
        let place = ExamplePlace::new();
        let mut command = deployer(&place, &["list"]);
        command.env("DEPLOYER_DEBUG", word);
        assert_eq!(text(&output_of(command).stderr), "", "{word}");
    }
}

#[test]
fn deployer_hashes_a_host_alike_in_every_property() {
    let place = ExamplePlace::new();
    let words = ["deploy", "umbrella", "1.0.0", "--hosts", "raven-1,raven-2"];
    assert!(output_of(deployer(&place, &words)).status.success());
    let records = records_in(&place.state().join("deployer/telemetry"));
    let commands = of_event(&records, "command");
    let of = |path: &str| values_at(&commands, path).remove(0).as_str().unwrap();
    assert_eq!(of("nodes.node_id.0"), of("topology.servers.host.0"));
    assert_ne!(of("nodes.node_id.0"), of("nodes.node_id.1"));
    assert_eq!(of("topology.servers.port.0"), "[masked]");
}

#[test]
fn document_server_records_every_field_of_ferretdb() {
    let place = ExamplePlace::new();
    let output = serve(
        &place,
        &["--telemetry", "on"],
        "1 insert {\"name\":\"raven\"}\n\
         1 find {\"age\":{\"$gt\":3}}\n\
         1 umbrella {}\n\
         2 mockingbird\n\
         1 count {\"name\":{\"$umbrella\":\"magpie\"}}\n\
         1 insert {\"name\"\n\
         1 update {} {\"$set\":{\"name\":\"magpie\"}}\n\
         1 delete {\"name\":\"magpie\"}\n\
         1 count {}\n",
    );
    assert!(output.status.success(), "{output:?}");
    let replies = text(&output.stdout);
    let of_first: Vec<&str> = replies
        .lines()
        .filter(|line| line.starts_with("1 "))
        .collect();
    let expected = [
        "1 ok 1",
        "1 ok []",
        "1 error CommandNotFound",
        "1 error BadValue",
        "1 error FailedToParse",
        "1 ok 1",
        "1 ok 1",
        "1 ok 0",
    ];
    assert_eq!(of_first, expected);

    let directory = place.state().join("document_server/telemetry");
    let records = records_in(&directory);
    compare("FerretDB", FERRETDB, &records);
    let reports = of_event(&records, "report");
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for series in values_at(&reports, "counters.command_metrics[]") {
        let label = |name: &str| series[name].as_str().unwrap().to_owned();
        let labels = ["command", "argument", "result"].map(label).join(" ");
        *counts.entry(labels).or_default() += series["count"].as_u64().unwrap();
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(labels, count)| format!("{labels} {count}"))
        .collect();
    let expected = [
        "count none ok 1",
        "count unknown BadValue 1",
        "delete none ok 1",
        "find $gt ok 1",
        "insert none FailedToParse 1",
        "insert none ok 1",
        "unknown none CommandNotFound 2",
        "update $set ok 1",
    ];
    assert_eq!(counts, expected);
    assert_nowhere(&directory, &["umbrella", "mockingbird", "raven", "magpie"]);
}

#[test]
fn document_server_waits_before_recording_undecided_users() {
    let place = ExamplePlace::new();
    let output = serve(&place, &[], "1 count {}\n");
    assert!(output.status.success(), "{output:?}");
    assert!(
        text(&output.stderr).contains("nothing is recorded"),
        "{output:?}"
    );
    for expected in [
        "recording begins in 60 minutes unless consent is decided before",
        "localtel --app document_server disable",
    ] {
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
    let directory = place.state().join("document_server/telemetry");
    assert_eq!(records_in(&directory).len(), 0);
    let output = serve(&place, &["--telemetry", "off"], "1 count {}\n");
    assert_eq!(text(&output.stdout), "1 ok 0\n");
    assert!(
        !text(&output.stderr).contains("recording begins"),
        "{output:?}"
    );
    assert_eq!(records_in(&directory).len(), 0);
}

#[test]
fn document_server_accepts_all_words_of_ferretdb() {
    let enable = "1 t true y yes on enable enabled optin opt-in allow ENABLE Yes";
    let disable =
        "0 f false n no off disable disabled optout opt-out disallow forbid DISABLE Forbid";
    for (words, expected) in [
        (enable, "telemetry stays on this machine"),
        (disable, "nothing is recorded: "),
        ("undecided UNDECIDED", "recording begins in 60 minutes"),
    ] {
        for word in words.split(' ') {
            let joined = format!("--telemetry={word}");
            for arguments in [&[joined.as_str()][..], &["--telemetry", word]] {
                assert_document_server_prints(arguments, expected);
            }
        }
    }
    for arguments in [&["--telemetry="][..], &["--telemetry", ""], &[]] {
        assert_document_server_prints(arguments, "recording begins in 60 minutes");
    }
}

#[test]
fn document_server_lists_the_words_if_one_is_invalid() {
    for arguments in [
        &["--telemetry=perhaps"][..],
        &["--telemetry", "perhaps"],
        &["--telemetry"],
        &["--telemetry=on", "more"],
        &["--telemetrY=on"],
        &["on"],
    ] {
        let place = ExamplePlace::new();
        let output = place.run("document_server", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let printed = text(&output.stderr);
        for words in [
            "usage: document_server [--telemetry=WORD]\n",
            "1, t, true, y, yes, on, enable, enabled, optin, opt-in, allow\n",
            "0, f, false, n, no, off, disable, disabled, optout, opt-out, disallow, forbid\n",
            "undecided",
        ] {
            assert!(printed.contains(words), "{arguments:?}: {printed}");
        }
        assert!(!place.state().exists(), "{arguments:?}");
    }
}

#[test]
fn document_server_records_undecided_users_after_the_hour() {
    let place = ExamplePlace::new();
    serve(&place, &[], "1 count {}\n");
    let directory = place.state().join("document_server/telemetry");
    let mut first: Value =
        serde_json::from_slice(&std::fs::read(directory.join("consent.json")).unwrap()).unwrap();
    first["first_seen"] = "2026-01-01T00:00:00.000000Z".into();
    std::fs::write(directory.join("consent.json"), first.to_string()).unwrap();
    serve(&place, &[], "1 count {}\n");
    let records = records_in(&directory);
    assert!(!of_event(&records, "report").is_empty());
}

#[test]
fn document_server_continues_after_invalid_utf_8() {
    let place = ExamplePlace::new();
    let words = ["--telemetry", "off"];
    let output = serve(&place, &words, b"1 count {\xff}\n1 count {}\n\xff\n");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "1 error FailedToParse\n1 ok 0\n");
}

#[test]
fn document_server_reports_that_an_update_is_available() {
    let place = ExamplePlace::new();
    serve(&place, &["--telemetry", "on"], "");
    let directory = place.state().join("document_server/telemetry");
    std::fs::write(directory.join("release.json"), "{\"version\":\"99.1.0\"}").unwrap();
    let output = serve(&place, &["--telemetry", "on"], "");
    let printed = text(&output.stderr);
    assert!(
        printed.contains("99.1.0 is available, this is "),
        "{printed}"
    );
}

#[test]
fn metadata_table_records_every_field_of_timescaledb() {
    let place = ExamplePlace::new();
    let output = place.run("metadata_table", &[]);
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("printed twice; that counted, reset and recorded nothing"),
        "{shown}"
    );
    assert!(
        shown.contains("the counts of the next report begin at zero"),
        "{shown}"
    );

    let directory = place.telemetry();
    let records = records_in(&directory);
    compare("TimescaleDB", TIMESCALEDB, &records);
    let reports = of_event(&records, "report");
    assert_eq!(reports.len(), 1);
    let settings = reports[0].properties.get("changed_settings").unwrap();
    assert_eq!(settings, &serde_json::json!(["work_mem"]));
    // The printed report equals the recorded one, except for values that change with time.
    let end = shown.find("\n}\n").unwrap();
    let start = shown.find("{\n").unwrap();
    let report: Value = serde_json::from_str(&shown[start..end + 2]).unwrap();
    for (name, value) in reports[0].properties.iter() {
        if ![
            "uptime",
            "machine_uptime",
            "hardware",
            "since",
            "counted_since",
            "data",
        ]
        .contains(&name)
        {
            assert_eq!(&report[name], value, "{name}");
        }
    }
    // The excluded row, the names of tables, and the value of a setting.
    let names = ["night-shift", "team", "boiler", "garden", "frozen", "64MB"];
    assert_nowhere(&directory, &names);
}

#[test]
fn metadata_table_shows_its_report_without_consent() {
    let place = ExamplePlace::new();
    place.write("raven.csv", b"08:00,1\n");
    let output = place.run("metadata_table", &["input"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(shown.contains("\"recording\": \"no\""), "{shown}");
    assert!(shown.contains("it was not recorded: "), "{shown}");
    assert!(!place.state().exists());
}

#[test]
fn metadata_table_announces_no_next_report_if_it_is_off() {
    let place = ExamplePlace::new();
    let mut command = place.command("metadata_table", &[]);
    command.env("METADATA_TABLE_TELEMETRY", "off");
    let output = output_of(command);
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("it was not recorded: "), "{shown}");
    assert!(!shown.contains("next report"), "{shown}");
}

#[test]
fn metadata_table_accepts_the_levels_of_timescaledb() {
    for (level, reports, has_functions) in [
        ("off", 0, false),
        ("'off'", 0, false),
        ("no_functions", 1, false),
        ("basic", 1, true),
        ("BASIC", 1, true),
        ("'basic' # as usual", 1, true),
    ] {
        for name in ["telemetry_level", "timescaledb.telemetry_level"] {
            let place = ExamplePlace::new();
            place.write("raven.csv", b"08:00,1\n");
            place.write("settings.conf", format!("{name} = {level}\n").as_bytes());
            let output = place.run("metadata_table", &["input"]);
            assert!(output.status.success(), "{level}: {output:?}");
            let directory = place.state().join("metadata_table/telemetry");
            assert_eq!(directory.exists(), reports > 0, "{level}");
            if reports == 0 {
                continue;
            }
            let records = records_in(&directory);
            let found = of_event(&records, "report");
            assert_eq!(found.len(), reports, "{level}");
            let functions = values_at(&found, "counters.functions_used[].function");
            assert_eq!(!functions.is_empty(), has_functions, "{level}");
        }
    }
}

#[test]
fn metadata_table_lists_the_levels_if_one_is_invalid() {
    for level in ["on", "none", "", "basic basic"] {
        let place = ExamplePlace::new();
        let setting = format!("telemetry_level = {level}\n");
        place.write("settings.conf", setting.as_bytes());
        let output = place.run("metadata_table", &["input"]);
        assert_eq!(output.status.code(), Some(1), "{level}: {output:?}");
        let printed = text(&output.stderr);
        assert!(
            printed.contains("off, no_functions, basic"),
            "{level}: {printed}"
        );
        assert!(!place.state().exists(), "{level}");
    }
}

#[test]
fn metadata_table_respects_a_refusal_at_any_level() {
    let place = ExamplePlace::new();
    place.write("settings.conf", b"telemetry_level = basic\n");
    for variable in ["METADATA_TABLE_TELEMETRY", "DO_NOT_TRACK"] {
        let mut command = place.command("metadata_table", &["input"]);
        let word = if variable == "DO_NOT_TRACK" {
            "1"
        } else {
            "off"
        };
        command.env(variable, word);
        assert!(output_of(command).status.success(), "{variable}");
        assert!(!place.state().exists(), "{variable}");
    }
}

#[test]
fn metadata_table_reports_that_a_policy_forbids_its_report() {
    let place = ExamplePlace::new();
    place.write("raven.csv", b"08:00,1\n");
    let directory = place.state().join("metadata_table/telemetry");
    std::fs::create_dir_all(&directory).unwrap();
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&directory, mode).unwrap();
    std::fs::write(
        directory.join("policy.toml"),
        "[events]\nreport = \"drop\"\n",
    )
    .unwrap();
    let mut command = place.command("metadata_table", &["input"]);
    command.env("METADATA_TABLE_TELEMETRY", "on");
    let shown = text(&output_of(command).stdout);
    assert!(
        shown.contains("it was not recorded: a policy forbids it"),
        "{shown}"
    );
}

#[test]
fn metadata_table_names_the_directory_that_does_not_exist() {
    let output = ExamplePlace::new().run("metadata_table", &["no-such-place"]);
    assert!(!output.status.success());
    let printed = text(&output.stderr);
    assert!(
        printed.starts_with("metadata_table: no-such-place: "),
        "{printed}"
    );
}

#[test]
fn feature_usage_records_tidb_windows() {
    let place = ExamplePlace::new();
    let output = place.run("feature_usage", &[]);
    assert!(output.status.success(), "{output:?}");
    let directory = place.telemetry();
    let records = records_in(&directory);
    compare("TiDB", TIDB, &records);
    let reports = of_event(&records, "report");
    let executed: Vec<u64> = reports
        .iter()
        .flat_map(|report| values_at(&[*report], "counters.executed[].count"))
        .map(|count| count.as_u64().unwrap())
        .collect();
    assert_eq!(executed, [10, 7]);
    let commits: Vec<&str> = values_at(&reports, "counters.commits[].kind")
        .into_iter()
        .map(|kind| kind.as_str().unwrap())
        .collect();
    assert_eq!(commits, ["one_phase", "two_phases", "async"]);
    assert_nowhere(&directory, &["apples", "pears", "plums", "cherries"]);
}

#[test]
fn feature_usage_names_its_features_in_every_report() {
    let place = ExamplePlace::new();
    let output = place.run("feature_usage", &[]);
    assert!(output.status.success(), "{output:?}");
    let records = records_in(&place.telemetry());
    let used: Vec<Option<bool>> = of_event(&records, "report")
        .iter()
        .map(|report| {
            let used = values_at(&[*report], "extensions.async_commit");
            used.first().and_then(|used| used.as_bool())
        })
        .collect();
    assert_eq!(used, [Some(false), Some(false), Some(true)]);
}

#[test]
fn commands_of_users_of_each_system_work_in_its_example() {
    for (system, rows) in [
        ("ticloud", 8),
        ("TiUP", 10),
        ("FerretDB", 7),
        ("TimescaleDB", 5),
        ("TiDB", 5),
    ] {
        let place = ExamplePlace::new();
        let commands = documented_commands(system);
        assert_eq!(commands.len(), rows, "{system} in docs/compatibility.md");
        for (command, expected) in commands {
            for command in alternatives(&command) {
                let output = output_of(place.shell(&command));
                assert!(output.status.success(), "{command}: {output:?}");
                let shown = [output.stdout, output.stderr].concat();
                let shown = text(&shown);
                assert!(shown.contains(&expected), "{command}: {shown}");
            }
        }
    }
}

#[test]
fn cloud_cli_accepts_the_short_options_of_ticloud() {
    let place = ExamplePlace::new();
    let mut command = cloud_command(&place, &["cluster", "create", "umbrella", "-p", "nowhere"]);
    command.args(["-P", "work", "-D"]);
    let shown = text(&output_of(command).stderr);
    assert!(shown.contains("no such project"), "{shown}");
    let other = place.state().join("cloud/telemetry/profiles/work");
    let records = records_in(&other);
    let flags = values_of("command: flags", &records);
    let expected = ["data-dir", "debug", "profile", "project", "telemetry"];
    assert_eq!(flags.len(), 1);
    for flag in expected {
        let names = flags[0].as_array().unwrap();
        let is_there = names.iter().any(|name| name == flag);
        assert_eq!(is_there, flag != "data-dir", "{flag}: {names:?}");
    }
}

/// Runs `cloud` with consent for this run.
fn cloud(place: &ExamplePlace, words: &[&str]) {
    let output = output_of(cloud_command(place, words));
    assert!(output.status.success(), "{words:?}: {output:?}");
}

fn cloud_command(place: &ExamplePlace, words: &[&str]) -> Command {
    let mut command = place.command("cloud_cli", words);
    command
        .args(["--telemetry", "on"])
        .env("CLOUD_DATA_DIR", "data");
    command
}

fn deployer(place: &ExamplePlace, words: &[&str]) -> Command {
    let mut command = place.command("deployer", words);
    command
        .env("DEPLOYER_TELEMETRY", "on")
        .env("DEPLOYER_DATA_DIR", "data");
    command
}

/// Returns the records that a program printed to standard error, and checks their outcome.
fn shown_records(output: &Output, source: &str, outcome: &str) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    let beginning = format!("{source} telemetry: {outcome}");
    let shown = text(&output.stderr);
    let lines = shown.lines().filter(|line| line.contains(" telemetry: "));
    lines
        .map(|line| {
            assert!(line.starts_with(&beginning), "{line}");
            let (_, json) = line.split_once(": {").unwrap();
            serde_json::from_str(&format!("{{{json}")).unwrap()
        })
        .collect()
}

fn output_of(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs the server with these lines as its input.
fn serve(place: &ExamplePlace, words: &[&str], lines: impl AsRef<[u8]>) -> Output {
    let mut command = place.command("document_server", words);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = command.stderr(Stdio::piped()).spawn().unwrap();
    server
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_ref())
        .unwrap();
    server.wait_with_output().unwrap()
}

/// Checks the output of the server with these arguments, in a new home.
fn assert_document_server_prints(arguments: &[&str], expected: &str) {
    let output = serve(&ExamplePlace::new(), arguments, "");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let shown = text(&output.stderr);
    assert!(shown.contains(expected), "{arguments:?}: {shown}");
}

/// Checks that each row has its values in the records, and that docs/compatibility.md has exactly
/// these rows, besides fields without a counterpart, which have a note.
fn compare(system: &str, table: &str, records: &[Record]) {
    let mut expected = Vec::new();
    for row in table.trim().lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [seed, ours, kind] = cells[..] else {
            panic!("{row}");
        };
        let values = values_of(ours, records);
        assert!(kind.ends_with('?') || !values.is_empty(), "none: {row}");
        for value in &values {
            assert!(is_of(kind, value), "{value}: {row}");
        }
        let ours = ours.replace(": ", "`: `");
        expected.push(format!("| `{seed}` | `{ours}` |"));
    }
    assert_eq!(
        documented_rows(system),
        expected,
        "{system} in docs/compatibility.md"
    );
}

/// Returns the values at `path` in each line, or at `event: path` in the properties of an event's
/// records.
fn values_of(ours: &str, records: &[Record]) -> Vec<Value> {
    let Some((event, path)) = ours.split_once(": ") else {
        let line = |record| serde_json::to_value(record).unwrap();
        return records
            .iter()
            .map(|record| line(record)[ours].take())
            .collect();
    };
    let values = values_at(&of_event(records, event), path);
    values.into_iter().cloned().collect()
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind.trim_end_matches('?') {
        "text" => value.as_str().is_some_and(|text| !text.is_empty()),
        "number" => value.is_number(),
        "flag" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("unknown kind of value: {kind}"),
    }
}

/// Returns the rows of a system's table in docs/compatibility.md, without the notes and without
/// fields that have no counterpart, which must have a note.
fn documented_rows(system: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for [seed, ours, note] in documented_tables(system).next().unwrap() {
        if ours == "none" {
            assert_ne!(note, "", "{seed} has no note");
        } else {
            rows.push(format!("| {seed} | {ours} |"));
        }
    }
    rows
}

/// Returns the rows of each table in a system's section of docs/compatibility.md, without the
/// heads.
fn documented_tables(system: &str) -> impl Iterator<Item = Vec<[String; 3]>> {
    let document = include_str!("../../../docs/compatibility.md");
    let section = document
        .split("\n## ")
        .find(|section| section.lines().next() == Some(system));
    let tables = section.unwrap().split("\n|---|---|---|\n").skip(1);
    tables.map(|table| {
        let lines = table.lines().take_while(|line| line.starts_with('|'));
        lines
            .map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let [_, cells @ .., _] = &cells[..] else {
                    panic!("{line}");
                };
                let cells: [&str; 3] = cells.try_into().unwrap_or_else(|_| panic!("{line}"));
                cells.map(str::to_owned)
            })
            .collect()
    })
}

/// Returns the commands in a system's second table in docs/compatibility.md, each with its expected
/// output. A row without a command refers to another one.
fn documented_commands(system: &str) -> Vec<(String, String)> {
    let rows = documented_tables(system).nth(1).unwrap();
    let is_run = |cells: &[String; 3]| cells[1].starts_with('`') && !cells[2].is_empty();
    rows.into_iter()
        .filter(is_run)
        .map(|cells| {
            let code = |cell: &str| cell.trim_matches('`').to_owned();
            (code(&cells[1]), code(&cells[2]))
        })
        .collect()
}

/// Expands a command with `{a,b}` to its alternatives.
fn alternatives(command: &str) -> Vec<String> {
    let Some((before, rest)) = command.split_once('{') else {
        return vec![command.to_owned()];
    };
    let (words, after) = rest.split_once('}').unwrap();
    let of = |word| format!("{before}{word}{after}");
    words.split(',').map(of).collect()
}

/// Returns the values at a path in the properties of records. Names may contain dots; `[]` stands
/// for each item of a list.
fn values_at<'a>(records: &[&'a Record], path: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for record in records {
        for (name, value) in record.properties.iter() {
            descend((name, value), path, &mut found);
        }
    }
    found
}

fn descend<'a>((name, value): (&str, &'a Value), path: &str, found: &mut Vec<&'a Value>) {
    let Some(rest) = path.strip_prefix(name) else {
        return;
    };
    let (values, rest) = match rest.strip_prefix("[]") {
        Some(rest) => (value.as_array().unwrap().iter().collect(), rest),
        None => (vec![value], rest),
    };
    for value in values {
        if rest.is_empty() {
            found.push(value);
        } else if let (Some(rest), Some(value)) = (rest.strip_prefix('.'), value.as_object()) {
            for (name, value) in value {
                descend((name, value), rest, found);
            }
        }
    }
}

/// Checks that no file in a directory contains one of these names, in its contents or its own name.
fn assert_nowhere(directory: &Path, names: &[&str]) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let mut bytes = entry.file_name().into_encoded_bytes();
        if entry.file_type().unwrap().is_file() {
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
        for name in names {
            let is_there = bytes
                .windows(name.len())
                .any(|bytes| bytes == name.as_bytes());
            assert!(!is_there, "{name} is in {}", entry.path().display());
        }
    }
}
