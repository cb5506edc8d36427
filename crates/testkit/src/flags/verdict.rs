//! What the facts say of a combination of bits.
//!
//! The order is that of the calls: the type first, then the protection (section VA).

/// What the facts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    /// A valid request for this.
    Valid(T),
    /// It fails with this `GetLastError` code, and changes nothing.
    Refused {
        /// The code.
        code: u32,
        /// What is wrong with it: Nt statuses tell these apart.
        cause: Cause,
        /// The row that says so.
        row: &'static str,
    },
    /// No row decides: it may work, or be refused with 87.
    Open,
}

/// What is wrong with a combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The type: `INVALID_PARAMETER_5`, of frees `_4`, or plain `INVALID_PARAMETER`.
    Type,
    /// The protection of a window: `INVALID_PARAMETER_6`.
    Window,
    /// The protection: `INVALID_PAGE_PROTECTION`.
    Protection,
    /// What stands there: `CONFLICTING_ADDRESSES`.
    Place,
    /// The size: `INVALID_PARAMETER_3`, of releases 87 before the kernel is asked.
    Size,
}

/// What a valid combination of `VirtualAlloc` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To reserve.
    Reserve,
    /// To commit; without an address, to reserve as well (VA06).
    Commit,
    /// Both.
    ReserveCommit,
    /// A window for frames.
    Window,
    /// Large pages: of the size and the privilege for them.
    Large,
    /// That content may go.
    Reset,
    /// That it may not any more.
    UndoReset,
}

/// What a valid combination of `VirtualFree` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeing {
    /// To take the memory.
    Decommit,
    /// To take the range.
    Release,
}

const COMMIT: u32 = 0x1000;
const RESERVE: u32 = 0x2000;
const DECOMMIT: u32 = 0x4000;
const RELEASE: u32 = 0x8000;
const RESET: u32 = 0x8_0000;
const TOP_DOWN: u32 = 0x10_0000;
const WRITE_WATCH: u32 = 0x20_0000;
const PHYSICAL: u32 = 0x40_0000;
const RESET_UNDO: u32 = 0x100_0000;
const LARGE_PAGES: u32 = 0x2000_0000;
const COALESCE: u32 = 1;
const PRESERVE: u32 = 2;

/// What `VirtualAlloc` has a meaning for.
const MEANT: u32 = COMMIT | RESERVE | RESET | TOP_DOWN | WRITE_WATCH | PHYSICAL | RESET_UNDO | LARGE_PAGES;

const NOACCESS: u32 = 0x1;
const READWRITE: u32 = 0x4;
const WRITECOPY: u32 = 0x8;
const EXECUTE_WRITECOPY: u32 = 0x80;
const EXECUTE_ANY: u32 = 0xf0;
const GUARD: u32 = 0x100;
const NOCACHE: u32 = 0x200;
const WRITECOMBINE: u32 = 0x400;
const TARGETS: u32 = 0x4000_0000;

const fn refused<T>(cause: Cause, row: &'static str) -> Verdict<T> {
    Verdict::Refused { code: 87, cause, row }
}

impl<T> Verdict<T> {
    /// The second verdict if this one leaves it to that.
    fn then<U>(self, next: impl FnOnce(T) -> Verdict<U>) -> Verdict<U> {
        match self {
            Self::Valid(asks) => next(asks),
            Self::Refused { code, cause, row } => Verdict::Refused { code, cause, row },
            Self::Open => Verdict::Open,
        }
    }
}

/// `VirtualAlloc` and its kin, for private memory.
pub fn allocation(kind: u32, protect: u32) -> Verdict<Asks> {
    match kinds(kind) {
        Verdict::Valid(Asks::Window) if protect != READWRITE => refused(Cause::Window, "LP18"),
        // LP19 has two answers for the type; the protection must be right in any case.
        Verdict::Open => match protection(protect) {
            Verdict::Refused { code, cause, row } if kind & PHYSICAL == 0 => {
                Verdict::Refused { code, cause, row }
            }
            Verdict::Refused { .. } => refused(Cause::Window, "LP18"),
            Verdict::Valid(()) | Verdict::Open => Verdict::Open,
        },
        Verdict::Valid(asks @ (Asks::Reset | Asks::UndoReset)) => {
            content_change(protect).then(|()| Verdict::Valid(asks))
        }
        // LP07: large pages are always for reading and writing; what else may be asked for
        // says no row.
        Verdict::Valid(Asks::Large) if protect != READWRITE => protection(protect).then(|()| Verdict::Open),
        asked => asked.then(|asks| protection(protect).then(|()| Verdict::Valid(asks))),
    }
}

/// The type alone.
fn kinds(kind: u32) -> Verdict<Asks> {
    let has = |bits| kind & bits == bits;
    if kind & !MEANT != 0 {
        return refused(Cause::Type, if has(0x4000_0000) { "VA45" } else { "VA44 VA48" });
    }
    match kind {
        RESET => return Verdict::Valid(Asks::Reset),
        RESET_UNDO => return Verdict::Valid(Asks::UndoReset),
        _ if has(RESET) => return refused(Cause::Type, "RS08 RS09 RS10 RS11 VA47"),
        _ if has(RESET_UNDO) => return refused(Cause::Type, "RS17"),
        _ => {}
    }
    if kind & (COMMIT | RESERVE) == 0 {
        return refused(Cause::Type, if has(PHYSICAL) { "LP14" } else { "VA40 VA41" });
    }
    if has(WRITE_WATCH) && !has(RESERVE) {
        return refused(Cause::Type, "VA46 WW03");
    }
    if has(PHYSICAL) {
        return windows(kind);
    }
    if has(LARGE_PAGES) {
        return large_pages(kind);
    }
    Verdict::Valid(match (has(RESERVE), has(COMMIT)) {
        (true, true) => Asks::ReserveCommit,
        (true, false) => Asks::Reserve,
        (false, _) => Asks::Commit,
    })
}

/// A window is reserved and nothing else, perhaps from the top.
fn windows(kind: u32) -> Verdict<Asks> {
    if kind & COMMIT != 0 {
        refused(Cause::Type, "LP15")
    } else if kind & LARGE_PAGES != 0 {
        refused(Cause::Type, "LP06")
    } else if kind & WRITE_WATCH != 0 {
        // LP19: refused once, permitted later.
        Verdict::Open
    } else {
        Verdict::Valid(Asks::Window)
    }
}

/// Large pages are reserved and committed at once, and never watched.
fn large_pages(kind: u32) -> Verdict<Asks> {
    if kind & WRITE_WATCH != 0 {
        refused(Cause::Type, "LP06")
    } else if kind & COMMIT == 0 {
        refused(Cause::Type, "LP05")
    } else if kind & RESERVE == 0 {
        // LP05 wants one operation, VA06 makes one of a commit without an address.
        Verdict::Open
    } else {
        Verdict::Valid(Asks::Large)
    }
}

/// A protection of private memory.
fn protection(protect: u32) -> Verdict<()> {
    basic(protect).then(|base| match base {
        WRITECOPY | EXECUTE_WRITECOPY => refused(Cause::Protection, "VA54 VP09"),
        base => targets(protect, base),
    })
}

/// A protection that has no effect, and must be one all the same (RS12). Whether those for
/// copies are, says no row.
pub fn content_change(protect: u32) -> Verdict<()> {
    basic(protect).then(|base| match base {
        WRITECOPY | EXECUTE_WRITECOPY => Verdict::Open,
        base => targets(protect, base),
    })
}

/// VA61 and VP41 speak of executable pages only.
const fn targets(protect: u32, base: u32) -> Verdict<()> {
    if protect & TARGETS != 0 && base & EXECUTE_ANY == 0 { Verdict::Open } else { Verdict::Valid(()) }
}

/// The one base value of a protection, if it has one, and modifiers that go with it.
fn basic(protect: u32) -> Verdict<u32> {
    let (base, modifiers) = (protect & 0xff, protect & (GUARD | NOCACHE | WRITECOMBINE));
    let rest = protect & !(0xff | GUARD | NOCACHE | WRITECOMBINE | TARGETS);
    if rest != 0 {
        return refused(Cause::Protection, "VA56");
    }
    match base.count_ones() {
        0 => return refused(Cause::Protection, "VA49 VA50 VP15"),
        1 => {}
        _ => return refused(Cause::Protection, "VA51 VA53 VP08"),
    }
    if base == NOACCESS && modifiers != 0 {
        return refused(Cause::Protection, "VA57 VA58 VA59 GP19 VP31");
    }
    if modifiers.count_ones() > 1 {
        return refused(Cause::Protection, "VA59");
    }
    Verdict::Valid(base)
}

/// `VirtualProtect` on committed private memory. Valid combinations are kept, but for the
/// cache attributes: those are the allocation's (VP25 to VP27).
pub fn change(protect: u32) -> Verdict<()> {
    protection(protect)
}

/// `VirtualFree` at the base of an ordinary allocation of `whole` bytes.
pub fn freeing(kind: u32, size: u64, whole: u64) -> Verdict<Freeing> {
    let placeholder = kind & (COALESCE | PRESERVE);
    if kind & !(DECOMMIT | RELEASE | COALESCE | PRESERVE) != 0 || kind & (DECOMMIT | RELEASE) == 0 {
        return refused(Cause::Type, "VF01 VF02 VF03 PH23");
    }
    if kind & DECOMMIT != 0 {
        let row = if kind & RELEASE != 0 { "VF04" } else { "VF03" };
        return if kind == DECOMMIT { Verdict::Valid(Freeing::Decommit) } else { refused(Cause::Type, row) };
    }
    match (placeholder, size) {
        (0, 0) => Verdict::Valid(Freeing::Release),
        (0, _) => refused(Cause::Size, "VF14"),
        (PRESERVE | COALESCE, 0) => refused(Cause::Size, "PH17 PH27"),
        (PRESERVE | COALESCE, size) if size == whole => {
            Verdict::Refused { code: 487, cause: Cause::Place, row: "PH15 PH22" }
        }
        _ => Verdict::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{PROTECTION_BITS, TYPE_BITS, spell, words};

    fn row<T>(verdict: Verdict<T>) -> &'static str {
        match verdict {
            Verdict::Refused { row, .. } => row,
            Verdict::Valid(_) => "valid",
            Verdict::Open => "open",
        }
    }

    #[test]
    fn the_examples_of_the_rows_are_judged_by_their_rows() {
        for (name, kind, protect) in [
            ("VA40", 0, 4),
            ("VA41", 0x10_0000, 4),
            ("VA44", !0x4000_0000, 4),
            ("VA45", 0x4000_3000, 4),
            ("VA46", 0x20_1000, 4),
            ("VA47", 0x8_1000, 4),
            ("VA48", 0x4_2000, 4),
            ("VA49", 0x2000, 0),
            ("VA50", 0x1000, 0),
            ("VA51", 0x1000, 0x12),
            ("VA53", 0x1000, 0x3),
            ("VA54", 0x2000, 0x80),
            ("VA56", 0x1000, 0x804),
            ("VA57", 0x1000, 0x101),
            ("VA58", 0x1000, 0x401),
            ("VA59", 0x1000, 0x604),
            ("RS10", 0x18_0000, 4),
            ("VA49", 0x8_0000, 0),
            ("RS17", 0x100_1000, 4),
            ("LP05", 0x2000_2000, 4),
            ("LP06", 0x2020_3000, 4),
            ("LP14", 0x40_0000, 4),
            ("LP15", 0x40_3000, 4),
            ("LP18", 0x40_2000, 2),
            ("LP18", 0x40_2000, 0),
        ] {
            let said = row(allocation(kind, protect));
            assert!(said.contains(name), "{kind:#x} {protect:#x}: {said}, not {name}");
        }
    }

    #[test]
    fn what_works_in_the_rows_is_valid() {
        for (kind, protect, asks) in [
            (0x10_1000, 4, Asks::Commit),
            (0x10_3000, 4, Asks::ReserveCommit),
            (0x2000, 0x402, Asks::Reserve),
            (0x3000, 0x4000_0010, Asks::ReserveCommit),
            (0x1000, 0x204, Asks::Commit),
            (0x3000, 0x104, Asks::ReserveCommit),
            (0x20_2000, 1, Asks::Reserve),
            (0x50_2000, 4, Asks::Window),
            (0x2000_3000, 4, Asks::Large),
            (0x8_0000, 1, Asks::Reset),
            (0x100_0000, 1, Asks::UndoReset),
        ] {
            assert_eq!(allocation(kind, protect), Verdict::Valid(asks), "{kind:#x} {protect:#x}");
        }
    }

    /// Counted by hand: what is valid is rare.
    #[test]
    fn as_many_are_valid_as_there_are_ways() {
        let valid =
            |protect| words(&TYPE_BITS).filter(move |kind| row(allocation(*kind, protect)) == "valid");
        // Of commit, reserve and both, each with and without top-down; watched, the two that
        // reserve; reset, its undo, windows and large pages, these with and without top-down.
        assert_eq!(valid(4).count(), 6 + 4 + 2 + 2 + 2, "read and write");
        assert_eq!(valid(2).count(), 6 + 4 + 2, "no windows, and large pages are open");
        assert_eq!(valid(8).count(), 0);
        let changes = words(&PROTECTION_BITS).filter(|protect| row(change(*protect)) == "valid");
        // Five kinds, plain and with one of three modifiers, and no access; of the three that
        // execute, all again with the targets bit.
        let mut names = changes.map(|protect| spell(&PROTECTION_BITS, protect));
        assert_eq!(names.by_ref().count(), 5 * 4 + 1 + 3 * 4);
    }

    #[test]
    fn frees_are_one_of_two() {
        let both = |kind| (row(freeing(kind, 0, 0x1000)), row(freeing(kind, 0x1000, 0x1000)));
        assert_eq!(both(DECOMMIT), ("valid", "valid"));
        assert_eq!(both(RELEASE), ("valid", "VF14"));
        assert_eq!(both(RELEASE | DECOMMIT), ("VF04", "VF04"));
        assert_eq!(both(RELEASE | PRESERVE), ("PH17 PH27", "PH15 PH22"));
        for kind in words(&TYPE_BITS).filter(|kind| kind & !0xc003 != 0) {
            assert!(both(kind).0.contains("VF03"), "{kind:#x}");
        }
    }
}
