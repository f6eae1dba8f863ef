//! The words of each kind of stream.
//!
//! Server-sent events follow GraphQL over SSE (enisdenjo/graphql-sse, PROTOCOL.md), in both its
//! modes. Multipart follows Apollo's protocol for subscriptions over HTTP, version 1.0.
//!
//! **Invariant:** the boundary comes right after a part, not before the next one: a reader takes a
//! part for complete when it has read the boundary, and would be one event late.
//! **Invariant:** an event has a `data` line, even if it is empty: browsers drop an event without
//! one.
use crate::http::graphql::{
    execute::envelope,
    negotiate::Media,
    problem::{self, code},
    voice::Voice,
};
use async_graphql::{Response, ServerError};
use serde_json::json;

/// A kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Wire {
    /// Server-sent events of one operation.
    Events,
    /// Server-sent events of several operations, told apart by their ids.
    SharedEvents,
    /// Parts of one operation.
    Multipart,
}

/// What opens a stream of parts: its first part, empty, and the boundary after it.
const MULTIPART_OPENING: &str =
    "--graphql\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql";
/// A part that says nothing.
const MULTIPART_IDLE: &str = "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql";
/// What follows the last boundary.
const MULTIPART_END: &str = "--\r\n";
/// A comment, which readers of events skip.
const EVENTS_IDLE: &str = ":\n\n";

static EVENTS: Voice = Voice {
    next: |_id, response| event("next", &envelope(response, true)),
    failed: |_id, errors| format!("{}{}", event("next", &refused(errors)), event("complete", "")),
    complete: |_id| event("complete", ""),
};

static SHARED_EVENTS: Voice =
    Voice { next: shared_next, failed: shared_failed, complete: shared_complete };

static MULTIPART: Voice = Voice {
    next: |_id, response| part(&format!(r#"{{"payload":{}}}"#, envelope(response, true))),
    failed: |_id, errors| {
        let payload = part(&format!(r#"{{"payload":{}}}"#, refused(errors)));
        format!("{payload}{MULTIPART_END}")
    },
    complete: |_id| MULTIPART_END.to_owned(),
};

impl Wire {
    /// The stream in which this media type is written; none for a whole answer.
    pub(in super::super) fn of(media: Media) -> Option<Self> {
        match media {
            Media::Json | Media::GraphqlResponse => None,
            Media::EventStream => Some(Self::Events),
            Media::Multipart => Some(Self::Multipart),
        }
    }

    /// Its media type.
    pub(super) fn media(self) -> Media {
        match self {
            Self::Events | Self::SharedEvents => Media::EventStream,
            Self::Multipart => Media::Multipart,
        }
    }

    /// In which words it tells answers.
    pub(super) fn voice(self) -> &'static Voice {
        match self {
            Self::Events => &EVENTS,
            Self::SharedEvents => &SHARED_EVENTS,
            Self::Multipart => &MULTIPART,
        }
    }

    /// What is told at once.
    pub(super) fn opening(self) -> &'static str {
        match self {
            Self::Events | Self::SharedEvents => EVENTS_IDLE,
            Self::Multipart => MULTIPART_OPENING,
        }
    }

    /// What is told when there is nothing to tell.
    pub(super) fn idle(self) -> &'static str {
        match self {
            Self::Events | Self::SharedEvents => EVENTS_IDLE,
            Self::Multipart => MULTIPART_IDLE,
        }
    }

    /// What is told when the key may no longer do what it could. Events have no word for it: their
    /// client comes back, and is told by the status.
    pub(super) fn lapsed(self) -> Option<String> {
        match self {
            Self::Events | Self::SharedEvents => None,
            Self::Multipart => {
                let message = "The key or the token is no longer valid for this stream.";
                let errors = [problem::error(code::UNAUTHENTICATED, message)];
                let last = part(&json!({ "payload": null, "errors": errors }).to_string());
                Some(format!("{last}{MULTIPART_END}"))
            }
        }
    }
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn part(json: &str) -> String {
    format!("\r\ncontent-type: application/json\r\n\r\n{json}\r\n--graphql")
}

/// The answer of an operation that did not run.
fn refused(errors: &[ServerError]) -> String {
    envelope(&Response::from_errors(errors.to_vec()), false)
}

fn shared_next(id: &str, response: &Response) -> String {
    event("next", &format!(r#"{{"id":{},"payload":{}}}"#, json!(id), envelope(response, true)))
}

fn shared_failed(id: &str, errors: &[ServerError]) -> String {
    let next = event("next", &format!(r#"{{"id":{},"payload":{}}}"#, json!(id), refused(errors)));
    format!("{next}{}", shared_complete(id))
}

fn shared_complete(id: &str) -> String {
    event("complete", &json!({ "id": id }).to_string())
}

#[cfg(test)]
mod tests {
    use super::Wire;
    use async_graphql::{Response, ServerError, value};

    #[test]
    fn every_event_has_data() {
        for wire in [Wire::Events, Wire::SharedEvents] {
            let voice = wire.voice();
            let next = (voice.next)("a", &Response::new(value!({"z": 1, "a": 2})));
            let failed = (voice.failed)("a", &[ServerError::new("no", None)]);
            let complete = (voice.complete)("a");
            for event in
                [next.as_str(), complete.as_str(), failed.split_inclusive("\n\n").next().unwrap()]
            {
                let lines: Vec<&str> = event.lines().collect();
                let [name, data, ""] = lines.as_slice() else { panic!("{event}") };
                assert!(name.starts_with("event: ") && data.starts_with("data: "), "{event}");
            }
            assert!(next.contains(r#"{"data":{"z":1,"a":2}}"#), "{next}");
            assert!(failed.ends_with(&complete) && !failed.contains(r#""data":null"#), "{failed}");
        }
    }

    #[test]
    fn a_part_ends_with_its_boundary() {
        let voice = Wire::Multipart.voice();
        let next = (voice.next)("", &Response::new(value!({"a": 1})));
        let part = "\r\ncontent-type: application/json\r\n\r\n{\"payload\":{\"data\":{\"a\":1}}}";
        assert_eq!(next, format!("{part}\r\n--graphql"));
        assert!((voice.failed)("", &[]).ends_with("\r\n--graphql--\r\n"));
        let lapsed = Wire::Multipart.lapsed().unwrap();
        assert!(lapsed.contains(r#""payload":null"#) && lapsed.ends_with("--graphql--\r\n"));
    }
}
