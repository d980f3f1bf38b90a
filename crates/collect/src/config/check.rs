//! What is wrong with a configuration, and what to write instead.

use super::{Fault, FileConfig, HttpConfig, SyslogConfig};
use crate::parse::{Format, Interpretation, vpc_flow};
use std::path::Path;

impl Fault {
    pub(super) fn new(field: impl Into<String>, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            wrong: wrong.into(),
            remedy: remedy.into(),
        }
    }
}

pub(super) fn name(name: &str, faults: &mut Vec<Fault>) {
    let sound = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if !sound {
        faults.push(Fault::new(
            "name",
            format!("`{name}` is not a name for a source"),
            "write 1 to 64 lower-case letters, digits, `-` or `_`, such as `edge-access-log`",
        ));
    }
}

pub(super) fn interpretation(how: &Interpretation, faults: &mut Vec<Fault>) {
    if how.utc_offset_minutes.abs() > 14 * 60 {
        faults.push(Fault::new(
            "utc_offset_minutes",
            format!("{} is more than 14 hours", how.utc_offset_minutes),
            "write minutes ahead of UTC between -840 and 840, such as 60 for CET",
        ));
    }
    if let Some(format) = &how.flow_log_format {
        flow_log_format(format, how.format, faults);
    }
    if how.timestamp_field.as_deref() == Some("") {
        faults.push(Fault::new(
            "timestamp_field",
            "it is empty",
            "name a field of the record or leave it out",
        ));
    }
    if how.tenant.as_deref() == Some("") {
        faults.push(Fault::new(
            "tenant",
            "it is empty",
            "write the customer's identifier or leave it out",
        ));
    }
}

fn flow_log_format(fields: &str, format: Format, faults: &mut Vec<Fault>) {
    if format != Format::VpcFlow {
        faults.push(Fault::new(
            "flow_log_format",
            "it belongs to VPC flow logs only",
            "write `format = \"vpc_flow\"` too, or leave it out",
        ));
    }
    let unknown = vpc_flow::unknown_fields(fields);
    if !unknown.is_empty() || fields.trim().is_empty() {
        faults.push(Fault::new(
            "flow_log_format",
            format!("`{}` is no field of VPC flow logs", unknown.join("`, `")),
            "copy the `LogFormat` that `aws ec2 describe-flow-logs` prints",
        ));
    }
}

impl FileConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        if self.paths.is_empty() {
            faults.push(Fault::new(
                "paths",
                "no path is given",
                "write at least one, such as `[\"/var/log/nginx/access.log\"]`",
            ));
        }
        for (index, path) in self.paths.iter().enumerate() {
            let field = format!("paths[{index}]");
            if !path.is_absolute() {
                faults.push(Fault::new(
                    field.clone(),
                    format!("`{}` is not absolute", path.display()),
                    "begin it with `/`",
                ));
            }
            let starred = |p: &Path| p.to_string_lossy().contains(['*', '?']);
            if path.parent().is_some_and(starred) {
                faults.push(Fault::new(
                    field.clone(),
                    format!("`{}` has a wildcard in a directory", path.display()),
                    "use `*` and `?` in the file name alone and name each directory",
                ));
            }
            if path.file_name().is_none() {
                faults.push(Fault::new(
                    field,
                    format!("`{}` names no file", path.display()),
                    "add a file name, such as `*.log`",
                ));
            }
        }
        if self.max_line_bytes < 256 || self.max_line_bytes > 16 << 20 {
            faults.push(Fault::new(
                "max_line_bytes",
                format!("{} is not between 256 and 16777216", self.max_line_bytes),
                "write 1048576",
            ));
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        if self.secrets_sha256.is_empty() && self.secrets_file.is_none() {
            faults.push(Fault::new(
                "secrets_sha256",
                "nobody could push: there is no secret",
                "write the output of `printf %s \"$SECRET\" | sha256sum`, or name a `secrets_file`",
            ));
        }
        for (index, digest) in self.secrets_sha256.iter().enumerate() {
            if !is_sha256(digest) {
                faults.push(Fault::new(
                    format!("secrets_sha256[{index}]"),
                    "it is not a SHA-256 in hex",
                    "write the 64 hex digits that `printf %s \"$SECRET\" | sha256sum` prints",
                ));
            }
        }
        let mut within =
            |field: &str, value: u64, least: u64, most: u64| within(field, value, least, most, faults);
        within("max_body_bytes", self.max_body_bytes as u64, 1024, 256 << 20);
        within(
            "max_decompressed_bytes",
            self.max_decompressed_bytes as u64,
            1024,
            1 << 30,
        );
        within("max_record_bytes", self.max_record_bytes as u64, 256, 16 << 20);
        within("max_backlog_bytes", self.max_backlog_bytes, 1 << 20, 1 << 44);
    }
}

pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && hex::decode(text).is_ok()
}

pub(super) fn within(field: &str, value: u64, least: u64, most: u64, faults: &mut Vec<Fault>) {
    if value < least || value > most {
        faults.push(Fault::new(
            field,
            format!("{value} is not between {least} and {most}"),
            "leave it out for the default",
        ));
    }
}

impl SyslogConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        if self.listen_tcp.is_none() && self.listen_tls.is_none() && self.listen_udp.is_none() {
            faults.push(Fault::new(
                "listen_tcp",
                "nothing is listened to",
                "write `listen_tls`, `listen_tcp` or `listen_udp`, such as `listen_tcp = \"127.0.0.1:6514\"`",
            ));
        }
        if self.listen_tcp.is_some() && self.listen_tcp == self.listen_tls {
            faults.push(Fault::new(
                "listen_tls",
                "`listen_tcp` has the same address",
                "give each its own port: TLS is usually 6514, TCP 601 or 514",
            ));
        }
        let files = [
            ("certificate_file", self.certificate_file.is_some(), true),
            ("key_file", self.key_file.is_some(), true),
            ("client_ca_file", self.client_ca_file.is_some(), false),
        ];
        for (field, given, needed) in files {
            match (self.listen_tls.is_some(), given) {
                (true, false) if needed => faults.push(Fault::new(
                    field,
                    "TLS cannot be spoken without it",
                    "name a PEM file, or use `listen_tcp` on a network that you trust",
                )),
                (false, true) => faults.push(Fault::new(
                    field,
                    "it is used for TLS only",
                    "write `listen_tls` too, or leave it out",
                )),
                _ => {}
            }
        }
        within("max_line_bytes", self.max_line_bytes as u64, 480, 1 << 20, faults);
        within("max_connections", self.max_connections as u64, 1, 65_536, faults);
        within(
            "idle_seconds",
            u64::from(self.idle_seconds),
            10,
            7 * 86_400,
            faults,
        );
        within(
            "max_backlog_bytes",
            self.max_backlog_bytes,
            1 << 20,
            1 << 44,
            faults,
        );
    }
}
