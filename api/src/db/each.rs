//! One statement that asks the same of many: each part is asked apart, and each row says of which part it is.
//!
//! A condition over all of them would not do where each part has an end or an order of its own, as pages have.
//!
//! **Invariant:** a statement has at most [`PARTS_MAX`] parts, so that a statement of any size can be prepared.

use super::Result;
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, FromQueryResult as _, QueryResult, QuerySelect,
    QueryTrait as _, Select,
    sea_query::{Asterisk, Expr, Func, Order, Query, SelectStatement, SimpleExpr, UnionType},
};

/// Parts of one statement. SQLite takes 500.
const PARTS_MAX: usize = 200;
/// The column that says of which part a row is.
const PART: &str = "part";
/// What a part goes by in the statement.
const LIST: &str = "list";
/// The column of a number of rows.
const COUNT: &str = "row_count";

/// The rows of each part, as many lists as parts and in their order; within a part in the order of `order`,
/// which names columns of the parts.
pub(super) async fn rows(
    connection: &impl ConnectionTrait,
    parts: Vec<SelectStatement>,
    order: &[(&'static str, Order)],
) -> Result<Vec<Vec<QueryResult>>> {
    let mut lists: Vec<Vec<QueryResult>> = Vec::new();
    lists.resize_with(parts.len(), Vec::new);
    let mut rest = parts.into_iter().enumerate();
    while let Some(mut all) = union(rest.by_ref().take(PARTS_MAX)) {
        all.order_by(PART, Order::Asc);
        for (column, order) in order {
            all.order_by(*column, order.clone());
        }
        for row in connection.query_all(&all).await? {
            let part: i32 = row.try_get("", PART)?;
            let list = usize::try_from(part).ok().and_then(|part| lists.get_mut(part));
            list.ok_or_else(|| DbErr::RecordNotFound("a part".to_owned()))?.push(row);
        }
    }
    Ok(lists)
}

/// The rows of each of `lists`, read.
pub(super) async fn models<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    lists: Vec<Select<E>>,
    order: &[(&'static str, Order)],
) -> Result<Vec<Vec<E::Model>>> {
    let parts = lists.into_iter().map(Select::into_query).collect();
    let read = |rows: Vec<QueryResult>| {
        let models = rows.iter().map(|row| E::Model::from_query_result(row, ""));
        Ok(models.collect::<std::result::Result<_, DbErr>>()?)
    };
    rows(connection, parts, order).await?.into_iter().map(read).collect()
}

/// How many rows each of `lists` has.
pub(super) async fn counts<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    lists: Vec<Select<E>>,
) -> Result<Vec<i64>> {
    let part = |list: Select<E>| {
        // What is counted is told by its key alone: the columns of a row are not read.
        let list = list.select_only().expr_as(Expr::val(1), "one").into_query();
        Query::select()
            .expr_as(Func::count(Expr::col(Asterisk)), COUNT)
            .from_subquery(list, "counted")
            .to_owned()
    };
    let counted = rows(connection, lists.into_iter().map(part).collect(), &[]).await?;
    let count = |rows: &Vec<QueryResult>| match rows.first() {
        Some(row) => row.try_get("", COUNT),
        None => Ok(0),
    };
    Ok(counted.iter().map(count).collect::<std::result::Result<_, DbErr>>()?)
}

fn union(parts: impl Iterator<Item = (usize, SelectStatement)>) -> Option<SelectStatement> {
    let mut parts = parts.map(|(nth, part)| {
        let nth = i32::try_from(nth).unwrap_or(i32::MAX);
        // SQLite takes the limit of a part only inside of one.
        Query::select()
            .expr_as(SimpleExpr::from(nth), PART)
            .column((LIST, Asterisk))
            .from_subquery(part, LIST)
            .to_owned()
    });
    let mut all = parts.next()?;
    for part in parts {
        all.union(UnionType::All, part);
    }
    Some(all)
}
