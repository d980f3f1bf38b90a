//! The zip that a pack is: written file by file, each with its digest, and always the same bytes for the same content.

use crate::desk::RespondError;
use crate::table::unwritten;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::io::{Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The file that names all the others.
pub(super) const MANIFEST: &str = "manifest.json";

/// What the manifest says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Its path in the pack.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
}

/// A pack that is being written.
pub(super) struct Archive<W: Write + Seek> {
    zip: ZipWriter<W>,
    contents: Vec<Content>,
    open: Option<(String, Sha256, u64)>,
}

impl<W: Write + Seek> Archive<W> {
    pub(super) fn new(to: W) -> Self {
        Self {
            zip: ZipWriter::new(to),
            contents: Vec::new(),
            open: None,
        }
    }

    /// Begins a file; what is written from now on is in it.
    pub(super) fn begin(&mut self, path: impl Into<String>) -> Result<&mut Self, RespondError> {
        let path = path.into();
        self.close();
        // No instant of this machine and no attribute of it stands in the zip.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644)
            .large_file(true);
        self.zip.start_file(path.as_str(), options).map_err(unwritten)?;
        self.open = Some((path, Sha256::new(), 0));
        Ok(self)
    }

    /// Writes a whole file.
    pub(super) fn file(&mut self, path: impl Into<String>, bytes: &[u8]) -> Result<(), RespondError> {
        self.begin(path)?.write_all(bytes).map_err(unwritten)
    }

    /// Writes a whole file of JSON, for people to read as well.
    pub(super) fn json(&mut self, path: &str, value: &impl Serialize) -> Result<(), RespondError> {
        let mut text = serde_json::to_vec_pretty(value).map_err(unwritten)?;
        text.push(b'\n');
        self.file(path, &text)
    }

    /// Writes a line of JSON into the file that is open.
    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<(), RespondError> {
        let mut text = serde_json::to_vec(value).map_err(unwritten)?;
        text.push(b'\n');
        self.write_all(&text).map_err(unwritten)
    }

    fn close(&mut self) {
        let Some((path, digest, bytes)) = self.open.take() else {
            return;
        };
        self.contents.push(Content {
            path,
            bytes,
            sha256: hex::encode(digest.finalize()),
        });
    }

    /// Writes the manifest, which names every file, and the zip's own directory. Gives the manifest's digest and what it names.
    pub(super) fn end(mut self, about: serde_json::Value) -> Result<(String, Vec<Content>), RespondError> {
        self.close();
        let mut contents = std::mem::take(&mut self.contents);
        contents.sort_by(|a, b| a.path.cmp(&b.path));
        let mut manifest = about;
        manifest["files"] = serde_json::to_value(&contents).map_err(unwritten)?;
        self.json(MANIFEST, &manifest)?;
        self.close();
        let digest = self.contents.pop().map(|manifest| manifest.sha256);
        self.zip.finish().map_err(unwritten)?.flush().map_err(unwritten)?;
        Ok((digest.unwrap_or_default(), contents))
    }
}

impl<W: Write + Seek> Write for Archive<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.zip.write(bytes)?;
        if let Some((_, digest, size)) = &mut self.open {
            digest.update(&bytes[..written]);
            *size += written as u64;
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.zip.flush()
    }
}
