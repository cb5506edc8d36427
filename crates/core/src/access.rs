//! Protection: what was asked for, and what the machine is told.

use bitflags::bitflags;

bitflags! {
    /// The rights of a protection, as asked for.
    ///
    /// `COPY` marks the copy-on-write kinds: stores go to a private copy.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Rights: u8 {
        /// Loads are allowed.
        const READ = 1;
        /// Stores are allowed.
        const WRITE = 2;
        /// Instruction fetch is allowed.
        const EXECUTE = 4;
        /// Stores are allowed and privatise the page.
        const COPY = 8;
    }
}

bitflags! {
    /// What the machine enforces on a page.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// Loads do not fault.
        const READ = 1;
        /// Stores do not fault.
        const WRITE = 2;
        /// Instruction fetch does not fault.
        const EXECUTE = 4;
        /// Every access faults, once: a guard is armed. The other bits say what may be
        /// done once it was met. What was stored before is kept.
        const GUARD = 8;
    }
}

/// Whether the page raises a one-shot alarm at the next access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Guard {
    /// An ordinary page.
    #[default]
    Clear,
    /// The next access meets the guard.
    Armed,
}

/// How processors may cache the page. Kept and reported; x86-64 Linux gives a
/// program no way to enforce it on ordinary memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Caching {
    /// Write-back, the default.
    #[default]
    Normal,
    /// Not cached.
    NoCache,
    /// Stores are combined.
    WriteCombine,
}

/// The protection of a page, as callers state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protection {
    /// What may be done.
    pub rights: Rights,
    /// The one-shot guard.
    pub guard: Guard,
    /// The cache attribute.
    pub caching: Caching,
}

impl Protection {
    /// Committed, and nothing may be done with it.
    pub const NONE: Self = Self::of(Rights::empty());
    /// Loads only.
    pub const READ: Self = Self::of(Rights::READ);
    /// Loads and stores.
    pub const READ_WRITE: Self = Self::of(Rights::READ.union(Rights::WRITE));
    /// Loads; stores privatise.
    pub const READ_COPY: Self = Self::of(Rights::READ.union(Rights::COPY));
    /// Instruction fetch.
    pub const EXECUTE: Self = Self::of(Rights::EXECUTE);
    /// Instruction fetch and loads.
    pub const READ_EXECUTE: Self = Self::of(Rights::READ.union(Rights::EXECUTE));
    /// Everything.
    pub const READ_WRITE_EXECUTE: Self = Self::of(Rights::READ.union(Rights::WRITE).union(Rights::EXECUTE));
    /// Instruction fetch and loads; stores privatise.
    pub const READ_COPY_EXECUTE: Self = Self::of(Rights::READ.union(Rights::COPY).union(Rights::EXECUTE));

    const fn of(rights: Rights) -> Self {
        Self { rights, guard: Guard::Clear, caching: Caching::Normal }
    }

    /// The same with the guard armed.
    #[must_use]
    pub const fn guarded(self) -> Self {
        Self { guard: Guard::Armed, ..self }
    }

    /// The same with another cache attribute.
    #[must_use]
    pub const fn cached(self, caching: Caching) -> Self {
        Self { caching, ..self }
    }

    /// The same of a page of which the owner has a copy: stores go there.
    #[must_use]
    pub fn privatised(self) -> Self {
        let rights = self.rights.difference(Rights::COPY).union(Rights::WRITE);
        Self { rights, ..self }
    }

    /// The same of a page that the first store copies.
    #[must_use]
    pub fn copying(self) -> Self {
        let rights = self.rights.difference(Rights::WRITE).union(Rights::COPY);
        Self { rights, ..self }
    }

    /// What the machine must enforce. The only place where asked becomes enforced.
    ///
    /// An armed guard lets nothing through until it was met. Fetches imply loads: x86 pages cannot
    /// forbid them, and Win32 code relies on it. A processor's store needs the right
    /// to load, so memory for stores alone (which only Mach has, row P12) lets no
    /// access through; only copies by this crate can write it.
    pub fn effective(self) -> Access {
        if self.rights.is_empty() || self.is_write_only() {
            return Access::empty();
        }
        let mut access = Access::READ;
        access.set(Access::GUARD, self.guard == Guard::Armed);
        access.set(Access::WRITE, self.rights.intersects(Rights::WRITE.union(Rights::COPY)));
        access.set(Access::EXECUTE, self.rights.contains(Rights::EXECUTE));
        access
    }

    /// Whether stores are allowed and loads are not.
    const fn is_write_only(self) -> bool {
        self.rights.contains(Rights::WRITE) && !self.rights.contains(Rights::READ)
    }
}

/// What a forked child gets of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Inheritance {
    /// A copy.
    #[default]
    Copy,
    /// The same bytes: stores on either side are seen on both.
    Share,
    /// Nothing.
    None,
}

/// What is known of a page beside its protection. The default is what an allocation
/// begins with: nothing denied, copied at fork, no behaviour named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// The rights that the page may ever have: of `READ`, `WRITE` and `EXECUTE`.
    pub maximum: Rights,
    /// What a forked child gets.
    pub inheritance: Inheritance,
    /// How it is expected to be used, 0 to 3; kept and reported.
    pub behavior: u8,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { maximum: Rights::USUAL, inheritance: Inheritance::Copy, behavior: 0 }
    }
}

impl Rights {
    /// Everything that a maximum can name.
    pub const USUAL: Self = Self::READ.union(Self::WRITE).union(Self::EXECUTE);
}

impl Access {
    /// What goes through at this moment: nothing while a guard is armed.
    #[must_use]
    pub const fn now(self) -> Self {
        if self.contains(Self::GUARD) { Self::empty() } else { self }
    }

    /// What goes through once a guard, if any, was met.
    #[must_use]
    pub const fn unguarded(self) -> Self {
        self.difference(Self::GUARD)
    }

    /// The protection that a mapping made by others with this access shows.
    pub fn as_protection(self) -> Protection {
        let mut rights = Rights::empty();
        rights.set(Rights::READ, self.intersects(Self::READ | Self::WRITE));
        rights.set(Rights::WRITE, self.contains(Self::WRITE));
        rights.set(Rights::EXECUTE, self.contains(Self::EXECUTE));
        Protection::of(rights)
    }
}

/// Whether the page's memory may leave RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Wiring {
    /// Pageable.
    #[default]
    Pageable,
    /// Locked into memory.
    Wired,
}

/// The state of one page of a region, in 32 bits.
///
/// Layout: bit 0 committed, 1-4 rights, 5 guard, 6-7 caching, 8 wired, 9-11 rights
/// that the maximum lacks, 12-13 inheritance, 14-15 behaviour, 16 a store that is
/// remembered whatever the machine knows, 17 offered. All zero is "reserved", so that
/// untouched tables need no initialisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Slot(u32);

/// Whether a store to a page is remembered here, beside what the machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Latch {
    /// The machine alone knows.
    #[default]
    Open,
    /// There was one. A page without memory can have it, too (fact WW17).
    Set,
}

/// Whether the content of a page is offered to whoever needs memory more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Offer {
    /// It is in use.
    #[default]
    Kept,
    /// It is offered; nobody can access it until it is reclaimed (facts PF15, PF16).
    Offered,
}

const COMMITTED: u32 = 1;
const GUARD: u32 = 1 << 5;
const WIRED: u32 = 1 << 8;
const LATCHED: u32 = 1 << 16;
const OFFERED: u32 = 1 << 17;
const DENIED: u32 = 9;
const INHERITANCE: u32 = 12;
const BEHAVIOR: u32 = 14;
/// The bits that say whether there is memory, and its protection.
const PROTECTION: u32 = WIRED - 1;
/// The bits that a query reports; wiring does not split its answers.
const VISIBLE: u32 = PROTECTION;

impl Slot {
    /// Promised, without memory.
    pub const RESERVED: Self = Self(0);

    /// Committed with this protection.
    pub const fn committed(protection: Protection) -> Self {
        let guard = match protection.guard {
            Guard::Clear => 0,
            Guard::Armed => GUARD,
        };
        let caching: u32 = match protection.caching {
            Caching::Normal => 0,
            Caching::NoCache => 1,
            Caching::WriteCombine => 2,
        };
        Self(COMMITTED | ((protection.rights.bits() as u32) << 1) | guard | (caching << 6))
    }

    /// The protection if committed.
    pub const fn protection(self) -> Option<Protection> {
        if self.0 & COMMITTED == 0 {
            return None;
        }
        let guard = if self.0 & GUARD != 0 { Guard::Armed } else { Guard::Clear };
        let caching = match (self.0 >> 6) & 3 {
            1 => Caching::NoCache,
            2 => Caching::WriteCombine,
            _ => Caching::Normal,
        };
        let rights = Rights::from_bits_truncate(((self.0 >> 1) & 15) as u8);
        Some(Protection { rights, guard, caching })
    }

    /// The same page with memory of this protection, whatever it had.
    #[must_use]
    pub(crate) const fn protected(self, protection: Protection) -> Self {
        Self(Self::committed(protection).0 | self.0 & !PROTECTION)
    }

    /// Whether memory is promised.
    pub const fn is_committed(self) -> bool {
        self.0 & COMMITTED != 0
    }

    /// Whether the page is locked into memory.
    pub const fn wiring(self) -> Wiring {
        if self.0 & WIRED != 0 { Wiring::Wired } else { Wiring::Pageable }
    }

    /// The same page, wired or not.
    #[must_use]
    pub const fn wired(self, wiring: Wiring) -> Self {
        match wiring {
            Wiring::Wired => Self(self.0 | WIRED),
            Wiring::Pageable => Self(self.0 & !WIRED),
        }
    }

    /// What else is known of the page.
    pub const fn attributes(self) -> Attributes {
        let denied = Rights::from_bits_truncate(((self.0 >> DENIED) & 7) as u8);
        let inheritance = match (self.0 >> INHERITANCE) & 3 {
            1 => Inheritance::Share,
            2 => Inheritance::None,
            _ => Inheritance::Copy,
        };
        Attributes {
            maximum: Rights::USUAL.difference(denied),
            inheritance,
            behavior: (self.0 >> BEHAVIOR) as u8 & 3,
        }
    }

    /// The same page with other attributes. A behaviour above 3 is cut to two bits.
    #[must_use]
    pub const fn with(self, attributes: Attributes) -> Self {
        let denied = Rights::USUAL.difference(attributes.maximum);
        let inheritance: u32 = match attributes.inheritance {
            Inheritance::Copy => 0,
            Inheritance::Share => 1,
            Inheritance::None => 2,
        };
        let other = self.0 & !(0x7f << DENIED);
        let behavior = (attributes.behavior & 3) as u32;
        Self(other | (denied.bits() as u32) << DENIED | inheritance << INHERITANCE | behavior << BEHAVIOR)
    }

    /// What the machine must enforce, if committed.
    pub fn access(self) -> Option<Access> {
        let access = self.protection()?.effective();
        Some(match self.offer() {
            Offer::Kept => access,
            Offer::Offered => Access::empty(),
        })
    }

    /// Whether a store is remembered.
    pub const fn latch(self) -> Latch {
        if self.0 & LATCHED != 0 { Latch::Set } else { Latch::Open }
    }

    /// The same page, with a store remembered or forgotten.
    #[must_use]
    pub const fn latched(self, latch: Latch) -> Self {
        match latch {
            Latch::Set => Self(self.0 | LATCHED),
            Latch::Open => Self(self.0 & !LATCHED),
        }
    }

    /// Whether the content is offered.
    pub const fn offer(self) -> Offer {
        if self.0 & OFFERED != 0 { Offer::Offered } else { Offer::Kept }
    }

    /// The same page, offered or not.
    #[must_use]
    pub const fn offered(self, offer: Offer) -> Self {
        match offer {
            Offer::Offered => Self(self.0 | OFFERED),
            Offer::Kept => Self(self.0 & !OFFERED),
        }
    }

    /// Whether a guard is armed, or was until it was met.
    pub(crate) const fn is_guarded(self) -> bool {
        self.0 & GUARD != 0
    }

    /// The same page once its guard was met.
    pub(crate) const fn unguarded(self) -> Self {
        Self(self.0 & !GUARD)
    }

    /// What a query tells apart.
    pub(crate) const fn visible(self) -> u32 {
        self.0 & VISIBLE
    }

    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

const _: () = assert!(size_of::<Slot>() == 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_gives_back_every_protection_it_was_made_from() {
        for bits in 0..16 {
            for guard in [Guard::Clear, Guard::Armed] {
                for caching in [Caching::Normal, Caching::NoCache, Caching::WriteCombine] {
                    let rights = Rights::from_bits_truncate(bits);
                    let protection = Protection { rights, guard, caching };
                    let slot = Slot::committed(protection);
                    assert_eq!(slot.protection(), Some(protection));
                    let wired = slot.wired(Wiring::Wired);
                    assert_eq!(wired.protection(), Some(protection));
                    assert_eq!(wired.visible(), slot.visible());
                    assert_eq!(wired.wired(Wiring::Pageable), slot);
                }
            }
        }
        assert_eq!(Slot::RESERVED.protection(), None);
    }

    #[test]
    fn a_slot_gives_back_every_attribute_and_keeps_its_protection() {
        let plain = Slot::committed(Protection::READ_WRITE).wired(Wiring::Wired);
        assert_eq!(plain.attributes(), Attributes::default());
        for bits in 0..8 {
            for inheritance in [Inheritance::Copy, Inheritance::Share, Inheritance::None] {
                for behavior in 0..4 {
                    let maximum = Rights::from_bits_truncate(bits);
                    let attributes = Attributes { maximum, inheritance, behavior };
                    let slot = plain.with(attributes);
                    assert_eq!(slot.attributes(), attributes);
                    assert_eq!(slot.visible(), plain.visible());
                    assert_eq!(slot.with(Attributes::default()), plain);
                }
            }
        }
    }

    #[test]
    fn another_protection_leaves_the_rest_of_a_slot_alone() {
        let attributes = Attributes { behavior: 2, ..Attributes::default() };
        let old = Slot::committed(Protection::READ_WRITE.guarded()).wired(Wiring::Wired);
        for old in [old.with(attributes), old.latched(Latch::Set).offered(Offer::Offered), Slot::RESERVED] {
            let new = old.protected(Protection::READ);
            assert_eq!(new.protection(), Some(Protection::READ));
            let rest = |slot: Slot| (slot.wiring(), slot.attributes(), slot.latch(), slot.offer());
            assert_eq!(rest(new), rest(old));
        }
    }

    #[test]
    fn an_armed_guard_lets_nothing_through() {
        let access = Protection::READ_WRITE.guarded().effective();
        assert!(access.now().is_empty());
        assert_eq!(access.unguarded(), Protection::READ_WRITE.effective());
    }

    #[test]
    fn a_remembered_store_and_an_offer_leave_the_rest_alone() {
        let plain = Slot::committed(Protection::READ_WRITE).wired(Wiring::Wired);
        let both = plain.latched(Latch::Set).offered(Offer::Offered);
        assert_eq!(
            (both.protection(), both.attributes(), both.wiring()),
            (plain.protection(), plain.attributes(), Wiring::Wired)
        );
        assert_eq!(both.visible(), plain.visible());
        assert_eq!(both.access(), Some(Access::empty()));
        assert_eq!(both.latched(Latch::Open).offered(Offer::Kept), plain);
        assert_eq!(Slot::RESERVED.latched(Latch::Set).protection(), None);
    }
}
