//! What the golden table proves: each of its lines names the row that it follows, and the test
//! that writes it fails if a line contradicts the row.

use std::path::Path;

use super::tags::{Extent, Place, Proof};
use super::text;

const TABLE: &str = "crates/pagewright/tests/golden/win32.txt";
const TEST: &str = "pagewright/tests/win32_golden.rs::this_process_does_what_the_golden_table_says";

/// Rows that say nothing but a code, of which the table has every combination of flags.
const CODES: [&str; 7] = ["LP06", "LP14", "LP15", "LP18", "LP19", "RS11", "RS17"];

/// The proofs of the golden table. A line has the code and the state afterwards, which is not
/// always all of the row: so they are parts, but for [`CODES`].
pub(crate) fn read(root: &Path) -> Result<Vec<Proof>, String> {
    let table = text(&root.join(TABLE))?;
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let mut rows: Vec<&str> = lines.filter_map(|line| line.rsplit(" ; ").next()).collect();
    rows.sort_unstable();
    rows.dedup();
    let named = rows.into_iter().filter(|row| *row != "-");
    let extent = |row: &str| if CODES.contains(&row) { Extent::Whole } else { Extent::Part };
    let proof =
        |row: &str| Proof { row: row.into(), test: TEST.into(), extent: extent(row), place: Place::Both };
    Ok(named.map(proof).collect())
}
