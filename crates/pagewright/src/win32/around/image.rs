//! The programs and libraries that are loaded: what a module handle stands for.

use std::ffi::{c_int, c_void};

/// Where a loaded program or library lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// Its first byte, which is what a module handle says.
    pub base: usize,
    /// The byte behind its last one.
    end: usize,
}

impl Image {
    /// The program. NULL stands for it.
    pub(super) fn program() -> Option<Self> {
        // The loader names it first.
        find(|_| true)
    }

    /// What has an address in it.
    pub(super) fn around(address: usize) -> Option<Self> {
        find(|image| (image.base..image.end).contains(&address))
    }

    /// What has this base.
    pub(super) fn at(base: usize) -> Option<Self> {
        find(|image| image.base == base)
    }

    /// This library; the program, if that has it inside.
    pub(super) fn library() -> Option<Self> {
        Self::around(visit as *const () as usize)
    }
}

/// What is looked for, and what was found.
struct Search<'a> {
    is_wanted: &'a dyn Fn(Image) -> bool,
    found: Option<Image>,
}

fn find(is_wanted: impl Fn(Image) -> bool) -> Option<Image> {
    let mut search = Search { is_wanted: &is_wanted, found: None };
    // SAFETY: `visit` takes a search, which outlives the call, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

/// # Safety
/// `info` is the loader's, and `search` a [`Search`] of nobody else.
unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: the caller vouches for both.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
    // SAFETY: the loader says how many headers there are.
    search.found = unsafe { image(info) }.filter(|image| (search.is_wanted)(*image));
    c_int::from(search.found.is_some())
}

/// # Safety
/// `info` is the loader's.
unsafe fn image(info: &libc::dl_phdr_info) -> Option<Image> {
    if info.dlpi_phdr.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let first = loaded().map(|header| header.p_vaddr).min()? & !0xfff;
    let end = loaded().map(|header| header.p_vaddr + header.p_memsz).max()?;
    let place = |address: u64| info.dlpi_addr.wrapping_add(address) as usize;
    Some(Image { base: place(first), end: place(end) })
}

#[cfg(test)]
mod tests {
    use super::{Image, visit};

    #[test]
    fn images_are_found_by_what_lies_in_them() {
        let here = visit as *const () as usize;
        let library = Image::library().expect("it is loaded");
        assert_eq!(Image::program(), Some(library), "a test has the library inside");
        assert_eq!((Image::around(here), Image::at(library.base)), (Some(library), Some(library)));
        assert_eq!((Image::at(library.base + 1), Image::around(0x1000)), (None, None));
        let other = Image::around(libc::getpid as *const () as usize).expect("the C library");
        assert_ne!(other, library);
    }
}
