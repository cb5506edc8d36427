//! `vm_remap` within one task.

use pagewright_core::{CopyRange, Limit, Map, RemapCopy, Restrict, Rights, Surveyed};

use super::super::code::{KernReturn, Result};
use super::super::constants::{VM_FLAGS_RETURN_DATA_ADDR, VM_FLAGS_USER_REMAP};
use super::super::sanitize::{MAPPING, PAGE, Span, rounded, trunc};
use super::super::types::{vm_inherit_t, vm_prot_t};
use super::super::words;
use super::{Target, Task, Use, start};
use crate::memory::Memory;

/// What is mapped again where, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remapping {
    /// Where to, or from where on with `VM_FLAGS_ANYWHERE`.
    pub at: u64,
    /// How many bytes.
    pub size: u64,
    /// Bits that the address must not have: any pattern.
    pub mask: u64,
    /// `VM_FLAGS_…`.
    pub flags: i32,
    /// The source.
    pub source: u64,
    /// Whether the same bytes are mapped, or a copy of them.
    pub copy: RemapCopy,
    /// What a forked child gets.
    pub inherit: vm_inherit_t,
}

/// A second mapping: where it begins, and what may be done with all of it, now and ever.
pub(in super::super) type Remapped = (u64, vm_prot_t, vm_prot_t);

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Maps memory of the task a second time (M1 to M13); each part keeps its protection
    /// and maximum. Answers where, and what may be done with all of it, now and ever.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for words that are none, sizes of 0 and ranges that wrap
    /// around (M2); `KERN_INVALID_ADDRESS` for a hole in the source (M3) and a target
    /// outside of the task (M5); `KERN_NO_SPACE` as for [`Self::map`] (M4, M6);
    /// `KERN_PROTECTION_FAILURE` to share memory that the program or a library mapped
    /// itself; `KERN_RESOURCE_SHORTAGE`.
    pub fn remap(&self, request: &Remapping) -> Result<(u64, vm_prot_t, vm_prot_t)> {
        let source = request.source()?;
        let target = Target::of(request)?;
        self.may_replace(target.place, source.size, target.overwrite)?;
        let remap = target.remap(source.at, source.size, request.copy);
        let (range, current, maximum) = self.memory.remap(&remap)?;
        Ok((start(range) + request.lead(), words::prot(current), words::prot(maximum)))
    }

    /// As [`Self::remap`], with the rights that the new mapping shall have (M10).
    ///
    /// # Errors
    /// As [`Self::remap`], and `KERN_INVALID_ARGUMENT` for rights beyond the maximum,
    /// `KERN_PROTECTION_FAILURE` for a maximum with both stores and fetches, and for more
    /// than the source has; a copy needs only that the source may ever be read.
    pub fn remap_new(
        &self,
        request: &Remapping,
        protection: vm_prot_t,
        maximum: vm_prot_t,
    ) -> Result<(u64, vm_prot_t, vm_prot_t)> {
        let rights = Granted::decode(protection, maximum)?;
        let source = request.source()?;
        let target = Target::of(request)?;
        let found = self.check_source(source, request.copy, &rights)?;
        let at = self.placed(source.size, &target, |target| match found {
            Source::HasAll => {
                let remap = target.remap(source.at, source.size, request.copy);
                let at = start(self.memory.remap(&remap)?.0);
                let made = Span { at, size: source.size };
                self.grant(made, &rights).inspect_err(|_| self.discard(made.at, made.size))?;
                Ok(at)
            }
            Source::LacksSome => self.copy_with(source, target, &rights),
        })?;
        Ok((at + request.lead(), protection, maximum))
    }

    /// Whether the source has the rights that are asked for.
    pub(in super::super) fn check_source(
        &self,
        source: Span,
        copy: RemapCopy,
        rights: &Granted,
    ) -> Result<Source> {
        let mut all = Source::HasAll;
        for (_, found) in self.runs(source)? {
            let most = found.attributes.maximum;
            let within = most.contains(rights.maximum);
            match copy {
                RemapCopy::Share if !within || !found.protection.rights.contains(rights.current) => {
                    return Err(KernReturn::PROTECTION_FAILURE);
                }
                RemapCopy::Snapshot if !most.contains(Rights::READ) => {
                    return Err(KernReturn::PROTECTION_FAILURE);
                }
                RemapCopy::Snapshot if !within => all = Source::LacksSome,
                RemapCopy::Share | RemapCopy::Snapshot => {}
            }
        }
        Ok(all)
    }

    /// What stands in a range, run by run.
    ///
    /// # Errors
    /// `KERN_INVALID_ADDRESS` for a hole.
    pub(in super::super) fn runs(&self, span: Span) -> Result<Vec<(Span, Surveyed)>> {
        let pages = span.pages();
        let mut runs = Vec::new();
        let mut at = pages.at;
        while at < pages.end() {
            let found = self.memory.survey(at)?;
            if found.base > at {
                return Err(KernReturn::INVALID_ADDRESS);
            }
            let end = (found.base + found.size).min(pages.end());
            runs.push((Span { at, size: end - at }, found));
            at = end;
        }
        Ok(runs)
    }

    /// Gives a mapping that was made just now its rights.
    pub(in super::super) fn grant(&self, made: Span, rights: &Granted) -> Result<()> {
        let Span { at, size } = made;
        let restrict = |rights, limit| self.memory.restrict(&Restrict { at, size, rights, limit });
        restrict(rights.current, Limit::Current)?;
        restrict(rights.maximum, Limit::Maximum)?;
        Ok(())
    }

    /// A copy that may have more rights than its source.
    fn copy_with(&self, source: Span, target: &Target, rights: &Granted) -> Result<u64> {
        self.inspect(source, Use::Read)?;
        let size = source.size;
        let Target { place, mask, overwrite, inheritance } = *target;
        let map = Map { place, mask, overwrite, inheritance, ..Map::new(size) };
        let target = start(self.memory.map(&map)?);
        let copied = self.memory.copy(&CopyRange { source: source.at, size, target });
        let done =
            copied.map_err(KernReturn::from).and_then(|_| self.grant(Span { at: target, size }, rights));
        done.inspect_err(|_| self.discard(target, size))?;
        Ok(target)
    }
}

/// Whether a source has the rights that its new mapping shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Source {
    HasAll,
    LacksSome,
}

/// The rights of a new mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Granted {
    pub(in super::super) current: Rights,
    pub(in super::super) maximum: Rights,
}

impl Granted {
    /// The rights of two words.
    ///
    /// # Errors
    /// As [`Task::remap_new`].
    pub(in super::super) fn decode(protection: vm_prot_t, maximum: vm_prot_t) -> Result<Self> {
        let granted = Self { current: words::rights(protection)?, maximum: words::rights(maximum)? };
        if !granted.maximum.contains(granted.current) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        if granted.maximum.contains(Rights::WRITE.union(Rights::EXECUTE)) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        Ok(granted)
    }
}

impl Remapping {
    /// The pages of the source, once the words are valid. The start is rounded down before
    /// the size is added, unless the address of the data is asked for (M11).
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT`.
    pub(in super::super) fn source(&self) -> Result<Span> {
        if self.flags & !VM_FLAGS_USER_REMAP != 0 {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        words::inheritance(self.inherit)?;
        let span = MAPPING.require(self.source, self.size)?;
        if self.flags & VM_FLAGS_RETURN_DATA_ADDR != 0 {
            return Ok(span.pages());
        }
        let size = rounded(self.size).ok_or(KernReturn::INVALID_ARGUMENT)?;
        Ok(Span { at: trunc(self.source), size })
    }

    /// How far into its first page the answer points.
    pub(in super::super) const fn lead(&self) -> u64 {
        if self.flags & VM_FLAGS_RETURN_DATA_ADDR != 0 { self.source % PAGE } else { 0 }
    }
}
