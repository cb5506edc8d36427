//! `MEM_…` words of an allocation: what they ask for, and which never go together.

use pagewright_core::{Action, Fate, Order, PageKind, Watch};

use super::constants::{
    MEM_COMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_REPLACE_PLACEHOLDER, MEM_RESERVE, MEM_RESERVE_PLACEHOLDER,
    MEM_RESET, MEM_RESET_UNDO, MEM_TOP_DOWN, MEM_WRITE_WATCH, PAGE_NOACCESS, PAGE_READWRITE,
};
use super::failure::Failure;
use super::status::NtStatus;

/// What an allocation type asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Memory.
    Memory(Wish),
    /// Another fate for content that is there.
    Content(Fate),
}

/// What kind of memory, and where from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) action: Action,
    pub(super) order: Order,
    pub(super) watch: Watch,
    pub(super) pages: PageKind,
    pub(super) role: Role,
}

/// Which calls a word is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Those that have always been there.
    Plain,
    /// Those with extended parameters, which alone know placeholders.
    Extended,
}

/// What memory is to placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    None,
    /// It is one.
    Placeholder,
    /// It takes the place of one.
    Instead,
}

/// The bits of an allocation type that any version of the call knows.
const KNOWN: u32 = MEM_COMMIT
    | MEM_RESERVE
    | MEM_RESET
    | MEM_TOP_DOWN
    | MEM_WRITE_WATCH
    | MEM_PHYSICAL
    | MEM_RESET_UNDO
    | MEM_LARGE_PAGES;

/// Reads an allocation type. `protect` is looked at only where it is a part of the rule
/// for the type (LP18, PH01); `address` is 0 for "anywhere".
pub(super) fn decode(word: u32, protect: u32, address: u64, words: Words) -> Result<Asked, Failure> {
    let refuse = |status, fix| Err(Failure::argument(status, "allocation type", u64::from(word), fix));
    let role = match role(word, protect, address, words) {
        Ok(role) => role,
        Err(fix) => return refuse(NtStatus::INVALID_PARAMETER, fix),
    };
    let kind = word & !(MEM_RESERVE_PLACEHOLDER | MEM_REPLACE_PLACEHOLDER);
    let has = |bits| kind & bits != 0;
    if let Some(fix) = contradiction(kind, address) {
        return refuse(NtStatus::INVALID_PARAMETER_5, fix);
    }
    if has(MEM_PHYSICAL) && protect != PAGE_READWRITE {
        return refuse(NtStatus::INVALID_PARAMETER_6, "MEM_PHYSICAL needs PAGE_READWRITE"); // LP18
    }
    match kind {
        MEM_RESET => return Ok(Asked::Content(Fate::Reset)),
        MEM_RESET_UNDO => return Ok(Asked::Content(Fate::UndoReset)),
        _ => {}
    }
    let action = match (has(MEM_RESERVE), has(MEM_COMMIT)) {
        (true, true) => Action::ReserveCommit,
        (true, false) => Action::Reserve,
        (false, true) => Action::Commit,
        // VA40, VA41, VA46, LP14.
        (false, false) => {
            return refuse(NtStatus::INVALID_PARAMETER_5, "add MEM_RESERVE, MEM_COMMIT or both");
        }
    };
    Ok(Asked::Memory(Wish {
        action,
        order: if has(MEM_TOP_DOWN) { Order::TopDown } else { Order::BottomUp },
        watch: if has(MEM_WRITE_WATCH) { Watch::On } else { Watch::Off },
        pages: pages(kind),
        role,
    }))
}

/// What a type says of placeholders, or what to change in it.
fn role(word: u32, protect: u32, address: u64, words: Words) -> Result<Role, &'static str> {
    let has = |bits| word & bits != 0;
    match (has(MEM_RESERVE_PLACEHOLDER), has(MEM_REPLACE_PLACEHOLDER)) {
        (false, false) => Ok(Role::None),
        // VA48.
        _ if words == Words::Plain => Err("only VirtualAlloc2 and MapViewOfFile3 know placeholders"),
        (true, true) => Err("a placeholder takes no other's place; remove one of the two"),
        (true, false) if word & !MEM_TOP_DOWN != MEM_RESERVE | MEM_RESERVE_PLACEHOLDER => {
            Err("MEM_RESERVE_PLACEHOLDER goes with MEM_RESERVE, and with no other but MEM_TOP_DOWN")
        }
        (true, false) if protect != PAGE_NOACCESS => Err("a placeholder needs PAGE_NOACCESS"), // PH01
        (true, false) => Ok(Role::Placeholder),
        (false, true) if !has(MEM_RESERVE) => Err("MEM_REPLACE_PLACEHOLDER needs MEM_RESERVE"), // PH10, PH11
        (false, true) if address == 0 => Err("MEM_REPLACE_PLACEHOLDER needs the address of one"),
        (false, true) => Ok(Role::Instead),
    }
}

const fn pages(kind: u32) -> PageKind {
    if kind & MEM_LARGE_PAGES != 0 {
        PageKind::Large
    } else if kind & MEM_PHYSICAL != 0 {
        PageKind::Window
    } else {
        PageKind::Ordinary
    }
}

/// What to change in flags that never go together, or that nobody knows.
fn contradiction(kind: u32, address: u64) -> Option<&'static str> {
    let has = |bits| kind & bits != 0;
    if has(!KNOWN) {
        return Some("remove the bits that are no allocation type"); // VA44, VA45
    }
    if has(MEM_RESET) && kind != MEM_RESET || has(MEM_RESET_UNDO) && kind != MEM_RESET_UNDO {
        return Some("MEM_RESET and MEM_RESET_UNDO stand alone"); // VA47, RS08 to RS11, RS17
    }
    if has(MEM_WRITE_WATCH) && !has(MEM_RESERVE) {
        return Some("MEM_WRITE_WATCH needs MEM_RESERVE"); // VA46, WW03
    }
    if has(MEM_PHYSICAL) && (kind & !MEM_TOP_DOWN != MEM_PHYSICAL | MEM_RESERVE) {
        return Some("MEM_PHYSICAL goes with MEM_RESERVE, and with no other but MEM_TOP_DOWN"); // LP14, LP15, LP19
    }
    if has(MEM_LARGE_PAGES) && has(MEM_WRITE_WATCH) {
        return Some("MEM_LARGE_PAGES excludes MEM_WRITE_WATCH; remove one"); // LP06
    }
    // LP05; without an address MEM_COMMIT reserves as well (VA06).
    if has(MEM_LARGE_PAGES) && (!has(MEM_COMMIT) || !has(MEM_RESERVE) && address != 0) {
        return Some("MEM_LARGE_PAGES needs MEM_RESERVE and MEM_COMMIT in the same call");
    }
    None
}
