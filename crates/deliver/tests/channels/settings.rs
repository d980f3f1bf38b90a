//! Settings: what is dangerous or wrong is refused, all of it at once, with a remedy.

use std::time::Duration;
use watchkeeper_deliver::{AwsAccess, SmtpChannel, SmtpConfig, Tls};

fn smtp(text: &str) -> SmtpConfig {
    toml::from_str(text).unwrap()
}

fn fields(faults: &[watchkeeper_deliver::ConfigFault]) -> Vec<&'static str> {
    faults.iter().map(|fault| fault.field).collect()
}

#[test]
fn encryption_is_required_unless_said_otherwise() {
    let config = smtp("host = \"smtp.example.com\"");
    assert_eq!((config.tls, config.effective_port()), (Tls::Required, 587));
    assert!(config.validate().is_empty());
    assert_eq!(smtp("host = \"h\"\ntls = \"wrapper\"").effective_port(), 465);
}

#[test]
fn going_without_encryption_is_refused_for_any_other_machine() {
    for host in [
        "smtp.example.com",
        "10.0.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "::",
    ] {
        let config = smtp(&format!("host = \"{host}\"\ntls = \"none\""));
        assert_eq!(fields(&config.validate()), ["tls"], "{host}");
        let error = SmtpChannel::new(config).unwrap_err().to_string();
        assert!(error.contains("\"required\""), "{error}");
    }
    for host in ["127.0.0.1", "::1", "localhost", "127.3.2.1"] {
        assert!(
            smtp(&format!("host = \"{host}\"\ntls = \"none\""))
                .validate()
                .is_empty(),
            "{host}"
        );
    }
}

#[test]
fn an_opportunistic_mode_does_not_exist_and_unknown_settings_are_named() {
    let error = toml::from_str::<SmtpConfig>("host = \"h\"\ntls = \"opportunistic\"")
        .unwrap_err()
        .to_string();
    assert!(error.contains("required") && error.contains("wrapper"), "{error}");
    let error = toml::from_str::<SmtpConfig>("host = \"h\"\npassword = \"hunter2\"")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("unknown field `password`") && error.contains("password_file"),
        "{error}"
    );
}

#[test]
fn all_faults_come_at_once_each_with_a_remedy() {
    let config = smtp(
        "host = \"smtp://x\"\nport = 0\nhello_name = \"a b\"\npassword_env = \"P\"\npassword_file = \"/p\"\nlimits = { final_dot = \"0s\", data = \"2h\" }",
    );
    let faults = config.validate();
    assert_eq!(
        fields(&faults),
        [
            "host",
            "port",
            "hello_name",
            "username",
            "limits.data",
            "limits.final_dot"
        ]
    );
    assert!(faults.iter().all(|fault| !fault.remedy.is_empty()));
}

#[test]
fn a_host_is_a_name_or_an_address_and_nothing_else() {
    for host in ["", "a b", "smtp.example.com:25", "[::1]", "user@host", "a\\r\\nb"] {
        assert_eq!(
            fields(&smtp(&format!("host = \"{host}\"")).validate()),
            ["host"],
            "{host}"
        );
    }
    for host in ["smtp.example.com", "192.0.2.1", "2001:db8::1"] {
        assert!(
            smtp(&format!("host = \"{host}\"")).validate().is_empty(),
            "{host}"
        );
    }
}

#[test]
fn a_username_needs_exactly_one_source_of_its_password() {
    assert_eq!(
        fields(&smtp("host = \"h\"\nusername = \"u\"").validate()),
        ["username"]
    );
    let two = "host = \"h\"\nusername = \"u\"\npassword_env = \"P\"\npassword_file = \"/p\"";
    assert_eq!(fields(&smtp(two).validate()), ["password_env"]);
    let missing = smtp("host = \"h\"\nusername = \"u\"\npassword_env = \"WATCHKEEPER_TEST_NOT_SET\"");
    assert!(
        missing.validate().is_empty(),
        "reading secrets is not part of checking the file"
    );
    let error = SmtpChannel::new(missing).unwrap_err().to_string();
    assert!(
        error.contains("WATCHKEEPER_TEST_NOT_SET") && error.contains("not set"),
        "{error}"
    );
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    let error = SmtpChannel::new(smtp("host = \"h\"\nca_file = \"/nowhere/ca.pem\""))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ca_file") && error.contains("/nowhere/ca.pem"),
        "{error}"
    );
}

#[test]
fn settings_read_back_as_they_were_written() {
    let mut config = smtp("host = \"h\"\nlimits = { command = \"90s\" }");
    config.limits.data = Duration::from_millis(250);
    assert_eq!(smtp(&toml::to_string(&config).unwrap()), config);
    assert_eq!(config.limits.final_dot, Duration::from_secs(600));
    let sns = AwsAccess::in_region("eu-central-1");
    assert_eq!(
        toml::from_str::<AwsAccess>(&toml::to_string(&sns).unwrap()).unwrap(),
        sns
    );
}

#[test]
fn sns_in_the_clear_is_refused_for_any_other_machine() {
    let with = |url: &str| AwsAccess {
        endpoint_url: Some(url.to_owned()),
        ..AwsAccess::in_region("eu-central-1")
    };
    for url in [
        "http://sns.example.com",
        "ftp://127.0.0.1",
        "nonsense",
        "https://user:hunter2@sns.example.com",
        "http://10.0.0.1:5000",
    ] {
        let faults = with(url).validate();
        assert_eq!(fields(&faults), ["endpoint_url"], "{url}");
        assert!(!format!("{faults:?}").contains("hunter2"));
    }
    for url in [
        "https://vpce-1.sns.eu-central-1.vpce.amazonaws.com",
        "http://127.0.0.1:5000",
        "http://[::1]:5000",
        "http://localhost:1",
    ] {
        assert!(with(url).validate().is_empty(), "{url}");
    }
}

#[test]
fn sns_names_all_faults_at_once() {
    let config: AwsAccess =
        toml::from_str("region = \"EU Central\"\nprofile = \"\"\ncredentials_file = \"\"\nexternal_id = \"x\"\ntimeout = \"0s\"")
            .unwrap();
    assert_eq!(
        fields(&config.validate()),
        ["region", "profile", "credentials_file", "external_id", "timeout"]
    );
    let config: AwsAccess = toml::from_str("region = \"eu-central-1\"\nrole_arn = \"admin\"").unwrap();
    assert_eq!(fields(&config.validate()), ["role_arn"]);
}
