//! The constants of the calls about sections.
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use super::super::types::PAGE_PROTECTION_FLAGS;
use super::types::{DUPLICATE_HANDLE_OPTIONS, FILE_MAP, SECTION_FLAGS, SECTION_INHERIT};

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: $type = $value;)*
    };
}

constants! {
    /// Stores go to a private copy.
    FILE_MAP_COPY: FILE_MAP = 1;
    /// Loads and stores.
    FILE_MAP_WRITE: FILE_MAP = 2;
    /// Loads.
    FILE_MAP_READ: FILE_MAP = 4;
    /// Everything but instruction fetch.
    FILE_MAP_ALL_ACCESS: FILE_MAP = 0xf_001f;
    /// Instruction fetch as well.
    FILE_MAP_EXECUTE: FILE_MAP = 0x20;
    /// Large pages: refused.
    FILE_MAP_LARGE_PAGES: FILE_MAP = 0x2000_0000;
    /// No indirect calls into the view; has no effect.
    FILE_MAP_TARGETS_INVALID: FILE_MAP = 0x4000_0000;
    /// The view begins reserved; has no effect.
    FILE_MAP_RESERVE: FILE_MAP = 0x8000_0000;

    /// The section may be asked about.
    SECTION_QUERY: SECTION_FLAGS = 1;
    /// Views for stores.
    SECTION_MAP_WRITE: SECTION_FLAGS = 2;
    /// Views for loads.
    SECTION_MAP_READ: SECTION_FLAGS = 4;
    /// Views for instruction fetch.
    SECTION_MAP_EXECUTE: SECTION_FLAGS = 8;
    /// The section may grow; none does.
    SECTION_EXTEND_SIZE: SECTION_FLAGS = 0x10;
    /// What [`FILE_MAP_EXECUTE`] asks for when a section is opened.
    SECTION_MAP_EXECUTE_EXPLICIT: SECTION_FLAGS = 0x20;
    /// All of them.
    SECTION_ALL_ACCESS: SECTION_FLAGS = 0xf_001f;

    /// The section is that of a file; answered only.
    SEC_FILE: PAGE_PROTECTION_FLAGS = 0x80_0000;
    /// The section is a program image.
    SEC_IMAGE: PAGE_PROTECTION_FLAGS = 0x100_0000;
    /// Pages get memory when they are committed through a view.
    SEC_RESERVE: PAGE_PROTECTION_FLAGS = 0x400_0000;
    /// All pages have memory.
    SEC_COMMIT: PAGE_PROTECTION_FLAGS = 0x800_0000;
    /// Processors do not cache it; kept and reported.
    SEC_NOCACHE: PAGE_PROTECTION_FLAGS = 0x1000_0000;
    /// Processors combine stores; kept and reported.
    SEC_WRITECOMBINE: PAGE_PROTECTION_FLAGS = 0x4000_0000;
    /// Large pages.
    SEC_LARGE_PAGES: PAGE_PROTECTION_FLAGS = 0x8000_0000;

    /// The handle that is duplicated is closed.
    DUPLICATE_CLOSE_SOURCE: DUPLICATE_HANDLE_OPTIONS = 1;
    /// The new handle has the same rights.
    DUPLICATE_SAME_ACCESS: DUPLICATE_HANDLE_OPTIONS = 2;

    /// A child that is created gets the view.
    ViewShare: SECTION_INHERIT = 1;
    /// It does not.
    ViewUnmap: SECTION_INHERIT = 2;
}
