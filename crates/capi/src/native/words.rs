//! The words of the header, and the types that they stand for.

use rust::guard::{AccessKind, Delivery};
use rust::{
    After, Backing, Caching, Disposal, Edges, Fate, Guard, GuardAccess, GuardDelivery, Inheritance,
    Leftovers, Owner, PageKind, Protection, Rights, Stores,
};

use super::code::Code;
use super::report::{Refusal, Result};

/// A word of the header that names one of a few things.
pub(super) trait Word: Copy + 'static {
    /// What the header calls the type.
    const NAME: &'static str;
    /// All of them.
    const ALL: &'static [(u32, Self)];
}

/// The thing that a word names.
pub(super) fn meant<T: Word>(word: u32) -> Result<T> {
    let found = T::ALL.iter().find(|(number, _)| *number == word);
    found.map(|(_, thing)| *thing).ok_or_else(|| {
        Refusal::argument(format!("there is no {} with the number {word}; give one of the header", T::NAME))
    })
}

/// Things and their words.
macro_rules! words {
    ($($type:ty, $name:literal: $($number:literal => $thing:expr),*;)*) => {
        $(impl Word for $type {
            const NAME: &'static str = $name;
            const ALL: &'static [(u32, Self)] = &[$(($number, $thing)),*];
        })*
    };
}

words! {
    Disposal, "pw_disposal": 1 => Disposal::Decommit, 2 => Disposal::Release, 3 => Disposal::Unmap;
    PageKind, "pw_pages": 0 => PageKind::Ordinary, 1 => PageKind::Joined, 2 => PageKind::Large,
        3 => PageKind::Huge, 4 => PageKind::Window;
    Leftovers, "pw_leftovers": 0 => Leftovers::Keep, 1 => Leftovers::Release;
    After, "pw_after": 0 => After::Keep, 1 => After::Forget;
    Stores, "pw_stores": 0 => Stores::Forget, 1 => Stores::Note;
    Fate, "pw_fate": 1 => Fate::Reset, 2 => Fate::UndoReset, 3 => Fate::Offer, 4 => Fate::Reclaim,
        5 => Fate::Discard;
    Edges, "pw_edges": 0 => Edges::Strict, 1 => Edges::Split, 2 => Edges::Whole;
    Inheritance, "pw_inheritance": 0 => Inheritance::Copy, 1 => Inheritance::Share, 2 => Inheritance::None;
    Delivery, "pw_delivery": 1 => Delivery::Signal, 2 => Delivery::Userfault, 3 => Delivery::Off;
    GuardDelivery, "pw_guard_delivery": 0 => GuardDelivery::Signal, 1 => GuardDelivery::Event;
}

/// `pw_protection`: what may be done, and modifiers.
const RIGHTS: u32 = 0x0f;
const GUARD: u32 = 0x10;
const NO_CACHE: u32 = 0x20;
const WRITE_COMBINE: u32 = 0x40;

/// The protection that the bits name. Whether memory can have it is not asked here.
pub(super) fn protection(bits: u32) -> Result<Protection> {
    let refuse = |why: &str| {
        let sentence =
            format!("the protection is {bits:#x}, which {why}; join PW_READ, PW_WRITE, PW_EXECUTE");
        Err(Refusal::Argument(Code::ERR_BAD_PROTECTION, sentence))
    };
    let caching = match bits & (NO_CACHE | WRITE_COMBINE) {
        0 => Caching::Normal,
        NO_CACHE => Caching::NoCache,
        WRITE_COMBINE => Caching::WriteCombine,
        _ => return refuse("names two ways to cache"),
    };
    if bits & !(RIGHTS | GUARD | NO_CACHE | WRITE_COMBINE) != 0 {
        return refuse("has bits that mean nothing");
    }
    let rights = Rights::from_bits_truncate((bits & RIGHTS) as u8);
    if rights.contains(Rights::COPY | Rights::WRITE) {
        return refuse("says both that stores go through and that they go to a copy");
    }
    let guard = if bits & GUARD == 0 { Guard::Clear } else { Guard::Armed };
    Ok(Protection { rights, guard, caching })
}

/// The bits for a protection.
pub(super) fn bits(protection: Protection) -> u32 {
    let guard = match protection.guard {
        Guard::Clear => 0,
        Guard::Armed => GUARD,
    };
    let caching = match protection.caching {
        Caching::Normal => 0,
        Caching::NoCache => NO_CACHE,
        Caching::WriteCombine => WRITE_COMBINE,
    };
    u32::from(protection.rights.bits()) | guard | caching
}

/// `pw_backing`.
pub(super) const fn backing(backing: Backing) -> u32 {
    match backing {
        Backing::Private => 1,
        Backing::View => 2,
        Backing::Image => 3,
    }
}

/// `pw_owner`.
pub(super) const fn owner(owner: Owner) -> u32 {
    match owner {
        Owner::Own => 1,
        Owner::Foreign => 2,
    }
}

/// `pw_access` of an access in this process.
pub(super) const fn access(kind: AccessKind) -> u32 {
    kind.code()
}

/// `pw_access` of one in another process, where fetches look like loads.
pub(super) const fn remote_access(access: GuardAccess) -> u32 {
    match access {
        GuardAccess::Load => AccessKind::Read.code(),
        GuardAccess::Store => AccessKind::Write.code(),
    }
}
