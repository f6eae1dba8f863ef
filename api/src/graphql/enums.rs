//! The closed sets of names of the schema, each the domain's own set.
//!
//! **Invariant:** a set has the domain's variants, no more and no fewer: the derive would not
//! compile.

use async_graphql::Enum;

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::access::Scope")]
pub(crate) enum Scope {
    /// Read sites and their settings.
    SiteRead,
    /// Change a site's settings.
    SiteWrite,
    /// Read campaigns, progress and events.
    CampaignRead,
    /// Create, edit, duplicate and delete campaigns.
    CampaignWrite,
    /// Activate and cancel campaigns: the scope that spends money.
    CampaignSend,
    /// Read the message ledger.
    MessageRead,
    /// Read subscribers and audiences, phone numbers masked.
    SubscriberRead,
    /// Read whole phone numbers.
    SubscriberPii,
    /// Add, change and unsubscribe subscribers, and change audiences.
    SubscriberWrite,
    /// Create and revoke API keys.
    ApiKeyWrite,
    /// Read who did what: `Site.auditEntries`.
    AuditRead,
    /// Read how the service itself is doing, which tells nothing of a site.
    OperatorRead,
}

/// A named bundle of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::access::Role")]
pub(crate) enum Role {
    /// Every `READ` scope.
    Viewer,
    /// `VIEWER`, with campaign and subscriber writes.
    Editor,
    /// `EDITOR`, with activation and cancellation.
    Sender,
    /// Everything.
    Admin,
}

/// Kinds of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::event::ActorKind")]
pub(crate) enum ActorKind {
    /// An API key.
    ApiKey,
    /// The subject of a token that another service signed.
    Token,
    /// The sending engine.
    Engine,
    /// Whoever runs the service, by `sendoff admin`.
    Operator,
}

/// Settings of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::setting::SiteSetting")]
pub(crate) enum SiteSetting {
    /// Its name.
    Name,
    /// Its time zone.
    TimeZone,
    /// The subdomain that short links are served from.
    Subdomain,
    /// Whether it may operate.
    Status,
    /// The state of its subscription.
    SmsPlan,
    /// Segments a trial may send.
    TrialLimit,
    /// What a segment costs.
    SegmentPrice,
    /// When subscribers must not be texted.
    QuietHours,
    /// The packs of legal rules that apply.
    RulePacks,
    /// How often one subscriber may be texted.
    SmartSending,
    /// The countries whose numbers are texted.
    Countries,
    /// What stands before every text.
    TextPrefix,
    /// What stands below every text.
    TextFooter,
    /// The site's own answer to `HELP`.
    HelpReply,
}

/// Whether a site may operate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::site::SiteStatus")]
pub(crate) enum SiteStatus {
    /// The site may operate.
    Active,
    /// The site is closed. Its campaigns fail with `SITE_INACTIVE`.
    Inactive,
}

/// States of an SMS subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::site::SmsPlanStatus")]
pub(crate) enum SmsPlanStatus {
    /// There is none. Campaigns fail with `SMS_PLAN_MISSING`.
    None,
    /// A trial with a sending limit.
    Trial,
    /// A paid subscription.
    Active,
}

/// Whether a subscriber consents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::subscriber::SubscriberStatus")]
pub(crate) enum SubscriberStatus {
    /// Consents.
    Subscribed,
    /// Has withdrawn consent.
    Unsubscribed,
    /// Cannot be reached, by verdict of a carrier.
    Unreachable,
}

/// Kinds of entry in the log of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::consent::ConsentKind")]
pub(crate) enum ConsentEntryKind {
    /// Consent was given: the person texted `START`, or a caller gave account of it.
    OptedIn,
    /// Consent was withdrawn.
    OptedOut,
    /// The person wrote what may be a wish to opt out. Nothing is sent until it is cleared.
    Suspected,
    /// A caller looked at those words and found no such wish.
    Cleared,
    /// The person asked for help and was answered.
    Help,
    /// A carrier declared the number unreachable.
    Unreachable,
    /// The number turned out to be reachable after all.
    Reachable,
}

/// Where an entry in the log of consent comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::consent::ConsentSource")]
pub(crate) enum ConsentSource {
    /// A text from the phone itself.
    InboundText,
    /// A caller of the API.
    Api,
    /// An aggregator's answer or receipt.
    Aggregator,
}

/// How a subscriber's time zones are known, the best source first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::place::TimeZoneSource")]
pub(crate) enum TimeZoneSource {
    /// The time zone was given.
    Explicit,
    /// It was seen, such as by a browser.
    Observed,
    /// The postal code tells them, of the United States or Canada.
    PostalCode,
    /// The area code or the country of the phone number tells them.
    PhonePrefix,
    /// Nothing does, so the site's own is used.
    Site,
}

/// How sure a subscriber's time zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::place::Confidence")]
pub(crate) enum TimeZoneConfidence {
    /// It was given, or the postal code lies in a single zone.
    High,
    /// It was seen, or the area of the phone number lies in a single zone.
    Medium,
    /// It is one of several, or the site's own.
    Low,
}

/// Statuses of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::campaign::CampaignStatus")]
pub(crate) enum CampaignStatus {
    /// Saved and not activated. Can be edited.
    Draft,
    /// Activated, and will start at its scheduled time. Cancel it to make it a draft again.
    Scheduled,
    /// Recipients are being worked out: checked, deferred or skipped. Locked from editing.
    Processing,
    /// Messages are being handed over.
    Sending,
    /// Every message fit to send has been queued. Not all are delivered yet, and none can be
    /// stopped.
    Sent,
    /// It could not run. See `statusReason`.
    Failed,
    /// Stopped for good. Duplicate it to try again.
    Canceled,
}

/// Reasons for a status. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::reason::StatusReason")]
pub(crate) enum CampaignStatusReasonCode {
    /// `DRAFT`: its schedule was canceled.
    ScheduleCanceled,
    /// `CANCELED`: a caller canceled it.
    CanceledByCaller,
    /// `SENT`: everybody in its audiences was skipped.
    NothingToSend,
    /// `FAILED`: the site is inactive.
    SiteInactive,
    /// `FAILED`: the site has no SMS subscription.
    SmsPlanMissing,
    /// `FAILED`: the trial's sending limit was reached.
    TrialLimitReached,
    /// `FAILED`: the site has no subdomain.
    SubdomainMissing,
    /// `FAILED`: its audiences have no members.
    AudienceEmpty,
    /// `FAILED`: a message cannot be rendered or is too long.
    ContentInvalid,
    /// `FAILED`: the sending number is not registered or is suspended.
    SenderNotReady,
    /// `FAILED`: the aggregator refuses the account.
    AggregatorAccountRejected,
    /// `FAILED`: the engine was down at the scheduled time and came back too late.
    ScheduleMissed,
    /// `FAILED`: the engine could not go on. The log has the details.
    InternalError,
}

/// What can be done to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::campaign::CampaignAction")]
pub(crate) enum CampaignAction {
    /// Change its content, audiences or settings.
    Edit,
    /// Start or schedule it.
    Activate,
    /// Move its scheduled time.
    Reschedule,
    /// Hold what is left to hand over.
    Pause,
    /// Let it go on.
    Resume,
    /// Stop it.
    Cancel,
    /// Copy it to a new draft.
    Duplicate,
    /// Remove it.
    Delete,
}

/// How send times are worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::schedule::SendingMode")]
pub(crate) enum SendingMode {
    /// As soon as the campaign is activated.
    Immediate,
    /// To everybody at once, at a time in the store's zone.
    StoreTime,
    /// To each subscriber at that time in their own zone.
    SubscriberTime,
}

/// What to do where a chosen local time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::schedule::PassedTimePolicy")]
pub(crate) enum PassedTimePolicy {
    /// Send at once, quiet hours permitting.
    SendNow,
    /// Send at that time the next day.
    NextDay,
    /// Skip.
    Skip,
}

/// When a follow-up is sent to a recipient whose delay has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::campaign::StepCondition")]
pub(crate) enum MessageStepCondition {
    /// In any case.
    Always,
    /// Unless they have written since the message before it.
    NoReply,
    /// Unless the message before it was delivered.
    NotDelivered,
}

/// Kinds of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum MessageStepKind {
    /// The message that opens the campaign.
    Initial,
    /// A message that follows another.
    FollowUp,
}

/// Kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum MessageChannel {
    /// Text.
    Sms,
    /// Text with a picture.
    Mms,
}

/// Encodings of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::text::SmsEncoding")]
pub(crate) enum SmsEncoding {
    /// The 7-bit GSM 03.38 alphabet.
    #[graphql(name = "GSM_7")]
    Gsm7,
    /// 16-bit, for everything else.
    #[graphql(name = "UCS_2")]
    Ucs2,
}

/// A direction of sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::service::Direction")]
pub(crate) enum OrderDirection {
    /// Smallest or oldest first.
    Asc,
    /// Largest or newest first.
    Desc,
}

/// What campaigns can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::service::CampaignOrderField")]
pub(crate) enum CampaignOrderField {
    /// When they were made. The default, newest first.
    CreatedAt,
    /// When they last changed.
    UpdatedAt,
    /// When they are first due. Campaigns without a schedule come last.
    StartsAt,
    /// Their names.
    Name,
}

/// States of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::message::MessageState")]
pub(crate) enum MessageStatus {
    /// Held until `dueAt`. The reason says by what.
    Deferred,
    /// Due, and waiting its turn.
    Queued,
    /// Being handed over at this moment.
    InFlight,
    /// Accepted by the aggregator, with no word of delivery yet.
    Accepted,
    /// Delivered. Final.
    Delivered,
    /// Refused, filtered or undeliverable. Final.
    Undelivered,
    /// Accepted, and no receipt came in time: most likely filtered as spam. A late receipt settles
    /// it.
    Unconfirmed,
    /// Handed over with no certain answer. Never sent as a new message unasked, so that nobody is
    /// texted twice: the aggregator is asked what became of it. Its answer or a receipt settles it, or
    /// `campaignResolveUnknown` does.
    Unknown,
    /// Never to be sent. Final.
    Skipped,
    /// Stopped before it was handed over. Final.
    Canceled,
}

/// Reasons for a message's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::reason::MessageReason")]
pub(crate) enum MessageReasonCode {
    /// `DEFERRED`: the recipient is in quiet hours.
    QuietHours,
    /// `DEFERRED`: the time has yet to come in the recipient's zone.
    WaitingForLocalTime,
    /// `DEFERRED`: the step's delay runs.
    FollowUpDelay,
    /// `DEFERRED`: the aggregator asked the engine to slow down or is away.
    AggregatorBackpressure,
    /// `SKIPPED`: another recipient of the campaign has the same number.
    DuplicatePhoneNumber,
    /// `SKIPPED`: the number cannot exist.
    InvalidPhoneNumber,
    /// `SKIPPED`: consent was never given, or the subscriber was removed.
    NotSubscribed,
    /// `SKIPPED`: consent was withdrawn.
    Unsubscribed,
    /// `SKIPPED`: the recipient's words may have withdrawn consent, and nobody has looked at them yet.
    Suppressed,
    /// `SKIPPED`: a carrier declared the number unreachable earlier.
    KnownUnreachable,
    /// `SKIPPED`: an audience that the campaign leaves out has the recipient.
    Excluded,
    /// `SKIPPED`: the campaign this one was duplicated from reached the recipient.
    AlreadyReached,
    /// `SKIPPED`: the number's country is not served.
    CountryNotServed,
    /// `SKIPPED`: a variable in the text has no value for the recipient.
    VariableMissing,
    /// `SKIPPED`: the chosen local time had passed in the recipient's zone.
    LocalTimePassed,
    /// `SKIPPED`: texted too recently.
    SmartSending,
    /// `SKIPPED`: the law's number of texts in a day was reached.
    FrequencyCap,
    /// `SKIPPED`: the step before it failed.
    PreviousStepNotSent,
    /// `SKIPPED`: the step's condition does not hold.
    ConditionNotMet,
    /// `SKIPPED`: it could not be handed over by `sendBy`.
    Expired,
    /// `UNDELIVERED`: the aggregator refused it.
    AggregatorRejected,
    /// `UNDELIVERED`: the aggregator stayed away until the engine gave up.
    AggregatorUnavailable,
    /// `UNDELIVERED`: a carrier's spam filter stopped it.
    CarrierFiltered,
    /// `UNDELIVERED`: the carrier refused it.
    CarrierRejected,
    /// `UNDELIVERED`: the number does not exist or takes no texts.
    InvalidDestination,
    /// `UNDELIVERED`: the handset could not be reached in time.
    HandsetUnreachable,
    /// `UNDELIVERED`: the recipient blocks the sender.
    BlockedByRecipient,
    /// `UNDELIVERED`: no cause was given.
    Unspecified,
    /// `UNCONFIRMED`: no receipt came in time.
    NoReceipt,
    /// `UNKNOWN`: the aggregator's answer was lost or ambiguous.
    AnswerLost,
    /// `UNKNOWN`: the engine stopped in the middle of the handover.
    EngineStopped,
    /// `UNKNOWN`: somebody chose to leave it so, by `campaignResolveUnknown`.
    WrittenOff,
    /// `CANCELED`: its campaign was canceled.
    CampaignCanceled,
    /// `CANCELED`: its campaign failed.
    CampaignFailed,
}

/// Kinds of campaign event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::event::CampaignEventKind")]
pub(crate) enum CampaignEventKind {
    /// It was made.
    Created,
    /// It was edited.
    Edited,
    /// Its scheduled time was moved.
    Rescheduled,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// Its status changed.
    StatusChanged,
    /// It was removed.
    Deleted,
}

/// Kinds of live change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum CampaignChangeKind {
    /// Apply it.
    Apply,
    /// The position asked for is no longer kept, or changes piled up beyond keeping: query again,
    /// then go on from this cursor.
    Resync,
}
