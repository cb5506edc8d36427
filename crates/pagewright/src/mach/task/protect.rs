//! `vm_protect`, `vm_inherit`.

use pagewright_core::{Attribute, AttributeRange, Limit, Restrict, Rights};

use super::super::code::{KernReturn, Result};
use super::super::constants::VM_PROT_COPY;
use super::super::sanitize::{ARGUMENTS, PROTECT, Span};
use super::super::types::{vm_inherit_t, vm_prot_t};
use super::super::words;
use super::{Task, Use};
use crate::memory::Memory;

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Sets what may be done with every page that is touched, now or ever (P1 to P13).
    ///
    /// With `VM_PROT_COPY` the pages become a private copy first, which may be stored to
    /// whatever the maximum was (P10).
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for other bits (P2) and ranges that wrap around (P8);
    /// `KERN_INVALID_ADDRESS` for a hole, `KERN_PROTECTION_FAILURE` for a page that may not
    /// have these rights, whichever comes first (P3, P4, P6, P7).
    pub fn protect(&self, at: u64, size: u64, limit: Limit, prot: vm_prot_t) -> Result<()> {
        let Some(span) = PROTECT.check(at, size)? else { return Ok(()) };
        let rights = words::rights(prot & !VM_PROT_COPY)?;
        if prot & VM_PROT_COPY != 0 {
            self.privatise(span, rights)?;
        }
        self.memory.restrict(&Restrict { at, size, rights, limit })?;
        Ok(())
    }

    /// Makes pages a copy of themselves that may be stored to, while they are used.
    fn privatise(&self, span: Span, rights: Rights) -> Result<()> {
        self.require_present(span)?;
        if self.has_permanent(span) {
            return Err(KernReturn::NO_SPACE);
        }
        let Span { at, size } = span;
        self.memory.restrict(&Restrict { at, size, rights, limit: Limit::Copied })?;
        Ok(())
    }

    /// Sets what a forked child gets of every page that is touched (I1 to I8). Holes, and
    /// what lies outside of the task, do not matter.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for other values and ranges that wrap around;
    /// `KERN_FAILURE` to share memory with children that the program or a library mapped
    /// itself; `KERN_RESOURCE_SHORTAGE`.
    pub fn inherit(&self, at: u64, size: u64, inherit: vm_inherit_t) -> Result<()> {
        let Some(span) = ARGUMENTS.check(at, size)? else { return Ok(()) };
        let inheritance = words::inheritance(inherit)?;
        let Some(span) = self.clamped(span) else { return Ok(()) };
        let change = Attribute::Inheritance(inheritance);
        self.memory.attribute(&AttributeRange { at: span.at, size: span.size, change })?;
        Ok(())
    }

    /// The part of a range that lies in the task.
    pub(super) fn clamped(&self, span: Span) -> Option<Span> {
        let end = span.end().min(self.memory.highest() + 1);
        let size = end.checked_sub(span.at).filter(|size| *size > 0)?;
        Some(Span { at: span.at, size })
    }

    /// The first hole, or nothing.
    pub(super) fn require_present(&self, span: Span) -> Result<()> {
        self.inspect(span, Use::Presence)
    }
}
