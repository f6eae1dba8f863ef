//! A refusal is data: a stable code, a sentence, and the input at fault.

use crate::code::UnknownCode;

/// Why a command was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<C> {
    /// A code to branch on.
    pub code: C,
    /// A sentence fit to show to a person.
    pub message: String,
    /// The path of the input at fault from the command's arguments; empty when no single input is.
    pub field: Vec<String>,
}

impl<C> Refusal<C> {
    /// A refusal that no single input is to blame for.
    pub fn new(code: C, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: Vec::new() }
    }

    /// A refusal of the input at `path`, its parts joined by dots: `input.steps.0.body`.
    pub fn at(code: C, path: &str, message: impl Into<String>) -> Self {
        let field = path.split('.').map(str::to_owned).collect();
        Self { code, message: message.into(), field }
    }
}

/// What a command came to: its result, or every reason it was refused.
pub type Outcome<T, C> = Result<T, Vec<Refusal<C>>>;

crate::codes! {
    /// Codes of refusals of campaign commands.
    pub enum CampaignError {
        /// There is no such campaign, or none the caller may see.
        NotFound = "not_found",
        /// An input is not acceptable.
        Invalid = "invalid",
        /// A required input is blank.
        Blank = "blank",
        /// An input is too long or has too many entries.
        TooLong = "too_long",
        /// There is no such audience on the site.
        AudienceNotFound = "audience_not_found",
        /// The key reaches several sites and none was named.
        SiteRequired = "site_required",
        /// The action is not allowed in the campaign's status.
        WrongStatus = "wrong_status",
        /// The campaign has changed since the revision named.
        StaleRevision = "stale_revision",
        /// The campaign has no message to send.
        NoSteps = "no_steps",
        /// The campaign has no audience.
        NoAudience = "no_audience",
        /// The time named has passed.
        TimePassed = "time_passed",
        /// The site is inactive.
        SiteInactive = "site_inactive",
        /// The site has no SMS subscription.
        SmsPlanMissing = "sms_plan_missing",
        /// The trial's sending limit is reached.
        TrialLimitReached = "trial_limit_reached",
        /// The site has no subdomain.
        SubdomainMissing = "subdomain_missing",
        /// The site has no sending number that is ready.
        SenderNotReady = "sender_not_ready",
        /// A text cannot be sent as written.
        ContentInvalid = "content_invalid",
        /// The campaign has no such step.
        StepNotFound = "step_not_found",
        /// A phone number is not a valid E.164 number.
        InvalidPhoneNumber = "invalid_phone_number",
        /// The same phone number is given twice.
        DuplicatePhoneNumber = "duplicate_phone_number",
        /// The number opted out of the site's texts.
        OptedOut = "opted_out",
        /// The idempotency key was used with another input.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// A call with the same idempotency key is still running.
        IdempotencyKeyInUse = "idempotency_key_in_use",
    }
}

crate::codes! {
    /// Codes of refusals of audience commands.
    pub enum AudienceError {
        /// There is no such audience or site, or none the caller may see.
        NotFound = "not_found",
        /// An input is not acceptable.
        Invalid = "invalid",
        /// A required input is blank.
        Blank = "blank",
        /// An input is too long or has too many entries.
        TooLong = "too_long",
        /// The name is taken.
        NameTaken = "name_taken",
        /// The key reaches several sites and none was named.
        SiteRequired = "site_required",
        /// The idempotency key was used with another input.
        IdempotencyKeyReused = "idempotency_key_reused",
    }
}

crate::codes! {
    /// Codes of refusals of subscriber commands.
    pub enum SubscriberError {
        /// There is no such subscriber or site, or none the caller may see.
        NotFound = "not_found",
        /// An input is not acceptable.
        Invalid = "invalid",
        /// The phone number is not a valid E.164 number.
        InvalidPhoneNumber = "invalid_phone_number",
        /// The same phone number is given twice.
        DuplicatePhoneNumber = "duplicate_phone_number",
        /// Too many subscribers in one call.
        TooMany = "too_many",
        /// The key reaches several sites and none was named.
        SiteRequired = "site_required",
    }
}

crate::codes! {
    /// Codes of refusals of site commands.
    pub enum SiteError {
        /// There is no such site, or none the caller may see.
        NotFound = "not_found",
        /// An input is not acceptable.
        Invalid = "invalid",
        /// A required input is blank.
        Blank = "blank",
        /// An input is too long or has too many entries.
        TooLong = "too_long",
        /// The subdomain is another site's.
        SubdomainTaken = "subdomain_taken",
        /// The idempotency key was used with another input.
        IdempotencyKeyReused = "idempotency_key_reused",
    }
}

/// A stored code that this version does not know is a fault of ours, never the caller's.
pub type CodeResult<T> = Result<T, UnknownCode>;
