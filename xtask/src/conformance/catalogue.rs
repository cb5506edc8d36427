//! What there is to prove: the rows of the contracts, in families.

use std::path::Path;

use super::text;

/// The contracts, in the order of the document: file of rows, title.
const CONTRACTS: [(&str, &str); 3] =
    [("win32.tsv", "Win32"), ("wince.tsv", "Windows CE"), ("mach.tsv", "Mach")];

/// All contracts.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) contracts: Vec<Contract>,
}

#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) title: &'static str,
    pub(crate) families: Vec<Family>,
}

/// Rows about one matter; their ids begin with the prefix.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) prefix: String,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// Letters that say where the row comes from.
    pub(crate) evidence: String,
    pub(crate) what: String,
}

impl Row {
    /// Whether a test suite that runs on Windows itself asserts it.
    pub(crate) fn is_asserted(&self) -> bool {
        self.evidence.contains('W')
    }
}

impl Catalogue {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> + Clone {
        self.contracts.iter().flat_map(|contract| &contract.families).flat_map(|family| &family.rows)
    }
}

pub(crate) fn read(folder: &Path) -> Result<Catalogue, String> {
    let mut contracts = Vec::new();
    for (file, title) in CONTRACTS {
        let families = families(&text(&folder.join(file))?).map_err(|what| format!("{file}: {what}"))?;
        contracts.push(Contract { title, families });
    }
    let catalogue = Catalogue { contracts };
    unique(&catalogue)?;
    Ok(catalogue)
}

fn families(text: &str) -> Result<Vec<Family>, String> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("#! ") {
            let (prefix, title) = head.split_once('\t').ok_or_else(|| format!("no title: {line}"))?;
            families.push(Family { prefix: prefix.into(), title: title.into(), rows: Vec::new() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let family = families.last_mut().ok_or_else(|| format!("before any family: {line}"))?;
            family.rows.push(row(line, &family.prefix)?);
        }
    }
    Ok(families)
}

fn row(line: &str, prefix: &str) -> Result<Row, String> {
    let cells: Vec<&str> = line.split('\t').collect();
    match cells[..] {
        [id, evidence, what] if id.starts_with(prefix) => {
            Ok(Row { id: id.into(), evidence: evidence.into(), what: what.into() })
        }
        _ => Err(format!("not `id, evidence, what` of family {prefix}: {line}")),
    }
}

fn unique(catalogue: &Catalogue) -> Result<(), String> {
    let mut ids: Vec<&str> = catalogue.rows().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("row {} is there twice", pair[0])),
        None => Ok(()),
    }
}
