//! Protection, bytes, wiring, and what forked children get.

use rust::{Attribute, AttributeRange, CopyRange, Inheritance, Lock, Memory, Process, Protect, Wiring};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{Bytes, Out};
use super::region::Range;
use super::report::{Refusal, Report, Result, answer};
use super::words::{self, meant};

#[unsafe(no_mangle)]
extern "C" fn pw_protect(
    process: Handle,
    at: u64,
    size: u64,
    protection: u32,
    old: Out<u32>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let protection = words::protection(protection)?;
        let before = process.process()?.protect(&Protect { at, size, protection })?;
        old.put(words::bits(before));
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_read(
    process: Handle,
    at: u64,
    into: Bytes,
    size: usize,
    done: Out<usize>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let process = process.process()?;
        let count = process.read(at, into.to_fill(size, "into")?)?;
        copied(&process, at, size, count, done)
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_write(
    process: Handle,
    at: u64,
    from: Bytes,
    size: usize,
    done: Out<usize>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let process = process.process()?;
        let count = process.write(at, from.to_take(size, "from")?)?;
        copied(&process, at, size, count, done)
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_poke(
    process: Handle,
    at: u64,
    from: Bytes,
    size: usize,
    done: Out<usize>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let process = process.process()?;
        let count = process.poke(at, from.to_take(size, "from")?)?;
        copied(&process, at, size, count, done)
    })
}

/// Says how much was copied, and whether that is all.
fn copied(process: &Process, at: u64, size: usize, count: usize, done: Out<usize>) -> Result<()> {
    done.put(count);
    if count == size {
        return Ok(());
    }
    let (at, done) = (at.wrapping_add(count as u64), count as u64);
    Err(Refusal::Partial { at, done, size: size as u64, pid: process.pid() })
}

#[unsafe(no_mangle)]
extern "C" fn pw_copy(process: Handle, source: u64, size: u64, target: u64, error: Out<Report>) -> Code {
    answer(error, || {
        process.process()?.copy(&CopyRange { source, size, target })?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_lock(process: Handle, at: u64, size: u64, range: Out<Range>, error: Out<Report>) -> Code {
    answer(error, || wire(process, at, size, Wiring::Wired, range))
}

#[unsafe(no_mangle)]
extern "C" fn pw_unlock(process: Handle, at: u64, size: u64, range: Out<Range>, error: Out<Report>) -> Code {
    answer(error, || wire(process, at, size, Wiring::Pageable, range))
}

fn wire(process: Handle, at: u64, size: u64, wiring: Wiring, range: Out<Range>) -> Result<()> {
    range.put(process.process()?.lock(&Lock { at, size, wiring, quota: None })?.into());
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn pw_inherit(process: Handle, at: u64, size: u64, inheritance: u32, error: Out<Report>) -> Code {
    answer(error, || {
        let inheritance: Inheritance = meant(inheritance)?;
        let change = Attribute::Inheritance(inheritance);
        process.process()?.attribute(&AttributeRange { at, size, change })?;
        Ok(())
    })
}
