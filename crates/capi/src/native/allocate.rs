//! Taking memory, and giving it back.

use rust::{Action, Allocate, Disposal, Free, Memory, Order, PageKind, Place, Traits, Watch, Window};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{In, Out, Record};
use super::region::Range;
use super::report::{Refusal, Report, Result, answer};
use super::words::{self, Word, meant};

/// `pw_allocation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Wish {
    struct_size: u32,
    action: u32,
    size: u64,
    at: u64,
    near_to: u64,
    lowest: u64,
    highest: u64,
    alignment: u64,
    protection: u32,
    flags: u32,
    pages: u32,
    node: u32,
}

// SAFETY: numbers, and no padding: 2 · 4 + 6 · 8 + 4 · 4.
unsafe impl Record for Wish {
    const NAME: &'static str = "pw_allocation";
}

const _: () = assert!(size_of::<Wish>() == 72, "as the header says");

/// `pw_allocation_flags`.
const TOP_DOWN: u32 = 1;
const WATCHED: u32 = 2;
const ON_NODE: u32 = 4;

impl Word for Action {
    const NAME: &'static str = "pw_action";
    const ALL: &'static [(u32, Self)] = &[(1, Self::Reserve), (2, Self::Commit), (3, Self::ReserveCommit)];
}

impl Wish {
    fn decode(&self) -> Result<Allocate> {
        if self.flags & !(TOP_DOWN | WATCHED | ON_NODE) != 0 {
            let sentence =
                format!("the flags are {:#x}, of which some mean nothing; leave them out", self.flags);
            return Err(Refusal::Argument(Code::ERR_BAD_FLAGS, sentence));
        }
        Ok(Allocate {
            place: self.place()?,
            size: self.size,
            action: meant(self.action)?,
            protection: words::protection(self.protection)?,
            traits: self.traits()?,
        })
    }

    fn place(&self) -> Result<Place> {
        let order = if self.flags & TOP_DOWN == 0 { Order::BottomUp } else { Order::TopDown };
        let highest = if self.highest == 0 { u64::MAX } else { self.highest };
        let window = Window { lowest: self.lowest, highest, alignment: self.alignment, order };
        match (self.at, self.near_to) {
            (0, 0) => Ok(Place::Window(window)),
            (at, 0) if window == Window::ANYWHERE => Ok(Place::At(at)),
            (0, near) if window == Window::ANYWHERE => Ok(Place::Near(near)),
            (_, _) => {
                let sentence = "the place is given in two ways; give one of at, near_to, or limits with alignment and order";
                Err(Refusal::Argument(Code::ERR_BAD_FLAGS, sentence.to_owned()))
            }
        }
    }

    fn traits(&self) -> Result<Traits> {
        let watch = if self.flags & WATCHED == 0 { Watch::Off } else { Watch::On };
        let node = match (self.flags & ON_NODE, self.node) {
            (0, 0) => None,
            (0, _) => {
                let sentence = "there is a node without PW_ON_NODE; set that flag, or leave node 0";
                return Err(Refusal::Argument(Code::ERR_BAD_FLAGS, sentence.to_owned()));
            }
            (_, node) => Some(u16::try_from(node).map_err(|_| {
                let sentence = format!("there is no NUMA node {node}; give one that the machine has");
                Refusal::Argument(Code::ERR_NO_NODE, sentence)
            })?),
        };
        let pages: PageKind = meant(self.pages)?;
        Ok(Traits { watch, pages, node })
    }
}

#[unsafe(no_mangle)]
extern "C" fn pw_allocate(process: Handle, wish: In<Wish>, range: Out<Range>, error: Out<Report>) -> Code {
    answer(error, || {
        let range = range.needed("range")?;
        let wish = wish.get_record()?.decode()?;
        range.put(process.process()?.allocate(&wish)?.into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_free(
    process: Handle,
    at: u64,
    size: u64,
    disposal: u32,
    range: Out<Range>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let disposal: Disposal = meant(disposal)?;
        range.put(process.process()?.free(&Free { at, size, disposal })?.into());
        Ok(())
    })
}
