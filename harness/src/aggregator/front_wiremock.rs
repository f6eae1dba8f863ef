//! The scripted aggregator behind wiremock: what tests and scenarios use.
//!
//! wiremock matches and answers one request at a time, under one lock; so the matcher of the first
//! mock asks the core, and the two mocks share what it said: the first cuts the connection, the
//! second answers.
//!
//! **Invariant:** the core is asked exactly once a request.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header;
use tokio::runtime::Handle;
use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::Aggregator;
use super::event::Outgoing;
use super::wire::{Reply, WireRequest};
use crate::contract::IDEMPOTENCY_KEY;
use crate::scenario::Transport;

/// How long an answer waits for the receipts that must come before it.
const BEFORE_WAIT: Duration = Duration::from_secs(20);
/// wiremock asks the mock with the smallest number first.
const CUTS_FIRST: u8 = 1;
/// What a caller is answered who waited longer than a hang.
const GATEWAY_TIMEOUT: u16 = 504;

/// A running aggregator. Dropping it stops it.
#[derive(Debug)]
pub struct WiremockFront {
    server: MockServer,
}

impl WiremockFront {
    /// Serves `aggregator` on a free port of the loopback. Receipts that come before their answer
    /// are posted by the runtime this is called in.
    pub async fn start(aggregator: Aggregator) -> Self {
        let server = MockServer::builder().disable_request_recording().start().await;
        let said = Said::default();
        let answers = Answers { aggregator: aggregator.clone(), said: Arc::clone(&said) };
        let asks = Asks { aggregator, said, runtime: Handle::current() };
        let cuts = Mock::given(asks).respond_with_err(|_: &Request| Cut);
        cuts.with_priority(CUTS_FIRST).mount(&server).await;
        Mock::given(any()).respond_with(answers).mount(&server).await;
        Self { server }
    }

    /// The base URL of the contract.
    pub fn base_url(&self) -> String {
        self.server.uri()
    }
}

/// What the core said to the request being answered.
type Said = Arc<Mutex<Option<Reply>>>;

/// Asks the core, and has posted what must arrive before the answer; matches if the connection is
/// to be closed.
struct Asks {
    aggregator: Aggregator,
    said: Said,
    runtime: Handle,
}

impl Asks {
    /// Posts receipts on the runtime of the test while wiremock's own thread waits; past the limit
    /// the answer goes out.
    fn post_all(&self, before: Vec<Outgoing>) {
        if before.is_empty() {
            return;
        }
        let (done, wait) = mpsc::channel();
        let aggregator = self.aggregator.clone();
        self.runtime.spawn(async move {
            aggregator.post_all(before).await;
            done.send(()).ok();
        });
        wait.recv_timeout(BEFORE_WAIT).ok();
    }
}

impl Match for Asks {
    fn matches(&self, request: &Request) -> bool {
        let mut reply = self.aggregator.core().handle(&wire(request));
        self.post_all(std::mem::take(&mut reply.before));
        let closes = reply.transport == Some(Transport::CloseAfterRead);
        if let Some(number) = reply.number.filter(|_| closes) {
            self.aggregator.core().answered(number);
        }
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply);
        closes
    }
}

/// Answers what the core said.
struct Answers {
    aggregator: Aggregator,
    said: Said,
}

impl Respond for Answers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).take();
        // wiremock waits out a delay by itself and tells nobody when it has.
        if let Some(number) = said.as_ref().and_then(|reply| reply.number) {
            self.aggregator.core().answered(number);
        }
        said.map_or_else(|| ResponseTemplate::new(500), template)
    }
}

/// The answer as wiremock wants it. It cannot close a connection late, so that a caller who
/// outlasts a hang gets a gateway's timeout, which tells no more than a closed connection.
fn template(reply: Reply) -> ResponseTemplate {
    if let Some(Transport::Hang(span)) = reply.transport {
        return ResponseTemplate::new(GATEWAY_TIMEOUT).set_delay(span.duration());
    }
    let mut template = ResponseTemplate::new(reply.status).set_body_bytes(reply.body);
    for (name, value) in reply.headers {
        template = template.insert_header(name, value);
    }
    template.set_delay(reply.delay)
}

/// The request as the core sees it.
fn wire(request: &Request) -> WireRequest {
    let text = |name: &str| {
        request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    WireRequest {
        method: request.method.to_string(),
        path: request.url.path().to_owned(),
        query: request.url.query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION.as_str()),
        idempotency_key: text(IDEMPOTENCY_KEY),
        if_none_match: text(header::IF_NONE_MATCH.as_str()),
        body: request.body.clone(),
        number: None,
    }
}

/// Makes wiremock close the connection.
#[derive(Debug, thiserror::Error)]
#[error("the script closes the connection")]
struct Cut;
