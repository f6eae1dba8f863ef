//! Pages: what Relay's Cursor Connections Specification asks for, over the service's keyset pages.
//!
//! **Invariant:** a cursor is good only for a list in the order it was given for.
//! **Invariant:** a number is counted only if it is asked for.

use super::{error, loaders};
use crate::service::{
    CampaignFilter, Cursor, MessageFilter, Page, PageRequest, Slice, SubscriberFilter,
};
use async_graphql::{Context, Result, SimpleObject};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    id::{CampaignId, SiteId, SubscriberId},
    limits::{PAGE_DEFAULT, PAGE_MAX},
};
use uuid::Uuid;

/// Bytes of the id in a cursor.
const ID_BYTES: usize = 16;

/// Where a page sits in a connection, as the Relay Cursor Connections Specification defines it.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether more edges follow.
    has_next_page: bool,
    /// Whether edges come before.
    has_previous_page: bool,
    /// The cursor of the first edge, or null for an empty page.
    start_cursor: Option<String>,
    /// The cursor of the last edge, or null for an empty page.
    end_cursor: Option<String>,
}

/// What a list is sorted by; ties are broken by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// The id alone, which grows with time.
    Id,
    /// When its entries were made.
    CreatedAt,
    /// When its entries last changed.
    UpdatedAt,
    /// When its entries are first due, if they are.
    StartsAt,
    /// The names of its entries.
    Name,
    /// The number of an event among its campaign's.
    Sequence,
}

impl Sort {
    /// The byte that cursors of the order begin with.
    const fn tag(self) -> u8 {
        match self {
            Self::Id => b'i',
            Self::CreatedAt => b'c',
            Self::UpdatedAt => b'u',
            Self::StartsAt => b's',
            Self::Name => b'n',
            Self::Sequence => b'e',
        }
    }

    /// Whether the sort value of an entry is a number, always.
    const fn is_numeric(self) -> bool {
        matches!(self, Self::CreatedAt | Self::UpdatedAt | Self::Sequence)
    }

    fn encode(self, cursor: &Cursor) -> String {
        let mut bytes = vec![self.tag()];
        bytes.extend(cursor.id.as_bytes());
        bytes.extend(cursor.value.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(self, text: &str) -> Option<Cursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, rest) = bytes.split_first()?;
        let (id, value) = rest.split_at_checked(ID_BYTES)?;
        let value = str::from_utf8(value).ok()?;
        let is_value = !self.is_numeric() || value.parse::<i64>().is_ok();
        // No name has a NUL, and PostgreSQL would not even be asked for one.
        let fits = *tag == self.tag() && is_value && !value.contains('\0');
        fits.then_some(Cursor { value: value.to_owned(), id: Uuid::from_slice(id).ok()? })
    }
}

/// The arguments that choose a page.
#[derive(Clone, Debug, Default)]
pub(super) struct PageArgs {
    /// The most edges, from the start.
    pub(super) first: Option<i32>,
    /// Edges after this cursor.
    pub(super) after: Option<String>,
    /// The most edges, from the end.
    pub(super) last: Option<i32>,
    /// Edges before this cursor.
    pub(super) before: Option<String>,
}

impl PageArgs {
    /// The page of a list in the order `sort`, or the error that names the argument at fault.
    pub(super) fn request(self, sort: Sort) -> Result<PageRequest> {
        let slice = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(error::bad_argument("last", "not be given with `first`"));
            }
            (Some(first), None) => Slice::First(size("first", first)?),
            (None, Some(last)) => Slice::Last(size("last", last)?),
            (None, None) => Slice::First(PAGE_DEFAULT),
        };
        let position = |name: &str, text: Option<String>| {
            let unreadable = || error::bad_argument(name, "be a cursor of this list in this order");
            text.map(|text| sort.decode(&text).ok_or_else(unreadable)).transpose()
        };
        let after = position("after", self.after)?;
        Ok(PageRequest { slice, after, before: position("before", self.before)? })
    }
}

fn size(name: &str, asked: i32) -> Result<u64> {
    let size = u64::try_from(asked).ok().filter(|size| (1..=PAGE_MAX).contains(size));
    size.ok_or_else(|| {
        error::bad_argument(name, format_args!("be from 1 to {PAGE_MAX}, not {asked}"))
    })
}

/// A page of the service's, its positions turned into cursors.
pub(super) struct Edges<T> {
    /// The entries with their cursors.
    pub(super) entries: Vec<(String, T)>,
    /// Where the page sits.
    pub(super) page_info: PageInfo,
}

impl<T> Edges<T> {
    /// The page of a list in the order `sort`.
    pub(super) fn new<R: Into<T>>(page: Page<R>, sort: Sort) -> Self {
        let entries: Vec<(String, T)> =
            page.items.into_iter().map(|(at, row)| (sort.encode(&at), row.into())).collect();
        let page_info = PageInfo {
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: entries.first().map(|(cursor, _)| cursor.clone()),
            end_cursor: entries.last().map(|(cursor, _)| cursor.clone()),
        };
        Self { entries, page_info }
    }
}

/// What a connection's `totalCount` counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Total {
    /// Audiences of a site.
    Audiences(SiteId),
    /// Subscribers of a site.
    Subscribers(SiteId, SubscriberFilter),
    /// Campaigns of a site.
    Campaigns(SiteId, CampaignFilter),
    /// Messages of a campaign.
    Messages(CampaignId, MessageFilter),
    /// Messages to a subscriber.
    SubscriberMessages(SubscriberId),
}

impl Total {
    /// Counts them.
    pub(super) async fn count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders::total(ctx, self.clone()).await
    }
}

/// A count as GraphQL's `Int`, which has 32 bits; what is greater is told as the greatest.
pub(super) fn int(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(value: &str) -> Cursor {
        Cursor { value: value.to_owned(), id: Uuid::from_u128(7) }
    }

    fn request(args: PageArgs) -> Result<PageRequest, String> {
        args.request(Sort::Name).map_err(|error| {
            assert!(format!("{error:?}").contains("BAD_USER_INPUT"));
            error.message
        })
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_order_only() {
        for value in ["", "Black Friday", "é"] {
            let text = Sort::Name.encode(&cursor(value));
            assert_eq!(Sort::Name.decode(&text), Some(cursor(value)));
            assert_eq!(Sort::Id.decode(&text), None);
        }
        let text = Sort::CreatedAt.encode(&cursor("1764000000000"));
        assert_eq!(Sort::CreatedAt.decode(&text), Some(cursor("1764000000000")));
        let forged = Sort::CreatedAt.encode(&cursor("yesterday"));
        assert_eq!(Sort::CreatedAt.decode(&forged), None);
        for bad in ["", "bg", "!", "camp_1", &text[..8]] {
            assert_eq!(Sort::Name.decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_page_has_1_to_100_entries_and_25_if_not_said() {
        let slice = |first, last| {
            request(PageArgs { first, last, ..PageArgs::default() }).map(|page| page.slice)
        };
        assert_eq!(slice(None, None), Ok(Slice::First(25)));
        assert_eq!(slice(Some(100), None), Ok(Slice::First(100)));
        assert_eq!(slice(None, Some(1)), Ok(Slice::Last(1)));
        for bad in [0, -1, 101, i32::MAX, i32::MIN] {
            assert_eq!(
                slice(Some(bad), None),
                Err(format!("The argument `first` must be from 1 to 100, not {bad}."))
            );
            assert_eq!(
                slice(None, Some(bad)),
                Err(format!("The argument `last` must be from 1 to 100, not {bad}."))
            );
        }
        let both = slice(Some(1), Some(1)).unwrap_err();
        assert_eq!(both, "The argument `last` must not be given with `first`.");
    }

    #[test]
    fn a_cursor_that_does_not_decode_is_named() {
        let bad = Some("nonsense".to_owned());
        let after = request(PageArgs { after: bad.clone(), ..PageArgs::default() });
        assert!(after.unwrap_err().contains("`after`"));
        let before = request(PageArgs { before: bad, ..PageArgs::default() });
        assert!(before.unwrap_err().contains("`before`"));
    }

    #[test]
    fn counts_beyond_32_bits_are_the_greatest() {
        assert_eq!([int(7), int(i64::MAX), int(i64::MIN)], [7, i32::MAX, i32::MIN]);
    }
}
