//! Pages of a list: keyset cursors, forwards and backwards.
//!
//! **Invariant:** a page never has more than [`domain::limits::PAGE_MAX`] entries.

use super::Result;
use domain::limits::PAGE_MAX;
use sea_orm::{
    ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, SimpleExpr, Value},
};
use uuid::Uuid;

/// A position in a list: the sort value of an entry, and its id to break ties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The sort value: a number (instants are milliseconds) or text, as text. Empty in a list sorted by id.
    pub value: String,
    /// The id.
    pub id: Uuid,
}

/// Which end of the list a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// The first entries after the cursor.
    First(u64),
    /// The last entries before the cursor.
    Last(u64),
}

/// What page is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// How many, and from which end.
    pub slice: Slice,
    /// Return entries after this position.
    pub after: Option<Cursor>,
    /// Return entries before this position.
    pub before: Option<Cursor>,
}

impl PageRequest {
    /// The first `count` entries.
    pub fn first(count: u64) -> Self {
        Self { slice: Slice::First(count), after: None, before: None }
    }
}

/// A page, in the list's order whichever end it was taken from.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries with their positions.
    pub items: Vec<(Cursor, T)>,
    /// Whether entries follow.
    pub has_next: bool,
    /// Whether entries come before.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// A page with nothing on it.
    pub fn empty() -> Self {
        Self { items: Vec::new(), has_next: false, has_previous: false }
    }

    /// The same page with each entry turned into another.
    pub fn try_map<U, E>(
        self,
        mut turn: impl FnMut(T) -> std::result::Result<U, E>,
    ) -> std::result::Result<Page<U>, E> {
        let items = self.items.into_iter().map(|(cursor, item)| Ok((cursor, turn(item)?)));
        Ok(Page {
            items: items.collect::<std::result::Result<_, E>>()?,
            has_next: self.has_next,
            has_previous: self.has_previous,
        })
    }
}

/// What a list is sorted by.
pub(super) struct Sort<M> {
    /// The sort value, if the list is not sorted by id alone.
    pub(super) value: Option<SimpleExpr>,
    /// The id.
    pub(super) id: SimpleExpr,
    /// The direction of both.
    pub(super) order: Order,
    /// Reads a cursor's text back as a value to compare with; none when the text is not one.
    pub(super) parse: fn(&str) -> Option<Value>,
    /// The position of a row.
    pub(super) cursor: fn(&M) -> Cursor,
}

impl<M> Sort<M> {
    /// Sorted by id, oldest first.
    pub(super) fn by_id(id: SimpleExpr, cursor: fn(&M) -> Cursor) -> Self {
        Self { value: None, id, order: Order::Asc, parse: |_| None, cursor }
    }

    /// The condition for entries strictly beyond `cursor` in the direction given.
    fn beyond(&self, cursor: &Cursor, ascending: bool) -> SimpleExpr {
        let than = |left: SimpleExpr, right: Value| {
            if ascending { left.gt(right) } else { left.lt(right) }
        };
        let by_id = than(self.id.clone(), cursor.id.into());
        match (&self.value, (self.parse)(&cursor.value)) {
            (Some(value), Some(at)) => {
                than(value.clone(), at.clone()).or(value.clone().eq(at).and(by_id))
            }
            // A cursor of another order holds no value of this one: nothing lies beyond it.
            (Some(_), None) => Expr::val(1).eq(0),
            (None, _) => by_id,
        }
    }
}

/// Takes the page asked for from `select`.
pub(super) async fn fetch<E, C>(
    connection: &C,
    select: Select<E>,
    sort: &Sort<E::Model>,
    request: &PageRequest,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    C: ConnectionTrait,
{
    let ascending = sort.order == Order::Asc;
    let (count, backwards) = match request.slice {
        Slice::First(count) => (Ord::min(count, PAGE_MAX), false),
        Slice::Last(count) => (Ord::min(count, PAGE_MAX), true),
    };
    let mut select = select;
    if let Some(after) = &request.after {
        select = select.filter(sort.beyond(after, ascending));
    }
    if let Some(before) = &request.before {
        select = select.filter(sort.beyond(before, !ascending));
    }
    let order = if ascending == backwards { Order::Desc } else { Order::Asc };
    if let Some(value) = &sort.value {
        select = select.order_by(value.clone(), order.clone());
    }
    // One more than asked tells whether there are more.
    let select = select.order_by(sort.id.clone(), order).limit(count + 1);
    let mut rows = select.all(connection).await?;
    let has_more = rows.len() > usize::try_from(count).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    if backwards {
        rows.reverse();
    }
    let items = rows.into_iter().map(|row| ((sort.cursor)(&row), row)).collect();
    Ok(if backwards {
        Page { items, has_next: request.before.is_some(), has_previous: has_more }
    } else {
        Page { items, has_next: has_more, has_previous: request.after.is_some() }
    })
}
