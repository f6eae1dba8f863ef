//! The aggregator without a network: requests in, replies out, and what it owes.
//!
//! **Invariant:** one lock guards all state and is never held across an await; a request is decided
//! on, entered and journaled under it at once.

mod owing;
mod recording;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::decide::{self, Place, RuleUses, Verdict};
use super::journal::{Answer, Entry, Journal, Seen};
use super::ledger::{KeyState, Ledger, LedgerSummary, Taken};
use super::memory::{Memory, Remembered};
use super::outbox::Outbox;
use super::wire::{BODY_BYTES_MAX, Reply, WireRequest};
use super::{Callbacks, Settings, plan, status_page};
use crate::clock::Now;
use crate::contract::problem::{self, Code};
use crate::contract::signing::{SecretError, WebhookSecret};
use crate::contract::{Accepted, MESSAGES_PATH, MessageList, SubmitRequest};
use crate::dice;
use crate::record::{Did, Recorder};
use crate::scenario::{Respond, Script, is_phone};

/// The longest idempotency key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// What decides.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    script: Script,
    secret: WebhookSecret,
    /// A key nobody else has, for forged receipts.
    wrong_secret: WebhookSecret,
    clock: Arc<dyn Now>,
    state: Mutex<State>,
    owing: Notify,
    memory: Option<Memory>,
    recorder: OnceLock<Recorder>,
}

/// Everything that changes.
#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    journal: Journal,
    outbox: Outbox,
    uses: RuleUses,
    attempts: HashMap<String, u32>,
    nth: u32,
    callback_url: Option<String>,
    sender: Option<String>,
    /// What the status page last said to anybody.
    told: Option<String>,
}

/// A request that is against the contract: the code it is refused with, and why.
type Refused = (&'static Code, &'static str);

impl Core {
    /// A core that goes by `script` and owes what the script posts of itself.
    pub fn new(
        settings: Settings,
        script: Script,
        clock: Arc<dyn Now>,
    ) -> Result<Self, SecretError> {
        let secret = WebhookSecret::parse(&settings.webhook_secret)?;
        let wrong_secret =
            WebhookSecret::parse("whsec_bm90IHRoZSBhZ2dyZWdhdG9yJ3Mga2V5IGF0IGFsbA==")?;
        let mut state = State::default();
        for outgoing in plan::scripted(&script) {
            state.outbox.put(outgoing);
        }
        let state = Mutex::new(state);
        let owing = Notify::new();
        Ok(Self {
            settings,
            script,
            secret,
            wrong_secret,
            clock,
            state,
            owing,
            memory: None,
            recorder: OnceLock::new(),
        })
    }

    /// Remembers over restarts what is taken, in the file at `path`; what it holds is taken up again,
    /// with the receipts the script's defaults give it.
    pub(super) fn remember(&mut self, path: &Path) -> io::Result<()> {
        let (memory, recalled) = Memory::open(path, self.now())?;
        let mut state = self.state();
        for message in recalled.messages {
            let Some((taken, happenings)) = self.recalled(message) else { continue };
            state.attempts.insert(taken.request.to.clone(), taken.attempt);
            let before = self.enter(&mut state, (taken, happenings));
            for outgoing in before {
                state.outbox.put(outgoing);
            }
        }
        state.outbox.retain(|outgoing| !recalled.posted.contains(&outgoing.event_id));
        drop(state);
        self.memory = Some(memory);
        Ok(())
    }

    /// A message as it stood in the ledger before the restart.
    fn recalled(&self, message: Remembered) -> Option<(Taken, Vec<plan::Happening>)> {
        let request: SubmitRequest = serde_json::from_str(&message.body).ok()?;
        let steps = &self.script.defaults.receipts;
        let at = message.at();
        let happenings = plan::happenings(&self.script, steps, at, request.not_after);
        let taken = Taken {
            id: message.accepted.id.clone(),
            request,
            body: message.body.into_bytes().into(),
            accepted_at: at,
            attempt: message.attempt,
            states: happenings.iter().map(|one| (one.at, one.kind.as_str())).collect(),
            key: message.key,
            accepted: message.accepted,
        };
        Some((taken, happenings))
    }

    /// The present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The ledger as it stands.
    pub fn ledger(&self) -> Ledger {
        self.state().ledger.clone()
    }

    /// Looks at the ledger without copying it. `look` must be short: the aggregator waits
    /// meanwhile.
    pub fn with_ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.state().ledger)
    }

    /// What the ledger amounts to.
    pub fn summary(&self) -> LedgerSummary {
        self.state().ledger.summary()
    }

    /// The journal's entries from number `seq` on.
    pub fn journal_since(&self, seq: u64) -> Vec<Entry> {
        self.state().journal.since(seq)
    }

    /// Answers a request.
    pub fn handle(&self, request: &WireRequest) -> Reply {
        let number = request.number.unwrap_or_else(|| self.begun());
        let answered = match (request.path.as_str(), request.method.as_str()) {
            (MESSAGES_PATH, "POST") => self.submit(request, number),
            (MESSAGES_PATH, "GET") => self.look_up(request),
            (status_page::SUMMARY_PATH, "GET") => Ok(self.tell_status(request)),
            (MESSAGES_PATH, _) => Err((&problem::METHOD_NOT_ALLOWED, "POST and GET are")),
            _ => Err((&problem::NOT_FOUND, "the contract has one path: /messages")),
        };
        let mut reply = answered.unwrap_or_else(|(code, why)| {
            let reply = self.refuse(request, code, why);
            self.decided(number, Did::Declined, None, &reply);
            reply
        });
        reply.number = Some(number);
        reply
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, request: &WireRequest, code: &Code, why: &str) -> Reply {
        let reply = Reply::problem(code, why);
        let request = format!("{} {}", request.method, request.path);
        let answer = Answer::Status(reply.status, Some(code.name.to_owned()));
        self.write(&mut self.state(), self.now(), Seen::Refusal { request, answer });
        reply
    }

    fn write(&self, state: &mut State, now: DateTime<Utc>, seen: Seen) {
        state.journal.write(now, seen, self.settings.journal_max);
    }

    fn authorize(&self, request: &WireRequest) -> Result<(), Refused> {
        let given =
            request.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        match given {
            Some(token) if token == self.settings.token => Ok(()),
            Some(_) => Err((&problem::AUTH_FAILED, "the token is not the account's")),
            None => Err((&problem::AUTH_FAILED, "a bearer token is missing")),
        }
    }

    /// Reads a hand-over and holds it against the contract.
    fn read<'a>(&self, request: &'a WireRequest) -> Result<(SubmitRequest, &'a str), Refused> {
        self.authorize(request)?;
        if request.body.len() > BODY_BYTES_MAX {
            return Err((&problem::TOO_LARGE, "at most 64 KiB"));
        }
        let key = request.idempotency_key.as_deref().unwrap_or_default();
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err((
                &problem::INVALID_REQUEST,
                "an Idempotency-Key of 1 to 255 bytes is needed",
            ));
        }
        let Ok(read) = serde_json::from_slice::<SubmitRequest>(&request.body) else {
            return Err((&problem::INVALID_REQUEST, "the body is not a message in JSON"));
        };
        if !is_phone(&read.to) {
            return Err((&problem::INVALID_NUMBER, "`to` is not a phone number in E.164"));
        }
        if read.text.is_empty() && read.media_urls.is_empty() {
            return Err((&problem::CONTENT_REJECTED, "there is neither a text nor a picture"));
        }
        if !self.may_call_back(read.callback_url.as_deref()) {
            return Err((
                &problem::MISCONFIGURED,
                "`callback_url` is not an address of this machine",
            ));
        }
        Ok((read, key))
    }

    fn may_call_back(&self, url: Option<&str>) -> bool {
        let Some(url) = url else { return true };
        let Ok(url) = reqwest::Url::parse(url) else { return false };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        url.scheme().starts_with("http")
            && (loopback || self.settings.callbacks == Callbacks::Anywhere)
    }

    fn submit(&self, request: &WireRequest, number: u64) -> Result<Reply, Refused> {
        let (read, key) = self.read(request)?;
        let now = self.now();
        let mut state = self.state();
        self.was_read(number, key, &read, &request.body);
        match state.ledger.key_state(key, &request.body, now) {
            KeyState::Same(accepted) => {
                let reply = self.replay(&mut state, now, read.to, key, &accepted);
                self.decided(number, Did::Replayed, Some(&accepted.id), &reply);
                Ok(reply)
            }
            KeyState::Other => Err((&problem::IDEMPOTENCY_MISMATCH, "its body was another")),
            KeyState::New => {
                let passed = read.not_after.is_some_and(|limit| limit < now);
                if passed && self.script.defaults.obeys_not_after {
                    return Err((&problem::EXPIRED, "`not_after` has passed"));
                }
                let (reply, taken) = self.hand_over(&mut state, now, read, key, &request.body);
                let did = if taken.is_some() { Did::Accepted } else { Did::Declined };
                self.decided(number, did, taken.as_deref(), &reply);
                drop(state);
                self.owing.notify_one();
                Ok(reply)
            }
        }
    }

    /// Answers a repeat as the first time, unless a window answers now.
    fn replay(
        &self,
        state: &mut State,
        now: DateTime<Utc>,
        to: String,
        key: &str,
        accepted: &Accepted,
    ) -> Reply {
        let reply = self.through_window(now, Reply::json(202, accepted));
        let answer = answer(&reply);
        let (key, id) = (key.to_owned(), accepted.id.clone());
        self.write(state, now, Seen::Replay { to, key, id, answer });
        reply
    }

    /// Decides on a new hand-over, and enters it if it is taken; answers the id it has then, too.
    fn hand_over(
        &self,
        state: &mut State,
        now: DateTime<Utc>,
        read: SubmitRequest,
        key: &str,
        body: &[u8],
    ) -> (Reply, Option<String>) {
        let place = state.count(&read);
        let verdict = decide::decide(&self.script, &mut state.uses, &read, place, now);
        let (to, reference) = (read.to.clone(), read.reference.clone());
        let mut taken = None;
        let mut reply = Reply::problem(&problem::MISCONFIGURED, "the script takes nothing here");
        if verdict.takes {
            let entered = self.taken(&verdict, read, key, body, now, place.attempt);
            reply = Reply::json(202, &entered.0.accepted);
            taken = Some(entered.0.id.clone());
            if let Some(memory) = &self.memory {
                memory.took(&entered.0);
            }
            reply.before = self.enter(state, entered);
        }
        let before = std::mem::take(&mut reply.before);
        reply = decide::dress(reply, verdict.respond.as_ref(), verdict.transport, verdict.latency);
        reply.before = before;
        let (key, answer) = (key.to_owned(), answer(&reply));
        let (by, id) = (verdict.by, taken.clone());
        let seen = Seen::Submission { to, reference, key, by, taken, answer };
        self.write(state, now, seen);
        (reply, id)
    }

    /// The message as it will stand in the ledger, and what happens to it.
    fn taken(
        &self,
        verdict: &Verdict,
        request: SubmitRequest,
        key: &str,
        body: &[u8],
        now: DateTime<Utc>,
        attempt: u32,
    ) -> (Taken, Vec<plan::Happening>) {
        let salt = self.settings.id_salt.to_string();
        let parts = [salt.as_str(), &request.to, &attempt.to_string()];
        let id = written_id(verdict.respond.as_ref())
            .unwrap_or_else(|| dice::id("agg", self.script.seed, &parts));
        let happenings = plan::happenings(&self.script, &verdict.receipts, now, request.not_after);
        let accepted = Accepted {
            id: id.clone(),
            status: verdict.accept.status.clone(),
            segments: verdict.accept.segments,
            price: verdict.accept.price.clone(),
            retry_after_ms: verdict.accept.retry_after_ms,
        };
        let taken = Taken {
            id,
            request,
            key: key.to_owned(),
            body: body.into(),
            accepted_at: now,
            attempt,
            accepted,
            states: happenings.iter().map(|one| (one.at, one.kind.as_str())).collect(),
        };
        (taken, happenings)
    }

    /// Enters a message and what is owed for it; answers what must be posted before its 202.
    fn enter(
        &self,
        state: &mut State,
        (taken, happenings): (Taken, Vec<plan::Happening>),
    ) -> Vec<super::event::Outgoing> {
        let receipts = plan::receipts(&self.script, &taken, &happenings);
        if taken.request.callback_url.is_some() {
            state.callback_url.clone_from(&taken.request.callback_url);
        }
        state.sender = Some(taken.request.from.clone());
        state.ledger.enter(taken, self.settings.ledger_max);
        for outgoing in receipts.later {
            state.outbox.put(outgoing);
        }
        receipts.before
    }

    fn look_up(&self, request: &WireRequest) -> Result<Reply, Refused> {
        self.authorize(request)?;
        let Some(reference) = request.parameter("reference").filter(|it| !it.is_empty()) else {
            return Err((&problem::INVALID_REQUEST, "the parameter `reference` is needed"));
        };
        let now = self.now();
        let mut state = self.state();
        let under = state.ledger.under(&reference);
        let messages: Vec<_> = under.into_iter().map(|taken| taken.view(now)).collect();
        let found: Vec<_> = messages.iter().map(|view| view.id.clone()).collect();
        self.looked_up(&reference, &found);
        let reply = self.through_window(now, Reply::json(200, &MessageList { messages }));
        let answer = answer(&reply);
        self.write(&mut state, now, Seen::LookUp { reference, found, answer });
        Ok(reply)
    }

    /// Shows the status page. What it says is journaled when it is another than before.
    fn tell_status(&self, request: &WireRequest) -> Reply {
        let now = self.now();
        let words = status_page::words(&self.script, now);
        let mut state = self.state();
        if state.told.as_ref() != Some(&words) {
            state.told = Some(words.clone());
            self.write(&mut state, now, Seen::StatusPage { words });
        }
        status_page::answer(&self.script, request, now)
    }

    /// Lets a window answer in place of `reply`, or delay it, if one does now.
    fn through_window(&self, now: DateTime<Utc>, reply: Reply) -> Reply {
        let window = decide::answering_window(&self.script, now);
        let latency = decide::latency(&self.script, now, self.script.defaults.latency);
        let respond = window.and_then(|window| window.respond.as_ref());
        decide::dress(reply, respond, window.and_then(|window| window.transport), latency)
    }
}

impl State {
    /// Counts a hand-over; answers where it stands among the others.
    fn count(&mut self, request: &SubmitRequest) -> Place {
        self.nth = self.nth.saturating_add(1);
        let attempt = self.attempts.entry(request.to.clone()).or_default();
        *attempt = attempt.saturating_add(1);
        Place { nth: self.nth, attempt: *attempt }
    }
}

/// What a caller sees of a reply.
fn answer(reply: &Reply) -> Answer {
    if let Some(transport) = reply.transport {
        return Answer::Cut(transport);
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&reply.body).ok();
    let code = json.as_ref().and_then(|json| json.get("code")).and_then(|code| code.as_str());
    Answer::Status(reply.status, code.map(str::to_owned))
}

/// The id that a written-out answer gives a message.
fn written_id(respond: Option<&Respond>) -> Option<String> {
    let id = respond?.json.as_ref()?.get("id")?.as_str()?;
    Some(id.to_owned())
}
