//! Physical memory: allocated, or of a granted window.

use std::ffi::c_void;

use pagewright_core::{Caching, Free, Geometry, Onto, Place, Protection, Window};

use super::super::alias::{self, Source, View};
use super::super::failure::Failure;
use super::super::mode::Mode;
use super::super::protection::decode_memory;
use super::super::{mode, phys_mem, physical};
use super::{addr, address, answer, caught, kernel_mode, note, require_pointer};
use crate::memory::Memory;
use crate::process::Process;
use crate::share::{Edges, Receipt};
use crate::win32::BOOL;

/// Allocates memory with a physical address, which is a token: it names the memory to
/// `PAGE_PHYSICAL` in this process and to nobody else. Kernel mode only. NULL and a last
/// error on failure.
///
/// `dwflags` must be 0.
///
/// # Safety
/// `pphysicaladdress` is NULL, which is refused, or valid.
pub unsafe extern "system" fn AllocPhysMem(
    cbsize: u32,
    fdwprotect: u32,
    dwalignmentmask: u32,
    dwflags: u32,
    pphysicaladdress: *mut u32,
) -> *mut c_void {
    let made = caught(|| {
        let protection = decode_memory(fdwprotect)?;
        require_pointer(pphysicaladdress.is_null(), "pointer for the physical address")?;
        if dwflags != 0 {
            return Err(Failure::argument("flags", u64::from(dwflags), "give 0"));
        }
        phys_mem::alloc_phys_mem(&kernel_mode()?, u64::from(cbsize), protection, u64::from(dwalignmentmask))
    });
    address(made.map(|made| {
        // SAFETY: it is not NULL, so the caller vouches that it is valid. Tokens have 32
        // bits.
        unsafe { pphysicaladdress.write_unaligned(made.physical as u32) };
        made.address
    }))
}

/// Frees memory of [`AllocPhysMem`] by its address. Views of it keep the bytes. Kernel
/// mode only. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may rely on what is freed.
pub unsafe extern "system" fn FreePhysMem(lpvaddress: *mut c_void) -> BOOL {
    answer(caught(|| phys_mem::free_phys_mem(&kernel_mode()?, addr(lpvaddress))))
}

/// Shows physical memory of a granted window in this process, readable and writable, and
/// answers where its first byte is. NULL and a last error on failure.
///
/// # Safety
/// As [`super::VirtualCopy`].
pub unsafe extern "system" fn MmMapIoSpace(
    physicaladdress: i64,
    numberofbytes: u32,
    cacheenable: u8,
) -> *mut c_void {
    let caching = if cacheenable == 0 { Caching::NoCache } else { Caching::Normal };
    mapped(Ok(physicaladdress.cast_unsigned()), numberofbytes, caching)
}

/// Takes what [`MmMapIoSpace`] showed away; a last error if there is no such thing.
///
/// # Safety
/// Nobody may rely on it.
pub unsafe extern "system" fn MmUnmapIoSpace(baseaddress: *mut c_void, _numberofbytes: u32) {
    let base = Geometry::X86_64.page_down(addr(baseaddress));
    note(caught(|| Process::current().free(&Free::release(base)).map_err(Failure::from)));
}

/// Shows physical memory of a granted window in this process for good, not cached. The
/// address is shifted right by 8. Kernel mode only. NULL and a last error on failure.
///
/// # Safety
/// As [`super::VirtualCopy`].
pub unsafe extern "system" fn CreateStaticMapping(dwphysbase: u32, dwsize: u32) -> *mut c_void {
    let at = match mode::mode() {
        Mode::Kernel => alias::unshifted(u64::from(dwphysbase)),
        Mode::User => Err(Failure::denied("this call needs kernel mode; enter it first")),
    };
    mapped(at, dwsize, Caching::NoCache)
}

fn mapped(at: Result<u64, Failure>, size: u32, caching: Caching) -> *mut c_void {
    let shown = caught(|| map(at?, u64::from(size), caching));
    address(alias::noted(shown).map(|receipt| receipt.base))
}

fn map(at: u64, size: u64, caching: Caching) -> Result<Receipt, Failure> {
    let protection = Protection::READ_WRITE.cached(caching);
    let view = View { source: Source::Physical(at), size, protection, edges: Edges::Whole };
    alias::check(&view)?;
    physical::show(&Process::current(), Onto::Fresh(Place::Window(Window::ANYWHERE)), at, &view)
}
