//! Single values by name, such as `clock_ahead_seconds` and `signing_secret`.

use crate::statement::sql;
use crate::{StoreError, Tx};

impl Tx {
    /// A setting, if it was ever set.
    pub async fn setting(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT value FROM setting WHERE key = $1").bind(key));
        Ok(row.await?.map(|(value,)| value))
    }

    /// Sets a setting.
    pub async fn set_setting(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        let upsert = sql("INSERT INTO setting (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value);
        self.execute(upsert).await?;
        Ok(())
    }

    /// Sets a setting unless it is set, and gives what stands: several processes that start at once agree on one secret.
    pub async fn setting_or(&mut self, key: &str, value: &str) -> Result<String, StoreError> {
        // The update changes nothing, but makes the row come back, also one that another process has just written.
        let upsert = sql("INSERT INTO setting (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = setting.value RETURNING value")
        .bind(key)
        .bind(value);
        Ok(self.one::<(String,)>(upsert).await?.0)
    }
}
