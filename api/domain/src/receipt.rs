//! What an aggregator's words prove about a message.
//!
//! **Invariant:** a code this table does not know is still classified, by its scope: nothing is lost
//! because a carrier invents a code.

use crate::{
    message::{MessageState, Standing},
    reason::{MessageReason, StatusReason},
};

crate::codes! {
    /// Kinds of receipt in the generic contract.
    pub enum ReceiptKind {
        /// The aggregator passed it on to a carrier.
        Sent = "sent",
        /// It reached the handset.
        Delivered = "delivered",
        /// The carrier could not or would not deliver it.
        Undelivered = "undelivered",
        /// The aggregator could not pass it on.
        Failed = "failed",
        /// It waited too long and was dropped.
        Expired = "expired",
    }
}

impl ReceiptKind {
    /// What a receipt of this kind, with the aggregator's `code`, proves about its message.
    pub fn standing(self, code: Option<&str>) -> Standing {
        match self {
            Self::Sent => Standing::plain(MessageState::Accepted),
            Self::Delivered => Standing::plain(MessageState::Delivered),
            Self::Undelivered | Self::Failed => {
                let reason =
                    code.and_then(undelivered_reason).unwrap_or(MessageReason::Unspecified);
                Standing::because(MessageState::Undelivered, reason)
            }
            Self::Expired => {
                let reason =
                    code.and_then(undelivered_reason).unwrap_or(MessageReason::HandsetUnreachable);
                Standing::because(MessageState::Undelivered, reason)
            }
        }
    }
}

/// The code of a message whose last moment passed before it could be passed on.
pub const EXPIRED_IN_QUEUE: &str = "ExpiredInQueue";

/// The reason a code of the generic contract stands for, if it concerns one message or its recipient.
pub fn undelivered_reason(code: &str) -> Option<MessageReason> {
    Some(match code {
        "InvalidNumber" | "Landline" | "UnknownSubscriber" => MessageReason::InvalidDestination,
        "Unreachable" | EXPIRED_IN_QUEUE => MessageReason::HandsetUnreachable,
        "OptedOut" | "BlockedByRecipientOrCarrier" => MessageReason::BlockedByRecipient,
        "SpamFiltered" => MessageReason::CarrierFiltered,
        "CarrierError" | "RegionNotAllowed" => MessageReason::CarrierRejected,
        "ContentRejected" | "TooLarge" | "MediaUnavailable" | "ProviderError" => {
            MessageReason::AggregatorRejected
        }
        _ => return None,
    })
}

crate::codes! {
    /// What a refusal is about, and so how far it reaches.
    pub enum RefusalScope {
        /// This recipient.
        Recipient = "recipient",
        /// This text.
        Message = "message",
        /// The sending number.
        Sender = "sender",
        /// The account with the aggregator.
        Account = "account",
        /// The aggregator itself.
        Service = "service",
    }
}

/// The campaign failure a refusal amounts to; none when it concerns one message alone.
pub fn campaign_failure(scope: RefusalScope) -> Option<StatusReason> {
    match scope {
        RefusalScope::Sender => Some(StatusReason::SenderNotReady),
        RefusalScope::Account => Some(StatusReason::AggregatorAccountRejected),
        RefusalScope::Recipient | RefusalScope::Message | RefusalScope::Service => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_codes_are_classified_too() {
        let standing = ReceiptKind::Undelivered.standing(Some("SomethingNew"));
        assert_eq!(
            standing,
            Standing::because(MessageState::Undelivered, MessageReason::Unspecified)
        );
        let standing = ReceiptKind::Failed.standing(Some("SpamFiltered"));
        assert_eq!(
            standing,
            Standing::because(MessageState::Undelivered, MessageReason::CarrierFiltered)
        );
        let standing = ReceiptKind::Expired.standing(None);
        assert_eq!(standing.reason, Some(MessageReason::HandsetUnreachable));
        assert_eq!(ReceiptKind::Sent.standing(None), Standing::plain(MessageState::Accepted));
    }
}
