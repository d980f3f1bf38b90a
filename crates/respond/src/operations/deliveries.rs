//! Looking at what is in the outbox.

use crate::desk::{Desk, RespondError};
use crate::outbox::thaw;
use watchkeeper_deliver::Message;
use watchkeeper_domain::id::DeliveryId;

impl Desk {
    /// The message of a delivery as it was frozen when it was decided; none where it was erased. A page holds a signed link: whoever shows the message leaves
    /// the link's secret out.
    ///
    /// # Errors
    /// When there is no such delivery, or its message cannot be read back.
    pub async fn frozen_message(&self, id: &DeliveryId) -> Result<Option<Message>, RespondError> {
        let bytes = self.store.read().await?.delivery_message(id).await?;
        bytes.as_deref().map(thaw).transpose()
    }
}
