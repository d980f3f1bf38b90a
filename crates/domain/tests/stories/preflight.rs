//! What the pre-flight makes of what was seen, and who is told of it when.

use crate::samples::{at, customer, friday};
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::access::User;
use watchkeeper_domain::customer::{ContactRole, ContactTrouble, Customer, TroubleKind};
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::page::PageTarget;
use watchkeeper_domain::preflight::{
    Answer, Asked, AuditSeen, Check, CheckName, CheckResult, Coverage, Finding, MOST_FINDINGS, PeopleSeen,
    Post, RelaySeen, Standing, SuppressedSeen, WitnessesSeen, audit_log, bounces, contacts, dkim, dmarc,
    people, relay, suppression,
};
use watchkeeper_domain::span::Span;

const NAME: &str = "k1._domainkey.ours.example";
const OURS: &str = "v=DKIM1; k=ed25519; p=AAAA";

fn found(texts: &[&str]) -> Answer<Vec<String>> {
    Answer::Found(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// The keys of what failed.
fn keys(check: &Check) -> Vec<&str> {
    check
        .findings
        .iter()
        .map(|finding| finding.key.as_str())
        .collect()
}

#[test]
fn one_person_alone_who_may_approve_notices_is_a_fault_and_two_are_not() {
    let judged = |reached| {
        let counsel = PeopleSeen {
            reached,
            nobody: Vec::new(),
        };
        people(&BTreeMap::from([(Post::Counsel, counsel)]))
    };
    assert_eq!(keys(&judged(0)), ["counsel"]);
    let alone = judged(1);
    assert_eq!(keys(&alone), ["counsel alone"]);
    assert!(
        alone.findings[0]
            .remedy
            .contains("a second person the role legal")
    );
    assert_eq!(judged(2).result, CheckResult::Passed);
}

#[test]
fn the_record_of_a_key_must_be_there_once_and_have_our_key_for_mail_by_sha_256() {
    let judged = |texts: &[&str]| dkim(NAME, OURS, found(texts));
    assert_eq!(judged(&[OURS]).result, CheckResult::Passed);
    assert_eq!(
        keys(&judged(&["k=ed25519; p=AA AA", "unrelated"])),
        [""; 0],
        "spaces and other texts do not matter"
    );
    assert_eq!(
        keys(&judged(&["v=DKIM1; k=ed25519; h=sha1:sha256; s=email; p=AAAA"])),
        [""; 0]
    );
    assert_eq!(keys(&dkim(NAME, OURS, Answer::Nothing)), ["missing"]);
    assert_eq!(keys(&judged(&["v=DKIM1; k=ed25519; p=BBBB"])), ["other_key"]);
    assert_eq!(
        keys(&judged(&["v=DKIM1; p=AAAA"])),
        ["kind"],
        "without k= it is RSA"
    );
    assert_eq!(keys(&judged(&["v=DKIM1; k=ed25519; p="])), ["revoked"]);
    assert_eq!(keys(&judged(&["v=DKIM2; k=ed25519; p=AAAA"])), ["version"]);
    assert_eq!(keys(&judged(&["v=DKIM1; k=ed25519; h=sha1; p=AAAA"])), ["hash"]);
    assert_eq!(
        keys(&judged(&["v=DKIM1; k=ed25519; s=other; p=AAAA"])),
        ["service"]
    );
    assert_eq!(keys(&judged(&[OURS, "v=DKIM1; k=ed25519; p=BBBB"])), ["several"]);
    assert_eq!(
        keys(&dkim(NAME, OURS, Answer::Unknown("silence".to_owned()))),
        ["unanswered"]
    );
    let tested = judged(&["v=DKIM1; k=ed25519; t=y:s; p=AAAA"]);
    assert!(!tested.failed() && tested.notes[0].contains("t=y"), "{tested:#?}");
}

#[test]
fn a_policy_is_found_at_the_domain_or_above_it_and_none_is_said_and_no_failure() {
    let judged = |answers: Vec<Answer<Vec<String>>>| {
        let names = ["_dmarc.mail.ours.example", "_dmarc.ours.example"].map(str::to_owned);
        let answers: Vec<_> = names.into_iter().zip(answers).collect();
        dmarc("mail.ours.example", &answers)
    };
    let above = judged(vec![Answer::Nothing, found(&["other", "v=DMARC1; p=reject"])]);
    assert!(
        !above.failed() && above.seen.contains("_dmarc.ours.example asks for p=reject"),
        "{above:#?}"
    );
    let none = judged(vec![Answer::Nothing, Answer::Nothing]);
    assert!(
        !none.failed() && none.seen.contains("no policy") && none.notes.len() == 1,
        "{none:#?}"
    );
    assert_eq!(keys(&judged(vec![found(&["v=DMARC1; p=maybe"])])), ["policy"]);
    assert_eq!(keys(&judged(vec![found(&["v=DMARC1; sp=none"])])), ["policy"]);
    assert_eq!(
        keys(&judged(vec![found(&["v=DMARC1; p=none", "v=DMARC1; p=reject"])])),
        ["several"]
    );
    assert_eq!(
        keys(&judged(vec![Answer::Unknown("silence".to_owned())])),
        ["unanswered"]
    );
}

#[test]
fn a_relay_that_could_not_be_used_is_named_with_its_table() {
    let seen = RelaySeen {
        server: "mail:587".to_owned(),
        encryption: "STARTTLS",
        signed_in_as: Some("us".to_owned()),
    };
    let good = relay(CheckName::Relay, "mail:587", Ok(seen));
    assert_eq!(
        (good.result, good.seen.as_str()),
        (
            CheckResult::Passed,
            "mail:587 answered; STARTTLS; signed in as us"
        )
    );
    let bad = relay(CheckName::SecondRelay, "mail:587", Err("refused".to_owned()));
    assert!(bad.findings[0].remedy.contains("[mail.second_relay]"), "{bad:#?}");
    assert_eq!(bounces(None).result, CheckResult::NotApplicable);
}

const YEAR: Span = Span::hours(365 * 24);

fn days(count: i64) -> DateTime<Utc> {
    friday() + Duration::days(count)
}

fn covered(customers: &[Customer], now: DateTime<Utc>) -> Check {
    contacts(customers, &Asked::new(), Coverage { verify_every: YEAR }, now)
}

fn in_trouble(mut customer: Customer, roles: &[ContactRole]) -> Customer {
    for contact in customer
        .contacts
        .iter_mut()
        .filter(|contact| roles.contains(&contact.role))
    {
        contact.trouble = Some(ContactTrouble {
            at: friday(),
            kind: TroubleKind::Unreachable,
            why: "550 no such user".to_owned(),
        });
    }
    customer
}

#[test]
fn one_contact_that_counts_covers_a_customer_and_whom_it_prefers_is_noted_where_that_one_is_lost() {
    assert_eq!(covered(&[], days(0)).result, CheckResult::NotApplicable);
    let acme = customer("acme", None);
    let whole = covered(std::slice::from_ref(&acme), days(0));
    assert_eq!((whole.result, whole.notes.len()), (CheckResult::Passed, 0));
    let by_others = covered(&[in_trouble(acme.clone(), &[ContactRole::Security])], days(0));
    assert!(
        !by_others.failed() && by_others.notes[0].starts_with("1 of them"),
        "{by_others:#?}"
    );
    let mut named = in_trouble(acme.clone(), &[ContactRole::Security]);
    named.terms.recipients = [ContactRole::Legal].into();
    assert_eq!(
        covered(&[named], days(0)).notes.len(),
        0,
        "the contract names another contact, who can be told"
    );
    let lost = covered(&[in_trouble(acme, &ContactRole::ALL)], days(0));
    assert_eq!(keys(&lost), [customer("acme", None).id.as_str()]);
    assert!(
        lost.findings[0]
            .seen
            .contains("the security contact takes no mail since 2026-06-05"),
        "{lost:#?}"
    );
}

#[test]
fn a_contact_counts_for_a_year_and_twice_the_patience_and_longer_where_it_was_asked_late() {
    let acme = customer("acme", None);
    let one = std::slice::from_ref(&acme);
    assert!(!covered(one, days(365 + 28) - Duration::seconds(1)).failed());
    let late = covered(one, days(365 + 28));
    assert!(
        late.findings[0]
            .seen
            .contains("never verified, which is too long ago"),
        "{late:#?}"
    );
    let asked: Asked = acme
        .contacts
        .iter()
        .map(|c| ((acme.id.clone(), c.email.clone()), days(400)))
        .collect();
    let judged = |now| contacts(one, &asked, Coverage { verify_every: YEAR }, now);
    assert!(!judged(days(427)).failed());
    assert!(
        judged(days(428)).findings[0]
            .seen
            .contains("has not answered since")
    );
    let mut verified = acme.clone();
    verified.contacts[0].verified_at = Some(days(300));
    assert!(!covered(&[verified], days(500)).failed());
}

#[test]
fn who_pays_is_counted_apart_and_named_first_and_a_disclosure_is_owed_to_all() {
    let lost = |key: &str, paying: bool| {
        let mut customer = in_trouble(customer(key, None), &ContactRole::ALL);
        customer.paying = paying;
        customer
    };
    let all = [lost("free", false), lost("acme", true), customer("beta", None)];
    let check = covered(&all, days(0));
    assert_eq!(
        check.seen,
        "1 of 3 customers have a contact that can be told; 1 of 2 that pay"
    );
    let seen: Vec<&str> = check
        .findings
        .iter()
        .map(|finding| finding.seen.as_str())
        .collect();
    assert!(seen[0].starts_with("acme Ltd (key acme): "), "{seen:?}");
    assert!(
        seen[1].starts_with("free Ltd (key free, does not pay): "),
        "{seen:?}"
    );
}

fn person(name: &str, closed: bool) -> User {
    User {
        id: UserId::derived(&[name]),
        email: format!("{name}@ours.example"),
        name: name.to_owned(),
        roles: BTreeSet::new(),
        must_change_password: false,
        created_at: friday(),
        closed_at: closed.then(friday),
    }
}

#[test]
fn whoever_is_on_the_suppression_list_is_named_be_it_a_contact_or_one_of_ours() {
    let listed = |address: &str, reason: &str| SuppressedSeen {
        address: address.to_owned(),
        reason: reason.to_owned(),
        since: Some(at("2026-05-01T00:00:00Z")),
    };
    let customers = [customer("acme", None)];
    let people = [person("ana", false), person("left", true)];
    let judged = |seen| suppression(&customers, &people, seen);
    assert_eq!(judged(None).result, CheckResult::NotApplicable);
    assert_eq!(judged(Some(Ok(Vec::new()))).result, CheckResult::Passed);
    assert_eq!(keys(&judged(Some(Err("denied".to_owned())))), ["unread"]);
    let check = judged(Some(Ok(vec![
        listed("Security@acme.example", "BOUNCE"),
        listed("ana@ours.example", "COMPLAINT"),
        listed("left@ours.example", "BOUNCE"),
    ])));
    let seen: Vec<&str> = check
        .findings
        .iter()
        .map(|finding| finding.seen.as_str())
        .collect();
    assert_eq!(
        seen,
        [
            "acme Ltd (key acme): the security contact is on SES's suppression list, since mail to it bounced on 2026-05-01",
            "ana (an account of ours) is on SES's suppression list, since its reader called mail to it spam on 2026-05-01",
        ]
    );
    assert!(
        !format!("{check:?}").contains("@acme.example"),
        "addresses stay where customers are kept"
    );
}

fn failing(check: CheckName, keys: &[&str]) -> Check {
    Check::judged(
        check,
        "seen",
        keys.iter()
            .map(|key| Finding::new(*key, *key, "mend it"))
            .collect(),
    )
}

#[test]
fn what_fails_is_told_once_and_again_after_a_week_and_its_end_is_told() {
    let spf = |keys: &[&str]| [failing(CheckName::Spf, keys)];
    let (standing, word) = Standing::default().after(&spf(&["missing"]), days(0));
    assert_eq!(
        (word.failing.as_slice(), word.line().as_str()),
        ([CheckName::Spf].as_slice(), "failed: SPF record")
    );
    let (standing, word) = standing.after(&spf(&["missing"]), days(1));
    assert!(word.is_empty(), "{word:?}");
    let (standing, word) = standing.after(&spf(&["missing", "lookups"]), days(2));
    assert_eq!(word.failing, [CheckName::Spf], "something is new");
    let (standing, word) = standing.after(&spf(&["lookups"]), days(3));
    assert!(word.is_empty(), "less is nothing new: {word:?}");
    let (standing, word) = standing.after(&spf(&["lookups", "missing"]), days(4));
    assert_eq!(
        word.failing,
        [CheckName::Spf],
        "what went away and comes back is new"
    );
    let (standing, word) = standing.after(&spf(&["lookups", "missing"]), days(11) - Duration::seconds(1));
    assert!(word.is_empty(), "{word:?}");
    let (standing, word) = standing.after(&spf(&["lookups", "missing"]), days(11));
    assert_eq!(word.failing, [CheckName::Spf], "a week has passed");
    let (standing, word) = standing.after(&spf(&[]), days(12));
    assert_eq!(
        (word.recovered.as_slice(), word.line().as_str()),
        ([CheckName::Spf].as_slice(), "mended: SPF record")
    );
    assert!(standing.after(&spf(&[]), days(13)).1.is_empty());
}

#[test]
fn a_page_goes_to_whom_the_checks_concern_and_says_what_to_do() {
    let checks = [
        failing(CheckName::Relay, &["unusable"]),
        failing(CheckName::Contacts, &["acme"]),
    ];
    let (_, word) = Standing::default().after(&checks, days(0));
    assert_eq!(
        word.pages(),
        [
            PageTarget::OnCall { step: 0 },
            PageTarget::Leads,
            PageTarget::Counsel
        ]
    );
    let body = word.body(&checks);
    assert!(
        body.contains("Mail relay\n- unusable\n  To do: mend it"),
        "{body}"
    );
}

#[test]
fn findings_beyond_the_most_are_counted() {
    let keys: Vec<String> = (0..MOST_FINDINGS + 3).map(|n| n.to_string()).collect();
    let findings = keys.iter().map(|key| Finding::new(key, key, "mend it")).collect();
    let check = Check::judged(CheckName::Contacts, "seen", findings);
    assert_eq!((check.findings.len(), check.more), (MOST_FINDINGS, 3));
}

#[test]
fn witnesses_who_get_no_checkpoint_are_said_and_that_there_are_none_is_noted() {
    let now = friday();
    let seen = |named, sent_days: Option<i64>, taken_days: Option<i64>| {
        let ago = |days: i64| now - Duration::days(days);
        AuditSeen {
            sealed_at: Some(now),
            unsealed_since: None,
            every: Span::minutes(5),
            fault: None,
            witnesses: WitnessesSeen {
                named,
                sent_at: sent_days.map(ago),
                taken_at: taken_days.map(ago),
            },
        }
    };
    let nobody = audit_log(&seen(0, None, None), now);
    assert!(
        !nobody.failed() && nobody.notes[0].contains("no witness is named"),
        "{nobody:#?}"
    );
    for (sent, taken, failed) in [
        (None, None, false),
        (Some(0), None, false),
        (Some(3), Some(3), false),
        (Some(3), None, true),
        (Some(3), Some(10), true),
    ] {
        let check = audit_log(&seen(1, sent, taken), now);
        assert_eq!(check.failed(), failed, "{sent:?} {taken:?}: {check:#?}");
        assert!(check.notes.is_empty(), "{check:#?}");
    }
}
