//! Who calls, and what answers: what every resolver begins with.
//!
//! **Invariant:** a resolver reaches the service only through a [`Caller`], so that nothing is
//! answered to nobody.

use super::{
    enums::Scope,
    error::{self, code},
};
use crate::service::{Actor, Fault, Service};
use async_graphql::{Context, Error, Result};
use std::{any::Any, error::Error as StdError, str::FromStr};
use uuid::Uuid;

/// The id of the request, for its errors and the log. The HTTP layer puts it into the request's
/// data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// The caller of one request, and the service that answers it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Who calls.
    pub(super) actor: Actor,
    /// What answers.
    pub(super) service: Service,
    request_id: Option<RequestId>,
}

impl Caller {
    /// The caller, with no scope asked of them.
    pub(super) fn of(ctx: &Context<'_>) -> Result<Self> {
        let actor = actor(ctx)?.clone();
        let service = wired::<Service>(ctx)?.clone();
        Ok(Self { actor, service, request_id: ctx.data_opt::<RequestId>().cloned() })
    }

    /// The caller, if their role grants `scope`.
    pub(super) fn with(ctx: &Context<'_>, scope: Scope) -> Result<Self> {
        require(actor(ctx)?, scope)?;
        Self::of(ctx)
    }

    /// The error that stands for `fault`, which is logged.
    pub(super) fn internal(&self, fault: &dyn StdError) -> Error {
        let request_id = match &self.request_id {
            Some(RequestId(id)) => id.clone(),
            None => self.service.ids.next::<Uuid>().simple().to_string(),
        };
        error::internal(&request_id, fault)
    }
}

/// What the service answered, or the error that stands for its fault.
pub(super) trait Answered<T> {
    /// The answer, or the error to tell `caller`.
    fn or_internal(self, caller: &Caller) -> Result<T>;
}

impl<T> Answered<T> for Result<T, Fault> {
    fn or_internal(self, caller: &Caller) -> Result<T> {
        self.map_err(|fault| caller.internal(&fault))
    }
}

/// What the schema was built with.
pub(super) fn wired<'a, T: Any + Send + Sync>(ctx: &Context<'a>) -> Result<&'a T> {
    ctx.data_opt()
        .ok_or_else(|| error::coded(code::INTERNAL, "The schema has no service behind it."))
}

/// Who calls.
fn actor<'a>(ctx: &Context<'a>) -> Result<&'a Actor> {
    ctx.data_opt::<Actor>().ok_or_else(|| {
        error::coded(code::UNAUTHENTICATED, "A valid API key is needed, as a bearer token.")
    })
}

fn require(actor: &Actor, scope: Scope) -> Result<()> {
    if actor.may(scope.into()) {
        return Ok(());
    }
    let scope = async_graphql::Value::from(scope);
    // A key and a token have their scopes alike, from a role.
    let message = format!("The caller's role does not grant the scope {scope}.");
    Err(error::coded(code::FORBIDDEN, message))
}

/// The id that `text` is; none for a text that is no id of the kind, which is to be answered like a
/// missing one.
pub(super) fn id<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The id that `text` is, or one that nothing has: for an id that may also be left out.
pub(super) fn id_or_nobody<T: FromStr + From<Uuid>>(text: &str) -> T {
    id(text).unwrap_or_else(|| Uuid::nil().into())
}
