//! Lengths of time read as people write them.

use proptest::prelude::*;
use watchkeeper_domain::span::Span;

#[test]
fn a_span_in_a_file_names_what_is_wrong_with_it() {
    for text in ["soon", "5 minutes", "-1h", "1h30m", "h", "", "0x5m", "٥m"] {
        let fault = Span::try_from(text.to_owned()).expect_err(text);
        assert!(fault.contains(text) && fault.contains("`5m`"), "{fault}");
    }
}

#[test]
fn a_length_beyond_the_calendar_is_refused() {
    assert!("4294967295s".parse::<Span>().is_ok());
    for text in ["4294967295d", "49711d", "1193047h"] {
        let fault = text.parse::<Span>().expect_err(text);
        assert!(fault.contains("136 years"), "{fault}");
    }
}

proptest! {
    #[test]
    fn what_is_written_out_reads_back_as_the_same_length(number in 0_u32..1_193_046, unit in "[smh]") {
        let span: Span = format!("{number}{unit}").parse().expect("a length of time");
        prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        let in_json = serde_json::to_string(&span).expect("serialisable");
        prop_assert_eq!(serde_json::from_str::<Span>(&in_json).ok(), Some(span));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        if let Ok(span) = Span::try_from(text.clone()) {
            prop_assert!(text.is_ascii() && span.as_seconds() >= 0);
        }
    }

    #[test]
    fn units_are_what_they_are_called(number in 0_u32..40_000) {
        let seconds = |unit: &str| format!("{number}{unit}").parse::<Span>().map(Span::as_seconds);
        let n = i64::from(number);
        prop_assert_eq!(seconds("s"), Ok(n));
        prop_assert_eq!(seconds("m"), Ok(n * 60));
        prop_assert_eq!(seconds("h"), Ok(n * 3600));
        prop_assert_eq!(seconds("d"), Ok(n * 86_400));
    }
}
