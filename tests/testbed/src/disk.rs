//! A disk of its own that is soon full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A mounted filesystem of a few hundred kilobytes in memory; unmounted when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// One that holds so many kilobytes; `None`, said loudly, where nobody may mount it.
    ///
    /// # Panics
    /// Where nobody may mount it and `CI=true`.
    #[must_use]
    pub fn mount(kilobytes: u32) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("watchkeeper-disk-")
            .tempdir()
            .expect("a temporary folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "no filesystem can be mounted: run the tests as root"
        );
        eprintln!("SKIPPED: a full disk is not tested: only root may mount one");
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte with a file; whoever deletes that makes room again.
    ///
    /// # Panics
    /// When the disk refuses for another reason than that it is full.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).expect("a file");
        loop {
            match file.write(&[0; 1024]) {
                Ok(written) if written > 0 => {}
                Ok(_) => return path,
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return path,
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever is open on it goes on until it is closed.
        let unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.folder.path().display());
        }
    }
}
