//! Kernel mode of the calling thread.

use rust::win32::BOOL;
use rust::wince;

use super::answer;

#[unsafe(no_mangle)]
extern "C" fn PwEnterKernelMode() -> BOOL {
    answer(wince::enter_kernel_mode())
}

#[unsafe(no_mangle)]
extern "C" fn PwLeaveKernelMode() {
    wince::leave_kernel_mode();
}

#[unsafe(no_mangle)]
extern "C" fn PwForbidKernelMode() {
    wince::forbid_kernel_mode();
}

#[unsafe(no_mangle)]
extern "C" fn PwInKernelMode() -> BOOL {
    BOOL::from(wince::in_kernel_mode())
}
