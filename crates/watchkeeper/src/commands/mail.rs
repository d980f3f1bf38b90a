//! `watchkeeper mail dkim-record`: what to publish so that receivers can verify our mail.

use super::say;
use crate::config::Config;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use watchkeeper_deliver::DkimSigner;

/// The longest string of a TXT record (RFC 1035, 3.3.14); longer texts are several strings, which are read as one.
const LONGEST_STRING: usize = 255;

pub(super) fn dkim_record(path: &Path, json: bool) -> Result<ExitCode, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let Some(dkim) = &config.mail.dkim else {
        return Err(format!(
            "{}: mail is not signed; add [mail.dkim] with domain, selector and key_file",
            path.display()
        ));
    };
    let signer = DkimSigner::open(dkim).map_err(|faults| format!("mail.dkim: {faults}"))?;
    let (name, record) = (signer.record_name(), signer.record());
    if json {
        say(&json!({"name": name, "type": "TXT", "value": record}).to_string());
    } else {
        say(&format!("{name}. IN TXT ( {} )", in_strings(&record)));
    }
    Ok(ExitCode::SUCCESS)
}

/// The text as the strings of a zone file.
fn in_strings(record: &str) -> String {
    // The record is ASCII, so a piece never ends within a character.
    let pieces = record.as_bytes().chunks(LONGEST_STRING);
    let quoted = pieces.map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)));
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_is_cut_into_strings_that_read_as_one() {
        let record = "v=DKIM1; k=rsa; p=".to_owned() + &"A".repeat(500);
        let strings = in_strings(&record);
        assert!(strings.split(' ').filter(|s| s.starts_with('"')).count() >= 3);
        let inner: String = strings.split('"').skip(1).step_by(2).collect();
        assert_eq!(inner, record);
        assert!(strings.split('"').all(|piece| piece.len() <= LONGEST_STRING));
    }
}
