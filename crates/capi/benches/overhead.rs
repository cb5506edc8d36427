//! What a call through the C library costs more than the same call of the Rust crate:
//! `cargo bench -p pagewright-capi`. Both are measured in turns; medians are shown.

#[path = "../tests/support/mod.rs"]
mod support;

use std::ffi::{CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::ptr;
use std::time::Instant;

use rust::win32::{
    self, MEM_COMMIT, MEM_DECOMMIT, MEM_RESERVE, MEMORY_BASIC_INFORMATION, PAGE_READONLY, PAGE_READWRITE,
};

unsafe extern "C" {
    fn dlopen(name: *const c_char, mode: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

type Query = unsafe extern "system" fn(*const c_void, *mut MEMORY_BASIC_INFORMATION, usize) -> usize;
type Alloc = unsafe extern "system" fn(*const c_void, usize, u32, u32) -> *mut c_void;
type Free = unsafe extern "system" fn(*mut c_void, usize, u32) -> i32;
type Protect = unsafe extern "system" fn(*const c_void, usize, u32, *mut u32) -> i32;

/// The calls of one of the two.
#[derive(Clone, Copy)]
struct Calls {
    query: Query,
    alloc: Alloc,
    free: Free,
    protect: Protect,
    last: unsafe extern "system" fn() -> u32,
}

const OF_RUST: Calls = Calls {
    query: win32::VirtualQuery,
    alloc: win32::VirtualAlloc,
    free: win32::VirtualFree,
    protect: win32::VirtualProtect,
    last: win32::GetLastError,
};

/// Those of the shared library.
fn of_c() -> Calls {
    let path = support::library().join("libpagewright.so").into_os_string().into_encoded_bytes();
    let path = CString::new(path).expect("a path");
    // SAFETY: the library has no conditions; RTLD_NOW.
    let library = unsafe { dlopen(path.as_ptr(), 2) };
    assert!(!library.is_null(), "the library cannot be loaded");
    let symbol = |name: &str| {
        let name = CString::new(name).expect("a name");
        // SAFETY: a library that is loaded.
        let at = unsafe { dlsym(library, name.as_ptr()) };
        assert!(!at.is_null(), "{name:?} is missing");
        at
    };
    // SAFETY: these are their types.
    unsafe {
        Calls {
            query: std::mem::transmute::<*mut c_void, Query>(symbol("VirtualQuery")),
            alloc: std::mem::transmute::<*mut c_void, Alloc>(symbol("VirtualAlloc")),
            free: std::mem::transmute::<*mut c_void, Free>(symbol("VirtualFree")),
            protect: std::mem::transmute::<*mut c_void, Protect>(symbol("VirtualProtect")),
            last: std::mem::transmute::<*mut c_void, unsafe extern "system" fn() -> u32>(symbol(
                "GetLastError",
            )),
        }
    }
}

/// Something to do with pages at `at`, once.
type Work = fn(&Calls, *mut c_void);

const WORK: [(&str, Work); 4] = [
    ("GetLastError", |calls, _| {
        // SAFETY: no conditions.
        black_box(unsafe { (calls.last)() });
    }),
    ("VirtualQuery", |calls, at| {
        let mut record = MEMORY_BASIC_INFORMATION::default();
        // SAFETY: there is room for one record.
        black_box(unsafe { (calls.query)(at, &mut record, size_of_val(&record)) });
    }),
    ("VirtualProtect, twice", |calls, at| {
        let mut old = 0;
        // SAFETY: a page of this program, which nobody accesses.
        unsafe {
            (calls.protect)(at, 4096, PAGE_READONLY, &mut old);
            (calls.protect)(at, 4096, PAGE_READWRITE, &mut old);
        }
    }),
    ("VirtualAlloc and VirtualFree of a page", |calls, at| {
        let page = at.wrapping_byte_add(8192);
        // SAFETY: as above.
        unsafe {
            (calls.alloc)(page, 4096, MEM_COMMIT, PAGE_READWRITE);
            (calls.free)(page, 4096, MEM_DECOMMIT);
        }
    }),
];

fn nanoseconds(calls: &Calls, at: *mut c_void, work: Work) -> f64 {
    const ROUNDS: u32 = 2000;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        work(calls, at);
    }
    start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let both = [OF_RUST, of_c()];
    // Each has a map of its own, so each has memory of its own.
    // SAFETY: fresh memory harms nobody.
    let memory = both.map(|calls| unsafe {
        let at = (calls.alloc)(ptr::null(), 1 << 16, MEM_RESERVE, PAGE_READWRITE);
        (calls.alloc)(at, 4096, MEM_COMMIT, PAGE_READWRITE)
    });
    println!("{:<40} {:>9} {:>9} {:>9}", "ns for each call, medians of 201", "Rust", "C", "C more");
    for (name, work) in WORK {
        let mut values = [Vec::new(), Vec::new()];
        for _ in 0..201 {
            for which in 0..2 {
                values[which].push(nanoseconds(&both[which], memory[which], work));
            }
        }
        let [rust, c] = values.map(median);
        println!("{name:<40} {rust:>9.1} {c:>9.1} {:>9.1}", c - rust);
    }
}
