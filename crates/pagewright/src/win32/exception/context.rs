//! The registers of an interrupted thread: from the signal frame to a [`CONTEXT`] and back.

use std::ptr;

use libc::{c_int, c_void, ucontext_t};

use super::constants::{
    CONTEXT_CONTROL_AMD64, CONTEXT_FLOATING_POINT_AMD64, CONTEXT_INTEGER_AMD64, CONTEXT_SEGMENTS_AMD64,
};
use super::types::{CONTEXT, CONTEXT_FLAGS};

/// What is given, and taken back. The segments are only given.
pub(super) const GIVEN: CONTEXT_FLAGS =
    CONTEXT_CONTROL_AMD64 | CONTEXT_INTEGER_AMD64 | CONTEXT_SEGMENTS_AMD64 | CONTEXT_FLOATING_POINT_AMD64;

/// Of what `fxsave` stores, the part that has a meaning. The kernel notes behind it what else the
/// frame holds.
const LEGACY: usize = 416;
/// Bits of `MxCsr` that every processor has; to load others is a fault.
const MXCSR: u32 = 0xffff;

/// Where the signal frame has a register, and where the context has it.
type Pair = (c_int, fn(&mut CONTEXT) -> &mut u64);

const INTEGERS: [Pair; 15] = [
    (libc::REG_RAX, |context| &mut context.Rax),
    (libc::REG_RCX, |context| &mut context.Rcx),
    (libc::REG_RDX, |context| &mut context.Rdx),
    (libc::REG_RBX, |context| &mut context.Rbx),
    (libc::REG_RBP, |context| &mut context.Rbp),
    (libc::REG_RSI, |context| &mut context.Rsi),
    (libc::REG_RDI, |context| &mut context.Rdi),
    (libc::REG_R8, |context| &mut context.R8),
    (libc::REG_R9, |context| &mut context.R9),
    (libc::REG_R10, |context| &mut context.R10),
    (libc::REG_R11, |context| &mut context.R11),
    (libc::REG_R12, |context| &mut context.R12),
    (libc::REG_R13, |context| &mut context.R13),
    (libc::REG_R14, |context| &mut context.R14),
    (libc::REG_R15, |context| &mut context.R15),
];

const CONTROLS: [Pair; 2] =
    [(libc::REG_RIP, |context| &mut context.Rip), (libc::REG_RSP, |context| &mut context.Rsp)];

/// The registers of the thread that a signal has interrupted.
#[derive(Debug)]
pub(super) struct Frame(*mut ucontext_t);

impl Frame {
    /// # Safety
    /// What the kernel handed to a handler that has not returned.
    pub(super) unsafe fn new(frame: *mut c_void) -> Self {
        Self(frame.cast())
    }

    pub(super) fn get(&self, register: c_int) -> u64 {
        // SAFETY: a valid frame (`new`), and the number of a register.
        unsafe { (*self.0).uc_mcontext.gregs[register as usize] }.cast_unsigned()
    }

    fn set(&self, register: c_int, value: u64) {
        // SAFETY: as above.
        unsafe { (*self.0).uc_mcontext.gregs[register as usize] = value.cast_signed() };
    }

    /// What `fxsave` stores; NULL if the kernel saved none of it.
    fn floats(&self) -> *mut u8 {
        // SAFETY: as above.
        unsafe { (*self.0).uc_mcontext.fpregs }.cast()
    }

    /// Fills a context that is all zeros.
    pub(super) fn give(&self, context: &mut CONTEXT) {
        for (register, place) in INTEGERS.into_iter().chain(CONTROLS) {
            *place(context) = self.get(register);
        }
        context.EFlags = self.get(libc::REG_EFL) as u32;
        let segments = self.get(libc::REG_CSGSFS);
        context.SegCs = segments as u16;
        context.SegGs = (segments >> 16) as u16;
        context.SegFs = (segments >> 32) as u16;
        context.SegSs = (segments >> 48) as u16;
        context.ContextFlags = GIVEN;
        if self.floats().is_null() {
            context.ContextFlags = without(GIVEN, CONTEXT_FLOATING_POINT_AMD64);
        } else {
            // SAFETY: the kernel has saved as much, and the context has room for more.
            unsafe { ptr::copy_nonoverlapping(self.floats(), floats_of(context), LEGACY) };
            context.MxCsr = mxcsr(context);
        }
    }

    /// Takes back what a handler may have changed. The kernel takes care of flags that are not the
    /// program's.
    pub(super) fn take(&self, context: &mut CONTEXT) {
        if has(context, CONTEXT_INTEGER_AMD64) {
            INTEGERS.into_iter().for_each(|(register, place)| self.set(register, *place(context)));
        }
        if has(context, CONTEXT_CONTROL_AMD64) {
            CONTROLS.into_iter().for_each(|(register, place)| self.set(register, *place(context)));
            self.set(libc::REG_EFL, u64::from(context.EFlags));
        }
        if has(context, CONTEXT_FLOATING_POINT_AMD64) && !self.floats().is_null() {
            // SAFETY: as in `give`: `MxCsr` is in both.
            let before = unsafe { self.floats().add(MXCSR_AT).cast::<u32>().read() };
            settle_mxcsr(context, before);
            // SAFETY: as in `give`.
            unsafe { ptr::copy_nonoverlapping(floats_of(context), self.floats(), LEGACY) };
        }
    }
}

/// Where `fxsave` stores `MxCsr`.
const MXCSR_AT: usize = 24;

/// The context has that register twice: the one that was changed counts.
pub(super) fn settle_mxcsr(context: &mut CONTEXT, before: u32) {
    let wanted = if context.MxCsr == before { mxcsr(context) } else { context.MxCsr };
    context.Anonymous.FltSave.MxCsr = wanted & MXCSR;
}

pub(super) fn mxcsr(context: &CONTEXT) -> u32 {
    // SAFETY: numbers, which every member of the union is.
    unsafe { context.Anonymous.FltSave.MxCsr }
}

fn floats_of(context: &mut CONTEXT) -> *mut u8 {
    (&raw mut context.Anonymous).cast()
}

/// Whether a part of the context is valid.
pub(super) const fn has(context: &CONTEXT, part: CONTEXT_FLAGS) -> bool {
    context.ContextFlags & part == part
}

/// A sum of parts without one of them.
const fn without(parts: CONTEXT_FLAGS, part: CONTEXT_FLAGS) -> CONTEXT_FLAGS {
    parts & !(part ^ super::constants::CONTEXT_AMD64)
}
