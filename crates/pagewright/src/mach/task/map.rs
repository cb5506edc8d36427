//! `vm_map` of new memory.

use pagewright_core::{Birth, Inheritance, Map, MapPlace};

use super::super::code::{KernReturn, Result};
use super::super::constants::{VM_FLAGS_ANYWHERE, VM_FLAGS_USER_MAP, VM_PROT_IS_MASK};
use super::super::sanitize::{MAPPING, rounded, trunc};
use super::super::types::{vm_inherit_t, vm_prot_t};
use super::super::words;
use super::{Task, overwrite, place, start};
use crate::memory::Memory;

/// What is mapped where, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where, or from where on with `VM_FLAGS_ANYWHERE`.
    pub at: u64,
    /// How many bytes.
    pub size: u64,
    /// Bits that the address must not have: any pattern.
    pub mask: u64,
    /// `VM_FLAGS_…`.
    pub flags: i32,
    /// What may be done with it.
    pub protection: vm_prot_t,
    /// What may ever be done with it.
    pub maximum: vm_prot_t,
    /// What a forked child gets.
    pub inherit: vm_inherit_t,
}

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Maps zeros: at an address, or at the lowest one from there on that fits (V1 to V8).
    /// Rights beyond the maximum are left out. Answers where.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for words that are none and sizes that are 0 or round to it;
    /// `KERN_INVALID_ADDRESS` outside of the task; `KERN_NO_SPACE` where something is,
    /// nothing fits, or the address has bits of the mask; `KERN_RESOURCE_SHORTAGE`.
    pub fn map(&self, mapping: &Mapping) -> Result<u64> {
        let (place, size) = mapping.place()?;
        let inheritance = words::inheritance(mapping.inherit)?;
        // What a child shall share lies in an object from the start.
        let birth = match inheritance {
            Inheritance::Share => Birth::Shared,
            Inheritance::Copy | Inheritance::None => self.birth(size),
        };
        let map = Map {
            place,
            size,
            mask: mapping.mask,
            protection: words::protection(words::known_rights(mapping.protection)),
            maximum: words::known_rights(mapping.maximum),
            inheritance,
            overwrite: overwrite(mapping.flags),
            birth,
        };
        self.may_replace(place, size, map.overwrite)?;
        let made = self.memory.map(&map)?;
        self.note_permanent(made, mapping.flags);
        Ok(start(made))
    }
}

impl Mapping {
    /// Where it goes, and how many bytes it has, once all words are valid.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT`.
    pub(in super::super) fn place(&self) -> Result<(MapPlace, u64)> {
        let bad = KernReturn::INVALID_ARGUMENT;
        if self.flags & !VM_FLAGS_USER_MAP != 0 {
            return Err(bad);
        }
        words::rights(self.protection & !VM_PROT_IS_MASK)?;
        words::rights(self.maximum & !VM_PROT_IS_MASK)?;
        words::inheritance(self.inherit)?;
        let size = rounded(self.size).filter(|size| *size > 0).ok_or(bad)?;
        if self.flags & VM_FLAGS_ANYWHERE == 0 {
            MAPPING.require(self.at, self.size)?;
            return Ok((MapPlace::Fixed(trunc(self.at)), size));
        }
        Ok((place(self.at, self.flags), size))
    }
}
