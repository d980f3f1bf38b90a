//! Detectors, playbooks and letters that come with the product, and those in folders.

use rust_embed::RustEmbed;
use std::collections::HashSet;
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

/// The paths of the rule files in files and folders, each once.
///
/// # Errors
/// Names the path that cannot be looked at.
pub fn rule_files_in(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let is_rule = |name: &str| {
        ["yml", "yaml"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    let mut walk = Walk::new(&is_rule);
    for path in paths {
        walk.path(path)?;
    }
    Ok(walk.found)
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
            let is_playbook = |name: &str| PLAYBOOK_FILES.contains(&name);
            let mut walk = Walk::new(&is_playbook);
            walk.path(folder)?;
            for file in walk.found {
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

/// A walk through folders for files whose names end in some extensions. What is hidden is passed over: locks of editors, which may be
/// links to nowhere, and the folders by which volumes of configuration are replaced at once. What several links lead to is found once.
struct Walk<'w> {
    is_wanted: &'w dyn Fn(&str) -> bool,
    found: Vec<PathBuf>,
    /// Files and folders by their true names.
    seen: HashSet<PathBuf>,
}

impl<'w> Walk<'w> {
    fn new(is_wanted: &'w dyn Fn(&str) -> bool) -> Self {
        Self {
            is_wanted,
            found: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Takes a file whatever its name, or what is below a folder, by name.
    fn path(&mut self, path: &Path) -> Result<(), String> {
        let kind = std::fs::metadata(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
        if kind.is_file() {
            self.file(path.to_owned());
            return Ok(());
        }
        self.folder(path)
            .map_err(|fault| format!("{}: {fault}", path.display()))
    }

    fn folder(&mut self, path: &Path) -> std::io::Result<()> {
        if !self.seen.insert(path.canonicalize()?) {
            return Ok(());
        }
        let entries: std::io::Result<Vec<_>> = std::fs::read_dir(path)?.collect();
        let mut entries: Vec<PathBuf> = entries?
            .iter()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(std::fs::DirEntry::path)
            .collect();
        entries.sort();
        // Files before the folders behind links, so that a file is found where it lies.
        let linked = |path: &PathBuf| path.is_dir() && path.is_symlink();
        entries.sort_by_key(linked);
        for entry in entries {
            if entry.is_dir() {
                // What cannot be entered is told as a file that cannot be read.
                if self.folder(&entry).is_err() {
                    self.found.push(entry);
                }
            } else if entry
                .extension()
                .is_some_and(|name| (self.is_wanted)(&name.to_string_lossy()))
            {
                self.file(entry);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf) {
        // A link to nowhere has no other name.
        if self
            .seen
            .insert(path.canonicalize().unwrap_or_else(|_| path.clone()))
        {
            self.found.push(path);
        }
    }
}
