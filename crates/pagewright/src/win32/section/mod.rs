//! Sections: memory with a name, and the views of it.
//!
//! ```text
//!   calls      CreateFileMappingW, MapViewOfFile …    words and pointers in, last error out
//!   create     flags -> a section, with a name or without
//!   map        access -> a view in a process
//!   object     what a handle of a section stands for
//! ```
//!
//! A section is an object of this process's address space: memory, or a file that the
//! program opened ([`file_handle`]). It goes with its last handle and its last view. Names
//! are those of this process. In another process a view is mapped from the same memory,
//! through the resident there.

mod calls;
mod constants;
mod create;
mod file;
mod map;
mod nt;
mod object;
mod types;

pub use calls::{
    CreateFileMappingA, CreateFileMappingFromApp, CreateFileMappingW, DuplicateHandle, MapViewOfFile,
    MapViewOfFile3, MapViewOfFileEx, MapViewOfFileFromApp, MapViewOfFileNuma2, OpenFileMappingA,
    OpenFileMappingFromApp, OpenFileMappingW, UnmapViewOfFile, UnmapViewOfFile2, UnmapViewOfFileEx,
};
pub(super) use calls::{narrow, wide};
pub use constants::*;
pub use create::file_handle;
pub(super) use create::{ATTRIBUTES, Found, Wanted, create, hold, open};
pub use file::PwFileHandle;
pub use nt::*;
pub(super) use object::Section;
pub use types::*;
