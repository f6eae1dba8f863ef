//! The messages of `graphql-transport-ws` in JSON, and its close codes.
//!
//! **Invariant:** a close reason fits its frame; a longer one would make the frame invalid.
use crate::http::{
    auth,
    graphql::{execute::envelope, limits::CLOSE_REASON_BYTES, request, voice::Voice},
};
use async_graphql::{Request, Response, ServerError};
use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};

/// Why a socket is closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Close {
    /// The close code.
    pub(super) code: u16,
    /// At most 123 bytes.
    pub(super) reason: String,
}

impl Close {
    /// Protocol error of the framing itself.
    pub(super) const FRAMING: u16 = 1002;
    /// A text frame that is not UTF-8.
    pub(super) const NOT_TEXT: u16 = 1007;
    /// The client sends without ever reading.
    pub(super) const POLICY: u16 = 1008;
    /// A message is too long.
    pub(super) const TOO_LONG: u16 = 1009;
    /// The service restarts; the client should come back.
    pub(super) const RESTART: u16 = 1012;
    /// The service cannot check the token just now, or the key has as many open as it may; the
    /// client should come back.
    pub(super) const TRY_AGAIN: u16 = 1013;
    /// A message that the protocol does not know.
    pub(super) const INVALID: u16 = 4400;
    /// `subscribe` before `connection_ack`.
    pub(super) const UNAUTHORIZED: u16 = 4401;
    /// The token is not, or no longer, valid. Clients may come back with a fresh one.
    pub(super) const FORBIDDEN: u16 = 4403;
    /// No `connection_init` in time.
    pub(super) const INIT_TIMEOUT: u16 = 4408;
    /// An operation of this id runs already.
    pub(super) const DUPLICATE: u16 = 4409;
    /// A second `connection_init`.
    pub(super) const TOO_MANY_INITS: u16 = 4429;
    /// The client answers no pings.
    pub(super) const SILENT: u16 = 4499;

    /// A reason that is too long is cut between characters.
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(CLOSE_REASON_BYTES));
        Self { code, reason }
    }
}

/// A message of the client.
#[derive(Debug)]
pub(super) enum Inbound {
    /// `connection_init`, with the token of its payload.
    Init(Option<SecretString>),
    /// `ping`, with its payload.
    Ping(Option<Json>),
    /// `pong`.
    Pong,
    /// `subscribe`.
    Subscribe(String, Box<Request>),
    /// `complete`.
    Complete(String),
}

/// Reads a message; what the protocol does not know closes the socket.
pub(super) fn parse(text: &str) -> Result<Inbound, Close> {
    let invalid = |reason: &str| Close::new(Close::INVALID, reason);
    let Ok(Json::Object(mut message)) = serde_json::from_str(text) else {
        return Err(invalid("The message is not a JSON object"));
    };
    let payload = match message.remove("payload") {
        None | Some(Json::Null) => None,
        Some(Json::Object(members)) => Some(members),
        Some(_) => return Err(invalid("`payload` must be an object")),
    };
    match message.get("type").and_then(Json::as_str).unwrap_or_default() {
        "connection_init" => Ok(Inbound::Init(payload.and_then(|members| token(&members)))),
        "ping" => Ok(Inbound::Ping(payload.map(Json::Object))),
        "pong" => Ok(Inbound::Pong),
        "subscribe" => {
            let id = id(&mut message).ok_or_else(|| invalid("`subscribe` needs an `id`"))?;
            let members = payload.ok_or_else(|| invalid("`subscribe` needs a `payload`"))?;
            let request = request::from_json(Json::Object(members)).map_err(|problem| {
                let told = problem.into_errors().into_iter().next().map(|error| error.message);
                Close::new(Close::INVALID, told.unwrap_or_default())
            })?;
            Ok(Inbound::Subscribe(id, Box::new(request)))
        }
        "complete" => id(&mut message)
            .map(Inbound::Complete)
            .ok_or_else(|| invalid("`complete` needs an `id`")),
        _ => Err(invalid("Unknown message type")),
    }
}

fn id(message: &mut Map<String, Json>) -> Option<String> {
    match message.remove("id") {
        Some(Json::String(id)) if !id.is_empty() => Some(id),
        _ => None,
    }
}

/// The token of `{"authorization": "Bearer …"}`; clients write the key as they write the header.
fn token(members: &Map<String, Json>) -> Option<SecretString> {
    let (_, value) = members.iter().find(|(k, _)| k.eq_ignore_ascii_case("authorization"))?;
    value.as_str().and_then(auth::bearer).map(SecretString::from)
}

/// `connection_ack`.
pub(super) const ACK: &str = r#"{"type":"connection_ack"}"#;
/// `ping`.
pub(super) const PING: &str = r#"{"type":"ping"}"#;

/// `pong`, with the payload of the ping it answers.
pub(super) fn pong(payload: Option<Json>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// How the operations of a socket speak.
pub(super) const VOICE: Voice = Voice { next, failed: error, complete };

/// `next`. The payload is written as it is, in the order of the query.
fn next(id: &str, response: &Response) -> String {
    let payload = envelope(response, true);
    format!(r#"{{"type":"next","id":{},"payload":{payload}}}"#, json!(id))
}

/// `error`: the operation ends without having run.
pub(super) fn error(id: &str, errors: &[ServerError]) -> String {
    json!({ "type": "error", "id": id, "payload": errors }).to_string()
}

/// `complete`: the operation has ended.
fn complete(id: &str) -> String {
    json!({ "type": "complete", "id": id }).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Close, Inbound, next, parse};
    use async_graphql::{Response, value};
    use secrecy::ExposeSecret;

    #[test]
    fn a_reason_is_cut_between_characters() {
        let close = Close::new(4400, "é".repeat(100));
        assert_eq!(close.reason, "é".repeat(61));
    }

    #[test]
    fn reads_the_token_of_the_payload() {
        let text = r#"{"type":"connection_init","payload":{"Authorization":"Bearer k"}}"#;
        let Inbound::Init(Some(token)) = parse(text).unwrap() else { panic!("no token") };
        assert_eq!(token.expose_secret(), "k");
        let none =
            [r#"{"type":"connection_init"}"#, r#"{"type":"connection_init","payload":null}"#];
        for text in none {
            assert!(matches!(parse(text), Ok(Inbound::Init(None))), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_protocol_does_not_know() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type":"next","id":"1"}"#,
            r#"{"type":"start","id":"1"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"complete"}"#,
        ] {
            assert_eq!(parse(text).unwrap_err().code, 4400, "{text}");
        }
    }

    #[test]
    fn the_payload_of_next_keeps_its_order() {
        let text = next("a\"b", &Response::new(value!({"z": 1, "a": 2})));
        assert_eq!(text, r#"{"type":"next","id":"a\"b","payload":{"data":{"z":1,"a":2}}}"#);
    }
}
