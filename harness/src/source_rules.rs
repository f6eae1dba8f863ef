//! The rules of the source: what a campaign does, as one numbered sentence each.
//!
//! Scenarios name the rules that they prove by these numbers, and `docs/source-rules.md` lists each
//! with its proofs.
//!
//! **Invariant:** the numbers run from 1 without a gap, and never change their meaning.

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRule {
    /// Its number: 14 for S14.
    pub number: u8,
    /// What it is about.
    pub topic: &'static str,
    /// What it says.
    pub sentence: &'static str,
}

const fn rule(number: u8, topic: &'static str, sentence: &'static str) -> SourceRule {
    SourceRule { number, topic, sentence }
}

/// Every rule, in order.
#[rustfmt::skip]
pub const RULES: [SourceRule; 51] = [
    rule(1, "Pipeline", "An activated message is handed to an aggregator, and to nobody else."),
    rule(2, "Pipeline", "The whole way usually takes a second or two: told for information, promised by nobody."),
    rule(3, "Pipeline", "Beyond the aggregator lie others whom the service cannot see: handed over is not delivered."),
    rule(4, "Pipeline", "A spam filter comes last: an accepted message can vanish, and the campaign has not failed."),
    rule(5, "Status", "A campaign has exactly one of seven statuses."),
    rule(6, "Status", "The status follows from what became of the messages; no caller can set it."),
    rule(7, "Draft", "What is saved and not activated is a draft."),
    rule(8, "Draft", "A draft can be edited."),
    rule(9, "Draft", "A draft sends nothing."),
    rule(10, "Scheduled", "Activated for a time still ahead, a campaign is scheduled."),
    rule(11, "Scheduled", "At that time it tries to send, which may fail; before it, nothing is handed over."),
    rule(12, "Processing", "Processing looks at every message: each is sent at once, held for later or dropped with a reason."),
    rule(13, "Processing", "Each subscriber is checked for whether they may be texted."),
    rule(14, "Processing", "Whoever is in quiet hours is put off to their end, never dropped."),
    rule(15, "Processing", "Whoever Smart Sending protects is dropped, never put off."),
    rule(16, "Processing", "It waits until the chosen time has come where the subscriber is."),
    rule(17, "Processing", "From processing on, nothing of the campaign can be edited."),
    rule(18, "Processing", "Messages may leave while the campaign is still processing."),
    rule(19, "Sending", "Sending means that messages are being handed over."),
    rule(20, "Sending", "How long it lasts depends on whose clock the campaign follows."),
    rule(21, "Sending", "By subscribers' time, each message goes at the chosen time where its recipient is."),
    rule(22, "Sending", "So sending lasts until the last zone is served, and that is no error."),
    rule(23, "Sending", "By the store's time, everybody's message is due at the same instant."),
    rule(24, "Sending", "So sending is short."),
    rule(25, "Sending", "Even then quiet hours put off some, each by their own clock."),
    rule(26, "Sending", "While it sends, a campaign tells how it is being delivered."),
    rule(27, "Sent", "A campaign is sent when everything fit to send is handed over."),
    rule(28, "Sent", "Sent is not delivered."),
    rule(29, "Sent", "Once it is sent, only the aggregator is waited for."),
    rule(30, "Failed", "It fails when the site is closed or has no SMS subscription."),
    rule(31, "Failed", "It fails when the trial's sending limit is reached."),
    rule(32, "Failed", "It fails when the site has no subdomain."),
    rule(33, "Failed", "There can be further reasons, each with a code of its own."),
    rule(34, "Failed", "A failed campaign says what to do next."),
    rule(35, "Canceled", "A campaign that is being sent can be canceled."),
    rule(36, "Canceled", "What was sent stays sent; the rest stops."),
    rule(37, "Canceled", "A canceled campaign cannot be edited."),
    rule(38, "Canceled", "Nor can it be activated again."),
    rule(39, "Canceled", "It can be duplicated, and the copy is a draft to mend and schedule."),
    rule(40, "Canceled", "Only what is scheduled, processing or sending can be canceled."),
    rule(41, "Canceled", "Canceled while scheduled, a campaign is a draft again."),
    rule(42, "Canceled", "Canceled while processing or sending, it is canceled for good."),
    rule(43, "Canceled", "What left before the cancel stays out."),
    rule(44, "Canceled", "What has not left can still be stopped."),
    rule(45, "Canceled", "While it sends, as much is stopped as can be: here, all but what is in flight at that moment."),
    rule(46, "Canceled", "Once it is sent nothing can be prevented, no follow-up either."),
    rule(47, "Delays", "Sent to somebody and not received yet is a lawful state, not a failure."),
    rule(48, "Delays", "A message that is due reaches the aggregator within half a second on average."),
    rule(49, "Delays", "After the hand-over the service has no influence on the timing."),
    rule(50, "Delays", "A delay has a cause with a name: the carriers, or the aggregator, whose status page is at hand."),
    rule(51, "Delays", "Sent and never delivered is most likely the spam filter's work: shown as such, never as a failure of the campaign."),
];

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn rules_are_numbered_without_a_gap_and_are_sentences() {
        for (rule, number) in RULES.iter().zip(1..) {
            assert_eq!(rule.number, number);
            assert!(rule.sentence.ends_with('.'), "S{number}");
        }
    }
}
