//! Which web pages may call: the check of a socket's origin, and what browsers ask before they let
//! a page read an answer (Cross-Origin Resource Sharing, Fetch Standard section 3.2).
//!
//! Bearer tokens are never sent by a browser by itself, so a page of a foreign origin can do
//! nothing in its user's name; it is kept out all the same.
//!
//! **Invariant:** only a page of an origin that is listed is told that it may read an answer.
use poem::{
    Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};

/// What a preflight is told: the methods, the headers of a request and how long it holds, in
/// seconds.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, x-graphql-event-stream-token");
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");
/// What a page may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, www-authenticate");

/// The origin that asks, if it is one of those that are listed.
pub(super) fn listed(request: &Request, allowed: &[String]) -> Option<HeaderValue> {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    let (origin, None) = (origins.next()?, origins.next()) else { return None };
    is_listed(origin.to_str().ok()?, allowed).then(|| origin.clone())
}

fn is_listed(origin: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|known| same(known.trim_end_matches('/'), origin))
}

/// Whether a browser asks what its page may do.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(super) fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S)
        .finish()
}

/// Tells the browser that pages of `origin` may read the answer.
pub(super) fn let_read(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    // Caches must not hand one origin's answer to another.
    headers.append(header::VARY, header::ORIGIN.into());
}

/// Whether the page that asks for a socket, if it is one, may. Browsers do not let a page forge
/// `Origin`.
pub(super) fn may_open(request: &Request, allowed: &[String]) -> bool {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    if !allowed.is_empty() {
        return is_listed(origin, allowed);
    }
    let own = request.header(header::HOST).unwrap_or_default();
    let hosts = origin.split_once("://").map(|(scheme, host)| match scheme {
        "http" => (host.trim_end_matches(":80"), own.trim_end_matches(":80")),
        "https" => (host.trim_end_matches(":443"), own.trim_end_matches(":443")),
        _ => (host, ""),
    });
    hosts.is_some_and(|(host, own)| !own.is_empty() && same(host, own))
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::may_open;
    use poem::Request;

    fn may(origin: Option<&str>, host: &str, allowed: &[&str]) -> bool {
        let mut request = Request::builder().header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let allowed: Vec<String> = allowed.iter().map(|&known| known.to_owned()).collect();
        may_open(&request.finish(), &allowed)
    }

    #[test]
    fn without_a_list_only_the_own_host_may() {
        assert!(may(None, "a.example", &[]));
        assert!(may(Some("https://a.example"), "a.example", &[]));
        assert!(may(Some("http://A.example"), "a.example:80", &[]));
        assert!(may(Some("http://localhost:4000"), "localhost:4000", &[]));
        assert!(!may(Some("http://localhost:4001"), "localhost:4000", &[]));
        assert!(!may(Some("https://evil.example"), "a.example", &[]));
        assert!(!may(Some("null"), "a.example", &[]));
        assert!(!may(Some("file://"), "", &[]));
    }

    #[test]
    fn with_a_list_only_the_listed_may() {
        let list = ["https://app.example/"];
        assert!(may(None, "a.example", &list));
        assert!(may(Some("https://APP.example"), "a.example", &list));
        assert!(!may(Some("https://a.example"), "a.example", &list));
        assert!(!may(Some("http://app.example"), "a.example", &list));
    }
}
