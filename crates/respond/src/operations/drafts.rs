//! What helps to write a notice: a letter to oneself, remarks.

use crate::desk::{Desk, RespondError};
use serde_json::json;
use watchkeeper_domain::access::User;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{CustomerId, NoticeId, digest};
use watchkeeper_domain::notice::{FactField, Notice};

impl Desk {
    /// Somebody remarks on a notice.
    ///
    /// # Errors
    /// See [`Notice::comment`].
    pub async fn comment_notice(
        &self,
        id: &NoticeId,
        field: Option<FactField>,
        text: &str,
        by: &Actor,
    ) -> Result<Notice, RespondError> {
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        let before = notice.version;
        let notice = notice.comment(field, text, by, self.now())?;
        tx.update_notice(&notice, before).await?;
        let detail =
            json!({"field": field, "text_sha256": digest(&[text.trim()]), "version": notice.version});
        self.record(&mut tx, by, "notice.commented", id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(notice)
    }

    /// Sends one customer's letter to the caller alone, marked as a dry run; gives the address.
    ///
    /// # Errors
    /// When the notice has no letter for the customer.
    pub async fn dry_run_notice(
        &self,
        id: &NoticeId,
        customer: &CustomerId,
        by: &User,
    ) -> Result<String, RespondError> {
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        let matter = self.matter(&mut tx, &notice.matter).await?;
        let Some(letter) = tx.letter_to(id, customer).await? else {
            let problem = format!("the notice has no letter for {customer}; name a customer that it goes to");
            return Err(RespondError::invalid("customer", problem));
        };
        self.enqueue_dry_run(&mut tx, &matter, &letter, by).await?;
        let detail = json!({"customer": customer, "version": notice.version});
        let actor = Actor::person(&by.id);
        self.record(&mut tx, &actor, "notice.dry_run", id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(by.email.clone())
    }
}
