//! The forms that texts in the configuration take: URLs, addresses, tokens. Pure tests of one text.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tracing_subscriber::filter::Targets;

/// Not blank.
pub(super) fn is_filled(text: &str) -> bool {
    !text.trim().is_empty()
}

/// An IP address and a port.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok()
}

/// Scheme, then an authority, then perhaps a path. The client parses it for good; this is for clear
/// words at the start.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let has_host = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        has_host && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@'))
    })
}

/// A URL that ends with its authority, as browsers write origins.
pub(super) fn is_origin(text: &str) -> bool {
    is_url(text) && text.matches('/').count() == 2
}

/// A URL of a database that we have a driver for.
pub(super) fn is_database_url(text: &str) -> bool {
    ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| text.starts_with(scheme))
}

/// Levels and targets, as the log's filter reads them.
pub(super) fn is_filter(text: &str) -> bool {
    is_filled(text) && text.parse::<Targets>().is_ok()
}

/// What an `Authorization` header can carry.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

/// What [`is_metrics_token`] takes, in words.
pub(super) const METRICS_TOKEN: &str = "16 or more visible ASCII characters";
/// Characters of a token that nobody guesses.
const METRICS_TOKEN_CHARS_MIN: usize = 16;

/// Whether it can be the token that opens the metrics.
pub(super) fn is_metrics_token(text: &str) -> bool {
    is_token(text) && text.len() >= METRICS_TOKEN_CHARS_MIN
}

/// What [`is_webhook_secret`] takes, in words.
pub const WEBHOOK_SECRET: &str = "`whsec_` followed by the base64 of 24 to 64 bytes";
/// Bytes of a key that receipts are signed with, as Standard Webhooks has them.
const WEBHOOK_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A Standard Webhooks secret in its usual spelling.
pub fn is_webhook_secret(text: &str) -> bool {
    let key = text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    key.is_some_and(|key| WEBHOOK_KEY_BYTES.contains(&key.len()))
}
