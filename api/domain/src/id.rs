//! Typed ids: a UUID with a readable prefix outside, sixteen bytes inside.
//!
//! **Invariant:** an id parses only under its own prefix and only in the one spelling it prints.

use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Text that is not an id of the kind expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id that starts with `{prefix}_`")]
pub struct InvalidId {
    /// The prefix that was expected, without its underscore.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What its text begins with, without the underscore.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, $prefix).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    )+};
}

ids! {
    /// A site.
    SiteId = "site";
    /// An API key.
    ApiKeyId = "key";
    /// A subscriber.
    SubscriberId = "sub";
    /// An audience.
    AudienceId = "aud";
    /// A campaign.
    CampaignId = "camp";
    /// A revision of a campaign.
    RevisionId = "rev";
    /// A step of a revision.
    StepId = "step";
    /// A message: a row of the ledger.
    MessageId = "msg";
    /// An attempt to hand a message over.
    AttemptId = "att";
    /// A text outside any campaign's ledger.
    DirectTextId = "txt";
    /// An event of a campaign.
    EventId = "evt";
    /// A connection to an aggregator.
    ConnectionId = "conn";
    /// A sending number.
    SenderId = "snd";
    /// A receipt in the inbox.
    ReceiptId = "inb";
    /// An entry in the log of consent.
    ConsentEntryId = "con";
}

/// Lower-case hexadecimal digits of a UUID.
const HEX_DIGITS: usize = 32;

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, InvalidId> {
    let invalid = InvalidId { prefix };
    let hex = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(invalid)?;
    let lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex.len() != HEX_DIGITS || !lower {
        return Err(invalid);
    }
    Uuid::try_parse(hex).map_err(|_parse| invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_no_other_spelling_does() {
        let id = CampaignId(Uuid::from_u128(0x0190_a5b2_0000_7000_8000_0000_0000_002a));
        let text = id.to_string();
        assert_eq!(text, "camp_0190a5b200007000800000000000002a");
        assert_eq!(text.parse(), Ok(id));
        for bad in [
            "0190a5b200007000800000000000002a",
            "msg_0190a5b200007000800000000000002a",
            "camp_0190A5B200007000800000000000002A",
            "camp_0190a5b2-0000-7000-8000-00000000002a",
            "camp_",
            "",
        ] {
            assert_eq!(bad.parse::<CampaignId>(), Err(InvalidId { prefix: "camp" }), "{bad}");
        }
    }
}
