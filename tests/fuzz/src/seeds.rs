//! Seeds, read from the folder `detectors` and from `docs/detectors.md` when a target starts.

use serde::Deserialize;
use serde_yaml_ng::{Deserializer, Value};
use std::path::Path;

/// The text of every rule file that ships, and the examples of the documentation, which show every kind.
pub fn rules() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(top.join("docs/detectors.md")).expect("the page on detectors stands in docs");
    let examples = page.split("```yaml\n").skip(1);
    let mut texts: Vec<String> = examples.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect();
    let mut files = Vec::new();
    let mut folders = vec![top.join("detectors")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder detectors stands at the top of the repository") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    texts.extend(files.iter().filter_map(|path| std::fs::read_to_string(path).ok()));
    texts
}

/// The events of the tests that they carry, as JSON.
pub fn events() -> Vec<String> {
    let mut found = Vec::new();
    visit_all(&mut |key, value| {
        if key == "fields" && value.is_mapping() {
            found.extend(serde_json::to_string(value).ok());
        }
    });
    found
}

/// The regular expressions of their selections.
pub fn regexes() -> Vec<String> {
    let mut found = Vec::new();
    visit_all(&mut |key, value| {
        if key.split('|').any(|modifier| modifier == "re") {
            match value {
                Value::String(text) => found.push(text.clone()),
                Value::Sequence(items) => found.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned))),
                _ => {}
            }
        }
    });
    found
}

fn visit_all(seen: &mut impl FnMut(&str, &Value)) {
    for text in rules() {
        for document in Deserializer::from_str(&text) {
            if let Ok(value) = Value::deserialize(document) {
                visit(&value, seen);
            }
        }
    }
}

fn visit(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                seen(key.as_str().unwrap_or_default(), value);
                visit(value, seen);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| visit(item, seen)),
        _ => {}
    }
}

/// Reports as the mail server of the tests writes them, and a mail that is none.
pub fn reports() -> Vec<String> {
    let mut texts = Vec::new();
    for (action, status) in [("failed", "5.1.1"), ("delayed", "4.4.1"), ("delivered", "2.0.0")] {
        texts.push(format!(
            "Return-Path: <>\r\nDelivered-To: <b+dlv_1.00@bounces.example.com>\r\nFrom: MAILER-DAEMON@relay.example (Mail Delivery System)\r\nSubject: Undelivered\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system.\r\n\r\n\
             --b\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\
             X-Postfix-Queue-ID: 8982FB4E930\r\nArrival-Date: Mon,  1 Jun 2026 12:00:00 +0000 (UTC)\r\n\r\nFinal-Recipient: rfc822; x@example.com\r\n\
             Original-Recipient: rfc822;x@example.com\r\nAction: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; mx.example\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 <x@example.com>:\r\n    no such user\r\n\r\n\
             --b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: =?utf-8?B?w4k=?=\r\n\r\n--b--\r\n"
        ));
    }
    texts.push("From: Ada <ada@example.org>\r\nTo: b@example.com, \"C, D\" <c@example.com>\r\nSubject: I am away\r\n\r\nUntil Monday.\r\n".into());
    texts
}

/// Messages as SNS posts them, and events of SES as they lie within.
pub fn sns() -> Vec<String> {
    let topic = "arn:aws:sns:eu-central-1:123456789012:ses";
    let common = format!(
        r#""MessageId":"165545c9","TopicArn":"{topic}","Timestamp":"2026-05-28T20:26:00.000Z","SignatureVersion":"2","Signature":"AAAA","SigningCertURL":"https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b.pem""#
    );
    let mail = r#""mail":{"messageId":"0100","destination":["x@example.com"],"headers":[{"name":"Message-ID","value":"<dlv_0123456789abcdef0123456789@example.com>"}],"tags":{"watchkeeper-delivery":["dlv_0123456789abcdef0123456789"]}}"#;
    vec![
        format!(r#"{{"Type":"Notification","Subject":"s","Message":"{{}}",{common}}}"#),
        format!(r#"{{"Type":"SubscriptionConfirmation","Token":"2336","Message":"m","SubscribeURL":"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",{common}}}"#),
        format!(r#"{{"eventType":"Bounce",{mail},"bounce":{{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{{"status":"5.1.1","diagnosticCode":"smtp; 550"}}],"reportingMTA":"dns; a.example"}}}}"#),
        format!(r#"{{"notificationType":"Complaint",{mail},"complaint":{{"complaintFeedbackType":"abuse","userAgent":"x"}}}}"#),
        format!(r#"{{"eventType":"Delivery",{mail},"delivery":{{"smtpResponse":"250 ok","remoteMtaIp":"192.0.2.1","reportingMTA":"a.example"}}}}"#),
        format!(r#"{{"eventType":"DeliveryDelay",{mail},"deliveryDelay":{{"delayType":"MailboxFull","delayedRecipients":[{{"status":"4.2.2","diagnosticCode":"452"}}]}}}}"#),
        format!(r#"{{"eventType":"Reject",{mail},"reject":{{"reason":"Bad content"}}}}"#),
    ]
}

/// A line of each format.
pub fn lines() -> Vec<String> {
    [
        r#"192.0.2.1 - ada [02/Mar/2026:07:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 5 "-" "curl""#,
        r#"example.com 192.0.2.1 - - [02/Mar/2026:07:00:00 +0000] "GET / HTTP/1.1" 404 5"#,
        r#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-01-05T09:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventID":"e","userIdentity":{}}]}"#,
        r#"{"id":"f1","accountId":"111122223333","region":"eu-central-1","type":"Exfiltration:S3/AnomalousBehavior","severity":8,"updatedAt":"2026-02-03T04:05:06.789Z","resource":{},"service":{"count":3}}"#,
        r#"{"timestamp":1576280412771,"formatVersion":1,"webaclId":"arn:aws:wafv2:x","action":"BLOCK","httpRequest":{"clientIp":"192.0.2.1","headers":[{"name":"Host","value":"x"}],"uri":"/"}}"#,
        "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
        "Mar  2 07:00:00 host sshd[1]: Failed password for invalid user a from 192.0.2.1 port 22 ssh2",
        "<38>1 2026-03-02T07:00:00.5Z host app 7 ID [ex@1 k=\"v \\\"q\\\"\"][m] message repeated 3 times: [ x]",
        "<13>Mar  2 2026 07:00:00.25 asa %ASA-4-106023: Deny",
        "2026-03-02T07:00:00+01:00 host cron[9]: job",
        "<14>Mar  2 07:00:00 web app: {\"tenant\":\"acme\"}",
        "Sun Jan  4 10:00:00 2026 [pid 2] [ada] OK LOGIN: Client \"192.0.2.1\"",
        "Sun Jan  4 10:00:00 2026 1 192.0.2.1 17 /f b _ o r ada ftp 0 * c",
        "Mar  2 07:00:00 host proftpd[9]: host (x[192.0.2.1]) - USER ada (Login failed): Incorrect password",
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeLogs":[{"scope":{"name":"n"},"logRecords":[{"timeUnixNano":"1772438400000000000","severityNumber":9,"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":"NaN"}]}}}]}},"traceId":"ab"}]}]}]}"#,
        r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1772438400000000","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"sshd","_PID":"1","PRIORITY":"6","MESSAGE":"Accepted password for a from 192.0.2.1 port 1 ssh2","TAG":["1","2"]}"#,
        r#"{"ts":1772438400.25,"level":"info","message":"x"}"#,
        r#"https 2026-03-02T07:00:00.186641Z app/lb/50dc6c495c0c9188 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://x:443/ HTTP/1.1" "curl/7" ECDHE TLSv1.2 arn:aws:x "Root=1" "x" "arn" 1 2026-03-02T07:00:00.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#,
        "2026-03-02\t07:00:00\tFRA2\t182\t192.0.2.1\tGET\tx.cloudfront.net\t/a\t200\t-\tcurl/7\tq=%2522\t-\tHit\tid\tx\thttps\t23\t0.001\t-\tTLSv1.2\tA\tHit\tHTTP/2.0\t-\t-\t1\t0.001\tHit\ttext/html\t1\t-\t-",
        "version account-id srcaddr dstaddr\n2 111122223333 192.0.2.1 192.0.2.2",
        "${version} ${srcaddr} ${dstport} ${reject-reason}\n5 192.0.2.1 443 -",
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent) b c d e f\n2026-03-02\t07:00:00\t192.0.2.9\tGET\t/x\t404\tcurl%2F7\t-\t-\t-\t-\t-",
        r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be bucket [02/Mar/2026:07:00:00 +0000] 192.0.2.1 arn:aws:iam::1:user/a 3E57427F3EXAMPLE REST.GET.OBJECT a/b "GET /bucket/a%2Fb HTTP/1.1" 200 - 113 113 7 5 "-" "curl" - id SigV4 ECDHE AuthHeader x TLSv1.2 - -"#,
    ]
    .map(str::to_owned)
    .into()
}

/// A request of each kind, behind the letter that the target knows it by.
pub fn pushes() -> Vec<String> {
    let otlp = &lines()[14];
    vec![
        "l{\"a\":1}\r\n\ntext\n".into(),
        "s[{\"a\":[1]},\n{\"b\":{}}]".into(),
        "s{\"a\":1}\n{\"b\":\n".into(),
        "f{\"requestId\":\"r\",\"timestamp\":1,\"records\":[{\"data\":\"YQpiCg==\"},{\"data\":\"eyJtZXNzYWdlVHlwZSI6IkNPTlRST0xfTUVTU0FHRSJ9\"}]}".into(),
        "o\n\n\u{12}\u{8}\u{12}\u{6}\u{1a}\u{4}INFO".into(),
        format!("j{otlp}"),
        "e__CURSOR=s\n__REALTIME_TIMESTAMP=1772438400000000\nMESSAGE=a\n\nMESSAGE\n\u{3}\0\0\0\0\0\0\0a\nb\n_PID=1\n".into(),
        "g\u{1f}x".into(),
        "a{\"commonAttributes\":{\"stage\":\"prod\",\"team\":\"\"}}".into(),
    ]
}

/// Connections of syslog, behind a letter.
pub fn connections() -> Vec<String> {
    ["a<1>one\n<1>two\r\n", "b8 <1>first9 <1>second", "c2026-01-01T00:00:00Z h a: x\n", "d30 <1>aaaaaaaaaaaaaaaaaaaaaaaaaaa4 <1>b"]
        .map(str::to_owned)
        .into()
}
