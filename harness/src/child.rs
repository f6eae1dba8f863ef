//! A process of the harness's own: this binary again, under a hidden command, reached at the URL that its first
//! line tells.
//!
//! **Invariant:** it ends with its standard input, so none is left behind whatever becomes of who started it.

use std::{
    future::Future,
    io::{self, BufRead as _, BufReader, Read, Write},
    process::{Child as Process, ChildStdin, Command, Stdio},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::{net::TcpListener, sync::oneshot};

/// This binary, as Linux tells it.
const OWN_PATH: &str = "/proc/self/exe";

/// Why there is no such process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be started, or listen.
    #[error("a process cannot be started")]
    Spawn(#[source] io::Error),
    /// It ended before it was asked to.
    #[error("a process ended early, or did not say where it is")]
    Ended,
    /// It cannot tell where it is.
    #[error("a process cannot tell where it is")]
    Output(#[source] io::Error),
}

/// What is told every line that a process writes, with where it writes it: `stdout` or `stderr`.
pub(crate) type Listener = Arc<dyn Fn(&'static str, String) + Send + Sync>;

/// A process that runs.
pub(crate) struct Child {
    process: Process,
    stdin: Option<ChildStdin>,
    readers: Vec<JoinHandle<()>>,
    /// Where it is reached, without a path.
    pub(crate) url: String,
}

impl Child {
    /// Starts a hidden command with its options.
    pub(crate) fn start(command: &[&str], options: &[String]) -> Result<Self, Error> {
        Self::begin(command, options, None)
    }

    /// Starts a hidden command, and lets `listener` hear every line it writes but the first.
    pub(crate) fn start_heard(
        command: &[&str],
        options: &[String],
        listener: Listener,
    ) -> Result<Self, Error> {
        Self::begin(command, options, Some(listener))
    }

    fn begin(
        command: &[&str],
        options: &[String],
        listener: Option<Listener>,
    ) -> Result<Self, Error> {
        // Resolved here: by the time the new process reads its own link, it may be another's.
        let path = std::fs::read_link(OWN_PATH).map_err(Error::Spawn)?;
        let errors = if listener.is_some() { Stdio::piped() } else { Stdio::inherit() };
        let mut process = Command::new(path)
            .args(command)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(Error::Spawn)?;
        let (stdin, stderr) = (process.stdin.take(), process.stderr.take());
        let mut readers = Vec::new();
        if let (Some(listener), Some(stderr)) = (&listener, stderr) {
            readers.push(hear("stderr", stderr, Arc::clone(listener)));
        }
        let (Some(stdin), Some(stdout)) = (stdin, process.stdout.take()) else {
            return Err(Error::Ended);
        };
        let mut stdout = BufReader::new(stdout);
        let mut url = String::new();
        stdout.read_line(&mut url).map_err(Error::Spawn)?;
        if let Some(listener) = listener {
            readers.push(hear("stdout", stdout, listener));
        }
        let url = url.trim().to_owned();
        let mut child = Self { process, stdin: Some(stdin), readers, url };
        if child.url.is_empty() {
            // It is waited for, so that nothing of it is left.
            child.kill()?;
            return Err(Error::Ended);
        }
        Ok(child)
    }

    /// Its number, by which the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Kills it, if it has not ended by itself, and waits until all that it wrote was heard.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        // One that has ended cannot be killed, and need not be.
        let _ = self.process.kill();
        self.process.wait().map_err(Error::Spawn)?;
        self.heard();
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        drop(self.stdin.take());
        let status = self.process.wait().map_err(Error::Spawn)?;
        self.heard();
        if status.success() { Ok(()) } else { Err(Error::Ended) }
    }

    fn heard(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader that panicked has nothing more to say.
            let _ = reader.join();
        }
    }
}

/// Hears what a process writes, line by line, on a thread that ends with the process.
fn hear(
    from: &'static str,
    pipe: impl Read + Send + 'static,
    listener: Listener,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            // What is no text cannot be judged as one; whatever else breaks, nothing more comes.
            let Ok(line) = line else { return };
            listener(from, line);
        }
    })
}

/// In the child: listens on a port of the system's choice, and answers also the URL to tell.
pub(crate) async fn listen() -> Result<(TcpListener, String), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Spawn)?;
    let address = listener.local_addr().map_err(Error::Spawn)?;
    Ok((listener, format!("http://{address}")))
}

/// In the child: tells where it is reached.
pub(crate) fn tell_url(url: &str, out: &mut (impl Write + Send)) -> Result<(), Error> {
    writeln!(out, "{url}").and_then(|()| out.flush()).map_err(Error::Output)
}

/// In the child: completes when standard input ends.
pub(crate) fn input_ended() -> impl Future<Output = ()> + Send {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // Whatever comes of reading, nobody is there any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    async {
        let _ = end.await;
    }
}
