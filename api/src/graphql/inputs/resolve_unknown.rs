//! What is asked when unknown messages are settled by hand.

use crate::{
    graphql::context::id,
    service::{Settlement, UnknownResolution as Resolution},
};
use async_graphql::{Enum, ID, InputObject};
use domain::id::MessageId;

/// Ways to settle an unknown message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum UnknownResolution {
    /// Send again. The recipient may get it twice.
    Resend,
    /// Leave it. The recipient may not have got it.
    WriteOff,
}

/// How to settle unknown messages.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct CampaignResolveUnknownInput {
    /// What to do with them.
    resolution: UnknownResolution,
    /// Which of them; at most 1,000. By default all. Messages that are not unknown are left alone.
    message_ids: Option<Vec<ID>>,
    /// Repeats under the same key within 24 hours get the first answer, counts included.
    idempotency_key: Option<String>,
}

impl From<CampaignResolveUnknownInput> for Resolution {
    fn from(input: CampaignResolveUnknownInput) -> Self {
        // A text that is no id names no message, like the id of a missing one.
        let only = |ids: Vec<ID>| ids.iter().filter_map(|text| id::<MessageId>(text)).collect();
        Self {
            settlement: match input.resolution {
                UnknownResolution::Resend => Settlement::Resend,
                UnknownResolution::WriteOff => Settlement::WriteOff,
            },
            only: input.message_ids.map(only),
            idempotency_key: input.idempotency_key,
        }
    }
}
