//! `URL`: where a picture is fetched from.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};

/// An absolute http or https URL, kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) String);

/// Whether `text` may stand in a URL: printable ASCII without the characters RFC 3986 leaves out.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte))
}

/// Whether `authority` is a host, perhaps with a port; a user name or password is refused.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = !host.is_empty()
        && host.split('.').all(|label| !label.is_empty())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (is_address || is_name) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

impl TextScalar for Url {
    const NAME: &'static str = "URL";
    const EXPECTED: &'static str =
        "an absolute http or https URL, such as https://example.com/picture.jpg";

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_web = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        (is_web && is_plain(rest) && is_authority(authority)).then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// An absolute http or https URL.
#[Scalar(name = "URL", specified_by_url = "https://scalars.graphql.org/chillicream/url.html")]
impl ScalarType for Url {
    as_text!();
}

#[cfg(test)]
mod tests {
    use super::{TextScalar, Url};

    #[test]
    fn only_absolute_web_addresses_are_taken() {
        for good in [
            "https://example.com",
            "HTTP://example.com:8080/a/b.jpg?x=1&y=[2]#top",
            "https://[2001:db8::1]/p",
            "https://[2001:db8::1]:443/p",
            "http://127.0.0.1:9/p%20q",
        ] {
            assert!(Url::read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "example.com/a.jpg",
            "/a.jpg",
            "ftp://example.com/a",
            "javascript://x",
            "https://",
            "https:///a",
            "https://user:secret@example.com/",
            "https://example.com:port/",
            "https://example..com/",
            "https://example.com/a b",
            "https://example.com/\u{e9}",
            "https://[::1",
        ] {
            assert_eq!(Url::read(bad), None, "{bad}");
        }
    }
}
