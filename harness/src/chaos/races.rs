//! `harness chaos cancels` and `harness chaos stops`: callers and phones that interrupt a dispatch at a random
//! moment, many times in one process of the service.
//!
//! **Invariant:** the moments are drawn from the seed; what the service does in them is its own.

use super::{
    Error,
    ledger::Entry,
    place::{self, Place},
    plays::Rest,
    stage::{Caller, Launch, Setting, Stage, call, post_stop},
    tell,
    template::Template,
};
use crate::{
    client::http_builder,
    dice,
    runner::calls::CANCEL,
    scenario::{Agreement, Audience, Engine, Latency, Scenario, Span, Subscribers},
    world,
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How many times as fast as time civil time passes: claims are told apart to some fifteen microseconds.
const SPEED: u32 = 60;
/// Races under way at once.
const AT_ONCE: usize = 3;
/// Hand-overs in flight at once: few, so that a dispatch has many claims.
const IN_FLIGHT: u32 = 6;
/// How long the aggregator takes to answer.
const LATENCY: Span = Span::from_ms(4);
/// The recipients of a campaign that is canceled.
const RECIPIENTS: u32 = 16;
/// The latest moment of a cancel after the activation was answered, in microseconds.
const CANCEL_WITHIN_US: u64 = 220_000;
/// The recipients of a campaign of which some text STOP, and how many of them do.
const STOP_RECIPIENTS: u32 = 24;
const STOPS: u32 = 8;
/// The latest moment of a STOP after the activation was answered, in microseconds.
const STOP_WITHIN_US: u64 = 300_000;
/// The most races.
const COUNT_MAX: u64 = 100_000;
/// Everything becomes known in the end; receipts would only be in the way.
const REST: Rest = Rest { has_answers: true, has_receipts: false, stops: None };

/// What to run, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How many races.
    #[arg(long)]
    count: u64,
    /// What the moments are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    place: place::Whereabouts,
}

/// Cancels campaigns.
pub(super) async fn cancels(options: &Options) -> Result<Entry, Error> {
    check(options)?;
    let people = Subscribers { phones: phones(0, RECIPIENTS), ..Subscribers::default() };
    let race = Race { kind: Kind::Cancel, options, campaigns: options.count };
    Box::pin(race.run(scenario(vec![people], BTreeMap::new()))).await
}

/// Posts STOP texts.
pub(super) async fn stops(options: &Options) -> Result<Entry, Error> {
    check(options)?;
    let campaigns = options.count.div_ceil(STOPS.into());
    let (mut people, mut audiences) = (Vec::new(), BTreeMap::new());
    for number in 0..u32::try_from(campaigns).unwrap_or(u32::MAX) {
        let tags = vec![tag(number.into())];
        let phones = phones(number * STOP_RECIPIENTS, STOP_RECIPIENTS);
        audiences
            .insert(tag(number.into()), Audience { tags_any: tags.clone(), ..Audience::default() });
        people.push(Subscribers { phones, tags, ..Subscribers::default() });
    }
    let race = Race { kind: Kind::Stop, options, campaigns };
    Box::pin(race.run(scenario(people, audiences))).await
}

fn check(options: &Options) -> Result<(), Error> {
    if options.count == 0 || options.count > COUNT_MAX {
        return Err(Error::Option("`--count` must be from 1 to 100000"));
    }
    Ok(())
}

/// The audience of one campaign.
fn tag(number: u64) -> String {
    format!("race-{number:06}")
}

/// Phones of nobody, from a number on.
pub(super) fn phones(from: u32, count: u32) -> Vec<String> {
    let phone = |number: u32| format!("+1415{}{:04}", 200 + number / 10_000, number % 10_000);
    (from..from + count).map(phone).collect()
}

fn scenario(subscribers: Vec<Subscribers>, audiences: BTreeMap<String, Audience>) -> Scenario {
    let mut scenario = Scenario { name: "races".to_owned(), subscribers, ..Scenario::default() };
    if !audiences.is_empty() {
        scenario.audiences = audiences;
    }
    scenario.connection = Agreement { key_hours: 24, look_up: true };
    scenario.engine = Engine { max_in_flight: IN_FLIGHT, plan_batch: None };
    scenario.defaults.latency = Latency { fixed: LATENCY };
    scenario.defaults.receipts = Vec::new();
    scenario
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cancel,
    Stop,
}

/// Many races of one kind.
struct Race<'a> {
    kind: Kind,
    options: &'a Options,
    campaigns: u64,
}

impl Race<'_> {
    async fn run(&self, scenario: Scenario) -> Result<Entry, Error> {
        let began = Instant::now();
        let place = Place::open(&self.options.place).await?;
        let template = Template::make(&place.store, "set_up", scenario).await?;
        let setting = Setting {
            place: &place,
            template: &template,
            address: place::address()?,
            speed: SPEED,
        };
        let mut stage = Stage::open(setting, "run").await?;
        stage.start(0).await?;
        let (caller, hook) = (stage.caller(), stage.hook());
        let numbers = stream::iter(0..self.campaigns);
        let all = numbers.map(|number| self.one(number, &caller, &hook, &template));
        let all: Vec<(String, u64)> = all.buffered(AT_ONCE).try_collect().await?;
        let races = all.iter().map(|(_, races)| races).sum();
        let campaigns: Vec<String> = all.into_iter().map(|(id, _)| id).collect();
        tell(&format!("{races} races in {} campaigns", campaigns.len()));
        let outcome = stage.judge(&campaigns, REST).await?;
        outcome.show();
        place.store.drop("set_up").await?;
        let name = if self.kind == Kind::Cancel { "cancels" } else { "stops" };
        let entry = Entry::new(name, &outcome, began.elapsed())
            .of("", self.options.seed)
            .with_races(races, 0);
        place.close(entry)
    }

    /// One campaign and what interrupts it; answers its id, and how many races that was.
    async fn one(
        &self,
        number: u64,
        caller: &Caller,
        hook: &str,
        template: &Template,
    ) -> Result<(String, u64), Error> {
        let audience = match self.kind {
            Kind::Cancel => template.audiences.values().next(),
            Kind::Stop => template.audiences.get(&tag(number)),
        };
        let launch = Launch {
            name: format!("Race {number}"),
            audiences: audience.cloned().into_iter().collect(),
            steps: json!([{ "body": format!("Race {number}: 20% off today") }]),
        };
        let id = caller.create(&launch).await?;
        let began_ms = caller.now_ms();
        caller.activate(&id).await?;
        let races = match self.kind {
            Kind::Cancel => self.cancel(number, &id, caller).await?,
            Kind::Stop => self.stop(number, caller, hook).await?,
        };
        caller.frozen(&id, began_ms).await?;
        Ok((id, races))
    }

    /// Cancels; a campaign that was sent by then refuses, and was no race.
    async fn cancel(&self, number: u64, id: &str, caller: &Caller) -> Result<u64, Error> {
        let number = number.to_string();
        let moment = dice::below(self.options.seed, &["cancel", &number], CANCEL_WITHIN_US);
        tokio::time::sleep(Duration::from_micros(moment)).await;
        let variables = json!({ "id": id, "input": { "idempotencyKey": format!("cancel {id}") } });
        let (client, recorder) = (&caller.client, &caller.recorder);
        let (_, is_done) = call(client, recorder, ("cancel", CANCEL), variables).await?;
        Ok(is_done.into())
    }

    /// Lets some of the recipients text STOP, each at a moment of their own.
    async fn stop(&self, number: u64, caller: &Caller, hook: &str) -> Result<u64, Error> {
        let first = u32::try_from(number).unwrap_or(u32::MAX).saturating_mul(STOP_RECIPIENTS);
        let http = http_builder().build().map_err(world::Error::Post)?;
        // Every third, so that they stand all over the campaign.
        let every = usize::try_from(STOP_RECIPIENTS / STOPS).unwrap_or(1);
        let phones = phones(first, STOP_RECIPIENTS);
        let stops = phones.iter().step_by(every).map(async |phone| {
            let moment = dice::below(self.options.seed, &["stop", phone], STOP_WITHIN_US);
            tokio::time::sleep(Duration::from_micros(moment)).await;
            post_stop(&caller.recorder, (&http, hook), &caller.clock, phone).await
        });
        let answered = try_join_all(stops).await?;
        let stored = answered.iter().filter(|status| (200..300).contains(*status)).count();
        Ok(u64::try_from(stored).unwrap_or_default())
    }
}
