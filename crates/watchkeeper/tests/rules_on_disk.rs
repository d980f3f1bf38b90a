//! Rules in folders, as the service looks at them: every change shows in the mark.

use std::path::Path;
use watchkeeper::config::Detection;
use watchkeeper::rules::ConfiguredRules;
use watchkeeper_respond::workers::watch::RuleFiles as _;

fn rules(folder: &Path) -> ConfiguredRules {
    ConfiguredRules::of(&Detection {
        shipped: false,
        rules: vec![folder.to_owned()],
        ..Detection::default()
    })
}

#[test]
fn the_mark_changes_with_every_file_that_comes_changes_is_replaced_or_goes_and_with_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let rules = rules(folder.path());
    let mut marks = vec![rules.mark().expect("a mark")];
    let mut changed = |what: &str| {
        let mark = rules.mark().expect("a mark");
        assert!(!marks.contains(&mark), "{what}: {mark}");
        assert_eq!(mark, rules.mark().expect("a mark"), "looking changes nothing");
        marks.push(mark);
    };
    std::fs::create_dir(at("aws")).expect("a folder");
    std::fs::write(at("aws/a.yml"), "title: a").expect("writes");
    changed("a file came");
    std::fs::write(at("b.yaml"), "title: b").expect("writes");
    changed("another came");
    std::fs::write(at("aws/a.yml"), "title: a longer").expect("writes");
    changed("it was written");
    // As editors do: another file takes its place, with the same size and the same instant of change.
    let known = std::fs::metadata(at("b.yaml")).expect("is there");
    std::fs::write(at("b.tmp"), "title: c").expect("writes");
    let new = std::fs::File::options()
        .append(true)
        .open(at("b.tmp"))
        .expect("opens");
    new.set_modified(known.modified().expect("an instant"))
        .expect("sets");
    std::fs::rename(at("b.tmp"), at("b.yaml")).expect("moves");
    changed("it was replaced");
    std::fs::remove_file(at("b.yaml")).expect("goes");
    changed("it went");
    let mark = rules.mark().expect("a mark");
    std::fs::write(at("notes.txt"), "not a rule").expect("writes");
    assert_eq!(
        rules.mark().expect("a mark"),
        mark,
        "what is no rule does not count"
    );
}

#[test]
fn a_folder_that_is_gone_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules");
    for fault in [
        rules(&path).mark().expect_err("is not there"),
        rules(&path).read().expect_err("is not there"),
    ] {
        assert!(fault.contains(&path.display().to_string()), "{fault}");
    }
}

#[test]
fn a_volume_that_is_replaced_by_a_link_is_read_once_and_locks_of_editors_are_passed_over() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for (volume, title) in [("..first", "title: a"), ("..second", "title: b")] {
        std::fs::create_dir(at(volume)).expect("a folder");
        std::fs::write(at(volume).join("a.yml"), title).expect("writes");
    }
    symlink("..first", at("..data")).expect("links");
    symlink("..data/a.yml", at("a.yml")).expect("links");
    symlink("nobody@nowhere.1234", at(".#a.yml")).expect("links");
    let rules = rules(folder.path());
    let read = || {
        let files = rules.read().expect("files");
        files.into_iter().map(|file| file.text).collect::<Vec<_>>()
    };
    let before = rules.mark().expect("a mark");
    assert_eq!(read(), ["title: a"]);
    symlink("..second", at("..next")).expect("links");
    std::fs::rename(at("..next"), at("..data")).expect("takes its place");
    assert_ne!(rules.mark().expect("a mark"), before);
    assert_eq!(read(), ["title: b"]);
}
