//! Rule packs: what the law of a place says about the hours and the number of texts, as dated data.
//!
//! A pack is engineering input, not legal advice: where sources disagree it holds the stricter reading and
//! its note says so. Packs only ever tighten; none lets a text out that another rule holds.
//!
//! **Invariant:** a pack's hours are read on the recipient's own wall clock, whatever the statute's zone.
//! **Invariant:** a pack binds from its `since` on and only recipients of its jurisdiction.

mod data;

use crate::{code::UnknownCode, place::Region, week::Week};
use chrono::{NaiveDate, TimeDelta};
use std::{fmt, str::FromStr};

crate::codes! {
    /// The packs there are.
    pub enum RulePack {
        /// The United States.
        Federal = "us_federal",
        /// Alabama.
        Alabama = "us_al",
        /// Connecticut.
        Connecticut = "us_ct",
        /// Florida.
        Florida = "us_fl",
        /// Louisiana.
        Louisiana = "us_la",
        /// Maryland.
        Maryland = "us_md",
        /// Mississippi.
        Mississippi = "us_ms",
        /// New Jersey.
        NewJersey = "us_nj",
        /// Oklahoma.
        Oklahoma = "us_ok",
        /// Rhode Island.
        RhodeIsland = "us_ri",
        /// Texas.
        Texas = "us_tx",
        /// Virginia.
        Virginia = "us_va",
        /// Washington.
        Washington = "us_wa",
    }
}

/// Whom a pack protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jurisdiction {
    /// Everybody in the United States, and everybody whose region is not known.
    UnitedStates,
    /// Everybody in one state, by its ISO 3166-2 code: `US-FL`.
    State(&'static str),
}

/// A cap on the number of texts in a rolling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Texts that one phone may accept.
    pub messages: u32,
    /// The length of the window.
    pub window: TimeDelta,
}

/// What a pack says, and where that was read.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The place, for people: `Florida`.
    pub name: &'static str,
    /// Whom it protects.
    pub jurisdiction: Jurisdiction,
    /// The recipient's local date from which it binds; none where no source names the day, and then it
    /// always binds.
    pub since: Option<NaiveDate>,
    /// When sending is allowed.
    pub week: Week,
    /// How many texts are allowed, if that is limited.
    pub cap: Option<Cap>,
    /// The statute, and where its hours were read.
    pub source: &'static str,
    /// When the source was last read.
    pub checked: NaiveDate,
    /// What the data leaves out or decides between, if anything.
    pub note: Option<&'static str>,
}

impl Jurisdiction {
    /// Whether it covers a recipient of `region`.
    ///
    /// Federal hours bind a recipient whose region nobody knows: most recipients are in the United States,
    /// and a text that waits until eight in the morning costs less than one that should not have left. A
    /// state's hours are not guessed: taken together they would leave Sundays without any sending.
    pub fn covers(self, region: Option<Region>) -> bool {
        match (self, region) {
            (Self::UnitedStates, None) => true,
            (Self::UnitedStates, Some(region)) => region.as_str().starts_with("US-"),
            (Self::State(_), None) => false,
            (Self::State(state), Some(region)) => region.as_str() == state,
        }
    }
}

impl RulePack {
    /// What the pack says, and where that was read.
    pub const fn facts(self) -> &'static Facts {
        data::facts(self)
    }

    const fn bit(self) -> u32 {
        match self {
            Self::Federal => 1,
            Self::Alabama => 1 << 1,
            Self::Connecticut => 1 << 2,
            Self::Florida => 1 << 3,
            Self::Louisiana => 1 << 4,
            Self::Maryland => 1 << 5,
            Self::Mississippi => 1 << 6,
            Self::NewJersey => 1 << 7,
            Self::Oklahoma => 1 << 8,
            Self::RhodeIsland => 1 << 9,
            Self::Texas => 1 << 10,
            Self::Virginia => 1 << 11,
            Self::Washington => 1 << 12,
        }
    }
}

/// A set of packs. As text it is their codes with a space between, in the order of [`RulePack::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RulePacks(u32);

impl RulePacks {
    /// No pack.
    pub const NONE: Self = Self(0);

    /// Every pack.
    pub const ALL: Self = {
        let mut set = Self::NONE;
        let mut rest = RulePack::ALL;
        while let [first, others @ ..] = rest {
            set = set.with(*first);
            rest = others;
        }
        set
    };

    const fn with(self, pack: RulePack) -> Self {
        Self(self.0 | pack.bit())
    }

    /// Whether the set holds `pack`.
    pub const fn contains(self, pack: RulePack) -> bool {
        self.0 & pack.bit() != 0
    }

    /// Adds `pack`.
    pub const fn insert(&mut self, pack: RulePack) {
        *self = self.with(pack);
    }

    /// The set with `pack` in it, or without it.
    #[must_use]
    pub const fn switched(self, pack: RulePack, is_in: bool) -> Self {
        if is_in { self.with(pack) } else { Self(self.0 & !pack.bit()) }
    }

    /// Every pack of either set: what binds a campaign whose site has tightened its rules since.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The packs, in the order of [`RulePack::ALL`].
    pub fn iter(self) -> impl Iterator<Item = RulePack> {
        RulePack::ALL.iter().copied().filter(move |pack| self.contains(*pack))
    }

    /// The packs that cover a recipient of `region`, in the same order.
    pub fn covering(self, region: Option<Region>) -> impl Iterator<Item = RulePack> {
        self.iter().filter(move |pack| pack.facts().jurisdiction.covers(region))
    }
}

impl FromIterator<RulePack> for RulePacks {
    fn from_iter<I: IntoIterator<Item = RulePack>>(packs: I) -> Self {
        packs.into_iter().fold(Self::NONE, Self::with)
    }
}

impl FromStr for RulePacks {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl fmt::Display for RulePacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pack) in self.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{pack}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_round_trip() {
        assert_eq!(RulePacks::ALL.iter().count(), RulePack::ALL.len());
        assert_eq!(RulePacks::ALL.to_string().parse(), Ok(RulePacks::ALL));
        assert_eq!("".parse(), Ok(RulePacks::NONE));
        assert_eq!(RulePacks::NONE.to_string(), "");
        let two: RulePacks = "us_tx  us_federal".parse().unwrap();
        assert_eq!(two.to_string(), "us_federal us_tx");
        assert!(two.contains(RulePack::Texas) && !two.contains(RulePack::Florida));
        let mut three = two;
        three.insert(RulePack::Florida);
        assert_eq!(
            three,
            [RulePack::Florida, RulePack::Texas, RulePack::Federal].into_iter().collect()
        );
        assert_eq!(two.union(three), three);
        assert_eq!(three.switched(RulePack::Florida, false), two);
        assert_eq!(two.switched(RulePack::Florida, false), two);
        assert_eq!(two.switched(RulePack::Florida, true), three);
        assert!("us_federal us_zz".parse::<RulePacks>().is_err());
    }

    #[test]
    fn a_pack_covers_its_own() {
        let covering = |region: Option<&str>| {
            let region = region.map(|region| region.parse().unwrap());
            RulePacks::ALL.covering(region).collect::<RulePacks>().to_string()
        };
        assert_eq!(covering(Some("US-FL")), "us_federal us_fl");
        assert_eq!(covering(Some("US-NY")), "us_federal");
        assert_eq!(covering(Some("CA-ON")), "");
        assert_eq!(covering(None), "us_federal");
        let texas: RulePacks = "us_tx".parse().unwrap();
        assert_eq!(texas.covering(None).count(), 0);
    }
}
