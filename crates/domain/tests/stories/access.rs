//! Who may do what, and which passwords are taken.

use crate::samples::{friday, user};
use watchkeeper_domain::access::{AccessRole, PASSWORD_MIN_CHARS, Permission, User, password_fault};

fn ana(roles: &[AccessRole]) -> User {
    User {
        id: user("ana"),
        email: "ana.schmidt@example.com".to_owned(),
        name: "Ana Schmidt".to_owned(),
        roles: roles.iter().copied().collect(),
        must_change_password: false,
        created_at: friday(),
        closed_at: None,
    }
}

#[test]
fn fourteen_characters_are_too_few_and_fifteen_are_enough() {
    let fault = password_fault("fourteen chars", &ana(&[])).expect("too short");
    assert!(
        fault.contains("14") && fault.contains(&PASSWORD_MIN_CHARS.to_string()),
        "{fault}"
    );
    assert_eq!(password_fault("fifteen letters", &ana(&[])), None);
}

#[test]
fn characters_are_counted_not_bytes() {
    assert_eq!(password_fault("ünü größe öfter", &ana(&[])), None);
    assert!(password_fault("üüüüüüü", &ana(&[])).is_some());
}

#[test]
fn spaces_and_sentences_are_welcome_and_no_composition_is_asked_for() {
    assert_eq!(password_fault("all lower case and no digit", &ana(&[])), None);
}

#[test]
fn a_password_is_bounded_so_that_hashing_it_is() {
    assert_eq!(password_fault(&"abcdefgh".repeat(32), &ana(&[])), None);
    assert!(
        password_fault(&"abcdefgh".repeat(33), &ana(&[]))
            .expect("too long")
            .contains("264 bytes")
    );
}

#[test]
fn the_name_of_the_account_and_a_few_repeated_characters_are_no_password() {
    assert!(password_fault("xx-ANA.Schmidt-2026", &ana(&[])).is_some());
    assert!(password_fault("aaaaaaaaaaaaaaaaaaaaaaaa", &ana(&[])).is_some());
    assert!(password_fault("abababababababababab", &ana(&[])).is_some());
}

#[test]
fn no_fault_repeats_the_password() {
    for password in ["short", "xx-ana.schmidt-2026", "abababababababababab"] {
        let fault = password_fault(password, &ana(&[])).expect("refused");
        assert!(!fault.contains(password), "{fault}");
    }
}

#[test]
fn a_closed_account_may_nothing() {
    let mut closed = ana(&AccessRole::ALL);
    assert!(closed.may(Permission::ApproveNotices));
    closed.closed_at = Some(friday());
    assert!(closed.permissions().is_empty());
    for role in AccessRole::ALL {
        assert!(
            role.permissions()
                .iter()
                .all(|permission| !closed.may(*permission))
        );
    }
}

#[test]
fn every_role_sees_and_a_viewer_only_sees() {
    for role in AccessRole::ALL {
        assert!(ana(&[role]).may(Permission::View), "{role:?}");
    }
    assert_eq!(ana(&[AccessRole::Viewer]).permissions().len(), 1);
    assert!(ana(&[]).permissions().is_empty());
}

#[test]
fn who_keeps_people_neither_decides_on_disclosures_nor_approves_notices() {
    let admin = ana(&[AccessRole::Admin]);
    for permission in [
        Permission::DecideDisclosure,
        Permission::ApproveNotices,
        Permission::DraftNotices,
    ] {
        assert!(!admin.may(permission), "{permission:?}");
    }
}
