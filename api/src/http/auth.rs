//! Who calls: the port through which the transports ask, and the reading of `Authorization`.
//!
//! **Invariant:** a token is never written to a log, an error or an answer.
use crate::tokens::Flaw;
use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;

/// Finds out who calls, from the bearer token.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Whom the resolvers see: it is put into the request's data.
    type Caller: Clone + Send + Sync + 'static;

    /// The caller that holds `bearer`, the bare token without its scheme. `None` when the request
    /// carries none. Asked anew for each operation, so that a revoked token begins nothing more.
    async fn authenticate(&self, bearer: Option<&str>) -> Result<Self::Caller, AuthRefusal>;

    /// The account of the caller: what is open and what is asked is counted by it.
    fn account(&self, caller: &Self::Caller) -> Uuid;

    /// Whether `now` may do and reach exactly what `before` could. What runs on a socket began
    /// under what its caller could reach then, and ends when that changes.
    fn same(&self, before: &Self::Caller, now: &Self::Caller) -> bool;
}

#[async_trait]
impl<T: Authenticator> Authenticator for Arc<T> {
    type Caller = T::Caller;

    async fn authenticate(&self, bearer: Option<&str>) -> Result<Self::Caller, AuthRefusal> {
        T::authenticate(self, bearer).await
    }

    fn account(&self, caller: &T::Caller) -> Uuid {
        T::account(self, caller)
    }

    fn same(&self, before: &T::Caller, now: &T::Caller) -> bool {
        T::same(self, before, now)
    }
}

/// Why nobody was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthRefusal {
    /// The request carries no bearer token.
    #[error("no bearer token was given")]
    Missing,
    /// The token is unknown, expired or revoked; which of these is not told.
    #[error("the bearer token is not valid")]
    Invalid,
    /// The token has the form of a signed one and is not taken.
    #[error("the signed token is not taken")]
    Token(Flaw),
    /// Nobody could be asked: the database did not answer. The caller may try again.
    #[error("the bearer token could not be checked")]
    Unavailable,
}

/// The token of an `Authorization: Bearer <token>` value; `None` for another scheme or no token.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn reads_the_bearer_scheme_only() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("  bearer   abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
        assert_eq!(bearer("Bearer  "), None);
        assert_eq!(bearer(""), None);
    }
}
