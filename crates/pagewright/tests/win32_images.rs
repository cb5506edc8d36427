//! Programs and libraries, as images: rows VP33 to VP37, VQ10 to VQ13, RW37, RW38, VF40.

#[path = "golden/support.rs"]
mod support;

use std::ffi::c_void;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use pagewright::win32::{
    GetCurrentProcess, HANDLE, MEM_COMMIT, MEM_DECOMMIT, MEM_IMAGE, MEM_RELEASE, MEMORY_BASIC_INFORMATION,
    OpenProcess, PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY,
    PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY, PROCESS_ALL_ACCESS, VirtualQuery,
};
use support::{On, PAGE, Record, SELF, pointer, read};

/// Four pages of the program's data, which nobody stores to but the test that owns them.
macro_rules! data {
    ($name:ident) => {{
        #[repr(align(4096))]
        struct Data(#[expect(dead_code, reason = "only its address is used")] [u8; 6 * PAGE]);
        #[used]
        static mut $name: Data = Data([1; 6 * PAGE]);
        (&raw mut $name).addr() + PAGE
    }};
}

/// What the kernel says of the mapping at an address.
fn kernel(at: usize) -> String {
    let maps = BufReader::new(File::open("/proc/self/maps").expect("/proc"));
    let holds = |line: &String| {
        let (start, end) = line.split(' ').next().expect("a range").split_once('-').expect("two ends");
        let number = |hex| usize::from_str_radix(hex, 16).expect("hex");
        (number(start)..number(end)).contains(&at)
    };
    let line = maps.lines().map(|line| line.expect("text")).find(holds).unwrap_or_default();
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn store(at: usize) {
    // SAFETY: a page of the calling test's own data.
    unsafe { pointer(at).cast::<u8>().write_volatile(2) };
}

/// The first address of this program, from the dynamic linker.
fn program() -> usize {
    unsafe extern "C" {
        static __ehdr_start: u8;
    }
    (&raw const __ehdr_start).addr()
}

// Rows: VQ10 VQ11 VQ12 VQ13
#[test]
fn the_parts_of_a_program_are_those_of_one_image() {
    let on = On(SELF);
    let base = program();
    let part = |at: usize| on.query(at).expect("mapped");
    let header = part(base);
    assert_eq!((header.base, header.allocation), (base, base), "VQ10");
    assert_eq!(
        (header.initial, header.state, header.protect, header.kind),
        (PAGE_EXECUTE_WRITECOPY, MEM_COMMIT, PAGE_READONLY, MEM_IMAGE),
        "VQ10"
    );
    let code = part(program as *const () as usize);
    assert_eq!(
        (code.allocation, code.initial, code.protect, code.kind),
        (base, PAGE_EXECUTE_WRITECOPY, PAGE_EXECUTE_READ, MEM_IMAGE),
        "VQ11"
    );
    static CONSTANT: [u8; 64] = [7; 64];
    let constant = part((&raw const CONSTANT).addr());
    assert_eq!(
        (constant.allocation, constant.protect, constant.kind),
        (base, PAGE_READONLY, MEM_IMAGE),
        "VQ12"
    );
    let data = data!(TOUCHED);
    assert_eq!(part(data).protect, PAGE_WRITECOPY, "VQ13");
    store(data);
    let touched = part(data);
    assert_eq!(
        (touched.allocation, touched.protect, touched.kind, touched.size),
        (base, PAGE_READWRITE, MEM_IMAGE, PAGE),
        "VQ13"
    );
}

// Rows: VP33 VP34 VP35 VP36 VS12
#[test]
fn an_image_takes_every_protection_and_copies_where_it_is_stored_to() {
    let on = On(SELF);
    let at = data!(PROTECTED);
    let mut before = PAGE_WRITECOPY;
    for (row, asked, reported, permissions) in [
        ("VP33", PAGE_READWRITE, PAGE_WRITECOPY, "rw-p"),
        ("VP34", PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, "rwxp"),
        ("VP35", PAGE_NOACCESS, PAGE_NOACCESS, "---p"),
        ("VP35", PAGE_READONLY, PAGE_READONLY, "r--p"),
        ("VP35", PAGE_WRITECOPY, PAGE_WRITECOPY, "rw-p"),
        // The processor lets code be read, and the kernel keeps no word for the wish that it were not.
        ("VP35, differs", PAGE_EXECUTE, PAGE_EXECUTE_READ, "r-xp"),
        ("VP35", PAGE_EXECUTE_READ, PAGE_EXECUTE_READ, "r-xp"),
        ("VP35", PAGE_EXECUTE_WRITECOPY, PAGE_EXECUTE_WRITECOPY, "rwxp"),
        ("VP33", PAGE_READWRITE, PAGE_WRITECOPY, "rw-p"),
    ] {
        assert_eq!(on.protect(at, 2 * PAGE, asked), Ok(before), "{row}: the old protection");
        assert_eq!(kernel(at), permissions, "{row}");
        let record = on.query(at).expect("mapped");
        assert_eq!((record.protect, record.initial), (reported, PAGE_EXECUTE_WRITECOPY), "{row} {asked:#x}");
        before = reported;
    }
    for wrong in [0, PAGE_READONLY | PAGE_EXECUTE, PAGE_READWRITE | PAGE_WRITECOPY] {
        assert_eq!(on.protect(at, PAGE, wrong), Err(87), "VP36");
    }
    assert_eq!(on.query(at).expect("mapped").protect, before, "VP36: nothing changed");
}

// Rows: VP37 CW11
#[test]
fn a_page_of_an_image_is_the_programs_once_it_was_stored_to() {
    let on = On(SELF);
    let at = data!(STORED);
    on.protect(at, 3 * PAGE, PAGE_WRITECOPY).expect("VP35");
    store(at + PAGE);
    let seen = |at| {
        let Record { protect, size, .. } = on.query(at).expect("mapped");
        (protect, size)
    };
    assert_eq!(seen(at), (PAGE_WRITECOPY, PAGE), "VP37: the run ends where a page was stored to");
    assert_eq!(seen(at + PAGE), (PAGE_READWRITE, PAGE), "VP37");
    assert_eq!(seen(at + 2 * PAGE).0, PAGE_WRITECOPY, "VP37");
    assert_eq!(on.protect(at + PAGE, PAGE, PAGE_EXECUTE_READWRITE), Ok(PAGE_READWRITE), "VP37");
    assert_eq!(seen(at + PAGE).0, PAGE_EXECUTE_READWRITE, "VP37");
    on.protect(at, 3 * PAGE, PAGE_READWRITE).expect("VP33");
}

// Rows: VF40 SR13
#[test]
fn an_image_is_not_freed_nor_committed() {
    let on = On(SELF);
    let at = data!(KEPT);
    for (base, kind) in [(at, MEM_RELEASE), (program(), MEM_RELEASE), (at, MEM_DECOMMIT)] {
        assert_eq!(on.free(base, 0, kind), Err(87), "VF40");
    }
    assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, PAGE_READONLY), Err(5), "SR13");
    assert_eq!(on.query(at).expect("mapped").kind, MEM_IMAGE);
}

/// What the handler below found.
static FOUND: AtomicUsize = AtomicUsize::new(0);

extern "C" fn ask(_: libc::c_int) {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    let at = FOUND.load(Ordering::SeqCst);
    // SAFETY: the record has room.
    unsafe { VirtualQuery(pointer(at), &raw mut record, size_of::<MEMORY_BASIC_INFORMATION>()) };
    FOUND.store(record.Protect as usize, Ordering::SeqCst);
}

// Rows: VP37
#[test]
fn a_signal_handler_with_little_stack_may_ask_about_an_image() {
    /// What a handler has at least; code that is not optimised takes more.
    const STACK: usize = if cfg!(debug_assertions) { 24 << 10 } else { 8 << 10 };
    let at = data!(ASKED);
    store(at);
    FOUND.store(at, Ordering::SeqCst);
    let mut stack = vec![0_u8; STACK];
    // SAFETY: the handler calls only what may run in one; the stack outlives its use.
    unsafe {
        let new = libc::stack_t { ss_sp: stack.as_mut_ptr().cast::<c_void>(), ss_flags: 0, ss_size: STACK };
        let mut old = std::mem::zeroed::<libc::stack_t>();
        assert_eq!(libc::sigaltstack(&raw const new, &raw mut old), 0);
        let mut action = std::mem::zeroed::<libc::sigaction>();
        action.sa_sigaction = ask as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, ptr::null_mut()), 0);
        libc::raise(libc::SIGUSR2);
        libc::signal(libc::SIGUSR2, libc::SIG_DFL);
        assert_eq!(libc::sigaltstack(&raw const old, ptr::null_mut()), 0);
    }
    assert_eq!(FOUND.load(Ordering::SeqCst), PAGE_READWRITE as usize, "VP37");
}

/// A program that sleeps until its input ends, and where its image is.
struct Other(Child, HANDLE, usize);

impl Other {
    fn new() -> Self {
        let child = Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("cat is there");
        // Once it echoes, the dynamic linker is done with its image.
        child.stdin.as_mut().expect("a pipe").write_all(b"x\n").expect("it reads");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it answers");
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", child.id())).expect("it lives");
        let first = maps.lines().next().expect("a mapping").split('-').next().expect("a start");
        let base = usize::from_str_radix(first, 16).expect("hex");
        // SAFETY: no conditions.
        let handle = unsafe { OpenProcess(PROCESS_ALL_ACCESS, 0, child.id()) };
        assert!(!handle.is_null());
        Self(child, handle, base)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // SAFETY: it was opened above.
        unsafe { pagewright::win32::CloseHandle(self.1) };
        self.0.kill().expect("ours");
        self.0.wait().expect("ours");
    }
}

// Rows: RW37 RW38 VQ10 VP33 VP35 VP37
#[test]
fn the_image_of_another_process_is_read_and_protected() {
    let other = Other::new();
    let (on, base) = (On(other.1), other.2);
    let header = on.query(base).expect("VQ10");
    assert_eq!(
        (header.allocation, header.initial, header.protect, header.kind),
        (base, PAGE_EXECUTE_WRITECOPY, PAGE_READONLY, MEM_IMAGE),
        "VQ10, from outside"
    );
    let mut magic = [0; 4];
    assert_eq!(read(on, base, &mut magic), (Ok(()), 4), "RW37");
    assert_eq!(&magic, b"\x7fELF", "RW37");
    assert_eq!(on.protect(base, PAGE, PAGE_READWRITE), Ok(PAGE_READONLY), "VP33");
    assert_eq!(on.query(base).expect("mapped").protect, PAGE_WRITECOPY, "VP33");
    assert_eq!(on.protect(base, PAGE, PAGE_NOACCESS), Ok(PAGE_WRITECOPY), "VP35");
    assert_eq!(read(on, base, &mut magic).0, Err(299), "RW38");
    assert_eq!(on.protect(base, PAGE, PAGE_READONLY), Ok(PAGE_NOACCESS), "VP35");
    // SAFETY: no conditions.
    assert_eq!(unsafe { GetCurrentProcess() }, SELF);
}
