//! A message's way to the handset.

use crate::graphql::scalars::DateTime;
use async_graphql::{Enum, SimpleObject};
use domain::journey::HopReport;

/// One hop of a message's way to the handset, as far as receipts prove it.
#[derive(SimpleObject)]
pub(crate) struct MessageHop {
    /// The company or device.
    hop: MessageHopKind,
    /// What is known of the message there.
    state: MessageHopState,
    /// When it got through or ended there. Null when nobody said.
    at: Option<DateTime>,
    /// A sentence for people.
    message: &'static str,
}

impl From<HopReport> for MessageHop {
    fn from(report: HopReport) -> Self {
        Self {
            hop: report.hop.into(),
            state: report.state.into(),
            at: report.at.map(DateTime),
            message: report.message,
        }
    }
}

/// The companies and devices on a message's way, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::journey::Hop")]
pub(crate) enum MessageHopKind {
    /// The company that messages are handed to.
    Aggregator,
    /// The aggregator that carries all toll-free traffic. Only for toll-free senders.
    ExclusiveAggregator,
    /// The company that knows which carrier serves a number.
    Registrar,
    /// The recipient's carrier.
    Carrier,
    /// The carrier's spam filter: the last to judge a message.
    SpamFilter,
    /// The recipient's phone.
    Handset,
}

/// What is known of a message at one hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::journey::HopState")]
pub(crate) enum MessageHopState {
    /// It got this far, and was let through.
    Passed,
    /// It ended here.
    Stopped,
    /// Word is awaited.
    Waiting,
    /// No word came, and whether it got this far is not known.
    Unknown,
    /// It did not get this far.
    NotReached,
}
