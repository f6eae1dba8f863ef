//! `sendoff serve`, started for real: it answers, and it ends when it is asked to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::program::Sendoff;

/// How long starting, answering and stopping may each take.
const WAIT: Duration = Duration::from_secs(15);

/// A running service, killed if a test leaves it running.
struct Running {
    child: Child,
    address: String,
    /// What it logged, line by line.
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(sendoff: &Sendoff) -> Self {
        let mut child = sendoff.start(&["serve"]);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        let mut running = Self { child, address: String::new(), lines };
        let line = running.line_with("serving");
        let (_, address) = line.rsplit_once("address=").unwrap();
        let digits = |c: char| c.is_ascii_digit() || c == '.' || c == ':';
        running.address = address.chars().take_while(|c| digits(*c)).collect();
        running
    }

    /// The next line that it logs with this word.
    fn line_with(&self, word: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(WAIT).unwrap();
            // Colours are switched by letters between escapes, which would part a name from its value.
            let plain = without_colours(&line);
            if plain.contains(word) {
                return plain;
            }
        }
    }

    /// The status line and the body of an answer.
    fn ask(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error says that it has ended, as it should.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut parts = line.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// Goal: what was set up is served, and a termination ends it in order, twice over.
#[test]
fn what_was_set_up_is_served_and_ends_when_asked() {
    let sendoff = Sendoff::new();
    let site = sendoff.with_site();
    sendoff.connection(&site);
    let key = ["admin", "key", "create", "--site", &site, "--name", "ci", "--role", "viewer"];
    let key = sendoff.prints(&key);
    for _ in 0..2 {
        let mut running = Running::start(&sendoff);
        let (status, body) = running.get("/healthz");
        assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", r#"{"status":"ok"}"#));
        let (status, body) = running.get("/readyz");
        assert_eq!(status, "HTTP/1.1 200 OK");
        let tzdb = format!(r#""tzdb":"{}""#, domain::zone::TZDB_VERSION);
        assert!(body.contains(&tzdb), "{body}");
        let query = r#"{"query":"{ site { id name } }"}"#;
        let post = |token: &str| {
            running.ask(&format!(
                "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \
                 {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{query}",
                query.len(),
            ))
        };
        let (status, body) = post(&key);
        assert_eq!(status, "HTTP/1.1 200 OK");
        let data = format!(r#"{{"data":{{"site":{{"id":"{site}","name":"Demo"}}}},"#);
        assert!(body.starts_with(&data), "{body}");
        let (status, _) = post("sk_unknown");
        assert_eq!(status, "HTTP/1.1 401 Unauthorized");

        let asked = Command::new("kill").arg(running.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        running.line_with("stopped");
        assert_eq!(running.child.wait().unwrap().code(), Some(0));
    }
}

/// Goal: nobody reads the metrics before a token is set up, and then only who has it. Logs meanwhile are
/// lines of JSON whose names stay.
#[test]
fn metrics_are_closed_until_a_token_is_set() {
    let sendoff = Sendoff::new();
    let site = sendoff.with_site();
    sendoff.connection(&site);
    let running = Running::start(&sendoff);
    assert_eq!(running.get("/metrics").0, "HTTP/1.1 404 Not Found");
    drop(running);
    let token = "a-token-of-some-length";
    let sendoff = sendoff.with("SENDOFF_SERVER__METRICS_TOKEN", token);
    let running = Running::start(&sendoff);
    assert_eq!(running.get("/metrics").0, "HTTP/1.1 401 Unauthorized");
    let with = |token: &str| {
        let head =
            "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ";
        running.ask(&format!("{head}{token}\r\n\r\n"))
    };
    assert_eq!(with("a-token-of-some-lengtH").0, "HTTP/1.1 401 Unauthorized");
    let (status, body) = with(token);
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains("sendoff_build_info{tzdb="), "{body}");
    assert!(body.contains("\nsendoff_database_up 1\n"), "{body}");
}

#[test]
fn a_line_of_json_has_names_that_stay() {
    let sendoff = Sendoff::new().with("SENDOFF_LOG__FORMAT", "json");
    let site = sendoff.with_site();
    sendoff.connection(&site);
    let mut child = sendoff.start(&["serve"]);
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["address", "level", "message", "target", "timestamp"], "{line}");
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"serving".into()));
}
