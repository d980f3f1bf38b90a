//! Paths with `*` and `?` in the file name.

use regex::Regex;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// The files that match now. A missing directory matches nothing.
pub(crate) fn expand(path: &Path) -> io::Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains(['*', '?']) {
        return Ok(if path.is_file() {
            vec![path.to_owned()]
        } else {
            Vec::new()
        });
    }
    let pattern = to_regex(&name).map_err(io::Error::other)?;
    Ok(siblings(path)?
        .into_iter()
        .filter(|found| pattern.is_match(&found.file_name().map(OsStr::to_string_lossy).unwrap_or_default()))
        .collect())
}

/// The files in the directory of `path`.
pub(super) fn siblings(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(dir) = path.parent() else {
        return Ok(Vec::new());
    };
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn to_regex(name: &str) -> Result<Regex, regex::Error> {
    let mut text = String::from("(?s)^");
    for c in name.chars() {
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    Regex::new(&text)
}
