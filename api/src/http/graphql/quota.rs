//! What each key has open and may still ask for.
//!
//! **Invariant:** a key's points come back evenly, and it never has more than a burst of them.
//! **Invariant:** what is counted is given back when its guard is dropped.
//! **Invariant:** of a key that has nothing open and all its points, nothing need be kept.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// Keys whose accounts are kept before those that need none are looked for.
const ACCOUNTS_KEPT: usize = 1_000;

/// The accounts of all keys; clones see the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotas(Arc<Mutex<HashMap<Uuid, Account>>>);

#[derive(Debug)]
struct Account {
    /// Sockets and streams that are open.
    live: usize,
    /// Operations that run.
    operations: usize,
    /// When all points will be back, if none are spent meanwhile.
    full_at: Instant,
}

/// How points are spent and come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Points that come back in a second; with none, points are not counted.
    pub per_s: u32,
    /// The most that a key can have.
    pub burst: u32,
}

/// What is counted while it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A socket or a stream.
    Live,
    /// An operation.
    Operation,
}

/// Something of a key that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    quotas: Quotas,
    account: Uuid,
    kind: Kind,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(account) = self.quotas.lock().get_mut(&self.account) {
            let count = account.count(self.kind);
            *count = count.saturating_sub(1);
        }
    }
}

impl Account {
    fn count(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Live => &mut self.live,
            Kind::Operation => &mut self.operations,
        }
    }

    fn needs_none(&self, now: Instant) -> bool {
        self.live == 0 && self.operations == 0 && self.full_at <= now
    }
}

impl Quotas {
    /// Takes `points` of the key's; the time after which they will be there when they are not.
    pub(super) fn spend(&self, account: Uuid, points: u32, rate: Rate) -> Result<(), Duration> {
        if rate.per_s == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let each = Duration::from_secs(1) / rate.per_s;
        let mut all = self.lock();
        let account = entry(&mut all, account, now);
        let full_at = account.full_at.max(now) + each * points;
        let too_late = full_at.duration_since(now).saturating_sub(each * rate.burst);
        if !too_late.is_zero() {
            return Err(too_late);
        }
        account.full_at = full_at;
        Ok(())
    }

    /// Counts one more of a key's; none when `most` are there.
    pub(super) fn take(&self, account: Uuid, kind: Kind, most: usize) -> Option<Share> {
        let mut all = self.lock();
        let count = entry(&mut all, account, Instant::now()).count(kind);
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Share { quotas: self.clone(), account, kind })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(all: &mut HashMap<Uuid, Account>, key: Uuid, now: Instant) -> &mut Account {
    if all.len() >= ACCOUNTS_KEPT && !all.contains_key(&key) {
        all.retain(|_, account| !account.needs_none(now));
    }
    all.entry(key).or_insert(Account { live: 0, operations: 0, full_at: now })
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNTS_KEPT, Kind, Quotas, Rate};
    use std::time::Duration;
    use tokio::time::advance;
    use uuid::Uuid;

    const KEY: Uuid = Uuid::from_u128(1);
    const RATE: Rate = Rate { per_s: 10, burst: 50 };

    #[tokio::test(start_paused = true)]
    async fn points_are_spent_and_come_back() {
        let quotas = Quotas::default();
        assert_eq!(quotas.spend(KEY, 50, RATE), Ok(()));
        assert_eq!(quotas.spend(KEY, 10, RATE), Err(Duration::from_secs(1)));
        assert_eq!(quotas.spend(KEY, 1, RATE), Err(Duration::from_millis(100)));
        assert_eq!(quotas.spend(Uuid::from_u128(2), 50, RATE), Ok(()), "another key");
        advance(Duration::from_secs(1)).await;
        assert_eq!(quotas.spend(KEY, 10, RATE), Ok(()));
        advance(Duration::from_hours(1)).await;
        assert_eq!(quotas.spend(KEY, 51, RATE), Err(Duration::from_millis(100)));
        assert_eq!(quotas.spend(KEY, 50, RATE), Ok(()));
    }

    #[tokio::test]
    async fn without_a_rate_nothing_is_counted() {
        let unlimited = Rate { per_s: 0, burst: 0 };
        assert_eq!(Quotas::default().spend(KEY, u32::MAX, unlimited), Ok(()));
    }

    #[tokio::test]
    async fn what_is_open_is_counted_until_it_is_dropped() {
        let quotas = Quotas::default();
        let first = quotas.take(KEY, Kind::Live, 1).unwrap();
        assert!(quotas.take(KEY, Kind::Live, 1).is_none());
        let operation = quotas.take(KEY, Kind::Operation, 1).unwrap();
        assert!(quotas.take(Uuid::from_u128(2), Kind::Live, 1).is_some());
        drop(first);
        assert!(quotas.take(KEY, Kind::Live, 1).is_some());
        assert!(quotas.take(KEY, Kind::Operation, 1).is_none());
        drop(operation);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_accounts_are_forgotten() {
        let quotas = Quotas::default();
        let kept = quotas.take(KEY, Kind::Live, 1).unwrap();
        for key in 2..=ACCOUNTS_KEPT {
            quotas.spend(Uuid::from_u128(key.try_into().unwrap()), 1, RATE).unwrap();
        }
        assert_eq!(quotas.lock().len(), ACCOUNTS_KEPT);
        advance(Duration::from_secs(1)).await;
        quotas.spend(Uuid::max(), 1, RATE).unwrap();
        assert_eq!(quotas.lock().len(), 2);
        drop(kept);
    }
}
