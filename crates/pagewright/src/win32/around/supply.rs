//! How much memory the machine has.

use std::fs;

use pagewright_core::Geometry;

use super::super::calls::{GetSystemInfo, answer, require_pointer};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::status::NtStatus;
use super::super::types::{BOOL, SYSTEM_INFO};
use super::text::{figure, pages};
use super::types::MEMORYSTATUSEX;

/// [`GetSystemInfo`]: this process is as wide as the system.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GetNativeSystemInfo(lpsysteminfo: *mut SYSTEM_INFO) {
    // SAFETY: the caller vouches for the same.
    unsafe { GetSystemInfo(lpsysteminfo) };
}

/// Says how much memory there is, and how much of it can be had. FALSE and a last error on
/// failure: 87 for a record of another length.
///
/// # Safety
/// `lpbuffer` is NULL or valid.
pub unsafe extern "system" fn GlobalMemoryStatusEx(lpbuffer: *mut MEMORYSTATUSEX) -> BOOL {
    answer(caught(|| {
        require_pointer(lpbuffer.is_null(), "record")?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        let length = unsafe { (&raw const (*lpbuffer).dwLength).read_unaligned() };
        if length as usize != size_of::<MEMORYSTATUSEX>() {
            let fix = "give the size of the record";
            return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "length", length.into(), fix));
        }
        let status = status().ok_or_else(unknown)?;
        // SAFETY: as above.
        unsafe { lpbuffer.write_unaligned(status) };
        Ok(())
    }))
}

fn unknown() -> Failure {
    Failure::argument(NtStatus::UNSUCCESSFUL, "machine", 0, "/proc/meminfo cannot be read; mount /proc")
}

fn status() -> Option<MEMORYSTATUSEX> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let (total, free) = (figure(&text, "MemTotal:")?, figure(&text, "MemAvailable:")?);
    let swap = |name| figure(&text, name).unwrap_or(0);
    let range = Geometry::X86_64.highest + 1 - Geometry::X86_64.lowest;
    let mapped = fs::read_to_string("/proc/self/statm").ok().and_then(|text| pages(&text)).unwrap_or(0);
    Some(MEMORYSTATUSEX {
        dwLength: size_of::<MEMORYSTATUSEX>() as u32,
        dwMemoryLoad: (total.saturating_sub(free) * 100 / total.max(1)) as u32,
        ullTotalPhys: total,
        ullAvailPhys: free,
        ullTotalPageFile: total + swap("SwapTotal:"),
        ullAvailPageFile: free + swap("SwapFree:"),
        ullTotalVirtual: range,
        ullAvailVirtual: range.saturating_sub(mapped),
        ullAvailExtendedVirtual: 0,
    })
}

/// How much memory is plugged in, in KiB: at least what the kernel uses. FALSE and a last error
/// on failure.
///
/// # Safety
/// `totalmemoryinkilobytes` is NULL or valid.
pub unsafe extern "system" fn GetPhysicallyInstalledSystemMemory(totalmemoryinkilobytes: *mut u64) -> BOOL {
    answer(caught(|| {
        require_pointer(totalmemoryinkilobytes.is_null(), "pointer for the number")?;
        let used = status().ok_or_else(unknown)?.ullTotalPhys;
        let bytes = blocks().unwrap_or(0).max(used);
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { totalmemoryinkilobytes.write_unaligned(bytes >> 10) };
        Ok(())
    }))
}

/// The blocks that the kernel can take out of use, where it can: all of the memory.
fn blocks() -> Option<u64> {
    let root = "/sys/devices/system/memory";
    let size = fs::read_to_string(format!("{root}/block_size_bytes")).ok()?;
    let size = u64::from_str_radix(size.trim(), 16).ok()?;
    let is_block = |name: &str| name.strip_prefix("memory").is_some_and(|id| id.parse::<u64>().is_ok());
    let entries = fs::read_dir(root).ok()?.filter_map(Result::ok);
    Some(size * entries.filter(|entry| entry.file_name().to_str().is_some_and(is_block)).count() as u64)
}
