//! Where a story happens: an empty database on one of the two engines, and a folder.

use std::path::Path;
use tempfile::TempDir;
use watchkeeper_testbed::postgres::Cluster;

/// An empty database and a folder, both gone with the process at the latest.
#[derive(Debug)]
pub struct Place {
    /// `sqlite` or `postgresql`.
    pub engine: &'static str,
    /// The database's address.
    pub url: String,
    folder: TempDir,
}

impl Place {
    /// On SQLite.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = folder();
        let url = format!("sqlite:{}", folder.path().join("watchkeeper.db").display());
        Self {
            engine: "sqlite",
            url,
            folder,
        }
    }

    /// On PostgreSQL; `None`, said loudly, where it is not installed.
    ///
    /// # Panics
    /// Where it is not installed and `CI=true`.
    #[must_use]
    pub fn postgresql() -> Option<Self> {
        let cluster = Cluster::shared()?;
        Some(Self {
            engine: "postgresql",
            url: cluster.fresh_database(),
            folder: folder(),
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("watchkeeper-story-")
        .tempdir()
        .expect("a temporary folder")
}
