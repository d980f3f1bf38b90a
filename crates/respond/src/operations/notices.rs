//! What we tell customers: written by one person, approved by another, one letter a customer and one message a recipient.

use crate::desk::{Desk, RespondError};
use crate::library::DEFAULT_LETTERS;
use crate::settle::{Said, must_be_read};
use crate::words;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::{CustomerId, IncidentId, NoticeId, UserId};
use watchkeeper_domain::incident::{ByHand, EntryKind, Incident, TransitionError};
use watchkeeper_domain::matter::Matter;
use watchkeeper_domain::notice::{
    Earlier, FirstTold, Hand, Letter, LetterAbout, LetterSubject, LetterTemplate, Notice, NoticeError,
    NoticeKind, NoticeState, ToldBy, Written, render,
};
use watchkeeper_domain::obligation::{Obligation, Step};
use watchkeeper_domain::page::{PageReason, PageTarget};
use watchkeeper_store::{NoticeSent, Tx};

/// Somebody that a notice goes to: what is owed, what was sent before, and by what they were told first.
struct Addressee {
    obligation: Obligation,
    earlier: Option<Earlier>,
    first: Option<FirstTold>,
}

impl Desk {
    /// Somebody begins a notice.
    ///
    /// # Errors
    /// Refused before a disclosure is confirmed: nobody is owed a notice then. A holding notice is not written, and what continues an
    /// earlier one is not begun where it would go to nobody.
    pub async fn draft_notice(
        &self,
        incident: &IncidentId,
        kind: NoticeKind,
        written: Written,
        by: &Actor,
    ) -> Result<Notice, RespondError> {
        if kind == NoticeKind::Holding {
            let problem = "a holding notice comes from its template when a disclosure is confirmed; write `full` or another kind";
            return Err(RespondError::invalid("kind", problem));
        }
        self.must_be_readable(&written)?;
        if kind == NoticeKind::SecurityChange {
            let problem = "a security-change notice is about a change, not about an incident; write it in the register of changes";
            return Err(RespondError::invalid("kind", problem));
        }
        let mut tx = self.begin().await?;
        let incident = self.load(&mut tx, incident, None).await?;
        if incident.disclosure.ever_confirmed_at().is_none() {
            return Err(TransitionError::NotFrom {
                from: format!("disclosure {}", incident.disclosure.name()),
                attempted: "write a notice for",
                remedy: "confirm the disclosure first",
            }
            .into());
        }
        self.begin_notice(tx, Matter::from(&incident), kind, written, by)
            .await
    }

    /// Keeps a new notice with its letters, and commits.
    pub(crate) async fn begin_notice(
        &self,
        mut tx: Tx,
        matter: Matter<'_>,
        kind: NoticeKind,
        written: Written,
        by: &Actor,
    ) -> Result<Notice, RespondError> {
        let notice = Notice::draft(matter.id(), kind, written, by.clone(), self.now());
        tx.insert_notice(&notice).await?;
        let notice = self.render_letters(&mut tx, &matter, notice).await?;
        notice.must_go_to_somebody()?;
        self.say(&mut tx, &matter, &notice, by, "notice.drafted", "begun")
            .await?;
        self.commit(tx).await?;
        Ok(notice)
    }

    /// The author says something else; every letter is rendered anew.
    ///
    /// # Errors
    /// See [`Notice::edit`].
    pub async fn edit_notice(
        &self,
        id: &NoticeId,
        read: Option<i64>,
        written: Written,
        by: &Actor,
    ) -> Result<Notice, RespondError> {
        self.must_be_readable(&written)?;
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        must_be_read(read, notice.version, "notice", id.as_str())?;
        let before = notice.version;
        let matter = self.matter(&mut tx, &notice.matter).await?;
        let notice = notice.edit(written, by, self.now())?;
        tx.update_notice(&notice, before).await?;
        let notice = self.render_letters(&mut tx, &matter, notice).await?;
        let detail = json!({"content_hash": notice.content_hash, "version": notice.version});
        self.record(&mut tx, by, "notice.edited", id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(notice)
    }

    /// A translation is into a language that letters exist in: nobody would get another.
    pub(crate) fn must_be_readable(&self, written: &Written) -> Result<(), RespondError> {
        let known = self.house.library.languages();
        let unknown: Vec<&str> = written
            .translations
            .keys()
            .map(String::as_str)
            .filter(|language| !known.contains(*language))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        let problem = format!(
            "there are no letters in {}; letters exist in {known}",
            unknown.join(", ")
        );
        Err(RespondError::invalid("translations", &problem))
    }

    /// The author asks for approval; everybody who may approve this notice is paged. Where nobody may, whoever is in charge and whoever
    /// keeps people are: they can give somebody the role.
    ///
    /// # Errors
    /// See [`Notice::submit`], and [`must_be_owed`](watchkeeper_domain::change::Change::must_be_owed) where it is about a change.
    pub async fn submit_notice(&self, id: &NoticeId, by: &Actor) -> Result<Notice, RespondError> {
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        let matter = self.matter(&mut tx, &notice.matter).await?;
        if let Matter::Change(change) = &matter {
            change.must_be_owed()?;
        }
        // The list of customers that it goes to may have changed since the last edit.
        let notice = self.render_letters(&mut tx, &matter, notice).await?;
        let before = notice.version;
        let notice = notice.submit(by, self.now())?;
        let people = tx.users().await?;
        let asked: BTreeSet<UserId> = notice
            .approvers(&people)
            .iter()
            .map(|user| user.id.clone())
            .collect();
        let notice = notice.asking(asked.clone());
        tx.update_notice(&notice, before).await?;
        let (text, reason, targets) = if asked.is_empty() {
            (
                "submitted for approval, and nobody may approve it: everybody who has the role legal had a hand in it",
                PageReason::NobodyApproves,
                vec![matter.in_charge(), PageTarget::PeopleKeepers],
            )
        } else {
            (
                "submitted for approval",
                PageReason::ApprovalWanted,
                vec![PageTarget::People { users: asked }],
            )
        };
        self.say(&mut tx, &matter, &notice, by, "notice.submitted", text)
            .await?;
        self.tasks_follow_submission(&mut tx, &notice, by).await?;
        let occasion = format!("{}/{}", notice.id, notice.version);
        for target in targets {
            let entries = self.page(&mut tx, &matter, &target, &reason, &occasion).await?;
            tx.append_entries(&entries).await?;
        }
        self.commit(tx).await?;
        Ok(notice)
    }

    /// Somebody may approve notices from now on: those that wait, and that they had no hand in, page them as they paged the others.
    pub(crate) async fn waiting_notices_ask(&self, tx: &mut Tx, user: &User) -> Result<(), RespondError> {
        for notice in tx.notices_waiting_for_approval().await? {
            let may = !notice.approvers(std::slice::from_ref(user)).is_empty();
            if !may || notice.asked.contains(&user.id) {
                continue;
            }
            let matter = self.matter(tx, &notice.matter).await?;
            let before = notice.version;
            let mut asked = notice.asked.clone();
            asked.insert(user.id.clone());
            let notice = notice.asking(asked);
            tx.update_notice(&notice, before).await?;
            let target = PageTarget::People {
                users: BTreeSet::from([user.id.clone()]),
            };
            let occasion = format!("{}/{}", notice.id, notice.version);
            let entries = self
                .page(tx, &matter, &target, &PageReason::ApprovalWanted, &occasion)
                .await?;
            tx.append_entries(&entries).await?;
        }
        Ok(())
    }

    /// The second person wants it changed.
    ///
    /// # Errors
    /// See [`Notice::send_back`].
    pub async fn return_notice(&self, id: &NoticeId, why: &str, by: &Actor) -> Result<Notice, RespondError> {
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        let before = notice.version;
        let matter = self.matter(&mut tx, &notice.matter).await?;
        let notice = notice.send_back(why, by, self.now())?;
        tx.update_notice(&notice, before).await?;
        let text = format!("returned: {}", why.trim());
        self.say(&mut tx, &matter, &notice, by, "notice.returned", &text)
            .await?;
        self.commit(tx).await?;
        Ok(notice)
    }

    /// Somebody gives up what is being written.
    ///
    /// # Errors
    /// See [`Notice::discard`].
    pub async fn discard_notice(&self, id: &NoticeId, why: &str, by: &Actor) -> Result<Notice, RespondError> {
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        let before = notice.version;
        let matter = self.matter(&mut tx, &notice.matter).await?;
        let notice = notice.discard(why, by, self.now())?;
        tx.update_notice(&notice, before).await?;
        let text = format!("discarded before it was submitted: {}", why.trim());
        self.say(&mut tx, &matter, &notice, by, "notice.discarded", &text)
            .await?;
        self.commit(tx).await?;
        Ok(notice)
    }

    /// The second person approves what was read, to the byte, and it goes into the outbox in the same transaction.
    ///
    /// # Errors
    /// See [`Notice::approve`]; refused too when the list of affected customers has changed since it was submitted, and when an earlier
    /// notice reached a customer or came back meanwhile: its letter follows, and says since when the customer knows.
    pub async fn approve_notice(&self, id: &NoticeId, read: &str, by: &User) -> Result<Notice, RespondError> {
        if !by.may(Permission::ApproveNotices) {
            return Err(RespondError::Forbidden(
                "only counsel can approve a notice".to_owned(),
            ));
        }
        let actor = Actor::person(&by.id);
        let mut tx = self.begin().await?;
        let notice = tx.notice(id).await?;
        let before = notice.version;
        let matter = self.matter(&mut tx, &notice.matter).await?;
        match &matter {
            Matter::Incident(incident) if incident.held_at(self.now()).is_some() => {
                return Err(NoticeError::Held.into());
            }
            Matter::Incident(_) => {}
            Matter::Change(change) => change.must_be_owed()?,
        }
        if let (NoticeState::Submitted { .. }, Some(hand)) = (&notice.state, notice.hand_of(&actor)) {
            let people = tx.users().await?;
            let may: Vec<&str> = notice
                .approvers(&people)
                .iter()
                .map(|user| user.name.as_str())
                .collect();
            return Err(RespondError::Forbidden(had_a_hand(hand, &may)));
        }
        let letters = tx.letters(id).await?;
        if let (NoticeState::Submitted { .. }, Matter::Incident(incident)) = (&notice.state, &matter) {
            let stale = self.told_otherwise(&mut tx, incident, &notice, &letters).await?;
            let by = Actor::worker("delivery");
            let followed = self
                .notice_follows(&mut tx, notice.clone(), &letters, &stale, &by)
                .await?;
            if let Some(followed) = followed {
                // What follows stays, so that the next reading finds it; nothing is sent.
                self.commit(tx).await?;
                return Err(NoticeError::Changed {
                    approved: read.to_owned(),
                    content: followed.content_hash,
                }
                .into());
            }
        }
        self.must_be_whole(&mut tx, &matter, &notice, &letters).await?;
        let notice = notice.approve(read, &letters, &actor, self.now())?;
        tx.update_notice(&notice, before).await?;
        let all: Vec<&Letter> = letters.iter().collect();
        let messages = self.enqueue_letters(&mut tx, &matter, &notice, &all).await?;
        let text = format!(
            "approved by a second person: {} to {} on the way",
            words::messages(messages),
            words::customers(letters.len())
        );
        let said = ("notice.approved", text.as_str());
        match matter {
            Matter::Incident(incident) => {
                let told: Vec<CustomerId> = letters.iter().map(|letter| letter.customer.clone()).collect();
                self.say_sent(
                    &mut tx,
                    incident.into_owned(),
                    &notice,
                    (&letters, &told),
                    &actor,
                    said,
                )
                .await?;
            }
            Matter::Change(change) => {
                self.say_told(&mut tx, change.into_owned(), &notice, &actor, said)
                    .await?;
            }
        }
        self.commit(tx).await?;
        Ok(notice)
    }

    /// Every customer that must be told has a letter, and every letter has a customer that must be told.
    async fn must_be_whole(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        notice: &Notice,
        letters: &[Letter],
    ) -> Result<(), RespondError> {
        let audience: BTreeSet<CustomerId> = match matter {
            Matter::Incident(incident) => self.audience(tx, incident, notice).await?.into_keys().collect(),
            Matter::Change(_) => {
                let paying = tx.paying_customers().await?.into_iter();
                paying.map(|customer| customer.id).collect()
            }
        };
        let lettered: BTreeSet<&CustomerId> = letters.iter().map(|letter| &letter.customer).collect();
        if audience.iter().eq(lettered) {
            return Ok(());
        }
        let detail = "the list of customers that it goes to has changed since the notice was submitted; return it, so that its letters are rendered for the list that stands";
        Err(RespondError::invalid("letters", detail))
    }

    /// Customers changed: the letters of notices that wait for approval follow. Whoever read them as they were is refused, since an
    /// approval is bound to their digest, and the notice says what is different.
    pub(crate) async fn letters_follow(
        &self,
        tx: &mut Tx,
        customers: &BTreeSet<CustomerId>,
        by: &Actor,
    ) -> Result<(), RespondError> {
        for notice in tx.notices_waiting_for_approval().await? {
            let letters = tx.letters(&notice.id).await?;
            self.notice_follows(tx, notice, &letters, customers, by).await?;
        }
        Ok(())
    }

    /// The letters of a notice that waits for approval follow what is known of these customers now. Gives the notice where a letter is
    /// different.
    async fn notice_follows(
        &self,
        tx: &mut Tx,
        notice: Notice,
        letters: &[Letter],
        customers: &BTreeSet<CustomerId>,
        by: &Actor,
    ) -> Result<Option<Notice>, RespondError> {
        if !letters.iter().any(|letter| customers.contains(&letter.customer)) {
            return Ok(None);
        }
        let matter = self.matter(tx, &notice.matter).await?;
        let anew = match &matter {
            Matter::Incident(incident) => self.letters_for(tx, incident, &notice, Some(customers)).await?,
            Matter::Change(change) => self.letters_on(tx, change, &notice, Some(customers)).await?,
        };
        let mut anew: BTreeMap<CustomerId, Letter> = anew
            .into_iter()
            .map(|letter| (letter.customer.clone(), letter))
            .collect();
        // Who is no longer told keeps the letter: that the list has changed is refused with the approval, and says what to do.
        let following: Vec<Letter> = letters
            .iter()
            .map(|letter| anew.remove(&letter.customer).unwrap_or_else(|| letter.clone()))
            .collect();
        let (before, now) = (notice.version, self.now());
        let Some((notice, followed)) = notice.follow(letters, &following, by, now) else {
            return Ok(None);
        };
        tx.replace_letters(&notice.id, &following).await?;
        tx.update_notice(&notice, before).await?;
        let text = format!(
            "waits for approval, and its letters to {} followed a change; it is read again before it is approved",
            words::customers(followed.len())
        );
        self.say(tx, &matter, &notice, by, "notice.followed", &text)
            .await?;
        Ok(Some(notice))
    }

    /// Customers whose letters say something else than the proof says now about when they were first told: since they were written,
    /// an earlier notice was taken by a mail server, or came back.
    async fn told_otherwise(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        notice: &Notice,
        letters: &[Letter],
    ) -> Result<BTreeSet<CustomerId>, RespondError> {
        let audience = self.audience(tx, incident, notice).await?;
        let differs = |letter: &&Letter| {
            let addressee = audience.get(&letter.customer);
            let first = addressee.and_then(|addressee| addressee.first);
            // Letters name the second.
            addressee.is_some()
                && first.map(|first| first.at.timestamp()) != letter.first_told().map(|at| at.timestamp())
        };
        Ok(letters
            .iter()
            .filter(differs)
            .map(|letter| letter.customer.clone())
            .collect())
    }

    /// Customers that a notice goes to now.
    async fn audience(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        notice: &Notice,
    ) -> Result<BTreeMap<CustomerId, Addressee>, RespondError> {
        let mut sent: BTreeMap<CustomerId, Vec<NoticeSent>> = BTreeMap::new();
        for one in tx.notices_sent(&incident.id).await? {
            sent.entry(one.customer.clone()).or_default().push(one);
        }
        let mut taken: BTreeMap<CustomerId, Vec<NoticeSent>> = BTreeMap::new();
        // A holding notice is the first one, whatever came meanwhile; people may have told the customer before.
        if notice.kind != NoticeKind::Holding {
            for one in tx.letters_taken(&incident.id).await? {
                taken.entry(one.customer.clone()).or_default().push(one);
            }
        }
        let mut audience = BTreeMap::new();
        for obligation in Obligation::last_rounds(tx.obligations_of(&incident.id).await?) {
            if notice.kind == NoticeKind::Holding && obligation.round() != notice.round {
                continue;
            }
            let had = sent.remove(&obligation.customer).unwrap_or_default();
            // What was wrong is put right, in whichever round it was said; every other notice continues what its own round said.
            let counts = |one: &&NoticeSent| {
                notice.kind == NoticeKind::Correction || obligation.has(one.obligation.as_ref())
            };
            let kinds = had.iter().filter(counts).map(|one| one.kind).collect();
            if !notice
                .kind
                .goes_to(incident.affects(&obligation.customer), &kinds)
            {
                continue;
            }
            // What was withdrawn, and what withdrew it, told nothing that counts in this round.
            let told = taken.remove(&obligation.customer).unwrap_or_default();
            let by_mail = told
                .iter()
                .find(|one| {
                    one.kind != NoticeKind::Withdrawn
                        && one.notice != notice.id
                        && obligation.has(one.obligation.as_ref())
                })
                .map(|first| FirstTold {
                    by: ToldBy::Notice(first.kind),
                    at: first.at,
                });
            let first = by_mail
                .into_iter()
                .chain(obligation.first_by_hand())
                .min_by_key(|first| first.at);
            let earlier = (notice.kind != NoticeKind::Holding)
                .then(|| had.iter().max_by_key(|one| (one.at, one.kind)))
                .flatten()
                .map(|last| Earlier {
                    kind: last.kind,
                    at: last.at,
                });
            let customer = obligation.customer.clone();
            let addressee = Addressee {
                obligation,
                earlier,
                first,
            };
            audience.insert(customer, addressee);
        }
        Ok(audience)
    }

    /// Renders the letters of a notice for everybody who must be told, and keeps them.
    pub(crate) async fn render_letters(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        notice: Notice,
    ) -> Result<Notice, RespondError> {
        let before = notice.version;
        let letters = match matter {
            Matter::Incident(incident) => self.letters_for(tx, incident, &notice, None).await?,
            Matter::Change(change) => self.letters_on(tx, change, &notice, None).await?,
        };
        let notice = notice.with_letters(&letters)?;
        if notice.version != before {
            tx.replace_letters(&notice.id, &letters).await?;
            tx.update_notice(&notice, before).await?;
        }
        Ok(notice)
    }

    /// Letters to everybody who must be told, or to those of them who are among `only`.
    async fn letters_for(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        notice: &Notice,
        only: Option<&BTreeSet<CustomerId>>,
    ) -> Result<Vec<Letter>, RespondError> {
        let mut audience = self.audience(tx, incident, notice).await?;
        audience.retain(|customer, _| only.is_none_or(|only| only.contains(customer)));
        let ids: Vec<CustomerId> = audience.keys().cloned().collect();
        let mut letters = Vec::with_capacity(ids.len());
        for customer in tx.customers_by_ids(&ids).await? {
            if let Some(addressee) = audience.get(&customer.id) {
                letters.push(self.letter(incident, notice, addressee, &customer)?);
            }
        }
        Ok(letters)
    }

    fn letter(
        &self,
        incident: &Incident,
        notice: &Notice,
        addressee: &Addressee,
        customer: &Customer,
    ) -> Result<Letter, RespondError> {
        let template = self.template(letters_of(incident), notice.kind, &customer.language)?;
        let subject = LetterSubject {
            about: LetterAbout::Disclosure {
                incident,
                obligation: &addressee.obligation,
            },
            customer,
            sender: &self.house.sender,
            earlier: addressee.earlier,
            first: addressee.first,
        };
        render(template, notice, subject).map_err(RespondError::Unavailable)
    }

    /// The letter of a kind in a language, from a folder of letters.
    pub(crate) fn template(
        &self,
        folder: &str,
        kind: NoticeKind,
        language: &str,
    ) -> Result<&LetterTemplate, RespondError> {
        LetterTemplate::choose(self.house.library.letters(folder), kind, language).ok_or_else(|| {
            let kind = kind.name();
            RespondError::Unavailable(format!(
                "there is no letter `{kind}` in English; add playbooks/letters/{folder}/en/{kind}.yaml"
            ))
        })
    }

    /// Renders the holding notice for everybody on the list, one for each round of telling; it is there from the first second.
    pub(crate) async fn render_holding(&self, tx: &mut Tx, incident: &Incident) -> Result<(), RespondError> {
        let owed = tx.obligations_of(&incident.id).await?;
        let mut rounds: BTreeSet<u32> = owed.iter().map(Obligation::round).collect();
        rounds.insert(1);
        for round in rounds {
            let notice = match holding_of(tx, incident, round).await? {
                Some(notice) => notice,
                None => {
                    let template = self.template(letters_of(incident), NoticeKind::Holding, "en")?;
                    let notice = Notice::prepare_holding(&incident.id, round, template.version(), self.now());
                    tx.insert_notice(&notice).await?;
                    notice
                }
            };
            let went = |owed: &&Obligation| owed.round() == round && owed.has_taken(Step::SendHolding);
            let went = owed.iter().filter(went).map(|owed| &owed.customer).collect();
            self.render_holding_letters(tx, incident, notice, &went).await?;
        }
        Ok(())
    }

    /// Letters that `went` to their customers stay as they went; the others are addressed and written as things stand when their step
    /// comes.
    async fn render_holding_letters(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        notice: Notice,
        went: &BTreeSet<&CustomerId>,
    ) -> Result<(), RespondError> {
        let letters = self.letters_for(tx, incident, &notice, None).await?;
        let (id, by) = (notice.id.clone(), Actor::worker("ladder"));
        let detail = json!({"kind": notice.kind, "letters": letters.len()});
        if matches!(notice.state, NoticeState::Sent { .. }) {
            let mut kept = tx.letters(&notice.id).await?;
            kept.retain(|letter| went.contains(&letter.customer));
            let had: BTreeSet<CustomerId> = kept.iter().map(|letter| letter.customer.clone()).collect();
            kept.extend(
                letters
                    .into_iter()
                    .filter(|letter| !had.contains(&letter.customer)),
            );
            tx.replace_letters(&notice.id, &kept).await?;
        } else {
            let before = notice.version;
            let notice = notice.with_letters(&letters)?;
            tx.replace_letters(&notice.id, &letters).await?;
            if notice.version != before {
                tx.update_notice(&notice, before).await?;
            }
        }
        self.record(tx, &by, "notice.rendered", id.as_str(), detail).await
    }

    /// Sends the holding notice of a round to these customers: the ladder's step, or nobody.
    pub(crate) async fn dispatch_holding(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        round: u32,
        customers: &[CustomerId],
    ) -> Result<u64, RespondError> {
        let Some(notice) = holding_of(tx, incident, round).await? else {
            let why = NoticeKind::Holding.nobody();
            return Err(NoticeError::Nobody { why }.into());
        };
        let mut letters = tx.letters(&notice.id).await?;
        let approvals = tx.words_approvals().await?;
        // By language, how many go with words that nobody has approved: they go all the same, since silence would be worse.
        let mut unapproved: BTreeMap<String, u64> = BTreeMap::new();
        let theirs = |letter: &Letter| customers.contains(&letter.customer);
        for letter in letters.iter_mut().filter(|letter| theirs(letter)) {
            let approved = letter.bind_words(&approvals);
            tx.update_letter(letter).await?;
            if let (false, Some(words)) = (approved, &letter.template) {
                *unapproved.entry(words.language.clone()).or_default() += 1;
            }
        }
        let before = notice.version;
        let notice = notice.dispatch_holding(&letters, unapproved.values().sum(), self.now())?;
        tx.update_notice(&notice, before).await?;
        let theirs: Vec<&Letter> = letters.iter().filter(|letter| theirs(letter)).collect();
        let messages = self
            .enqueue_letters(tx, &Matter::from(incident), &notice, &theirs)
            .await?;
        let by = Actor::worker("ladder");
        let mut text = format!(
            "goes to {}: {}",
            words::customers(customers.len()),
            words::messages(messages)
        );
        if !unapproved.is_empty() {
            let each: Vec<String> = unapproved
                .iter()
                .map(|(language, letters)| format!("`{language}` ({letters})"))
                .collect();
            text.push_str(&format!(
                ". Nobody had approved its words in {} beforehand; it goes all the same, since the deadline does not wait",
                each.join(", ")
            ));
        }
        let said = ("notice.dispatched", text.as_str());
        self.say_sent(tx, incident.clone(), &notice, (&letters, customers), &by, said)
            .await?;
        Ok(messages)
    }

    /// A notice is on its way: its record, and the timer of the update that it promises.
    async fn say_sent(
        &self,
        tx: &mut Tx,
        incident: Incident,
        notice: &Notice,
        (letters, told): (&[Letter], &[CustomerId]),
        by: &Actor,
        (action, text): (&'static str, &str),
    ) -> Result<(), RespondError> {
        let before = incident.version;
        let promised = match notice.kind {
            // Each customer of a holding notice has a promise of its own; the first to come is the one to keep.
            NoticeKind::Holding => letters.iter().filter_map(Letter::promised).min(),
            _ => notice.next_update_by,
        };
        let text = format!("{} {text}", notice.kind.title());
        let by_hand = self.by_hand(tx, &incident, told).await?;
        let outcome = incident.notice_sent(notice.kind, promised, &by_hand, text, by, self.now());
        self.record(tx, by, action, notice.id.as_str(), about(notice))
            .await?;
        let said = Said {
            by,
            action: "incident.customers_told",
            detail: json!({"notice": notice.id}),
        };
        self.settle(tx, Some(before), outcome, said).await?;
        Ok(())
    }

    /// Whom of these people tell by hand, too. In a drill nobody: no customer hears of it.
    async fn by_hand(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        told: &[CustomerId],
    ) -> Result<Vec<ByHand>, RespondError> {
        if incident.drill {
            return Ok(Vec::new());
        }
        let mut customers = tx.customers_by_ids(told).await?;
        customers.retain(|customer| customer.terms.channel.by_hand().is_some());
        if customers.is_empty() {
            return Ok(Vec::new());
        }
        let obligations = Obligation::last_rounds(tx.obligations_of(&incident.id).await?).into_iter();
        let due: BTreeMap<CustomerId, DateTime<Utc>> = obligations
            .map(|owed| (owed.customer, owed.deadline.due_at))
            .collect();
        let due = |customer: &Customer| due.get(&customer.id).copied();
        Ok(ByHand::of(
            customers
                .iter()
                .filter_map(|customer| Some((customer, due(customer)?)))
                .collect(),
        ))
    }

    async fn say(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        notice: &Notice,
        by: &Actor,
        action: &'static str,
        text: &str,
    ) -> Result<(), RespondError> {
        let now = self.now();
        let text = format!("{} {text}", notice.kind.title());
        let entry = matter.entry(EntryKind::NoticeChanged, now, now, by, text);
        tx.append_entries(&[entry]).await?;
        self.record(tx, by, action, notice.id.as_str(), about(notice))
            .await
    }
}

/// Why somebody may not approve a notice, and who may.
fn had_a_hand(hand: Hand, may: &[&str]) -> String {
    let who = match may {
        [] => "nobody who may approve notices is left: give the role legal to somebody who had no hand in it"
            .to_owned(),
        may => format!("{} may approve it", words::one_of(may)),
    };
    format!("you {hand}, so somebody else must approve it; {who}")
}

/// The incident's holding notice for a round of telling, once it was rendered.
async fn holding_of(tx: &mut Tx, incident: &Incident, round: u32) -> Result<Option<Notice>, RespondError> {
    let mut notices = tx.notices_of(&incident.id).await?.into_iter();
    Ok(notices.find(|notice| notice.kind == NoticeKind::Holding && notice.round == round))
}

/// The folder of the letters of an incident: its playbook's.
fn letters_of(incident: &Incident) -> &str {
    let playbook = incident.playbook.as_ref();
    playbook.map_or(DEFAULT_LETTERS, |playbook| playbook.letters.as_str())
}

/// What the audit log says of a notice.
pub(crate) fn about(notice: &Notice) -> Value {
    json!({
        notice.matter.name(): notice.matter.as_str(),
        "kind": notice.kind,
        "content_hash": notice.content_hash,
        "letters": notice.letters,
        "unapproved": notice.unapproved,
        "version": notice.version,
    })
}
