//! The opening handshake of a socket (RFC 6455, section 4.2), and who may open one.
//!
//! **Invariant:** a page of a foreign origin opens no socket.
//! **Invariant:** a socket speaks `graphql-transport-ws` or does not open.
use super::{
    count::Guard,
    negotiate::Media,
    origin,
    problem::{Outcome, Problem, code},
    shared::Shared,
    socket,
};
use crate::http::auth::{Authenticator, bearer};
use async_graphql::Executor;
use poem::{
    OnUpgrade, Request, Response,
    http::{HeaderName, Method, StatusCode, header},
};
use secrecy::SecretString;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The one subprotocol.
const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Characters of a `Sec-WebSocket-Key`: 16 bytes in base 64.
const KEY_CHARACTERS: usize = 24;

/// Whether the request asks for a socket.
pub(super) fn is_asked(request: &Request) -> bool {
    request.method() == Method::GET && lists(request, &header::UPGRADE, "websocket")
}

/// The answer to a request that asks for a socket, which is then served by a task of its own.
pub(super) fn open<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: &Request,
) -> Response {
    attempt(shared, request).unwrap_or_else(|problem| problem.into_response(Media::Json))
}

fn attempt<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: &Request,
) -> Result<Response, Problem> {
    let accept_key = handshake(request)?;
    if !origin::may_open(request, &shared.options.allowed_origins) {
        let message = "Pages of this origin may not open a socket here.";
        return Err(Problem::new(Outcome::ForeignOrigin, code::FORBIDDEN, message));
    }
    if !offers_subprotocol(request) {
        let message = format!("Offer the subprotocol {SUBPROTOCOL}.");
        return Err(Problem::ill_formed(message));
    }
    let guard = shared.enter()?;
    let upgraded = request.take_upgrade().map_err(|fault| {
        tracing::debug!(%fault, "a connection that cannot be upgraded");
        Problem::ill_formed("This connection cannot become a WebSocket; use HTTP/1.1.")
    })?;
    let token = request.header(header::AUTHORIZATION).and_then(bearer).map(SecretString::from);
    tokio::spawn(take_over(upgraded, Arc::clone(shared), token, guard));
    Ok(Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept_key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .finish())
}

async fn take_over<E: Executor, A: Authenticator>(
    upgraded: OnUpgrade,
    shared: Arc<Shared<E, A>>,
    token: Option<SecretString>,
    guard: Guard,
) {
    match upgraded.await {
        Ok(stream) => socket::serve(stream, shared, token).await,
        Err(fault) => tracing::debug!(%fault, "a connection ended before it was a socket"),
    }
    drop(guard);
}

/// The value of `Sec-WebSocket-Accept` for a well-formed handshake.
fn handshake(request: &Request) -> Result<String, Problem> {
    if request.header(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let message = "Only version 13 of the WebSocket protocol is served.";
        let problem = Problem::new(Outcome::UpgradeRequired, code::BAD_REQUEST, message);
        return Err(problem.with_header(header::SEC_WEBSOCKET_VERSION, "13"));
    }
    let key = request.header(header::SEC_WEBSOCKET_KEY).unwrap_or_default();
    if key.len() != KEY_CHARACTERS || !lists(request, &header::CONNECTION, "upgrade") {
        return Err(Problem::ill_formed("The WebSocket handshake is not well-formed."));
    }
    Ok(derive_accept_key(key.as_bytes()))
}

/// Whether one of the comma-separated values of this header is `token`, in whatever case.
fn lists(request: &Request, name: &HeaderName, token: &str) -> bool {
    values(request, name).any(|value| value.eq_ignore_ascii_case(token))
}

/// Names of subprotocols are compared as they stand.
fn offers_subprotocol(request: &Request) -> bool {
    values(request, &header::SEC_WEBSOCKET_PROTOCOL).any(|value| value == SUBPROTOCOL)
}

fn values<'a>(request: &'a Request, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let headers = request.headers().get_all(name).iter();
    headers.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim)
}
