//! Which media type answers: `Accept` against what the endpoint offers, and the request's own type.
//!
//! **Invariant:** nothing but `application/json` in UTF-8 is read. The types that a browser sends
//! to a foreign site without asking first are thereby refused.
//! **Invariant:** what an operation is decides among the accepted types: clients list those of
//! streams for every request, and a query is answered whole where it can be.
use super::problem::{Outcome, Problem, code};
use async_graphql::parser::types::OperationType;
use poem::{Request, http::header};

/// A media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: the older of the two, where a request error is a 200.
    Json,
    /// `application/graphql-response+json`: the status tells a request error.
    GraphqlResponse,
    /// `text/event-stream`: GraphQL over server-sent events.
    EventStream,
    /// `multipart/mixed;subscriptionSpec=1.0`: Apollo's multipart subscriptions.
    Multipart,
}

impl Media {
    /// The media of one whole answer, the preferred one first.
    const WHOLE: [Self; 2] = [Self::Json, Self::GraphqlResponse];
    /// The media of an answer that goes on, the preferred one first.
    const STREAMED: [Self; 2] = [Self::EventStream, Self::Multipart];

    /// Type and subtype, in lower case.
    fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::EventStream => "text/event-stream",
            Self::Multipart => "multipart/mixed",
        }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Multipart => "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0",
        }
    }
}

/// What a request accepts of what is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    whole: Option<Media>,
    streamed: Option<Media>,
}

impl Accepted {
    /// What `request` accepts.
    pub(super) fn of(request: &Request) -> Self {
        let values = request.headers().get_all(header::ACCEPT).iter();
        let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let accept = (!values.is_empty()).then(|| values.join(","));
        Self::in_header(accept.as_deref())
    }

    fn in_header(accept: Option<&str>) -> Self {
        let whole = negotiate(accept, &Media::WHOLE);
        Self { whole, streamed: negotiate(accept, &Media::STREAMED) }
    }

    /// Refuses a request that accepts nothing of what is offered.
    pub(super) fn anything(self) -> Result<(), Problem> {
        if self.whole.or(self.streamed).is_some() {
            return Ok(());
        }
        let message = "Accept application/graphql-response+json or application/json, and for \
                       subscriptions text/event-stream or multipart/mixed;subscriptionSpec=1.0.";
        Err(Problem::new(Outcome::NotAcceptable, code::BAD_REQUEST, message))
    }

    /// The media of an answer that says what is wrong with the request itself.
    pub(super) fn of_errors(self) -> Media {
        self.whole.unwrap_or(Media::Json)
    }

    /// The media in which a document is refused, before it is known what it asks for.
    pub(super) fn of_refusals(self) -> Media {
        self.whole.or(self.streamed).unwrap_or(Media::Json)
    }

    /// The media of the answer to an operation.
    pub(super) fn for_operation(self, kind: OperationType) -> Result<Media, Problem> {
        let chosen = match kind {
            OperationType::Subscription => self.streamed,
            OperationType::Query | OperationType::Mutation => self.whole.or(self.streamed),
        };
        let message = "Subscribe with `Accept: text/event-stream`, with `Accept: \
                       multipart/mixed;subscriptionSpec=1.0`, or over a WebSocket with the \
                       subprotocol graphql-transport-ws.";
        chosen.ok_or_else(|| Problem::new(Outcome::NotAcceptable, code::BAD_REQUEST, message))
    }

    /// Whether server-sent events are accepted.
    pub(super) fn events(self) -> bool {
        self.streamed == Some(Media::EventStream)
    }
}

/// One range of `Accept`, in lower case, with its weight.
struct Range<'a> {
    essence: String,
    quality: f32,
    parameters: Vec<&'a str>,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameters: Vec<&str> = parts.collect();
        let quality = parameters
            .iter()
            .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
            .and_then(|q| q.trim().parse().ok())
            .unwrap_or(1.0);
        Self { essence, quality, parameters }
    }

    /// How narrowly the range names `media`: 3 exactly, 2 its type, 1 anything; `None` not at all.
    fn names(&self, media: Media) -> Option<u8> {
        let utf8 = self.parameters.iter().all(|p| charset(p).is_none_or(is_utf8));
        match (media, self.essence.as_str()) {
            _ if !utf8 => None,
            // Without the word, it is another protocol of the same type that is asked for.
            (Media::Multipart, "multipart/mixed") => self.is_for_subscriptions().then_some(3),
            (Media::Multipart, _) => None,
            (_, own) if own == media.essence() => Some(3),
            (Media::Json | Media::GraphqlResponse, "application/*")
            | (Media::EventStream, "text/*") => Some(2),
            (_, "*/*") => Some(1),
            _ => None,
        }
    }

    fn is_for_subscriptions(&self) -> bool {
        self.parameters.iter().filter_map(|parameter| parameter.split_once('=')).any(
            |(name, value)| {
                name.trim().eq_ignore_ascii_case("subscriptionSpec")
                    && value.trim().trim_matches('"') == "1.0"
            },
        )
    }
}

/// The best of `offered` for this `Accept`: the highest weight, then the client's order, then the
/// order of `offered`. Without an `Accept`, the first offered. `None` when nothing is acceptable.
fn negotiate(accept: Option<&str>, offered: &[Media]) -> Option<Media> {
    // An empty one says nothing, as none does.
    let accept = accept.filter(|accept| !accept.trim().is_empty());
    let Some(accept) = accept else { return offered.first().copied() };
    let ranges: Vec<Range<'_>> = accept.split(',').map(Range::parse).collect();
    let mut best: Option<(f32, usize, Media)> = None;
    for media in offered.iter().copied() {
        // The narrowest range that names a type decides about it (RFC 9110, section 12.5.1).
        let decisive = ranges
            .iter()
            .enumerate()
            .filter_map(|(place, range)| range.names(media).map(|n| (n, place, range.quality)))
            .max_by_key(|(narrow, place, _)| (*narrow, usize::MAX - place));
        let Some((_, place, quality)) = decisive.filter(|(_, _, quality)| *quality > 0.0) else {
            continue;
        };
        if best.is_none_or(|(q, p, _)| quality > q || (quality >= q && place < p)) {
            best = Some((quality, place, media));
        }
    }
    best.map(|(_, _, media)| media)
}

/// Whether a body of this `Content-Type` is read: `application/json`, in UTF-8.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|p| charset(p).is_none_or(is_utf8))
}

/// The value of a `charset` parameter, unquoted.
fn charset(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
}

fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

#[cfg(test)]
mod tests {
    use super::{Accepted, Media, is_json, negotiate};
    use async_graphql::parser::types::OperationType;

    fn choice(accept: &str) -> Option<Media> {
        negotiate(Some(accept), &Media::WHOLE)
    }

    #[test]
    fn no_accept_is_json() {
        assert_eq!(negotiate(None, &Media::WHOLE), Some(Media::Json));
    }

    #[test]
    fn wildcards_are_json() {
        assert_eq!(choice("*/*"), Some(Media::Json));
        assert_eq!(choice("application/*;q=0.2"), Some(Media::Json));
    }

    #[test]
    fn the_weight_decides_then_the_clients_order() {
        let weighed = "application/json;q=0.9, application/graphql-response+json";
        assert_eq!(choice(weighed), Some(Media::GraphqlResponse));
        let first = "application/graphql-response+json, application/json";
        assert_eq!(choice(first), Some(Media::GraphqlResponse));
        let first = "application/json, application/graphql-response+json";
        assert_eq!(choice(first), Some(Media::Json));
    }

    #[test]
    fn what_apollo_and_urql_send() {
        let apollo = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,\
                      application/graphql-response+json,application/json;q=0.9";
        assert_eq!(choice(apollo), Some(Media::GraphqlResponse));
        assert_eq!(followed(apollo), Some(Media::Multipart));
        let urql = "application/graphql-response+json, application/graphql+json, application/json, \
                    text/event-stream, multipart/mixed";
        assert_eq!(choice(urql), Some(Media::GraphqlResponse));
        assert_eq!(followed(urql), Some(Media::EventStream));
    }

    fn followed(accept: &str) -> Option<Media> {
        Accepted::in_header(Some(accept)).for_operation(OperationType::Subscription).ok()
    }

    #[test]
    fn a_subscription_streams_or_is_refused() {
        assert_eq!(followed("*/*"), Some(Media::EventStream));
        assert_eq!(followed("text/*"), Some(Media::EventStream));
        assert_eq!(followed("multipart/mixed;subscriptionSpec=\"1.0\""), Some(Media::Multipart));
        assert_eq!(followed("Multipart/Mixed; SubscriptionSpec=1.0"), Some(Media::Multipart));
        assert_eq!(followed("multipart/mixed"), None);
        assert_eq!(followed("multipart/mixed;deferSpec=20220824"), None);
        assert_eq!(followed("application/json"), None);
        assert_eq!(followed("text/event-stream;q=0, */*"), None);
        let both = "multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream;q=0.4";
        assert_eq!(followed(both), Some(Media::Multipart));
    }

    #[test]
    fn a_query_is_answered_whole_where_it_can_be() {
        let asked = |accept| Accepted::in_header(Some(accept)).for_operation(OperationType::Query);
        assert_eq!(asked("text/event-stream, application/json;q=0.1").ok(), Some(Media::Json));
        assert_eq!(asked("text/event-stream").ok(), Some(Media::EventStream));
        assert!(
            asked("text/html").is_err() && Accepted::in_header(Some("a/b")).anything().is_err()
        );
    }

    #[test]
    fn a_narrow_refusal_beats_a_wildcard() {
        assert_eq!(choice("application/json;q=0, */*"), Some(Media::GraphqlResponse));
        assert_eq!(choice("*/*;q=0"), None);
    }

    #[test]
    fn nothing_acceptable() {
        assert_eq!(choice("text/html"), None);
        assert_eq!(choice(""), Some(Media::Json));
        assert_eq!(choice("application/json;charset=latin1"), None);
        assert_eq!(choice("APPLICATION/JSON; charset=UTF-8"), Some(Media::Json));
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        assert!(is_json(Some("application/json")));
        assert!(is_json(Some("Application/JSON; charset=\"UTF-8\"")));
        assert!(!is_json(Some("application/json; charset=utf-16")));
        assert!(!is_json(Some("text/plain")));
        assert!(!is_json(Some("application/x-www-form-urlencoded")));
        assert!(!is_json(Some("multipart/form-data; boundary=x")));
        assert!(!is_json(None));
    }
}
