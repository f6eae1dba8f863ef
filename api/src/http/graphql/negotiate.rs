//! Which media type answers: `Accept` against what the endpoint offers, and the request's own type.
//!
//! **Invariant:** nothing but `application/json` in UTF-8 is read. The types that a browser sends
//! to a foreign site without asking first are thereby refused.

/// A media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: the older of the two, where a request error is a 200.
    Json,
    /// `application/graphql-response+json`: the status tells a request error.
    GraphqlResponse,
}

impl Media {
    /// The media of one whole answer, the preferred one first.
    pub(super) const WHOLE: [Self; 2] = [Self::Json, Self::GraphqlResponse];

    /// Type and subtype, in lower case.
    fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::GraphqlResponse => "application/graphql-response+json",
        }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
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
        match self.essence.as_str() {
            _ if !utf8 => None,
            own if own == media.essence() => Some(3),
            "application/*" => Some(2),
            "*/*" => Some(1),
            _ => None,
        }
    }
}

/// The best of `offered` for this `Accept`: the highest weight, then the client's order, then the
/// order of `offered`. Without an `Accept`, the first offered. `None` when nothing is acceptable.
pub(super) fn negotiate(accept: Option<&str>, offered: &[Media]) -> Option<Media> {
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
    use super::{Media, is_json, negotiate};

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
        let urql = "application/graphql-response+json, application/graphql+json, application/json, \
                    text/event-stream, multipart/mixed";
        assert_eq!(choice(urql), Some(Media::GraphqlResponse));
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
