//! The table of explained differences, as `docs/differential.md` shows it.

use std::fmt::Write;
use std::fs;

use super::{folder, root};

const BEGIN: &str = "<!-- The table: made by `cargo xtask wine --table` from known.toml. -->\n";
const END: &str = "<!-- End of the table. -->\n";

/// Writes the table anew.
pub(super) fn write() -> Result<(), String> {
    let (path, text) = page()?;
    fs::write(&path, renewed(&text)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn page() -> Result<(std::path::PathBuf, String), String> {
    let path = root().join("docs/differential.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((path, text))
}

/// The page with the table as it should be.
fn renewed(page: &str) -> Result<String, String> {
    let odd = "docs/differential.md has no place for the table";
    let (before, rest) = page.split_once(BEGIN).ok_or(odd)?;
    let (_, after) = rest.split_once(END).ok_or(odd)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table()?))
}

fn table() -> Result<String, String> {
    let path = folder().join("known.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let known: toml::Table = text.parse().map_err(|error| format!("known.toml: {error}"))?;
    let entries =
        known.get("difference").and_then(toml::Value::as_array).ok_or("known.toml lists nothing")?;
    let mut table = String::from("\n| rows | what holds | of Wine | ours |\n|---|---|---|---|\n");
    for entry in entries {
        let word = |key: &str| entry.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            word("rows"),
            word("what"),
            code(word("wine")),
            code(word("ours"))
        );
    }
    table.push('\n');
    Ok(table)
}

/// A pattern, so that the table shows it as it is.
fn code(pattern: &str) -> String {
    format!("`{}`", pattern.replace('|', "\\|"))
}

#[cfg(test)]
mod stale {
    /// If this fails: `cargo xtask wine --table`.
    #[test]
    fn the_page_about_differences_is_not_stale() {
        let (_, text) = super::page().expect("the page");
        let renewed = super::renewed(&text).expect("a table");
        assert!(renewed == text, "docs/differential.md is stale; `cargo xtask wine --table` writes it anew");
    }
}
