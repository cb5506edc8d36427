//! The page table: what each page is, sized by what differs. Of address spaces and, with
//! another kind of entry, of objects.
//!
//! A tree of 512-way directories over tables of 512 pages, as the hardware has it.
//! Any entry of a directory can say that all pages below it are alike, so tables
//! exist only where pages differ or have frames:
//!
//! ```text
//!   committed 1 GiB, untouched              after one store
//!
//!   [ .. | alike: rw | .. ]                 [ .. | * | .. ]
//!                                                  v
//!                                           [ rw | * | rw | .. 512 x 2 MiB ]
//!                                                  v
//!                                           [ rw | rw, frame 1 | rw | .. 512 pages ]
//! ```
//!
//! Each of the two boundaries of a range costs at most one directory per level; what
//! lies between costs nothing, be it a page or a terabyte. A table goes as soon as
//! its pages are alike, a directory when its range is unmapped or changed as a whole.

use alloc::boxed::Box;
use core::ops::{ControlFlow, Range};

use bitflags::bitflags;
use pagewright_core::{Access, View};

use crate::frame::Frame;

/// What a table says of one page.
pub(crate) trait Entry: Copy + PartialEq {
    /// What it says where nothing is known: a directory of only this is not kept.
    const NOTHING: Self;

    /// Whether no two pages can have this entry.
    fn is_unique(self) -> bool;
}

bitflags! {
    /// What else is known of a mapped page.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Marks: u8 {
        /// It was asked to be wired.
        const WIRED = 1;
        /// Stores to it are noted, as long as it is mapped.
        const WATCHED = 2;
        /// It was stored to since it got memory, or since that was forgotten.
        const STORED = 4;
        /// Its content may be dropped until the next store.
        const YIELDED = 8;
        /// Its content was dropped.
        const DROPPED = 16;
        /// A frame is set aside for it as long as it has none.
        const BACKED = 32;
    }
}

impl Marks {
    /// What a page keeps that loses its memory, or comes to show something else.
    pub(crate) const LASTING: Self = Self::WATCHED;
    /// What a store puts an end to.
    pub(crate) const LET_GO: Self = Self::YIELDED.union(Self::DROPPED);
}

/// What a mapped page is.
///
/// Invariants: a page with a frame, or with a view, is committed; a shared page has no
/// frame; a wired page has one to store to, its own or, if it is shared, its object's.
/// Only watched pages with memory are stored to; what is yielded, dropped or backed is
/// private and committed, and what is yielded is neither watched nor wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// What may be done with it if it is committed; `None` if only reserved.
    pub(crate) access: Option<Access>,
    /// Bytes of its own; `None` while it was never stored to: it reads as zeros, or as
    /// what it shows.
    pub(crate) frame: Option<Frame>,
    /// What else is known of it.
    pub(crate) marks: Marks,
    /// How it shows a page of an object; `None` if it is private.
    pub(crate) view: Option<View>,
}

impl Page {
    /// Private, without a frame: reserved, or committed and never stored to.
    pub(crate) const fn fresh(access: Option<Access>) -> Self {
        Self { access, frame: None, marks: Marks::empty(), view: None }
    }

    /// The same with other marks.
    pub(crate) const fn with(self, marks: Marks) -> Self {
        Self { marks, ..self }
    }

    /// The same after a store.
    pub(crate) fn stored(self) -> Self {
        let noted = if self.marks.contains(Marks::WATCHED) { Marks::STORED } else { Marks::empty() };
        self.with(self.marks.difference(Marks::LET_GO).union(noted))
    }
}

/// Of an address space; `None` is unmapped.
impl Entry for Option<Page> {
    const NOTHING: Self = None;

    fn is_unique(self) -> bool {
        self.is_some_and(|page| page.frame.is_some())
    }
}

/// Of an object; `None` is zeros.
impl Entry for Option<Frame> {
    const NOTHING: Self = None;

    fn is_unique(self) -> bool {
        self.is_some()
    }
}

// A walk ends in one load.
const _: () = assert!(size_of::<Option<Page>>() == 8);

/// The binary logarithm of the entries of a table.
const BITS: u32 = 9;
const FAN: usize = 1 << BITS;

type Pages<T> = [T; FAN];
type Nodes<T> = [Node<T>; FAN];

/// All that is known of an aligned group of pages.
#[derive(Clone, Debug)]
enum Node<T> {
    /// Every page is this, which many can be.
    Alike(T),
    /// 512 pages, one by one.
    Table(Box<Pages<T>>),
    /// 512 smaller groups.
    Directory(Box<Nodes<T>>),
}

/// Which pages a node is about: 2^`bits` of them from `first`.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    bits: u32,
}

impl Span {
    /// The span of the entry at `index`.
    const fn child(self, index: usize) -> Self {
        let bits = self.bits - BITS;
        Self { first: self.first + ((index as u64) << bits), bits }
    }

    const fn pages(self) -> Range<u64> {
        self.first..self.first + (1 << self.bits)
    }

    /// The entries that `pages`, a part of this span, touches.
    const fn entries(self, pages: &Range<u64>) -> Range<usize> {
        let bits = self.bits - BITS;
        let low = (pages.start - self.first) >> bits;
        let high = (pages.end - 1 - self.first) >> bits;
        low as usize..high as usize + 1
    }
}

/// The part of `pages` that lies in `within`.
fn clip(pages: &Range<u64>, within: &Range<u64>) -> Range<u64> {
    pages.start.max(within.start)..pages.end.min(within.end)
}

impl<T: Entry> Node<T> {
    /// A node of smaller nodes (or pages) that are all alike.
    fn divided(page: T, span: Span) -> Self {
        if span.bits == BITS {
            return Self::Table(Box::new([page; FAN]));
        }
        Self::Directory(Box::new(core::array::from_fn(|_| Self::Alike(page))))
    }

    /// `pages` is a part of `span`, and not empty, here and below.
    fn update(&mut self, span: Span, pages: &Range<u64>, change: &mut impl FnMut(T) -> T) {
        if let Self::Alike(was) = *self {
            let now = change(was);
            if now == was {
                return;
            }
            if *pages == span.pages() {
                *self = Self::Alike(now);
                return;
            }
            *self = Self::divided(was, span);
        }
        match self {
            Self::Alike(_) => {}
            Self::Table(table) => {
                for page in &mut table[span.entries(pages)] {
                    *page = change(*page);
                }
            }
            Self::Directory(nodes) => {
                for index in span.entries(pages) {
                    let child = span.child(index);
                    nodes[index].update(child, &clip(pages, &child.pages()), change);
                }
            }
        }
        self.join(span, pages);
    }

    /// Drops the table or directory, after a change in `pages`, if it says nothing
    /// that one entry cannot say.
    ///
    /// But a directory of mapped pages that was changed only in part stays: the
    /// range is in use, and the next change in it would make the directory again.
    fn join(&mut self, span: Span, pages: &Range<u64>) {
        let partial = *pages != span.pages();
        let changed = span.entries(pages);
        let keep = match self {
            Self::Directory(nodes) => partial && !is_nothing(&nodes[changed.start]),
            Self::Table(_) | Self::Alike(_) => false,
        };
        if !keep && let Some(page) = self.alike(changed) {
            *self = Self::Alike(page);
        }
    }

    /// What all pages of a table or directory are, if they are alike.
    ///
    /// The entries just outside of what changed are compared first: most changes
    /// make a difference there, and the rest need not be looked at.
    fn alike(&self, changed: Range<usize>) -> Option<T> {
        let after = changed.end % FAN;
        let before = (changed.start + FAN - 1) % FAN;
        match self {
            Self::Alike(_) => None,
            Self::Table(table) => {
                let one = table[changed.start];
                // Never a unique one: that is the same as no other.
                let same = |page: &T| *page == one;
                (same(&table[after]) && same(&table[before]) && table.iter().all(same)).then_some(one)
            }
            Self::Directory(nodes) => {
                let Self::Alike(one) = nodes[changed.start] else { return None };
                let same = |node: &Self| matches!(node, Self::Alike(other) if *other == one);
                (same(&nodes[after]) && same(&nodes[before]) && nodes.iter().all(same)).then_some(one)
            }
        }
    }

    fn visit<const BACK: bool, B>(
        &self,
        span: Span,
        pages: &Range<u64>,
        see: &mut impl FnMut(Range<u64>, T) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if let Self::Alike(page) = self {
            return see(pages.clone(), *page);
        }
        let entries = span.entries(pages);
        for step in 0..entries.len() {
            let index = if BACK { entries.end - 1 - step } else { entries.start + step };
            let child = span.child(index);
            match self {
                Self::Alike(_) => {}
                Self::Table(table) => see(child.pages(), table[index])?,
                Self::Directory(nodes) => {
                    let part = clip(pages, &child.pages());
                    nodes[index].visit::<BACK, B>(child, &part, see)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn check(&self, span: Span) -> Result<(), &'static str> {
        match self {
            Self::Alike(page) if page.is_unique() => return Err("many pages are the only one of their kind"),
            Self::Alike(_) => return Ok(()),
            Self::Table(_) if span.bits != BITS => return Err("a table is at the wrong level"),
            Self::Table(_) => {}
            Self::Directory(_) if span.bits == BITS => return Err("a directory is at the wrong level"),
            Self::Directory(nodes) => {
                (0..FAN).try_for_each(|index| nodes[index].check(span.child(index)))?;
            }
        }
        match (self, self.alike(0..FAN)) {
            (Self::Directory(_), Some(page)) if page == T::NOTHING => {
                Err("a directory is kept for pages of which nothing is known")
            }
            (Self::Table(_), Some(_)) => Err("a table is kept for pages that are alike"),
            (Self::Alike(_) | Self::Table(_) | Self::Directory(_), _) => Ok(()),
        }
    }
}

fn is_nothing<T: Entry>(node: &Node<T>) -> bool {
    matches!(node, Node::Alike(page) if *page == T::NOTHING)
}

/// What every page of an address space, or of an object, is.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    root: Node<T>,
    /// The span of the root, at least all pages.
    bits: u32,
    /// How many pages there are.
    count: u64,
}

impl<T: Entry> Table<T> {
    /// Nothing is known. There are at most 2^62 pages.
    pub(crate) fn new(count: u64) -> Self {
        let needed = u64::BITS - count.saturating_sub(1).leading_zeros();
        let bits = needed.max(1).next_multiple_of(BITS);
        Self { root: Node::Alike(T::NOTHING), bits, count }
    }

    const fn span(&self) -> Span {
        Span { first: 0, bits: self.bits }
    }

    /// How many pages there are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The walk of a TLB miss. Nothing is known of pages behind the last.
    pub(crate) fn get(&self, page: u64) -> T {
        if page >= self.count {
            return T::NOTHING;
        }
        let mut node = &self.root;
        let mut bits = self.bits;
        loop {
            bits -= BITS;
            let index = (page >> bits) as usize & (FAN - 1);
            match node {
                Node::Alike(page) => return *page,
                Node::Table(table) => return table[index],
                Node::Directory(nodes) => node = &nodes[index],
            }
        }
    }

    /// Replaces every page by what `change` makes of it. `pages` is not empty and
    /// within the table.
    ///
    /// A unique page is shown to `change` exactly once, in ascending order; others are
    /// shown in groups, possibly more than once.
    pub(crate) fn update(&mut self, pages: Range<u64>, mut change: impl FnMut(T) -> T) {
        self.root.update(self.span(), &pages, &mut change);
    }

    /// Shows groups of equal pages in ascending order, until `see` breaks. Groups
    /// that touch may be equal. `pages` is within the table.
    pub(crate) fn visit<B>(
        &self,
        pages: Range<u64>,
        mut see: impl FnMut(Range<u64>, T) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if pages.is_empty() {
            return ControlFlow::Continue(());
        }
        self.root.visit::<false, B>(self.span(), &pages, &mut see)
    }

    fn visit_back<B>(
        &self,
        pages: Range<u64>,
        mut see: impl FnMut(Range<u64>, T) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if pages.is_empty() {
            return ControlFlow::Continue(());
        }
        self.root.visit::<true, B>(self.span(), &pages, &mut see)
    }

    /// Whether every page of `pages` is as `fits` wants it.
    pub(crate) fn all(&self, pages: Range<u64>, fits: impl Fn(T) -> bool) -> bool {
        let seen =
            self.visit(
                pages,
                |_, page| if fits(page) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) },
            );
        seen.is_continue()
    }

    /// The maximal run of pages around `page`, which has it, that all `fit`.
    pub(crate) fn run(&self, page: u64, fits: impl Fn(T) -> bool) -> Range<u64> {
        let up = self.visit(page..self.count, |group, state| {
            if fits(state) { ControlFlow::Continue(()) } else { ControlFlow::Break(group.start) }
        });
        let down = self.visit_back(0..page, |group, state| {
            if fits(state) { ControlFlow::Continue(()) } else { ControlFlow::Break(group.end) }
        });
        down.break_value().unwrap_or(0)..up.break_value().unwrap_or(self.count)
    }

    /// Proves the shape of the tree.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.root.check(self.span())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::frame::Frames;

    const RW: Option<Page> = Some(Page::fresh(Some(Access::READ.union(Access::WRITE))));
    const RESERVED: Option<Page> = Some(Page::fresh(None));

    fn tables<T>(node: &Node<T>) -> usize {
        match node {
            Node::Alike(_) => 0,
            Node::Table(_) => 1,
            Node::Directory(nodes) => 1 + nodes.iter().map(tables).sum::<usize>(),
        }
    }

    #[test]
    fn random_updates_agree_with_a_plain_vector() {
        let count = 5 * 512 + 100;
        let steps = if cfg!(miri) { 10 } else { 500 };
        let mut random = 0x5eed_0003_u64;
        let mut below = move |limit: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % limit
        };
        let mut table = Table::new(count);
        let mut model = std::vec![None; count as usize];
        for step in 0..steps {
            let start = below(count);
            let length = if step % 2 == 0 { below(2000) } else { below(3) };
            let pages = start..(start + 1 + length).min(count);
            let state = [None, RW, RESERVED][below(3) as usize];
            table.update(pages.clone(), |_| state);
            model[pages.start as usize..pages.end as usize].fill(state);
            assert_eq!(table.check(), Ok(()));
            assert!((0..count).all(|page| table.get(page) == model[page as usize]));
            let mut seen = Vec::new();
            let _ = table.visit(0..count, |group, state| {
                seen.extend(group.map(|_| state));
                ControlFlow::<()>::Continue(())
            });
            assert_eq!(seen, model);
            let run = table.run(start, |other| other == state);
            let differs = |page: u64| model.get(page as usize).is_none_or(|other| *other != state);
            assert!(run.clone().all(|page| !differs(page)));
            assert!(differs(run.end) && (run.start == 0 || differs(run.start - 1)));
        }
        table.update(0..count, |_| None);
        assert_eq!(tables(&table.root), 0, "nothing is left of what was unmapped");
    }

    #[test]
    fn a_reserved_terabyte_and_a_committed_gigabyte_are_a_handful_of_tables() {
        let mut table = Table::new(1 << 35);
        table.update(16..16 + (1 << 28), |_| RESERVED);
        assert!(tables(&table.root) <= 7, "{}", tables(&table.root));
        table.update(512..512 + (1 << 18), |_| RW);
        assert!(tables(&table.root) <= 9, "{}", tables(&table.root));
        assert!(table.all(512..512 + (1 << 18), |page| page == RW));
        assert_eq!(table.run(20, |page| page == RESERVED), 16..512);
        table.update(16..16 + (1 << 28), |_| None);
        assert_eq!(tables(&table.root), 0);
    }

    #[test]
    fn a_page_with_a_frame_is_shown_once_and_keeps_its_table() {
        let mut frames = Frames::new(64);
        let frame = frames.take(None).expect("a frame");
        let mut table = Table::new(1 << 35);
        table.update(0..1 << 18, |_| RW);
        table.update(700..701, |page| page.map(|page| Page { frame: Some(frame), ..page }));
        assert_eq!(table.get(700).and_then(|page| page.frame), Some(frame));
        assert_eq!(table.get(701), RW);
        let mut shown = 0;
        table.update(0..1 << 18, |page| {
            shown += usize::from(page.is_some_and(|page| page.frame.is_some()));
            RW
        });
        assert_eq!(shown, 1);
        assert_eq!(table.check(), Ok(()));
    }

    #[test]
    fn small_and_odd_address_spaces_have_a_last_page() {
        for count in [1, 2, 511, 512, 513, 1 << 20, (1 << 31) - 7] {
            let mut table = Table::new(count);
            table.update(count - 1..count, |_| RW);
            assert_eq!(table.get(count - 1), RW);
            assert_eq!(table.get(count), None);
            assert_eq!(table.run(0, |page| page.is_none()).end, count - 1);
        }
    }
}
