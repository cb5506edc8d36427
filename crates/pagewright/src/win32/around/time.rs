//! Clocks and pauses.

use std::mem::MaybeUninit;
use std::time::Duration;

use super::super::calls::{answer, require_pointer};
use super::super::types::BOOL;
use super::types::{FILETIME, INFINITE};

/// Units of 100 ns from 1601 to 1970.
const TO_1970: i64 = 116_444_736_000_000_000;

/// Units of the performance counter in a second.
const FREQUENCY: i64 = 10_000_000;

/// Milliseconds since the system started; they begin anew after 49.7 days.
///
/// # Safety
/// None.
pub unsafe extern "system" fn GetTickCount() -> u32 {
    ticks() as u32
}

/// Milliseconds since the system started.
///
/// # Safety
/// None.
pub unsafe extern "system" fn GetTickCount64() -> u64 {
    ticks()
}

/// As the C library reads it: that works under valgrind too, which hides the kernel's shortcut.
fn now(clock: libc::clockid_t) -> libc::timespec {
    let mut now = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: there is room for the answer; every kernel has these clocks.
    unsafe { libc::clock_gettime(clock, now.as_mut_ptr()) };
    // SAFETY: all zeros is a time, and so is what was written over it.
    unsafe { now.assume_init() }
}

fn ticks() -> u64 {
    let now = now(libc::CLOCK_BOOTTIME);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// The time of day, of the last tick of the clock. NULL is ignored.
///
/// # Safety
/// `lpsystemtimeasfiletime` is NULL or valid.
pub unsafe extern "system" fn GetSystemTimeAsFileTime(lpsystemtimeasfiletime: *mut FILETIME) {
    // SAFETY: the caller vouches for the pointer.
    unsafe { tell_time(libc::CLOCK_REALTIME_COARSE, lpsystemtimeasfiletime) };
}

/// The time of day, as exact as can be. NULL is ignored.
///
/// # Safety
/// As [`GetSystemTimeAsFileTime`].
pub unsafe extern "system" fn GetSystemTimePreciseAsFileTime(lpsystemtimeasfiletime: *mut FILETIME) {
    // SAFETY: the caller vouches for the pointer.
    unsafe { tell_time(libc::CLOCK_REALTIME, lpsystemtimeasfiletime) };
}

/// # Safety
/// `into` is NULL or valid.
unsafe fn tell_time(clock: libc::clockid_t, into: *mut FILETIME) {
    let now = now(clock);
    let units = TO_1970 + now.tv_sec * FREQUENCY + now.tv_nsec / (1_000_000_000 / FREQUENCY);
    if !into.is_null() {
        let time = FILETIME { dwLowDateTime: units as u32, dwHighDateTime: (units >> 32) as u32 };
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { into.write_unaligned(time) };
    }
}

/// Pauses the thread for at least so many milliseconds: 0 lets others go first, and `INFINITE`
/// never returns.
///
/// # Safety
/// None.
pub unsafe extern "system" fn Sleep(dwmilliseconds: u32) {
    match dwmilliseconds {
        0 => std::thread::yield_now(),
        INFINITE => loop {
            std::thread::park();
        },
        time => std::thread::sleep(Duration::from_millis(time.into())),
    }
}

/// Lets other threads go first. FALSE: nobody says whether there was one.
///
/// # Safety
/// None.
pub unsafe extern "system" fn SwitchToThread() -> BOOL {
    std::thread::yield_now();
    0
}

/// Units of 100 ns that never go back. FALSE and a last error for NULL.
///
/// # Safety
/// `lpperformancecount` is NULL or valid.
pub unsafe extern "system" fn QueryPerformanceCounter(lpperformancecount: *mut i64) -> BOOL {
    let now = now(libc::CLOCK_MONOTONIC);
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(lpperformancecount, now.tv_sec * FREQUENCY + now.tv_nsec / (1_000_000_000 / FREQUENCY)) }
}

/// How many units of [`QueryPerformanceCounter`] a second has. FALSE and a last error for NULL.
///
/// # Safety
/// `lpfrequency` is NULL or valid.
pub unsafe extern "system" fn QueryPerformanceFrequency(lpfrequency: *mut i64) -> BOOL {
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(lpfrequency, FREQUENCY) }
}

/// # Safety
/// `into` is NULL or valid.
unsafe fn told(into: *mut i64, number: i64) -> BOOL {
    answer(require_pointer(into.is_null(), "pointer for the number").map(|()| {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { into.write_unaligned(number) };
    }))
}
