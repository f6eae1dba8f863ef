//! Subscribers.

use super::{
    Actor, Fault, Page, PageRequest, Service,
    audit::Act,
    check::{choose_site, tag_problem},
};
use crate::{
    db::{
        Error, Txn, attributes, audiences, consent, launches, sites,
        subscribers::{self, InZones},
    },
    ports::Task,
};
use domain::{
    Instant,
    audit::AuditOperation,
    consent::History,
    id::{AudienceId, SiteId, SubscriberId},
    limits::{
        ATTRIBUTE_CHARS_MAX, ATTRIBUTES_MAX, POSTAL_CODE_CHARS_MAX, TAGS_MAX, UPSERT_MAX,
        VARIABLE_NAME_CHARS_MAX,
    },
    phone::PhoneNumber,
    place::{Place, is_postal_code},
    refusal::{Refusal, SubscriberError},
    subscriber::{Subscriber, SubscriberStatus},
    template, text,
    zone::Zone,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A subscriber to add or change, as it came in. What is left out stays as it is; none inside clears.
#[derive(Clone, Default)]
pub struct NewSubscriber {
    /// The phone number, in E.164.
    pub phone_number: String,
    /// The time zone.
    pub zone: Option<Option<Zone>>,
    /// The time zone last seen.
    pub observed_zone: Option<Option<Zone>>,
    /// The postal code.
    pub postal_code: Option<Option<String>>,
    /// Values for the variables of texts with their names, in place of those now set.
    pub attributes: Option<Vec<(String, String)>>,
    /// Labels, in place of those now set.
    pub tags: Option<Vec<String>>,
    /// When consent was given; by default now, for a new subscriber.
    pub subscribed_at: Option<Instant>,
}

/// What an upsert came to.
#[derive(Clone, Debug)]
pub struct Upserted {
    /// The subscribers in the order given, with none for each refused.
    pub subscribers: Vec<Option<SubscriberView>>,
    /// Which rows were refused and why; `field` names the row.
    pub refusals: Vec<Refusal<SubscriberError>>,
}

/// A subscriber with tags and the zone in use.
#[derive(Clone, Debug)]
pub struct SubscriberView {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// Where the subscriber is taken to be.
    pub place: Place,
    /// Labels, sorted.
    pub tags: Vec<String>,
}

/// Which subscribers to keep.
#[derive(Clone, Debug, Default)]
pub struct SubscriberFilter {
    /// In one of these statuses.
    pub statuses: Option<Vec<SubscriberStatus>>,
    /// With at least one of these tags.
    pub tags_any: Option<Vec<String>>,
    /// With exactly this phone number.
    pub phone: Option<PhoneNumber>,
    /// Taken to be in one of these zones.
    pub zones: Option<Vec<Zone>>,
    /// Whether their words may be a wish to opt out and nobody has cleared them.
    pub is_suspected: Option<bool>,
    /// A member of this audience.
    pub audience: Option<AudienceId>,
}

impl NewSubscriber {
    /// Sets what is given.
    fn change(&self, subscriber: &mut Subscriber) {
        if let Some(zone) = self.zone {
            subscriber.zone = zone;
        }
        if let Some(zone) = self.observed_zone {
            subscriber.observed_zone = zone;
        }
        if let Some(postal_code) = &self.postal_code {
            subscriber.postal_code.clone_from(postal_code);
        }
        if let Some(attributes) = &self.attributes {
            subscriber.attributes = attributes.iter().cloned().collect();
        }
        if let Some(at) = self.subscribed_at {
            subscriber.subscribed_at = at;
        }
    }
}

/// A row of an upsert that passed its checks.
struct Row {
    at: usize,
    phone: PhoneNumber,
    new: NewSubscriber,
}

/// What is known of a row's number before it is written.
struct Before {
    subscriber: Option<Subscriber>,
    has_opted_out: bool,
    said: History,
}

/// What writing a row came to.
struct Written {
    subscriber: Subscriber,
    /// Whether it gives account of consent that was not known.
    consents: bool,
    /// Whether it took a tag away.
    untagged: bool,
}

impl Service {
    /// Adds subscribers, or changes those whose number is known. Good rows are kept when others are refused.
    pub async fn subscribers_upsert(
        &self,
        actor: &Actor,
        site: Option<SiteId>,
        rows: Vec<NewSubscriber>,
    ) -> Result<Upserted, Fault> {
        let refuse_all =
            |refusal| Upserted { subscribers: vec![None; rows.len()], refusals: vec![refusal] };
        let (missing, unnamed) = (SubscriberError::NotFound, SubscriberError::SiteRequired);
        let site_id = match choose_site(actor, site, missing, unnamed) {
            Ok(site_id) => site_id,
            Err(refusal) => return Ok(refuse_all(refusal)),
        };
        if rows.len() > UPSERT_MAX {
            let message = format!("There are more than {UPSERT_MAX} subscribers in one call.");
            let refusal = Refusal::at(SubscriberError::TooMany, "input.subscribers", message);
            return Ok(Upserted { subscribers: Vec::new(), refusals: vec![refusal] });
        }
        let count = rows.len();
        let now = self.clock.now();
        let (mut rows, refusals) = check(rows, now);
        // Two calls that add the same numbers wait for each other in the same order.
        rows.sort_by(|a, b| a.phone.cmp(&b.phone));
        let txn = self.db.begin_write().await?;
        let mut written = Vec::with_capacity(rows.len());
        let phones: Vec<_> = rows.iter().map(|row| row.phone.clone()).collect();
        let known = subscribers::lock_by_phones(&txn, site_id, &phones).await?;
        let phones = || phones.iter().map(PhoneNumber::as_str);
        let opted_out = subscribers::opted_out(&txn, site_id, phones()).await?;
        let said = consent::histories(&txn, site_id, phones()).await?;
        let (mut consenting, mut untagged) = (Vec::new(), false);
        for row in rows {
            let (at, phone) = (row.at, row.phone.as_str());
            let before = Before {
                subscriber: known.get(&row.phone).cloned(),
                has_opted_out: opted_out.contains(phone),
                said: said.get(phone).copied().unwrap_or_default(),
            };
            let wrote = self.upsert(&txn, site_id, row, before, now).await?;
            consenting.extend(wrote.consents.then(|| wrote.subscriber.clone()));
            untagged |= wrote.untagged;
            written.push((at, wrote.subscriber));
        }
        if untagged {
            subscribers::forget_tags(&txn, site_id, now).await?;
        }
        let given =
            written.iter().map(|(_, subscriber): &(usize, Subscriber)| &subscriber.attributes);
        attributes::note(&txn, site_id, given).await?;
        consent::given(&txn, &self.ids, &actor.name, &consenting, now).await?;
        let ids: Vec<SubscriberId> = written.iter().map(|(_, subscriber)| subscriber.id).collect();
        let is_earlier = launches::joined(&txn, site_id, &ids, now).await?;
        if !written.is_empty() {
            let act = Act::new(AuditOperation::SubscribersUpsert, site_id, &site_id);
            self.note(&txn, actor, act.partial(!refusals.is_empty()), now).await?;
        }
        txn.commit().await.map_err(Error::from)?;
        if is_earlier {
            self.bells.ring(Task::Scheduler);
        }
        let (places, written): (Vec<usize>, Vec<Subscriber>) = written.into_iter().unzip();
        let views = self.views(site_id, written).await?;
        let mut by_place: BTreeMap<usize, SubscriberView> = places.into_iter().zip(views).collect();
        let subscribers = (0..count).map(|at| by_place.remove(&at)).collect();
        Ok(Upserted { subscribers, refusals })
    }

    /// Writes a row. Adding a number that opted out does not subscribe it again: only the person's own START
    /// does.
    async fn upsert(
        &self,
        txn: &Txn,
        site_id: SiteId,
        row: Row,
        before: Before,
        now: Instant,
    ) -> Result<Written, Fault> {
        let Before { subscriber, has_opted_out, said } = before;
        let (mut consents, mut untagged) = (false, false);
        let subscriber = if let Some(mut known) = subscriber {
            let given_at = row.new.subscribed_at.unwrap_or(known.subscribed_at);
            consents = given_at != known.subscribed_at
                && !has_opted_out
                && known.status != SubscriberStatus::Unsubscribed;
            row.new.change(&mut known);
            subscribers::update(txn, &known, now).await?;
            known
        } else {
            let status = if has_opted_out {
                SubscriberStatus::Unsubscribed
            } else {
                SubscriberStatus::Subscribed
            };
            let mut new = Subscriber {
                id: self.ids.next(),
                site_id,
                phone: row.phone,
                status,
                zone: None,
                observed_zone: None,
                postal_code: None,
                attributes: BTreeMap::new(),
                subscribed_at: now,
                unsubscribed_at: has_opted_out.then(|| said.opted_out_at.unwrap_or(now)),
                last_messaged_at: None,
                suspected_opt_out_at: said.suspicion().filter(|_| !has_opted_out),
            };
            row.new.change(&mut new);
            if subscribers::insert(txn, &new, now).await? {
                consents = !has_opted_out;
                new
            } else {
                // Another call added the number at this moment: change what that one made.
                let phones = [new.phone.clone()];
                let found = subscribers::lock_by_phones(txn, site_id, &phones).await?;
                let mut made = found.into_values().next().unwrap_or(new);
                row.new.change(&mut made);
                subscribers::update(txn, &made, now).await?;
                made
            }
        };
        if let Some(tags) = &row.new.tags {
            let tags: Vec<String> =
                tags.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
            untagged |= subscribers::set_tags(txn, (site_id, subscriber.id), &tags, now).await?;
        }
        Ok(Written { subscriber, consents, untagged })
    }

    /// Subscribers of a site, by id.
    pub async fn subscribers(
        &self,
        actor: &Actor,
        site_id: SiteId,
        filter: &SubscriberFilter,
        page: &PageRequest,
    ) -> Result<Page<SubscriberView>, Fault> {
        let Some(site_id) = actor.site(Some(site_id)) else { return Ok(Page::empty()) };
        let filter = self.filter(actor, site_id, filter).await?;
        let Some(filter) = filter else { return Ok(Page::empty()) };
        let page = subscribers::page(self.db.read(), site_id, &filter, page).await?;
        let (cursors, found): (Vec<_>, Vec<_>) = page.items.into_iter().unzip();
        let views = self.views(site_id, found).await?;
        Ok(Page {
            items: cursors.into_iter().zip(views).collect(),
            has_next: page.has_next,
            has_previous: page.has_previous,
        })
    }

    /// How many match.
    pub async fn subscriber_count(
        &self,
        actor: &Actor,
        site_id: SiteId,
        filter: &SubscriberFilter,
    ) -> Result<i64, Fault> {
        let Some(site_id) = actor.site(Some(site_id)) else { return Ok(0) };
        let Some(filter) = self.filter(actor, site_id, filter).await? else { return Ok(0) };
        Ok(subscribers::count(self.db.read(), site_id, &filter).await?)
    }

    /// One subscriber.
    pub async fn subscriber(
        &self,
        actor: &Actor,
        id: SubscriberId,
    ) -> Result<Option<SubscriberView>, Fault> {
        let found = subscribers::find(self.db.read(), actor.sites(), id).await?;
        let Some(found) = found else { return Ok(None) };
        Ok(self.views(found.site_id, vec![found]).await?.pop())
    }

    /// The filter with its audience's rules read; none when there is no such audience.
    async fn filter(
        &self,
        actor: &Actor,
        site_id: SiteId,
        filter: &SubscriberFilter,
    ) -> Result<Option<subscribers::Filter>, Fault> {
        let rules = match filter.audience {
            None => None,
            Some(id) => {
                let found = audiences::find_many(self.db.read(), actor.sites(), &[id]).await?.pop();
                let Some(audience) = found else { return Ok(None) };
                Some(audience.rules)
            }
        };
        let zones = match &filter.zones {
            None => None,
            Some(zones) => {
                Some(InZones { zones: zones.clone(), site: self.zone_of(site_id).await? })
            }
        };
        Ok(Some(subscribers::Filter {
            statuses: filter.statuses.clone(),
            tags_any: filter.tags_any.clone(),
            phone: filter.phone.clone(),
            is_suspected: filter.is_suspected,
            rules,
            zones,
        }))
    }

    /// The zone of a site.
    async fn zone_of(&self, site_id: SiteId) -> Result<Zone, Fault> {
        let site = sites::find(self.db.read(), site_id).await?;
        Ok(site.map_or(Zone::UTC, |site| site.zone))
    }

    async fn views(
        &self,
        site_id: SiteId,
        found: Vec<Subscriber>,
    ) -> Result<Vec<SubscriberView>, Fault> {
        let ids: Vec<SubscriberId> = found.iter().map(|subscriber| subscriber.id).collect();
        let mut tags = subscribers::tags(self.db.read(), &ids).await?;
        let site_zone = self.zone_of(site_id).await?;
        let view = |subscriber: Subscriber| SubscriberView {
            place: subscriber.place(site_zone),
            tags: tags.remove(&subscriber.id).unwrap_or_default(),
            subscriber,
        };
        Ok(found.into_iter().map(view).collect())
    }
}

fn check(rows: Vec<NewSubscriber>, now: Instant) -> (Vec<Row>, Vec<Refusal<SubscriberError>>) {
    let (mut good, mut refusals) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut seen = HashSet::new();
    for (at, new) in rows.into_iter().enumerate() {
        match check_row(at, new, &mut seen, now) {
            Ok(row) => good.push(row),
            Err(refusal) => refusals.push(refusal),
        }
    }
    (good, refusals)
}

fn check_row(
    at: usize,
    new: NewSubscriber,
    seen: &mut HashSet<PhoneNumber>,
    now: Instant,
) -> Result<Row, Refusal<SubscriberError>> {
    let path = format!("input.subscribers.{at}");
    let phone_path = format!("{path}.phoneNumber");
    let phone = PhoneNumber::parse(&new.phone_number).map_err(|invalid| {
        Refusal::at(
            SubscriberError::InvalidPhoneNumber,
            &phone_path,
            format!("The number is {invalid}."),
        )
    })?;
    if !seen.insert(phone.clone()) {
        let message = "The same number is given in an earlier row.";
        return Err(Refusal::at(SubscriberError::DuplicatePhoneNumber, &phone_path, message));
    }
    if new.subscribed_at.is_some_and(|at| at > now || at < Instant::UNIX_EPOCH) {
        let message = "Consent was given at some time since 1970, and not in the future.";
        return Err(Refusal::at(
            SubscriberError::Invalid,
            &format!("{path}.subscribedAt"),
            message,
        ));
    }
    if let Some((field, message)) = place_or_attribute_problem(&new) {
        return Err(Refusal::at(SubscriberError::Invalid, &format!("{path}.{field}"), message));
    }
    for (tag_at, tag) in new.tags.iter().flatten().enumerate() {
        let problem = if tag_at >= TAGS_MAX {
            Some(format!("There are more than {TAGS_MAX} tags."))
        } else {
            tag_problem(tag)
        };
        if let Some(message) = problem {
            let path = format!("{path}.tags.{tag_at}");
            return Err(Refusal::at(SubscriberError::Invalid, &path, message));
        }
    }
    Ok(Row { at, phone, new })
}

/// What is wrong with a postal code or an attribute, if anything: the field, and a sentence.
fn place_or_attribute_problem(new: &NewSubscriber) -> Option<(String, String)> {
    if let Some(Some(code)) = &new.postal_code
        && !is_postal_code(code)
    {
        let message = format!(
            "A postal code has letters, digits, spaces and dashes, at most {POSTAL_CODE_CHARS_MAX}."
        );
        return Some(("postalCode".to_owned(), message));
    }
    let mut names = HashSet::new();
    for (at, (name, value)) in new.attributes.iter().flatten().enumerate() {
        let problem = if at >= ATTRIBUTES_MAX {
            Some(("", format!("There are more than {ATTRIBUTES_MAX} attributes.")))
        } else if !template::is_name(name) {
            let message = format!(
                "A name has small letters, digits and underscores, a letter first, and at most \
                 {VARIABLE_NAME_CHARS_MAX} characters."
            );
            Some((".name", message))
        } else if names.insert(name) {
            value_problem(value).map(|message| (".value", message))
        } else {
            Some((".name", "The same name is given to an earlier attribute.".to_owned()))
        };
        if let Some((field, message)) = problem {
            return Some((format!("attributes.{at}{field}"), message));
        }
    }
    None
}

/// What is wrong with an attribute's value, if anything.
fn value_problem(value: &str) -> Option<String> {
    if value.chars().count() > ATTRIBUTE_CHARS_MAX {
        return Some(format!("The value is longer than {ATTRIBUTE_CHARS_MAX} characters."));
    }
    if value.chars().any(|c| matches!(c, '\n' | '\r')) {
        return Some("The value has a line break.".to_owned());
    }
    text::problem_in(value).map(|hidden| hidden.to_string())
}
