//! `vm_copy`, `vm_read`, `vm_read_overwrite`, `vm_write`.

use pagewright_core::{CopyRange, Kind};

use super::super::code::{KernReturn, Result};
use super::super::profile::{Profile, profile};
use super::super::sanitize::{ADDRESSES, PAGE, Span};
use super::{Task, Use, of_size};
use crate::memory::Memory;

/// Bytes between two tasks go through a buffer of this size.
const CHUNK: u64 = 1 << 20;
/// From this size on the copy lies in its page as the source does (R4, R5).
const KEEPS_OFFSET: u64 = 2 * PAGE;

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Copies within the task, as if all bytes were read before any is written (C1 to C44).
    ///
    /// # Errors
    /// The source is looked at before the target, each in address order:
    /// `KERN_INVALID_ADDRESS` for a hole, `KERN_PROTECTION_FAILURE` for a page that may not
    /// be read, or written. In the `GnuMach` profile `KERN_INVALID_ARGUMENT` for what is
    /// not whole pages (C3, C4), in the `Xnu` profile `KERN_INVALID_ADDRESS` for both
    /// reasons when it is 16 KiB or less.
    pub fn copy(&self, source: u64, size: u64, target: u64) -> Result<()> {
        let whole = |from: Span| from.is_aligned() && target.is_multiple_of(PAGE);
        if let Some(from) = ADDRESSES.check(source, size)?
            && profile() == Profile::GnuMach
            && !whole(from)
        {
            self.inspect(from, Use::Read)?;
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        self.copy_bytes(source, size, target)
    }

    /// [`Self::copy`] to the byte in every profile, as `vm_read_overwrite` is.
    ///
    /// # Errors
    /// As [`Self::copy`].
    pub(in super::super) fn copy_bytes(&self, source: u64, size: u64, target: u64) -> Result<()> {
        let Some(from) = ADDRESSES.check(source, size)? else { return Ok(()) };
        let refused = |code| of_size(code, size);
        if let Err(code) = ADDRESSES.check(target, size) {
            // The source's problem is the one that is told (C31, C32).
            return self.inspect(from, Use::Read).map_err(refused).and(Err(code));
        }
        self.duplicate(source, size, target).map_err(refused)
    }

    /// Copies what was checked to be ranges. Bytes that are mapped and cannot be had, because
    /// their file is shorter by now, are an error of the memory and not of the call (C37).
    fn duplicate(&self, source: u64, size: u64, target: u64) -> Result<()> {
        let Err(error) = self.memory.copy(&CopyRange { source, size, target }) else { return Ok(()) };
        let code = error.kind().into();
        let (from, to) = (Span { at: source, size }, Span { at: target, size });
        let mapped = || self.inspect(from, Use::Read).is_ok() && self.inspect(to, Use::Write).is_ok();
        let lost = code == KernReturn::INVALID_ADDRESS && mapped();
        Err(if lost { KernReturn::MEMORY_ERROR } else { code })
    }

    /// A copy of bytes of this task in fresh memory of it; where it begins, and 0 for none.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` from 4 GiB on (R2); as [`Self::copy`] for the source;
    /// `KERN_NO_SPACE`.
    pub fn read(&self, at: u64, size: u64) -> Result<u64> {
        let Some(span) = readable(at, size)? else { return Ok(0) };
        let lead = lead(span);
        self.inspect(span, Use::Read).map_err(|code| of_size(code, size))?;
        let buffer = self.buffer(lead + size)?;
        let target = buffer + lead;
        self.duplicate(at, size, target).map_err(|code| {
            self.discard(buffer, lead + size);
            of_size(code, size)
        })?;
        Ok(target)
    }

    /// A copy of bytes of this task in fresh memory of another: a snapshot, if nobody
    /// stores meanwhile.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_into<N: Memory + ?Sized>(&self, at: u64, size: u64, into: Task<'_, N>) -> Result<u64> {
        let Some(span) = readable(at, size)? else { return Ok(0) };
        self.inspect(span, Use::Read).map_err(|code| of_size(code, size))?;
        let lead = lead(span);
        let buffer = into.buffer(lead + size)?;
        let target = Span { at: buffer + lead, size };
        match self.send(span, into, target) {
            Ok(()) => Ok(target.at),
            Err(code) => {
                into.discard(buffer, lead + size);
                Err(of_size(code, size))
            }
        }
    }

    /// Copies bytes of this task over memory of another.
    ///
    /// # Errors
    /// As [`Self::copy`] (O1); only when memory changes meanwhile, a part may have been
    /// written.
    pub fn overwrite<N: Memory + ?Sized>(
        &self,
        at: u64,
        size: u64,
        into: Task<'_, N>,
        target: u64,
    ) -> Result<()> {
        let Some(source) = ADDRESSES.check(at, size)? else { return Ok(()) };
        let refused = |code| of_size(code, size);
        self.inspect(source, Use::Read).map_err(refused)?;
        let target = ADDRESSES.require(target, size)?;
        into.inspect(target, Use::Write).map_err(refused)?;
        self.send(source, into, target).map_err(refused)
    }

    /// Writes bytes of the task `from` to this one.
    ///
    /// # Errors
    /// `MACH_SEND_INVALID_MEMORY` when the bytes are not all there (W2);
    /// `KERN_INVALID_ADDRESS`, `KERN_PROTECTION_FAILURE` for the target (W3 to W5); in the
    /// `GnuMach` profile `KERN_INVALID_ARGUMENT` for what is not whole pages (W6).
    pub fn write<N: Memory + ?Sized>(&self, at: u64, from: Task<'_, N>, data: u64, size: u64) -> Result<()> {
        let Some(source) = self.writable(at, from, data, size)? else { return Ok(()) };
        let target = ADDRESSES.require(at, size)?;
        self.inspect(target, Use::Write).map_err(|code| of_size(code, size))?;
        from.send(source, *self, target).map_err(|code| of_size(code, size))
    }

    /// [`Self::write`] of bytes of this task itself.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_own(&self, at: u64, data: u64, size: u64) -> Result<()> {
        if self.writable(at, *self, data, size)?.is_none() {
            return Ok(());
        }
        ADDRESSES.require(at, size)?;
        self.duplicate(data, size, at).map_err(|code| of_size(code, size))
    }

    /// The bytes that a write is about, if there are any.
    fn writable<N: Memory + ?Sized>(
        &self,
        at: u64,
        from: Task<'_, N>,
        data: u64,
        size: u64,
    ) -> Result<Option<Span>> {
        let missing = |_| KernReturn::SEND_INVALID_MEMORY;
        let Some(source) = ADDRESSES.check(data, size).map_err(missing)? else { return Ok(None) };
        from.inspect(source, Use::Read).map_err(missing)?;
        if profile() == Profile::GnuMach && !(source.is_aligned() && at.is_multiple_of(PAGE)) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        Ok(Some(source))
    }

    /// Copies bytes that were looked at to another task.
    fn send<N: Memory + ?Sized>(&self, source: Span, into: Task<'_, N>, target: Span) -> Result<()> {
        let mut chunk = vec![0; source.size.min(CHUNK) as usize];
        let mut done = 0;
        while done < source.size {
            let part = (source.size - done).min(CHUNK);
            let bytes = &mut chunk[..part as usize];
            if self.memory.read(source.at + done, bytes)? < bytes.len() {
                return Err(self.blame(source, Use::Read));
            }
            if into.put(target.at + done, bytes)? < bytes.len() {
                return Err(into.blame(target, Use::Write));
            }
            done += part;
        }
        Ok(())
    }

    /// Stores bytes; what may be written although no store reaches it (C18) is written as
    /// a debugger does.
    pub(super) fn put(&self, at: u64, bytes: &[u8]) -> Result<usize> {
        let done = self.memory.write(at, bytes)?;
        if done == bytes.len() {
            return Ok(done);
        }
        let rest = Span { at: at + done as u64, size: (bytes.len() - done) as u64 };
        self.inspect(rest, Use::Write)?;
        Ok(done + self.memory.poke(rest.at, &bytes[done..])?)
    }

    /// Why memory that was there a moment ago could not be used.
    fn blame(&self, span: Span, usage: Use) -> KernReturn {
        self.inspect(span, usage).err().unwrap_or_else(|| Kind::PartialCopy.into())
    }
}

/// What a read is about, if anything.
fn readable(at: u64, size: u64) -> Result<Option<Span>> {
    if size > u64::from(u32::MAX) {
        return Err(KernReturn::INVALID_ARGUMENT); // R2
    }
    ADDRESSES.check(at, size)
}

/// How far into its first page a copy begins.
const fn lead(span: Span) -> u64 {
    if span.size >= KEEPS_OFFSET { span.at % PAGE } else { 0 }
}
