//! Tests: what became of each text of one.

use super::MessageReason;
use crate::{
    graphql::{connection::int, enums::MessageStatus},
    service::DirectText,
};
use async_graphql::SimpleObject;

/// A text of a test, to one number. It is in no ledger.
#[derive(SimpleObject)]
pub(crate) struct TestText {
    /// The phone number, all but its country code and last two digits hidden: `+1••••••••00`.
    masked_phone_number: String,
    /// What became of it.
    status: MessageStatus,
    /// Why, for a status that has a reason.
    reason: Option<MessageReason>,
    /// Billable segments.
    segment_count: i32,
}

impl From<DirectText> for TestText {
    fn from(text: DirectText) -> Self {
        let code = text.aggregator_code;
        Self {
            masked_phone_number: text.phone.masked(),
            status: text.standing.state.into(),
            reason: text.standing.reason.map(|reason| MessageReason::new(reason, code)),
            segment_count: int(text.segments),
        }
    }
}
