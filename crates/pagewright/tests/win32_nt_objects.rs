//! NtOpenProcess, NtClose, NtDuplicateObject, NtCreateSection, NtOpenSection,
//! NtMapViewOfSection(Ex), NtUnmapViewOfSection(Ex): rows SC, MV, SR and HR of that layer.

mod sections;

use std::fs::File;
use std::ptr;

use pagewright::win32::*;
use sections::*;

/// The answer of a call, which leaves the last error alone.
fn said(call: impl FnOnce() -> NTSTATUS) -> Result<u32, NtStatus> {
    // SAFETY: no conditions.
    unsafe { SetLastError(0xdead_beef) };
    let status = call();
    assert_eq!(last(), 0xdead_beef, "NT calls have no last error");
    if status >= 0 { Ok(status as u32) } else { Err(NtStatus(status as u32)) }
}

/// What a section is asked to be.
#[derive(Clone, Copy, Debug)]
struct Ask {
    access: u32,
    size: i64,
    protect: u32,
    attributes: u32,
    file: HANDLE,
}

const MEMORY: Ask = Ask {
    access: SECTION_ALL_ACCESS,
    size: 2 * PAGE as i64,
    protect: PAGE_READWRITE,
    attributes: SEC_COMMIT,
    file: ptr::null_mut(),
};

fn make(ask: Ask) -> Result<HANDLE, NtStatus> {
    let mut handle = ptr::null_mut();
    // SAFETY: memory, handles and names of this test's own.
    let status = said(|| unsafe {
        let Ask { access, size, protect, attributes, file } = ask;
        NtCreateSection(&raw mut handle, access, ptr::null(), &raw const size, protect, attributes, file)
    });
    status.map(|_| handle)
}

/// A view as it was asked for.
#[derive(Clone, Copy, Debug)]
struct View {
    base: usize,
    bits: usize,
    commit: usize,
    offset: i64,
    size: usize,
    kind: u32,
    protect: u32,
}

const ALL: View = View { base: 0, bits: 0, commit: 0, offset: 0, size: 0, kind: 0, protect: PAGE_READWRITE };

fn show(section: HANDLE, view: View) -> Result<(usize, usize), NtStatus> {
    let (mut base, mut size, mut offset) = (view.base as *mut _, view.size, view.offset);
    let (at, bytes, from) = (&raw mut base, &raw mut size, &raw mut offset);
    let View { bits, commit, kind, protect, .. } = view;
    // SAFETY: memory, handles and names of this test's own.
    let status = said(|| unsafe {
        let own = GetCurrentProcess();
        NtMapViewOfSection(section, own, at, bits, commit, from, bytes, ViewShare, kind, protect)
    });
    if status.is_err() {
        assert_eq!((base.addr(), size, offset), (view.base, view.size, view.offset), "nothing is written");
    }
    status.map(|_| (base.expose_provenance(), size))
}

fn hide(at: usize) -> Result<u32, NtStatus> {
    // SAFETY: memory, handles and names of this test's own.
    said(|| unsafe { NtUnmapViewOfSection(GetCurrentProcess(), at as *const _) })
}

fn shut(handle: HANDLE) -> Result<u32, NtStatus> {
    // SAFETY: any handle is answered.
    said(|| unsafe { NtClose(handle) })
}

// Rows: SC03 SC24 SC25 SC26 SC27 SC28 SC31 SC32 SC11
#[test]
fn the_words_of_a_section() {
    for (row, ask, refusal) in [
        ("SC24", Ask { attributes: 0, ..MEMORY }, NtStatus::INVALID_PARAMETER_6),
        ("SC25", Ask { attributes: u32::MAX, ..MEMORY }, NtStatus::INVALID_PARAMETER_6),
        ("SC11", Ask { attributes: SEC_COMMIT | SEC_RESERVE, ..MEMORY }, NtStatus::INVALID_PARAMETER_6),
        ("SC03", Ask { protect: PAGE_NOACCESS, ..MEMORY }, NtStatus::INVALID_PAGE_PROTECTION),
        ("SC03", Ask { protect: 0, ..MEMORY }, NtStatus::INVALID_PAGE_PROTECTION),
        ("SC03", Ask { protect: u32::MAX, ..MEMORY }, NtStatus::INVALID_PAGE_PROTECTION),
        (
            "SC03",
            Ask { protect: PAGE_READWRITE | PAGE_READONLY, ..MEMORY },
            NtStatus::INVALID_PAGE_PROTECTION,
        ),
        ("SC27", Ask { size: 0, ..MEMORY }, NtStatus::INVALID_PARAMETER_4),
        ("SC28", Ask { size: -1, ..MEMORY }, NtStatus::SECTION_TOO_BIG),
        ("SC31", Ask { size: 128 << 40, attributes: SEC_RESERVE, ..MEMORY }, NtStatus::SECTION_TOO_BIG),
        ("SC15", Ask { attributes: SEC_IMAGE, ..MEMORY }, NtStatus::INVALID_FILE_FOR_SECTION),
        ("MV24", Ask { file: 0xdead_beec as *mut _, ..MEMORY }, NtStatus::INVALID_HANDLE),
    ] {
        assert_eq!(make(ask), Err(refusal), "{row}");
    }
    for access in [0, u32::MAX] {
        assert_eq!(shut(make(Ask { access, ..MEMORY }).expect("SC26")), Ok(0), "SC26");
    }
    let large = make(Ask { size: 8 << 30, attributes: SEC_RESERVE, ..MEMORY }).expect("SC32");
    assert_eq!(shut(large), Ok(0));
    // SAFETY: NULL is what is tested.
    let nowhere = said(|| unsafe {
        let size = PAGE as i64;
        NtCreateSection(
            ptr::null_mut(),
            0,
            ptr::null(),
            &raw const size,
            PAGE_READWRITE,
            SEC_COMMIT,
            ptr::null_mut(),
        )
    });
    assert_eq!(nowhere, Err(NtStatus::ACCESS_VIOLATION));
}

// Rows: SC04 SC35 MV45
#[test]
fn a_section_may_be_for_execution_alone() {
    let path = std::env::temp_dir().join(format!("pagewright-nt-{}", std::process::id()));
    std::fs::write(&path, [0; 36]).expect("a file");
    let file = file_handle(File::open(&path).expect("a file"));
    let section = make(Ask { size: 0, protect: PAGE_EXECUTE, file, ..MEMORY }).expect("SC04");
    assert_eq!(about(section), Ok((SEC_FILE, 36)), "SC35");
    for protect in [PAGE_READONLY, PAGE_READWRITE] {
        assert_eq!(show(section, View { protect, ..ALL }), Err(NtStatus::SECTION_PROTECTION), "MV45");
    }
    let (at, size) = show(section, View { protect: PAGE_EXECUTE, ..ALL }).expect("MV45");
    assert_eq!(size, PAGE);
    assert_eq!((hide(at), shut(section), shut(file)), (Ok(0), Ok(0), Ok(0)));
    std::fs::remove_file(&path).expect("our own file");
}

/// A name, and attributes with it.
struct Named {
    _units: Vec<u16>,
    _text: Box<UNICODE_STRING>,
    attributes: OBJECT_ATTRIBUTES,
}

fn named(name: &str, flags: u32) -> Named {
    let mut units: Vec<u16> = name.encode_utf16().collect();
    let bytes = (2 * units.len()) as u16;
    let text = Box::new(UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_mut_ptr() });
    let attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        ObjectName: &raw const *text,
        Attributes: flags,
        ..Default::default()
    };
    Named { _units: units, _text: text, attributes }
}

fn make_named(name: &Named) -> (Result<u32, NtStatus>, HANDLE) {
    let (mut handle, size) = (ptr::null_mut(), PAGE as i64);
    // SAFETY: memory, handles and names of this test's own.
    let status = said(|| unsafe {
        let (name, size) = (&raw const name.attributes, &raw const size);
        NtCreateSection(
            &raw mut handle,
            SECTION_ALL_ACCESS,
            name,
            size,
            PAGE_READWRITE,
            SEC_COMMIT,
            ptr::null_mut(),
        )
    });
    (status, handle)
}

fn open_named(name: &Named, access: u32) -> (Result<u32, NtStatus>, HANDLE) {
    let mut handle = ptr::null_mut();
    // SAFETY: memory, handles and names of this test's own.
    let status = said(|| unsafe { NtOpenSection(&raw mut handle, access, &raw const name.attributes) });
    (status, handle)
}

// Rows: SC46 SC48 SC49
#[test]
fn both_layers_see_the_same_names() {
    let full = named("\\BaseNamedObjects\\pagewright-nt-names", 0);
    let or_open = named("\\BaseNamedObjects\\pagewright-nt-names", OBJ_OPENIF);
    let (status, section) = make_named(&full);
    assert_eq!(status, Ok(0));
    assert_eq!(make_named(&full).0, Err(NtStatus::OBJECT_NAME_COLLISION));
    let (status, again) = make_named(&or_open);
    assert_eq!(status, Ok(NtStatus::OBJECT_NAME_EXISTS.0));
    let name = wide("pagewright-nt-names");
    // SAFETY: memory, handles and names of this test's own.
    let win32 = unsafe { OpenFileMappingW(FILE_MAP_READ, FALSE, name.as_ptr()) };
    let (status, opened) = open_named(&full, SECTION_MAP_READ | SECTION_QUERY);
    assert_eq!(status, Ok(0));
    assert_eq!(granted(opened), SECTION_MAP_READ | SECTION_QUERY);
    for handle in [section, again, ok(win32), opened] {
        assert_eq!(shut(handle), Ok(0));
    }
    assert_eq!(open_named(&full, SECTION_MAP_READ).0, Err(NtStatus::OBJECT_NAME_NOT_FOUND), "SC49");
    for bad in ["pagewright", "\\Device\\pagewright", "\\BaseNamedObjects\\", ""] {
        assert_eq!(open_named(&named(bad, 0), 4).0, Err(NtStatus::OBJECT_PATH_SYNTAX_BAD), "{bad}");
    }
    let mut short = named("\\BaseNamedObjects\\x", 0);
    short.attributes.Length -= 1;
    assert_eq!(open_named(&short, 4).0, Err(NtStatus::INVALID_PARAMETER));
    // SAFETY: NULL is what is tested.
    let nowhere = said(|| unsafe { NtOpenSection(ptr::null_mut(), 4, &raw const full.attributes) });
    assert_eq!(nowhere, Err(NtStatus::ACCESS_VIOLATION));
}

// Rows: MV20 MV24 MV25 MV27 MV28 MV29 MV30 MV31 MV50 MV51
#[test]
fn the_place_of_a_view() {
    let section = make(MEMORY).expect("a section");
    let (at, size) = show(section, View { bits: 1, ..ALL }).expect("MV59");
    assert!(at + size <= 1 << 31, "MV59: {at:#x}");
    assert_eq!(show(section, View { base: at, ..ALL }), Err(NtStatus::CONFLICTING_ADDRESSES), "MV27");
    assert_eq!(hide(at + 42), Ok(0), "MV13");
    assert_eq!(hide(at), Err(NtStatus::NOT_MAPPED_VIEW), "MV14");
    let high = 0x0300_0000_0000;
    for (row, view, refusal) in [
        ("MV20", View { size: usize::MAX, ..ALL }, NtStatus::INVALID_PARAMETER_3),
        ("MV28", View { offset: 1, ..ALL }, NtStatus::MAPPED_ALIGNMENT),
        ("MV29", View { base: at + 42, ..ALL }, NtStatus::MAPPED_ALIGNMENT),
        ("MV30", View { base: high, bits: 1, ..ALL }, NtStatus::INVALID_PARAMETER_4),
        ("MV30", View { bits: 22, ..ALL }, NtStatus::INVALID_PARAMETER_4),
        ("MV31", View { base: at + 0x1000, bits: 1, ..ALL }, NtStatus::MAPPED_ALIGNMENT),
        ("MV35", View { base: 0x7fff_ffff_f000, ..ALL }, NtStatus::INVALID_PARAMETER_3),
        ("MV36", View { kind: MEM_COMMIT, ..ALL }, NtStatus::INVALID_PARAMETER_9),
        ("MV41", View { protect: PAGE_EXECUTE_READWRITE, ..ALL }, NtStatus::SECTION_PROTECTION),
        ("MV46", View { protect: PAGE_READWRITE | PAGE_READONLY, ..ALL }, NtStatus::INVALID_PAGE_PROTECTION),
        ("MV51", View { commit: usize::MAX, ..ALL }, NtStatus::INVALID_PARAMETER_5),
    ] {
        assert_eq!(show(section, view), Err(refusal), "{row}");
    }
    assert_eq!(show(0xdead_beec as *mut _, ALL), Err(NtStatus::INVALID_HANDLE), "MV24");
    assert_eq!(show(INVALID_HANDLE_VALUE, ALL), Err(NtStatus::OBJECT_TYPE_MISMATCH), "MV25");
    let (at, _) = show(section, View { commit: 500, ..ALL }).expect("MV50");
    assert_eq!((hide(at), shut(section)), (Ok(0), Ok(0)));
}

// Rows: MV21 MV53 SR19 SR03
#[test]
fn a_view_begins_with_what_is_committed_at_once() {
    let section = make(Ask { attributes: SEC_RESERVE, ..MEMORY }).expect("a section");
    let (at, size) = show(section, View { commit: PAGE, ..ALL }).expect("MV53");
    assert_eq!(size, 2 * PAGE);
    store(at, 5);
    assert_eq!((run(at).0, run(at + PAGE).0), (MEM_COMMIT, MEM_RESERVE), "MV53");
    let (second, _) = show(section, View { protect: PAGE_READONLY, ..ALL }).expect("a view");
    assert_eq!((load(second), run(second).0), (5, MEM_COMMIT), "SR19: of the section, not of the view");
    for view in [at, second] {
        assert_eq!(hide(view), Ok(0));
    }
    assert_eq!(shut(section), Ok(0));
    let large = make(Ask { size: 8 << 30, attributes: SEC_RESERVE, ..MEMORY }).expect("SC32");
    let (at, size) = show(large, ALL).expect("MV21");
    assert_eq!((size, hide(at), shut(large)), (8 << 30, Ok(0), Ok(0)), "MV21");
}

// Rows: AR30 AR31 PH38
#[test]
fn extended_parameters_say_where_a_view_goes() {
    let section = make(MEMORY).expect("a section");
    let mut requirements = MEM_ADDRESS_REQUIREMENTS::default();
    let mut with = |lowest: usize, highest: usize, alignment, at: usize| {
        requirements = MEM_ADDRESS_REQUIREMENTS {
            LowestStartingAddress: lowest as *mut _,
            HighestEndingAddress: highest as *mut _,
            Alignment: alignment,
        };
        let mut parameter = MEM_EXTENDED_PARAMETER {
            Anonymous1: MEM_EXTENDED_PARAMETER_0 {
                _bitfield: MemExtendedParameterAddressRequirements as u64,
            },
            Anonymous2: MEM_EXTENDED_PARAMETER_1 { Pointer: (&raw mut requirements).cast() },
        };
        let (mut base, mut size, first) = (at as *mut _, 0, &raw mut parameter);
        // SAFETY: memory, handles and names of this test's own.
        let status = said(|| unsafe {
            let (base, size, own) = (&raw mut base, &raw mut size, GetCurrentProcess());
            NtMapViewOfSectionEx(section, own, base, ptr::null_mut(), size, 0, PAGE_READWRITE, first, 1)
        });
        status.map(|_| (base.expose_provenance(), size))
    };
    for alignment in [1, 2, 4, 0x1_0000] {
        assert_eq!(with(0, 0, alignment, 0), Err(NtStatus::INVALID_PARAMETER), "AR30");
    }
    for (lowest, highest, at) in [(0, 0x2000_1001, 0), (0x2000_1000, 0, 0), (0x2000_0000, 0, 0x3000_0000)] {
        assert_eq!(with(lowest, highest, 0, at), Err(NtStatus::INVALID_PARAMETER), "AR31");
    }
    let (at, size) = with(0x2000_0000, 0x2fff_ffff, 0, 0).expect("AR31");
    assert!(at >= 0x2000_0000 && at + size - 1 <= 0x2fff_ffff, "AR31: {at:#x}");
    // SAFETY: memory, handles and names of this test's own.
    let unmap =
        |flags| said(|| unsafe { NtUnmapViewOfSectionEx(GetCurrentProcess(), at as *const _, flags) });
    assert_eq!(unmap(2), Err(NtStatus::CONFLICTING_ADDRESSES), "PH38: it stands for no placeholder");
    assert_eq!(unmap(4), Err(NtStatus::INVALID_PARAMETER), "no such flag");
    assert_eq!((unmap(0), unmap(0)), (Ok(0), Err(NtStatus::NOT_MAPPED_VIEW)));
    assert_eq!(shut(section), Ok(0));
}

fn open_process(process: usize, thread: usize, access: u32) -> (Result<u32, NtStatus>, HANDLE) {
    let client = CLIENT_ID { UniqueProcess: process as *mut _, UniqueThread: thread as *mut _ };
    let attributes = named("", 0).attributes;
    let attributes = OBJECT_ATTRIBUTES { ObjectName: ptr::null(), ..attributes };
    let mut handle = ptr::null_mut();
    // SAFETY: memory, handles and names of this test's own.
    let status =
        said(|| unsafe { NtOpenProcess(&raw mut handle, access, &raw const attributes, &raw const client) });
    (status, handle)
}

// Rows: HR12 HR15
#[test]
fn processes_are_opened_by_their_id() {
    let pid = std::process::id() as usize;
    // SAFETY: no conditions.
    let tid = unsafe { libc::gettid() } as usize;
    let (status, handle) = open_process(pid, tid, PROCESS_ALL_ACCESS);
    assert_eq!(status, Ok(0));
    // SAFETY: any handle is answered.
    assert_eq!(unsafe { GetProcessId(handle) } as usize, pid);
    let unknown = Err(NtStatus::INVALID_CID);
    for (process, thread) in [(0, 0), (0x7fff_fffe, 0), (usize::MAX, 0), (pid, 1), (pid, usize::MAX)] {
        assert_eq!(open_process(process, thread, PROCESS_VM_READ).0, unknown, "{process:#x} {thread:#x}");
    }
    let mut out = ptr::null_mut();
    let client = CLIENT_ID { UniqueProcess: pid as *mut _, ..Default::default() };
    let plain = OBJECT_ATTRIBUTES { Length: size_of::<OBJECT_ATTRIBUTES>() as u32, ..Default::default() };
    let name = named("x", 0);
    // SAFETY: NULL is what is tested.
    unsafe {
        let (who, what, into) = (&raw const client, &raw const plain, &raw mut out);
        let refused = Err(NtStatus::ACCESS_VIOLATION);
        assert_eq!(said(|| NtOpenProcess(ptr::null_mut(), 0, what, who)), refused);
        assert_eq!(said(|| NtOpenProcess(into, 0, ptr::null(), who)), refused);
        let mixed = Err(NtStatus::INVALID_PARAMETER_MIX);
        assert_eq!(said(|| NtOpenProcess(into, 0, what, ptr::null())), mixed);
        assert_eq!(said(|| NtOpenProcess(into, 0, &raw const name.attributes, who)), mixed);
    }
    assert_eq!((shut(handle), shut(handle)), (Ok(0), Err(NtStatus::INVALID_HANDLE)), "closed twice");
    assert_eq!((shut(ptr::null_mut()), shut(INVALID_HANDLE_VALUE)), (Err(NtStatus::INVALID_HANDLE), Ok(0)));
}

// Rows: HR14 HR22
#[test]
fn handles_are_duplicated_with_other_rights() {
    let section = make(MEMORY).expect("a section");
    let mut copy = ptr::null_mut();
    let mut duplicate = |from, access, options| {
        // SAFETY: memory, handles and names of this test's own.
        let status = said(|| unsafe {
            let own = GetCurrentProcess();
            NtDuplicateObject(own, from, own, &raw mut copy, access, 0, options)
        });
        status.map(|_| copy)
    };
    let reads = duplicate(section, SECTION_MAP_READ, 0).expect("one more");
    assert_eq!(about(reads), Err(NtStatus::ACCESS_DENIED.0 as i32), "HR22");
    let same = duplicate(section, 0, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE).expect("one more");
    assert_eq!(granted(same), SECTION_ALL_ACCESS);
    assert_eq!(shut(section), Err(NtStatus::INVALID_HANDLE), "its source is closed");
    assert_eq!(duplicate(section, 0, 0), Err(NtStatus::INVALID_HANDLE));
    assert_eq!((shut(reads), shut(same)), (Ok(0), Ok(0)));
}
