//! Answers that go on over HTTP: server-sent events, and Apollo's multipart.
//!
//! **Invariant:** a stream begins with a word at once and is never silent for longer than an idle
//! period, so that proxies open it and keep it open.
//! **Invariant:** a stream ends with its last word when its operation has ended. When the service
//! ends, or its key may no longer do what it could, it breaks off without, and the client comes
//! back with its cursor.
mod feed;
mod reservations;
pub(super) mod single;
mod wire;

pub(super) use reservations::Reservations;
pub(super) use wire::Wire;

use super::{
    execute::{Admitted, Answer, run_stream},
    negotiate::Media,
    operations::panicked,
    problem::{Outcome, Problem},
    shared::Shared,
    watches::lapse,
};
use crate::http::auth::Authenticator;
use async_graphql::{Executor, Request, ServerError};
use feed::Feed;
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use poem::{Body, Response, http::header};
use secrecy::SecretString;
use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc};

/// The stream of the answers to a request that was prepared.
pub(super) fn open<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    wire: Wire,
    token: Option<SecretString>,
    caller: A::Caller,
    (request, admitted): (Request, Admitted),
) -> Result<Response, Problem> {
    let held = (shared.enter()?, shared.enter_for(shared.authenticator.account(&caller))?);
    let answers = run_stream(&shared.executor, request.data(caller.clone()), admitted);
    let source = told(answers, wire);
    let lapsed = lapse(Arc::clone(shared), token, caller).boxed();
    let feed = Feed::new(source, wire, lapsed, shared.shutdown.clone(), &shared.options.limits);
    Ok(respond(wire, feed.chunks(held)))
}

/// A stream that tells no more than that its document is refused.
pub(super) fn refusal(wire: Wire, errors: &[ServerError]) -> Response {
    let words = format!("{}{}", wire.opening(), (wire.voice().failed)("", errors));
    respond(wire, stream::iter([Ok(words)]).boxed())
}

fn respond(wire: Wire, chunks: BoxStream<'static, Result<String, Infallible>>) -> Response {
    let media: Media = wire.media();
    Response::builder()
        .status(Outcome::Executed.status(media))
        .header(header::CONTENT_TYPE, media.content_type())
        .header(header::VARY, "Accept")
        .header(header::CACHE_CONTROL, "no-cache, no-transform")
        // Without it, nginx holds a stream back until its buffer is full.
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(chunks.map(|chunk| chunk.map_err(unfailing))))
}

fn unfailing(never: Infallible) -> std::io::Error {
    match never {}
}

/// The answers in the words of `wire`, the last word included.
fn told(answers: BoxStream<'static, Answer>, wire: Wire) -> BoxStream<'static, String> {
    let voice = wire.voice();
    let words = stream::unfold(Some(answers), move |answers| async move {
        let mut answers = answers?;
        match AssertUnwindSafe(answers.next()).catch_unwind().await {
            Ok(Some(Answer::Executed(response))) => {
                Some(((voice.next)("", &response), Some(answers)))
            }
            Ok(Some(Answer::Refused(_, errors))) => Some(((voice.failed)("", &errors), None)),
            Ok(None) => Some(((voice.complete)(""), None)),
            Err(_panic) => Some(((voice.failed)("", &panicked()), None)),
        }
    });
    words.boxed()
}
