//! What stands where.

use rust::{Backing, Info, Memory, Owner, PageRange, Protection, State};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{Out, Record, User, Visit};
use super::report::{Report, answer};
use super::words;

/// `pw_range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Range {
    base: u64,
    size: u64,
}

impl From<PageRange> for Range {
    fn from(range: PageRange) -> Self {
        Self { base: range.start().get(), size: range.bytes() }
    }
}

/// `pw_region`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Region {
    struct_size: u32,
    state: u32,
    base: u64,
    size: u64,
    allocation: u64,
    protection: u32,
    initial: u32,
    backing: u32,
    owner: u32,
}

// SAFETY: numbers, and no padding: 4 + 4 + 3 · 8 + 4 · 4.
unsafe impl Record for Region {
    const NAME: &'static str = "pw_region";
}

const _: () = assert!(size_of::<Region>() == 48, "as the header says");

/// `pw_state`.
const FREE: u32 = 1;
const RESERVED: u32 = 2;
const COMMITTED: u32 = 3;

impl From<Info> for Region {
    fn from(info: Info) -> Self {
        let blank = Self {
            struct_size: 0,
            state: FREE,
            base: info.base,
            size: info.size,
            allocation: 0,
            protection: 0,
            initial: 0,
            backing: 0,
            owner: 0,
        };
        let memory = |state, allocation, initial: Protection, backing: Backing, owner: Owner| Self {
            state,
            allocation,
            initial: words::bits(initial),
            backing: words::backing(backing),
            owner: words::owner(owner),
            ..blank
        };
        match info.state {
            State::Free => blank,
            State::Reserved { allocation, initial, backing } => {
                memory(RESERVED, allocation, initial, backing, Owner::Own)
            }
            State::Committed { allocation, initial, protection, backing, owner } => {
                let memory = memory(COMMITTED, allocation, initial, backing, owner);
                Self { protection: words::bits(protection), ..memory }
            }
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn pw_query(process: Handle, at: u64, region: Out<Region>, error: Out<Report>) -> Code {
    answer(error, || {
        let region = region.checked()?;
        region.put_record(process.process()?.query(at)?.into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_walk(process: Handle, visit: Visit<Region>, user: User, error: Out<Report>) -> Code {
    answer(error, || {
        let visit = visit.needed("visit")?;
        let regions = process.process()?.regions()?;
        visit.each(user, regions.into_iter().map(|info| Region::from(info).sized()));
        Ok(())
    })
}
