//! The queries, the same for either database.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::any::AnyArguments;
use sqlx::query::Query as SqlQuery;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection as _, Error, Row as _};

use crate::clock::Time;
use crate::journal::query::{Filter, Query};
use crate::journal::record::{Id, Kind, Record};
use crate::journal::{Content, Keep};

/// Bytes of a message that are a value of their own. Most messages are one.
pub(super) const PART: u64 = 1024 * 1024;

/// Rows that one statement inserts.
pub(super) const ROWS: usize = 50;

/// Rows that are read at once when not all that comes is wanted.
const PAGE: usize = 200;

/// Rows that go at once, and bytes of them, so that a message under way never waits long for them.
const SWEPT: usize = 1_000;
const SWEPT_BYTES: u64 = 128 * 1024 * 1024;

type Statement = SqlQuery<'static, Any, AnyArguments>;

/// A record as it is written.
pub(super) struct Row {
    pub(super) id: Id,
    pub(super) kind: Kind,
    pub(super) lane: String,
    pub(super) at: Time,
    pub(super) weight: u64,
    pub(super) doc: String,
    /// What is kept by itself.
    pub(super) bulk: Option<Vec<u8>>,
}

/// A part of a message's bytes, or of what else is kept by itself.
pub(super) struct Part {
    pub(super) id: Id,
    pub(super) number: i64,
    pub(super) bytes: Vec<u8>,
}

/// A statement that is made here of constants; all that came from elsewhere is bound.
pub(super) fn statement(sql: String) -> Statement {
    sqlx::query(AssertSqlSafe(sql))
}

/// Writes records. One that is there already was written before, by an attempt whose outcome was not seen.
pub(super) async fn insert(connection: &mut AnyConnection, rows: &[Row]) -> Result<(), Error> {
    for rows in rows.chunks(ROWS) {
        let places = places(rows.len(), 6);
        let sql = format!(
            "insert into records (id, kind, lane, at, weight, doc) values {places} on conflict (id) do nothing"
        );
        let mut insert = statement(sql);
        for row in rows {
            insert = insert.bind(row.id.to_string()).bind(row.kind.name()).bind(&*row.lane);
            insert = insert.bind(milliseconds(row.at)).bind(signed(row.weight)).bind(&*row.doc);
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes parts of messages.
pub(super) async fn insert_parts(connection: &mut AnyConnection, parts: &[Part]) -> Result<(), Error> {
    for parts in parts.chunks(ROWS) {
        let places = places(parts.len(), 3);
        let sql = format!("insert into contents (id, part, bytes) values {places} on conflict (id, part) do nothing");
        let mut insert = statement(sql);
        for part in parts {
            insert = insert.bind(part.id.to_string()).bind(part.number).bind(&*part.bytes);
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)`
fn places(rows: usize, columns: usize) -> String {
    let mut places = String::new();
    for row in 0..rows {
        places.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(places, "{comma}${}", row * columns + column);
        }
        places.push(')');
    }
    places
}

/// The records that a query asks for, newest first. What the database does not know how to look for is looked for
/// here, row by row, as in the journal in memory.
pub(super) async fn page<R: Record>(connection: &mut AnyConnection, query: &Query) -> Result<Vec<Arc<R>>, Error> {
    let mut found = Vec::new();
    let mut before = query.before;
    let traces = query.filter.traces();
    while found.len() < query.limit {
        let wanted = if query.filter.is_settled_by_columns() { (query.limit - found.len()).min(PAGE) } else { PAGE };
        let rows = select("id, doc", R::KIND, &query.filter, before, wanted).fetch_all(&mut *connection).await?;
        for row in &rows {
            before = Id::parse(row.try_get(0)?);
            let doc: &str = row.try_get(1)?;
            if !traces.iter().all(|trace| trace.is_match(doc)) {
                continue;
            }
            let record = decoded::<R>(doc)?;
            if found.len() < query.limit && query.filter.matches(&record) {
                found.push(Arc::new(record));
            }
        }
        if rows.len() < wanted {
            break;
        }
    }
    Ok(found)
}

fn select(columns: &str, kind: Kind, filter: &Filter, before: Option<Id>, limit: usize) -> Statement {
    let (lane, since, until) = filter.columns();
    let mut sql = format!("select {columns} from records where kind = $1");
    let mut bound = 1;
    let mut and = |condition: &str| {
        bound += 1;
        // Writing to a string does not fail.
        let _ = write!(sql, " and {condition} ${bound}");
    };
    let conditions =
        [(lane.is_some(), "lane ="), (since.is_some(), "at >="), (until.is_some(), "at <"), (before.is_some(), "id <")];
    conditions.iter().filter(|(is_set, _)| *is_set).for_each(|(_, condition)| and(condition));
    let _ = write!(sql, " order by id desc limit ${}", bound + 1);
    let mut select = statement(sql).bind(kind.name());
    if let Some(lane) = lane {
        select = select.bind(lane.to_owned());
    }
    for moment in [since, until].into_iter().flatten() {
        select = select.bind(milliseconds(moment));
    }
    if let Some(before) = before {
        select = select.bind(before.to_string());
    }
    select.bind(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn decoded<R: Record>(doc: &str) -> Result<R, Error> {
    serde_json::from_str(doc).map_err(|error| Error::Decode(error.into()))
}

/// The record of that id.
pub(super) async fn find<R: Record>(connection: &mut AnyConnection, id: Id) -> Result<Option<Arc<R>>, Error> {
    let select = statement("select doc from records where id = $1 and kind = $2".to_owned());
    let row = select.bind(id.to_string()).bind(R::KIND.name()).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(None) };
    let mut record: R = decoded(row.try_get(0)?)?;
    if record.lacks_bulk()
        && let Some(bulk) = bulk(connection, id).await?
    {
        record.rejoin(&bulk).map_err(|error| Error::Decode(error.into()))?;
    }
    Ok(Some(Arc::new(record)))
}

/// The bulk of a record that was kept by itself, if it was.
pub(super) async fn bulk(connection: &mut AnyConnection, id: Id) -> Result<Option<Vec<u8>>, Error> {
    let mut bulk = None;
    for number in 0..parts(connection, id).await? {
        let part = part(connection, id, number).await?;
        bulk.get_or_insert_with(Vec::new).extend(part.unwrap_or_default());
    }
    Ok(bulk)
}

/// How many parts the bytes of that record have; none if there is no such record.
pub(super) async fn parts(connection: &mut AnyConnection, id: Id) -> Result<i64, Error> {
    let count = statement("select count(*) from contents where id = $1".to_owned());
    count.bind(id.to_string()).fetch_one(connection).await?.try_get(0)
}

/// One part of the bytes of that record.
pub(super) async fn part(connection: &mut AnyConnection, id: Id, number: i64) -> Result<Option<Vec<u8>>, Error> {
    let select = statement("select bytes from contents where id = $1 and part = $2".to_owned());
    let row = select.bind(id.to_string()).bind(number).fetch_optional(connection).await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Removes the records of these ids; says how many there were.
pub(super) async fn delete(connection: &mut AnyConnection, ids: &[Id]) -> Result<u64, Error> {
    delete_named(connection, &ids.iter().map(Id::to_string).collect::<Vec<_>>()).await
}

async fn delete_named(connection: &mut AnyConnection, ids: &[String]) -> Result<u64, Error> {
    let mut deleted = 0;
    for ids in ids.chunks(ROWS) {
        let places: Vec<_> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let mut delete = statement(format!("delete from records where id in ({})", places.join(", ")));
        for id in ids {
            delete = delete.bind(id.clone());
        }
        deleted += delete.execute(&mut *connection).await?.rows_affected();
    }
    Ok(deleted)
}

/// The same, in one transaction: one commit for all.
pub(super) async fn delete_at_once(connection: &mut AnyConnection, ids: &[Id]) -> Result<u64, Error> {
    let mut transaction = connection.begin().await?;
    let deleted = delete(&mut transaction, ids).await?;
    transaction.commit().await?;
    Ok(deleted)
}

/// Takes messages out again that an attempt may have written of which the outcome was not seen. Each is written first:
/// that waits for the attempt if it is still under way, while a deletion alone would look past it.
pub(super) async fn revoke(connection: &mut AnyConnection, ids: &[Id]) -> Result<(), Error> {
    let row = |id: &Id| Row {
        id: *id,
        kind: Kind::Message,
        lane: String::new(),
        at: Time::default(),
        weight: 0,
        doc: String::new(),
        bulk: None,
    };
    insert(connection, &ids.iter().map(row).collect::<Vec<_>>()).await?;
    delete(connection, ids).await.map(|_| ())
}

/// Whether the records can be read.
pub(super) async fn check(connection: &mut AnyConnection) -> Result<(), Error> {
    statement("select id from records limit 1".to_owned()).fetch_optional(connection).await.map(|_| ())
}

/// Whether the records can be changed.
pub(super) async fn check_writing(connection: &mut AnyConnection) -> Result<(), Error> {
    statement("delete from records where id = ''".to_owned()).execute(connection).await.map(|_| ())
}

/// Tells other processes that there is something new, from whom they know.
pub(super) async fn notify(connection: &mut AnyConnection, channel: &str, process: &str) -> Result<(), Error> {
    let notify = statement("select pg_notify($1, $2)::text".to_owned());
    notify.bind(channel.to_owned()).bind(process.to_owned()).execute(connection).await.map(|_| ())
}

/// Removes what is beyond the bounds, of each bound [`SWEPT`] rows and [`SWEPT_BYTES`] at most; says whether there is
/// more.
pub(super) async fn sweep(connection: &mut AnyConnection, keep: &Keep, now: Time) -> Result<bool, Error> {
    let mut more = false;
    if let Some(age) = keep.age {
        let first = milliseconds(now.before(age));
        more |= remove_some(connection, "at < $1 order by at, id", |select| select.bind(first), u64::MAX).await?;
    }
    let last = "select id from records where kind = 'session' order by id desc limit 1 offset $1";
    let last = statement(last.to_owned()).bind(signed(keep.sessions)).fetch_optional(&mut *connection).await?;
    if let Some(row) = last {
        let last: String = row.try_get(0)?;
        more |= remove_some(connection, "id <= $1 order by id", |select| select.bind(last), u64::MAX).await?;
    }
    // One pass over an index. A running sum from the newest on would say at once which are too much, in 25 times the time.
    let sum = "select cast(coalesce(sum(weight), 0) as bigint) from records";
    let bytes: i64 = statement(sum.to_owned()).fetch_one(&mut *connection).await?.try_get(0)?;
    let excess = bytes.unsigned_abs().saturating_sub(keep.bytes);
    if excess > 0 {
        let but_the_latest = "id < (select max(id) from records) order by id";
        more |= remove_some(connection, but_the_latest, |select| select, excess).await?;
    }
    Ok(more)
}

/// Removes the first records of those that a condition on `$1` speaks of, in its order, until so many bytes are gone;
/// says whether there are more.
async fn remove_some(
    connection: &mut AnyConnection,
    condition: &'static str,
    bind: impl FnOnce(Statement) -> Statement,
    excess: u64,
) -> Result<bool, Error> {
    let select = format!("select id, weight from records where {condition} limit {}", SWEPT + 1);
    let rows = bind(statement(select)).fetch_all(&mut *connection).await?;
    let (mut ids, mut bytes) = (Vec::new(), 0);
    for row in rows.iter().take(SWEPT) {
        if bytes >= excess.min(SWEPT_BYTES) {
            break;
        }
        bytes += row.try_get::<i64, _>(1)?.unsigned_abs();
        ids.push(row.try_get::<String, _>(0)?);
    }
    if ids.is_empty() {
        return Ok(false);
    }
    let mut transaction = connection.begin().await?;
    delete_named(&mut transaction, &ids).await?;
    transaction.commit().await?;
    Ok(ids.len() < rows.len() && bytes < excess)
}

/// Reads one part of a message's bytes. Blocks on the file, if there is one.
pub(super) fn read_part(id: Id, content: &Content, number: u64) -> std::io::Result<Part> {
    let bytes = content.read_at(number * PART, PART)?;
    Ok(Part { id, number: signed(number), bytes })
}

fn milliseconds(time: Time) -> i64 {
    signed(time.unix_millis())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
