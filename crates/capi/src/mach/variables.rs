//! The variables that Mach's headers declare. They are right before the first constructor
//! runs and in every forked child, since they never change: each process calls its own task
//! by the same name.

use rust::mach::{self, mach_port_t, vm_size_t};

// SAFETY: no conditions.
const TASK: mach_port_t = unsafe { mach::mach_task_self() };
const PAGE: vm_size_t = mach::round_page(1);
const MASK: vm_size_t = PAGE - 1;
const SHIFT: i32 = PAGE.trailing_zeros().cast_signed();

#[unsafe(no_mangle)]
static mach_task_self_: mach_port_t = TASK;

#[unsafe(no_mangle)]
static vm_page_size: vm_size_t = PAGE;
#[unsafe(no_mangle)]
static vm_page_mask: vm_size_t = MASK;
#[unsafe(no_mangle)]
static vm_page_shift: i32 = SHIFT;

// What the kernel calls a page is the same here.
#[unsafe(no_mangle)]
static vm_kernel_page_size: vm_size_t = PAGE;
#[unsafe(no_mangle)]
static vm_kernel_page_mask: vm_size_t = MASK;
#[unsafe(no_mangle)]
static vm_kernel_page_shift: i32 = SHIFT;
