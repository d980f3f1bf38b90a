//! The words of the holding notice, which goes by the clock: who put them forward, and who approved them.

use crate::desk::{Desk, RespondError};
use crate::library::Library;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::incident::{EntryKind, TimelineEntry};
use watchkeeper_domain::notice::{
    LetterTemplate, Notice, NoticeError, NoticeKind, TemplateWords, WordsApproval,
};
use watchkeeper_store::Tx;

/// What the log calls it when an approval is taken back.
const TAKEN_BACK: &str = "words.taken_back";

/// Words of the holding notice, as they stand, with what people said of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldingWords {
    /// Which words.
    #[serde(flatten)]
    pub words: TemplateWords,
    /// The folders of letters that have them.
    pub folders: BTreeSet<String>,
    /// How many customers would get them today.
    pub customers: usize,
    /// The subject, filled with samples.
    pub subject: String,
    /// The text, filled with samples.
    pub text: String,
    /// What people said of them; none where nobody has.
    pub approval: Option<WordsApproval>,
}

impl HoldingWords {
    /// Whether customers would get them and nobody has approved them. The English ones are what every language falls back to.
    pub(crate) fn wanting(&self) -> bool {
        let approved = self
            .approval
            .as_ref()
            .is_some_and(|known| known.approved.is_some());
        !approved && (self.customers > 0 || self.words.language == "en")
    }
}

/// Every template of the holding notice as it stands, with how many of these customers would get it.
pub(crate) fn holding_words(
    library: &Library,
    customers: &[Customer],
    approvals: &[WordsApproval],
) -> Result<Vec<HoldingWords>, String> {
    let mut all: BTreeMap<TemplateWords, HoldingWords> = BTreeMap::new();
    for (folder, letters) in &library.letters {
        let mut readers: BTreeMap<&str, usize> = BTreeMap::new();
        for customer in customers {
            let template = LetterTemplate::choose(letters, NoticeKind::Holding, &customer.language);
            if let Some(template) = template {
                *readers.entry(template.language.as_str()).or_default() += 1;
            }
        }
        for template in letters.iter().filter(|letter| letter.kind == NoticeKind::Holding) {
            let words = template.words_as_they_stand();
            let customers = readers.get(template.language.as_str()).copied().unwrap_or(0);
            if let Some(known) = all.get_mut(&words) {
                known.folders.insert(folder.clone());
                known.customers = known.customers.max(customers);
                continue;
            }
            let (subject, text) = template.sample()?;
            let one = HoldingWords {
                folders: BTreeSet::from([folder.clone()]),
                customers,
                subject,
                text,
                approval: approvals.iter().find(|known| known.is_of(&words)).cloned(),
                words: words.clone(),
            };
            all.insert(words, one);
        }
    }
    Ok(all.into_values().collect())
}

impl Desk {
    /// The words of the holding notice in every language, as they stand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn holding_words(&self) -> Result<Vec<HoldingWords>, RespondError> {
        let mut tx = self.store.read().await?;
        let customers = tx.all_customers().await?;
        let approvals = tx.words_approvals().await?;
        holding_words(&self.house.library, &customers, &approvals).map_err(RespondError::Unavailable)
    }

    /// Somebody puts words forward as theirs: they wrote or changed them, or answer for them as they came with the product.
    ///
    /// # Errors
    /// See [`WordsApproval::put_forward`]; refused too for words that no template has any more.
    pub async fn put_words_forward(
        &self,
        words: &TemplateWords,
        by: &Actor,
    ) -> Result<WordsApproval, RespondError> {
        let mut tx = self.begin().await?;
        self.must_stand(words)?;
        let known = tx.words_approval(words).await?;
        let before = known.as_ref().map_or(0, |known| known.version);
        let approval = WordsApproval::put_forward(known, words, by, self.now())?;
        self.keep_approval(&mut tx, &approval, before, (by, "words.put_forward"))
            .await?;
        self.commit(tx).await?;
        Ok(approval)
    }

    /// A second person approves words, to the byte.
    ///
    /// # Errors
    /// See [`WordsApproval::approve`]; refused too for words that no template has any more, and to who may not approve notices.
    pub async fn approve_words(
        &self,
        words: &TemplateWords,
        by: &User,
    ) -> Result<WordsApproval, RespondError> {
        if !by.may(Permission::ApproveNotices) {
            return Err(RespondError::Forbidden(
                "only counsel can approve the words of the holding notice".to_owned(),
            ));
        }
        let by = Actor::person(&by.id);
        let mut tx = self.begin().await?;
        self.must_stand(words)?;
        let Some(known) = tx.words_approval(words).await? else {
            return Err(NoticeError::WordsNobodys.into());
        };
        let before = known.version;
        let approval = known.approve(&by, self.now())?;
        self.keep_approval(&mut tx, &approval, before, (&by, "words.approved"))
            .await?;
        self.commit(tx).await?;
        Ok(approval)
    }

    /// One person takes the approval of words back, for a reason. Where they wait in a holding notice, its timeline says so: it goes all
    /// the same, as words that nobody has approved.
    ///
    /// # Errors
    /// See [`WordsApproval::take_back`].
    pub async fn take_back_words(
        &self,
        words: &TemplateWords,
        why: &str,
        by: &Actor,
    ) -> Result<WordsApproval, RespondError> {
        let mut tx = self.begin().await?;
        let known = tx.words_approval(words).await?;
        let known = known.ok_or(NoticeError::WordsNotApproved)?;
        let before = known.version;
        let approval = known.take_back(why, by, self.now())?;
        self.keep_approval(&mut tx, &approval, before, (by, TAKEN_BACK))
            .await?;
        let entries = self.waiting_with(&mut tx, words, why.trim(), by).await?;
        tx.append_entries(&entries).await?;
        self.commit(tx).await?;
        Ok(approval)
    }

    /// What to say where a holding notice waits that has words whose approval was taken back.
    async fn waiting_with(
        &self,
        tx: &mut Tx,
        words: &TemplateWords,
        why: &str,
        by: &Actor,
    ) -> Result<Vec<TimelineEntry>, RespondError> {
        let now = self.now();
        let language = &words.language;
        let text = format!(
            "The approval of the words of the holding notice in `{language}` was taken back: {why}. It goes all the same when it is due, \
             since the deadline does not wait; two people can approve these or other words until then"
        );
        let mut entries = Vec::new();
        for incident in tx.all_open_incidents().await? {
            if incident.disclosure.confirmed_at().is_none() {
                continue;
            }
            let notices = tx.notices_of(&incident.id).await?;
            let owed = tx.obligations_of(&incident.id).await?;
            let has = |notice: &&Notice| notice.kind == NoticeKind::Holding && notice.words.contains(words);
            let waits = |notice: &Notice| owed.iter().any(|owed| owed.waits_for_holding(notice.round));
            if notices.iter().filter(has).any(waits) {
                let kind = EntryKind::NoticeChanged;
                entries.push(TimelineEntry::new(&incident.id, kind, now, now, by, text.clone()));
            }
        }
        Ok(entries)
    }

    /// Somebody read these words; a template must still have them.
    fn must_stand(&self, words: &TemplateWords) -> Result<(), RespondError> {
        let mut templates = self.house.library.letters.values().flatten();
        let stand = templates
            .any(|letter| letter.kind == NoticeKind::Holding && letter.words_as_they_stand() == *words);
        if stand {
            return Ok(());
        }
        let language = words.language.clone();
        Err(NoticeError::WordsChanged { language }.into())
    }

    async fn keep_approval(
        &self,
        tx: &mut Tx,
        approval: &WordsApproval,
        before: i64,
        (by, action): (&Actor, &'static str),
    ) -> Result<(), RespondError> {
        tx.keep_words_approval(approval, before).await?;
        let mut detail = json!({
            "notice": NoticeKind::Holding,
            "language": approval.language,
            "digest": approval.digest,
            "version": approval.version,
        });
        if let Some(last) = approval.taken_back.last().filter(|_| action == TAKEN_BACK) {
            detail["why_sha256"] = json!(last.why_sha256());
        }
        self.record(tx, by, action, &approval.digest, detail).await
    }
}
