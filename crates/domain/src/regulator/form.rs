//! What each law asks for, as data: a form is its articles, and an article is its questions.

use crate::incident::Particular;
use crate::obligation::rule::Moment;
use serde::{Deserialize, Serialize};

/// A form of a law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegulatorForm {
    /// GDPR Art. 33(3): to the supervisory authority.
    #[serde(rename = "gdpr-33")]
    Gdpr33,
    /// NIS 2 Art. 23(4)(a): within 24 hours.
    #[serde(rename = "nis2-early-warning")]
    Nis2EarlyWarning,
    /// NIS 2 Art. 23(4)(b): within 72 hours.
    #[serde(rename = "nis2-notification")]
    Nis2Notification,
    /// NIS 2 Art. 23(4)(d): a month after the notification.
    #[serde(rename = "nis2-final")]
    Nis2Final,
    /// 45 CFR 164.410(c): a business associate to the covered entity.
    #[serde(rename = "hipaa-410")]
    Hipaa410,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// When a moment was.
    Moment(Moment),
    /// What people recorded for authorities; where they did not, what notices, the assessment and the evidence say.
    Particular(Particular),
    /// Name and address of whom to ask.
    Contact,
    /// The procedures by which individuals ask.
    Procedures,
    /// The deadline, and whether it was kept.
    Deadline,
    /// Why the deadline was not kept.
    Delay,
    /// How many customers are affected; left out where there is no list.
    Customers,
}

/// A question of an article.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) label: &'static str,
    pub(super) from: From,
}

/// A letter of an article with its questions.
#[derive(Debug)]
pub(super) struct Article {
    pub(super) heading: &'static str,
    pub(super) source: &'static str,
    pub(super) asks: &'static [Ask],
}

/// All that a form is.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) law: &'static str,
    pub(super) to: &'static str,
    /// The rule whose clock it answers, and its phase.
    pub(super) clock: (&'static str, &'static str),
    /// Whether a customer reads it: it then says what was written for customers, and nothing that may tell of another one.
    pub(super) to_customer: bool,
    pub(super) articles: &'static [Article],
}

const fn ask(label: &'static str, from: From) -> Ask {
    Ask { label, from }
}

const fn told(label: &'static str, particular: Particular) -> Ask {
    ask(label, From::Particular(particular))
}

const OCCURRED: Ask = ask("Occurred", From::Moment(Moment::Occurred));
const DETECTED: Ask = ask("Detected", From::Moment(Moment::Detected));
const AWARE: Ask = ask("Aware", From::Moment(Moment::Aware));

const GDPR: &str = "Regulation (EU) 2016/679 (GDPR)";
const NIS2: &str = "Directive (EU) 2022/2555 (NIS 2), as the member state has put it into law";
const CSIRT: &str = "The CSIRT or, where applicable, the competent authority";

const NIS2_WHEN: Article = Article {
    heading: "When",
    source: "Art. 23(4)",
    asks: &[OCCURRED, DETECTED, AWARE, ask("Deadline", From::Deadline)],
};
const NIS2_SUSPICION: Article = Article {
    heading: "Cause and reach, as suspected",
    source: "Art. 23(4)(a)",
    asks: &[
        told(
            "Whether unlawful or malicious acts are suspected to have caused it",
            Particular::UnlawfulAct,
        ),
        told(
            "Whether it could have a cross-border impact",
            Particular::CrossBorder,
        ),
    ],
};
const NIS2_CONTACT: Article = Article {
    heading: "Who answers questions",
    source: "not asked by the article",
    asks: &[ask("Contact point", From::Contact)],
};

static GDPR_33: Layout = Layout {
    name: "gdpr-33",
    title: "Notification of a personal data breach to the supervisory authority",
    law: GDPR,
    to: "The supervisory authority that is competent by Art. 55",
    clock: ("gdpr.33_1", "notification"),
    to_customer: false,
    articles: &[
        Article {
            heading: "When, and whether in time",
            source: "Art. 33(1)",
            asks: &[
                OCCURRED,
                DETECTED,
                AWARE,
                ask("Deadline", From::Deadline),
                ask("Reasons for the delay", From::Delay),
            ],
        },
        Article {
            heading: "Nature of the breach",
            source: "Art. 33(3)(a)",
            asks: &[
                told("Nature of the personal data breach", Particular::Nature),
                told(
                    "Categories of data subjects concerned",
                    Particular::SubjectCategories,
                ),
                told(
                    "Approximate number of data subjects concerned",
                    Particular::SubjectCount,
                ),
                told(
                    "Categories of personal data records concerned",
                    Particular::RecordCategories,
                ),
                told(
                    "Approximate number of personal data records concerned",
                    Particular::RecordCount,
                ),
                ask("Customers concerned", From::Customers),
            ],
        },
        Article {
            heading: "Contact",
            source: "Art. 33(3)(b)",
            asks: &[ask(
                "Data protection officer or other contact point, with contact details",
                From::Contact,
            )],
        },
        Article {
            heading: "Consequences",
            source: "Art. 33(3)(c)",
            asks: &[told(
                "Likely consequences of the personal data breach",
                Particular::Consequences,
            )],
        },
        Article {
            heading: "Measures",
            source: "Art. 33(3)(d)",
            asks: &[told(
                "Measures taken or proposed, also to mitigate possible adverse effects",
                Particular::Measures,
            )],
        },
    ],
};

static NIS2_EARLY_WARNING: Layout = Layout {
    name: "nis2-early-warning",
    title: "Early warning of a significant incident",
    law: NIS2,
    to: CSIRT,
    clock: ("eu.nis2_23", "early_warning"),
    to_customer: false,
    articles: &[NIS2_WHEN, NIS2_SUSPICION, NIS2_CONTACT],
};

static NIS2_NOTIFICATION: Layout = Layout {
    name: "nis2-notification",
    title: "Notification of a significant incident",
    law: NIS2,
    to: CSIRT,
    clock: ("eu.nis2_23", "notification"),
    to_customer: false,
    articles: &[
        NIS2_WHEN,
        NIS2_SUSPICION,
        Article {
            heading: "Initial assessment",
            source: "Art. 23(4)(b)",
            asks: &[
                told("Initial assessment of the incident", Particular::Nature),
                told("Severity", Particular::Severity),
                told("Impact", Particular::Impact),
                ask("Customers concerned", From::Customers),
                told("Indicators of compromise", Particular::Indicators),
            ],
        },
        NIS2_CONTACT,
    ],
};

static NIS2_FINAL: Layout = Layout {
    name: "nis2-final",
    title: "Final report on a significant incident",
    law: NIS2,
    to: CSIRT,
    clock: ("eu.nis2_23", "final"),
    to_customer: false,
    articles: &[
        NIS2_WHEN,
        Article {
            heading: "Detailed description",
            source: "Art. 23(4)(d)(i)",
            asks: &[
                told("Detailed description of the incident", Particular::Nature),
                told("Severity", Particular::Severity),
                told("Impact", Particular::Impact),
                ask("Customers concerned", From::Customers),
            ],
        },
        Article {
            heading: "Cause",
            source: "Art. 23(4)(d)(ii)",
            asks: &[told(
                "Type of threat or root cause that is likely to have triggered the incident",
                Particular::RootCause,
            )],
        },
        Article {
            heading: "Mitigation",
            source: "Art. 23(4)(d)(iii)",
            asks: &[told(
                "Applied and ongoing mitigation measures",
                Particular::Measures,
            )],
        },
        Article {
            heading: "Across borders",
            source: "Art. 23(4)(d)(iv)",
            asks: &[told(
                "Cross-border impact of the incident",
                Particular::CrossBorder,
            )],
        },
        NIS2_CONTACT,
    ],
};

static HIPAA_410: Layout = Layout {
    name: "hipaa-410",
    title: "Notice of a breach of unsecured protected health information",
    law: "45 CFR Part 164, Subpart D (HIPAA)",
    to: "The covered entity, by its business associate",
    clock: ("hipaa.164_410", "notice"),
    to_customer: true,
    articles: &[
        Article {
            heading: "In time",
            source: "164.410(b)",
            asks: &[ask("Deadline", From::Deadline)],
        },
        Article {
            heading: "Individuals",
            source: "164.410(c)(1)",
            asks: &[told(
                "Identification of each individual, to the extent possible",
                Particular::Individuals,
            )],
        },
        Article {
            heading: "What happened",
            source: "164.410(c)(2), 164.404(c)(1)(A)",
            asks: &[
                told("Brief description of what happened", Particular::Nature),
                ask("Date of the breach", From::Moment(Moment::Occurred)),
                ask(
                    "Date of the discovery of the breach",
                    From::Moment(Moment::Detected),
                ),
            ],
        },
        Article {
            heading: "Information",
            source: "164.410(c)(2), 164.404(c)(1)(B)",
            asks: &[told(
                "Types of unsecured protected health information that were involved",
                Particular::RecordCategories,
            )],
        },
        Article {
            heading: "Steps for individuals",
            source: "164.410(c)(2), 164.404(c)(1)(C)",
            asks: &[told(
                "Steps that individuals should take to protect themselves from potential harm",
                Particular::ProtectiveSteps,
            )],
        },
        Article {
            heading: "What is being done",
            source: "164.410(c)(2), 164.404(c)(1)(D)",
            asks: &[told(
                "What is being done to investigate, to mitigate harm, and to protect against further breaches",
                Particular::Measures,
            )],
        },
        Article {
            heading: "Questions",
            source: "164.410(c)(2), 164.404(c)(1)(E)",
            asks: &[ask("Contact procedures for questions", From::Procedures)],
        },
    ],
};

impl RegulatorForm {
    /// All forms.
    pub const ALL: [Self; 5] = [
        Self::Gdpr33,
        Self::Nis2EarlyWarning,
        Self::Nis2Notification,
        Self::Nis2Final,
        Self::Hipaa410,
    ];

    pub(super) fn layout(self) -> &'static Layout {
        match self {
            Self::Gdpr33 => &GDPR_33,
            Self::Nis2EarlyWarning => &NIS2_EARLY_WARNING,
            Self::Nis2Notification => &NIS2_NOTIFICATION,
            Self::Nis2Final => &NIS2_FINAL,
            Self::Hipaa410 => &HIPAA_410,
        }
    }

    /// Its name in addresses and commands: `gdpr-33`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.layout().name
    }

    /// The form of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The rule whose clock it answers, and the phase of it: `("gdpr.33_1", "notification")`.
    #[must_use]
    pub fn clock(self) -> (&'static str, &'static str) {
        self.layout().clock
    }
}
