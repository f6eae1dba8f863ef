//! Running `sendoff` in a directory of its own.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// How long a command may take; nothing that it waits for is worth more.
const EXIT_WAIT: Duration = Duration::from_secs(15);
/// A secret that receipts are signed with.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_c2VuZG9mZi10ZXN0LXNlY3JldC0wMDAw";
/// A token of an aggregator, to be found nowhere in what is printed.
pub(crate) const TOKEN: &str = "canary-token";

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// `sendoff` with a data directory, and nothing of this process's environment.
pub(crate) struct Sendoff {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

impl Sendoff {
    /// One with an empty directory, and no database yet.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("data").to_str().unwrap().to_owned();
        let listen = ("SENDOFF_LISTEN".to_owned(), "127.0.0.1:0".to_owned());
        Self { dir, variables: vec![("SENDOFF_DATA_DIR".to_owned(), data_dir), listen] }
    }

    /// The same with a variable set.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it is at home.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts a command, its output to be read.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_sendoff"))
            .args(args)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        finish(self.start(args))
    }

    /// Runs a command that must succeed; answers the one line it prints.
    pub(crate) fn prints(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.err);
        assert_eq!(outcome.out.lines().count(), 1, "{args:?}: {}", outcome.out);
        outcome.out.trim_end().to_owned()
    }

    /// Runs a command that must fail; answers the one line it tells.
    pub(crate) fn tells(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, Some(1), "{args:?}: {outcome:?}");
        assert_eq!((outcome.out.as_str(), outcome.err.lines().count()), ("", 1), "{}", outcome.err);
        outcome.err.trim_end().to_owned()
    }

    /// Migrates, and makes a site; answers its id.
    pub(crate) fn with_site(&self) -> String {
        self.prints(&["admin", "migrate"]);
        self.prints(&["admin", "site", "create", "--name", "Demo", "--zone", "America/New_York"])
    }

    /// Sets a connection of the site; answers its id.
    pub(crate) fn connection(&self, site: &str) -> String {
        let base = ["admin", "connection", "set", "--name", "main", "--site", site];
        let more = ["--base-url", "http://127.0.0.1:9", "--token", TOKEN, "--webhook-secret"];
        self.prints(&[base.as_slice(), &more, &[WEBHOOK_SECRET]].concat())
    }
}

/// Waits for a process to end, and no longer than it may take.
pub(crate) fn finish(mut child: Child) -> Outcome {
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (ended, end) = mpsc::channel();
    // Both end when the process does.
    let reader = thread::spawn(move || {
        let (mut out, mut err) = (String::new(), String::new());
        stdout.read_to_string(&mut out).unwrap();
        stderr.read_to_string(&mut err).unwrap();
        ended.send((out, err)).ok();
    });
    let Ok((out, err)) = end.recv_timeout(EXIT_WAIT) else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("the process still runs");
    };
    reader.join().unwrap();
    Outcome { code: child.wait().unwrap().code(), out, err }
}
