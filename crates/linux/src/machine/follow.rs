//! Whether a process was forked that has copies of what is mapped here.
//!
//! A fork shares every page of private memory between parent and child until one of them
//! stores to it. So one page that is never stored to tells: as long as a child, or a
//! child of that, has it, the kernel counts more than one mapping of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hint::black_box;

use pagewright_core::Followers;

use super::Linux;
use crate::sys::{self, OpenMode, pagemap};

/// Bytes of a page, and of a word of the kernel's about one.
const PAGE: usize = 0x1000;
const WORD: usize = 8;

/// A page that is stored to once. It is of no use to anybody else in it, so it is all of
/// one.
#[derive(Clone, Debug)]
#[repr(align(4096))]
struct Page([u8; PAGE]);

/// The page that tells.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    page: Box<Page>,
    /// Those that tell the parents of this process, as long as they stay as they are: so they
    /// are not freed.
    inherited: Vec<Box<Page>>,
}

impl Page {
    /// Not zeros: those might be everybody's.
    fn fresh() -> Box<Self> {
        Box::new(Self([1; PAGE]))
    }
}

impl Canary {
    fn new(inherited: Vec<Box<Page>>) -> Self {
        Self { page: Page::fresh(), inherited }
    }

    /// Whether this process alone has the page. Where that is not known, it is not.
    fn is_alone(&self) -> bool {
        // It may have been swapped out; a load brings it back.
        black_box(self.page.0[0]);
        let mut word = [0; WORD];
        let offset = (&raw const *self.page as usize / PAGE * WORD) as u64;
        let list = sys::open(c"/proc/thread-self/pagemap", OpenMode::Read);
        let read = list.and_then(|list| sys::pread(list.raw(), &mut word, offset));
        let bits = pagemap::PRESENT | pagemap::EXCLUSIVE;
        read == Ok(WORD) && u64::from_ne_bytes(word) & bits == bits
    }
}

impl Linux {
    /// From the first object on there is something that a child could have a copy of.
    pub(super) fn plant(&mut self) {
        if self.canary.is_none() {
            self.canary = Some(Canary::new(Vec::new()));
        }
    }

    pub(super) fn look_for_followers(&mut self) -> Followers {
        match &mut self.canary {
            None => Followers::None,
            Some(canary) if canary.is_alone() => Followers::None,
            Some(canary) => {
                // Those are known now; a new page tells of the next ones.
                canary.page = Page::fresh();
                Followers::Perhaps
            }
        }
    }

    /// This is a child: what told of it is kept, and a new page tells of its own children.
    pub(super) fn replant(&mut self) {
        if let Some(Canary { page, mut inherited }) = self.canary.take() {
            inherited.push(page);
            self.canary = Some(Canary::new(inherited));
        }
    }
}
