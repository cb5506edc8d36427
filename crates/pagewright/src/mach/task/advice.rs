//! `vm_wire`, `vm_msync`, `vm_behavior_set`, `vm_machine_attribute`.

use pagewright_core::{Attribute, AttributeRange, Rights, WireRange};

use super::super::code::{KernReturn, Result};
use super::super::constants::{
    MATTR_CACHE, MATTR_VAL_CACHE_FLUSH, MATTR_VAL_CACHE_SYNC, MATTR_VAL_DCACHE_FLUSH, MATTR_VAL_ICACHE_FLUSH,
    VM_BEHAVIOR_CAN_REUSE, VM_BEHAVIOR_DEFAULT, VM_BEHAVIOR_DONTNEED, VM_BEHAVIOR_FREE, VM_BEHAVIOR_PAGEOUT,
    VM_BEHAVIOR_RANDOM, VM_BEHAVIOR_REUSABLE, VM_BEHAVIOR_REUSE, VM_BEHAVIOR_RSEQNTL, VM_BEHAVIOR_SEQUENTIAL,
    VM_BEHAVIOR_WILLNEED, VM_BEHAVIOR_ZERO, VM_BEHAVIOR_ZERO_WIRED_PAGES, VM_SYNC_ASYNCHRONOUS,
    VM_SYNC_CONTIGUOUS, VM_SYNC_KILLPAGES, VM_SYNC_SYNCHRONOUS,
};
use super::super::sanitize::{ADDRESSES, ARGUMENTS, ATTRIBUTE, BEHAVIOR, Span};
use super::super::types::{
    vm_behavior_t, vm_machine_attribute_t, vm_machine_attribute_val_t, vm_prot_t, vm_sync_t,
};
use super::super::words;
use super::{Task, Use};
use crate::memory::Memory;

/// Zeros are stored in pieces of this size.
const ZEROS: usize = 64 << 10;

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Wires every page that is touched once more, or with no access lets it go once (W2
    /// to W8).
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for other bits and ranges that wrap around,
    /// `KERN_INVALID_ADDRESS` for a hole, `KERN_PROTECTION_FAILURE` for a page that may not
    /// be used so, `KERN_RESOURCE_SHORTAGE` above the limit of locked memory.
    pub fn wire(&self, at: u64, size: u64, access: vm_prot_t) -> Result<()> {
        let Some(span) = ARGUMENTS.check(at, size)? else { return Ok(()) };
        let rights = words::rights(access)?;
        let span = self.clamped(span).ok_or(KernReturn::INVALID_ADDRESS)?;
        self.memory.wire_range(&WireRange { at: span.at, size: span.size, rights })?;
        Ok(())
    }

    /// Writes back what is mapped from files (S2 to S7); `sync` is called for every range
    /// that is there, with the flags.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for both ways at once, `KERN_INVALID_ADDRESS` for ranges
    /// that wrap around, and for holes with `VM_SYNC_CONTIGUOUS`, after the work is done.
    pub fn msync(&self, at: u64, size: u64, flags: vm_sync_t, sync: impl Fn(u64, u64)) -> Result<()> {
        let Some(span) = ADDRESSES.check(at, size)? else { return Ok(()) };
        if flags & VM_SYNC_SYNCHRONOUS != 0 && flags & VM_SYNC_ASYNCHRONOUS != 0 {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let pages = span.pages();
        let mut holes = false;
        let mut at = pages.at;
        while at < pages.end() {
            let found = self.memory.survey(at).ok().filter(|found| found.base < pages.end());
            let Some(found) = found else {
                holes = true;
                break;
            };
            holes |= found.base > at;
            if holes && flags & VM_SYNC_KILLPAGES != 0 {
                break; // S7
            }
            let (start, end) = (found.base.max(at), (found.base + found.size).min(pages.end()));
            sync(start, end - start);
            at = end;
        }
        if holes && flags & VM_SYNC_CONTIGUOUS != 0 { Err(KernReturn::INVALID_ADDRESS) } else { Ok(()) }
    }

    /// Says how memory will be used (B1 to B7). The first four are kept and reported, the
    /// others are advice that changes nothing, but for `VM_BEHAVIOR_ZERO`, which stores
    /// zeros.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for others, and for `VM_BEHAVIOR_PAGEOUT`; `KERN_NO_SPACE`
    /// outside of the task; `KERN_INVALID_ADDRESS` for a hole, where that matters;
    /// `KERN_PROTECTION_FAILURE` when zeros may not be stored.
    pub fn behavior_set(&self, at: u64, size: u64, behavior: vm_behavior_t) -> Result<()> {
        if !(VM_BEHAVIOR_DEFAULT..=VM_BEHAVIOR_ZERO).contains(&behavior) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let Some(span) = BEHAVIOR.check(at, size)? else { return Ok(()) };
        if span.end() > self.memory.highest() + 1 {
            return Err(KernReturn::NO_SPACE);
        }
        match behavior {
            VM_BEHAVIOR_DEFAULT | VM_BEHAVIOR_RANDOM | VM_BEHAVIOR_SEQUENTIAL | VM_BEHAVIOR_RSEQNTL => {
                let change = Attribute::Behavior(behavior as u8);
                self.memory.attribute(&AttributeRange { at, size, change })?;
                Ok(())
            }
            VM_BEHAVIOR_WILLNEED | VM_BEHAVIOR_REUSABLE | VM_BEHAVIOR_REUSE | VM_BEHAVIOR_CAN_REUSE => {
                self.require_present(span)
            }
            VM_BEHAVIOR_ZERO_WIRED_PAGES => self.inspect(span, Use::Write),
            VM_BEHAVIOR_ZERO => {
                self.inspect(span, Use::Write)?;
                self.store_zeros(span)
            }
            VM_BEHAVIOR_DONTNEED | VM_BEHAVIOR_FREE => Ok(()),
            VM_BEHAVIOR_PAGEOUT => Err(KernReturn::INVALID_ARGUMENT),
            _ => Err(KernReturn::INVALID_ARGUMENT),
        }
    }

    fn store_zeros(&self, span: Span) -> Result<()> {
        let zeros = vec![0; ZEROS.min(span.size as usize)];
        let mut at = span.at;
        while at < span.end() {
            let part = &zeros[..zeros.len().min((span.end() - at) as usize)];
            if self.put(at, part)? < part.len() {
                return Err(KernReturn::MEMORY_ERROR);
            }
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Flushes or synchronises caches, which x86 does by itself (X1 to X5).
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for other attributes and values, and ranges that wrap
    /// around; `KERN_INVALID_ADDRESS` outside of the task; `KERN_FAILURE` for a hole.
    pub fn machine_attribute(
        &self,
        at: u64,
        size: u64,
        attribute: vm_machine_attribute_t,
        value: vm_machine_attribute_val_t,
    ) -> Result<()> {
        let Some(span) = ATTRIBUTE.check(at, size)? else { return Ok(()) };
        if span.end() > self.memory.highest() + 1 {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        if attribute != MATTR_CACHE {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        self.require_present(span).map_err(|_| KernReturn::FAILURE)?;
        match value {
            MATTR_VAL_CACHE_FLUSH
            | MATTR_VAL_DCACHE_FLUSH
            | MATTR_VAL_ICACHE_FLUSH
            | MATTR_VAL_CACHE_SYNC => Ok(()),
            _ => Err(KernReturn::INVALID_ARGUMENT),
        }
    }
}

const _: () = assert!(Rights::USUAL.bits() == 7, "as VM_PROT_ALL");
