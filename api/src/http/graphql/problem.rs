//! What is wrong with a request: the errors the client reads, their codes, and the status table.
//!
//! **Invariant:** every error that leaves carries `extensions.code`.
pub(super) use crate::graphql::code;

use super::{execute::envelope, limits::ERRORS_IN_ANSWER, negotiate::Media};
use async_graphql::{ErrorExtensionValues, Response as Answer, ServerError};
use poem::{
    Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};

/// What became of a request; the status follows from it and the media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was executed; errors of fields change nothing.
    Executed,
    /// A well-formed request whose document, operation or variables are refused.
    Refused,
    /// The parameters, the JSON or the handshake are not well-formed.
    IllFormed,
    /// No valid bearer token.
    Unauthenticated,
    /// The upgrade comes from a foreign web page.
    ForeignOrigin,
    /// There is no such reservation, or it is another's.
    NotFound,
    /// Another connection has the reservation, or an operation of this id runs already.
    Taken,
    /// The method is not one of `Allow`.
    MethodNotAllowed,
    /// None of the accepted media types can be served.
    NotAcceptable,
    /// The body took too long to arrive.
    BodyTooSlow,
    /// The body is longer than is read.
    BodyTooLong,
    /// The body is not `application/json`.
    UnsupportedMedia,
    /// More is asked for than may be had at once, or at this rate.
    TooMany,
    /// The version of the WebSocket protocol is not 13.
    UpgradeRequired,
    /// The service cannot answer just now.
    Unavailable,
    /// It took too long to execute.
    TimedOut,
    /// A defect of ours.
    Defect,
}

impl Outcome {
    /// The one table of statuses. GraphQL over HTTP (draft of 2026-08) would have 422 in place of
    /// 400 for `Refused`; clients and their audits still expect 400, and 200 with the older type.
    pub(super) fn status(self, media: Media) -> StatusCode {
        match (self, media) {
            (Self::Refused, Media::GraphqlResponse) | (Self::IllFormed, _) => {
                StatusCode::BAD_REQUEST
            }
            // A stream tells by its own words that a document is refused.
            (Self::Executed | Self::Refused, _) => StatusCode::OK,
            (Self::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
            (Self::ForeignOrigin, _) => StatusCode::FORBIDDEN,
            (Self::NotFound, _) => StatusCode::NOT_FOUND,
            (Self::Taken, _) => StatusCode::CONFLICT,
            (Self::MethodNotAllowed, _) => StatusCode::METHOD_NOT_ALLOWED,
            (Self::NotAcceptable, _) => StatusCode::NOT_ACCEPTABLE,
            (Self::BodyTooSlow, _) => StatusCode::REQUEST_TIMEOUT,
            (Self::BodyTooLong, _) => StatusCode::PAYLOAD_TOO_LARGE,
            (Self::UnsupportedMedia, _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Self::TooMany, _) => StatusCode::TOO_MANY_REQUESTS,
            (Self::UpgradeRequired, _) => StatusCode::UPGRADE_REQUIRED,
            (Self::Unavailable | Self::TimedOut, _) => StatusCode::SERVICE_UNAVAILABLE,
            (Self::Defect, _) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A request that is answered with errors and no data.
#[derive(Debug)]
pub(super) struct Problem {
    outcome: Outcome,
    errors: Vec<ServerError>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// One error of this code.
    pub(super) fn new(outcome: Outcome, code: &str, message: impl Into<String>) -> Self {
        Self::of(outcome, vec![error(code, message)])
    }

    /// Several errors that already carry their codes.
    pub(super) fn of(outcome: Outcome, mut errors: Vec<ServerError>) -> Self {
        errors.truncate(ERRORS_IN_ANSWER);
        Self { outcome, errors, header: None }
    }

    /// The parameters, the JSON or the handshake are not well-formed.
    pub(super) fn ill_formed(message: impl Into<String>) -> Self {
        Self::new(Outcome::IllFormed, code::BAD_REQUEST, message)
    }

    /// A defect of ours, told without a word of it.
    pub(super) fn defect() -> Self {
        Self::new(Outcome::Defect, code::INTERNAL, INTERNAL_MESSAGE)
    }

    /// The same with a header that the status asks for.
    pub(super) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    /// The same with the time after which to come back, in whole seconds.
    pub(super) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.header = Some((header::RETRY_AFTER, seconds.into()));
        self
    }

    /// Whether it is the document, the operation or the variables that are refused.
    pub(super) fn is_refusal(&self) -> bool {
        self.outcome == Outcome::Refused
    }

    /// What the client reads.
    pub(super) fn into_errors(self) -> Vec<ServerError> {
        self.errors
    }

    /// The HTTP answer.
    pub(super) fn into_response(self, media: Media) -> Response {
        let status = self.outcome.status(media);
        let body = envelope(&Answer::from_errors(self.errors), false);
        let mut response = respond(status, media, body);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Said in place of whatever went wrong inside.
pub(super) const INTERNAL_MESSAGE: &str = "Something went wrong on our side.";

/// An error with its code.
pub(super) fn error(code: &str, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    error
}

/// Gives `error` this code, beside what its extensions already hold.
pub(super) fn set_code(error: &mut ServerError, code: &str) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code);
}

/// A whole answer of this media type.
pub(super) fn respond(status: StatusCode, media: Media, body: String) -> Response {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media.content_type())
        .header(header::VARY, "Accept")
        .body(body)
}
