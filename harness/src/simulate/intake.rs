//! What comes of what was under way, taken in: halts that are answered, statuses that changed, receipts that are
//! stored.

use std::collections::BTreeSet;

use api::engine::{Activity, Fault};
use api::ports::Task;
use api::service::ReceiptAnswer;
use uuid::Uuid;

use super::crew::{Came, What};
use super::people::{Act, Answer, Call};
use super::play::{Campaign, Play, chain, index};
use super::port::PHONE;
use super::world::{Halt, Owed};
use crate::check::Rule;

/// Attempts that are in flight: of a campaign, or to a phone.
const IN_FLIGHT: &str = "SELECT a.id FROM attempt a JOIN message m ON m.id = a.message_id \
    AND a.fence = m.fence WHERE m.state = 'in_flight' AND ";

impl Play {
    /// Takes in what is over.
    pub(super) fn take_in(&mut self, node: u32, what: &What, came: Came) {
        match came {
            Came::Looked(looked) => self.looked(what, &looked),
            Came::Launched(carriers, activity) => {
                self.looked(what, &activity);
                for carrier in carriers {
                    let work = async move {
                        carrier.await;
                        Came::Carried
                    };
                    self.crew.put(node, What::Carry, Box::pin(work));
                }
            }
            Came::Carried | Came::Recovered(Ok(_)) => {}
            Came::Made(Ok(Some(id))) => self.campaigns.push(Campaign {
                id,
                is_activated: false,
                was_resent: false,
                was_canceled: None,
                status: "draft".to_owned(),
            }),
            Came::Made(Ok(None)) => self.fault("a draft was refused"),
            Came::Recovered(Err(fault)) => self.fault(chain(&fault)),
            Came::Called(Ok(answer)) => {
                if let What::Call(call) = what {
                    self.answered(*call, &answer);
                }
            }
            Came::Hooked(Ok(answer)) => {
                if let What::Hook(owed) = what {
                    self.hooked(owed, answer.ok());
                }
            }
            Came::Made(Err(fault)) | Came::Called(Err(fault)) | Came::Hooked(Err(fault)) => {
                self.fault(chain(&fault));
            }
        }
        self.see_statuses();
        self.sums();
    }

    fn looked(&mut self, what: &What, looked: &Result<Activity, Fault>) {
        match looked {
            Ok(activity) => {
                self.played.done = self.played.done.saturating_add(activity.done);
                self.played.next_at = activity.next_at;
                self.tell(50, u32::try_from(activity.done).unwrap_or(u32::MAX), || {
                    format!("{} did {} things", what.word(), activity.done)
                });
            }
            Err(fault) => self.fault(format!("{}: {}", what.word(), chain(fault))),
        }
        if matches!(what, What::Look(Task::Receipts)) {
            self.see_stops();
        }
    }

    /// A call was answered. From here on what it stopped must not begin to leave.
    fn answered(&mut self, call: Call, answer: &Answer) {
        self.tell(51, u32::from(answer.refused.is_some()), || {
            let refused = answer.refused.as_deref().map(|why| format!("refused: {why}"));
            let did = format!("{}, {} in flight", answer.status, answer.in_flight);
            format!("to {} is answered: {}", call.words(), refused.unwrap_or(did))
        });
        let Some(campaign) = self.campaigns.get_mut(index(call.campaign)) else { return };
        let id = campaign.id.0;
        if answer.refused.is_some() {
            return;
        }
        match call.act {
            Act::Activate => campaign.is_activated = true,
            Act::Cancel if answer.status == "canceled" => {
                campaign.was_canceled = Some(answer.clone());
            }
            Act::Cancel => campaign.is_activated = false,
            Act::Pause | Act::Resume | Act::Resend | Act::WriteOff => {}
        }
        let is_halt = call.act == Act::Pause || answer.status == "canceled";
        if !is_halt || !matches!(call.act, Act::Cancel | Act::Pause) {
            return;
        }
        // A resumption that is under way, or was meanwhile, lifts a pause.
        let resumption = Call { act: Act::Resume, ..call };
        let is_resuming = |what: &What| matches!(what, What::Call(other) if *other == resumption);
        let is_lifted =
            call.act == Act::Pause && (self.crew.any(is_resuming) || !self.is_paused(id));
        if is_lifted {
            return;
        }
        let allowed = self.in_flight("m.campaign_id = ?1", id.as_bytes().as_slice());
        let named = usize::try_from(answer.in_flight).unwrap_or_default();
        if allowed.len() > named {
            let what = format!("{named} were said to be in flight, and {} are", allowed.len());
            self.hub.against(Rule::I12, what);
        }
        let (code, campaign, phone) = ("I11", Some(call.campaign), None);
        let is_for_good = call.act == Act::Cancel;
        self.hub.world().halts.push(Halt { code, campaign, phone, is_for_good, allowed });
    }

    fn is_paused(&self, campaign: Uuid) -> bool {
        const SQL: &str = "SELECT paused_at IS NOT NULL FROM campaign WHERE id = ?1";
        let id = campaign.as_bytes().as_slice();
        let read = self.hub.store.ask(SQL, [id], |row| row.get::<_, bool>(0)).unwrap_or_default();
        read.into_iter().any(|is_paused| is_paused)
    }

    fn in_flight(&self, of: &str, key: impl rusqlite::ToSql) -> BTreeSet<Uuid> {
        let sql = format!("{IN_FLIGHT}{of}");
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Vec<u8>>(0);
        let rows = self.hub.store.ask(&sql, [key], read).unwrap_or_default();
        rows.iter().filter_map(|bytes| Uuid::from_slice(bytes).ok()).collect()
    }

    /// A receipt was answered; what is stored counts.
    fn hooked(&mut self, owed: &Owed, answer: Option<ReceiptAnswer>) {
        self.tell(52, u32::from(answer.is_some()), || {
            format!("the posted {} is answered: {answer:?}", owed.kind)
        });
        if owed.is_forged {
            if answer.is_some() {
                self.hub.against(Rule::I15, "a forged receipt was stored");
            }
            return;
        }
        let Some(id) = &owed.provider_id else { return };
        let rank = match owed.kind {
            "sent" => 0,
            "delivered" => 2,
            _ => 1,
        };
        let mut world = self.hub.world();
        let known = world.told.entry(id.clone()).or_default();
        *known = rank.max(*known);
    }

    /// Which phones have opted out by now: nothing may begin to leave for them.
    fn see_stops(&mut self) {
        const SQL: &str = "SELECT phone FROM opt_out WHERE site_id = ?1";
        let site = self.plot.site.0;
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let site = site.as_bytes().as_slice();
        let phones = self.hub.store.ask(SQL, [site], read).unwrap_or_default();
        let number = |phone: &String| phone.strip_prefix(PHONE)?.parse::<u32>().ok();
        let now: BTreeSet<u32> = phones.iter().filter_map(number).collect();
        let gone = |phone: Option<u32>| phone.is_some_and(|phone| !now.contains(&phone));
        self.hub.world().halts.retain(|halt| !gone(halt.phone));
        for phone in now.difference(&self.stopped) {
            let allowed = self.in_flight("m.phone = ?1", format!("{PHONE}{phone}"));
            self.hub.world().halts.push(Halt {
                code: "I8",
                campaign: None,
                phone: Some(*phone),
                is_for_good: false,
                allowed,
            });
        }
        self.stopped = now;
    }

    /// Which campaigns have failed by now, and whether each moved along an edge.
    fn see_statuses(&mut self) {
        for place in 0..self.campaigns.len() {
            let Some(campaign) = self.campaigns.get(place) else { continue };
            let id = campaign.id.0;
            let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
            let sql = "SELECT status FROM campaign WHERE id = ?1";
            let rows = self.hub.store.ask(sql, [id.as_bytes().as_slice()], read);
            let Some(status) = rows.unwrap_or_default().into_iter().next() else { continue };
            if status == campaign.status {
                continue;
            }
            self.tell(53, u32::try_from(place).unwrap_or_default(), || {
                format!("campaign {place} is {status}")
            });
            if status == "sent" {
                // Nothing is left that a pause could hold, but what somebody has sent again.
                let number = u32::try_from(place).ok();
                let stays = |halt: &Halt| halt.is_for_good || halt.campaign != number;
                self.hub.world().halts.retain(stays);
            }
            if status == "failed" {
                let allowed = self.in_flight("m.campaign_id = ?1", id.as_bytes().as_slice());
                let campaign = u32::try_from(place).ok();
                let (code, phone, is_for_good) = ("I17", None, true);
                let halt = Halt { code, campaign, phone, is_for_good, allowed };
                self.hub.world().halts.push(halt);
            }
            if let Some(campaign) = self.campaigns.get_mut(place) {
                campaign.is_activated = status != "draft";
                campaign.status = status;
            }
        }
    }

    /// I1, at every moment at which something is over: the counts add up to the messages.
    fn sums(&self) {
        const SQL: &str = "SELECT (SELECT coalesce(sum(count), 0) FROM message_count), \
            (SELECT count(*) FROM message), (SELECT count(*) FROM message_count WHERE count < 0)";
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        };
        for (counted, held, below) in self.hub.store.ask(SQL, [], read).unwrap_or_default() {
            if counted != held || below > 0 {
                let what = format!("{counted} messages are counted, {below} below none, of {held}");
                self.hub.against(Rule::I1, what);
            }
        }
    }
}
