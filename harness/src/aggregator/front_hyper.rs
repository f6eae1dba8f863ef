//! The scripted aggregator on a plain HTTP/1.1 server: what the development world and long runs
//! use.
//!
//! **Invariant:** bodies, connections and the time to send a request's head are bounded; nothing of
//! a request is kept but what the core keeps.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Aggregator;
use super::wire::{BODY_BYTES_MAX, Reply, WireRequest};
use crate::contract::IDEMPOTENCY_KEY;
use crate::contract::problem;
use crate::scenario::Transport;

/// The most connections at once; more wait to be taken.
const CONNECTIONS_MAX: usize = 512;
/// How long the head of a request may take.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long answers under way may take once the server is told to stop.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be taken, for want of file descriptors as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves `aggregator` on `listener` until `shutdown` is ready; then finishes the answers under
/// way.
pub async fn serve(
    listener: TcpListener,
    aggregator: Aggregator,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = std::pin::pin!(shutdown);
    let (stop, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let connection = serve_connection(stream, aggregator.clone(), stopped.clone());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
        // Finished ones are reaped here, so that the set stays as small as the number of open
        // connections.
        while connections.try_join_next().is_some() {}
    }
    stop.send(true).ok();
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_WAIT, finish).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve_connection(
    stream: TcpStream,
    aggregator: Aggregator,
    mut stopped: watch::Receiver<bool>,
) {
    // Small answers leave at once; a failure only makes them slower.
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| answer(aggregator.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A caller that breaks off, or is cut off by the script, is no news.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    connection.await.ok();
}

/// Notes that a request is over: answered, cut, or given up by its caller, who is not waited for.
struct Over {
    aggregator: Aggregator,
    number: u64,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.aggregator.core().answered(self.number);
    }
}

/// The script closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the script closes the connection")]
struct Cut;

async fn answer(
    aggregator: Aggregator,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let number = aggregator.core().begun();
    // Dropped with everything else here when the caller goes away.
    let over = Over { aggregator: aggregator.clone(), number };
    let mut reply = match wire(request, number).await {
        Ok(request) => aggregator.core().handle(&request),
        Err(reply) => reply,
    };
    aggregator.post_all(std::mem::take(&mut reply.before)).await;
    let is_cut = match reply.transport {
        Some(Transport::CloseAfterRead) => true,
        Some(Transport::Hang(span)) => {
            tokio::time::sleep(span.duration()).await;
            true
        }
        None => {
            tokio::time::sleep(reply.delay).await;
            false
        }
    };
    drop(over);
    if is_cut { Err(Cut) } else { Ok(response(reply)) }
}

/// The request as the core sees it; a body that is too long or breaks off is refused at once.
async fn wire(request: Request<Incoming>, number: u64) -> Result<WireRequest, Reply> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Err(Reply::problem(&problem::TOO_LARGE, "at most 64 KiB"));
    };
    Ok(WireRequest {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: text(&head.headers, header::AUTHORIZATION.as_str()),
        idempotency_key: text(&head.headers, IDEMPOTENCY_KEY),
        if_none_match: text(&head.headers, header::IF_NONE_MATCH.as_str()),
        // Copied: hyper's bytes would keep its whole read buffer alive.
        body: body.to_bytes().to_vec(),
        number: Some(number),
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The answer as hyper wants it. A header that is none is left out.
fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
