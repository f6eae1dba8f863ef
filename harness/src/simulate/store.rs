//! The database of the simulation: the service's own statements on SQLite in memory, run in the caller's thread.
//!
//! `SeaORM`'s driver hands every statement to a thread of its own, whose pace nobody controls, and waits a
//! context switch for each. Here a statement is a call, so nothing but the schedule decides what comes after what.
//! The schema is the one that the service's own migrations make.
//!
//! **Invariant:** after a schedule the database holds what it held before it, to the last row.
//! **Invariant:** what a statement answers is read by the declared type of its column, as the service's driver
//! reads it; a column that is neither is an error, not a guess.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, config::DbConfig, types::ValueRef};
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ExecResult, MockDatabase,
    MockDatabaseConnection, MockDatabaseTrait, MockExecResult, QueryResult, Statement, Transaction,
    Value, Values,
};
use uuid::Uuid;

/// Statements that are kept prepared.
const PREPARED_MAX: usize = 1_024;
/// The longest tuple that `SeaORM` reads by place.
const TUPLE_MAX: usize = 12;
/// The savepoint that a schedule is played in.
const SCHEDULE: &str = "schedule";

/// A failure of the simulation's own database.
#[derive(Debug, thiserror::Error)]
#[error("the simulation's database did not do what was asked")]
pub struct StoreError(#[from] rusqlite::Error);

/// What a column of an answer is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Id,
    Flag,
    Number,
    Text,
    Json,
    /// An expression: what it holds says what it is.
    Any,
}

/// A statement's columns.
#[derive(Debug)]
struct Columns {
    names: Vec<(String, Kind)>,
    /// Whether they are kept by place too: answers are kept in order of names, and tuples are read by place.
    is_placed: bool,
}

/// The database.
pub(super) struct Store {
    connection: Mutex<Connection>,
    columns: Mutex<HashMap<String, Arc<Columns>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Takes the database of a file into memory.
    pub(super) fn load(file: &Path) -> Result<Arc<Self>, StoreError> {
        let source = Connection::open(file)?;
        let mut connection = Connection::open_in_memory()?;
        {
            let copy = rusqlite::backup::Backup::new(&source, &mut connection)?;
            copy.step(-1)?;
        }
        Self::over(connection)
    }

    fn over(connection: Connection) -> Result<Arc<Self>, StoreError> {
        connection.execute_batch(
            "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; \
             PRAGMA foreign_keys = ON;",
        )?;
        connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
        // Else a statement is prepared anew whenever a value is bound that its plan may depend on.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let connection = Mutex::new(connection);
        Ok(Arc::new(Self { connection, columns: Mutex::default() }))
    }

    /// A database without a schema.
    pub(super) fn empty() -> Result<Arc<Self>, StoreError> {
        Self::over(Connection::open_in_memory()?)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything from here on is undone by [`Store::undo`].
    pub(super) fn mark(&self) -> Result<(), StoreError> {
        Ok(self.connection().execute_batch(&format!("SAVEPOINT {SCHEDULE}"))?)
    }

    /// Undoes everything since [`Store::mark`].
    pub(super) fn undo(&self) -> Result<(), StoreError> {
        let batch = format!("ROLLBACK TO {SCHEDULE}; RELEASE {SCHEDULE}");
        Ok(self.connection().execute_batch(&batch)?)
    }

    /// Rows of a question of the simulation's own, each mapped by `read`.
    pub(super) fn ask<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        mut read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let connection = self.connection();
        let mut prepared = connection.prepare_cached(sql)?;
        let rows = prepared.query_map(parameters, |row| read(row))?;
        Ok(rows.collect::<rusqlite::Result<Vec<T>>>()?)
    }

    /// A connection of the service's to it. Each has a lock of its own.
    pub(super) fn connect(self: &Arc<Self>) -> DatabaseConnection {
        let door = Door(Arc::clone(self));
        let connection = MockDatabaseConnection::new(door);
        DatabaseConnectionType::MockDatabaseConnection(Arc::new(connection)).into()
    }

    fn batch(&self, sql: &str) {
        if let Err(error) = self.connection().execute_batch(sql) {
            // The driver's interface knows no failure here. What was not begun or committed shows in what follows.
            tracing::error!(%error, sql, "a transaction of the simulation broke");
        }
    }

    /// Runs a statement, or a script of several, each of which takes its share of the values.
    fn execute(&self, statement: &Statement) -> rusqlite::Result<u64> {
        let connection = self.connection();
        let mut values = values_of(statement);
        let mut changed: usize = 0;
        for sql in statement.sql.split("; ") {
            let mut prepared = connection.prepare_cached(sql)?;
            let own;
            (own, values) = values.split_at(prepared.parameter_count().min(values.len()));
            bind(&mut prepared, own)?;
            changed = changed.saturating_add(prepared.raw_execute()?);
        }
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn query(&self, statement: &Statement) -> rusqlite::Result<Vec<BTreeMap<String, Value>>> {
        let connection = self.connection();
        let mut prepared = connection.prepare_cached(&statement.sql)?;
        let values = values_of(statement);
        bind(&mut prepared, values)?;
        let columns = self.columns(&statement.sql, &prepared);
        let mut rows = prepared.raw_query();
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            read.push(columns.read(row)?);
        }
        Ok(read)
    }

    fn columns(&self, sql: &str, prepared: &rusqlite::Statement<'_>) -> Arc<Columns> {
        let mut known = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(columns) = known.get(sql) {
            return Arc::clone(columns);
        }
        let columns = Arc::new(Columns::of(prepared));
        known.insert(sql.to_owned(), Arc::clone(&columns));
        columns
    }
}

impl Columns {
    fn of(prepared: &rusqlite::Statement<'_>) -> Self {
        let columns = prepared.columns();
        let names =
            columns.iter().map(|it| (it.name().to_owned(), kind(it.name(), it.decl_type())));
        let names: Vec<(String, Kind)> = names.collect();
        let is_sorted = names.is_sorted_by(|(one, _), (other, _)| one < other);
        let is_placed = !is_sorted && names.len() <= TUPLE_MAX;
        Self { names, is_placed }
    }

    /// A row by name; where places count and are not the order of names, under keys that come first as well.
    fn read(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<BTreeMap<String, Value>> {
        let mut values = BTreeMap::new();
        for (place, (name, kind)) in self.names.iter().enumerate() {
            let value = value(row.get_ref(place)?, *kind, place)?;
            if self.is_placed {
                values.insert(format!("\0{place:03}"), value.clone());
            }
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}

/// What a column is read as. Of an expression, the house's names tell a yes or no from a number.
fn kind(name: &str, declared: Option<&str>) -> Kind {
    let is_question = name.starts_with("has_") || name.starts_with("is_");
    let Some(declared) = declared else {
        return if is_question { Kind::Flag } else { Kind::Any };
    };
    let declared = declared.to_ascii_lowercase();
    let is = |part: &str| declared.contains(part);
    match () {
        () if is("uuid") || is("blob") => Kind::Id,
        () if is("json") => Kind::Json,
        () if is("bool") => Kind::Flag,
        () if is("int") => Kind::Number,
        () if is("text") || is("char") => Kind::Text,
        () => Kind::Any,
    }
}

fn value(held: ValueRef<'_>, kind: Kind, place: usize) -> rusqlite::Result<Value> {
    let odd = || rusqlite::Error::InvalidColumnType(place, format!("{kind:?}"), held.data_type());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_invalid| odd());
    Ok(match (held, kind) {
        (ValueRef::Null, Kind::Id) => Value::Uuid(None),
        (ValueRef::Null, Kind::Text) => Value::String(None),
        (ValueRef::Null, Kind::Json) => Value::Json(None),
        (ValueRef::Null, Kind::Flag) => Value::Bool(None),
        (ValueRef::Null, _) => Value::BigInt(None),
        (ValueRef::Integer(number), Kind::Number | Kind::Any) => Value::BigInt(Some(number)),
        (ValueRef::Integer(number), Kind::Flag) => Value::Bool(Some(number != 0)),
        (ValueRef::Text(bytes), Kind::Text | Kind::Any) => Value::String(Some(text(bytes)?)),
        (ValueRef::Text(bytes), Kind::Json) => {
            let json = serde_json::from_slice(bytes).map_err(|_invalid| odd())?;
            Value::Json(Some(Box::new(json)))
        }
        (ValueRef::Real(number), Kind::Any) => Value::Double(Some(number)),
        (ValueRef::Blob(bytes), Kind::Id | Kind::Any) => {
            Value::Uuid(Some(Uuid::from_slice(bytes).map_err(|_invalid| odd())?))
        }
        _ => return Err(odd()),
    })
}

fn values_of(statement: &Statement) -> &[Value] {
    statement.values.as_ref().map_or(&[], |values: &Values| values.0.as_slice())
}

fn bind(prepared: &mut rusqlite::Statement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for (before, value) in values.iter().enumerate() {
        let place = before.saturating_add(1);
        match value {
            Value::Bool(held) => prepared.raw_bind_parameter(place, held)?,
            Value::TinyInt(held) => prepared.raw_bind_parameter(place, held)?,
            Value::SmallInt(held) => prepared.raw_bind_parameter(place, held)?,
            Value::Int(held) => prepared.raw_bind_parameter(place, held)?,
            Value::BigInt(held) => prepared.raw_bind_parameter(place, held)?,
            Value::Unsigned(held) => prepared.raw_bind_parameter(place, held)?,
            Value::BigUnsigned(held) => {
                let number = held.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
                prepared.raw_bind_parameter(place, number)?;
            }
            Value::Double(held) => prepared.raw_bind_parameter(place, held)?,
            Value::String(held) => prepared.raw_bind_parameter(place, held)?,
            Value::Bytes(held) => prepared.raw_bind_parameter(place, held)?,
            Value::Uuid(held) => {
                prepared
                    .raw_bind_parameter(place, held.as_ref().map(|id| id.as_bytes().as_slice()))?;
            }
            Value::Json(held) => {
                prepared.raw_bind_parameter(place, held.as_ref().map(ToString::to_string))?;
            }
            _ => return Err(rusqlite::Error::InvalidParameterCount(place, 0)),
        }
    }
    Ok(())
}

/// A connection to the database.
struct Door(Arc<Store>);

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

fn failed(error: &rusqlite::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}

impl MockDatabaseTrait for Door {
    fn execute(&mut self, _: usize, statement: Statement) -> Result<ExecResult, DbErr> {
        let rows_affected = self.0.execute(&statement).map_err(|error| failed(&error))?;
        let done = MockExecResult { last_insert_id: 0, rows_affected };
        MockDatabase::new(DbBackend::Sqlite).append_exec_results([done]).execute(0, statement)
    }

    fn query(&mut self, _: usize, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self.0.query(&statement).map_err(|error| failed(&error))?;
        MockDatabase::new(DbBackend::Sqlite).append_query_results([rows]).query(0, statement)
    }

    fn begin(&mut self) {
        self.0.batch("SAVEPOINT work");
    }

    fn commit(&mut self) {
        self.0.batch("RELEASE work");
    }

    fn rollback(&mut self) {
        self.0.batch("ROLLBACK TO work; RELEASE work");
    }

    fn drain_transaction_log(&mut self) -> Vec<Transaction> {
        Vec::new()
    }

    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    fn ping(&self) -> Result<(), DbErr> {
        Ok(())
    }
}
