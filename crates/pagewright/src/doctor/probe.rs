//! One harmless try for each feature.

use pagewright_linux::sys::{self, Advice, Backing, Errno, Fd, OpenMode, Place, Prot, procmap};

const PAGE: usize = 0x1000;

/// A page of ours, for a moment.
struct Page(usize);

impl Page {
    fn new(backing: Backing) -> Option<Self> {
        // SAFETY: a new mapping at a place that the kernel chooses disturbs nobody.
        unsafe { sys::mmap(Place::Anywhere, PAGE, Prot::READ_WRITE, backing) }.ok().map(Self)
    }

    fn takes_marker(&self) -> bool {
        // SAFETY: the page is ours, and nobody reads or writes it.
        unsafe { sys::madvise(self.0, PAGE, Advice::GuardInstall) }.is_ok()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the page is ours, and this was its last use.
        let _ = unsafe { sys::munmap(self.0, PAGE) };
    }
}

pub(super) fn guard_markers() -> bool {
    Page::new(Backing::AnonymousNoReserve).is_some_and(|page| page.takes_marker())
}

pub(super) fn guard_markers_shared() -> bool {
    let Ok(file) = sys::memfd_create(c"doctor") else { return false };
    if sys::ftruncate(file.raw(), PAGE as u64).is_err() {
        return false;
    }
    Page::new(Backing::Shared { fd: file.raw(), offset: 0 }).is_some_and(|page| page.takes_marker())
}

pub(super) fn procmap_query() -> bool {
    let Ok(maps) = sys::open(c"/proc/self/maps", OpenMode::Read) else { return false };
    sys::procmap_query(maps.raw(), 0, procmap::COVERING_OR_NEXT, &mut []).is_ok()
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    records: u64,
    record_count: u64,
    max_pages: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    reported: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: usize = 0xc060_6610;

pub(super) fn pagemap_scan() -> bool {
    /// `PAGE_IS_PRESENT`.
    const PRESENT: u64 = 1 << 3;
    let Ok(pagemap) = sys::open(c"/proc/self/pagemap", OpenMode::Read) else { return false };
    let Some(page) = Page::new(Backing::Anonymous) else { return false };
    let start = page.0 as u64;
    let mut record = [0_u64; 3];
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        start,
        end: start + PAGE as u64,
        records: (&raw mut record).addr() as u64,
        record_count: 1,
        reported: PRESENT,
        ..Scan::default()
    };
    control(&pagemap, PAGEMAP_SCAN, (&raw mut scan).expose_provenance()).is_ok()
}

/// `UFFD_USER_MODE_ONLY`.
const USER_MODE_ONLY: usize = 1;

fn open_userfaultfd() -> Option<Fd> {
    let open = |flags| {
        // SAFETY: the call only makes a descriptor.
        unsafe { sys::syscall(libc::SYS_userfaultfd as u32, [flags, 0, 0, 0, 0, 0]) }
    };
    let flags = libc::O_CLOEXEC as usize | libc::O_NONBLOCK as usize;
    let raw = open(flags).or_else(|_| open(flags | USER_MODE_ONLY)).ok()?;
    // SAFETY: the kernel gave us this descriptor just now, and nobody else knows it.
    Some(unsafe { Fd::from_raw(raw as i32) })
}

pub(super) fn userfaultfd() -> bool {
    open_userfaultfd().is_some()
}

pub(super) fn wp_async() -> bool {
    /// `struct uffdio_api`.
    #[repr(C)]
    struct Api {
        api: u64,
        features: u64,
        calls: u64,
    }
    /// `UFFDIO_API`, that is `_IOWR(0xaa, 0x3f, struct uffdio_api)`.
    const GREET: usize = 0xc018_aa3f;
    /// `UFFD_FEATURE_WP_ASYNC`.
    const WP_ASYNC: u64 = 1 << 15;
    let Some(file) = open_userfaultfd() else { return false };
    let mut api = Api { api: 0xaa, features: 0, calls: 0 };
    control(&file, GREET, (&raw mut api).expose_provenance()).is_ok() && api.features & WP_ASYNC != 0
}

/// An `ioctl` of this file.
fn control(file: &Fd, request: usize, argument: usize) -> sys::Result<usize> {
    let args = [file.raw() as usize, request, argument, 0, 0, 0];
    // SAFETY: only called with a structure of the size that the request has in it, alive across the call; what the
    // structure points at is as long as it says.
    unsafe { sys::syscall(libc::SYS_ioctl as u32, args) }
}

pub(super) fn process_vm_readv() -> bool {
    let source = [0x5a_u8; 8];
    let mut copy = [0_u8; 8];
    let read = sys::process_vm_readv(sys::getpid(), &mut copy, (&raw const source).expose_provenance());
    read == Ok(source.len()) && copy == source
}

pub(super) fn pidfd() -> bool {
    rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty()).is_ok()
}

pub(super) fn memfd() -> bool {
    sys::memfd_create(c"doctor").is_ok_and(|file| sys::add_seals(file.raw(), sys::SEAL_SHRINK).is_ok())
}

pub(super) fn close_range() -> bool {
    // SAFETY: no descriptor can have this number, the highest of all.
    unsafe { sys::close_range(u32::MAX, u32::MAX, 0) }.is_ok()
}

pub(super) fn fixed_noreplace() -> bool {
    let Some(page) = Page::new(Backing::AnonymousNoReserve) else { return false };
    // The call as such, because `sys::mmap` covers up for kernels that do not know the flag.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let args = [page.0, PAGE, 0, flags as usize, usize::MAX, 0];
    // SAFETY: it asks for a page that is taken: the kernel refuses, or, not knowing the flag, takes another place.
    match unsafe { sys::syscall(libc::SYS_mmap as u32, args) } {
        Ok(elsewhere) => {
            drop(Page(elsewhere));
            false
        }
        Err(refusal) => refusal == Errno::EEXIST,
    }
}

pub(super) fn named_mappings() -> bool {
    Page::new(Backing::AnonymousNoReserve)
        .is_some_and(|page| sys::name_mapping(page.0, PAGE, c"doctor").is_ok())
}

pub(super) fn ptrace() -> bool {
    /// `PTRACE_SEIZE`.
    const SEIZE: usize = 0x4206;
    // No process has the highest number there is: "no such process" is the answer of a kernel, or a sandbox, that
    // lets us ask.
    let args = [SEIZE, i32::MAX as usize, 0, 0, 0, 0];
    // SAFETY: there is no such process, so nothing is attached.
    let asked = unsafe { sys::syscall(libc::SYS_ptrace as u32, args) };
    asked == Err(Errno::ESRCH)
}
