//! Pages of a list: keyset cursors, forwards and backwards.
//!
//! **Invariant:** a page never has more than [`domain::limits::PAGE_MAX`] entries.

use super::{Result, each};
use domain::limits::PAGE_MAX;
use sea_orm::{
    ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, SimpleExpr, Value},
};
use uuid::Uuid;

/// A position in a list: the sort value of an entry, and its id to break ties.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The sort value: a number (instants are milliseconds) or text, as text. Empty in a list sorted by id.
    pub value: String,
    /// The id.
    pub id: Uuid,
}

/// Which end of the list a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slice {
    /// The first entries after the cursor.
    First(u64),
    /// The last entries before the cursor.
    Last(u64),
}

/// What page is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// A page asked for, as a statement.
struct Asked<E: EntityTrait> {
    select: Select<E>,
    count: usize,
    backwards: bool,
    order: Order,
}

impl<E: EntityTrait> Asked<E> {
    fn new(select: Select<E>, sort: &Sort<E::Model>, request: &PageRequest) -> Self {
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
        let select = select.order_by(sort.id.clone(), order.clone()).limit(count + 1);
        Self { select, count: usize::try_from(count).unwrap_or(usize::MAX), backwards, order }
    }
}

/// The page that `rows` are, which were read in the order in which the page was asked for.
fn page_of<M>(
    mut rows: Vec<M>,
    (count, backwards): (usize, bool),
    cursor: fn(&M) -> Cursor,
    request: &PageRequest,
) -> Page<M> {
    let has_more = rows.len() > count;
    rows.truncate(count);
    if backwards {
        rows.reverse();
    }
    let items = rows.into_iter().map(|row| (cursor(&row), row)).collect();
    if backwards {
        Page { items, has_next: request.before.is_some(), has_previous: has_more }
    } else {
        Page { items, has_next: has_more, has_previous: request.after.is_some() }
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
    let asked = Asked::new(select, sort, request);
    let rows = asked.select.all(connection).await?;
    Ok(page_of(rows, (asked.count, asked.backwards), sort.cursor, request))
}

/// Turns the rows of several pages into what they stand for, all at once.
pub async fn map_all<M, T>(
    pages: Vec<Page<M>>,
    turn: impl AsyncFnOnce(Vec<M>) -> Result<Vec<T>>,
) -> Result<Vec<Page<T>>> {
    let mut rows = Vec::new();
    let mut shapes = Vec::with_capacity(pages.len());
    for page in pages {
        let (cursors, items): (Vec<Cursor>, Vec<M>) = page.items.into_iter().unzip();
        rows.extend(items);
        shapes.push((cursors, page.has_next, page.has_previous));
    }
    let mut turned = turn(rows).await?.into_iter();
    let page = |(cursors, has_next, has_previous): (Vec<Cursor>, bool, bool)| Page {
        items: cursors.into_iter().zip(turned.by_ref()).collect(),
        has_next,
        has_previous,
    };
    Ok(shapes.into_iter().map(page).collect())
}

/// The columns by which the pages of one statement are put in order.
const ORDER_VALUE: &str = "order_value";
const ORDER_ID: &str = "order_id";

/// Takes the same page of each of `lists` by one statement: as many pages, in their order. What is asked for
/// of one list alone is asked for as ever.
pub(super) async fn fetch_each<E, C>(
    connection: &C,
    lists: Vec<Select<E>>,
    sort: &Sort<E::Model>,
    request: &PageRequest,
) -> Result<Vec<Page<E::Model>>>
where
    E: EntityTrait,
    C: ConnectionTrait,
{
    let mut lists = lists;
    if lists.len() < 2 {
        let Some(only) = lists.pop() else { return Ok(Vec::new()) };
        return Ok(vec![fetch(connection, only, sort, request).await?]);
    }
    let mut shape = (0, false);
    let mut order = Vec::new();
    let mut parts = Vec::with_capacity(lists.len());
    for list in lists {
        let asked = Asked::new(list, sort, request);
        shape = (asked.count, asked.backwards);
        order.clear();
        let mut part = asked.select;
        if let Some(value) = &sort.value {
            part = part.expr_as(value.clone(), ORDER_VALUE);
            order.push((ORDER_VALUE, asked.order.clone()));
        }
        order.push((ORDER_ID, asked.order));
        parts.push(part.expr_as(sort.id.clone(), ORDER_ID));
    }
    let lists = each::models(connection, parts, &order).await?;
    Ok(lists.into_iter().map(|rows| page_of(rows, shape, sort.cursor, request)).collect())
}
