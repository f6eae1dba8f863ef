//! `harness chaos kills`: the service is killed at random moments while it hands over thousands of messages.
//!
//! One campaign follows the other, and each process lives for a random moment. In the end everything is let run
//! dry, and the one journal of all of it is judged.
//!
//! **Invariant:** the moments are drawn from the seed; what the service does in them is its own.

use super::{
    Error,
    ledger::Entry,
    place::{self, Place},
    plays::Rest,
    races::phones,
    stage::{Launch, Setting, Stage},
    tell,
    template::Template,
};
use crate::{
    dice,
    scenario::{
        Agreement, Engine, Latency, ReceiptStatus, ReceiptStep, Scenario, Span, Subscribers,
    },
};
use serde_json::json;
use std::time::{Duration, Instant};

/// How many times as fast as time civil time passes: what became of messages is asked for soon.
pub(super) const SPEED: u32 = 60;
/// The shortest life of a process once it answers, in microseconds.
const LIFE_MIN_US: u64 = 5_000;
/// What may come to it.
const LIFE_MORE_US: u64 = 350_000;
/// Hand-overs in flight at once.
const IN_FLIGHT: u32 = 16;
/// How long the aggregator takes to answer.
const LATENCY: Span = Span::from_ms(4);
/// The most kills and recipients of one run.
const COUNT_MAX: u64 = 100_000;
/// How often it is told how far it is.
const TOLD_EVERY: u64 = 20;
/// Everything becomes known in the end, and everything gets a receipt.
pub(super) const REST: Rest = Rest { has_answers: true, has_receipts: true, stops: None };

/// What to run, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How often the service is killed.
    #[arg(long)]
    count: u64,
    /// What the moments are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The recipients of each campaign.
    #[arg(long, default_value_t = 2_000)]
    messages: u32,
    #[command(flatten)]
    place: place::Whereabouts,
}

/// Kills.
pub(super) async fn run(options: &Options) -> Result<Entry, Error> {
    if options.count == 0 || options.count > COUNT_MAX || options.messages == 0 {
        return Err(Error::Option("`--count` must be from 1 to 100000, `--messages` at least 1"));
    }
    if u64::from(options.messages) > COUNT_MAX {
        return Err(Error::Option("`--messages` must be at most 100000"));
    }
    let began = Instant::now();
    let place = Place::open(&options.place).await?;
    let story = story("kills", options.seed, options.messages);
    let template = Template::make(&place.store, "set_up", story).await?;
    let address = place::address()?;
    let setting = Setting { place: &place, template: &template, address, speed: SPEED };
    let mut stage = Stage::open(setting, "run").await?;
    stage.start(0).await?;
    let campaigns =
        campaigns_through(&mut stage, &template, options.count, async |stage, number| {
            let life = dice::below(options.seed, &["life", &number.to_string()], LIFE_MORE_US);
            tokio::time::sleep(Duration::from_micros(LIFE_MIN_US + life)).await;
            stage.kill().await?;
            stage.start(0).await
        })
        .await?;
    let outcome = stage.judge(&campaigns, REST).await?;
    outcome.show();
    place.store.drop("set_up").await?;
    let entry = Entry::new("kills", &outcome, began.elapsed())
        .of("", options.seed)
        .with_races(0, options.count);
    place.close(entry)
}

/// Sends one campaign after the other while `count` blows befall the service; answers with all of them.
pub(super) async fn campaigns_through<'a>(
    stage: &mut Stage<'a>,
    template: &Template,
    count: u64,
    mut blow: impl AsyncFnMut(&mut Stage<'a>, u64) -> Result<(), Error>,
) -> Result<Vec<String>, Error> {
    let mut campaigns = vec![next_campaign(stage, template, 0).await?];
    for number in 0..count {
        blow(stage, number).await?;
        let told = stage.progress().await?;
        if told.iter().all(|one| one.status == "SENT") {
            campaigns.push(next_campaign(stage, template, campaigns.len()).await?);
        }
        if number.is_multiple_of(TOLD_EVERY) {
            tell(&format!("{number} of {count} blows, {} campaigns", campaigns.len()));
        }
    }
    Ok(campaigns)
}

/// A site with so many recipients, and an aggregator that keeps keys and answers look-ups.
pub(super) fn story(name: &str, seed: u64, messages: u32) -> Scenario {
    let mut scenario = Scenario { name: name.to_owned(), seed, ..Scenario::default() };
    scenario.connection = Agreement { key_hours: 24, look_up: true };
    scenario.engine = Engine { max_in_flight: IN_FLIGHT, plan_batch: None };
    scenario.subscribers =
        vec![Subscribers { phones: phones(0, messages), ..Subscribers::default() }];
    scenario.defaults.latency = Latency { fixed: LATENCY };
    let status = ReceiptStatus::Delivered;
    scenario.defaults.receipts =
        vec![ReceiptStep { after: Span::from_ms(2_000), status, code: None }];
    scenario
}

/// Makes the next campaign to everybody, and activates it.
async fn next_campaign(
    stage: &mut Stage<'_>,
    template: &Template,
    number: usize,
) -> Result<String, Error> {
    let launch = Launch {
        name: format!("Sale {number}"),
        audiences: template.audiences.values().cloned().collect(),
        steps: json!([{ "body": format!("Sale {number}: 20% off today") }]),
    };
    stage.launch(&launch).await
}
