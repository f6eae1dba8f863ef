//! User errors: what a person can put right. They are the service's refusals.

use async_graphql::{Enum, Interface, Object};
use domain::refusal::{AudienceError, CampaignError, Refusal, SiteError, SubscriberError};

/// A problem the caller can act on, caused by the input or by the state of the object.
#[derive(Interface)]
#[graphql(
    field(
        name = "message",
        ty = "String",
        desc = "A sentence fit to show to a person, in English."
    ),
    field(
        name = "field",
        ty = "Option<Vec<String>>",
        desc = "The path of the offending input from the mutation's arguments, such as \
                `[\"input\", \"steps\", \"1\", \"body\"]`. Null when no single input is at fault."
    )
)]
pub(crate) enum UserError {
    /// A problem with a campaign mutation.
    Campaign(CampaignUserError),
    /// A problem with an audience mutation.
    Audience(AudienceUserError),
    /// A problem with a subscriber mutation.
    Subscriber(SubscriberUserError),
    /// A problem with a site mutation.
    Site(SiteUserError),
}

/// Declares the user error of an area over its refusals.
macro_rules! user_error {
    ($(#[$doc:meta])* $name:ident, $code:ident, $refusal:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name(Refusal<$refusal>);

        impl From<Refusal<$refusal>> for $name {
            fn from(refusal: Refusal<$refusal>) -> Self {
                Self(refusal)
            }
        }

        $(#[$doc])*
        #[Object]
        impl $name {
            /// A code to branch on.
            fn code(&self) -> $code {
                self.0.code.into()
            }

            /// A sentence fit to show to a person.
            pub(crate) async fn message(&self) -> String {
                self.0.message.clone()
            }

            /// The path of the offending input, if a single one is at fault.
            pub(crate) async fn field(&self) -> Option<Vec<String>> {
                (!self.0.field.is_empty()).then(|| self.0.field.clone())
            }
        }
    };
}

user_error! {
    /// A problem with a campaign mutation.
    CampaignUserError, CampaignErrorCode, CampaignError
}
user_error! {
    /// A problem with an audience mutation.
    AudienceUserError, AudienceErrorCode, AudienceError
}
user_error! {
    /// A problem with a subscriber mutation.
    SubscriberUserError, SubscriberErrorCode, SubscriberError
}
user_error! {
    /// A problem with a site mutation.
    SiteUserError, SiteErrorCode, SiteError
}

/// Codes of `CampaignUserError`. More may be added: treat one you do not know as `INVALID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::refusal::CampaignError")]
pub(crate) enum CampaignErrorCode {
    /// There is no such campaign, or none the caller may see.
    NotFound,
    /// An input is not acceptable.
    Invalid,
    /// A required input is blank.
    Blank,
    /// An input is too long or has too many entries.
    TooLong,
    /// There is no such audience on the site.
    AudienceNotFound,
    /// The key reaches several sites and none was named.
    SiteRequired,
    /// The action is not allowed in the campaign's status. See `allowedActions`.
    WrongStatus,
    /// The campaign has changed since the revision named.
    StaleRevision,
    /// The campaign has no message to send.
    NoSteps,
    /// The campaign has no audience.
    NoAudience,
    /// The time named has passed, in every time zone it applies to.
    TimePassed,
    /// The site is inactive.
    SiteInactive,
    /// The site has no SMS subscription.
    SmsPlanMissing,
    /// The trial's sending limit is reached.
    TrialLimitReached,
    /// The site has no subdomain.
    SubdomainMissing,
    /// The site has no sending number that is ready.
    SenderNotReady,
    /// A text cannot be sent as written: with its variables filled it is empty or too long.
    ContentInvalid,
    /// The campaign has no such step.
    StepNotFound,
    /// The phone number is not a valid E.164 number.
    InvalidPhoneNumber,
    /// The same phone number is given twice.
    DuplicatePhoneNumber,
    /// The number opted out of the site's texts.
    OptedOut,
    /// The idempotency key was used with another input.
    IdempotencyKeyReused,
    /// A call with the same idempotency key is still running. Retry shortly.
    IdempotencyKeyInUse,
}

/// Codes of `AudienceUserError`. More may be added: treat one you do not know as `INVALID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::refusal::AudienceError")]
pub(crate) enum AudienceErrorCode {
    /// There is no such audience, or none the caller may see.
    NotFound,
    /// An input is not acceptable.
    Invalid,
    /// A required input is blank.
    Blank,
    /// An input is too long or has too many entries.
    TooLong,
    /// The name is taken.
    NameTaken,
    /// The key reaches several sites and none was named.
    SiteRequired,
    /// The idempotency key was used with another input.
    IdempotencyKeyReused,
}

/// Codes of `SubscriberUserError`. More may be added: treat one you do not know as `INVALID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::refusal::SubscriberError")]
pub(crate) enum SubscriberErrorCode {
    /// There is no such subscriber, or none the caller may see.
    NotFound,
    /// An input is not acceptable.
    Invalid,
    /// The phone number is not a valid E.164 number.
    InvalidPhoneNumber,
    /// The same phone number is given twice.
    DuplicatePhoneNumber,
    /// Too many subscribers in one call.
    TooMany,
    /// The key reaches several sites and none was named.
    SiteRequired,
}

/// Codes of `SiteUserError`. More may be added: treat one you do not know as `INVALID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::refusal::SiteError")]
pub(crate) enum SiteErrorCode {
    /// There is no such site, or none the caller may see.
    NotFound,
    /// An input is not acceptable.
    Invalid,
    /// A required input is blank.
    Blank,
    /// An input is too long or has too many entries.
    TooLong,
    /// The subdomain is taken.
    SubdomainTaken,
    /// The idempotency key was used with another input.
    IdempotencyKeyReused,
}
