//! Who may send for a domain: what is asked of DNS, and what the answers mean.

use std::collections::BTreeMap;
use std::net::IpAddr;
use watchkeeper_domain::preflight::spf::{Question, Record, Sight, judge};
use watchkeeper_domain::preflight::{Answer, Check};

/// What DNS says in a story: texts, addresses and exchangers by name; of anything else it has nothing.
#[derive(Default)]
struct Zone {
    texts: BTreeMap<String, Vec<String>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    exchangers: BTreeMap<String, Vec<String>>,
}

impl Zone {
    fn text(mut self, name: &str, text: &str) -> Self {
        self.texts
            .entry(name.to_owned())
            .or_default()
            .push(text.to_owned());
        self
    }

    fn address(mut self, name: &str, address: &str) -> Self {
        let address = address.parse().expect("an address");
        self.addresses.entry(name.to_owned()).or_default().push(address);
        self
    }

    fn exchanger(mut self, name: &str, host: &str) -> Self {
        self.exchangers
            .entry(name.to_owned())
            .or_default()
            .push(host.to_owned());
        self
    }

    /// Asks as long as something is wanted, and gives what is known then and how much was asked.
    fn look(&self, domain: &str) -> (Sight, usize) {
        fn of<T: Clone>(map: &BTreeMap<String, Vec<T>>, name: &str) -> Answer<Vec<T>> {
            map.get(name).cloned().map_or(Answer::Nothing, Answer::Found)
        }
        let (mut sight, mut asked) = (Sight::default(), 0);
        loop {
            let wanted = sight.wanted(domain);
            if wanted.is_empty() {
                return (sight, asked);
            }
            asked += wanted.len();
            assert!(asked < 200, "it asks without an end");
            for question in wanted {
                match question {
                    Question::Texts(name) => sight.put_texts(name.clone(), of(&self.texts, &name)),
                    Question::Addresses(name) => {
                        sight.put_addresses(name.clone(), of(&self.addresses, &name))
                    }
                    Question::Exchangers(name) => {
                        sight.put_exchangers(name.clone(), of(&self.exchangers, &name))
                    }
                }
            }
        }
    }

    fn judged(&self, from: &str) -> Check {
        let from: Vec<IpAddr> = from
            .split_whitespace()
            .map(|one| one.parse().expect("an address"))
            .collect();
        judge("ours.example", &self.look("ours.example").0, &from)
    }
}

fn ours(record: &str) -> Zone {
    Zone::default().text("ours.example", record)
}

#[track_caller]
fn fails(check: &Check, with: &str) {
    assert!(check.failed(), "{check:#?}");
    assert!(
        check.findings.iter().any(|one| one.seen.contains(with)),
        "{check:#?}"
    );
}

#[track_caller]
fn passes(check: &Check) {
    assert!(!check.failed(), "{check:#?}");
}

#[test]
fn an_address_is_allowed_by_a_network_a_name_a_mail_exchanger_or_what_is_included() {
    passes(&ours("v=spf1 ip4:192.0.2.0/24 -all").judged("192.0.2.255"));
    fails(
        &ours("v=spf1 ip4:192.0.2.0/24 -all").judged("192.0.3.0"),
        "192.0.3.0 to send: it is refused (-)",
    );
    passes(&ours("v=spf1 ip6:2001:db8::/32 ~all").judged("2001:db8:ffff::1"));
    fails(
        &ours("v=spf1 ip6:2001:db8::/32 ~all").judged("2001:db9::1"),
        "suspicious (~)",
    );
    fails(&ours("v=spf1 ip4:192.0.2.1").judged("192.0.2.2"), "not named");
    passes(
        &ours("V=SPF1 A -all")
            .address("ours.example", "192.0.2.1")
            .judged("192.0.2.1"),
    );
    passes(
        &ours("v=spf1 a:mail.example/28 -all")
            .address("mail.example", "192.0.2.1")
            .judged("192.0.2.15"),
    );
    let exchangers = ours("v=spf1 mx -all")
        .exchanger("ours.example", "mx.example")
        .address("mx.example", "192.0.2.9");
    passes(&exchangers.judged("192.0.2.9"));
    fails(&exchangers.judged("192.0.2.9 192.0.2.10"), "192.0.2.10");
    let included =
        ours("v=spf1 include:relay.example -all").text("relay.example", "v=spf1 ip4:192.0.2.7 -all");
    passes(&included.judged("192.0.2.7"));
    fails(&included.judged("192.0.2.8"), "refused (-)");
}

#[test]
fn a_redirect_decides_where_nothing_matched_and_is_not_asked_beside_all() {
    let other = ours("v=spf1 redirect=other.example").text("other.example", "v=spf1 ip4:192.0.2.7 -all");
    passes(&other.judged("192.0.2.7"));
    fails(&other.judged("192.0.2.8"), "192.0.2.8");
    let beside = ours("v=spf1 ip4:192.0.2.7 -all redirect=nowhere.example");
    assert_eq!(
        beside.look("ours.example").1,
        1,
        "only the record itself is asked for"
    );
    passes(&beside.judged("192.0.2.7"));
}

#[test]
fn ten_terms_may_ask_dns_and_an_eleventh_breaks_the_record_wherever_it_stands() {
    let record = |terms: usize| {
        let includes: String = (0..terms).map(|n| format!(" include:i{n}.example")).collect();
        let mut zone = ours(&format!("v=spf1 ip4:192.0.2.7{includes} -all"));
        for n in 0..terms {
            zone = zone.text(&format!("i{n}.example"), "v=spf1 ip4:198.51.100.1 -all");
        }
        zone
    };
    let ten = record(10).judged("192.0.2.7");
    passes(&ten);
    assert!(ten.seen.ends_with("10 of 10 terms ask DNS"), "{}", ten.seen);
    fails(&record(11).judged("192.0.2.7"), "more than 10 terms");

    // What is included counts: one include with ten below it is eleven.
    let mut deep = ours("v=spf1 include:relay.example -all");
    let below: String = (0..10).map(|n| format!(" a:h{n}.example")).collect();
    deep = deep.text("relay.example", &format!("v=spf1{below} -all"));
    for n in 0..10 {
        deep = deep.address(&format!("h{n}.example"), "192.0.2.7");
    }
    fails(&deep.judged("192.0.2.7"), "more than 10 terms");
}

#[test]
fn two_terms_may_find_nothing_and_a_third_breaks_the_record() {
    passes(&ours("v=spf1 ip4:192.0.2.7 a:x.example mx:y.example -all").judged("192.0.2.7"));
    fails(
        &ours("v=spf1 ip4:192.0.2.7 a:x.example mx:y.example a:z.example -all").judged("192.0.2.7"),
        "3 terms of ours.example find nothing",
    );
}

#[test]
fn more_than_ten_mail_exchangers_break_the_record() {
    let with = |count: usize| {
        (0..count).fold(ours("v=spf1 mx -all"), |zone, n| {
            let host = format!("mx{n}.example");
            zone.exchanger("ours.example", &host)
                .address(&host, &format!("192.0.2.{n}"))
        })
    };
    passes(&with(10).judged("192.0.2.9"));
    fails(&with(11).judged("192.0.2.9"), "11 mail exchangers");
}

#[test]
fn what_includes_itself_or_something_without_a_record_is_a_fault_and_ends() {
    let round = ours("v=spf1 include:b.example -all").text("b.example", "v=spf1 include:ours.example -all");
    fails(&round.judged(""), "includes it");
    fails(
        &ours("v=spf1 include:gone.example -all").judged(""),
        "gone.example has no SPF record",
    );
}

#[test]
fn none_several_and_records_that_say_the_same_of_everybody_are_faults() {
    fails(
        &Zone::default().text("ours.example", "hello").judged(""),
        "has no SPF record",
    );
    let twice = ours("v=spf1 -all").text("ours.example", "v=spf1 mx -all");
    fails(&twice.judged(""), "2 SPF records");
    fails(&ours("v=spf1 -all").judged(""), "allows nobody");
    fails(
        &ours("v=spf1 ip4:192.0.2.7 +all").judged("192.0.2.7"),
        "allows anybody",
    );
    assert!(
        !Record::is_one("v=spf10 -all"),
        "another version is no record of this one"
    );
}

#[test]
fn everything_that_cannot_be_read_is_said_at_once() {
    let faults =
        Record::read("v=spf1 ip4:192.0.2.300 a/40 include: frobnicate mx//129 -all").expect_err("faults");
    let named = |word: &str| faults.iter().any(|fault| fault.starts_with(&format!("`{word}`")));
    assert!(
        ["ip4:192.0.2.300", "a/40", "include:", "frobnicate", "mx//129"]
            .into_iter()
            .all(named),
        "{faults:?}"
    );
    assert_eq!(faults.len(), 5, "{faults:?}");
    fails(
        &ours("v=spf1 ip6:192.0.2.1 -all").judged(""),
        "no address of its kind",
    );
}

#[test]
fn what_dns_does_not_answer_is_no_verdict_on_the_record() {
    let mut sight = Sight::default();
    sight.put_texts("ours.example".to_owned(), Answer::Unknown("no answer".to_owned()));
    assert!(sight.wanted("ours.example").is_empty());
    let check = judge("ours.example", &sight, &[]);
    fails(&check, "could not be asked for: ours.example: no answer");
    assert_eq!(check.findings.len(), 1);
}

#[test]
fn macros_are_counted_and_said_not_to_be_judged_and_addresses_that_are_not_known_are_a_note() {
    let check = ours("v=spf1 exists:%{i}.spf.example ip4:192.0.2.7 -all").judged("192.0.2.7");
    passes(&check);
    let noted = |part: &str| check.notes.iter().any(|note| note.contains(part));
    assert!(noted("not judged: exists:%{i}.spf.example"), "{check:#?}");
    assert!(noted("whether 192.0.2.7 may send was not judged"), "{check:#?}");
    let silent = ours("v=spf1 ip4:192.0.2.7 -all").judged("");
    assert!(
        silent
            .notes
            .iter()
            .any(|note| note.contains("[preflight] sends_from")),
        "{silent:#?}"
    );
}
