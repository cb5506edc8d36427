//! `NtCreateSection`, `NtOpenSection`.

use super::super::NTSTATUS;
use super::super::calls::require_pointer;
use super::super::failure::Failure;
use super::super::handles;
use super::super::protection::decode_protection;
use super::super::section::{ATTRIBUTES, Found, Wanted, create, open};
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::super::{
    SECTION_ALL_ACCESS, SECTION_MAP_EXECUTE, SECTION_MAP_READ, SECTION_MAP_WRITE, SECTION_QUERY,
};
use super::types::{OBJ_OPENIF, OBJECT_ATTRIBUTES};
use super::{names, status};
use pagewright_core::Protection;

/// Makes a section of memory (NULL for the file) or of a file
/// ([`file_handle`](super::super::file_handle)). With a name that exists it is a collision,
/// unless the attributes have [`OBJ_OPENIF`](super::OBJ_OPENIF): then that one is opened, and the
/// status is `OBJECT_NAME_EXISTS`.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn NtCreateSection(
    sectionhandle: *mut HANDLE,
    desiredaccess: u32,
    objectattributes: *const OBJECT_ATTRIBUTES,
    maximumsize: *const i64,
    sectionpageprotection: u32,
    allocationattributes: u32,
    filehandle: HANDLE,
) -> NTSTATUS {
    let made = decode(sectionpageprotection, allocationattributes).and_then(|protection| {
        require_pointer(sectionhandle.is_null(), "pointer for the handle")?;
        // SAFETY: the caller vouches for the pointers.
        let (object, name) = unsafe { named(objectattributes) }?;
        // SAFETY: it is not NULL, and the caller vouches for it then.
        let size = if maximumsize.is_null() { 0 } else { unsafe { maximumsize.read_unaligned() as u64 } };
        let (attributes, access) = (allocationattributes, rights(desiredaccess));
        let made = create(&Wanted { file: filehandle, protection, attributes, access, size, name })?;
        unless_taken(made, object.Attributes)
    });
    match made {
        Ok((handle, status)) => {
            // SAFETY: it is not NULL, and the caller vouches for it then.
            unsafe { sectionhandle.write_unaligned(handle) };
            status.0 as NTSTATUS
        }
        Err(failure) => failure.status.0 as NTSTATUS,
    }
}

/// Opens a section of this process by its name.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn NtOpenSection(
    sectionhandle: *mut HANDLE,
    desiredaccess: u32,
    objectattributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    let opened =
        require_pointer(sectionhandle.is_null() || objectattributes.is_null(), "pointer").and_then(|()| {
            // SAFETY: the caller vouches for the pointers.
            let (_, name) = unsafe { named(objectattributes) }?;
            let fix = "give the name of a section";
            let missing = || Failure::argument(NtStatus::OBJECT_PATH_SYNTAX_BAD, "name", 0, fix);
            open(&name.ok_or_else(missing)?, rights(desiredaccess))
        });
    status(opened.map(|handle| {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        unsafe { sectionhandle.write_unaligned(handle) };
    }))
}

/// The words of a new section (SC03, SC24, SC25); unlike the Win32 call this one permits
/// `PAGE_EXECUTE` (SC04).
fn decode(protect: u32, attributes: u32) -> Result<Protection, Failure> {
    if attributes == 0 || attributes & !ATTRIBUTES != 0 {
        let fix = "give SEC_COMMIT, SEC_RESERVE, or what goes with them";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_6, "attributes", attributes.into(), fix));
    }
    let protection = decode_protection(protect)?;
    if protection == Protection::NONE || protect & !0xff != 0 {
        let fix = "give one access but PAGE_NOACCESS, without modifiers";
        return Err(Failure::argument(NtStatus::INVALID_PAGE_PROTECTION, "protection", protect.into(), fix));
    }
    Ok(protection)
}

/// Attributes, and the name in them.
///
/// # Safety
/// The pointers are NULL or valid.
unsafe fn named(
    attributes: *const OBJECT_ATTRIBUTES,
) -> Result<(OBJECT_ATTRIBUTES, Option<Vec<u16>>), Failure> {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        let record = names::attributes(attributes)?;
        Ok((record, names::name(&record)?))
    }
}

/// Whether a section that was there may be answered.
fn unless_taken((handle, found): (HANDLE, Found), attributes: u32) -> Result<(HANDLE, NtStatus), Failure> {
    match found {
        Found::New => Ok((handle, NtStatus::SUCCESS)),
        Found::Known if attributes & OBJ_OPENIF != 0 => Ok((handle, NtStatus::OBJECT_NAME_EXISTS)),
        Found::Known => {
            handles::close(handle)?;
            let fix = "a section has this name; add OBJ_OPENIF to open that one";
            Err(Failure::argument(NtStatus::OBJECT_NAME_COLLISION, "name", 0, fix))
        }
    }
}

/// The rights that a word asks for: those of every object stand for those of sections.
fn rights(access: u32) -> u32 {
    const MAXIMUM: u32 = 0x0200_0000;
    const ALL: u32 = 0x1000_0000;
    const EXECUTE: u32 = 0x2000_0000;
    const WRITE: u32 = 0x4000_0000;
    const READ: u32 = 0x8000_0000;
    let generic = [
        (MAXIMUM | ALL, SECTION_ALL_ACCESS | SECTION_MAP_EXECUTE),
        (EXECUTE, SECTION_MAP_EXECUTE),
        (WRITE, SECTION_MAP_WRITE),
        (READ, SECTION_MAP_READ | SECTION_QUERY),
    ];
    let plain = access & !(MAXIMUM | ALL | EXECUTE | WRITE | READ);
    generic.iter().filter(|(word, _)| access & word != 0).fold(plain, |rights, (_, more)| rights | more)
}
