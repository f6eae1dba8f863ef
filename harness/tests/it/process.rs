//! The development world as a process: what keeps it from starting is told in one line, and it ends.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a process that cannot start may take to say so.
const EXIT_WAIT: Duration = Duration::from_secs(15);

/// Runs the development world with nothing but these variables; it must end by itself. Answers what it
/// wrote to standard error.
fn fails(variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (ended, end) = mpsc::channel();
    // Standard error ends when the process does.
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        ended.send(text).ok();
    });
    let Ok(text) = end.recv_timeout(EXIT_WAIT) else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("the process still runs");
    };
    reader.join().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(1), "{text}");
    text
}

/// The one line that it told.
fn line(variables: &[(&str, &str)]) -> String {
    let text = fails(variables);
    let lines: Vec<&str> = text.lines().collect();
    let [line] = lines.as_slice() else { panic!("not one line: {text}") };
    (*line).to_owned()
}

fn show(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The variables of a world that could start: a directory of its own, and any port.
fn good(dir: &Path) -> [(&str, &str); 2] {
    [("SENDOFF_DATA_DIR", show(dir)), ("SENDOFF_LISTEN", "127.0.0.1:0")]
}

#[test]
fn a_port_that_is_taken_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = line(&[("SENDOFF_DATA_DIR", show(dir.path())), ("SENDOFF_LISTEN", &address)]);
    let wanted = format!("harness: cannot listen on {address}: Address already in use");
    assert!(told.starts_with(&wanted), "{told}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    for path in [&file, &below] {
        let told = line(&good(path));
        let wanted = format!("harness: cannot write to the data directory {}: ", show(path));
        assert!(told.starts_with(&wanted), "{told}");
    }
}

#[test]
fn a_variable_that_nothing_reads_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut variables = good(dir.path()).to_vec();
    variables.push(("SENDOFF_LISTNE", "127.0.0.1:0"));
    assert_eq!(
        line(&variables),
        "harness: the configuration is not valid: unknown configuration key `SENDOFF_LISTNE`; the \
         nearest known one is `SENDOFF_LISTEN`"
    );
    let nothing = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(nothing, 0, "nothing was begun");
}

#[test]
fn a_value_that_cannot_be_is_named_and_a_secret_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let with = |name, value| {
        let mut variables = good(dir.path()).to_vec();
        variables.retain(|(known, _)| *known != name);
        variables.push((name, value));
        line(&variables)
    };
    let told = with("SENDOFF_LISTEN", "8080");
    assert!(told.contains("`SENDOFF_LISTEN` must be") && told.contains("8080"), "{told}");
    let told = with("SENDOFF_WEBHOOK_SECRET", "canary-secret");
    assert!(told.contains("SENDOFF_WEBHOOK_SECRET") && !told.contains("canary"), "{told}");
    let told = with("SENDOFF_AGGREGATOR_URL", "http://127.0.0.1:9");
    assert!(told.contains("aggregator"), "an aggregator without its token: {told}");
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("sendoff.db"),
        "not a database, but a text of some length\n".repeat(99),
    )
    .unwrap();
    let told = line(&good(dir.path()));
    assert!(told.starts_with("harness: cannot open the database ("), "{told}");
}
