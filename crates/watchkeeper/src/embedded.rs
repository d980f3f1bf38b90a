//! Detectors, playbooks and letters that come with the product, and those in folders.

use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};
use watchkeeper_detect::RuleFile;
use watchkeeper_respond::Library;

#[derive(RustEmbed)]
#[folder = "../../detectors"]
struct ShippedDetectors;

/// What the names of playbooks, letters, and calendars end in.
const PLAYBOOK_FILES: &[&str] = &["yml", "yaml", "subject", "txt", "html", "csv"];

#[derive(RustEmbed)]
#[folder = "../../playbooks"]
struct ShippedPlaybooks;

/// The rules that come with the product.
#[must_use]
pub fn shipped_rules() -> Vec<RuleFile> {
    let mut files: Vec<RuleFile> = ShippedDetectors::iter()
        .filter(|path| path.ends_with(".yml") || path.ends_with(".yaml"))
        .filter_map(|path| {
            let file = ShippedDetectors::get(&path)?;
            Some(RuleFile::new(
                format!("detectors/{path}"),
                String::from_utf8_lossy(&file.data).into_owned(),
            ))
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The rules in files and folders, by path; a file that cannot be read is among them with the reason.
///
/// # Errors
/// Names the path that cannot be looked at.
pub fn rules_in(paths: &[PathBuf]) -> Result<Vec<RuleFile>, String> {
    let read = |file: PathBuf| {
        let path = file.display().to_string();
        match std::fs::read(&file) {
            Ok(bytes) => RuleFile::from_bytes(path, bytes),
            Err(fault) => RuleFile::unreadable(path, &fault.to_string()),
        }
    };
    Ok(rule_files_in(paths)?.into_iter().map(read).collect())
}

/// The paths of the rule files in files and folders.
///
/// # Errors
/// Names the path that cannot be looked at.
pub fn rule_files_in(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_below(path, &["yml", "yaml"], &mut Vec::new())?);
    }
    Ok(files)
}

/// Playbooks and letters: those in `folder`, or those that come with the product.
///
/// # Errors
/// Names the path that cannot be read.
pub fn library(folder: Option<&Path>) -> Result<Library, String> {
    let mut files: Vec<(String, String)> = Vec::new();
    match folder {
        None => {
            for path in ShippedPlaybooks::iter() {
                if let Some(file) = ShippedPlaybooks::get(&path) {
                    files.push((
                        path.into_owned(),
                        String::from_utf8_lossy(&file.data).into_owned(),
                    ));
                }
            }
        }
        Some(folder) => {
            for file in files_below(folder, PLAYBOOK_FILES, &mut Vec::new())? {
                let path = file
                    .strip_prefix(folder)
                    .unwrap_or(&file)
                    .to_string_lossy()
                    .replace('\\', "/");
                files.push((path, read(&file)?));
            }
        }
    }
    files.sort();
    Ok(Library::read(
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())),
    ))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// Every file below a path whose name ends in one of the extensions, sorted; a file itself whatever its name. What is hidden is passed
/// over: locks of editors, which may be links to nowhere, and the folders by which volumes of configuration are replaced at once.
/// `within` are the folders that the path is in, by their true names.
fn files_below(path: &Path, extensions: &[&str], within: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    let named = |fault: std::io::Error| format!("{}: {fault}", path.display());
    if std::fs::metadata(path).map_err(named)?.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.canonicalize().map_err(named)?;
    if within.contains(&folder) {
        // A folder that links to one that it is in: all of it is read already.
        return Ok(Vec::new());
    }
    within.push(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(named)? {
        let entry = entry.map_err(named)?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let entry = entry.path();
        let wanted = entry
            .extension()
            .is_some_and(|e| extensions.iter().any(|known| e.eq_ignore_ascii_case(known)));
        if entry.is_dir() {
            found.extend(files_below(&entry, extensions, within)?);
        } else if wanted {
            found.push(entry);
        }
    }
    within.pop();
    found.sort();
    Ok(found)
}
