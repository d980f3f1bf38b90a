//! Roles are handed over by two people, and there is never a moment when nobody has them.

use crate::samples::{friday, incident, minutes, person, user};
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::incident::{Acknowledgement, Incident, Intent, Role, Severity, TransitionError};
use watchkeeper_domain::page::{PageReason, PageTarget};

fn commanded_by_ana() -> Incident {
    incident(Severity::Sev2)
        .assign(Role::Commander, &user("ana"), &person("ana"), friday())
        .expect("vacant")
        .subject
}

#[test]
fn taking_command_answers_the_page() {
    assert!(matches!(
        commanded_by_ana().acknowledgement,
        Acknowledgement::Acknowledged { .. }
    ));
}

#[test]
fn giving_a_role_to_somebody_else_pages_them_and_does_not_answer_the_page_for_them() {
    let outcome = incident(Severity::Sev2)
        .assign(Role::Commander, &user("ben"), &person("ana"), friday())
        .expect("vacant");
    assert_eq!(outcome.subject.acknowledgement, Acknowledgement::Waiting);
    assert_eq!(
        outcome.intents,
        [Intent::Page {
            target: PageTarget::Person { user: user("ben") },
            reason: PageReason::RoleAssigned {
                role: Role::Commander
            }
        }]
    );
}

#[test]
fn the_holder_keeps_the_role_until_the_other_accepts() {
    let offered = commanded_by_ana()
        .offer_role(
            Role::Commander,
            &user("ben"),
            &person("ana"),
            friday() + minutes(30),
        )
        .expect("ana holds it")
        .subject;
    assert_eq!(offered.holder(Role::Commander), Some(&user("ana")));

    let accepted = offered
        .accept_role(Role::Commander, &person("ben"), friday() + minutes(35))
        .expect("ben was asked")
        .subject;
    assert_eq!(accepted.holder(Role::Commander), Some(&user("ben")));
    let post = &accepted.posts[&Role::Commander];
    assert_eq!(post.offer, None);
    assert_eq!(post.history.len(), 1);
    assert_eq!(post.history[0].user, user("ana"));
    assert_eq!(post.history[0].until, friday() + minutes(35));
}

#[test]
fn only_who_was_asked_can_accept_and_only_once() {
    let offered = commanded_by_ana()
        .offer_role(Role::Commander, &user("ben"), &person("ana"), friday())
        .expect("ana holds it")
        .subject;
    let stranger = offered
        .clone()
        .accept_role(Role::Commander, &person("cem"), friday());
    assert!(matches!(stranger, Err(TransitionError::NotYours { .. })));
    let accepted = offered
        .accept_role(Role::Commander, &person("ben"), friday())
        .expect("asked")
        .subject;
    assert!(
        accepted
            .accept_role(Role::Commander, &person("ben"), friday())
            .is_err()
    );
}

#[test]
fn only_the_holder_or_the_commander_hands_a_role_over() {
    let staffed = commanded_by_ana()
        .assign(Role::Scribe, &user("ben"), &person("ana"), friday())
        .expect("vacant")
        .subject;
    let stranger = staffed
        .clone()
        .offer_role(Role::Scribe, &user("dora"), &person("cem"), friday());
    assert!(matches!(stranger, Err(TransitionError::NotYours { .. })));
    assert!(
        staffed
            .clone()
            .offer_role(Role::Scribe, &user("dora"), &person("ben"), friday())
            .is_ok()
    );
    assert!(
        staffed
            .offer_role(Role::Scribe, &user("dora"), &person("ana"), friday())
            .is_ok()
    );
}

#[test]
fn nobody_can_offer_a_vacant_role_although_nobody_commands_either() {
    let worker = watchkeeper_domain::actor::Actor::worker("timers");
    let refused = incident(Severity::Sev2).offer_role(Role::Legal, &user("ben"), &worker, friday());
    assert!(refused.is_err());
}

#[test]
fn assigning_over_a_standing_offer_withdraws_it() {
    let offered = commanded_by_ana()
        .offer_role(Role::Commander, &user("ben"), &person("ana"), friday())
        .expect("ana holds it")
        .subject;
    let replaced = offered
        .assign(
            Role::Commander,
            &user("cem"),
            &person("cem"),
            friday() + minutes(1),
        )
        .expect("cem takes command")
        .subject;
    assert!(
        replaced
            .accept_role(Role::Commander, &person("ben"), friday() + minutes(2))
            .is_err()
    );
}

#[test]
fn an_offer_is_withdrawn_or_declined_by_those_it_concerns_and_the_holder_keeps_the_role() {
    let offered = commanded_by_ana()
        .offer_role(Role::Commander, &user("ben"), &person("ana"), friday())
        .expect("ana holds it")
        .subject;
    let stranger = offered
        .clone()
        .end_offer(Role::Commander, &person("cem"), friday());
    assert!(matches!(stranger, Err(TransitionError::NotYours { .. })));
    for (who, said) in [("ana", "no longer offered to"), ("ben", "declined by")] {
        let ended = offered
            .clone()
            .end_offer(Role::Commander, &person(who), friday())
            .expect("theirs");
        assert_eq!(ended.subject.posts[&Role::Commander].offer, None);
        assert_eq!(ended.subject.holder(Role::Commander), Some(&user("ana")));
        assert!(ended.entries[0].text.contains(said), "{}", ended.entries[0].text);
        let again = ended
            .subject
            .clone()
            .end_offer(Role::Commander, &person(who), friday());
        assert!(again.is_err(), "nothing is offered");
        assert!(
            ended
                .subject
                .accept_role(Role::Commander, &person("ben"), friday())
                .is_err(),
            "the offer is gone"
        );
    }
}

#[test]
fn a_role_is_held_only_by_who_may_act_in_it() {
    let somebody = |roles: &[AccessRole]| User {
        id: user("ben"),
        email: "ben@example.com".to_owned(),
        name: "Ben".to_owned(),
        roles: roles.iter().copied().collect(),
        must_change_password: false,
        created_at: friday(),
        closed_at: None,
    };
    for role in Role::ALL {
        for access in AccessRole::ALL {
            let may = role.may_be_held_by(&somebody(&[access])).is_ok();
            let wanted = match role {
                Role::Legal => access == AccessRole::Legal,
                _ => [AccessRole::Responder, AccessRole::Commander, AccessRole::Legal].contains(&access),
            };
            assert_eq!(may, wanted, "{role:?} by {access:?}");
        }
        let gone = User {
            closed_at: Some(friday()),
            ..somebody(&AccessRole::ALL)
        };
        assert!(role.may_be_held_by(&gone).is_err());
    }
    let said = Role::Commander
        .may_be_held_by(&somebody(&[AccessRole::Viewer]))
        .expect_err("a viewer");
    assert!(said.contains("Ben may not work on incidents"), "{said}");
}
