//! Tests of [`super`]: what PCRE means, and that nothing panics.

use super::*;
use proptest::prelude::*;
use regex::Regex;

fn matches(pattern: &str, text: &str) -> bool {
    let translated = translate(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}"));
    Regex::new(&translated)
        .unwrap_or_else(|error| panic!("{pattern} became {translated}: {error}"))
        .is_match(text)
}

/// Pattern, texts that match, texts that do not.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

fn check(cases: &[Case]) {
    for (pattern, yes, no) in cases {
        for text in *yes {
            assert!(matches(pattern, text), "{pattern} must match {text:?}");
        }
        for text in *no {
            assert!(!matches(pattern, text), "{pattern} must not match {text:?}");
        }
    }
}

#[test]
fn harmless_escapes_are_the_characters_themselves() {
    check(&[
        (
            r"\<\>\'\ \/\_\-\@\!\#\%\&\~\`\=\:\;\,\é",
            &["<>' /_-@!#%&~`=:;,é"],
            &["a"],
        ),
        (r#"\"x\""#, &["\"x\""], &["x"]),
        (
            r"\x41\x{42}\u0043\103\e\cA\t\o{104}",
            &["ABCC\u{1b}\u{1}\tD"],
            &["ABC"],
        ),
        (
            r"C:\\Users\\[^\\]+\\NTUSER\.DAT$",
            &[r"C:\Users\ada\NTUSER.DAT"],
            &[r"C:\Users\a\b\NTUSER.DAT"],
        ),
        (r"\Qa.b*\E+c", &["a.b**c"], &["axb*c", "a.bc"]),
    ]);
}

#[test]
fn a_count_may_leave_out_a_number_and_have_blanks() {
    check(&[
        (r"^w{,3}$", &["", "www"], &["wwww", "w{,3}"]),
        (r"^w{ 1 , 2 }$", &["w", "ww"], &["", "www"]),
        ("^w{2,\t}$", &["ww", "wwww"], &["w"]),
    ]);
}

#[test]
fn braces_that_count_nothing_are_literal() {
    check(&[
        (r"a{", &["a{"], &["a"]),
        (r"\$\{jndi:(?:ldap|rmi)", &["${jndi:ldap"], &["jndi:ldap"]),
        (r"${jndi}", &[], &["${jndi}"]),
        (r"x{a}", &["x{a}"], &["xa"]),
        (r"x{2}y{1,}z{0,1}", &["xxy", "xxyyz"], &["xy"]),
        (r"x{ }y{,}z{1 2}", &["x{ }y{,}z{1 2}"], &["xyz"]),
        (r"a}b]", &["a}b]"], &["ab"]),
    ]);
}

#[test]
fn classes_hold_what_pcre_puts_into_them() {
    check(&[
        (r"^[[]$", &["["], &["]"]),
        (r"^[]]$", &["]"], &["["]),
        (r"^[]abc]+$", &["]ab"], &["d"]),
        (r"^[^]]$", &["a", "["], &["]"]),
        (r"^[[a]+$", &["[a"], &["]"]),
        (r"^[a&&b]+$", &["a&b"], &["c"]),
        (r"^[+--b]+$", &["+,-b"], &["c", "."]),
        (r"^[~~]$", &["~"], &["a"]),
        (r"^[\w-]+$", &["a-b_1"], &["a b", "é"]),
        (r"^[\w-.]+$", &["a-b.c"], &["a b"]),
        (r"^[a-\d]+$", &["a-5"], &["b"]),
        (r"^[[:alpha:][:digit:]_]+$", &["aB3_"], &["-"]),
        (r"^[[:^digit:]]$", &["a"], &["3"]),
        (r"^[^\W_]+$", &["aB9"], &["_", "-"]),
        (r"^[\b]$", &["\u{8}"], &["b"]),
        (r"^[\x00-\x1f]$", &["\u{1}"], &[" "]),
        (r"^[\p{Lu}]$", &["Ä"], &["ä"]),
        (r"[:a]", &[":"], &["b"]),
    ]);
}

#[test]
fn short_classes_know_ascii_alone() {
    check(&[
        (r"^\d$", &["5"], &["٥"]),
        (r"^\w$", &["a"], &["é"]),
        (r"^\W$", &["é"], &["a"]),
        (r"^\s$", &[" ", "\u{b}"], &["\u{a0}"]),
        (r"^\h\H\v\V$", &["\ta\nb"], &["abcd"]),
        (r"^a\Rb$", &["a\r\nb", "a\nb"], &["ab"]),
        (r"\bcat\b", &["a cat.", "écat"], &["concat"]),
        (r"(?i)^\W$", &["-"], &["s", "k", "S"]),
        (r"(?i)^[\W_]$", &["_"], &["s", "k"]),
    ]);
}

#[test]
fn the_end_is_also_before_a_last_line_break() {
    check(&[
        (r"foo$", &["foo", "foo\n"], &["foo\nx", "foobar"]),
        (r"foo\z", &["foo"], &["foo\n"]),
        (r"foo\Z", &["foo\n"], &["foo\n\n"]),
        (r"(?m)^b$", &["a\nb\nc"], &["ab"]),
        (r"^b", &["b"], &["a\nb"]),
        (r"a.b", &["axb"], &["a\nb"]),
        (r"(?s)a.b", &["a\nb"], &[]),
    ]);
}

#[test]
fn flags_hold_to_the_end_of_their_group() {
    check(&[
        (r"(?i)ABC", &["abc", "aBc"], &["ab"]),
        (r"a(?i)b|c", &["aB", "C"], &["AB"]),
        (r"(a(?i)b)c", &["aBc"], &["aBC"]),
        (r"(?i:a)b", &["Ab"], &["AB"]),
        (r"(?i)a(?-i)b", &["Ab"], &["AB"]),
        (r"(?i)ÄR[üß]", &["ärÜ"], &["ar"]),
        ("(?x) a b # comment\n c", &["abc"], &["a b c"]),
        (r"(?i)[^a]", &["b"], &["A", "a"]),
    ]);
}

#[test]
fn groups_of_every_kind_group() {
    check(&[
        (
            r"(?<name>a)(?P<x>b)(?'y'c)(?:d)(?#no)(e|f)",
            &["abcde"],
            &["abcd"],
        ),
        (r"(?|a|b)c", &["bc"], &["c"]),
        (r"(|a)b", &["b"], &["a"]),
        (r"(a|b)*c", &["ababc"], &["d"]),
        (r"^(?:ab|cd)ef$", &["abef", "cdef"], &["ab", "ef"]),
        (r"^(ab|cd)+?$", &["abcd"], &["abc"]),
        (r"^(?:a|b)$|^c$", &["a", "c"], &["ac"]),
    ]);
}

#[test]
fn possession_is_taken_only_where_it_changes_nothing() {
    check(&[
        (r"^\d++$", &["12"], &["1a"]),
        (r"\w++-x", &["ab-x"], &["ab x"]),
        (r"(?>\d+)\.", &["12."], &["12"]),
        (r"(?>abc)d", &["abcd"], &["abc"]),
        (r"x(?>a|ab)", &["xa"], &["a"]),
        (r"a{3}+a", &["aaaa"], &["aaa"]),
        (r".*+", &["x"], &[]),
    ]);
    for pattern in [r"a++a", r"\w++x", r"(?>a|ab)c", r"(a++)*b", r".*+x", r"(?:ab)++c"] {
        assert!(translate(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn patterns_that_public_rules_use_are_taken() {
    check(&[
        (
            r#"cmd.{0,5}(?:/c|/r).+clip(?:\.exe)?.{0,4}&&.+clipboard]::\(\s\\\"\{\d\}.+-f.+\""#,
            &[],
            &["cmd /c"],
        ),
        (
            r#".*cmd.{0,5}(?:\/c|\/r)(?:\s|)\"set\s[a-zA-Z]{3,6}.*(?:\{\d\}){1,}\\\"\s+?\-f(?:.*\)){1,}.*\""#,
            &[],
            &["cmd /c"],
        ),
        (
            r"\$PSHome\[\s*\d{1,3}\s*\]\s*\+\s*\$PSHome\[",
            &["$PSHome[4]+$PSHome["],
            &["$PSHome"],
        ),
        (
            r"(?i)(set).*&&\s?set.*(environment|invoke|\$\{?input).*&&.*",
            &["SET x&& set ${input} && y"],
            &["set"],
        ),
        (
            r"(?i).*?echo.*clip.*&&.*(Clipboard|i`?n`?v`?o`?k`?e`?).*",
            &["echo x | clip && i`nvoke"],
            &["echo"],
        ),
        (
            r"(?i)\s[-/–—]e[a-z]*\s+[A-Za-z0-9+/=]{20,}",
            &["x –enc AAAAAAAAAAAAAAAAAAAAAAAA"],
            &["x -e A"],
        ),
        (r"\\\\[^\\]+\\[^\\]+", &[r"\\host\share"], &[r"C:\x"]),
        (r":[^\\]", &["a:b"], &[r"a:\"]),
        (r"([0-9]{1,3}\.){3}[0-9]{1,3}", &["10.0.0.1"], &["10.0.0"]),
        (r"[\u0400-\u04ff]", &["ж"], &["z"]),
        (
            r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$",
            &["a@b.org"],
            &["a@b"],
        ),
    ]);
    for large in [".{1000,}", r"[A-Za-z0-9+/]{2000,}", r"\S{1024}"] {
        let built = regex::RegexBuilder::new(&translate(large).unwrap())
            .size_limit(2 << 20)
            .build();
        assert!(built.is_ok(), "{large}: {built:?}");
    }
}

#[test]
fn what_needs_backtracking_or_means_nothing_is_refused_with_a_remedy() {
    for (pattern, told) in [
        ("(?=a)", "look-around"),
        ("(?!a)", "look-around"),
        ("(?<=a)", "look-around"),
        ("(?<!a)", "look-around"),
        (r"(a)\1", "back-reference"),
        (r"(?<a>x)\k<a>", "back-reference"),
        ("(?R)", "recursion"),
        ("(?(1)a|b)", "condition"),
        ("(*UTF8)a", "verbs"),
        (r"C:\Users", r"\\U"),
        (r"a\", "backslash"),
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("[a", "not closed"),
        ("*a", "nothing"),
        ("a**", "two quantifiers"),
        ("a{5,2}", "rise"),
        ("[z-a]", "backwards"),
        ("^*", "cannot be repeated"),
        (r"\ud800", "no character"),
        ("(?y)", "flags"),
    ] {
        let fault = translate(pattern).expect_err(pattern);
        assert!(fault.contains(told), "{pattern}: {fault}");
    }
    assert!(translate(&"(".repeat(1_000)).is_err());
    assert!(translate(&"a".repeat(100_000)).is_err());
}

#[test]
fn the_shape_tells_which_plain_modifier_would_do() {
    let plain = |pattern: &str| shape(pattern).unwrap().plain;
    let text = |from_start, to_end, text: &str| {
        Some(Plain {
            from_start,
            to_end,
            text: text.into(),
            folded: false,
        })
    };
    assert_eq!(plain(r".*evil\.exe.*"), text(false, false, "evil.exe"));
    assert_eq!(plain(r"^C:\\x"), text(true, false, r"C:\x"));
    assert_eq!(plain(r"\.exe$"), text(false, true, ".exe"));
    assert_eq!(plain(r"^abc$"), text(true, true, "abc"));
    let either_case = text(false, false, "power-7").map(|plain| Plain {
        folded: true,
        ..plain
    });
    assert_eq!(plain("(?i)power-7"), either_case);
    assert_eq!(plain("(?i:power)shell"), None, "no modifier says so of a part");
    assert_eq!(plain(r"a+b"), None);
    assert!(shape(".*a+").unwrap().leading_any);
    assert_eq!(shape(r"\d+(abc|de)\s").unwrap().longest_literal, 2);
    assert_eq!(shape(r"\d+").unwrap().longest_literal, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_translated_or_refused_and_never_panics(pattern in r"[\[\](){}^$.*+?|\\a-fA-FQE0-9:<>=!#' -]{0,40}") {
        if let Ok(translated) = translate(&pattern) {
            let built = regex::RegexBuilder::new(&translated).size_limit(1 << 20).build();
            if let Err(regex::Error::Syntax(error)) = built {
                // A property that does not exist is the only thing left to the crate.
                prop_assert!(pattern.contains(r"\p") || pattern.contains(r"\P"), "{pattern:?} became {translated:?}: {error}");
            }
        }
        let _ = shape(&pattern);
    }

    #[test]
    fn escaped_texts_match_themselves(text in r"[ -~é\n]{1,20}") {
        prop_assert!(matches(&regex::escape(&text), &text));
    }
}
