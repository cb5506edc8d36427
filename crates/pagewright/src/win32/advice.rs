//! Telling the kernel about many ranges of a process at once.

use pagewright_linux::sys;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::AsRawFd;

use super::range::PAGE;
use crate::process::Process;

/// A range as the kernel takes it: an `iovec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    size: usize,
}

/// Entries that one call of the kernel takes (`IOV_MAX`).
const MOST: usize = 1024;

impl Span {
    /// The whole pages that the bytes touch; `None` if there are no such addresses.
    pub(crate) fn touching(at: u64, size: u64, highest: u64) -> Option<Self> {
        let last = at.checked_add(size.checked_sub(1)?)?.min(highest);
        let start = at & !(PAGE - 1);
        let end = (last | (PAGE - 1)) + 1;
        (start < end).then(|| Self { start: start as usize, size: (end - start) as usize })
    }
}

/// What the kernel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// The pages will be used soon.
    WillNeed,
    /// They will not, and are the first to go when memory is short.
    Cold,
    /// They are to leave main memory now, if they can.
    PageOut,
}

impl Advice {
    const fn number(self) -> usize {
        let number = match self {
            Self::WillNeed => libc::MADV_WILLNEED,
            Self::Cold => libc::MADV_COLD,
            Self::PageOut => libc::MADV_PAGEOUT,
        };
        number as usize
    }
}

/// Gives advice about ranges of a process, in one call of the kernel for each thousand. Ranges
/// that it refuses are passed over, and where it does not let itself be told of another
/// process, nothing happens: advice cannot fail.
pub(crate) fn give(process: &Process, spans: &[Span], advice: Advice) {
    let Some(fd) =
        Pid::from_raw(process.pid() as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        return;
    };
    if process.has_ended() {
        return; // The number may mean another one by now.
    }
    for spans in spans.chunks(MOST) {
        tell(fd.as_raw_fd(), spans, advice);
    }
}

fn tell(process: i32, mut spans: &[Span], advice: Advice) {
    while !spans.is_empty() {
        let args = [process as usize, spans.as_ptr().addr(), spans.len(), advice.number(), 0, 0];
        // SAFETY: the spans are one `iovec` each and live across the call; this advice changes
        // no content.
        let done = match unsafe { sys::syscall(libc::SYS_process_madvise as u32, args) } {
            Ok(done) => done,
            Err(error) if error.raw() == libc::EPERM || error.raw() == libc::ENOSYS => return,
            Err(_) => 0,
        };
        spans = &spans[passed(spans, done)..];
    }
}

/// How many spans are behind us when `done` bytes are: the one that stopped the kernel, too.
fn passed(spans: &[Span], done: usize) -> usize {
    let mut left = done;
    let whole = spans.iter().take_while(|span| {
        let fits = left >= span.size;
        left = left.saturating_sub(span.size);
        fits
    });
    (whole.count() + 1).min(spans.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_the_pages_that_are_touched() {
        let span = |start, size| Some(Span { start, size });
        assert_eq!(Span::touching(0x1fff, 2, u64::MAX - 1), span(0x1000, 0x2000));
        assert_eq!(Span::touching(0x1000, 0, u64::MAX), None);
        assert_eq!(Span::touching(u64::MAX, 2, u64::MAX), None);
        assert_eq!(Span::touching(0x5000, 1, 0x2fff), None);
        assert_eq!(Span::touching(0x1000, 0x9000, 0x2fff), span(0x1000, 0x2000));
    }

    #[test]
    fn the_span_that_stopped_the_kernel_is_passed_over() {
        let spans = [1, 2, 3].map(|pages| Span { start: 0, size: pages * 0x1000 });
        assert_eq!(passed(&spans, 0), 1);
        assert_eq!(passed(&spans, 0x1000), 2);
        assert_eq!(passed(&spans, 0x2000), 2);
        assert_eq!(passed(&spans, 0x6000), 3);
    }
}
