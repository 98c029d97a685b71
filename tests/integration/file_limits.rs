//! A limit on the size of files (`ulimit -f`): the kernel ends a process that exceeds it with
//! SIGXFSZ, so neither an application nor the command may write beyond it.

use crate::child;
use crate::support::{TestPlace, check_sessions, printed, under_limit};

fn open_and_print(place: &TestPlace, blocks: u32) -> String {
    let before = under_limit(blocks);
    let before = before.each_ref().map(String::as_str);
    let mut command = child::command_in("open and print", &place.path(), &before);
    command.env("LOCALTEL_TEST_COUNT", "20");
    let output = command.output().unwrap();
    let printed = printed(&output, "open and print");
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn an_application_survives_each_limit_on_file_sizes() {
    // A new directory, then one in which recording has begun.
    for is_new in [true, false] {
        for blocks in [0, 1, 2, 8] {
            let place = TestPlace::new();
            if !is_new {
                place.record(|| tracing::info!("before"));
            }
            let before = place.events().len();
            let printed = open_and_print(&place, blocks);
            if blocks == 0 {
                assert!(printed.contains("File too large"), "{printed}");
                assert_eq!(place.events().len(), before);
            }
            if blocks == 8 {
                assert_eq!(place.events().len(), before + 20, "{printed}");
            }
            check_sessions(&place.path());
        }
    }
}

#[test]
fn a_handle_survives_a_limit_that_is_set_while_it_records() {
    let place = TestPlace::new();
    let printed = child::run("record under a limit on file sizes", &place).stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(printed.contains("File too large"), "{printed}");
    assert_eq!(place.events().len(), 3);
    check_sessions(&place.path());
}

/// Runs in a child: records before, during and after a limit of zero.
pub(crate) fn record_under_a_limit(task: &child::ChildTask) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let all = getrlimit(Resource::Fsize);
    let telemetry = task.builder().try_open().unwrap();
    let dispatch = crate::support::dispatch(&telemetry);
    let record = || {
        crate::support::log(&dispatch, 1);
        telemetry.flush()
    };
    record().unwrap();
    let none = Rlimit {
        current: Some(0),
        ..all
    };
    setrlimit(Resource::Fsize, none).unwrap();
    println!("{}", record().unwrap_err());
    let trouble = telemetry.status().trouble.unwrap();
    println!("{trouble}");
    setrlimit(Resource::Fsize, all).unwrap();
    record().unwrap();
}

#[test]
fn debug_output_respects_the_limit_on_file_sizes() {
    let place = TestPlace::new();
    let shown = place.path().with_file_name("shown");
    std::fs::write(&shown, "x".repeat(600)).unwrap();
    let before = under_limit(1);
    let before = before.each_ref().map(String::as_str);
    let mut command = child::command_in("open and print", &place.path(), &before);
    let file = std::fs::File::options().append(true).open(&shown).unwrap();
    command
        .env("LOCALTEL_TEST_COUNT", "20")
        .env("TESTAPP_TELEMETRY_DEBUG", "1")
        .stderr(file);
    let output = command.output().unwrap();
    printed(&output, "print each event");
    assert!(output.status.success());
    assert!(std::fs::metadata(&shown).unwrap().len() <= 1024);
}
