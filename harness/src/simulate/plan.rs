//! The tiny world of a schedule: nodes, campaigns and the aggregator's habits, drawn from its choices.

use chrono::TimeDelta;

use super::choices::Choices;

/// The most nodes.
pub(super) const NODES_MAX: u32 = 3;
/// The most campaigns.
pub(super) const CAMPAIGNS_MAX: u32 = 3;
/// The most recipients of one.
pub(super) const RECIPIENTS_MAX: u32 = 8;
/// The most things that happen before the faults are lifted, and the fewest in a schedule of a seed.
const STEPS_MAX: u32 = 90;
const STEPS_MIN: u32 = 20;

/// What an aggregator can be asked, and whether its receipts echo our reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    /// Its place among [`Profile::SITES`].
    pub(super) site: usize,
    /// For how long it honours a key; 0 for never.
    pub(super) key_window_s: u32,
    /// Whether it answers look-ups.
    pub(super) has_lookup: bool,
    /// Whether receipts echo the attempt.
    pub(super) echoes: bool,
}

impl Profile {
    /// The agreements there are sites for: seconds for which keys are honoured, and look-up.
    pub(super) const SITES: [(u32, bool); 5] =
        [(86_400, true), (86_400, false), (0, true), (0, false), (600, false)];
}

/// When a campaign is to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Launch {
    Now,
    /// In so many minutes.
    Later(u32),
}

/// A campaign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Campaign {
    pub(super) recipients: u32,
    pub(super) steps: u32,
    pub(super) uses_smart_sending: bool,
    pub(super) delay: TimeDelta,
    pub(super) launch: Launch,
}

/// The world of a schedule.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) profile: Profile,
    pub(super) nodes: u32,
    pub(super) campaigns: Vec<Campaign>,
    /// The most hand-overs in flight on a node.
    pub(super) window: u64,
    /// Subscribers planned at once.
    pub(super) batch: u64,
    /// Things that happen before the faults are lifted.
    pub(super) steps: u32,
}

impl Plan {
    /// Draws one.
    pub(super) fn draw(choices: &mut Choices) -> Self {
        let site = usize::try_from(choices.below(5)).unwrap_or_default();
        let (key_window_s, has_lookup) = Profile::SITES.get(site).copied().unwrap_or((0, false));
        let profile = Profile { site, key_window_s, has_lookup, echoes: choices.chance(500) };
        let nodes = choices.below(NODES_MAX) + 1;
        let windows = [8, 1, 2, 3, 5];
        let window = windows.get(usize::try_from(choices.below(5)).unwrap_or_default()).copied();
        let batches = [100, 1, 2, 4];
        let batch = batches.get(usize::try_from(choices.below(4)).unwrap_or_default()).copied();
        // Small worlds are more than half of all: what can go wrong mostly needs little.
        let many = if choices.chance(350) { CAMPAIGNS_MAX } else { 1 };
        let campaigns = (0..=choices.below(many)).map(|_| Campaign::draw(choices)).collect();
        let steps = STEPS_MIN + choices.below(STEPS_MAX - STEPS_MIN + 1);
        Self {
            profile,
            nodes,
            campaigns,
            window: window.unwrap_or(8),
            batch: batch.unwrap_or(100),
            steps,
        }
    }
}

impl Campaign {
    fn draw(choices: &mut Choices) -> Self {
        let most = if choices.chance(300) { RECIPIENTS_MAX } else { 3 };
        let delays = [TimeDelta::minutes(1), TimeDelta::minutes(5), TimeDelta::hours(1)];
        Self {
            recipients: choices.below(most) + 1,
            steps: choices.below(2) + 1,
            uses_smart_sending: choices.chance(400),
            delay: delays
                .get(usize::try_from(choices.below(3)).unwrap_or_default())
                .copied()
                .unwrap_or(TimeDelta::minutes(1)),
            launch: if choices.chance(200) {
                Launch::Later(choices.below(30) + 1)
            } else {
                Launch::Now
            },
        }
    }
}
