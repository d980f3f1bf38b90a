//! Parsers against real logs, and against anything.

use crate::{monday, test_data};
use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use watchkeeper_collect::journal;
use watchkeeper_collect::otlp::{self, Encoding};
use watchkeeper_collect::parse::{Context, Format, Interpretation, Origin, RecordLogSource, guess, parse};
use watchkeeper_collect::push::{self, PushLimits};
use watchkeeper_domain::event::{Event, LogSource, SourceName};

fn read_gzip(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn events(how: &Interpretation, lines: impl Iterator<Item = impl AsRef<str>>) -> Vec<Event> {
    let source = SourceName("test".into());
    let mut found = Vec::new();
    for (number, line) in lines.enumerate() {
        let id = number.to_string();
        let origin = Origin {
            source: &source,
            id: &id,
            context: Context::collected(monday()),
        };
        found.extend(how.events(origin, line.as_ref()));
    }
    found
}

fn reading(format: Format) -> Interpretation {
    Interpretation {
        format,
        ..Interpretation::default()
    }
}

#[test]
fn every_line_of_a_real_access_log_is_read() {
    let Some(path) = test_data("web/access_benign.log.gz") else {
        return;
    };
    let text = read_gzip(&path);
    for format in [Format::Combined, Format::Auto] {
        let found = events(&reading(format), text.lines());
        assert_eq!(
            (found.len(), found.iter().filter(|e| e.unparsed.is_some()).count()),
            (5_000, 0)
        );
        assert!(
            found
                .iter()
                .all(|e| e.log_source.category.as_deref() == Some("webserver"))
        );
        for field in [
            "c-ip",
            "src_ip",
            "cs-method",
            "cs-uri",
            "cs-uri-stem",
            "cs-uri-query",
            "cs-uri-decoded",
            "cs-version",
            "sc-status",
            "sc-bytes",
        ] {
            assert!(found.iter().all(|e| e.fields().contains_key(field)), "{field}");
        }
        let missing = found
            .iter()
            .filter(|e| e.text("sc-status").as_deref() == Some("404"))
            .count();
        assert_eq!(missing, text.lines().filter(|l| l.contains("\" 404 ")).count());
    }
}

#[test]
fn every_line_of_a_real_auth_log_is_read_and_failures_are_counted_right() {
    let Some(path) = test_data("ssh/auth.log.gz") else {
        return;
    };
    let text = read_gzip(&path);
    let found = events(&reading(Format::Sshd), text.lines());
    let unread: Vec<_> = found
        .iter()
        .filter(|e| e.unparsed.is_some())
        .map(|e| &e.raw)
        .collect();
    assert_eq!(unread, Vec::<&String>::new());
    let sshd: Vec<_> = found
        .iter()
        .filter(|e| e.log_source.service.as_deref() == Some("sshd"))
        .collect();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for event in &sshd {
        *kinds.entry(event.text("event").unwrap()).or_default() += 1;
    }
    let lines = |needle: &str| text.lines().filter(|l| l.contains(needle)).count();
    let folded: usize = text
        .lines()
        .filter(|l| l.contains(": [ Failed password for"))
        .filter_map(|l| {
            l.split("message repeated ")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum();
    assert_eq!(kinds["failed_password"], lines("]: Failed password for") + folded);
    assert_eq!(kinds["accepted"], lines("]: Accepted "));
    assert_eq!(kinds["invalid_user"], lines("]: Invalid user "));
    let meant = sshd
        .iter()
        .filter(|e| e.text("event").as_deref() != Some("other"))
        .count();
    assert!(
        meant * 100 >= sshd.len() * 85,
        "{meant} of {}: {kinds:?}",
        sshd.len()
    );
    assert!(
        sshd.iter()
            .filter(|e| e.text("event").as_deref() == Some("failed_password"))
            .all(|e| {
                e.text("src_ip")
                    .is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok())
                    && e.text("src_port").is_some()
            })
    );
    assert!(
        found
            .iter()
            .all(|e| e.at <= monday() && e.at > monday() - chrono::Duration::days(366))
    );
}

#[test]
fn every_real_cloudtrail_record_is_read() {
    let Some(path) = test_data("cloudtrail/invictus.jsonl.gz") else {
        return;
    };
    let text = read_gzip(&path);
    for format in [Format::Cloudtrail, Format::Auto] {
        let found = events(&reading(format), text.lines());
        assert_eq!((found.len(), text.lines().count()), (2_900, 2_900));
        assert!(
            found
                .iter()
                .all(|e| e.unparsed.is_none() && e.log_source.service.as_deref() == Some("cloudtrail"))
        );
        assert!(found.iter().all(|e| e.text("eventID").as_ref() == Some(&e.id)));
        assert!(found.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
    let mut documents = 0;
    for entry in std::fs::read_dir(path.with_file_name("stratus")).unwrap() {
        let document = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let found = events(&reading(Format::Auto), [document].iter());
        assert!(!found.is_empty() && found.iter().all(|e| e.unparsed.is_none()));
        documents += 1;
    }
    assert!(documents > 0);
}

#[test]
fn real_attack_logs_of_web_servers_are_read_but_for_what_is_malformed() {
    let Some(path) = test_data("abuse/logs") else {
        return;
    };
    let (mut read, mut unread) = (0, Vec::new());
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("nginx-") && !name.starts_with("http-") && !name.starts_with("CVE-") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        // The kind of log is not said; files of other kinds have no line like this.
        if !text.lines().any(|line| guess(line) == Format::Combined) {
            continue;
        }
        for event in events(
            &reading(Format::Combined),
            text.lines().filter(|l| !l.trim().is_empty()),
        ) {
            match event.unparsed {
                None => read += 1,
                Some(_) => unread.push(format!("{name}: {}", event.raw)),
            }
        }
    }
    assert!(
        read > 100 && unread.len() * 20 < read,
        "{read} read, {} not: {unread:#?}",
        unread.len()
    );
}

#[test]
fn the_records_own_fields_say_what_kind_of_log_it_is_when_asked_to() {
    let how = Interpretation {
        format: Format::Auto,
        log_source: LogSource {
            product: Some("filedrop".into()),
            ..LogSource::default()
        },
        log_source_from: RecordLogSource {
            service: Some("service".into()),
            ..RecordLogSource::default()
        },
        tenant: Some("acme".into()),
        ..Interpretation::default()
    };
    let lines = [
        r#"{"ts":1772368215250,"service":"auth","tenant":"globex"}"#,
        r#"{"service":7}"#,
        "plain text",
    ];
    let found = events(&how, lines.iter());
    let services: Vec<_> = found.iter().map(|e| e.log_source.service.as_deref()).collect();
    assert_eq!(services, [Some("auth"), None, None]);
    assert!(
        found
            .iter()
            .all(|e| e.log_source.product.as_deref() == Some("filedrop"))
    );
    let tenants: Vec<_> = found.iter().filter_map(|e| e.text("tenant")).collect();
    assert_eq!(tenants, ["globex", "acme", "acme"]);
    assert_eq!(
        (found[0].at.timestamp_millis(), found[1].at),
        (1_772_368_215_250, monday())
    );
    assert_eq!(
        (found[2].text("message").as_deref(), &found[2].unparsed),
        (Some("plain text"), &None)
    );
}

#[test]
fn flow_records_firewall_records_and_transfers_are_recognised_by_themselves() {
    for (line, format, service) in [
        (
            "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
            Format::VpcFlow,
            "vpcflow",
        ),
        (
            r#"{"timestamp":1576280412771,"webaclId":"arn:x","action":"ALLOW","httpRequest":{"clientIp":"203.0.113.9","uri":"/"}}"#,
            Format::Waf,
            "waf",
        ),
        (
            r#"Sun Jan  4 10:00:00 2026 [pid 2] [ada] FAIL LOGIN: Client "203.0.113.9""#,
            Format::Ftp,
            "ftp",
        ),
        (
            "Jan  7 14:19:31 ftpcdr pure-ftpd: (?@203.0.113.9) [WARNING] Authentication failed for user [root]",
            Format::Ftp,
            "ftp",
        ),
    ] {
        assert_eq!(guess(line), format, "{line}");
        let found = events(&reading(Format::Auto), [line].iter());
        assert_eq!((found.len(), &found[0].unparsed), (1, &None), "{line}");
        assert_eq!(found[0].log_source.service.as_deref(), Some(service), "{line}");
        assert!(found[0].text("src_ip").is_some(), "{line}");
    }
}

#[test]
fn a_line_that_no_parser_reads_is_kept_whole() {
    for format in [
        Format::Combined,
        Format::Cloudtrail,
        Format::Guardduty,
        Format::Sshd,
        Format::VpcFlow,
        Format::Waf,
        Format::Ftp,
        Format::Json,
    ] {
        let found = events(&reading(format), ["what is this?"].iter());
        let [event] = &found[..] else {
            panic!("{format:?} gave {} events", found.len())
        };
        assert!(event.unparsed.is_some());
        assert_eq!((event.raw.as_str(), event.at), ("what is this?", monday()));
        assert_eq!(event.text("message").as_deref(), Some("what is this?"));
    }
}

const FORMATS: [Format; 13] = [
    Format::Auto,
    Format::Combined,
    Format::Cloudtrail,
    Format::Guardduty,
    Format::Sshd,
    Format::Syslog,
    Format::Otlp,
    Format::Journal,
    Format::VpcFlow,
    Format::Waf,
    Format::Ftp,
    Format::Json,
    Format::Plain,
];

/// Text made of pieces that parsers look for, so that it gets past their first glance.
fn nearly_a_log_line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"".to_owned()),
        Just("\" 200 5".to_owned()),
        Just("Mar 31 24:61:61 h sshd[1]: ".to_owned()),
        Just("Failed password for ".to_owned()),
        Just(" from 1.2.3.4 port 99999999999".to_owned()),
        Just("message repeated 999999999 times: [ ".to_owned()),
        Just("{\"Records\":[".to_owned()),
        Just("\"eventTime\":\"2026-99-99T00:00:00Z\",".to_owned()),
        Just("\"detail-type\":\"GuardDuty Finding\",\"detail\":{".to_owned()),
        Just("{\"ts\":-9223372036854775808,\"time\":1e300}".to_owned()),
        Just("2 123456789012 eni-1 - 1.2.3.4 ".to_owned()),
        Just("99999999999999999999 -1 OK".to_owned()),
        Just("Sun Feb 30 10:00:00 2026 [pid 2] [a] OK UPLOAD: Client \"".to_owned()),
        Just("Jan  4 10:00:00 h pure-ftpd: (a@b) [NOTICE] x uploaded  (9 bytes)".to_owned()),
        Just("{\"timestamp\":1,\"action\":\"BLOCK\",\"httpRequest\":{\"headers\":[".to_owned()),
        Just("<165>1 2026-02-30T00:00:00Z h a p m [id n=\"v\\".to_owned()),
        Just("\"]] @cee:{\"a\":".to_owned()),
        Just("<191>Feb 29 2026 00:00:00.1 h a: ".to_owned()),
        Just(
            "{\"resourceLogs\":[{\"resource\":{\"attributes\":1},\"scopeLogs\":[{\"logRecords\":[{\"body\":"
                .to_owned()
        ),
        Just("{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"intValue\":\"9\"}}]}}".to_owned()),
        Just("}]}]}]}".to_owned()),
        Just("{\"__REALTIME_TIMESTAMP\":\"99999999999999999999\",\"MESSAGE\":[1,2]}".to_owned()),
        Just("%u%2%%41%".to_owned()),
        Just("\\x\\xZZ\\".to_owned()),
        ".{0,8}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_parser_panics_and_none_loses_the_line(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        line in nearly_a_log_line(),
        offset in any::<i32>(),
    ) {
        for line in [String::from_utf8_lossy(&bytes).into_owned(), line] {
            for format in FORMATS {
                let how = Interpretation { utc_offset_minutes: offset, timestamp_field: Some("ts".into()), ..reading(format) };
                let first = parse(&how, &line, Context::collected(monday()));
                prop_assert_eq!(&first, &parse(&how, &line, Context::collected(monday())));
                // Only a document that holds an empty list gives nothing.
                prop_assert!(!first.is_empty() || line.contains("[]"));
            }
        }
    }
}

#[test]
fn syslog_of_any_program_is_taken_apart_and_its_message_is_read_further() {
    let text = |event: &Event, path: &str| event.text(path).unwrap_or_default();
    let lines = [
        r#"<165>1 2026-03-02T07:59:59.123456+01:00 db.example.com postgres 812 ID47 [ex@32473 iut="3" who="a\"b"][meta@1] connection refused"#,
        "<34>Mar  2 07:00:00 gate su: 'su root' failed for ada on /dev/pts/8",
        "<13>Mar  2 07:00:00 backup[99]: done",
        "<189>Mar  2 2026 07:00:00.250 asa-1 %ASA-4-106023: Deny tcp src outside:192.0.2.1/1 dst inside:192.0.2.2/22",
        r#"<14>Mar  2 07:00:00 web checkout[5]: {"tenant":"acme","msg":"paid","ts":"2026-03-02T06:59:58Z"}"#,
        r#"<14>1 2026-03-02T07:00:00Z web app - - - @cee: {"user":"ada"}"#,
        "<0>kernel panic",
        "2026-03-02T07:00:00.000001+00:00 host cron[1]: job",
        "<38>1 - - - - - -",
        "<38>1 2026-03-02T07:00:00Z h sshd 7 - - Accepted publickey for ada from 192.0.2.4 port 5 ssh2",
    ];
    let found = events(&Interpretation::default(), lines.iter());
    assert_eq!(found.len(), lines.len());
    for (event, line) in found.iter().zip(lines) {
        assert_eq!(event.unparsed, None, "{line}");
        assert_eq!(
            event.log_source.product.as_deref(),
            if line.starts_with("<0>") {
                None
            } else {
                Some("linux")
            },
            "{line}"
        );
    }
    let first = &found[0];
    assert_eq!(first.at.to_rfc3339(), "2026-03-02T06:59:59.123456+00:00");
    assert_eq!(
        [
            "host",
            "program",
            "pid",
            "msgid",
            "facility",
            "severity",
            "sd.ex@32473.who",
            "message"
        ]
        .map(|path| text(first, path)),
        [
            "db.example.com",
            "postgres",
            "812",
            "ID47",
            "local4",
            "notice",
            "a\"b",
            "connection refused"
        ]
    );
    assert_eq!(first.log_source.service.as_deref(), Some("postgres"));
    assert_eq!(
        text(&found[1], "message"),
        "'su root' failed for ada on /dev/pts/8"
    );
    assert_eq!(
        (text(&found[1], "facility"), text(&found[1], "severity")),
        ("auth".into(), "crit".into())
    );
    assert_eq!(found[1].at.to_rfc3339(), "2026-03-02T07:00:00+00:00");
    assert_eq!(
        (
            text(&found[2], "host"),
            text(&found[2], "program"),
            text(&found[2], "pid")
        ),
        (String::new(), "backup".into(), "99".into())
    );
    assert_eq!(found[3].at.to_rfc3339(), "2026-03-02T07:00:00.250+00:00");
    assert_eq!(text(&found[3], "program"), "%ASA-4-106023");
    assert_eq!(
        (text(&found[4], "tenant"), text(&found[4], "host")),
        ("acme".into(), "web".into())
    );
    assert_eq!(found[4].at.to_rfc3339(), "2026-03-02T06:59:58+00:00");
    assert_eq!(text(&found[5], "user"), "ada");
    assert_eq!(
        (text(&found[6], "severity"), text(&found[6], "message")),
        ("emerg".into(), "kernel panic".into())
    );
    assert_eq!(text(&found[7], "program"), "cron");
    assert_eq!(found[8].at, monday());
    assert_eq!(
        (
            text(&found[9], "event"),
            text(&found[9], "user"),
            text(&found[9], "severity")
        ),
        ("accepted".into(), "ada".into(), "info".into())
    );
}

#[test]
fn logs_of_programs_that_only_begin_like_syslog_stay_text() {
    for line in [
        "2026-03-02T07:00:00Z INFO main: started",
        "2026-03-02 07:00:00,123 ERROR worker: failed",
        "2026-03-02T07:00:00Z [warn] main: started",
        "<not a priority> text",
        "<192>beyond the last priority",
        "Mar is a month",
    ] {
        assert_eq!(guess(line), Format::Plain, "{line}");
    }
    let found = events(&reading(Format::Syslog), ["no front at all"].iter());
    assert!(
        found[0]
            .unparsed
            .as_deref()
            .is_some_and(|reason| reason.starts_with("not a syslog line"))
    );
}

/// Requests as they should be, each with the letter of what decodes it.
const REQUESTS: [(char, &[u8]); 7] = [
    ('l', b"{\"a\":1}\r\n\ntext\n"),
    ('s', b"[{\"a\":[1]},\n{\"b\":{}}]"),
    ('f', b"{\"requestId\":\"r\",\"records\":[{\"data\":\"YQpiCg==\"}]}"),
    ('o', b"\x0a\x14\x12\x12\x12\x10\x1a\x04INFO\x2a\x08\x0a\x06hello!"),
    (
        'j',
        br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":{"stringValue":"v"}}]},"scopeLogs":[{"scope":{"name":"n"},"logRecords":[{"timeUnixNano":"1","body":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}]}]}"#,
    ),
    ('e', b"__CURSOR=s\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n_PID=1\n\nMESSAGE=x\n"),
    ('z', b"\x28\xb5\x2f\xfd\x04\x58\x19\0\0hey"),
];

fn damaged_request() -> impl Strategy<Value = (char, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    let changes = proptest::collection::vec(change, 0..6);
    (prop::sample::select(REQUESTS.to_vec()), changes).prop_map(|((kind, body), changes)| {
        let mut body = body.to_vec();
        for (place, byte, how) in changes {
            let at = place.index(body.len().max(1)).min(body.len());
            match how {
                0 => body.insert(at, byte),
                1 if at < body.len() => body[at] = byte,
                2 if at < body.len() => drop(body.remove(at)),
                _ => body.extend_from_within(at..),
            }
        }
        (kind, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn no_request_panics_what_decodes_it_passes_a_bound_or_is_taken_though_nobody_can_read_it((kind, body) in damaged_request()) {
        let limits = PushLimits { body_bytes: 4_096, decompressed_bytes: 4_096, record_bytes: 512, records: 20 };
        let (taken, format) = match kind {
            'l' | 's' => (push::json_lines(&body, kind == 's', &limits), Format::Plain),
            'o' => (otlp::logs(&body, Encoding::Protobuf, &limits), Format::Otlp),
            'j' => (otlp::logs(&body, Encoding::Json, &limits), Format::Otlp),
            'e' => (journal::entries(&body, &limits), Format::Journal),
            'f' => {
                let from = push::Origin { region: "eu-central-1", excluded: &[] };
                let records = push::firehose(&body, &from, &limits).map_or(0, |request| request.records.len());
                prop_assert!(records <= limits.records);
                return Ok(());
            }
            _ => {
                for encoding in ["gzip", "zstd"] {
                    let plain = push::decompress(&body, Some(encoding), &limits);
                    prop_assert!(plain.map_or(0, |plain| plain.len()) <= limits.decompressed_bytes);
                }
                return Ok(());
            }
        };
        let Ok(taken) = taken else { return Ok(()) };
        prop_assert!(taken.records.len() <= limits.records);
        prop_assert_eq!(taken.refused.first.is_empty(), taken.refused.count == 0);
        for record in &taken.records {
            prop_assert!(record.line.len() <= limits.record_bytes);
            for parsed in parse(&reading(format), &record.line, Context::collected(monday())) {
                prop_assert_eq!(parsed.unparsed, None, "{}", record.line);
            }
        }
    }
}
