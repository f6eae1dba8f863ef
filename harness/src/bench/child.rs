//! A process of a benchmark's own: this binary again, under a hidden command, reached at the URL that its first
//! line tells.
//!
//! **Invariant:** it ends with its standard input, so none is left behind whatever becomes of the benchmark.

use super::Error;
use std::{
    future::Future,
    io::{BufRead as _, BufReader, Read as _, Write},
    process::{Child as Process, ChildStdin, Command, Stdio},
};
use tokio::{net::TcpListener, sync::oneshot};

/// This binary, as Linux tells it.
const OWN_PATH: &str = "/proc/self/exe";

/// A process that runs.
pub(super) struct Child {
    process: Process,
    stdin: ChildStdin,
    /// Where it is reached, without a path.
    pub(super) url: String,
}

impl Child {
    /// Starts a benchmark's hidden command with its options.
    pub(super) fn start(command: &str, options: &[String]) -> Result<Self, Error> {
        // Resolved here: by the time the new process reads its own link, it may be another's.
        let path = std::fs::read_link(OWN_PATH).map_err(Error::Spawn)?;
        let mut process = Command::new(path)
            .args(["bench", command])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::Spawn)?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::Ended);
        };
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).map_err(Error::Spawn)?;
        let url = url.trim().to_owned();
        if url.is_empty() { Err(Error::Ended) } else { Ok(Self { process, stdin, url }) }
    }

    /// Its number, by which the system knows it.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) -> Result<(), Error> {
        drop(self.stdin);
        let status = self.process.wait().map_err(Error::Spawn)?;
        if status.success() { Ok(()) } else { Err(Error::Ended) }
    }
}

/// In the child: listens on a port of the system's choice, and answers also the URL to tell.
pub(super) async fn listen() -> Result<(TcpListener, String), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Spawn)?;
    let address = listener.local_addr().map_err(Error::Spawn)?;
    Ok((listener, format!("http://{address}")))
}

/// In the child: tells where it is reached.
pub(super) fn tell_url(url: &str, out: &mut (impl Write + Send)) -> Result<(), Error> {
    writeln!(out, "{url}").and_then(|()| out.flush()).map_err(Error::Output)
}

/// In the child: completes when standard input ends.
pub(super) fn input_ended() -> impl Future<Output = ()> + Send {
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
