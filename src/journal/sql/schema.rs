//! The tables, made where there are none.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Error, Row as _, SqlStr};

use super::rows::statement;

/// Makes what is not there of the schema.
///
/// # Errors
/// If it cannot be made, or is not this mockmx's.
pub(super) async fn ensure(connection: &mut AnyConnection) -> Result<(), Error> {
    // Looked at first: whoever may only use the tables may not even make those that are there already.
    if is_there(connection).await {
        return Ok(());
    }
    match migrations().run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        // Two that open a new file of SQLite at once both make the tables, and one of them is too late.
        Err(_) if is_there(connection).await => Ok(()),
        Err(error) => Err(plain(error)),
    }
}

/// Whether the schema is as it must be.
async fn is_there(connection: &mut AnyConnection) -> bool {
    let select = statement("select version, checksum from _sqlx_migrations where success order by version".to_owned());
    let Ok(rows) = select.fetch_all(connection).await else { return false };
    let made: Result<Vec<(i64, Vec<u8>)>, _> =
        rows.iter().map(|row| Ok::<_, Error>((row.try_get(0)?, row.try_get(1)?))).collect();
    let wanted = migrations();
    let wanted: Vec<_> = wanted.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect();
    made.is_ok_and(|made| made == wanted)
}

fn plain(error: MigrateError) -> Error {
    let text = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => return error,
        MigrateError::VersionMissing(_) => "its tables were made by a newer mockmx, or by another program",
        MigrateError::VersionMismatch(_) => "its tables are not as this mockmx makes them, or are another program's",
        error => return error.into(),
    };
    Error::Configuration(text.into())
}

fn migrations() -> Migrator {
    let records = Migration::new(
        1,
        "records".into(),
        MigrationType::Simple,
        SqlStr::from_static(include_str!("0001_records.sql")),
        false,
    );
    Migrator::with_migrations(vec![records])
}
