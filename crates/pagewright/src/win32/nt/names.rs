//! `OBJECT_ATTRIBUTES`: the name that a section has for both layers.

use super::super::UNICODE_STRING;
use super::super::failure::Failure;
use super::super::status::NtStatus;
use super::types::OBJECT_ATTRIBUTES;

/// Where the names of the Win32 calls are, for whoever names them in full.
const NAMED: &str = "\\BaseNamedObjects\\";

/// A record of attributes; zeros for NULL.
///
/// # Errors
/// `INVALID_PARAMETER` for a record of another length.
///
/// # Safety
/// `attributes` is NULL or valid.
pub(super) unsafe fn attributes(attributes: *const OBJECT_ATTRIBUTES) -> Result<OBJECT_ATTRIBUTES, Failure> {
    if attributes.is_null() {
        return Ok(OBJECT_ATTRIBUTES::default());
    }
    // SAFETY: it is not NULL, so the caller vouches for it.
    let record = unsafe { attributes.read_unaligned() };
    if record.Length as usize != size_of::<OBJECT_ATTRIBUTES>() {
        let fix = "give the size of the record";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "length", record.Length.into(), fix));
    }
    Ok(record)
}

/// The name in attributes, as the Win32 calls have it; `None` without one.
///
/// # Errors
/// `OBJECT_NAME_INVALID` for a text of half units; `OBJECT_PATH_SYNTAX_BAD` for one that does not
/// begin in `\BaseNamedObjects\`, and for one that is relative to a directory.
///
/// # Safety
/// The pointers in the attributes are NULL or valid.
pub(super) unsafe fn name(attributes: &OBJECT_ATTRIBUTES) -> Result<Option<Vec<u16>>, Failure> {
    if attributes.ObjectName.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, so the caller vouches for it.
    let text = unsafe { units(&attributes.ObjectName.read_unaligned()) }?;
    if text.is_empty() {
        return Ok(None);
    }
    let prefix: Vec<u16> = NAMED.encode_utf16().collect();
    match text.strip_prefix(&prefix[..]) {
        Some(name) if !name.is_empty() && attributes.RootDirectory.is_null() => Ok(Some(name.to_vec())),
        Some(_) | None => {
            let fix = "give \\BaseNamedObjects\\ and the name behind it, and no directory";
            Err(Failure::argument(NtStatus::OBJECT_PATH_SYNTAX_BAD, "name", 0, fix))
        }
    }
}

/// The units of a text.
///
/// # Safety
/// Its buffer has as many bytes as it says.
unsafe fn units(text: &UNICODE_STRING) -> Result<Vec<u16>, Failure> {
    let bytes = usize::from(text.Length);
    if bytes % 2 != 0 || bytes != 0 && text.Buffer.is_null() {
        let fix = "give a text and its length in bytes";
        return Err(Failure::argument(NtStatus::OBJECT_NAME_INVALID, "name", bytes as u64, fix));
    }
    // SAFETY: the caller vouches for that many.
    Ok((0..bytes / 2).map(|index| unsafe { text.Buffer.add(index).read_unaligned() }).collect())
}
