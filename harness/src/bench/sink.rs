//! The other end of a hand-over: a process that takes every message after a given time and keeps nothing but
//! how many there were, whom they were for, and when the first and the last came.
//!
//! Two kinds of request are messages: a `POST` of the generic protocol, and a `GET` of `/send?to=…`, as which
//! other gateways hand messages over. So they can all be measured at one sink.

use super::Error;
use crate::child::{self, Child};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{
    collections::HashSet,
    convert::Infallible,
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The path of a message that comes without a body.
const SEND_PATH: &str = "/send";
/// Where a body of the generic protocol tells its recipient.
const BODY_RECIPIENT: &[u8] = b"\"to\":\"";
/// Where a query does, as its first parameter.
const QUERY_RECIPIENT: &[u8] = b"to=";

/// How the sink answers.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// How long it takes to answer, in milliseconds.
    #[arg(long)]
    latency_ms: u64,
}

/// What came in since it was last asked to forget.
#[derive(Debug)]
struct Taken {
    began: Instant,
    count: AtomicU64,
    first_us: AtomicU64,
    last_us: AtomicU64,
    recipients: Mutex<HashSet<Bytes>>,
    doubled: AtomicU64,
}

impl Taken {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            count: AtomicU64::new(0),
            first_us: AtomicU64::new(u64::MAX),
            last_us: AtomicU64::new(0),
            recipients: Mutex::default(),
            doubled: AtomicU64::new(0),
        }
    }

    fn note(&self, recipient: Bytes) -> u64 {
        let mut recipients = self.recipients.lock().unwrap_or_else(PoisonError::into_inner);
        if !recipients.insert(recipient) {
            self.doubled.fetch_add(1, Ordering::Relaxed);
        }
        drop(recipients);
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.first_us.fetch_min(now, Ordering::Relaxed);
        self.last_us.fetch_max(now, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn forget(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.first_us.store(u64::MAX, Ordering::Relaxed);
        self.last_us.store(0, Ordering::Relaxed);
        self.recipients.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.doubled.store(0, Ordering::Relaxed);
    }

    fn figures(&self) -> serde_json::Value {
        let of = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let (first, last) = (of(&self.first_us), of(&self.last_us));
        json!({
            "count": of(&self.count),
            "doubled": of(&self.doubled),
            "span_us": last.saturating_sub(first),
            "first_us": first,
            "now_us": u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        })
    }
}

/// Takes messages until standard input ends. Its first line on `out` is where it is reached.
pub(super) async fn serve(options: &Options, out: &mut (impl Write + Send)) -> Result<(), Error> {
    let (listener, url) = child::listen().await?;
    child::tell_url(&url, out)?;
    let taken = Arc::new(Taken::new());
    let mut ended = std::pin::pin!(child::input_ended());
    let latency = Duration::from_millis(options.latency_ms);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.map_err(Error::Spawn)?.0,
            () = &mut ended => return Ok(()),
        };
        stream.set_nodelay(true).map_err(Error::Spawn)?;
        let taken = Arc::clone(&taken);
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(request, Arc::clone(&taken), latency));
            let serving = hyper::server::conn::http1::Builder::new();
            // A connection that breaks is the other side's to tell of.
            let _ = serving.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    taken: Arc<Taken>,
    latency: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_post = request.method() == Method::POST;
    let uri = request.uri().clone();
    // Read to its end, so that the connection can be used again.
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let recipient = if is_post {
        after(&body, BODY_RECIPIENT, b'"')
    } else if uri.path() == SEND_PATH {
        after(uri.query().unwrap_or_default().as_bytes(), QUERY_RECIPIENT, b'&')
    } else {
        let figures = taken.figures();
        if uri.path() == "/forget" {
            taken.forget();
        }
        return Ok(Response::new(Full::new(Bytes::from(figures.to_string()))));
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let number = taken.note(recipient);
    let body = format!(r#"{{"id":"sink-{}-{number}","status":"queued"}}"#, std::process::id());
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = hyper::StatusCode::ACCEPTED;
    Ok(response)
}

/// What stands between `mark` and `end`; nothing if there is no such mark.
fn after(text: &[u8], mark: &[u8], end: u8) -> Bytes {
    let starts = text.windows(mark.len()).position(|window| window == mark);
    let rest = starts.and_then(|at| text.get(at + mark.len()..)).unwrap_or_default();
    Bytes::copy_from_slice(rest.split(|byte| *byte == end).next().unwrap_or_default())
}

/// A sink that runs.
pub(super) struct Sink(Child);

/// What a sink took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// How many messages.
    pub(super) count: u64,
    /// How many of them were for somebody who had one already.
    pub(super) doubled: u64,
    /// From the first to the last.
    pub(super) span: Duration,
    /// When the first came, by the sink's own clock.
    pub(super) first: Duration,
    /// When this was told, by the same clock.
    pub(super) told: Duration,
}

impl Sink {
    /// Starts a sink that takes so long to answer.
    pub(super) fn start(latency_ms: u64) -> Result<Self, Error> {
        let options = ["--latency-ms".to_owned(), latency_ms.to_string()];
        Ok(Self(Child::start(&["bench", "sink"], &options)?))
    }

    /// Where it is reached, without a path.
    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    /// What it took since it was last asked; it forgets that.
    pub(super) async fn counted(&self) -> Result<Counted, Error> {
        let client = reqwest::Client::builder().no_proxy().build().map_err(Error::Http)?;
        let answer = client.get(format!("{}/forget", self.url())).send().await;
        let text = answer.map_err(Error::Http)?.text().await.map_err(Error::Http)?;
        let figures: serde_json::Value =
            serde_json::from_str(&text).map_err(|_json| Error::Wrong(text.clone()))?;
        let number = |name| figures.get(name).and_then(serde_json::Value::as_u64);
        let span_of = |name| number(name).map(Duration::from_micros);
        let (Some(count), Some(doubled)) = (number("count"), number("doubled")) else {
            return Err(Error::Wrong(text));
        };
        let (Some(span), Some(first), Some(told)) =
            (span_of("span_us"), span_of("first_us"), span_of("now_us"))
        else {
            return Err(Error::Wrong(text));
        };
        Ok(Counted { count, doubled, span, first, told })
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(self) -> Result<(), Error> {
        Ok(self.0.stop()?)
    }
}

#[cfg(test)]
mod tests {
    use super::{BODY_RECIPIENT, QUERY_RECIPIENT, Taken, after};

    #[test]
    fn a_recipient_is_read_from_a_body_and_from_a_query() {
        let body = br#"{"to":"+12125550142","from":"+18885550100","text":"to=1"}"#;
        assert_eq!(after(body, BODY_RECIPIENT, b'"'), "+12125550142");
        assert_eq!(after(b"to=12125550142&from=18885550100", QUERY_RECIPIENT, b'&'), "12125550142");
        assert_eq!(after(b"from=18885550100", QUERY_RECIPIENT, b'&'), "");
    }

    #[test]
    fn who_comes_again_is_doubled_until_the_sink_forgets() {
        let taken = Taken::new();
        for recipient in ["1", "2", "1", "1"] {
            taken.note(recipient.into());
        }
        let figure = |name: &str| taken.figures().get(name).and_then(serde_json::Value::as_u64);
        assert_eq!((figure("count"), figure("doubled")), (Some(4), Some(2)));
        taken.forget();
        assert_eq!((figure("count"), figure("doubled")), (Some(0), Some(0)));
    }
}
