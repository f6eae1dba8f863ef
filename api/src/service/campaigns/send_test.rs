//! Test sends: one step of a campaign, texted to a few numbers of the caller's own.
//!
//! **Invariant:** a test is no message: it is in no ledger and no count, starts no Smart Sending window,
//! and makes nobody a subscriber.
//! **Invariant:** what it is charged of a trial is charged before it leaves, and given back only on proof
//! that it was not taken.

use super::{
    super::secrets::InputDigest, CampaignError, Outcome, Refused, activate::blocker, not_found,
    once::Once, refuse, refuse_at,
};
use crate::{
    db::{
        Error, Txn, attributes, campaigns,
        direct_texts::{self, DirectText, NewDirectText},
        revisions, sites, subscribers, trials,
    },
    direct::{Handover, Route},
    service::{Actor, Fault, Service, audit::Act},
};
use domain::{
    Instant,
    audit::AuditOperation,
    campaign::{Campaign, Step},
    direct::{self, DirectKind},
    id::{CampaignId, DirectTextId, StepId},
    limits::{SEGMENTS_MAX, TEST_NUMBERS_MAX},
    message::MessageState,
    phone::PhoneNumber,
    reason::StatusReason,
    refusal::Refusal,
    site::{self, Site, SmsPlanStatus},
    template::{self, Rendered, Template},
    text::{self, Frame},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A test to send, as it came in.
#[derive(Clone)]
pub struct TestSending {
    /// The step; none for a text that is no id.
    pub step_id: Option<StepId>,
    /// Where to, in E.164.
    pub phone_numbers: Vec<String>,
    /// Makes a retry safe.
    pub idempotency_key: Option<String>,
}

/// What a test came to.
#[derive(Clone)]
pub struct TestSent {
    /// How many texts the aggregator accepted when they were handed over.
    pub accepted_count: i64,
    /// Each text, in the order of the numbers given.
    pub texts: Vec<DirectText>,
}

/// A test that passed its checks.
struct Composed {
    route: Route,
    texts: Vec<NewDirectText>,
}

const NUMBERS: &str = "input.phoneNumbers";
const STEP: &str = "input.stepId";

impl Service {
    /// Texts one step to a few numbers, and waits for the aggregator's answers.
    pub async fn campaign_send_test(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        test: TestSending,
    ) -> Refused<TestSent> {
        let now = self.clock.now();
        let Some(id) = id else { return Ok(not_found()) };
        let txn = self.db.begin_write().await?;
        let found = campaigns::find(&txn, actor.sites(), id).await?;
        let Some(campaign) = found else { return Ok(not_found()) };
        let digest = digest(id, &test);
        let key = test.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_send_test", key, &digest);
        match once.take(&txn, campaign.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return replay(&txn, &prior).await,
            Ok(None) => {}
        }
        let Composed { route, texts } = match compose(&txn, &campaign, &test, now).await? {
            Ok(composed) => composed,
            Err(refusals) => return Ok(Err(refusals)),
        };
        let mut handovers: Vec<Handover> = Vec::with_capacity(texts.len());
        let mut ids: Vec<DirectTextId> = Vec::with_capacity(texts.len());
        for text in texts {
            let queued = direct_texts::queue(&txn, &self.ids, text, now).await?;
            ids.push(queued.id);
            handovers.push(self.direct.claim(&txn, queued, &route, now).await?);
        }
        once.keep(&txn, answer(&ids)).await?;
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignSendTest), now).await?;
        txn.commit().await.map_err(Error::from)?;
        // In a task of its own: what was begun is finished even if the caller does not wait for it.
        let direct = self.direct.clone();
        match tokio::spawn(async move { direct.hand_over(handovers).await }).await {
            Ok(handed_over) => handed_over?,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            Err(_stopping) => {}
        }
        Ok(Ok(sent(direct_texts::find_many(self.db.read(), &ids).await?)))
    }
}

fn sent(texts: Vec<DirectText>) -> TestSent {
    let accepted = texts.iter().filter(|text| text.was_accepted).count();
    TestSent { accepted_count: i64::try_from(accepted).unwrap_or(i64::MAX), texts }
}

fn answer(ids: &[DirectTextId]) -> Value {
    json!({ "texts": ids.iter().map(DirectTextId::to_string).collect::<Vec<_>>() })
}

/// Answers a repeated call with the texts of the first, or says that the first still runs.
async fn replay(txn: &Txn, prior: &Value) -> Refused<TestSent> {
    let ids = prior.get("texts").and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<DirectTextId> =
        ids.filter_map(|id| id.as_str()?.parse::<DirectTextId>().ok()).collect();
    let texts = direct_texts::find_many(txn, &ids).await?;
    if texts.iter().any(|text| text.standing.state == MessageState::InFlight) {
        let message = "A call with the same idempotency key is still running: retry shortly.";
        let code = CampaignError::IdempotencyKeyInUse;
        return Ok(refuse_at(code, "input.idempotencyKey", message));
    }
    Ok(Ok(sent(texts)))
}

/// Checks everything, renders a text for each number, and charges a trial for them. Every problem is named.
async fn compose(
    txn: &Txn,
    campaign: &Campaign,
    test: &TestSending,
    now: Instant,
) -> Result<Outcome<Composed, CampaignError>, Fault> {
    let (phones, mut problems) = numbers(&test.phone_numbers);
    let Some(site) = sites::find(txn, campaign.site_id).await? else { return Ok(not_found()) };
    let route = Route::of(txn, site.id).await?;
    let blockers = site::sending_blockers(&site, route.is_some(), now).into_iter();
    // A text without a short link needs no subdomain.
    let blockers = blockers.filter(|reason| *reason != StatusReason::SubdomainMissing);
    problems.extend(blockers.map(blocker));
    let opted_out =
        subscribers::opted_out(txn, site.id, phones.iter().map(|(_, phone)| phone.as_str()))
            .await?;
    for (at, _) in phones.iter().filter(|(_, phone)| opted_out.contains(phone.as_str())) {
        let message = "The number opted out of the site's texts, and carriers would block it.";
        problems.push(Refusal::at(CampaignError::OptedOut, &format!("{NUMBERS}.{at}"), message));
    }
    let steps = revisions::steps(txn, campaign.revision_id).await?;
    let Some(step) = steps.into_iter().find(|step| Some(step.id) == test.step_id) else {
        let message = "The campaign has no such step.";
        problems.push(Refusal::at(CampaignError::StepNotFound, STEP, message));
        return Ok(Err(problems));
    };
    let phones: Vec<PhoneNumber> = phones.into_iter().map(|(_, phone)| phone).collect();
    let rendered = match render(txn, campaign, &site, &step, &phones).await? {
        Ok(rendered) => rendered,
        Err(refusal) => {
            problems.push(refusal);
            Vec::new()
        }
    };
    let Some(route) = route.filter(|_| problems.is_empty()) else { return Ok(Err(problems)) };
    let is_trial = site.plan == SmsPlanStatus::Trial;
    let charged = |text: &Rendered| if is_trial { i64::from(text.measure.segments) } else { 0 };
    let total = rendered.iter().map(charged).sum();
    if is_trial && !trials::spend(txn, site.id, total).await? {
        let message = format!("The test takes {total} segments, and the trial has fewer left.");
        return Ok(refuse(CampaignError::TrialLimitReached, message));
    }
    let texts = phones.into_iter().zip(rendered).map(|(phone, text)| NewDirectText {
        site_id: site.id,
        kind: DirectKind::Test,
        of: Some((campaign.id, step.id)),
        phone,
        charged: charged(&text),
        text: text.text,
        media_url: step.media_url.clone(),
    });
    Ok(Ok(Composed { route, texts: texts.collect() }))
}

/// The numbers that can be texted, each with its place, and what is wrong with the others.
fn numbers(given: &[String]) -> (Vec<(usize, PhoneNumber)>, Vec<Refusal<CampaignError>>) {
    let (mut phones, mut problems) = (Vec::new(), Vec::new());
    if given.is_empty() {
        problems.push(Refusal::at(CampaignError::Blank, NUMBERS, "There is no number to text."));
    } else if given.len() > TEST_NUMBERS_MAX {
        let message = format!("A test goes to at most {TEST_NUMBERS_MAX} numbers.");
        problems.push(Refusal::at(CampaignError::TooLong, NUMBERS, message));
    }
    for (at, text) in given.iter().enumerate().take(TEST_NUMBERS_MAX) {
        let path = format!("{NUMBERS}.{at}");
        match PhoneNumber::parse(text) {
            Ok(phone) if phones.iter().any(|(_, known)| *known == phone) => {
                let message = "The same number is given before.";
                let code = CampaignError::DuplicatePhoneNumber;
                problems.push(Refusal::at(code, &path, message));
            }
            Ok(phone) => phones.push((at, phone)),
            Err(invalid) => {
                let message = format!("The number is {invalid}.");
                problems.push(Refusal::at(CampaignError::InvalidPhoneNumber, &path, message));
            }
        }
    }
    (phones, problems)
}

/// The marked text for each number: with the attributes of the subscriber whose number it is, and with
/// samples of what nobody has.
async fn render(
    txn: &Txn,
    campaign: &Campaign,
    site: &Site,
    step: &Step,
    phones: &[PhoneNumber],
) -> Result<Result<Vec<Rendered>, Refusal<CampaignError>>, Fault> {
    let invalid = |message: String| Refusal::at(CampaignError::ContentInvalid, STEP, message);
    let template = match Template::parse(&step.body) {
        Ok(template) => template,
        Err(problem) => return Ok(Err(invalid(problem.to_string()))),
    };
    let frozen = revisions::frozen_frame(txn, campaign.revision_id).await?;
    let frame = frozen.unwrap_or_else(|| site.frame.clone());
    let attributes = attributes::by_phone(txn, site.id, phones).await?;
    let mut texts = Vec::with_capacity(phones.len());
    for phone in phones {
        let attributes = attributes.get(phone.as_str());
        let values = values(&template, attributes, &site.name);
        match filled(&template, &frame, &values) {
            Ok(text) => texts.push(text),
            Err(message) => return Ok(Err(invalid(message))),
        }
    }
    Ok(Ok(texts))
}

/// A subscriber's own values, with a sample of each that is missing and has no fallback; for somebody
/// else, samples of all.
fn values(
    template: &Template,
    attributes: Option<&BTreeMap<String, String>>,
    site_name: &str,
) -> BTreeMap<String, String> {
    let none = BTreeMap::new();
    let mut values = template.values(attributes.unwrap_or(&none), site_name);
    for variable in template.variables() {
        if attributes.is_none() || !variable.has_fallback {
            let sample = || template::sample(variable.name);
            values.entry(variable.name.to_owned()).or_insert_with(sample);
        }
    }
    values
}

/// The marked text, or why it cannot be sent.
fn filled(
    template: &Template,
    frame: &Frame,
    values: &BTreeMap<String, String>,
) -> Result<Rendered, String> {
    let body = template.render(|name| values.get(name).map(String::as_str));
    if body.is_ok_and(|body| text::is_blank(&body)) {
        return Err("The text is blank where its variables have no value.".to_owned());
    }
    let rendered = template::render(template, frame, values).map_err(|missing| {
        format!("The variable `{}` has neither a value nor a fallback.", missing.name)
    })?;
    let marked = direct::marked(&rendered);
    let segments = marked.measure.segments;
    if segments > SEGMENTS_MAX {
        let most = format!("and at most {SEGMENTS_MAX} can be sent");
        return Err(format!("Marked as a test, the text takes {segments} segments, {most}."));
    }
    Ok(marked)
}

fn digest(id: CampaignId, test: &TestSending) -> String {
    let step = test.step_id.map(|step| step.to_string());
    InputDigest::default()
        .field(&id.to_string())
        .optional(step.as_deref())
        .list(test.phone_numbers.iter())
        .finish()
}
