//! Running a prepared request, and writing its answer.
//!
//! **Invariant:** a request of which nothing ran has no `data` key in its answer.
//! **Invariant:** keys stay in the order of the query: `data` goes from the executor's own value
//! into the answer, never through a map that sorts.
use super::problem::{INTERNAL_MESSAGE, code, set_code};
use async_graphql::{
    Executor, Request, Response, ServerError, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The schema extension that notes whether execution began. The schema behind the endpoint must
/// have it (`.extension(Track)`): async-graphql answers `data: null` for a document it refused and
/// for a failed non-null root field alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Track;

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

/// What the executor answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nothing ran: the document or its variables were refused, or a subscription did not start.
    Refused(Vec<ServerError>),
    /// Something ran; there may be errors beside the data.
    Executed(Response),
}

/// Runs a query or a mutation.
pub(super) async fn run<E: Executor>(executor: &E, request: Request) -> Answer {
    let began = Began::default();
    let response = executor.execute(request.data(began.clone())).await;
    judge(response, &began)
}

/// Runs any operation as a stream of answers: one for a query or a mutation, one an event for a
/// subscription. A `Refused` is the last.
pub(super) fn run_stream<E: Executor>(
    executor: &E,
    request: Request,
) -> BoxStream<'static, Answer> {
    let began = Began::default();
    let responses = executor.execute_stream(request.data(began.clone()), None);
    responses.map(move |response| judge(response, &began)).boxed()
}

fn judge(mut response: Response, began: &Began) -> Answer {
    let refused = !began.0.load(Ordering::Relaxed)
        && response.is_err()
        && matches!(response.data, Value::Null);
    response.errors.iter_mut().for_each(complete);
    if refused { Answer::Refused(response.errors) } else { Answer::Executed(response) }
}

/// Gives an error its code where it has none. An error that was made of a Rust error and was not
/// given a code by its resolver is a defect, and its text stays inside.
fn complete(error: &mut ServerError) {
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
