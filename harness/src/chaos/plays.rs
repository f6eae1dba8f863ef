//! The small campaigns in which every step is a place to die.
//!
//! **Invariant:** each is small: what one kill costs, hundreds cost hundreds of times.

use super::Error;
use crate::scenario::Scenario;

/// What must be so once nothing is left to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    /// Whether the aggregator can be asked what became of a hand-over, so that nothing stays UNKNOWN.
    pub(super) has_answers: bool,
    /// Whether every message that is taken gets a final receipt, so that none stays ACCEPTED.
    pub(super) has_receipts: bool,
    /// Who texts STOP once the first message was taken for them, and so is owed nothing more.
    pub(super) stops: Option<&'static str>,
}

/// A campaign to die in.
pub(super) struct Play {
    /// Its name.
    pub(super) name: &'static str,
    text: &'static str,
    /// How it ends.
    pub(super) rest: Rest,
}

static PLAYS: [Play; 3] = [
    Play {
        name: "campaign",
        text: include_str!("../../chaos/campaign.yaml"),
        rest: Rest { has_answers: true, has_receipts: true, stops: Some("+14155550102") },
    },
    Play {
        name: "look-up",
        text: include_str!("../../chaos/look-up.yaml"),
        rest: Rest { has_answers: true, has_receipts: false, stops: None },
    },
    Play {
        name: "hold",
        text: include_str!("../../chaos/hold.yaml"),
        rest: Rest { has_answers: false, has_receipts: false, stops: None },
    },
];

impl Play {
    /// The one of that name.
    pub(super) fn named(name: &str) -> Result<&'static Self, Error> {
        PLAYS.iter().find(|play| play.name == name).ok_or_else(|| Error::NoPlay {
            name: name.to_owned(),
            known: PLAYS.iter().map(|play| play.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Its story.
    pub(super) fn scenario(&self) -> Result<Scenario, Error> {
        Ok(Scenario::parse(self.name, self.text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_play_is_a_scenario() {
        for play in &PLAYS {
            let scenario = Play::named(play.name).unwrap().scenario().unwrap();
            assert_eq!(scenario.connection.look_up, play.rest.has_answers, "{}", play.name);
        }
        assert!(Play::named("nothing").is_err());
    }
}
