//! The aggregator as a node reaches it: a port without HTTP, whose every request and answer waits for the
//! schedule.
//!
//! What must hold when a request begins is held against the ledger at that moment: whether its claim is live,
//! whether it is due, and whether nobody had stopped it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::ports::{
    Aggregator, Clock as _, Connection, Fetched, LookedUp, Outbound, PageFailure, RawReceipt,
    ReadReceipt, ReceiptRefusal, StatusPages, Submitted,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::id::AttemptId;
use uuid::Uuid;

use super::clock::{NodeClock, Sky};
use super::findings::Found;
use super::store::Store;
use super::trace::Trace;
use super::turnstile::{Gate, Turnstile};
use super::world::{Owed, Place, Post, Way, World};
use crate::check::Rule;

/// The first part of every simulated phone; what follows is its place, one digit.
pub(super) const PHONE: &str = "+1202555010";

/// What the nodes of a schedule share.
pub(super) struct Hub {
    pub(super) turnstile: Arc<Turnstile>,
    pub(super) store: Arc<Store>,
    pub(super) sky: Arc<Sky>,
    world: Mutex<World>,
    trace: Mutex<Trace>,
    /// Milliseconds between the steps of each campaign.
    delays_ms: Vec<i64>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    pub(super) fn new(
        (turnstile, store, sky): (Arc<Turnstile>, Arc<Store>, Arc<Sky>),
        world: World,
        trace: Trace,
        delays_ms: Vec<i64>,
    ) -> Arc<Self> {
        let (world, trace) = (Mutex::new(world), Mutex::new(trace));
        Arc::new(Self { turnstile, store, sky, world, trace, delays_ms })
    }

    /// The world.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens, told.
    pub(super) fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what must not be.
    pub(super) fn against(&self, rule: Rule, what: impl Into<String>) {
        let found = Found::against(rule, what);
        self.trace().tell(99, 0, || format!("!! {}: {}", found.code(), found.what));
        self.world().found.push(found);
    }

    fn hold(&self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.against(rule, what());
        }
    }

    /// A request begins: what must hold then is held against the ledger.
    fn begin(&self, node: u32, now: DateTime<Utc>, attempt: Uuid, request: &[u8]) -> usize {
        let place = place(request);
        let (number, was_posted, late) = {
            let mut world = self.world();
            let was_posted = world.posts.iter().any(|post| post.attempt == attempt);
            let is_out = |post: &Post| post.place == place && post.way == Way::Out;
            let overlap = world.posts.iter().any(|post| is_out(post) && post.attempt != attempt);
            let halted = world.halts.iter().find(|halt| {
                (halt.campaign == Some(place.campaign) || halt.phone == Some(place.phone))
                    && !halt.allowed.contains(&attempt)
            });
            let late = halted.map(|halt| halt.code);
            let begun_ms = self.sky.passed_ms();
            let begun = world.serial();
            world.posts.push(Post {
                place,
                attempt,
                node,
                way: Way::Out,
                is_awaited: true,
                begun_ms,
                begun,
                reply: Submitted::Unknown,
                fate: "",
            });
            (world.posts.len() - 1, was_posted, (late, overlap))
        };
        self.trace().tell(10, u64::from(place.phone) << 8 | u64::from(place.step), || {
            let again = if was_posted { ", again under its key" } else { "" };
            format!("node {node} hands {} over{again} (request {number})", place.words())
        });
        self.hold(Rule::I11, late.0 != Some("I11"), || {
            format!("{} began to leave after its campaign was stopped", place.words())
        });
        self.hold(Rule::I17, late.0 != Some("I17"), || {
            format!("{} began to leave after its campaign had failed", place.words())
        });
        // A START may have been heard since.
        self.hold(Rule::I8, late.0 != Some("I8") || !self.is_stopped(place), || {
            format!("{} began to leave after its phone's STOP was applied", place.words())
        });
        self.look(place, attempt, now, (was_posted, late.1));
        number
    }

    fn is_stopped(&self, place: Place) -> bool {
        const SQL: &str = "SELECT 1 FROM opt_out WHERE phone = ?1 AND site_id = \
            (SELECT site_id FROM campaign ORDER BY id LIMIT 1)";
        let phone = format!("{PHONE}{}", place.phone);
        !self.store.ask(SQL, [phone], |_| Ok(())).unwrap_or_default().is_empty()
    }

    /// Holds a request that begins against its row.
    fn look(
        &self,
        place: Place,
        attempt: Uuid,
        now: DateTime<Utc>,
        (was_posted, overlaps): (bool, bool),
    ) {
        const SQL: &str = "SELECT m.state, m.fence = a.fence, m.due_at, p.accepted_at, a.started_at, \
            (SELECT count(*) FROM message_decision d WHERE d.message_id = m.id AND d.is_by_caller \
             AND d.state = 'queued') \
            FROM attempt a JOIN message m ON m.id = a.message_id \
            LEFT JOIN message p ON p.id = m.previous_id WHERE a.id = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let state: String = row.get(0)?;
            let numbers: (bool, i64) = (row.get(1)?, row.get(2)?);
            let parent: Option<i64> = row.get(3)?;
            let (started, resent): (i64, i64) = (row.get(4)?, row.get(5)?);
            Ok((state, numbers, parent, (started, resent)))
        };
        let rows = self.store.ask(SQL, [attempt.as_bytes().as_slice()], read).unwrap_or_default();
        let Some((state, (is_latest, due_ms), parent_ms, more)) = rows.into_iter().next() else {
            let what = format!("{} began to leave without an attempt", place.words());
            return self.against(Rule::I5, what);
        };
        let (started_ms, resent) = more;
        let now_ms = now.timestamp_millis();
        // A clock may have jumped back since the claim.
        let now_ms = if self.sky.is_doubted() { now_ms.max(started_ms) } else { now_ms };
        self.hold(Rule::I10, now_ms >= due_ms, || {
            format!("{} began to leave {} ms before its time", place.words(), due_ms - now_ms)
        });
        // Whoever has an unknown message sent again knows that the first may still be on its way.
        self.hold(Rule::I28, !overlaps || resent > 0, || {
            format!("{} began to leave while another request of it was on its way", place.words())
        });
        if !was_posted {
            let anew = self.world().begin_anew(place, attempt);
            self.hold(Rule::I26, anew <= resent, || {
                format!("{} may have been taken and began to leave anew", place.words())
            });
        }
        // A receipt may overtake a repeat, or settle what a person had sent again.
        let is_claimed = (state == "in_flight" && is_latest) || was_posted || resent > 0;
        self.hold(Rule::I28, is_claimed, || {
            format!("{} began to leave, and its row was {state} under a later claim", place.words())
        });
        if place.step == 0 {
            return;
        }
        let campaign = usize::try_from(place.campaign).unwrap_or_default();
        let delay_ms = self.delays_ms.get(campaign).copied().unwrap_or_default();
        let first_ms = parent_ms.map(|at| at.saturating_add(delay_ms));
        self.hold(Rule::I27, first_ms.is_some_and(|first| now_ms >= first), || {
            format!("{} began to leave before its delay was over", place.words())
        });
        let before = Place { step: place.step - 1, ..place };
        let was_taken = self.world().taken.iter().any(|taken| taken.place == before);
        self.hold(Rule::I27, was_taken, || {
            format!("{} began to leave, and the step before it was not taken", place.words())
        });
    }
}

impl Place {
    /// In words.
    pub(super) fn words(self) -> String {
        let Self { campaign, step, phone } = self;
        format!("campaign {campaign} step {step} phone {phone}")
    }
}

/// What stands in every text of a step, between two marks.
pub(super) fn mark(campaign: u32, step: u32) -> String {
    format!("[{campaign}.{step}]")
}

fn place(request: &[u8]) -> Place {
    let text = String::from_utf8_lossy(request);
    let number = |part: Option<&str>| part.and_then(|it| it.parse().ok()).unwrap_or(u32::MAX);
    let marked = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let marked = marked.and_then(|(mark, _)| mark.split_once('.'));
    let to = text.lines().nth(1).and_then(|line| line.strip_prefix(PHONE));
    Place {
        campaign: number(marked.map(|(campaign, _)| campaign)),
        step: number(marked.map(|(_, step)| step)),
        phone: number(to),
    }
}

/// The aggregator as one node reaches it.
pub(super) struct Port {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Arc<NodeClock>,
    pub(super) node: u32,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("node", &self.node).finish_non_exhaustive()
    }
}

/// A request that is waited for; when nobody waits any more, it goes on by itself.
struct Awaited<'a>(&'a Hub, usize);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if let Some(post) = self.0.world().posts.get_mut(self.1) {
            post.is_awaited = false;
            if post.way == Way::Back {
                post.way = Way::Over;
            }
        }
    }
}

#[async_trait]
impl Aggregator for Port {
    fn render(&self, message: &Outbound<'_>) -> Vec<u8> {
        let not_after = message.not_after.map(|at| at.timestamp_millis());
        let not_after = not_after.map_or_else(String::new, |ms| ms.to_string());
        let Outbound { attempt_id, to, text, .. } = message;
        format!("{attempt_id}\n{to}\n{not_after}\n{text}").into_bytes()
    }

    async fn submit(
        &self,
        _: &Connection,
        attempt_id: AttemptId,
        request: Vec<u8>,
        _: Duration,
    ) -> Submitted {
        let number = self.hub.begin(self.node, self.clock.now(), attempt_id.0, &request);
        let awaited = Awaited(&self.hub, number);
        self.hub.turnstile.pass(Gate::Leave(number)).await;
        self.hub.turnstile.pass(Gate::Come(number)).await;
        let reply = self.hub.world().posts.get(number).map(|post| post.reply.clone());
        drop(awaited);
        reply.unwrap_or(Submitted::Unknown)
    }

    async fn look_up(&self, _: &Connection, attempt_id: AttemptId, _: Duration) -> LookedUp {
        let number = {
            let mut world = self.hub.world();
            world.questions.push((attempt_id.0, false));
            world.questions.len() - 1
        };
        self.hub.turnstile.pass(Gate::Ask(number)).await;
        let world = self.hub.world();
        let can_tell = world.questions.get(number).is_some_and(|(_, can_tell)| *can_tell);
        let taken = world.taken.iter().find(|taken| taken.attempt == attempt_id.0);
        match taken {
            _ if !can_tell => LookedUp::NoAnswer,
            Some(taken) => LookedUp::Taken { provider_id: taken.provider_id.clone() },
            None => LookedUp::NotTaken,
        }
    }

    fn read_receipt(
        &self,
        _: &Connection,
        raw: &RawReceipt<'_>,
        _: DateTime<Utc>,
    ) -> Result<ReadReceipt, ReceiptRefusal> {
        if !raw.headers.is_empty() {
            return Err(ReceiptRefusal::Forged);
        }
        read(raw.body).ok_or(ReceiptRefusal::Unreadable)
    }
}

/// A receipt as it is posted.
pub(super) fn write(owed: &Owed) -> Vec<u8> {
    let phone = owed.from.map(|phone| format!("{PHONE}{phone}"));
    let reference = owed.reference.map(|id| AttemptId(id).to_string());
    let fields = [
        Some(owed.dedupe.clone()),
        Some(owed.kind.to_owned()),
        owed.provider_id.clone(),
        reference,
        owed.code.map(str::to_owned),
        phone,
        owed.text.map(str::to_owned),
        Some(owed.occurred_ms.to_string()),
    ];
    let fields = fields.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
    fields.join("\n").into_bytes()
}

fn read(body: &[u8]) -> Option<ReadReceipt> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields = text.split('\n').map(str::to_owned);
    let mut next = || fields.next().filter(|field| !field.is_empty());
    Some(ReadReceipt {
        dedupe_key: next()?,
        kind: next()?,
        provider_id: next(),
        reference: next(),
        code: next(),
        from: next(),
        text: next(),
        occurred_at: DateTime::from_timestamp_millis(next()?.parse().ok()?)?,
    })
}

/// No aggregator has a status page here.
#[derive(Debug)]
pub(super) struct NoPages;

#[async_trait]
impl StatusPages for NoPages {
    async fn fetch(&self, _: &str, _: Option<&str>) -> Fetched {
        Fetched::Failed(PageFailure::Address)
    }
}
