//! `FormatMessage`: a sentence for a code, in our words.

use std::ffi::c_void;

use super::super::calls::require_pointer;
use super::super::constants as c;
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::last_error;
use super::super::status::NtStatus;
use super::heap::LocalAlloc;
use super::types::{
    FORMAT_MESSAGE_ALLOCATE_BUFFER, FORMAT_MESSAGE_ARGUMENT_ARRAY, FORMAT_MESSAGE_FROM_SYSTEM,
    FORMAT_MESSAGE_IGNORE_INSERTS, FORMAT_MESSAGE_MAX_WIDTH_MASK, FORMAT_MESSAGE_OPTIONS,
};

/// Writes the sentence for a code of this library, and a zero: how many units, without the zero;
/// 0 and a last error on failure, 317 for a code that has none, 122 for too little room.
///
/// Only texts of the system are known (`FORMAT_MESSAGE_FROM_SYSTEM`), in one language whatever is
/// asked for, and they have no inserts. They end in a line break, unless the width mask is all
/// ones. With `FORMAT_MESSAGE_ALLOCATE_BUFFER` the buffer is the place for a pointer to memory that
/// `LocalFree` gives back, of at least `nsize` units.
///
/// # Safety
/// `lpbuffer` is NULL or has room for `nsize` units; or is the place for a pointer.
pub unsafe extern "system" fn FormatMessageA(
    dwflags: FORMAT_MESSAGE_OPTIONS,
    _lpsource: *const c_void,
    dwmessageid: u32,
    _dwlanguageid: u32,
    lpbuffer: *mut u8,
    nsize: u32,
    _arguments: *const *const i8,
) -> u32 {
    // SAFETY: the caller vouches for the buffer.
    last_error::note(caught(|| unsafe { format(dwflags, dwmessageid, lpbuffer, nsize) })).unwrap_or(0)
}

/// [`FormatMessageA`] in units of 16 bits.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn FormatMessageW(
    dwflags: FORMAT_MESSAGE_OPTIONS,
    _lpsource: *const c_void,
    dwmessageid: u32,
    _dwlanguageid: u32,
    lpbuffer: *mut u16,
    nsize: u32,
    _arguments: *const *const i8,
) -> u32 {
    // SAFETY: the caller vouches for the buffer.
    last_error::note(caught(|| unsafe { format(dwflags, dwmessageid, lpbuffer, nsize) })).unwrap_or(0)
}

/// # Safety
/// As the calls.
unsafe fn format<U: Copy + From<u8>>(
    flags: FORMAT_MESSAGE_OPTIONS,
    code: u32,
    buffer: *mut U,
    size: u32,
) -> Result<u32, Failure> {
    check(flags)?;
    require_pointer(buffer.is_null(), "buffer")?;
    let line: Vec<U> = line(flags, code)?.bytes().chain([0]).map(U::from).collect();
    let into = if flags & FORMAT_MESSAGE_ALLOCATE_BUFFER != 0 {
        let bytes = line.len().max(size as usize) * size_of::<U>();
        // SAFETY: no conditions.
        let made = unsafe { LocalAlloc(0, bytes) }.cast::<U>();
        if made.is_null() {
            return Err(Failure::argument(
                NtStatus::NO_MEMORY,
                "size",
                bytes as u64,
                "there is no memory for it",
            ));
        }
        // SAFETY: the caller vouches that it is the place for a pointer.
        unsafe { buffer.cast::<*mut U>().write_unaligned(made) };
        made
    } else if (size as usize) < line.len() {
        let fix = "the text is longer; give more room";
        return Err(Failure::argument(NtStatus::BUFFER_TOO_SMALL, "size", size.into(), fix));
    } else {
        buffer
    };
    for (index, unit) in line.iter().enumerate() {
        // SAFETY: there is room for all of it.
        unsafe { into.add(index).write_unaligned(*unit) };
    }
    Ok(line.len() as u32 - 1)
}

/// What we can serve.
fn check(flags: FORMAT_MESSAGE_OPTIONS) -> Result<(), Failure> {
    const KNOWN: u32 = FORMAT_MESSAGE_ALLOCATE_BUFFER
        | FORMAT_MESSAGE_IGNORE_INSERTS
        | FORMAT_MESSAGE_FROM_SYSTEM
        | FORMAT_MESSAGE_ARGUMENT_ARRAY
        | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    if flags & FORMAT_MESSAGE_FROM_SYSTEM != 0 && flags & !KNOWN == 0 {
        return Ok(());
    }
    let fix = "give FORMAT_MESSAGE_FROM_SYSTEM; texts of programs are not known";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER, "flags", flags.into(), fix))
}

fn line(flags: FORMAT_MESSAGE_OPTIONS, code: u32) -> Result<String, Failure> {
    // HRESULT_FROM_WIN32: a code in the low half.
    let code = if code >> 16 == 0x8007 { code & 0xffff } else { code };
    let sentence = SENTENCES.iter().find(|(known, _)| *known == code).map(|(_, sentence)| *sentence);
    let unknown =
        || Failure::argument(NtStatus::MESSAGE_NOT_FOUND, "code", code.into(), "no call answers it");
    let is_one_line = flags & FORMAT_MESSAGE_MAX_WIDTH_MASK == FORMAT_MESSAGE_MAX_WIDTH_MASK;
    Ok(format!("{}{}", sentence.ok_or_else(unknown)?, if is_one_line { " " } else { "\r\n" }))
}

const SENTENCES: [(u32, &str); 42] = [
    (c::ERROR_SUCCESS, "No error: the call succeeded."),
    (c::ERROR_FILE_NOT_FOUND, "Nothing has this name."),
    (c::ERROR_ACCESS_DENIED, "The handle lacks a right, the kernel refused, or the process has ended."),
    (c::ERROR_INVALID_HANDLE, "The handle is not open, or stands for something else."),
    (c::ERROR_NOT_ENOUGH_MEMORY, "No range is free that fits, or there is no memory for it."),
    (c::ERROR_BAD_LENGTH, "The structure has another length."),
    (c::ERROR_GEN_FAILURE, "The kernel refused for a reason of its own."),
    (c::ERROR_NOT_SUPPORTED, "This kind of process, memory or object cannot be served."),
    (c::ERROR_UNEXP_NET_ERR, "Free memory has nothing to tell about that."),
    (c::ERROR_INVALID_PARAMETER, "An argument is wrong."),
    (c::ERROR_INSUFFICIENT_BUFFER, "The buffer is too small for the answer."),
    (c::ERROR_INVALID_NAME, "This is not a name."),
    (c::ERROR_NOT_LOCKED, "A page of the range is not locked."),
    (c::ERROR_BAD_PATHNAME, "The name begins nowhere."),
    (c::ERROR_BUSY, "Somebody else is being served, or content that was offered is gone."),
    (c::ERROR_ALREADY_EXISTS, "The name is taken."),
    (c::ERROR_BAD_EXE_FORMAT, "The file is not a program."),
    (c::ERROR_MORE_DATA, "There is more than the buffer takes."),
    (c::ERROR_NO_MORE_ITEMS, "There is nothing more to list."),
    (c::ERROR_PARTIAL_COPY, "Only a part was copied."),
    (c::ERROR_MR_MID_NOT_FOUND, "There is no text for this code."),
    (c::ERROR_INVALID_ADDRESS, "The address does not fit to what is there."),
    (c::ERROR_NOACCESS, "The memory cannot be accessed."),
    (c::ERROR_FILE_INVALID, "The file is empty or has changed."),
    (c::ERROR_MAPPED_ALIGNMENT, "The base or the offset of a view is not a multiple of 65536."),
    (c::ERROR_USER_MAPPED_FILE, "The file has views."),
    (c::ERROR_NOT_ALL_ASSIGNED, "Not all of the privileges are held."),
    (c::ERROR_NO_SUCH_PRIVILEGE, "No privilege has this name."),
    (c::ERROR_PRIVILEGE_NOT_HELD, "The privilege that this needs is not held; the administrator grants it."),
    (c::ERROR_INTERNAL_ERROR, "The library met a mistake of its own; report it."),
    (c::ERROR_NO_SYSTEM_RESOURCES, "The kernel's limit of mappings leaves no room."),
    (c::ERROR_WORKING_SET_QUOTA, "More would be locked than the process may lock."),
    (c::ERROR_COMMITMENT_LIMIT, "More memory would be promised than may be."),
    (c::ERROR_NOT_SAME_OBJECT, "The handles stand for different objects."),
    // Codes that programs print, and no call of this library answers.
    (1, "This is not a function."),
    (3, "There is no such directory."),
    (14, "There is no memory for this operation."),
    (32, "Somebody else has the file open."),
    (112, "The disk is full."),
    (120, "This call does not exist here."),
    (997, "The operation goes on."),
    (1460, "The time for this is over."),
];

#[cfg(test)]
mod tests {
    use super::{SENTENCES, line};

    #[test]
    fn every_sentence_is_one_and_no_code_has_two() {
        for (code, sentence) in SENTENCES {
            assert!(sentence.is_ascii() && sentence.ends_with('.') && !sentence.contains('%'), "{code}");
            assert_eq!(SENTENCES.iter().filter(|(other, _)| *other == code).count(), 1, "{code}");
        }
        assert_eq!(line(0, 0x8007_0005), line(0, 5));
        assert!(line(0, 0x1234_5678).is_err());
    }
}
