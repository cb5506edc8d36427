//! The verbs: one file each, read from the top as decode, plan, perform.

mod allocate;
mod free;
mod lock;
mod protect;
mod query;

pub use allocate::{Action, Allocate, Order, Place, Window};
pub use free::{Disposal, Free};
pub use lock::Lock;
pub use protect::Protect;
pub use query::{Info, Owner, State};

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
            Refusal::Other(number) => Self::Machine(number),
        }
    }
}
