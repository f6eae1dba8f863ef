//! A schedule as a scenario file, where a scenario can tell it: one node, one campaign, and nothing amiss but what
//! the aggregator answers and what is lost on the way.
//!
//! **Invariant:** what a scenario cannot tell is not half told: then there is none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::plan::{Launch, Plan};
use super::play::Play;
use super::world::World;

/// What happens in schedules that scenarios can tell.
const TELLABLE: [&str; 8] = [
    "taken",
    "lost on the way",
    "answer lost",
    "refused",
    "throttled",
    "turned away",
    "activate",
    "receipt lost",
];

impl Play {
    /// The scenario, if there is one.
    pub(super) fn tale(&self) -> Option<String> {
        let is_tellable = self.played.faults.keys().all(|fault| TELLABLE.contains(fault));
        let [campaign] = self.plan.campaigns.as_slice() else { return None };
        let agreement = self.plan.profile.key_window_s;
        if !is_tellable
            || self.plan.nodes > 1
            || campaign.launch != Launch::Now
            || !agreement.is_multiple_of(3_600)
        {
            return None;
        }
        write(&self.plan, &self.hub.world()).ok()
    }
}

fn write(plan: &Plan, world: &World) -> Result<String, std::fmt::Error> {
    let mut file = String::new();
    let profile = plan.profile;
    writeln!(file, "scenario: 1")?;
    writeln!(
        file,
        "about: >\n  A simulated schedule that broke an invariant, in its simplest form."
    )?;
    let (hours, look_up) = (profile.key_window_s / 3_600, profile.has_lookup);
    writeln!(file, "connection: {{ key_hours: {hours}, look_up: {look_up} }}")?;
    writeln!(file, "engine: {{ max_in_flight: {} }}", plan.window)?;
    for campaign in &plan.campaigns {
        writeln!(file, "subscribers: [{{ count: {} }}]", campaign.recipients)?;
        writeln!(file, "campaign:\n  steps:")?;
        for step in 0..campaign.steps {
            let delay = format!(", delay: {}s", campaign.delay.num_seconds());
            let delay = if step > 0 { delay.as_str() } else { "" };
            writeln!(file, "    - {{ body: \"Step {step}\"{delay} }}")?;
        }
    }
    let mut attempts: BTreeMap<u32, Vec<uuid::Uuid>> = BTreeMap::new();
    let mut rules = String::new();
    for post in &world.posts {
        let of_phone = attempts.entry(post.place.phone).or_default();
        if of_phone.contains(&post.attempt) {
            continue;
        }
        of_phone.push(post.attempt);
        let Some(does) = does(post.fate) else { continue };
        let (phone, attempt) = (post.place.phone, of_phone.len());
        writeln!(
            rules,
            "  - {{ when: {{ to: \"+1415555010{phone}\", attempt: {attempt} }}, {does} }}"
        )?;
    }
    if !rules.is_empty() {
        write!(file, "rules:\n{rules}")?;
    }
    writeln!(file, "steps:\n  - create: {{}}\n  - activate: {{}}\n  - until: idle")?;
    Ok(file)
}

/// What the aggregator does, as a rule says it; nothing where all goes well.
fn does(fate: &str) -> Option<&'static str> {
    Some(match fate {
        "answer lost" => "transport: close_after_read, accepts: true",
        "lost on the way" => "transport: close_after_read, accepts: false",
        "refused" => "respond: { error: InvalidNumber }",
        "throttled" => "respond: { error: RateLimited }",
        "turned away" => "respond: { error: ServiceUnavailable }",
        _ => return None,
    })
}
