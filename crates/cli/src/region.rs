//! One region as every command shows it.

use pagewright::{Info, Owner, State};
use serde_json::{Value, json};

use crate::maps::{self, Line};
use crate::render::{self, Align, Cell, Table, cell, hex, human, plain};
use crate::words;

/// The name of what was allocated with Pagewright.
const OURS: &str = "pagewright";

/// An answer of the library with its words, and the name that the kernel has for the place.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub(crate) base: u64,
    pub(crate) size: u64,
    pub(crate) state: &'static str,
    /// Nothing where it is free.
    pub(crate) kind: Option<&'static str>,
    /// Only of committed pages.
    pub(crate) protect: Option<String>,
    /// Base and first protection of the allocation.
    pub(crate) allocation: Option<(u64, String)>,
    pub(crate) name: Option<String>,
    pub(crate) owner: Owner,
}

impl Region {
    pub(crate) fn new(info: &Info, lines: &[Line]) -> Self {
        let blank = Self {
            base: info.base,
            size: info.size,
            state: "free",
            kind: None,
            protect: Some("none".to_owned()),
            allocation: None,
            name: None,
            owner: Owner::Foreign,
        };
        match info.state {
            State::Free => blank,
            State::Reserved { allocation, initial, backing } => Self {
                state: "reserve",
                kind: Some(words::kind(backing)),
                protect: None,
                allocation: Some((allocation, words::protect(initial))),
                name: Some(OURS.to_owned()),
                owner: Owner::Own,
                ..blank
            },
            State::Committed { allocation, initial, protection, backing, owner } => Self {
                state: "commit",
                kind: Some(words::kind(backing)),
                protect: Some(words::protect(protection)),
                allocation: Some((allocation, words::protect(initial))),
                name: name(owner, info.base, lines),
                owner,
                ..blank
            },
        }
    }

    /// The keys that scripts rely on; what a region does not have is null. Free memory
    /// has no access, and says so, as the Win32 call does (fact VQ01).
    pub(crate) fn json(&self) -> Value {
        let allocation = self.allocation.as_ref();
        json!({
            "base": hex(self.base),
            "size": self.size,
            "state": self.state,
            "type": self.kind,
            "protect": self.protect,
            "allocation_base": allocation.map(|(base, _)| hex(*base)),
            "allocation_protect": allocation.map(|(_, protect)| protect),
            "name": self.name,
        })
    }

    /// In the order of [`COLUMNS`].
    fn cells(&self) -> [Cell; COLUMNS.len()] {
        let protect = self.protect.as_deref().unwrap_or("-");
        let name_style = match self.owner {
            Owner::Own => render::OURS,
            Owner::Foreign => anstyle::Style::new(),
        };
        [
            plain(hex(self.base)),
            plain(hex(self.base.saturating_add(self.size))),
            plain(human(self.size)),
            cell(render::state_style(self.state), self.state),
            cell(render::protect_style(protect), protect),
            cell(render::DIM, self.kind.unwrap_or("-")),
            cell(name_style, self.name.as_deref().unwrap_or("")),
        ]
    }
}

const COLUMNS: [(&str, Align); 7] = [
    ("FROM", Align::Right),
    ("TO", Align::Right),
    ("SIZE", Align::Right),
    ("STATE", Align::Left),
    ("PROTECT", Align::Left),
    ("TYPE", Align::Left),
    ("NAME", Align::Left),
];
/// What a narrow terminal does without: the end follows from the size.
const TO: usize = 1;

/// Regions, one per row.
pub(crate) fn table<'a>(regions: impl IntoIterator<Item = &'a Region>) -> Table {
    let narrow = render::is_narrow();
    let shown = |column: &usize| !(narrow && *column == TO);
    let columns: Vec<_> = (0..COLUMNS.len()).filter(shown).map(|column| COLUMNS[column]).collect();
    let mut table = Table::new(&columns);
    for region in regions {
        let cells = region.cells().into_iter().enumerate();
        table.row(cells.filter(|(column, _)| shown(column)).map(|(_, cell)| cell));
    }
    table
}

fn name(owner: Owner, at: u64, lines: &[Line]) -> Option<String> {
    match owner {
        Owner::Own => Some(OURS.to_owned()),
        Owner::Foreign => maps::at(lines, at).map(|line| line.name.clone()).filter(|name| !name.is_empty()),
    }
}
