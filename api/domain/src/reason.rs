//! Why a campaign is in its status and a message in its state: stable codes, each with words for people.
//!
//! **Invariant:** every `Failed` reason has a remedy.

crate::codes! {
    /// Why a campaign is in its status.
    pub enum StatusReason {
        /// `Draft`: its schedule was canceled.
        ScheduleCanceled = "schedule_canceled",
        /// `Canceled`: a caller canceled it.
        CanceledByCaller = "canceled_by_caller",
        /// `Sent`: everybody in its audiences was skipped.
        NothingToSend = "nothing_to_send",
        /// `Failed`: the site is inactive.
        SiteInactive = "site_inactive",
        /// `Failed`: the site has no SMS subscription.
        SmsPlanMissing = "sms_plan_missing",
        /// `Failed`: the trial's sending limit was reached.
        TrialLimitReached = "trial_limit_reached",
        /// `Failed`: the site has no subdomain.
        SubdomainMissing = "subdomain_missing",
        /// `Failed`: its audiences have no members.
        AudienceEmpty = "audience_empty",
        /// `Failed`: a message cannot be rendered or is too long.
        ContentInvalid = "content_invalid",
        /// `Failed`: the sending number is missing, not registered or suspended.
        SenderNotReady = "sender_not_ready",
        /// `Failed`: the aggregator refuses the account.
        AggregatorAccountRejected = "aggregator_account_rejected",
        /// `Failed`: the engine was down at the scheduled time and came back too late.
        ScheduleMissed = "schedule_missed",
        /// `Failed`: the engine could not go on.
        InternalError = "internal_error",
    }
}

impl StatusReason {
    /// A sentence for people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::ScheduleCanceled => {
                "The schedule was canceled, so the campaign is a draft again."
            }
            Self::CanceledByCaller => "The campaign was canceled.",
            Self::NothingToSend => "Everybody in the audiences was skipped, so nothing was sent.",
            Self::SiteInactive => "The site is inactive.",
            Self::SmsPlanMissing => "The site has no SMS subscription.",
            Self::TrialLimitReached => "The trial's sending limit was reached.",
            Self::SubdomainMissing => "The site has no subdomain.",
            Self::AudienceEmpty => "The audiences have no members.",
            Self::ContentInvalid => "A message of the campaign cannot be sent as written.",
            Self::SenderNotReady => "The site has no sending number that is ready.",
            Self::AggregatorAccountRejected => "The aggregator refuses the account.",
            Self::ScheduleMissed => {
                "The service was down at the scheduled time and came back too late to send safely."
            }
            Self::InternalError => "The service could not go on with the campaign.",
        }
    }

    /// What to do next, if anything can be done.
    pub const fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::ScheduleCanceled | Self::NothingToSend => return None,
            Self::CanceledByCaller => {
                "Duplicate the campaign to try again; the copy can leave out everybody already reached."
            }
            Self::SiteInactive => "Reactivate the site, then duplicate the campaign.",
            Self::SmsPlanMissing => "Start an SMS subscription, then duplicate the campaign.",
            Self::TrialLimitReached => {
                "Upgrade the subscription, then duplicate the campaign without those already reached."
            }
            Self::SubdomainMissing => "Set the site's subdomain, then duplicate the campaign.",
            Self::AudienceEmpty => {
                "Choose audiences that have members, in a duplicate of the campaign."
            }
            Self::ContentInvalid => "Correct the text in a duplicate of the campaign.",
            Self::SenderNotReady => {
                "Register a sending number, then duplicate the campaign without those already reached."
            }
            Self::AggregatorAccountRejected => {
                "Put the account with the aggregator in order, then duplicate the campaign without those already reached."
            }
            Self::ScheduleMissed => {
                "Check that the campaign is still timely, then duplicate it and activate the copy."
            }
            Self::InternalError => {
                "Contact support with the campaign's id, then duplicate it without those already reached."
            }
        })
    }
}

crate::codes! {
    /// Why a message is in its state. Among reasons of one state the later one wins a merge, so that the
    /// order of receipts never matters.
    pub enum MessageReason {
        /// `Deferred`: the recipient is in quiet hours.
        QuietHours = "quiet_hours",
        /// `Deferred`: the time has yet to come.
        WaitingForLocalTime = "waiting_for_local_time",
        /// `Deferred`: the step's delay runs.
        FollowUpDelay = "follow_up_delay",
        /// `Deferred`: the aggregator asked the engine to slow down or is away.
        AggregatorBackpressure = "aggregator_backpressure",
        /// `Skipped`: another recipient of the campaign has the same number.
        DuplicatePhoneNumber = "duplicate_phone_number",
        /// `Skipped`: the number cannot exist.
        InvalidPhoneNumber = "invalid_phone_number",
        /// `Skipped`: consent was never given, or the subscriber was removed.
        NotSubscribed = "not_subscribed",
        /// `Skipped`: consent was withdrawn.
        Unsubscribed = "unsubscribed",
        /// `Skipped`: the recipient's words may have withdrawn consent, and nobody has looked at them yet.
        Suppressed = "suppressed",
        /// `Skipped`: a carrier declared the number unreachable earlier.
        KnownUnreachable = "known_unreachable",
        /// `Skipped`: an audience that the campaign leaves out has the recipient.
        Excluded = "excluded",
        /// `Skipped`: the campaign this one was duplicated from reached the recipient.
        AlreadyReached = "already_reached",
        /// `Skipped`: the number's country is not served.
        CountryNotServed = "country_not_served",
        /// `Skipped`: a variable in the text has no value for the recipient.
        VariableMissing = "variable_missing",
        /// `Skipped`: the chosen local time had passed in the recipient's zone.
        LocalTimePassed = "local_time_passed",
        /// `Skipped`: texted too recently.
        SmartSending = "smart_sending",
        /// `Skipped`: the law's number of texts in a day was reached.
        FrequencyCap = "frequency_cap",
        /// `Skipped`: the step before it failed.
        PreviousStepNotSent = "previous_step_not_sent",
        /// `Skipped`: the step's condition does not hold.
        ConditionNotMet = "condition_not_met",
        /// `Skipped`: it could not be handed over by `sendBy`.
        Expired = "expired",
        /// `Undelivered`: no cause was given.
        Unspecified = "unspecified",
        /// `Undelivered`: the aggregator refused it.
        AggregatorRejected = "aggregator_rejected",
        /// `Undelivered`: the aggregator stayed away until the engine gave up.
        AggregatorUnavailable = "aggregator_unavailable",
        /// `Undelivered`: the handset could not be reached in time.
        HandsetUnreachable = "handset_unreachable",
        /// `Undelivered`: the carrier refused it.
        CarrierRejected = "carrier_rejected",
        /// `Undelivered`: a carrier's spam filter stopped it.
        CarrierFiltered = "carrier_filtered",
        /// `Undelivered`: the recipient blocks the sender.
        BlockedByRecipient = "blocked_by_recipient",
        /// `Undelivered`: the number does not exist or takes no texts.
        InvalidDestination = "invalid_destination",
        /// `Unconfirmed`: no receipt came in time.
        NoReceipt = "no_receipt",
        /// `Unknown`: the aggregator's answer was lost or ambiguous.
        AnswerLost = "answer_lost",
        /// `Unknown`: the engine stopped in the middle of the hand-over.
        EngineStopped = "engine_stopped",
        /// `Unknown`: somebody chose to leave it so.
        WrittenOff = "written_off",
        /// `Canceled`: its campaign was canceled.
        CampaignCanceled = "campaign_canceled",
        /// `Canceled`: its campaign failed.
        CampaignFailed = "campaign_failed",
    }
}

impl MessageReason {
    /// A sentence for people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::QuietHours => {
                "It is quiet hours where the recipient is, so the message waits for their end."
            }
            Self::WaitingForLocalTime => "The chosen time has yet to come.",
            Self::FollowUpDelay => "The delay after the message before it has yet to pass.",
            Self::AggregatorBackpressure => {
                "The aggregator is away or asked for a slower pace, so the message waits for its next turn."
            }
            Self::DuplicatePhoneNumber => "Another recipient of the campaign has the same number.",
            Self::InvalidPhoneNumber => "The number cannot exist.",
            Self::NotSubscribed => "The recipient does not consent to be texted.",
            Self::Unsubscribed => "The recipient withdrew consent.",
            Self::Suppressed => {
                "The recipient wrote what may be a wish to opt out, and nobody has cleared it yet."
            }
            Self::KnownUnreachable => "A carrier declared the number unreachable earlier.",
            Self::Excluded => "An audience that the campaign leaves out has the recipient.",
            Self::AlreadyReached => {
                "The campaign this one was duplicated from reached the recipient."
            }
            Self::CountryNotServed => "The site does not text numbers of this country.",
            Self::VariableMissing => {
                "A variable in the text has no value for the recipient, and no fallback."
            }
            Self::LocalTimePassed => "The chosen time had passed where the recipient is.",
            Self::SmartSending => "The recipient was texted too recently.",
            Self::FrequencyCap => "The recipient had as many texts in a day as the law allows.",
            Self::PreviousStepNotSent => "The message before it did not get through.",
            Self::ConditionNotMet => "The condition of the follow-up does not hold.",
            Self::Expired => "It could not be handed over in time.",
            Self::Unspecified => "It was not delivered, and no cause was given.",
            Self::AggregatorRejected => "The aggregator refused it.",
            Self::AggregatorUnavailable => "The aggregator stayed away until the engine gave up.",
            Self::HandsetUnreachable => "The handset could not be reached in time.",
            Self::CarrierRejected => "The carrier refused it.",
            Self::CarrierFiltered => {
                "A carrier's spam filter stopped it: it took the text, its links or the sender for spam."
            }
            Self::BlockedByRecipient => "The recipient blocks the sender.",
            Self::InvalidDestination => "The number does not exist or takes no texts.",
            Self::NoReceipt => {
                "No receipt came in time: most likely a carrier's spam filter stopped it without a word."
            }
            Self::AnswerLost => {
                "The aggregator's answer was lost, so whether it took the message is not certain."
            }
            Self::EngineStopped => {
                "The engine stopped in the middle of the hand-over, so whether the aggregator took it is not certain."
            }
            Self::WrittenOff => {
                "Whether the aggregator took it could not be found out, and somebody chose to leave it so."
            }
            Self::CampaignCanceled => "The campaign was canceled before it was handed over.",
            Self::CampaignFailed => "The campaign failed before it was handed over.",
        }
    }

    /// What to do about it, if anything can be done.
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::CarrierFiltered | Self::NoReceipt => Some(FILTERED_REMEDY),
            _ => None,
        }
    }
}

/// The page on keeping out of spam filters, in this repository.
pub const COMPLIANCE_PAGE: &str = "docs/compliance.md";
/// What to do about texts that spam filters stop.
const FILTERED_REMEDY: &str = "See docs/compliance.md: what spam filters look at, opt-out language and sender registration. Sending the same text again only makes it worse.";

#[cfg(test)]
mod tests {
    use super::*;

    /// Sentences are sentences, and a failed campaign always says what to do.
    #[test]
    fn reasons_speak() {
        for reason in StatusReason::ALL {
            assert!(reason.message().ends_with('.'), "{reason}");
            let stays =
                matches!(reason, StatusReason::ScheduleCanceled | StatusReason::NothingToSend);
            assert_eq!(reason.remedy().is_none(), stays, "{reason}");
        }
        for reason in MessageReason::ALL {
            assert!(reason.message().ends_with('.'), "{reason}");
            assert!(reason.remedy().is_none_or(|remedy| remedy.ends_with('.')), "{reason}");
        }
    }

    /// A message that a filter stopped, with a word or without, says so and names the page.
    #[test]
    fn filtered_messages_name_the_filter_and_the_page() {
        for reason in [MessageReason::CarrierFiltered, MessageReason::NoReceipt] {
            assert!(reason.message().contains("spam filter"), "{reason}");
            assert!(reason.remedy().is_some_and(|text| text.contains(COMPLIANCE_PAGE)), "{reason}");
        }
    }
}
