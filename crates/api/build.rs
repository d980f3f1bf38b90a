//! Makes sure that there is a console to embed: a fresh clone builds without Node, and the page then says what to do.

use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\">\n<title>Watchkeeper</title>\n<h1>The console was not built</h1>\n\
                           <p>Run <code>make web</code> and build the binary again. The API and the pages for signing in and for \
                           acknowledging a page work without it.</p>\n</html>\n";

fn main() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    let index = dist.join("index.html");
    println!("cargo:rerun-if-changed={}", dist.display());
    if index.exists() {
        return;
    }
    let made = std::fs::create_dir_all(&dist).and_then(|()| std::fs::write(&index, PLACEHOLDER));
    if let Err(fault) = made {
        // The embedding fails next, and this line then says why.
        println!("cargo:warning=cannot write {}: {fault}", index.display());
    }
}
