//! The verbs: one file each, read from the top as decode, plan, perform.

mod alias;
pub(crate) mod allocate;
mod attribute;
mod copy;
mod fill;
mod fork;
mod frames;
mod free;
mod import;
mod lock;
mod map;
mod meet;
mod placeholder;
mod progress;
mod protect;
mod query;
mod recycle;
mod remap;
mod restrict;
mod search;
mod section;
mod site;
mod survey;
mod unmap;
mod walk;
mod wire_counts;
mod written;

pub use alias::{Alias, Consent, Export, Onto, Receiver};
pub use allocate::{Action, Allocate, Order, Place, Window};
pub use attribute::AttributeRange;
pub use copy::CopyRange;
pub use fork::Fork;
pub use frames::FrameCall;
pub use free::{Disposal, Free};
pub use import::Import;
pub use lock::Lock;
pub use map::{Birth, Map};
pub use meet::{Meeting, Opening, Tripped};
pub use protect::Protect;
pub use query::{Info, Owner, State};
pub use recycle::{Fate, Recycle};
pub use remap::{Remap, RemapCopy, Remapped};
pub use restrict::{Limit, Restrict};
pub use section::{MapView, NewSection};
pub use site::{MapPlace, Overwrite};
pub use survey::{Sharing, Surveyed};
pub use unmap::Unmap;
pub use wire_counts::{Step, WireRange};
pub use written::{Mark, Stores, Written};

use crate::contract::Refusal;
use crate::error::Kind;

impl From<Refusal> for Kind {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Occupied => Self::Conflict,
            Refusal::Unmapped => Self::NotCommitted,
            Refusal::OutOfMemory => Self::OutOfMemory,
            Refusal::MapBudget => Self::MapBudget,
            Refusal::LockQuota => Self::LockQuota,
            Refusal::Denied => Self::AccessDenied,
            Refusal::NoObject => Self::NoObject,
            Refusal::Special => Self::Special,
            Refusal::NoLargePages => Self::NoLargePages,
            Refusal::NoNode => Self::NoNode,
            Refusal::Unsupported => Self::Unsupported,
            Refusal::Other(number) => Self::Machine(number),
        }
    }
}
