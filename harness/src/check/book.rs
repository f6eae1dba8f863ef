//! A journal as the rules read it: the facts by kind, in the order they happened, and who is whose.
//!
//! **Invariant:** facts that a journal has a million of are kept as numbers; their texts are kept once.

use std::collections::{BTreeMap, HashMap};

use super::symbols::{Sym, Symbols};
use super::text::{Frame, fill};
use crate::record::{
    Body, Called, ClockKind, Did, Event, Frozen, Ledger, LookedUp, Person, Progress, Received,
    Sender, Service, SiteState, Stopped, StreamEnd, StreamStart,
};

/// Where and when a fact stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp {
    /// On the monotonic clock.
    pub(super) us: u64,
    /// The line, from 1.
    pub(super) line: u32,
    /// By civil time.
    pub(super) at_ms: i64,
}

/// A fact and its stamp.
#[derive(Clone, Debug)]
pub(super) struct Noted<T> {
    pub(super) stamp: Stamp,
    pub(super) fact: T,
}

/// A request that hands a message over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) begun: Stamp,
    pub(super) read: Stamp,
    pub(super) decided: Option<Stamp>,
    pub(super) answered: Option<Stamp>,
    pub(super) key: Sym,
    pub(super) reference: Sym,
    pub(super) digest: u128,
    pub(super) to: Sym,
    pub(super) from: Sym,
    pub(super) text: Sym,
    pub(super) segments: u32,
    pub(super) has_media: bool,
    pub(super) not_after_ms: Option<i64>,
    pub(super) did: Did,
    pub(super) id: Option<Sym>,
    pub(super) status: Option<u16>,
    pub(super) told_segments: Option<u32>,
    pub(super) retry_after_s: Option<u32>,
    pub(super) owner: Owner,
}

impl Request {
    /// Whether this request brought a message into the world.
    pub(super) fn is_taken(&self) -> bool {
        self.did == Did::Accepted
    }

    /// When it was decided on, or read, if nobody decided.
    pub(super) fn settled(&self) -> Stamp {
        self.decided.unwrap_or(self.read)
    }
}

/// Whose a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A message of a ledger, by its place among the rows.
    Row(usize),
    /// A text of no campaign.
    Direct,
    /// Nobody's, or one of several.
    Unclear,
}

/// A genuine receipt that the service stored, or may have stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) stamp: Stamp,
    pub(super) id: Sym,
    /// How far it brings a message: 0 sent, 1 not delivered, 2 delivered.
    pub(super) rank: usize,
    /// Whether the service said that it stored it. One that was killed before it could answer may have.
    pub(super) is_certain: bool,
}

/// A message of a ledger.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) stamp: Stamp,
    pub(super) own_id: Sym,
    pub(super) campaign: Sym,
    pub(super) position: u32,
    pub(super) phone: Sym,
    pub(super) state: Sym,
    pub(super) reason: Option<Sym>,
    pub(super) id: Option<Sym>,
    pub(super) zones: Box<[Sym]>,
    pub(super) region: Option<Sym>,
    pub(super) due_ms: Option<i64>,
    pub(super) attempts: u64,
    pub(super) segments: Option<u32>,
    /// What it must say, if that is known.
    pub(super) text: Option<Sym>,
}

/// A journal.
#[derive(Default)]
pub(super) struct Book {
    pub(super) symbols: Symbols,
    pub(super) clock: ClockKind,
    pub(super) lines: u64,
    pub(super) torn: u64,
    pub(super) sites: Vec<Noted<SiteState>>,
    pub(super) senders: HashMap<Sym, Noted<Sender>>,
    pub(super) people: HashMap<Sym, Noted<Person>>,
    pub(super) started: Vec<Noted<Service>>,
    pub(super) stopped: Vec<Noted<Stopped>>,
    pub(super) calls: Vec<Noted<Called>>,
    pub(super) frozen: HashMap<Sym, Vec<Noted<Frozen>>>,
    pub(super) requests: Vec<Request>,
    pub(super) looked_up: Vec<Noted<LookedUp>>,
    /// The civil time at which each hand-over was claimed, by its reference, where the service's tables were read.
    pub(super) claimed: HashMap<Sym, i64>,
    pub(super) heard: Vec<Heard>,
    pub(super) received: Vec<Noted<Received>>,
    pub(super) streams: Vec<Noted<StreamStart>>,
    pub(super) events: Vec<Noted<Event>>,
    pub(super) stream_ends: Vec<Noted<StreamEnd>>,
    pub(super) progress: Vec<Noted<Progress>>,
    /// The last reading of each campaign's ledger, in order.
    pub(super) ledgers: BTreeMap<String, Noted<Ledger>>,
    pub(super) rows: Vec<Message>,
    pub(super) direct: HashMap<Sym, (Stamp, Sym)>,
    pub(super) idle: Option<Stamp>,
    pub(super) output: Vec<Noted<Body>>,
    pub(super) by_id: HashMap<Sym, usize>,
    pub(super) by_phone: HashMap<Sym, Vec<usize>>,
}

impl Book {
    /// Puts everything in the order it happened, and finds out who is whose. Called once, when all is read.
    pub(super) fn settle(&mut self) {
        self.requests.sort_by_key(|request| request.read);
        self.calls.sort_by_key(|call| call.stamp);
        self.heard.sort_by_key(|heard| heard.stamp);
        self.received.sort_by_key(|received| received.stamp);
        self.events.sort_by_key(|event| event.stamp);
        self.progress.sort_by_key(|progress| progress.stamp);
        self.sites.sort_by_key(|site| site.stamp);
        self.started.sort_by_key(|started| started.stamp);
        self.stopped.sort_by_key(|stopped| stopped.stamp);
        for frozen in self.frozen.values_mut() {
            frozen.sort_by_key(|frozen| frozen.stamp);
        }
        for index in 0..self.rows.len() {
            let text = self.rows.get(index).and_then(|row| self.expected_text(row));
            let text = text.map(|text| self.symbols.keep(&text));
            let Some(row) = self.rows.get_mut(index) else { continue };
            row.text = text;
            if let Some(id) = row.id {
                self.by_id.entry(id).or_insert(index);
            }
            self.by_phone.entry(row.phone).or_default().push(index);
        }
        for index in 0..self.requests.len() {
            let owner = self.requests.get(index).map_or(Owner::Unclear, |it| self.owner_of(it));
            if let Some(request) = self.requests.get_mut(index) {
                request.owner = owner;
            }
        }
    }

    fn owner_of(&self, request: &Request) -> Owner {
        if let Some(id) = request.id {
            if let Some(row) = self.by_id.get(&id) {
                return Owner::Row(*row);
            }
            if self.direct.contains_key(&id) {
                return Owner::Direct;
            }
        }
        let rows = self.by_phone.get(&request.to).into_iter().flatten();
        let alike = rows.filter_map(|place| Some((*place, self.rows.get(*place)?)));
        let alike = alike.filter(|(_, row)| row.text == Some(request.text));
        // What was taken under an id that nobody names belongs to a message that knows none.
        let is_open = |row: &Message| !request.is_taken() || row.id.is_none();
        let open: Vec<_> = alike.filter(|(_, row)| is_open(row)).collect();
        // A message that says it was tried comes before one that says it never was.
        let was_tried = open.iter().any(|(_, row)| row.attempts > 0);
        let mut likely = open.iter().filter(|(_, row)| row.attempts > 0 || !was_tried);
        match (likely.next(), likely.next()) {
            (Some((place, _)), None) => Owner::Row(*place),
            _ => Owner::Unclear,
        }
    }

    /// The message a request is of.
    pub(super) fn row_of(&self, request: &Request) -> Option<&Message> {
        match request.owner {
            Owner::Row(place) => self.rows.get(place),
            Owner::Direct | Owner::Unclear => None,
        }
    }

    /// What an activation of the campaign had frozen by `us`; the first one, if none had yet.
    pub(super) fn frozen_at(&self, campaign: Sym, us: u64) -> Option<&Noted<Frozen>> {
        let all = self.frozen.get(&campaign)?;
        all.iter().rev().find(|frozen| frozen.stamp.us <= us).or(all.first())
    }

    /// How a site was set at `us`.
    pub(super) fn site_at(&self, site: &str, us: u64) -> Option<&Noted<SiteState>> {
        let of_site = self.sites.iter().filter(|noted| noted.fact.site == site);
        of_site.clone().rfind(|noted| noted.stamp.us <= us).or_else(|| of_site.clone().next())
    }

    /// The text that a message must have.
    fn expected_text(&self, row: &Message) -> Option<String> {
        let frozen = self.frozen_at(row.campaign, u64::MAX)?;
        let step = frozen.fact.steps.iter().find(|step| step.position == row.position)?;
        let site = self.site_at(&frozen.fact.site, frozen.stamp.us)?;
        let person = self.people.get(&row.phone)?;
        let frame = Frame {
            site_name: &site.fact.name,
            prefix: site.fact.prefix.as_deref(),
            footer: site.fact.footer.as_deref(),
        };
        fill(&step.body, &person.fact.attributes, frame)
    }

    /// The text of a symbol.
    pub(super) fn text(&self, sym: Sym) -> &str {
        self.symbols.text(sym)
    }

    /// Calls by which a person settled messages whose outcome nobody could find out.
    pub(super) fn settlements(&self) -> impl Iterator<Item = &Called> {
        let calls = self.calls.iter().map(|call| &call.fact);
        let settles = |call: &&Called| ["resend", "write_off"].contains(&call.verb.as_str());
        calls.filter(move |call| settles(call) && call.refused.is_empty())
    }

    /// How often somebody chose, after `us`, to send unknown messages of a campaign again.
    pub(super) fn resends_after(&self, campaign: Sym, us: u64) -> usize {
        let campaign = self.text(campaign);
        let is_one = |call: &&Called| {
            call.verb == "resend"
                && call.campaign.as_deref() == Some(campaign)
                && call.began_us > us
        };
        self.settlements().filter(is_one).count()
    }

    /// Whether the message is in one of these states.
    pub(super) fn is_in(&self, row: &Message, states: &[&str]) -> bool {
        states.contains(&self.text(row.state))
    }

    /// The requests that brought a message of a ledger into the world, each with its message.
    pub(super) fn taken(&self) -> impl Iterator<Item = (&Request, &Message)> {
        let taken = self.requests.iter().filter(|request| request.is_taken());
        taken.filter_map(|request| Some((request, self.row_of(request)?)))
    }

    /// The first end of a process of the service after `us`, by any cause.
    pub(super) fn stop_after(&self, us: u64) -> Option<Stamp> {
        let place = self.stopped.partition_point(|stopped| stopped.stamp.us < us);
        self.stopped.get(place).map(|stopped| stopped.stamp)
    }
}
