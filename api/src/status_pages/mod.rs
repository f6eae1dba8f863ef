//! Status pages that speak the Statuspage format: `GET {page}/api/v2/summary.json`.
//!
//! **Invariant:** whatever a page answers, it is read in bounded time and memory, and a redirect never leads
//! to another host or off TLS.

mod summary;

use crate::ports::{Fetched, PageFailure, StatusPages};
use async_trait::async_trait;
use reqwest::{
    Client, StatusCode, Url, header,
    redirect::{Attempt, Policy},
};
use std::time::Duration;

/// Where a page tells machines what it tells people.
const SUMMARY_PATH: &str = "/api/v2/summary.json";
/// How long a page has to answer, connection and body included.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read. The longest known pages have a tenth of that.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Redirects followed, all on the page's own host.
const REDIRECTS_MAX: usize = 3;
/// Characters of an `ETag`; a longer one is not kept, and the page is read whole each time.
const ETAG_CHARS_MAX: usize = 255;

/// A reader of status pages.
#[derive(Clone, Debug)]
pub struct Statuspage {
    client: Client,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client of the status pages could not be set up")]
pub struct Unusable(#[from] reqwest::Error);

impl Statuspage {
    /// A reader with connections of its own. No proxy is asked.
    pub fn new() -> Result<Self, Unusable> {
        let client = Client::builder()
            .redirect(Policy::custom(|attempt| {
                let is_followed = is_followed(&attempt);
                if is_followed { attempt.follow() } else { attempt.stop() }
            }))
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(FETCH_TIMEOUT)
            .build()?;
        Ok(Self { client })
    }

    async fn read(&self, page: &str, etag: Option<&str>) -> Result<Fetched, PageFailure> {
        let url = summary_url(page).ok_or(PageFailure::Address)?;
        let mut request = self.client.get(url).header(header::ACCEPT, "application/json");
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let answer = request.send().await.map_err(|_shows_the_url| PageFailure::Unreachable)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Fetched::Unchanged),
            status => return Err(PageFailure::Status(status.as_u16())),
        }
        let etag = answer.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
        let etag = etag.filter(|etag| etag.len() <= ETAG_CHARS_MAX).map(str::to_owned);
        let body = bounded(answer).await?;
        let report = summary::read(&body).ok_or(PageFailure::Unreadable)?;
        Ok(Fetched::Page { report, etag })
    }
}

#[async_trait]
impl StatusPages for Statuspage {
    async fn fetch(&self, page: &str, etag: Option<&str>) -> Fetched {
        self.read(page, etag).await.unwrap_or_else(Fetched::Failed)
    }
}

/// The URL of a page's summary; none for what is no http or https URL.
fn summary_url(page: &str) -> Option<Url> {
    let url = Url::parse(&format!("{}{SUMMARY_PATH}", page.trim_end_matches('/'))).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    (is_web && url.has_host() && url.username().is_empty() && url.query().is_none()).then_some(url)
}

/// Whether a redirect stays where the page was asked for: on its host, and on TLS if it began there.
fn is_followed(attempt: &Attempt<'_>) -> bool {
    let Some(asked) = attempt.previous().first() else { return false };
    attempt.previous().len() <= REDIRECTS_MAX && stays(asked, attempt.url())
}

fn stays(asked: &Url, next: &Url) -> bool {
    let is_upgrade = asked.scheme() == "http" && next.scheme() == "https";
    let is_same_door = asked.scheme() == next.scheme()
        && asked.port_or_known_default() == next.port_or_known_default();
    asked.host() == next.host() && (is_upgrade || is_same_door)
}

/// The body, unless it is longer than any page's.
async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, PageFailure> {
    let mut body = Vec::new();
    while let Some(chunk) =
        answer.chunk().await.map_err(|_shows_the_url| PageFailure::Unreachable)?
    {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(PageFailure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_asked() {
        let summary = |page| summary_url(page).map(|url| url.to_string());
        let expected = Some("https://status.example.com/api/v2/summary.json".to_owned());
        assert_eq!(summary("https://status.example.com"), expected);
        assert_eq!(summary("https://status.example.com/"), expected);
        for bad in ["", "file:///etc/passwd", "ftp://x", "status.example.com", "https://u@x"] {
            assert_eq!(summary(bad), None, "{bad}");
        }
        assert_eq!(summary("https://x/?next="), None, "the path would end up in the query");
    }

    #[test]
    fn a_redirect_stays_on_its_host() {
        let stays =
            |asked: &str, next: &str| stays(&asked.parse().unwrap(), &next.parse().unwrap());
        assert!(stays("https://a.example/x", "https://a.example/y"));
        assert!(stays("http://a.example/x", "https://a.example/x"));
        assert!(!stays("https://a.example/x", "http://a.example/x"));
        assert!(!stays("https://a.example/x", "https://b.example/x"));
        assert!(!stays("https://a.example/x", "https://a.example:8443/x"));
        assert!(!stays("http://10.0.0.1/x", "http://10.0.0.1:9000/x"));
    }
}
