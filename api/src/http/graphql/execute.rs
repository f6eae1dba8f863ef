//! Running a prepared request, and writing its answer.
//!
//! **Invariant:** a request of which nothing ran has no `data` key in its answer.
//! **Invariant:** keys stay in the order of the query: `data` goes from the executor's own value
//! into the answer, never through a map that sorts.
//! **Invariant:** what runs is counted as its key's until it has ended.
use super::{
    prepare::Prepared,
    problem::{INTERNAL_MESSAGE, Outcome, code, error, set_code},
    quota::Share,
};
use crate::graphql::{Kinds, Unkind, explain};
use async_graphql::{
    Data, Executor, ObjectType, Request, Response, Schema, SchemaBuilder, ServerError,
    SubscriptionType, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
    parser::types::OperationType,
    value,
};
use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// A schema twice: plain for what is answered once, and with extensions, one that notes whether execution began
/// for streams, one that tells what is wrong with values. A schema with extensions asks each of them about
/// each field, which costs a list more than its fields do; a subscription's event has few.
#[derive(Clone)]
pub struct Tracked<E> {
    plain: E,
    extended: E,
    kinds: Arc<Kinds>,
}

impl<Q, M, S> Tracked<Schema<Q, M, S>>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    /// The schema that `build` begins.
    pub fn of(build: impl Fn() -> SchemaBuilder<Q, M, S>) -> Self {
        let extended = build().extension(Track).extension(Unkind).finish();
        Self { plain: build().finish(), extended, kinds: Arc::new(Kinds::of::<Q, M, S>()) }
    }
}

impl<E: Executor> Executor for Tracked<E> {
    async fn execute(&self, mut request: Request) -> Response {
        if self.kinds.are_wrong_in(&mut request) {
            return self.extended.execute(request).await;
        }
        self.plain.execute(request).await
    }

    fn execute_stream(
        &self,
        request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        self.extended.execute_stream(request, session_data)
    }
}

/// Notes whether execution began: a subscription that does not start and one whose event fails are told alike.
#[derive(Clone, Copy, Debug, Default)]
struct Track;

impl ExtensionFactory for Track {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Track {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        if let Some(began) = ctx.data_opt::<Began>() {
            began.0.store(true, Ordering::Relaxed);
        }
        next.run(ctx, operation_name).await
    }
}

/// Whether execution began, shared between the request's data and whoever runs it.
#[derive(Clone, Default)]
struct Began(Arc<AtomicBool>);

/// An operation that may run, and on which terms.
#[derive(Debug)]
pub(super) struct Admitted {
    /// What is known of it.
    pub(super) prepared: Prepared,
    /// The most that it could cost.
    pub(super) cost_max: usize,
    /// In which time a whole answer must be there.
    pub(super) request_timeout: Duration,
    /// Its place among its key's.
    pub(super) share: Share,
}

/// What the executor answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nothing ran: the document or its variables were refused, or a subscription did not start. Or
    /// it ran for too long.
    Refused(Outcome, Vec<ServerError>),
    /// Something ran; there may be errors beside the data.
    Executed(Response),
}

/// Runs a query or a mutation.
pub(super) async fn run<E: Executor>(executor: &E, request: Request, admitted: Admitted) -> Answer {
    let Admitted { prepared, cost_max, request_timeout, share } = admitted;
    let answer = match timeout(request_timeout, executor.execute(request)).await {
        Ok(response) => {
            // `data` is null for a refused document and for a failed non-null root field alike; but what fails
            // while it runs has a path.
            let has_begun = response.errors.iter().any(|error| !error.path.is_empty());
            judge(response, has_begun)
        }
        Err(_elapsed) => timed_out(request_timeout),
    };
    drop(share);
    match answer {
        Answer::Executed(response) => {
            let cost = value!({
                "requestedQueryCost": prepared.cost,
                "maximumQueryCost": cost_max,
            });
            Answer::Executed(response.extension("cost", cost))
        }
        refused @ Answer::Refused(..) => refused,
    }
}

/// Runs any operation as a stream of answers: one for a query or a mutation, one an event for a
/// subscription. A `Refused` is the last.
pub(super) fn run_stream<E: Executor>(
    executor: &E,
    request: Request,
    admitted: Admitted,
) -> BoxStream<'static, Answer> {
    if admitted.prepared.kind != OperationType::Subscription {
        let executor = executor.clone();
        return stream::once(async move { run(&executor, request, admitted).await }).boxed();
    }
    let began = Began::default();
    let responses = executor.execute_stream(request.data(began.clone()), None);
    let share = admitted.share;
    responses
        .map(move |response| {
            // The stream owns its place and gives it back with itself.
            let _held = &share;
            judge(response, began.0.load(Ordering::Relaxed))
        })
        .boxed()
}

fn timed_out(most: Duration) -> Answer {
    let message = format!(
        "The answer was not there within {} s. A mutation may still have been done: repeat it with \
         the same idempotency key to learn of it.",
        most.as_secs()
    );
    let mut error = error(code::TIMEOUT, message);
    let milliseconds = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    let limit = vec![("name", "REQUEST_MS".into()), ("maximum", milliseconds.into())];
    super::bound::set_limit(&mut error, limit);
    Answer::Refused(Outcome::TimedOut, vec![error])
}

fn judge(mut response: Response, has_begun: bool) -> Answer {
    let refused = !has_begun && response.is_err() && matches!(response.data, Value::Null);
    response.errors.iter_mut().for_each(complete);
    if refused {
        Answer::Refused(Outcome::Refused, response.errors)
    } else {
        Answer::Executed(response)
    }
}

/// Gives an error its code where it has none. An error that was made of a Rust error and was not
/// given a code by its resolver is a defect, and its text stays inside.
fn complete(error: &mut ServerError) {
    explain(error);
    if error.extensions.as_ref().is_some_and(|known| known.get("code").is_some()) {
        return;
    }
    if error.path.is_empty() {
        set_code(error, code::VALIDATION_FAILED);
    } else if error.source.is_some() {
        tracing::error!(path = %path(error), "a resolver failed with an error that has no code");
        INTERNAL_MESSAGE.clone_into(&mut error.message);
        set_code(error, code::INTERNAL);
    } else {
        // What async-graphql itself says while a field runs: an argument that cannot be coerced.
        set_code(error, code::BAD_USER_INPUT);
    }
}

fn path(error: &ServerError) -> String {
    serde_json::to_string(&error.path).unwrap_or_default()
}

/// The answer in the order that the specification asks for.
#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Value>,
}

/// The JSON of an answer; `executed` says whether it has a `data` key.
pub(super) fn envelope(response: &Response, executed: bool) -> String {
    let data = executed.then_some(&response.data);
    let Response { errors, extensions, .. } = response;
    serde_json::to_string(&Envelope { errors, data, extensions }).unwrap_or_else(|fault| {
        tracing::error!(%fault, "an answer could not be written");
        let extensions = json!({ "code": code::INTERNAL });
        json!({ "errors": [{ "message": INTERNAL_MESSAGE, "extensions": extensions }] }).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::{complete, envelope};
    use async_graphql::{Error, PathSegment, Pos, Response, ServerError, value};

    fn completed(mut error: ServerError) -> String {
        complete(&mut error);
        serde_json::to_string(&error).unwrap()
    }

    #[test]
    fn errors_come_first_and_the_order_of_data_stays() {
        let mut response = Response::new(value!({"z": 1, "a": {"y": 1, "b": 2}}));
        assert_eq!(envelope(&response, true), r#"{"data":{"z":1,"a":{"y":1,"b":2}}}"#);
        response.errors.push(ServerError::new("no", None));
        let text = envelope(&response.extension("cost", value!(1)), true);
        let (errors, extensions) = (r#""errors":[{"message":"no"}]"#, r#""extensions":{"cost":1}"#);
        let data = r#""data":{"z":1,"a":{"y":1,"b":2}}"#;
        assert_eq!(text, format!("{{{errors},{data},{extensions}}}"));
    }

    #[test]
    fn a_request_error_has_no_data_key() {
        let response = Response::from_errors(vec![ServerError::new("no", None)]);
        assert_eq!(envelope(&response, false), r#"{"errors":[{"message":"no"}]}"#);
        assert_eq!(envelope(&response, true), r#"{"errors":[{"message":"no"}],"data":null}"#);
    }

    #[test]
    fn what_comes_from_inside_is_not_told() {
        let at = Pos { line: 1, column: 1 };
        let path = vec![PathSegment::Field("a".into())];
        let fault = Error::new_with_source(std::io::Error::other("disk 7 of db-3 is gone"));
        let text = completed(fault.into_server_error(at).with_path(path.clone()));
        assert!(!text.contains("disk") && text.contains("INTERNAL"), "{text}");
        let input = completed(ServerError::new("Failed to parse", None).with_path(path));
        assert!(input.contains("Failed to parse") && input.contains("BAD_USER_INPUT"), "{input}");
        let document = completed(ServerError::new("Unknown field", None));
        assert!(document.contains("GRAPHQL_VALIDATION_FAILED"), "{document}");
    }
}
