//! Subscribers.

use super::{
    Actor, Fault, Page, PageRequest, Service,
    audit::Act,
    check::{choose_site, tag_problem},
};
use crate::{
    db::{
        self, Error, Txn, attributes, audiences, consent, launches, page, sites,
        subscribers::{self, InZones},
    },
    ports::Task,
};
use domain::{
    Instant,
    audience::AudienceRules,
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
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
        let views = self.views(written).await?;
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

    /// A page of each list of subscribers, in the order asked; empty for a site that the caller does not reach.
    pub async fn subscribers(
        &self,
        actor: &Actor,
        asked: &[(SiteId, SubscriberFilter)],
        page: &PageRequest,
    ) -> Result<Vec<Page<SubscriberView>>, Fault> {
        let (places, filters) = self.filters(actor, asked).await?;
        let found = subscribers::pages(self.db.read(), &filters, page).await?;
        let found = page::map_all(found, async |found| self.views(found).await).await?;
        let mut pages: Vec<_> = asked.iter().map(|_| Page::empty()).collect();
        for (at, found) in places.into_iter().zip(found) {
            if let Some(page) = pages.get_mut(at) {
                *page = found;
            }
        }
        Ok(pages)
    }

    /// How many match, in the order asked.
    pub async fn subscriber_totals(
        &self,
        actor: &Actor,
        asked: &[(SiteId, SubscriberFilter)],
    ) -> Result<Vec<i64>, Fault> {
        let (places, filters) = self.filters(actor, asked).await?;
        let counts = subscribers::counts(self.db.read(), &filters).await?;
        let counts: BTreeMap<usize, i64> = places.into_iter().zip(counts).collect();
        Ok((0..asked.len()).map(|at| counts.get(&at).copied().unwrap_or_default()).collect())
    }

    /// One subscriber.
    pub async fn subscriber(
        &self,
        actor: &Actor,
        id: SubscriberId,
    ) -> Result<Option<SubscriberView>, Fault> {
        Ok(self.subscribers_by_id(actor, &[id]).await?.pop())
    }

    /// Those of these subscribers that are of the caller's sites, in no order.
    pub async fn subscribers_by_id(
        &self,
        actor: &Actor,
        ids: &[SubscriberId],
    ) -> Result<Vec<SubscriberView>, Fault> {
        let found = subscribers::find_many(self.db.read(), actor.sites(), ids).await?;
        Ok(self.views(found).await?)
    }

    /// The filters with their audiences' rules read, and where each stood among those asked: those of sites that
    /// the caller does not reach, and of audiences that are not there, are left out.
    async fn filters(
        &self,
        actor: &Actor,
        asked: &[(SiteId, SubscriberFilter)],
    ) -> Result<(Vec<usize>, Vec<(SiteId, subscribers::Filter)>), Fault> {
        let named: HashSet<AudienceId> = asked.iter().filter_map(|(_, f)| f.audience).collect();
        let rules = self.rules(actor, named.into_iter().collect()).await?;
        let by_zone = asked.iter().filter(|(_, filter)| filter.zones.is_some());
        let site_zones = self.zones_of(by_zone.map(|(site, _)| *site)).await?;
        let (mut places, mut filters) = (Vec::new(), Vec::new());
        for (at, (site_id, filter)) in asked.iter().enumerate() {
            let Some(site_id) = actor.site(Some(*site_id)) else { continue };
            let rules = match filter.audience {
                None => None,
                Some(id) => {
                    let Some(rules) = rules.get(&id) else { continue };
                    Some(rules.clone())
                }
            };
            let site = site_zones.get(&site_id).copied().unwrap_or(Zone::UTC);
            let zones = filter.zones.clone().map(|zones| InZones { zones, site });
            places.push(at);
            let filter = subscribers::Filter {
                statuses: filter.statuses.clone(),
                tags_any: filter.tags_any.clone(),
                phone: filter.phone.clone(),
                is_suspected: filter.is_suspected,
                rules,
                zones,
            };
            filters.push((site_id, filter));
        }
        Ok((places, filters))
    }

    /// The rules of those audiences that are of the caller's sites.
    async fn rules(
        &self,
        actor: &Actor,
        ids: Vec<AudienceId>,
    ) -> Result<HashMap<AudienceId, AudienceRules>, Fault> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let found = audiences::find_many(self.db.read(), actor.sites(), &ids).await?;
        Ok(found.into_iter().map(|audience| (audience.id, audience.rules)).collect())
    }

    /// The zones of sites.
    async fn zones_of(
        &self,
        sites: impl Iterator<Item = SiteId>,
    ) -> db::Result<HashMap<SiteId, Zone>> {
        let sites: HashSet<SiteId> = sites.collect();
        if sites.is_empty() {
            return Ok(HashMap::new());
        }
        let sites: Vec<SiteId> = sites.into_iter().collect();
        let found = sites::find_many(self.db.read(), &sites).await?;
        Ok(found.into_iter().map(|site| (site.id, site.zone)).collect())
    }

    async fn views(&self, found: Vec<Subscriber>) -> db::Result<Vec<SubscriberView>> {
        let ids: Vec<SubscriberId> = found.iter().map(|subscriber| subscriber.id).collect();
        let mut tags = subscribers::tags(self.db.read(), &ids).await?;
        let zones = self.zones_of(found.iter().map(|subscriber| subscriber.site_id)).await?;
        let view = |subscriber: Subscriber| SubscriberView {
            place: subscriber.place(zones.get(&subscriber.site_id).copied().unwrap_or(Zone::UTC)),
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
