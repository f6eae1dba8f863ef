//! How a story ended: each campaign held to account, and the service's ledger against the
//! aggregator's.
//!
//! **Invariant:** the aggregator's ledger is the truth about what reached the world; the service's
//! must say the same of every message, or say that it does not know.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::story::Story;
use crate::aggregator::Ledger;
use crate::privacy::mask;
use crate::timeline::{CampaignEnd, Finale, Repeat, Text};
use crate::world::{Audit, Row};

/// The closing block of a story; what is wrong is noted among its problems.
pub(super) async fn finale(story: &mut Story<'_>) -> Result<Finale, Error> {
    let mut audits = Vec::new();
    for made in &story.made {
        audits.push(story.world.audit(&made.id).await?);
    }
    for audit in &audits {
        if let Err(error) = audit.balances() {
            story.problems.push(api::causes::line(&error));
        }
    }
    let core = story.world.aggregator().core();
    let direct = story.world.direct_texts().await?;
    story.problems.extend(core.with_ledger(|ledger| against(ledger, &audits, &direct)));
    let scenario = story.scenario;
    for (index, one) in scenario.expect.iter().enumerate() {
        let many = scenario.expect.0.len() > 1;
        let place = if many { format!("expect[{index}]") } else { "expect".to_owned() };
        story.hold_to(&place, one, &audits).await?;
    }
    let attempts = story.world.attempts().await?;
    let repeats = core.with_ledger(|ledger| repeats(ledger, &audits, &attempts));
    let campaigns = audits.into_iter().map(end).collect();
    Ok(Finale { campaigns, ledger: core.summary(), repeats })
}

/// Who was texted more than once, and with what. `attempts` are the ids of messages by what their hand-overs
/// were named to the aggregator.
fn repeats(ledger: &Ledger, audits: &[Audit], attempts: &BTreeMap<String, String>) -> Vec<Repeat> {
    let rows = audits.iter().enumerate().flat_map(|(order, audit)| {
        let row = move |row: &Row| (row.id.clone(), (order, row.position));
        audit.rows.iter().map(row)
    });
    let places: BTreeMap<String, (usize, u64)> = rows.collect();
    // A text of no campaign comes last.
    let last = (audits.len(), 0);
    let mut phones: BTreeMap<&str, BTreeMap<(usize, u64), u64>> = BTreeMap::new();
    for taken in ledger.iter() {
        let message = attempts.get(&taken.request.reference);
        let place = message.and_then(|id| places.get(id)).copied().unwrap_or(last);
        *phones.entry(&taken.request.to).or_default().entry(place).or_default() += 1;
    }
    let text = |(order, position): (usize, u64)| match audits.get(order) {
        Some(audit) => Text::Message { campaign: audit.id.clone(), position },
        None => Text::OfNoCampaign,
    };
    let several = phones.into_iter().filter(|(_, texts)| texts.values().sum::<u64>() > 1);
    let repeat = |(phone, texts): (&str, BTreeMap<(usize, u64), u64>)| Repeat {
        phone: phone.to_owned(),
        texts: texts.into_iter().map(|(place, count)| (text(place), count)).collect(),
    };
    several.map(repeat).collect()
}

fn end(audit: Audit) -> CampaignEnd {
    CampaignEnd {
        id: audit.id,
        status: audit.status,
        reason: audit.reason,
        counts: audit.counts,
        messages: audit.messages,
    }
}

/// What the service's ledger says otherwise than the aggregator's: a message that was never taken, one
/// that was taken and is not accounted for, one that was taken twice.
fn against(ledger: &Ledger, audits: &[Audit], direct: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut known, mut open): (BTreeMap<&str, u64>, BTreeMap<&str, u64>) = Default::default();
    for (id, phone) in direct {
        *known.entry(id).or_default() += 1;
        if ledger.find(id).is_none_or(|taken| taken.request.to != *phone) {
            problems.push(format!("{id}, of no campaign, was never taken for {}", mask(phone)));
        }
    }
    for audit in audits {
        problems
            .extend(twice(&audit.rows).map(|phone| {
                format!("{}: {} has two messages of one step", audit.id, mask(phone))
            }));
        for row in &audit.rows {
            match &row.aggregator_id {
                Some(id) => {
                    *known.entry(id).or_default() += 1;
                    if ledger.find(id).is_none_or(|taken| taken.request.to != row.phone) {
                        let what = format!("{id} was never taken for {}", mask(&row.phone));
                        problems.push(format!("{}: {what}", audit.id));
                    }
                }
                None if row.status == "UNKNOWN" => *open.entry(&row.phone).or_default() += 1,
                None => {}
            }
        }
    }
    for taken in ledger.iter() {
        match known.get(taken.id.as_str()) {
            Some(1) => {}
            Some(more) => problems.push(format!("{} is said of {more} messages", taken.id)),
            None => {
                let open = open.entry(&taken.request.to).or_default();
                if *open == 0 {
                    let to = mask(&taken.request.to);
                    problems.push(format!("{} was taken for {to} and nobody knows", taken.id));
                }
                *open = open.saturating_sub(1);
            }
        }
    }
    problems
}

/// The phones with more than one message of one step.
fn twice(rows: &[Row]) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    let repeated = rows.iter().filter(move |row| !seen.insert((&row.step, &row.phone)));
    repeated.map(|row| row.phone.as_str())
}
