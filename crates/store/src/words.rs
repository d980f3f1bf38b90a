//! What people said of the words that go out by the clock.

use crate::body::{read, write};
use crate::statement::sql;
use crate::{StoreError, Tx};
use watchkeeper_domain::notice::{TemplateWords, WordsApproval};

const APPROVAL: &str = "words_approval";
const PROBE: &str = "SELECT version FROM words_approval WHERE digest = $1";

impl Tx {
    /// Keeps what is said of words now, where `read_version` of it was read before; 0 where nothing was said yet. Else
    /// [`StoreError::Conflict`].
    pub async fn keep_words_approval(
        &mut self,
        approval: &WordsApproval,
        read_version: i64,
    ) -> Result<(), StoreError> {
        let body = write(APPROVAL, &approval.digest, approval)?;
        let statement = if read_version == 0 {
            sql(
                "INSERT INTO words_approval (digest, language, version, body) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (digest, language) DO NOTHING",
            )
        } else {
            sql("UPDATE words_approval SET version = $3, body = $4 \
                 WHERE digest = $1 AND language = $2 AND version = $5")
        };
        let statement = statement
            .bind(approval.digest.as_str())
            .bind(approval.language.as_str())
            .bind(approval.version)
            .bind(body);
        let statement = if read_version == 0 {
            statement
        } else {
            statement.bind(read_version)
        };
        let changed = self.execute(statement).await?;
        self.must_have_changed(changed, (APPROVAL, PROBE), &approval.digest, read_version)
            .await
    }

    /// What was said of these words.
    pub async fn words_approval(
        &mut self,
        words: &TemplateWords,
    ) -> Result<Option<WordsApproval>, StoreError> {
        let row = sql("SELECT body FROM words_approval WHERE digest = $1 AND language = $2")
            .bind(words.digest.as_str())
            .bind(words.language.as_str());
        let row = self.first::<(String,)>(row).await?;
        row.map(|(body,)| read(APPROVAL, &words.digest, &body))
            .transpose()
    }

    /// What was said of all words, also of those that no template has any more.
    pub async fn words_approvals(&mut self) -> Result<Vec<WordsApproval>, StoreError> {
        let rows = sql("SELECT digest, body FROM words_approval ORDER BY language, digest");
        crate::body::read_all(APPROVAL, self.all(rows).await?)
    }
}
