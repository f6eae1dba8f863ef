//! Refusals on the wire: RFC 9457 problems with a code and a scope, and the codes the scripted
//! aggregator knows.

use serde::{Deserialize, Deserializer, Serialize};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a problem is about: whom it would meet again if the same were tried.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This recipient, whatever is sent.
    Recipient,
    /// This message, whoever receives it.
    Message,
    /// This sender.
    Sender,
    /// Everything from this account.
    Account,
    /// Everybody.
    Service,
}

/// The body of a refusal.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// A line for people, the same for every such problem.
    pub title: String,
    /// A line about this occurrence.
    pub detail: String,
    /// The code to branch on.
    pub code: String,
    /// Whom it is about.
    pub scope: Scope,
}

/// A code the scripted aggregator can answer with, and how it answers then.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whom it is about.
    pub scope: Scope,
    /// The title.
    pub title: &'static str,
    /// `Retry-After`, in seconds.
    pub retry_after_s: Option<u32>,
}

impl Code {
    /// The code of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        CODES.iter().find(|code| code.name == name)
    }

    /// The problem this code is answered with.
    pub fn problem(&self, detail: &str) -> Problem {
        Problem {
            kind: format!("urn:sendoff:problem:{}", self.name),
            title: self.title.to_owned(),
            detail: detail.to_owned(),
            code: self.name.to_owned(),
            scope: self.scope,
        }
    }
}

const fn code(name: &'static str, status: u16, scope: Scope, title: &'static str) -> Code {
    Code { name, status, scope, title, retry_after_s: None }
}

const fn wait(name: &'static str, status: u16, scope: Scope, title: &'static str, s: u32) -> Code {
    Code { name, status, scope, title, retry_after_s: Some(s) }
}

/// The credentials are wrong.
pub static AUTH_FAILED: Code = code("AuthFailed", 401, Scope::Account, "The token is not known.");
/// The request is not what the contract says.
pub static INVALID_REQUEST: Code =
    code("InvalidRequest", 400, Scope::Message, "The request cannot be read.");
/// The recipient is not a phone number.
pub static INVALID_NUMBER: Code =
    code("InvalidNumber", 422, Scope::Recipient, "This is not a valid mobile number.");
/// The message is empty.
pub static CONTENT_REJECTED: Code =
    code("ContentRejected", 422, Scope::Message, "The content is refused.");
/// The body is too long.
pub static TOO_LARGE: Code = code("TooLarge", 413, Scope::Message, "The request is too large.");
/// The last instant of delivery has passed.
pub static EXPIRED: Code =
    code("ExpiredInQueue", 422, Scope::Message, "The message expired before it was accepted.");
/// The key was used with other bytes.
pub static IDEMPOTENCY_MISMATCH: Code =
    code("IdempotencyMismatch", 422, Scope::Message, "The key was used for another request.");
/// A setting is wrong.
pub static MISCONFIGURED: Code =
    code("Misconfigured", 422, Scope::Account, "The account's settings are wrong.");
/// There is nothing at this address.
pub static NOT_FOUND: Code = code("NotFound", 404, Scope::Account, "There is nothing here.");
/// The address knows no such method.
pub static METHOD_NOT_ALLOWED: Code =
    code("MethodNotAllowed", 405, Scope::Account, "The method is not allowed here.");

/// Every code a script may name as `respond: { error: … }`.
pub static CODES: &[Code] = &[
    code("InvalidNumber", 422, Scope::Recipient, "This is not a valid mobile number."),
    code("Landline", 422, Scope::Recipient, "This number cannot receive texts."),
    code("UnknownSubscriber", 422, Scope::Recipient, "The number is not in service."),
    code("Unreachable", 422, Scope::Recipient, "The phone cannot be reached."),
    code("OptedOut", 422, Scope::Recipient, "The recipient has opted out."),
    code("BlockedByRecipientOrCarrier", 422, Scope::Recipient, "The recipient is blocked."),
    code("RegionNotAllowed", 422, Scope::Recipient, "Texting this region is not enabled."),
    code("SpamFiltered", 422, Scope::Message, "The message was filtered as spam."),
    code("ContentRejected", 422, Scope::Message, "The content is refused."),
    code("TooLarge", 413, Scope::Message, "The message is too large."),
    code("MediaUnavailable", 422, Scope::Message, "A picture could not be fetched."),
    code("ExpiredInQueue", 422, Scope::Message, "The message expired before it was accepted."),
    code("InvalidRequest", 400, Scope::Message, "The request cannot be read."),
    code("IdempotencyMismatch", 422, Scope::Message, "The key was used for another request."),
    code("SenderNotVerified", 403, Scope::Sender, "The sender is not verified."),
    code("SenderInvalid", 422, Scope::Sender, "The sender cannot be used."),
    code("SenderBlocked", 403, Scope::Sender, "The sender is blocked."),
    wait("RateLimited", 429, Scope::Sender, "Too many messages a second.", 1),
    wait("QueueFull", 429, Scope::Account, "The queue is full.", 30),
    code("AuthFailed", 401, Scope::Account, "The token is not known."),
    code("AccountSuspended", 403, Scope::Account, "The account is suspended."),
    code("OutOfFunds", 402, Scope::Account, "The account has no funds."),
    code("SpendLimit", 402, Scope::Account, "The account's spending limit is reached."),
    code("Misconfigured", 422, Scope::Account, "The account's settings are wrong."),
    code("CarrierError", 502, Scope::Service, "The carrier failed."),
    code("ProviderError", 500, Scope::Service, "The aggregator failed."),
    wait("ServiceUnavailable", 503, Scope::Service, "The aggregator is unavailable.", 5),
];

/// A code named in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptedCode(pub &'static Code);

impl<'de> Deserialize<'de> for ScriptedCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::scenario::text(deserializer, "an error code", |name| {
            Code::find(name).map(Self).ok_or_else(|| {
                let known: Vec<&str> = CODES.iter().map(|code| code.name).collect();
                let known = known.join(", ");
                format!("unknown code `{name}`, expected one of {known}; any other goes in `json`")
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_codes_are_in_the_table_as_they_stand() {
        for named in [&AUTH_FAILED, &INVALID_REQUEST, &INVALID_NUMBER, &CONTENT_REJECTED, &EXPIRED]
        {
            assert_eq!(Code::find(named.name), Some(named));
        }
        for named in [&IDEMPOTENCY_MISMATCH, &MISCONFIGURED] {
            assert_eq!(Code::find(named.name), Some(named));
        }
    }

    #[test]
    fn every_code_is_there_once() {
        for code in CODES {
            assert_eq!(CODES.iter().filter(|other| other.name == code.name).count(), 1);
        }
    }

    #[test]
    fn a_problem_carries_code_and_scope() {
        let problem = AUTH_FAILED.problem("no token");
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["code"], "AuthFailed");
        assert_eq!(json["scope"], "account");
        assert_eq!(json["type"], "urn:sendoff:problem:AuthFailed");
    }
}
