//! Noting stores by a thread of ours: who stores to an armed page waits until that thread has
//! lifted the protection. Which pages are protected is all the state that there is.

use core::sync::atomic::{AtomicI32, Ordering};

use pagewright_core::{After, PageRange};

use super::super::object::Descriptor;
use super::super::pages::{PageFile, WORDS, page_words};
use super::super::{Linux, addr, len};
use super::way::Stop;
use crate::sys::{self, Advice, Catch, Errno, FaultKind, Stores, Waiters, pagemap, userfault};

/// What is asked for, as far as the kernel has it.
const WANTED: u64 =
    userfault::WRITE_PROTECT | userfault::WRITE_PROTECT_SHARED | userfault::WRITE_PROTECT_UNTOUCHED;

/// The descriptor that stores wait at.
#[derive(Debug, Default)]
pub(super) struct StoreFd {
    descriptor: Option<Descriptor>,
    features: u64,
    serve: Option<fn(i32) -> bool>,
}

impl StoreFd {
    /// Makes the descriptor, and has a thread serve it. False where that cannot be: where
    /// the kernel's own stores would fail instead of waiting, too.
    pub(super) fn begin(&mut self, serve: fn(i32) -> bool) -> bool {
        self.serve = Some(serve);
        self.get().is_ok()
    }

    fn get(&mut self) -> sys::Result<i32> {
        if let Some(raw) = self.known() {
            return Ok(raw);
        }
        self.lose();
        let serve = self.serve.ok_or(Errno::ENOSYS)?;
        let asked = sys::userfaultfd(Waiters::Everybody)?;
        self.features = WANTED & sys::userfault_enable(asked.raw(), 0)?;
        if self.features & userfault::WRITE_PROTECT == 0 {
            return Err(Errno::ENOSYS);
        }
        let fd = sys::userfaultfd(Waiters::Everybody)?;
        sys::userfault_enable(fd.raw(), self.features)?;
        let file = sys::file_id(fd.raw())?;
        let descriptor = Descriptor::new(fd, file);
        let raw = descriptor.raw();
        self.descriptor = Some(descriptor);
        if serve(raw) { Ok(raw) } else { Err(Errno::EAGAIN) }
    }

    pub(super) fn arm(&mut self, range: PageRange) -> sys::Result<()> {
        let fd = self.get()?;
        if self.features & userfault::WRITE_PROTECT_UNTOUCHED == 0 {
            // Only pages with memory can be protected: they get the common page of zeros. What
            // cannot be loaded cannot be stored to either.
            // SAFETY: loads from pages of ours.
            let _ = unsafe { sys::madvise(addr(range), len(range), Advice::PopulateRead) };
        }
        match protect(fd, range) {
            Err(Errno::ENOENT) => {
                // SAFETY: who waits is let go on by the thread that serves the descriptor, which
                // accesses nothing of the range.
                unsafe { sys::userfault_register(fd, addr(range), len(range), Catch::Stores) }?;
                protect(fd, range)
            }
            done => done,
        }
    }

    pub(super) fn disarm(&mut self, range: PageRange) {
        if let Some(fd) = self.known() {
            // It fails for what is not registered, which is as good.
            let _ = sys::userfault_unregister(fd, addr(range), len(range));
        }
    }

    /// The descriptor if there is one, had again from the thread that holds it if it was closed.
    fn known(&mut self) -> Option<i32> {
        let descriptor = self.descriptor.as_ref()?;
        if let Some(raw) = descriptor.usable() {
            return Some(raw);
        }
        let file = descriptor.file();
        let thread = Some(HOLDER.load(Ordering::Acquire)).filter(|thread| *thread != 0)?;
        let again = sys::descriptor_of(thread, HELD.load(Ordering::Relaxed)).ok()?;
        if sys::file_id(again.raw()) != Ok(file) {
            return None;
        }
        core::mem::forget(self.descriptor.take());
        Some(self.descriptor.insert(Descriptor::new(again, file)).raw())
    }

    pub(super) fn close(&mut self) {
        HOLDER.store(0, Ordering::Release);
        self.descriptor = None;
    }

    pub(super) fn lose(&mut self) {
        HOLDER.store(0, Ordering::Release);
        core::mem::forget(self.descriptor.take());
    }
}

fn protect(fd: i32, range: PageRange) -> sys::Result<()> {
    // SAFETY: as for registering the range.
    unsafe { sys::userfault_protect(fd, addr(range), len(range), Stores::Wait) }
}

/// The thread of this process that holds the descriptor in a table of its own; 0: none does.
static HOLDER: AtomicI32 = AtomicI32::new(0);
/// The number that it has there.
static HELD: AtomicI32 = AtomicI32::new(0);

/// Keeps the descriptor where the rest of the process cannot close it, for the thread that is going to serve it and
/// does nothing else. False where the kernel does not permit that: then whoever closes it lets all stores pass.
pub fn hold_stores(fd: i32) -> bool {
    // SAFETY: this thread is for the descriptor alone.
    let held = unsafe { sys::keep_alone(fd) }.is_ok();
    if held {
        HELD.store(fd, Ordering::Relaxed);
        HOLDER.store(sys::gettid(), Ordering::Release);
    }
    held
}

/// Waits for stores to armed pages and lets them go on. False once the descriptor is of no use
/// any more.
///
/// To be called in a loop by a thread that never stores to watched memory, not even in a signal
/// handler: it would wait for itself.
pub fn serve_stores(fd: i32) -> bool {
    if sys::wait_readable(fd).is_err_and(|error| error != Errno::EINTR) {
        return false;
    }
    pass_store(fd)
}

/// As [`serve_stores`], for a thread that waits for more than that: lets one go on that waits already, and never
/// waits itself. The message may be gone when it comes: a signal takes it back.
pub fn pass_store(fd: i32) -> bool {
    match sys::userfault_read(fd) {
        Ok(None) => true,
        Ok(Some(fault)) => {
            if fault.kind == FaultKind::ProtectedStore {
                let page = fault.at as usize & !0xfff;
                // SAFETY: nobody waits for longer than before.
                let passed = unsafe { sys::userfault_protect(fd, page, 0x1000, Stores::Pass) };
                if passed.is_err() {
                    // Something else is there now, or changes at this moment: it is tried again.
                    let _ = sys::userfault_wake(fd, page, 0x1000);
                }
            }
            true
        }
        Err(_) => false,
    }
}

/// Whether a word is of a page that was stored to since it was protected.
const fn is_stored(word: u64) -> bool {
    word & (pagemap::PRESENT | pagemap::SWAPPED) != 0 && word & pagemap::PROTECTED == 0
}

impl Linux {
    pub(super) fn scan_words(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Stop> {
        let (mut at, end, mut room) = (range.start().get(), range.end().get(), limit);
        let mut words = [0; WORDS];
        while let Some(rest) = PageRange::between(at, end).filter(|_| room > 0) {
            let pages = self.watched.ways.pages.get();
            let got = pages.and_then(|pages| page_words(pages, rest, &mut words));
            let got = got.map_err(|error| Stop { rest, room, error })?;
            let mut index = 0;
            while index < got && room > 0 {
                let alike = words[index..got].iter().take_while(|word| is_stored(**word)).count();
                let alike = alike.min(usize::try_from(room).unwrap_or(usize::MAX));
                let start = at + index as u64 * self.geometry.page;
                let run = PageRange::between(start, start + alike as u64 * self.geometry.page);
                if let Some(run) = run {
                    let told = self.report_stored(run, after, report);
                    let rest = PageRange::between(start, end).unwrap_or(rest);
                    told.map_err(|error| Stop { rest, room, error })?;
                }
                room -= alike as u64;
                index += alike.max(1);
            }
            at += got as u64 * self.geometry.page;
        }
        Ok(())
    }

    /// A store before the pages are protected again is in this report.
    fn report_stored(
        &mut self,
        run: PageRange,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> sys::Result<()> {
        match after {
            After::Keep => {}
            After::Forget => protect(self.watched.ways.thread.get()?, run)?,
        }
        report(run);
        Ok(())
    }
}

impl PageFile {
    /// Whether the words say which pages are protected (5.13): of one that is, by `thread`.
    pub(super) fn shows_protection(&mut self, page: PageRange) -> bool {
        let mut words = [0; WORDS];
        let read = self.get().and_then(|pages| page_words(pages, page, &mut words));
        read == Ok(1) && words[0] & pagemap::PROTECTED != 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn to_let_a_store_pass_that_is_there_no_more_does_not_wait() {
        let made = sys::userfaultfd(Waiters::Program);
        let Ok(fd) = made.and_then(|fd| sys::userfault_enable(fd.raw(), 0).map(|_| fd)) else {
            std::println!("skipped: there is no userfaultfd here");
            return;
        };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let goes_on = pass_store(fd.raw());
            drop(fd);
            let closed = pass_store(-1);
            tell.send((goes_on, closed)).expect("somebody listens");
        });
        let answers = told.recv_timeout(Duration::from_secs(20));
        assert_eq!(answers, Ok((true, false)), "it goes on without a message, and ends without a descriptor");
    }
}
