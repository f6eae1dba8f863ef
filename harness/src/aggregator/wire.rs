//! Requests and replies as the core sees them, whatever server they come through.

use std::time::Duration;

use crate::contract::problem::{Code, PROBLEM_JSON};
use crate::scenario::Transport;

use super::event::Outgoing;

/// The longest request body, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A request, as far as the contract looks at it.
#[derive(Clone, Default)]
pub struct WireRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark; empty if there is none.
    pub query: String,
    /// The value of `authorization`.
    pub authorization: Option<String>,
    /// The value of `idempotency-key`.
    pub idempotency_key: Option<String>,
    /// The value of `if-none-match`.
    pub if_none_match: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Its number, if it was given one when its first bytes came.
    pub number: Option<u64>,
}

impl WireRequest {
    /// The value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }
}

impl std::fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Undoes `%41` and `+`; what is not an escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, next) = match (first, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, next @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, next),
                _ => (b'%', after),
            },
            (byte, _) => (*byte, after),
        };
        bytes.push(byte);
        rest = next;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait before answering, in real time.
    pub delay: Duration,
    /// What to do to the connection in place of answering.
    pub transport: Option<Transport>,
    /// The number of its request.
    pub(crate) number: Option<u64>,
    /// Receipts to post before answering.
    pub(crate) before: Vec<Outgoing>,
}

impl Reply {
    /// A reply with a body of that media type.
    pub(crate) fn new(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body,
            delay: Duration::ZERO,
            transport: None,
            number: None,
            before: Vec::new(),
        }
    }

    /// A reply in JSON.
    pub(crate) fn json(status: u16, body: &impl serde::Serialize) -> Self {
        // Every type that comes here is plain data with text for keys, which cannot fail to be
        // written.
        Self::new(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
    }

    /// A refusal, with its `Retry-After`.
    pub(crate) fn problem(code: &Code, detail: &str) -> Self {
        let mut reply = Self::json(code.status, &code.problem(detail));
        reply.set_header("content-type", PROBLEM_JSON);
        if let Some(seconds) = code.retry_after_s {
            reply.set_header("retry-after", &seconds.to_string());
        }
        reply
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = "a=1&reference=msg%5F1+x&broken=%zz&alone".to_owned();
        let request = WireRequest { query, ..WireRequest::default() };
        assert_eq!(request.parameter("reference").as_deref(), Some("msg_1 x"));
        assert_eq!(request.parameter("broken").as_deref(), Some("%zz"));
        assert_eq!(request.parameter("alone").as_deref(), Some(""));
        assert_eq!(request.parameter("none"), None);
    }

    #[test]
    fn a_header_is_set_once() {
        let mut reply = Reply::new(200, "text/plain", Vec::new());
        reply.set_header("Content-Type", "text/html");
        assert_eq!(reply.headers, [("content-type".to_owned(), "text/html".to_owned())]);
    }
}
