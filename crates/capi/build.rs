//! How the shared library is linked.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let soname = soname();
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    // Signal handlers, fork hooks and threads outlive dlclose.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if let Some(folder) = output() {
        name_by_version(&folder, &soname);
    }
}

/// Below 1.0 each minor version may break what links to it.
fn soname() -> String {
    let part = |name: &str| env::var(name).unwrap_or_default();
    let (major, minor) = (part("CARGO_PKG_VERSION_MAJOR"), part("CARGO_PKG_VERSION_MINOR"));
    if major == "0" {
        format!("libpagewright.so.{major}.{minor}")
    } else {
        format!("libpagewright.so.{major}")
    }
}

/// Where the library is left: `OUT_DIR` is `<there>/build/<package>/out`.
fn output() -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    out.ancestors().nth(3).map(Path::to_path_buf)
}

/// Programs ask for the library by its soname, so that they run against a plain
/// `cargo build` too, beside the library there is a link of that name to it.
fn name_by_version(folder: &Path, soname: &str) {
    let link = folder.join(soname);
    if fs::read_link(&link).is_ok_and(|target| target == Path::new("libpagewright.so")) {
        return;
    }
    // A folder that cannot be written to costs those programs the link, and nothing else.
    if let Err(error) = symlink("libpagewright.so", &link) {
        println!("cargo::warning=cannot make {}: {error}", link.display());
    }
}
