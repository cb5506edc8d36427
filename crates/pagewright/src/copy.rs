//! Copying bytes between this process and another, or itself.

use pagewright_core::{Info, State};
use pagewright_linux::machine::open_trapped;
use pagewright_linux::sys::{self, Errno};

use crate::error;

/// How many of `length` bytes from `at` lie in committed pages, whatever their
/// protection: the kernel's way past protections would also put content into pages
/// that are only reserved.
pub(crate) fn committed(
    length: usize,
    at: u64,
    query: impl Fn(u64) -> error::Result<Info>,
) -> error::Result<usize> {
    let mut done = 0_u64;
    while done < length as u64 {
        let Some(next) = at.checked_add(done) else { break };
        let info = query(next)?;
        match info.state {
            State::Committed { .. } => done = (info.base + info.size) - at,
            State::Free | State::Reserved { .. } => break,
        }
    }
    Ok(length.min(usize::try_from(done).unwrap_or(length)))
}

/// Copies out of `pid`, up to the first byte that cannot be read.
pub(crate) fn read(pid: i32, at: u64, into: &mut [u8]) -> Result<usize, Errno> {
    // The bytes may go to watched memory of this process.
    open_trapped(into.as_ptr() as u64, into.len() as u64);
    let mut done = 0;
    while done < into.len() {
        let Some(from) = at.checked_add(done as u64) else { break };
        match sys::process_vm_readv(pid, &mut into[done..], from as usize) {
            Ok(0) | Err(Errno::EFAULT) => break,
            Ok(count) => done += count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Copies into `pid`, up to the first byte that cannot be written.
pub(crate) fn write(pid: i32, at: u64, from: &[u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < from.len() {
        let Some(to) = at.checked_add(done as u64) else { break };
        // SAFETY: who writes to an address of his own process says that nothing of
        // Rust's relies on what is there; for another process there is no such thing.
        match unsafe { sys::process_vm_writev(pid, &from[done..], to as usize) } {
            Ok(0) | Err(Errno::EFAULT) => break,
            Ok(count) => done += count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}
