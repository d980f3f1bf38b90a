//! Kinds of notice: what each one says, and whom it goes to.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// What is known so far, from a template that was approved beforehand; goes by itself before the deadline.
    Holding,
    /// The whole account, written by people and approved by a second one, as all further kinds are.
    Full,
    /// What is new since the last notice.
    FollowUp,
    /// The account when the investigation has ended; no update follows.
    Final,
    /// Something that an earlier notice said was wrong.
    Correction,
    /// An earlier notice should not have been sent: the customer is not affected.
    Withdrawn,
    /// A change that is substantial for security is coming. It belongs to a change and not to an incident.
    SecurityChange,
}

/// A field of [`NoticeFacts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the field of `NoticeFacts` that has its name")]
pub enum FactField {
    WhatChanges,
    WhyItChanges,
    EffectOnData,
    WhatIsNew,
    WhatWasWrong,
    WhatIsRight,
    WhyWithdrawn,
    WhatHappened,
    WhatInformation,
    LikelyConsequences,
    WhatWeDid,
    WhatYouShouldDo,
    NotYetKnown,
    Contained,
}

impl FactField {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WhatChanges => "what_changes",
            Self::WhyItChanges => "why_it_changes",
            Self::EffectOnData => "effect_on_data",
            Self::WhatIsNew => "what_is_new",
            Self::WhatWasWrong => "what_was_wrong",
            Self::WhatIsRight => "what_is_right",
            Self::WhyWithdrawn => "why_withdrawn",
            Self::WhatHappened => "what_happened",
            Self::WhatInformation => "what_information",
            Self::LikelyConsequences => "likely_consequences",
            Self::WhatWeDid => "what_we_did",
            Self::WhatYouShouldDo => "what_you_should_do",
            Self::NotYetKnown => "not_yet_known",
            Self::Contained => "contained",
        }
    }
}

/// A field that a kind of notice has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindField {
    /// Which.
    pub field: FactField,
    /// Whether the notice cannot be submitted without it.
    pub required: bool,
}

impl NoticeKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Holding,
        Self::Full,
        Self::FollowUp,
        Self::Final,
        Self::Correction,
        Self::Withdrawn,
        Self::SecurityChange,
    ];

    /// Its name in records, and the name of its template.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::Full => "full",
            Self::FollowUp => "follow_up",
            Self::Final => "final",
            Self::Correction => "correction",
            Self::Withdrawn => "withdrawn",
            Self::SecurityChange => "security_change",
        }
    }

    /// As a timeline writes it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Holding => "Holding notice",
            Self::Full => "Full notice",
            Self::FollowUp => "Follow-up notice",
            Self::Final => "Final notice",
            Self::Correction => "Correction",
            Self::Withdrawn => "Withdrawal",
            Self::SecurityChange => "Security-change notice",
        }
    }

    /// What people write in it, in the order of the letter. A holding notice is not written.
    #[must_use]
    pub fn fields(self) -> Vec<KindField> {
        use FactField::{
            Contained, EffectOnData, LikelyConsequences, NotYetKnown, WhatChanges, WhatHappened,
            WhatInformation, WhatIsNew, WhatIsRight, WhatWasWrong, WhatWeDid, WhatYouShouldDo, WhyItChanges,
            WhyWithdrawn,
        };
        let (required, optional): (&[FactField], &[FactField]) = match self {
            Self::Holding => (&[], &[]),
            Self::Full => (
                &[
                    WhatHappened,
                    WhatInformation,
                    LikelyConsequences,
                    WhatWeDid,
                    WhatYouShouldDo,
                ],
                &[NotYetKnown, Contained],
            ),
            Self::FollowUp => (
                &[WhatIsNew],
                &[
                    WhatHappened,
                    WhatInformation,
                    LikelyConsequences,
                    WhatWeDid,
                    WhatYouShouldDo,
                    NotYetKnown,
                    Contained,
                ],
            ),
            Self::Final => (
                &[
                    WhatHappened,
                    WhatInformation,
                    LikelyConsequences,
                    WhatWeDid,
                    WhatYouShouldDo,
                    Contained,
                ],
                &[WhatIsNew],
            ),
            Self::Correction => (&[WhatWasWrong, WhatIsRight], &[WhatYouShouldDo]),
            Self::Withdrawn => (&[WhyWithdrawn], &[WhatYouShouldDo]),
            Self::SecurityChange => (&[WhatChanges, WhyItChanges, EffectOnData, WhatYouShouldDo], &[]),
        };
        let with = |fields: &[FactField], required| {
            fields
                .iter()
                .map(|field| KindField {
                    field: *field,
                    required,
                })
                .collect::<Vec<_>>()
        };
        let mut fields = with(required, true);
        fields.extend(with(optional, false));
        fields.sort_by_key(|f| f.field);
        fields
    }

    /// Whether it says when the next update comes at the latest.
    #[must_use]
    pub fn promises_update(self) -> bool {
        match self {
            Self::Holding | Self::Full | Self::FollowUp | Self::Correction => true,
            Self::Final | Self::Withdrawn | Self::SecurityChange => false,
        }
    }

    /// Whether it goes only to who was told something before.
    #[must_use]
    pub fn continues(self) -> bool {
        match self {
            Self::FollowUp | Self::Final | Self::Correction | Self::Withdrawn => true,
            Self::Holding | Self::Full | Self::SecurityChange => false,
        }
    }

    /// Whether it is written about an incident.
    #[must_use]
    pub fn of_incident(self) -> bool {
        self != Self::SecurityChange
    }

    /// Whether it goes to a customer of an incident who is `affected` by what is known now, and who was sent notices of the kinds `sent` before.
    ///
    /// First notices go to whoever is owed one; what continues them goes to whoever had one. Whoever was told something wrong is told
    /// what is right, affected or not; and only who was told and is not affected is told that.
    #[must_use]
    pub fn goes_to(self, affected: bool, sent: &BTreeSet<Self>) -> bool {
        let account = sent.contains(&Self::Full) || sent.contains(&Self::Final);
        match self {
            Self::Holding => affected,
            Self::Full => affected && !account,
            Self::FollowUp | Self::Final => affected && !sent.is_empty(),
            Self::Correction => !sent.is_empty(),
            Self::Withdrawn => !affected && !sent.is_empty() && !sent.contains(&Self::Withdrawn),
            // It goes to whoever pays, and no incident has it.
            Self::SecurityChange => false,
        }
    }

    /// Why there is nobody to send it to, and what to do instead.
    #[must_use]
    pub fn nobody(self) -> &'static str {
        match self {
            Self::Holding => "no customer is affected; put customers on the list first",
            Self::Full => {
                "no customer is owed a full notice: put customers on the list first; who has had one gets a follow-up"
            }
            Self::FollowUp | Self::Final => {
                "no affected customer has been sent a notice yet; write a full notice first"
            }
            Self::Correction => "no customer has been sent a notice yet, so that there is nothing to correct",
            Self::Withdrawn => {
                "no customer was sent a notice and then cleared; clear the customer, or reverse the confirmation, first"
            }
            Self::SecurityChange => "no customer pays; import customers, or mark those who pay, first",
        }
    }
}

/// What the author says; the same for every customer who reads the same language. An empty field is rendered as "not yet known", or
/// left out where the letter does not ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticeFacts {
    /// What changes.
    pub what_changes: String,
    /// Why it changes.
    pub why_it_changes: String,
    /// What the change means for the customer's data.
    pub effect_on_data: String,
    /// What is new since the last notice.
    pub what_is_new: String,
    /// What an earlier notice said that is wrong.
    pub what_was_wrong: String,
    /// What is right instead.
    pub what_is_right: String,
    /// Why an earlier notice is withdrawn.
    pub why_withdrawn: String,
    /// What happened.
    pub what_happened: String,
    /// What information was or may have been disclosed.
    pub what_information: String,
    /// What may follow from it.
    pub likely_consequences: String,
    /// What we did and will do.
    pub what_we_did: String,
    /// What the customer should do.
    pub what_you_should_do: String,
    /// What is not known yet.
    pub not_yet_known: String,
    /// Whether it is contained: `yes`, `no` or words in between.
    pub contained: String,
    /// Which records cover the whole period, and that they were read: what a sentence such as "no evidence of misuse" rests on.
    /// Stands in no letter.
    pub records_read: String,
}

impl NoticeFacts {
    /// What stands in a field, without spaces around it.
    #[must_use]
    pub fn get(&self, field: FactField) -> &str {
        let text = match field {
            FactField::WhatChanges => &self.what_changes,
            FactField::WhyItChanges => &self.why_it_changes,
            FactField::EffectOnData => &self.effect_on_data,
            FactField::WhatIsNew => &self.what_is_new,
            FactField::WhatWasWrong => &self.what_was_wrong,
            FactField::WhatIsRight => &self.what_is_right,
            FactField::WhyWithdrawn => &self.why_withdrawn,
            FactField::WhatHappened => &self.what_happened,
            FactField::WhatInformation => &self.what_information,
            FactField::LikelyConsequences => &self.likely_consequences,
            FactField::WhatWeDid => &self.what_we_did,
            FactField::WhatYouShouldDo => &self.what_you_should_do,
            FactField::NotYetKnown => &self.not_yet_known,
            FactField::Contained => &self.contained,
        };
        text.trim()
    }

    /// Fields that a notice of this kind cannot do without and that are empty.
    #[must_use]
    pub fn missing(&self, kind: NoticeKind) -> Vec<&'static str> {
        kind.fields()
            .into_iter()
            .filter(|f| f.required && self.get(f.field).is_empty())
            .map(|f| f.field.name())
            .collect()
    }
}
