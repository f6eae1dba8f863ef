//! The figures for Prometheus.
//!
//! **Invariant:** without a token that is set up, nobody reads them: where callers come from proves nothing
//! behind a proxy.
//! **Invariant:** the token is compared in constant time.

use super::auth::bearer;
use crate::{service::Service, vitals::Vitals};
use poem::{Request, Response, handler, http::StatusCode, http::header, web::Data};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Prometheus's text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What opens the figures: the digest of the token, so that its length is not told either.
#[derive(Clone)]
pub(super) struct Token(Option<[u8; 32]>);

impl Token {
    /// The one that is set up, if one is.
    pub(super) fn new(token: Option<SecretString>) -> Self {
        Self(token.map(|token| Sha256::digest(token.expose_secret()).into()))
    }

    /// Whether somebody holds it; none if there is none to hold.
    fn is_held(&self, request: &Request) -> Option<bool> {
        let token = self.0?;
        let given = request.header(header::AUTHORIZATION).and_then(bearer).unwrap_or_default();
        let given: [u8; 32] = Sha256::digest(given).into();
        Some(given.ct_eq(&token).into())
    }
}

/// The figures, for whoever holds the token.
#[handler]
pub(super) async fn metrics(
    request: &Request,
    service: Data<&Service>,
    vitals: Data<&Vitals>,
    token: Data<&Token>,
) -> Response {
    match token.is_held(request) {
        None => return Response::builder().status(StatusCode::NOT_FOUND).finish(),
        Some(false) => {
            return Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .header(header::WWW_AUTHENTICATE, "Bearer")
                .finish();
        }
        Some(true) => {}
    }
    let tables = service.table_figures().await.unwrap_or_else(|fault| {
        let causes = crate::causes::chain(&fault);
        tracing::warn!(error = %fault, causes, "what waits could not be read for the metrics");
        None
    });
    match vitals.metrics().text(tables.as_ref()) {
        Ok(text) => Response::builder().content_type(CONTENT_TYPE).body(text),
        Err(fault) => {
            let causes = crate::causes::chain(&fault);
            tracing::error!(error = %fault, causes, "the metrics could not be written");
            Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish()
        }
    }
}
