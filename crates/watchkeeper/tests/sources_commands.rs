//! `watchkeeper sources …` as people call it.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use watchkeeper::config::{Config, DEFAULT};
use watchkeeper_collect::receive::PushHeaders;
use watchkeeper_domain::clock::SystemClock;
use watchkeeper_testbed::moto::Moto;

const SOURCES: &str = r#"
[[source]]
kind = "file"
name = "mixed"
paths = ["FOLDER/mixed.log"]

[[source]]
kind = "http"
name = "events"
secrets_sha256 = ["d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7"]
format = "json"

[[source]]
kind = "syslog"
name = "relay"
listen_tcp = "127.0.0.1:6601"
listen_udp = "127.0.0.1:6514"

[[source]]
kind = "http"
name = "otel"
secrets_sha256 = ["d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7"]
"#;

fn configured(folder: &Path) -> Config {
    let path = folder.display().to_string();
    let text = DEFAULT.replace("\"./data\"", &format!("\"{path}/data\"")) + &SOURCES.replace("FOLDER", &path);
    std::fs::write(folder.join("watchkeeper.toml"), text).expect("written");
    Config::load(&folder.join("watchkeeper.toml")).expect("sound")
}

fn sources(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .arg("sources")
        .args(arguments)
        .arg("--config")
        .arg(folder.join("watchkeeper.toml"))
        .output()
        .expect("the binary runs")
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{fault}: {output:?}"))
}

#[test]
fn the_list_says_where_each_source_takes_its_events_from() {
    let folder = tempfile::tempdir().expect("a folder");
    configured(folder.path());
    let listed = told(&sources(folder.path(), &["list", "--json"]));
    let relay = &listed["sources"][2];
    assert_eq!(
        relay,
        &json!({"name": "relay", "kind": "syslog", "format": "auto", "from": "tcp 127.0.0.1:6601, udp 127.0.0.1:6514 (lossy)"})
    );
    let said = String::from_utf8(sources(folder.path(), &["list"]).stdout).expect("text");
    assert!(said.contains("mixed.log") && said.lines().count() == 4, "{said}");
    let from = |source: usize| listed["sources"][source]["from"].clone();
    assert_eq!(from(1), "pushes to /ingest/events and /firehose/events");
    assert_eq!(from(3), "pushes to /ingest/otel, /firehose/otel and /otlp/otel");
}

#[test]
fn a_source_that_is_not_there_is_answered_with_those_that_are_or_with_how_to_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    configured(folder.path());
    let told = |folder: &Path| {
        let output = sources(folder, &["sample", "none"]);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    let with_some = told(folder.path());
    assert!(
        with_some.contains("there are mixed, events, relay, otel"),
        "{with_some}"
    );
    std::fs::write(folder.path().join("watchkeeper.toml"), DEFAULT).expect("written");
    let with_none = told(folder.path());
    assert!(
        with_none.contains("none is configured") && with_none.contains("watchkeeper sources add aws"),
        "{with_none}"
    );
}

#[test]
fn lines_of_a_file_stand_beside_their_fields_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    configured(folder.path());
    let lines = "<38>Mar  2 07:00:00 gate su: no\n{\"tenant\":\"acme\"}\nwhatever\n";
    std::fs::write(folder.path().join("mixed.log"), lines).expect("written");
    let sampled = told(&sources(folder.path(), &["sample", "mixed", "--json"]));
    assert_eq!(sampled["formats"], json!({"syslog": 1, "json": 1, "plain": 1}));
    let first = &sampled["events"][0];
    assert_eq!(
        (&first["format"], &first["fields"]["program"], &first["raw"]),
        (
            &json!("syslog"),
            &json!("su"),
            &json!("<38>Mar  2 07:00:00 gate su: no")
        )
    );
    let reason = first["because"].as_str().expect("words");
    assert!(reason.contains("priority"), "{reason}");
    let one = told(&sources(
        folder.path(),
        &["sample", "mixed", "--count", "1", "--json"],
    ));
    assert_eq!(one["events"].as_array().map(Vec::len), Some(1));
    let said = sources(folder.path(), &["sample", "mixed"]);
    let text = String::from_utf8(said.stdout).expect("text");
    assert!(
        said.status.success() && text.contains("tenant = \"acme\""),
        "{text}"
    );
    let unknown = sources(folder.path(), &["sample", "none"]);
    let reason = String::from_utf8(unknown.stderr).expect("text");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(reason.contains("there are mixed, events, relay"), "{reason}");
}

#[test]
fn the_newest_of_what_was_pushed_is_shown_while_the_spool_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    let nothing = sources(folder.path(), &["sample", "events"]);
    assert_eq!(nothing.status.code(), Some(2));
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let opened = runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        let opened = watchkeeper_collect::open(&config.sources[1], clock, &config.server.data_dir).await;
        let opened = opened.expect("a source");
        let receiver = opened.receiver.as_ref().expect("a receiver");
        for n in 0..30 {
            let body = format!("{{\"n\":{n}}}\n{{\"n\":\"{n}b\"}}\n");
            receiver
                .accept_lines(body.into(), PushHeaders::default())
                .await
                .expect("accepted");
        }
        opened
    });
    let sampled = told(&sources(
        folder.path(),
        &["sample", "events", "--count", "3", "--json"],
    ));
    let numbers: Vec<&Value> = sampled["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| &event["fields"]["n"])
        .collect();
    assert_eq!(numbers, [&json!("28b"), &json!(29), &json!("29b")]);
    assert_eq!(sampled["events"][0]["because"], "the configuration says so");
    drop(opened);
}

const ACCOUNT: &str = "123456789012";

/// One part of what `sources add aws` prints.
fn added(part: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args([
            "sources",
            "add",
            "aws",
            "--account",
            ACCOUNT,
            "--region",
            "eu-central-1",
        ])
        .args([
            "--name",
            "acme",
            "--external-id",
            "x-1",
            "--log-group-prefix",
            "/app/",
        ])
        .args(["--kinesis-stream", "logs", "--bucket", "trail", "--no-guardduty"])
        .args(["--only", part])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// An account with logs, a stream, a bucket and a queue, in which the role is allowed what `policy` says, and nobody anything else:
/// signatures and permissions are checked from then on. moto knows resources for S3 alone.
fn account(moto: &Moto, policy: &str, trust: &str) -> Value {
    moto.script(
        "
policy, trust = json.loads(arguments[0]), json.loads(arguments[1])
iam, sqs, s3, logs = client('iam'), client('sqs'), client('s3'), client('logs')
user = iam.create_user(UserName='watchkeeper')['User']['Arn']
for statement in policy['Statement']:
    if not statement['Resource'][0].startswith('arn:aws:s3'):
        statement['Resource'] = '*'
trust['Statement'][0]['Principal'] = {'AWS': user}
iam.create_role(RoleName='watchkeeper-read', AssumeRolePolicyDocument=json.dumps(trust))
iam.put_role_policy(RoleName='watchkeeper-read', PolicyName='read', PolicyDocument=json.dumps(policy))
iam.put_user_policy(UserName='watchkeeper', PolicyName='assume', PolicyDocument=json.dumps({'Version': '2012-10-17',
    'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Resource': '*'}]}))
key = iam.create_access_key(UserName='watchkeeper')['AccessKey']
sqs.create_queue(QueueName='watchkeeper-objects')
s3.create_bucket(Bucket='trail', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
s3.put_bucket_notification_configuration(Bucket='trail', NotificationConfiguration={'QueueConfigurations': [
    {'QueueArn': 'arn:aws:sqs:eu-central-1:123456789012:watchkeeper-objects', 'Events': ['s3:ObjectCreated:*']}]})
s3.put_object(Bucket='trail', Key='AWSLogs/a b+c=d/1.json', Body=b'{\"object\":1}\\n')
client('kinesis').create_stream(StreamName='logs', ShardCount=1)
logs.create_log_group(logGroupName='/app/shop')
urllib.request.urlopen(urllib.request.Request(endpoint + '/moto-api/reset-auth', data=b'0', method='POST', headers={'Content-Type': 'text/plain'}))
print(json.dumps([key['AccessKeyId'], key['SecretAccessKey']]))
",
        &[policy, trust],
    )
}

/// The printed tables, with moto's address instead of AWS's own, and the credentials of whoever assumes the role.
fn configured_for(folder: &Path, moto: &Moto, key: &Value) {
    let (id, secret) = (
        key[0].as_str().expect("an id"),
        key[1].as_str().expect("a secret"),
    );
    let credentials = folder.join("credentials");
    let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(&credentials, text).expect("written");
    let at = &moto.endpoint_url;
    let reached = format!(
        "endpoint_url = \"{at}\"\nsts_endpoint_url = \"{at}\"\ncredentials_file = \"{}\"\n",
        credentials.display()
    );
    let tables = added("config")
        .replace(
            "kind = \"s3\"\n",
            &format!("kind = \"s3\"\n{reached}s3_endpoint_url = \"{at}\"\n"),
        )
        .replace(
            "kind = \"cloudwatch_logs\"\n",
            &format!("kind = \"cloudwatch_logs\"\n{reached}kinesis_endpoint_url = \"{at}\"\n"),
        );
    let data = format!("\"{}/data\"", folder.display());
    let text = DEFAULT.replace("\"./data\"", &data) + "\n" + &tables;
    std::fs::write(folder.join("watchkeeper.toml"), text).expect("written");
    Config::load(&folder.join("watchkeeper.toml")).expect("sound");
}

fn refused(folder: &Path) -> Vec<(String, String)> {
    let checked = told(&sources(folder, &["check", "--json"]));
    let proofs = checked["sources"].as_array().into_iter().flatten();
    let proofs = proofs.flat_map(|source| source["proofs"].as_array().into_iter().flatten());
    proofs
        .filter_map(|proof| {
            let reason = proof["refusal"].as_str()?.to_owned();
            Some((proof["action"].as_str()?.to_owned(), reason))
        })
        .collect()
}

#[test]
fn what_add_aws_prints_is_enough_where_signatures_and_permissions_are_checked() {
    let moto = Moto::start().expect("moto");
    let key = account(&moto, &added("policy"), &added("trust"));
    let folder = tempfile::tempdir().expect("a folder");
    configured_for(folder.path(), &moto, &key);
    let checked = sources(folder.path(), &["check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}");
    for action in [
        "logs:DescribeLogGroups",
        "logs:FilterLogEvents",
        "kinesis:GetRecords",
        "sqs:ReceiveMessage",
        "s3:GetObject",
    ] {
        assert!(said.contains(&format!("ok      {action}")), "{action}: {said}");
    }
    let sampled = told(&sources(folder.path(), &["sample", "acme-objects", "--json"]));
    assert_eq!(sampled["events"][0]["fields"]["object"], 1, "{sampled}");
}

#[test]
fn every_action_that_the_policy_leaves_out_is_refused_and_named() {
    let whole: Value = serde_json::from_str(&added("policy")).expect("a policy");
    for left_out in [
        "s3:GetObject",
        "sqs:ReceiveMessage",
        "logs:FilterLogEvents",
        "kinesis:GetShardIterator",
    ] {
        let mut policy = whole.clone();
        let statements = policy["Statement"].as_array_mut().expect("a list");
        statements.retain_mut(|statement| {
            let actions = statement["Action"].as_array_mut().expect("a list");
            actions.retain(|action| action != left_out);
            !actions.is_empty()
        });
        let moto = Moto::start().expect("moto");
        let key = account(&moto, &policy.to_string(), &added("trust"));
        let folder = tempfile::tempdir().expect("a folder");
        configured_for(folder.path(), &moto, &key);
        let refused = refused(folder.path());
        let [(action, reason)] = refused.as_slice() else {
            panic!("{left_out}: {refused:#?}");
        };
        assert!(
            action == left_out && reason.contains(&format!("allow `{left_out}`")),
            "{left_out}: {reason}"
        );
    }
}

#[test]
fn a_role_that_asks_for_another_external_id_lets_nobody_in_and_says_what_to_look_at() {
    let moto = Moto::start().expect("moto");
    let key = account(&moto, &added("policy"), &added("trust").replace("x-1", "x-2"));
    let folder = tempfile::tempdir().expect("a folder");
    configured_for(folder.path(), &moto, &key);
    let refused = refused(folder.path());
    assert!(refused.len() >= 5, "{refused:#?}");
    for (action, reason) in refused {
        assert!(
            reason.contains("`external_id`") && !reason.contains("ServiceError"),
            "{action}: {reason}"
        );
    }
}

#[test]
fn template_and_terraform_make_what_the_commands_make_the_subscription_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [
        "add",
        "aws",
        "--account",
        "111122223333",
        "--hub",
        "444455556666",
        "--region",
        "eu-central-1",
        "--external-id",
        "x-1",
        "--log-group-prefix",
        "/app/",
        "--kinesis-stream",
        "logs",
        "--bucket",
        "trail",
        "--json",
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .arg("sources")
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let part = |name: &str| all[name].as_str().expect(name).to_owned();
    let json = |name: &str| serde_json::from_str::<Value>(&part(name)).expect(name);
    let (commands, template, terraform) = (part("commands"), json("cloudformation"), json("terraform"));

    let resources = &template["Resources"];
    assert_eq!(
        resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"],
        all["policy"]
    );
    assert_eq!(
        resources["Role"]["Properties"]["AssumeRolePolicyDocument"],
        all["trust"]
    );
    let subscription = &resources["Subscription"];
    assert_eq!(subscription["Type"], "AWS::Logs::AccountPolicy");
    let filter = subscription["Properties"]["PolicyDocument"]
        .as_str()
        .expect("a text");
    assert!(
        commands.contains(&format!("--policy-document '{filter}'")),
        "{commands}"
    );
    let criteria = subscription["Properties"]["SelectionCriteria"]
        .as_str()
        .expect("a text");
    assert!(
        commands.contains(&format!("--selection-criteria '{criteria}'")),
        "{commands}"
    );

    let resource = &terraform["resource"];
    let policy = &resource["aws_cloudwatch_log_account_policy"]["watchkeeper"];
    assert_eq!(
        (&policy["policy_document"], &policy["selection_criteria"]),
        (&filter.into(), &criteria.into())
    );
    let written: Value = serde_json::from_str(
        resource["aws_iam_role_policy"]["subscription"]["policy"]
            .as_str()
            .expect("a text"),
    )
    .expect("JSON");
    assert_eq!(
        written,
        resources["Writer"]["Properties"]["Policies"][0]["PolicyDocument"]
    );
    for kind in [
        "aws_sqs_queue",
        "aws_cloudwatch_event_rule",
        "aws_s3_bucket_notification",
    ] {
        assert!(resource[kind].is_object(), "{kind}");
    }
}

/// All that `sources add aws` prints for two regions, with Firehose and keys of KMS.
fn of_two_regions() -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args([
            "sources",
            "add",
            "aws",
            "--account",
            "111122223333",
            "--name",
            "acme",
            "--external-id",
            "x-1",
        ])
        .args([
            "--region",
            "eu-central-1",
            "--region",
            "us-east-1",
            "--log-group-prefix",
            "/app/",
            "--bucket",
            "trail",
        ])
        .args([
            "--firehose",
            "https://watch.example.com/",
            "--firehose-backup-bucket",
            "undelivered",
        ])
        .args(["--kms-key", KEY, "--json"])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn several_regions_have_a_source_each_that_can_be_configured_and_the_role_may_read_them_all() {
    let all = of_two_regions();
    let folder = tempfile::tempdir().expect("a folder");
    let data = format!("\"{}/data\"", folder.path().display());
    let tables = all["config"].as_str().expect("tables");
    let text = DEFAULT.replace("\"./data\"", &data) + "\n" + tables;
    std::fs::write(folder.path().join("watchkeeper.toml"), text).expect("written");
    let config = Config::load(&folder.path().join("watchkeeper.toml")).expect("sound");
    let names: Vec<String> = config.sources.iter().map(|source| source.name().0).collect();
    assert_eq!(
        names,
        [
            "acme-logs-eu-central-1",
            "acme-findings-eu-central-1",
            "acme-logs-us-east-1",
            "acme-findings-us-east-1",
            "acme-objects"
        ]
    );
    assert_eq!(tables.matches("firehose_keys_file").count(), 2);
    let policy = all["policy"].to_string();
    for region in ["eu-central-1", "us-east-1"] {
        for allowed in [
            format!("arn:aws:logs:{region}:111122223333:log-group:/app/*"),
            format!("arn:aws:guardduty:{region}:111122223333:detector/*"),
            format!("arn:aws:sqs:{region}:111122223333:watchkeeper-findings"),
        ] {
            assert!(policy.contains(&allowed), "{allowed}: {policy}");
        }
    }
    assert!(!policy.contains("arn:aws:sqs:us-east-1:111122223333:watchkeeper-objects"));
    let decrypts = json!({"Sid": "Decrypt", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [KEY]});
    let statements = all["policy"]["Statement"].as_array().expect("a list");
    assert!(statements.contains(&decrypts), "{policy}");
}

#[test]
fn firehose_posts_to_the_source_of_its_region_with_a_key_that_is_printed_nowhere() {
    let all = of_two_regions();
    let part = |name: &str| all[name].as_str().expect(name).to_owned();
    let json = |name: &str| serde_json::from_str::<Value>(&part(name)).expect(name);
    let (commands, template, terraform) = (part("commands"), json("cloudformation"), json("terraform"));

    // The shell puts the key into what is JSON with it.
    let streams: Vec<Value> = commands
        .split("--http-endpoint-destination-configuration '")
        .skip(1)
        .map(|rest| {
            let (told, _) = rest.split_once("\n").expect("a line");
            let told = told.replace("'\"$FIREHOSE_KEY\"'", "a secret");
            serde_json::from_str(told.trim_end_matches('\'')).expect("JSON")
        })
        .collect();
    let endpoints: Vec<&Value> = streams
        .iter()
        .map(|stream| &stream["EndpointConfiguration"])
        .collect();
    let to = |region: &str| {
        json!({"Url": format!("https://watch.example.com/firehose/acme-logs-{region}"),
        "Name": "Watchkeeper", "AccessKey": "a secret"})
    };
    assert_eq!(endpoints, [&to("eu-central-1"), &to("us-east-1")]);
    for region in ["eu-central-1", "us-east-1"] {
        let filter = format!("arn:aws:firehose:{region}:111122223333:deliverystream/watchkeeper");
        assert!(commands.contains(&filter), "{filter}: {commands}");
    }

    let resources = &template["Resources"];
    assert_eq!(template["Parameters"]["FirehoseKey"]["NoEcho"], true);
    let posting = &resources["Stream"]["Properties"]["HttpEndpointDestinationConfiguration"];
    let endpoint = &posting["EndpointConfiguration"];
    assert_eq!(endpoint["AccessKey"], json!({"Ref": "FirehoseKey"}));
    assert_eq!(
        endpoint["Url"],
        json!({"Fn::Sub": "https://watch.example.com/firehose/acme-logs-${AWS::Region}"})
    );
    // Roles are made once, in the first region; what the others make names their own.
    for role in ["Role", "Writer", "Poster", "Objects"] {
        assert_eq!(resources[role]["Condition"], "Home", "{role}");
    }
    for own in ["Findings", "Stream", "Subscription"] {
        assert_eq!(resources[own].get("Condition"), None, "{own}");
    }
    let literal = "sqs:eu-central-1";
    assert!(!resources["FindingsPolicy"].to_string().contains(literal));

    let streams = &terraform["resource"]["aws_kinesis_firehose_delivery_stream"];
    let american = &streams["watchkeeper_us_east_1"];
    assert_eq!(american["provider"], "aws.us_east_1");
    assert_eq!(
        american["http_endpoint_configuration"]["access_key"],
        "${var.firehose_key}"
    );
    assert_eq!(terraform["variable"]["firehose_key"]["sensitive"], true);
    let policy = &terraform["resource"]["aws_cloudwatch_log_account_policy"]["watchkeeper_us_east_1"];
    let filter: Value =
        serde_json::from_str(policy["policy_document"].as_str().expect("a text")).expect("JSON");
    assert_eq!(
        filter["DestinationArn"],
        "arn:aws:firehose:us-east-1:111122223333:deliverystream/watchkeeper"
    );
    assert_eq!(
        filter.get("Distribution"),
        None,
        "only streams of Kinesis have shards"
    );
}

#[test]
fn a_subscription_may_write_into_a_stream_that_a_key_encrypts() {
    let output = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args([
            "sources",
            "add",
            "aws",
            "--account",
            "111122223333",
            "--region",
            "eu-central-1",
        ])
        .args([
            "--log-group-prefix",
            "/",
            "--kinesis-stream",
            "logs",
            "--kms-key",
            KEY,
        ])
        .args(["--only", "cloudformation"])
        .output()
        .expect("the binary runs");
    let template: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let writer = &template["Resources"]["Writer"]["Properties"]["Policies"][0]["PolicyDocument"];
    assert_eq!(
        writer["Statement"][1],
        json!({"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": [KEY]})
    );
}

#[test]
fn what_cannot_be_connected_so_says_what_to_write() {
    let refused = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .args([
                "sources",
                "add",
                "aws",
                "--account",
                "111122223333",
                "--log-group-prefix",
                "/",
            ])
            .args(more)
            .output()
            .expect("the binary runs");
        assert!(!output.status.success(), "{more:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let region = ["--region", "eu-central-1"];
    for (more, said) in [
        (
            &["--region", "eu-central-1", "--region", "eu-central-1"][..],
            "is named twice",
        ),
        (
            &[&region[..], &["--kms-key", "alias/logs"]].concat(),
            "is not the ARN of a key",
        ),
        (
            &[
                &region[..],
                &[
                    "--firehose",
                    "http://watch.example.com",
                    "--firehose-backup-bucket",
                    "b",
                ],
            ]
            .concat(),
            "write one such as `https://watch.example.com`",
        ),
        (
            &[&region[..], &["--firehose", "https://watch.example.com"]].concat(),
            "--firehose-backup-bucket",
        ),
    ] {
        let told = refused(more);
        assert!(told.contains(said), "{more:?}: {told}");
    }
}
