//! Many rows of a table, read as one value.
//!
//! The driver of SQLite copies each column of each row to memory of its own, looks it up by name, and frees it on
//! another thread: for a batch of hand-overs that is thirty thousand of each, and it is what takes longest of all that
//! happens between two statements. So SQLite writes the rows as one JSON text, and they are read from that. Rows of
//! PostgreSQL come in one piece each, and are read as they are.
//!
//! **Invariant:** the rows and their order are those of the statement; only the way in which they travel differs.

use super::{Error, Result};
use entity::convert::Corrupt;
use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, DbErr, EntityTrait, Iterable, QueryTrait,
    Select,
    sea_query::{Expr, Query},
};
use serde::de::DeserializeOwned;

/// What the statement goes by inside of the one that writes its rows.
const LIST: &str = "list";

/// The rows that `select` finds, whole and in its order. Their models are read from arrays, by the order of columns.
pub(super) async fn all<E>(
    connection: &impl ConnectionTrait,
    select: Select<E>,
) -> Result<Vec<E::Model>>
where
    E: EntityTrait,
    E::Model: DeserializeOwned,
{
    if connection.get_database_backend() != DbBackend::Sqlite {
        return Ok(select.all(connection).await?);
    }
    let columns: Vec<String> = E::Column::iter().map(written).collect();
    let row = format!("json_group_array(json_array({}))", columns.join(", "));
    let statement =
        Query::select().expr(Expr::cust(row)).from_subquery(select.into_query(), LIST).to_owned();
    let row = connection.query_one(&statement).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("a list".to_owned()))?;
    let text: String = row.try_get_by_index(0)?;
    // What is wrong with a text may be personal, and is left out.
    let corrupt = |_| Corrupt::Value { table: E::default().table_name(), column: "*" };
    serde_json::from_str(&text).map_err(corrupt).map_err(Error::from)
}

/// How a column is written into a JSON text.
fn written<C: ColumnTrait>(column: C) -> String {
    let name = column.as_str();
    match column.def().get_column_type() {
        ColumnType::Uuid => format!("nullif(hex({name}), '')"),
        // A text that is no JSON is told by whoever looks at the row, as it is of any other text.
        ColumnType::Json => {
            format!("CASE WHEN json_valid({name}) THEN json({name}) ELSE {name} END")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entity::subscriber;
    use sea_orm::{
        ActiveModelTrait, Database, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Schema,
    };
    use serde_json::json;
    use uuid::Uuid;

    fn subscriber(nth: u128) -> subscriber::Model {
        subscriber::Model {
            id: Uuid::from_u128(nth),
            site_id: Uuid::max(),
            phone: "+12125550142".to_owned(),
            status: "a \"quoted\" text,\n\u{1F44B} \\ and more".to_owned(),
            time_zone: None,
            subscribed_at: i64::MAX,
            unsubscribed_at: Some(-1),
            last_messaged_at: None,
            postal_code: Some(String::new()),
            observed_time_zone: None,
            attributes: nth
                .is_multiple_of(2)
                .then(|| json!({ "first_name": "O'Neil \"x\"", "n": "7" })),
            zones: None,
            zone_source: None,
            region: None,
            last_message_id: (!nth.is_multiple_of(2)).then(Uuid::nil),
            last_inbound_at: Some(0),
            suspected_opt_out_at: None,
            created_at: 1_795_446_000_000,
            updated_at: i64::MIN,
        }
    }

    /// Goal: a list is what its rows are, read one by one. Method: rows with texts that JSON must escape, objects, ids
    /// and what is not there, backwards and not all of them; and a list of none.
    #[tokio::test]
    async fn a_list_is_its_rows() {
        let connection = Database::connect("sqlite::memory:").await.unwrap();
        connection.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
        let table = Schema::new(DbBackend::Sqlite).create_table_from_entity(subscriber::Entity);
        connection.execute(&table).await.unwrap();
        for nth in 0..5 {
            let row = subscriber(nth).into_active_model().reset_all();
            row.insert(&connection).await.unwrap();
        }
        let select = subscriber::Entity::find().order_by_desc(subscriber::Column::Id);
        let some = || select.clone().limit(4);
        let rows = some().all(&connection).await.unwrap();
        assert_eq!(rows.first(), Some(&subscriber(4)));
        assert_eq!(all(&connection, some()).await.unwrap(), rows);
        let none = select.filter(subscriber::Column::Status.eq("none"));
        assert!(all(&connection, none).await.unwrap().is_empty());
    }
}
