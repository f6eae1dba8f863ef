//! Inbound texts: what people write back, and what it means for their consent.
//!
//! **Invariant:** an opt-out, and whatever may be one, stops everything to that phone that has not left, in
//! the transaction that records it.
//! **Invariant:** no text is confirmed, and HELP is answered at most once in [`HELP_PAUSE`]: two machines
//! never keep each other talking.

use super::{Activity, Engine, Fault};
use crate::{
    db::{
        Txn,
        consent::{self, Word},
        direct_texts::{self, NewDirectText},
        launches,
        receipts::{self, Waiting},
        sites, subscribers,
    },
    ports::Task,
    vitals::ReceiptFate,
};
use chrono::TimeDelta;
use domain::{
    Instant,
    consent::{ConsentKind, ConsentSource, Heard, hear},
    direct::DirectKind,
    id::{ReceiptId, SiteId, SubscriberId},
    phone::PhoneNumber,
};

/// How long a phone that was answered when it asked for help waits for the next answer.
const HELP_PAUSE: TimeDelta = TimeDelta::hours(1);

impl Engine {
    /// Acts on an inbound text.
    pub(super) async fn hear(&self, text: Waiting) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        if !receipts::still_waits(&txn, text.id).await? {
            return Ok(Activity::default());
        }
        let fate = if let Some(Ok(phone)) = text.phone.as_deref().map(PhoneNumber::normalize) {
            self.heed(&txn, &text, &phone, now).await?;
            receipts::done(&txn, text.id, now).await?;
            ReceiptFate::Applied
        } else {
            let receipt = ReceiptId(text.id);
            tracing::warn!(receipt.id = %receipt, "a text came from no number that can be read");
            receipts::ignore(&txn, text.id, now).await?;
            ReceiptFate::Ignored
        };
        txn.commit().await?;
        self.vitals.metrics().receipts_settled(fate, 1);
        self.bells.ring(Task::DirectTexts);
        Ok(Activity::done(1))
    }

    async fn heed(
        &self,
        txn: &Txn,
        text: &Waiting,
        phone: &PhoneNumber,
        now: Instant,
    ) -> Result<(), Fault> {
        let (site_id, receipt_id) = (text.site_id.into(), text.id.into());
        let heard = hear(text.text.as_deref().unwrap_or_default());
        let said = match heard {
            Heard::OptOut(word) => Some((ConsentKind::OptedOut, word)),
            Heard::OptIn(word) => Some((ConsentKind::OptedIn, word)),
            Heard::PossibleOptOut(word) => Some((ConsentKind::Suspected, word)),
            Heard::Help(word) => {
                let since = now - HELP_PAUSE;
                let was_helped = consent::was_helped(txn, site_id, phone.as_str(), since).await?;
                (!was_helped).then_some((ConsentKind::Help, word))
            }
            Heard::Reply => None,
        };
        if let Some((kind, word)) = said {
            let word = Word {
                site_id,
                phone: phone.as_str(),
                kind,
                source: ConsentSource::InboundText,
                word: Some(word),
                actor: None,
                occurred_at: text.occurred_at,
                receipt_id: Some(receipt_id),
            };
            consent::enter(txn, &self.ids, &word, now).await?;
            if kind == ConsentKind::OptedIn {
                let known =
                    subscribers::find_by_phones(txn, site_id, std::slice::from_ref(phone)).await?;
                let ids: Vec<SubscriberId> = known.values().map(|back| back.id).collect();
                launches::joined(txn, site_id, &ids, now).await?;
            }
            if kind == ConsentKind::Help {
                self.answer_help(txn, site_id, phone, now).await?;
            }
        }
        let texted = consent::Texted {
            site_id,
            phone: phone.as_str(),
            receipt_id,
            occurred_at: text.occurred_at,
        };
        consent::texted(txn, &self.ids, texted, now).await?;
        Ok(())
    }
    /// Queues the answer to HELP, for whoever asks: also who has opted out, or was never a subscriber. It is
    /// no marketing, so neither quiet hours nor Smart Sending hold it, and it costs no trial anything.
    async fn answer_help(
        &self,
        txn: &Txn,
        site_id: SiteId,
        phone: &PhoneNumber,
        now: Instant,
    ) -> Result<(), Fault> {
        let Some(site) = sites::find(txn, site_id).await? else { return Ok(()) };
        let answer = NewDirectText {
            site_id,
            kind: DirectKind::HelpReply,
            of: None,
            phone: phone.clone(),
            text: site.answer_to_help(),
            media_url: None,
            charged: 0,
        };
        direct_texts::queue(txn, &self.ids, answer, now).await?;
        Ok(())
    }
}
