//! The page for those who open `/graphql` in a browser: how to connect a tool of their own.
//!
//! **Invariant:** it is the same for everybody, asks nothing of anybody and runs no script.
use super::{stream::single, trusted::DOCUMENT_ID};
use poem::{
    Request, Response,
    http::{Method, header},
};

/// The page.
const PAGE: &str = include_str!("page.html");
/// Nothing but the page's own style: no script, no picture, no frame around it, no form.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action \
                      'none'; frame-ancestors 'none'";
/// Parameters of a URL that ask for an operation.
const OPERATION: [&str; 3] = ["query", "extensions", DOCUMENT_ID];

/// Whether `request` comes from somebody's browser and asks for no operation: a client of the API never names
/// `text/html`.
pub(super) fn is_asked(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    let asks = |name: &str| OPERATION.contains(&name);
    request.method() == Method::GET
        && accepted.any(|value| value.split(',').any(is_html))
        && single::token(request).is_none()
        && request
            .params::<Vec<(String, String)>>()
            .is_ok_and(|all| !all.iter().any(|(name, _)| asks(name)))
}

fn is_html(range: &str) -> bool {
    let essence = range.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/html")
}

/// The page.
pub(super) fn show() -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::VARY, "Accept")
        .body(PAGE)
}

#[cfg(test)]
mod tests {
    use super::{PAGE, is_asked};
    use poem::{
        Request,
        http::{Method, header},
    };

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn asked(method: Method, uri: &str, accept: &str) -> bool {
        let request = Request::builder().method(method).header(header::ACCEPT, accept);
        is_asked(&request.uri_str(uri).finish())
    }

    #[test]
    fn a_browser_that_asks_for_nothing_is_shown_it() {
        for accept in [BROWSER, "text/html", "TEXT/HTML;q=0.5"] {
            assert!(asked(Method::GET, "/graphql", accept), "{accept}");
            assert!(asked(Method::GET, "/graphql?from=mail", accept), "{accept}");
        }
        for (method, uri, accept) in [
            (Method::POST, "/graphql", BROWSER),
            (Method::GET, "/graphql?query=%7Ba%7D", BROWSER),
            (Method::GET, "/graphql?extensions=%7B%7D", BROWSER),
            (Method::GET, "/graphql?token=t", BROWSER),
            (Method::GET, "/graphql", "*/*"),
            (Method::GET, "/graphql", "application/json"),
            (Method::GET, "/graphql", "text/event-stream"),
        ] {
            assert!(!asked(method.clone(), uri, accept), "{method} {uri} {accept}");
        }
    }

    #[test]
    fn it_brings_nothing_from_elsewhere() {
        for mark in ["<script", "<link", "<img", "src=", "@import", "url("] {
            assert!(!PAGE.contains(mark), "{mark}");
        }
    }
}
