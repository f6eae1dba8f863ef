//! The other end of a hand-over: a process that takes every message after a given time and keeps nothing but
//! how many there were, and when the first and the last came.

use super::Error;
use crate::child::{self, Child};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{
    convert::Infallible,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

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
}

impl Taken {
    fn note(&self) -> u64 {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.first_us.fetch_min(now, Ordering::Relaxed);
        self.last_us.fetch_max(now, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn forget(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.first_us.store(u64::MAX, Ordering::Relaxed);
        self.last_us.store(0, Ordering::Relaxed);
    }
}

/// Takes messages until standard input ends. Its first line on `out` is where it is reached.
pub(super) async fn serve(options: &Options, out: &mut (impl Write + Send)) -> Result<(), Error> {
    let (listener, url) = child::listen().await?;
    child::tell_url(&url, out)?;
    let taken = Arc::new(Taken {
        began: Instant::now(),
        count: AtomicU64::new(0),
        first_us: AtomicU64::new(u64::MAX),
        last_us: AtomicU64::new(0),
    });
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
    let is_message = request.method() == Method::POST;
    let path = request.uri().path().to_owned();
    // Read to its end, so that the connection can be used again.
    let _ = request.into_body().collect().await;
    if !is_message {
        let count = taken.count.load(Ordering::Relaxed);
        let (first, last) =
            (taken.first_us.load(Ordering::Relaxed), taken.last_us.load(Ordering::Relaxed));
        let now = u64::try_from(taken.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let span = last.saturating_sub(first);
        let figures = json!({ "count": count, "span_us": span, "first_us": first, "now_us": now });
        if path == "/forget" {
            taken.forget();
        }
        return Ok(Response::new(Full::new(Bytes::from(figures.to_string()))));
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let number = taken.note();
    let body = format!(r#"{{"id":"sink-{}-{number}","status":"queued"}}"#, std::process::id());
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = hyper::StatusCode::ACCEPTED;
    Ok(response)
}

/// A sink that runs.
pub(super) struct Sink(Child);

/// What a sink took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// How many messages.
    pub(super) count: u64,
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
        let (Some(count), Some(span), Some(first), Some(told)) =
            (number("count"), span_of("span_us"), span_of("first_us"), span_of("now_us"))
        else {
            return Err(Error::Wrong(text));
        };
        Ok(Counted { count, span, first, told })
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(self) -> Result<(), Error> {
        Ok(self.0.stop()?)
    }
}
