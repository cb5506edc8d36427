//! The model: every byte of every page in plain maps.

use std::collections::BTreeMap;
use std::ops::Range;

use pagewright_core::{Access, Content, ObjectId, Truth, Va, View};
use pagewright_soft::{Fault, FaultKind, Reason};

/// A mapped page.
#[derive(Clone)]
pub(crate) struct Naive {
    pub(crate) access: Option<Access>,
    pub(crate) shows: Shows,
    /// Whether stores are noted, and whether there was one.
    pub(crate) watched: bool,
    pub(crate) stored: bool,
    /// Whether it is a part of a large page: no system takes that apart.
    pub(crate) backed: bool,
    pub(crate) bytes: Bytes,
}

/// What may become of the bytes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Kept,
    Yielded,
    /// They were dropped.
    Dropped,
    /// They were zeros, and if they had a frame they were dropped.
    Perhaps,
}

/// Whose bytes it has.
#[derive(Clone)]
pub(crate) enum Shows {
    Own(Vec<u8>),
    Shared(Content),
    /// With the bytes of its own, once it was stored to or wired.
    Snapshot(Content, Option<Vec<u8>>),
}

impl Naive {
    /// What page of an object it shows.
    pub(crate) const fn content(&self) -> Option<Content> {
        match self.shows {
            Shows::Own(_) => None,
            Shows::Shared(content) | Shows::Snapshot(content, _) => Some(content),
        }
    }
}

/// Mapped pages and objects, eagerly.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) page: u64,
    pub(crate) pages: BTreeMap<u64, Naive>,
    /// The bytes of their pages.
    pub(crate) objects: BTreeMap<ObjectId, Vec<Vec<u8>>>,
}

impl Model {
    pub(crate) const fn new(page: u64) -> Self {
        Self { page, pages: BTreeMap::new(), objects: BTreeMap::new() }
    }

    pub(crate) fn zeros(&self) -> Vec<u8> {
        vec![0; self.page as usize]
    }

    pub(crate) fn fresh(&self, access: Option<Access>) -> Naive {
        let (watched, stored, backed, bytes) = (false, false, false, Bytes::Kept);
        Naive { access, shows: Shows::Own(self.zeros()), watched, stored, backed, bytes }
    }

    /// The same page without memory.
    pub(crate) fn emptied(&self, page: &Naive) -> Naive {
        Naive { watched: page.watched, ..self.fresh(None) }
    }

    fn object_page(&self, content: Content) -> &Vec<u8> {
        &self.objects[&content.object][content.first as usize]
    }

    /// The bytes that a page shows.
    pub(crate) fn seen(&self, page: &Naive) -> Vec<u8> {
        match &page.shows {
            Shows::Own(bytes) | Shows::Snapshot(_, Some(bytes)) => bytes.clone(),
            Shows::Shared(content) | Shows::Snapshot(content, None) => self.object_page(*content).clone(),
        }
    }

    /// The bytes that a store to a mapped page changes.
    pub(crate) fn stored_to(&mut self, number: u64) -> &mut Vec<u8> {
        let bytes = self.seen(&self.pages[&number]);
        let page = self.pages.get_mut(&number).expect("mapped");
        match &mut page.shows {
            Shows::Own(own) => own,
            Shows::Snapshot(_, own) => own.get_or_insert(bytes),
            Shows::Shared(content) => {
                let pages = self.objects.get_mut(&content.object).expect("shown objects are there");
                &mut pages[content.first as usize]
            }
        }
    }

    pub(crate) fn byte(&self, kind: FaultKind, at: u64) -> Result<u8, Fault> {
        let fault = |reason| Fault { at, kind, reason };
        let needs = match kind {
            FaultKind::Load => Access::READ,
            FaultKind::Store => Access::WRITE,
            FaultKind::Fetch => Access::EXECUTE,
        };
        let page = self.pages.get(&(at / self.page)).ok_or(fault(Reason::Unmapped))?;
        let access = page.access.ok_or(fault(Reason::Reserved))?;
        if access.contains(Access::GUARD) {
            return Err(fault(Reason::Guard));
        }
        if !access.contains(needs) {
            return Err(fault(Reason::Access));
        }
        let inside = (at % self.page) as usize;
        Ok(match &page.shows {
            Shows::Own(bytes) | Shows::Snapshot(_, Some(bytes)) => bytes[inside],
            Shows::Shared(content) | Shows::Snapshot(content, None) => self.object_page(*content)[inside],
        })
    }

    pub(crate) fn bytes(&self, kind: FaultKind, at: u64, count: u64) -> Result<Vec<u8>, Fault> {
        (at..at + count).map(|at| self.byte(kind, at)).collect()
    }

    pub(crate) fn store(&mut self, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.bytes(FaultKind::Store, at, bytes.len() as u64)?;
        for (at, byte) in (at..).zip(bytes) {
            let inside = (at % self.page) as usize;
            self.stored_to(at / self.page)[inside] = *byte;
            self.note(at / self.page);
        }
        Ok(())
    }

    /// A store is seen in every watched page that shows the same.
    fn note(&mut self, number: u64) {
        let shown = match &self.pages[&number].shows {
            Shows::Shared(content) => Some(*content),
            Shows::Own(_) | Shows::Snapshot(..) => None,
        };
        for (at, page) in &mut self.pages {
            let same = shown.is_some() && page.content() == shown;
            page.stored |= page.watched && (*at == number || same);
        }
        self.each(number..number + 1, |page| page.bytes = Bytes::Kept);
    }

    pub(crate) fn each(&mut self, pages: Range<u64>, change: impl Fn(&mut Naive)) {
        self.pages.range_mut(pages).for_each(|(_, page)| change(page));
    }

    /// Makes mapped pages show `content`.
    pub(crate) fn show(&mut self, pages: Range<u64>, content: Content, access: Access) {
        for (step, number) in pages.enumerate() {
            let content = content.after(step as u64);
            let shows = match content.view {
                View::Shared => Shows::Shared(content),
                View::Snapshot => Shows::Snapshot(content, None),
            };
            let fresh = Naive { access: Some(access), shows, ..self.emptied(&self.pages[&number]) };
            self.pages.insert(number, fresh);
        }
    }

    /// Who shows a page of an object, and what.
    pub(crate) fn showings(&self, object: ObjectId, page: u64) -> impl Iterator<Item = (u64, Content)> {
        let contents = self.pages.iter().filter_map(|(number, page)| Some((*number, page.content()?)));
        contents.filter(move |(_, content)| (content.object, content.first) == (object, page))
    }
}

impl Truth for Model {
    fn run(&self, at: Va) -> (Va, Option<Access>) {
        let page = at.get() / self.page;
        let access = self.pages[&page].access;
        let alike = |next: &u64| self.pages.get(next).is_some_and(|next| next.access == access);
        let end = (page..).take_while(alike).last().expect("itself") + 1;
        (Va::new(end * self.page), access)
    }

    fn content(&self, at: Va) -> (Va, Option<Content>) {
        let page = at.get() / self.page;
        let content = self.pages[&page].content();
        let goes_on = |next: &u64| {
            let expected = content.map(|content| content.after(next - page));
            self.pages.get(next).is_some_and(|next| next.content() == expected)
        };
        let end = (page..).take_while(goes_on).last().expect("itself") + 1;
        (Va::new(end * self.page), content)
    }
}
