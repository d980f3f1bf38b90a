#![no_main]
//! Lines from anywhere, in every format: reading them never panics, loses nothing of the line, and gives the same events each time. Of
//! several lines the first is a heading, or the format that a configuration gives flow logs.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::sync::LazyLock;
use watchkeeper_collect::parse::{Context, Format, Interpretation, Origin, time};
use watchkeeper_domain::event::SourceName;
use watchkeeper_fuzz::{mutate::Mutator, seeds};

const FORMATS: [Format; 16] = [
    Format::Auto,
    Format::Combined,
    Format::Cloudtrail,
    Format::Guardduty,
    Format::Sshd,
    Format::Syslog,
    Format::VpcFlow,
    Format::Waf,
    Format::Alb,
    Format::Cloudfront,
    Format::S3Access,
    Format::Ftp,
    Format::Otlp,
    Format::Journal,
    Format::Json,
    Format::Plain,
];

const WORDS: [&str; 52] = [
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\\"", "\\u0000", "null", " - - ", "<38>", "<191>1 ", "<192>", "1 ", "-", "[ex@1 k=\"v\"]", "\\]", "\u{feff}", "@cee: ",
    "Mar  2 07:00:00", "Feb 29 23:59:60", "2026-03-02T07:00:00Z", "2026-03-02T07:00:00.123456789+14:00", "[02/Mar/2026:07:00:00 +0000]", "\"GET / HTTP/1.1\"",
    "sshd[1]: ", "message repeated 99999999 times: [ ", "Failed password for ", "invalid user ", " from ", " port 22 ssh2", "vsftpd[2]: ", "proftpd[3]", "\"Records\":",
    "\"resourceLogs\":", "\"scopeLogs\":", "\"logRecords\":", "\"kvlistValue\":{\"values\":", "\"arrayValue\":{\"values\":", "\"intValue\":\"", "\"timeUnixNano\":",
    "\"__REALTIME_TIMESTAMP\":\"", "18446744073709551615", "é", "\u{0}", "\t",
    "\n", "#Fields: ", "${srcaddr}", " dstport",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| Mutator::new(seeds::lines(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

fn under(heading: &str, record: &str, origin: Origin<'_>) {
    for format in [Format::Auto, Format::VpcFlow, Format::Cloudfront] {
        let how = Interpretation {
            format,
            flow_log_format: Some(heading.to_owned()),
            ..Interpretation::default()
        };
        // Without a heading each line is judged by itself, as above.
        let mut found = if format == Format::Auto { Vec::new() } else { how.events(origin, record) };
        if how.is_heading(heading) {
            assert!(format == Format::Auto || how.events(origin, heading).is_empty(), "{format:?}: a heading is no event");
            found.extend(how.events_under(Some(heading), origin, record));
        }
        for event in found {
            assert!(event.raw == record && !event.id.is_empty(), "{format:?}: {event:?}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    // As sources do that read bytes.
    let line = String::from_utf8_lossy(data);
    let source = SourceName("fuzz".into());
    let now = chrono::DateTime::from_timestamp(1_772_438_400, 0).expect("an instant");
    let origin = Origin {
        source: &source,
        id: "1",
        context: Context::collected(now),
    };
    for format in FORMATS {
        let how = Interpretation {
            format,
            utc_offset_minutes: -90,
            ..Interpretation::default()
        };
        let events = how.events(origin, &line);
        assert_eq!(events, how.events(origin, &line), "{format:?}");
        for event in &events {
            assert!(!event.id.is_empty() && !event.raw.is_empty() || line.is_empty());
            let kept = serde_json::to_string(event).expect("JSON");
            serde_json::from_str::<serde_json::Value>(&kept).expect("read again");
        }
        let one_event_a_line = matches!(format, Format::Combined | Format::Sshd | Format::Syslog | Format::Ftp | Format::Alb | Format::S3Access | Format::Json | Format::Plain);
        if one_event_a_line {
            // Or as many as a repetition tells.
            assert!((1..=100).contains(&events.len()), "{format:?}: {}", events.len());
        }
    }
    if let Some((heading, record)) = line.split_once('\n') {
        under(heading, record, origin);
    }
    let _ = time::of_text(&line, 840);
});
