//! Settings of the SMTP channel.

use super::Login;
use crate::fault::{ConfigFault, is_loopback};
use crate::secret::Secret;
use crate::span;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How the connection to the relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// STARTTLS before anything else; a relay that does not offer it gets no mail.
    #[default]
    Required,
    /// TLS from the first byte (port 465).
    Wrapper,
    /// No encryption: only to this machine itself, for demo and tests.
    None,
}

/// How to reach the relay.
///
/// Holds no secret: the password is named by `password_env` or `password_file` and read when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The relay's name or address. The certificate must be for this name.
    pub host: String,
    /// The port; by default 587, 465 with `tls = "wrapper"`, 25 with `tls = "none"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The encryption, by default required.
    #[serde(default)]
    pub tls: Tls,
    /// The name given in EHLO; by default the address literal `[127.0.0.1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_name: Option<String>,
    /// The name to sign in with, if the relay wants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The environment variable that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// The file that holds the password; white space at its end is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) to trust beside the machine's own, for a relay with a private authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long to wait at each stage.
    #[serde(default)]
    pub limits: SmtpLimits,
}

/// How long to wait at each stage. The defaults are those of RFC 5321, 4.5.3.2: a shorter wait after the final dot makes duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpLimits {
    /// For the TCP connection.
    #[serde(with = "span")]
    pub connect: Duration,
    /// For the greeting, the TLS handshake and the answer to EHLO together.
    #[serde(with = "span")]
    pub greeting: Duration,
    /// For the answer to EHLO, AUTH, MAIL and RCPT, each.
    #[serde(with = "span")]
    pub command: Duration,
    /// For the answer to DATA.
    #[serde(with = "span")]
    pub data: Duration,
    /// For the relay to take in the whole content.
    #[serde(with = "span")]
    pub content: Duration,
    /// For the answer to the final dot.
    #[serde(with = "span")]
    pub final_dot: Duration,
}

impl Default for SmtpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(300),
            command: Duration::from_secs(300),
            data: Duration::from_secs(120),
            content: Duration::from_secs(180),
            final_dot: Duration::from_secs(600),
        }
    }
}

impl SmtpConfig {
    /// A relay on this machine without encryption or sign-in: the demo's mailbox, or a test's.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: Some(port),
            tls: Tls::None,
            hello_name: None,
            username: None,
            password_env: None,
            password_file: None,
            ca_file: None,
            limits: SmtpLimits::default(),
        }
    }

    /// The port in effect.
    #[must_use]
    pub fn effective_port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Required => 587,
            Tls::Wrapper => 465,
            Tls::None => 25,
        })
    }

    /// Everything that is wrong, each with its field and its remedy; empty when nothing is. Touches neither files nor network.
    #[must_use]
    pub fn validate(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        self.check_host(&mut faults);
        self.check_login(&mut faults);
        self.check_limits(&mut faults);
        faults
    }

    fn check_host(&self, faults: &mut Vec<ConfigFault>) {
        let is_host = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"/@<>\"".contains(&b))
        };
        let is_name = !self.host.contains([':', '[']) || self.host.parse::<std::net::IpAddr>().is_ok();
        if !is_host(&self.host) || !is_name {
            faults.push(ConfigFault::new(
                "host",
                format!("`{}` is not a host name", crate::one_line(&self.host)),
                "write the relay's name, such as \"smtp.example.com\", without scheme, port, brackets or spaces",
            ));
        } else if self.tls == Tls::None && !is_loopback(&self.host) {
            faults.push(ConfigFault::new(
                "tls",
                format!("\"none\" would send mail and passwords to `{}` in the clear", self.host),
                "write \"required\" (STARTTLS) or \"wrapper\" (port 465); \"none\" is for 127.0.0.1, ::1 and localhost only",
            ));
        }
        if self.port == Some(0) {
            faults.push(ConfigFault::new(
                "port",
                "0 is not a port",
                "leave it out, or write 587, 465 or 25",
            ));
        }
        if let Some(name) = &self.hello_name
            && !is_host(name)
        {
            faults.push(ConfigFault::new(
                "hello_name",
                format!("`{}` is not a host name", crate::one_line(name)),
                "write this machine's full name, such as \"watch.example.com\"",
            ));
        }
    }

    fn check_login(&self, faults: &mut Vec<ConfigFault>) {
        let sources = usize::from(self.password_env.is_some()) + usize::from(self.password_file.is_some());
        match (&self.username, sources) {
            (Some(_), 0) => faults.push(ConfigFault::new(
                "username",
                "there is a username and no password",
                "name the password's source with password_env or password_file",
            )),
            (None, 1..) => faults.push(ConfigFault::new(
                "username",
                "there is a password and no username",
                "add username, or remove password_env and password_file",
            )),
            (_, 2) => faults.push(ConfigFault::new(
                "password_env",
                "the password has two sources",
                "keep either password_env or password_file",
            )),
            _ => {}
        }
        if self.username.as_deref() == Some("") {
            faults.push(ConfigFault::new(
                "username",
                "is empty",
                "write a name, or remove the line",
            ));
        }
    }

    fn check_limits(&self, faults: &mut Vec<ConfigFault>) {
        let limits = [
            ("limits.connect", self.limits.connect),
            ("limits.greeting", self.limits.greeting),
            ("limits.command", self.limits.command),
            ("limits.data", self.limits.data),
            ("limits.content", self.limits.content),
            ("limits.final_dot", self.limits.final_dot),
        ];
        for (field, limit) in limits {
            if limit.is_zero() || limit > Duration::from_secs(3600) {
                faults.push(ConfigFault::new(
                    field,
                    format!("{} is not a useful wait", span::text(limit)),
                    "write a span from 1ms to 1h, or leave it out for the wait of RFC 5321",
                ));
            }
        }
    }

    /// Reads the password from where the settings say, if there is a sign-in at all.
    pub(super) fn password(&self) -> Result<Option<Login>, ConfigFault> {
        let Some(username) = &self.username else {
            return Ok(None);
        };
        let (field, password) = match (&self.password_env, &self.password_file) {
            (Some(variable), _) => ("password_env", self.in_environment(variable)?),
            (None, Some(path)) => ("password_file", Self::in_file(path)?),
            (None, None) => ("password_env", String::new()),
        };
        if password.is_empty() {
            return Err(ConfigFault::new(
                field,
                "the password is empty",
                "set it to the relay's password",
            ));
        }
        Ok(Some(Login {
            username: username.clone(),
            password: Secret::new(password),
        }))
    }

    fn in_environment(&self, variable: &str) -> Result<String, ConfigFault> {
        std::env::var(variable).map_err(|_| {
            ConfigFault::new(
                "password_env",
                format!("the environment variable `{variable}` is not set, or not text"),
                format!("set {variable} to the password for `{}`", self.host),
            )
        })
    }

    fn in_file(path: &std::path::Path) -> Result<String, ConfigFault> {
        std::fs::read_to_string(path)
            .map(|text| text.trim_end().to_owned())
            .map_err(|error| {
                ConfigFault::new(
                    "password_file",
                    format!("`{}` cannot be read: {error}", path.display()),
                    "name a file that this process may read",
                )
            })
    }
}
