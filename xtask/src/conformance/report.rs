//! The document itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::catalogue::{Catalogue, Contract, Family, Row};
use super::judge::{Status, Verdict, Verdicts};
use super::notes::Notes;
use super::tags::{Extent, Place};

/// The families of which nearly all asserted rows are to hold on each machine.
const CORE: [&str; 11] = ["VA", "VF", "VP", "VQ", "RW", "HR", "GP", "WW", "RS", "LP", "VL"];

/// How many tests of a row are named.
const SHOWN: usize = 3;

const HEAD: &str = "\
# Conformance

<!-- Made by `cargo xtask conformance` from the tests; do not edit. -->

Every row of the three contracts, and what became of it:

- **holds**: the test named beside it proves it.
- **differs**: it holds with a difference, which the sentence names; the test proves what holds.
- **planned**: it is not there yet; the sentence names what brings it.
- **not applicable**: it speaks of something that Linux does not have, or of systems older than the contract.

What the tests say they prove stands above each of them (`// Rows: …`); the rows themselves are in
[conformance/rows](conformance/rows), the sentences in [conformance/notes.toml](conformance/notes.toml).
`cargo test` fails if a row has neither a test nor a sentence, or if this document is stale.

Evidence of the rows of Win32 and Windows CE: **W** asserted by a test suite that runs on Windows itself, **R** by one that ran on
Windows Server 2003, **D** documented, **A** inferred, **P** chosen here because the documents are silent.
Of Mach: **T** tested by a Mach system's own tests, **M** in a manual, **S** seen in the behaviour of a system.
Codes of Mach are shortened: OK, ADDR, PROT, NOSPC, ARG, … for `KERN_SUCCESS`, `KERN_INVALID_ADDRESS`, `KERN_PROTECTION_FAILURE`,
`KERN_NO_SPACE`, `KERN_INVALID_ARGUMENT`, …

";

/// How many rows of a set have which status.
#[derive(Clone, Copy, Default)]
struct Count {
    all: usize,
    holds: usize,
    differs: usize,
    planned: usize,
    inapplicable: usize,
}

impl Count {
    fn of<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Self {
        let mut count = Self::default();
        for verdict in verdicts {
            count.all += 1;
            match verdict.status {
                Status::Holds => count.holds += 1,
                Status::Differs => count.differs += 1,
                Status::Planned => count.planned += 1,
                Status::Inapplicable => count.inapplicable += 1,
            }
        }
        count
    }

    fn held(self) -> usize {
        self.holds + self.differs
    }

    fn applicable(self) -> usize {
        self.all - self.inapplicable
    }
}

/// The whole document.
pub(crate) fn write(catalogue: &Catalogue, verdicts: &Verdicts, notes: &Notes) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## Summary\n\n");
    bar(&mut text, catalogue, verdicts, notes);
    summary(&mut text, catalogue, verdicts);
    for contract in &catalogue.contracts {
        for family in &contract.families {
            rows(&mut text, contract, family, verdicts);
        }
    }
    text
}

fn summary(text: &mut String, catalogue: &Catalogue, verdicts: &Verdicts) {
    text.push_str("| contract | family | rows | holds | differs | planned | not applicable | held of applicable | of W, held |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for contract in &catalogue.contracts {
        for family in &contract.families {
            line(text, contract.title, &family_link(family), family.rows.iter(), verdicts);
        }
    }
    for contract in &catalogue.contracts {
        let all = contract.families.iter().flat_map(|family| &family.rows);
        line(text, contract.title, "**all**", all, verdicts);
    }
    line(text, "**all**", "", catalogue.rows(), verdicts);
    text.push('\n');
}

fn line<'a>(
    text: &mut String,
    contract: &str,
    family: &str,
    rows: impl Iterator<Item = &'a Row> + Clone,
    verdicts: &Verdicts,
) {
    let count = Count::of(rows.clone().map(|row| &verdicts[&row.id]));
    let asserted = Count::of(rows.filter(|row| row.is_asserted()).map(|row| &verdicts[&row.id]));
    let Count { all, holds, differs, planned, inapplicable } = count;
    let _ = writeln!(
        text,
        "| {contract} | {family} | {all} | {holds} | {differs} | {planned} | {inapplicable} | {} | {} |",
        share(count.held(), count.applicable()),
        share(asserted.held(), asserted.applicable()),
    );
}

/// What the families that the memory calls are about come to, on each machine.
fn bar(text: &mut String, catalogue: &Catalogue, verdicts: &Verdicts, notes: &Notes) {
    let families = catalogue.contracts.iter().flat_map(|contract| &contract.families);
    let rows =
        families.filter(|family| CORE.contains(&family.prefix.as_str())).flat_map(|family| &family.rows);
    let rows: Vec<&Row> = rows.filter(|row| row.is_asserted()).collect();
    let applicable = |row: &&&Row| verdicts[&row.id].status != Status::Inapplicable;
    let guests = |row: &&&Row| applicable(row) && !notes.process.contains_key(&row.id);
    let held = |places: &[Place], of: &dyn Fn(&&&Row) -> bool| {
        rows.iter().filter(of).filter(|row| verdicts[&row.id].holds_in(places)).count()
    };
    let any = [Place::Both, Place::Linux, Place::Soft, Place::Core];
    let [linux, soft] = [vec![Place::Linux, Place::Both], vec![Place::Soft, Place::Both, Place::Core]];
    let _ = writeln!(text, "Rows labelled W in {}:\n", CORE.join(" "));
    text.push_str("| | hold, with or without a difference | of | |\n|---|---|---|---|\n");
    let all = |_: &&&Row| true;
    for (what, places, of) in [
        ("all of them", &any[..], &all as &dyn Fn(&&&Row) -> bool),
        ("those that are applicable", &any[..], &applicable),
        ("those, by a test on processes of Linux", &linux[..], &applicable),
        (
            "those that a guest has a part in, by a test on the software MMU or on the core that it shares",
            &soft[..],
            &guests,
        ),
    ] {
        let (part, whole) = (held(places, of), rows.iter().filter(of).count());
        let _ = writeln!(text, "| {what} | {part} | {whole} | {} |", percent(part, whole));
    }
    text.push_str("\nA guest has no part in:\n\n");
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(applicable) {
        if let Some(why) = notes.process.get(&row.id) {
            reasons.entry(why).or_default().push(&row.id);
        }
    }
    for (why, rows) in reasons {
        let _ = writeln!(text, "- {} ({})", cell(why), rows.join(" "));
    }
    text.push('\n');
}

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "–".into() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 { "–".into() } else { format!("{part} of {whole}, {}", percent(part, whole)) }
}

fn family_link(family: &Family) -> String {
    format!("[{}](#{})", family.prefix, anchor(&family.prefix))
}

fn anchor(prefix: &str) -> String {
    format!("rows-{}", prefix.to_lowercase())
}

fn rows(text: &mut String, contract: &Contract, family: &Family, verdicts: &Verdicts) {
    let Family { prefix, title, rows } = family;
    let _ =
        write!(text, "<a id=\"{}\"></a>\n\n## {prefix}: {title} ({})\n\n", anchor(prefix), contract.title);
    text.push_str("| id | evidence | what | status | test, and why |\n|---|---|---|---|---|\n");
    for row in rows {
        let verdict = &verdicts[&row.id];
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.id,
            row.evidence,
            cell(&row.what),
            word(verdict.status),
            reason(verdict)
        );
    }
    text.push('\n');
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Holds => "holds",
        Status::Differs => "differs",
        Status::Planned => "planned",
        Status::Inapplicable => "not applicable",
    }
}

/// The sentence, and the best tests.
fn reason(verdict: &Verdict) -> String {
    let mut parts = Vec::new();
    if !verdict.why.is_empty() {
        parts.push(cell(&verdict.why));
    }
    if verdict.holds() {
        parts.extend(verdict.proofs.iter().take(SHOWN).map(|proof| match proof.extent {
            Extent::Whole => format!("`{}`", proof.test),
            Extent::Part => format!("`{}` (in part)", proof.test),
        }));
        parts.extend(more(verdict.proofs.len()));
    }
    parts.join(" ")
}

fn more(tests: usize) -> Option<String> {
    let rest = tests.checked_sub(SHOWN).filter(|rest| *rest > 0)?;
    Some(format!("and {rest} more"))
}

/// Text that does not end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;")
}
