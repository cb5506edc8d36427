//! Whose bytes each page shows.

use std::collections::BTreeMap;

use pagewright_core::{Access, Backing, Content, ObjectId, PageRange, Refusal, Showing, Va, View, Wiring};

use super::{Null, Page};

/// The bytes of a page; none as long as all are zero.
type Bytes = Vec<u8>;

/// Bytes that several pages can show.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) pages: u64,
    /// Of the pages that were stored to.
    pub(super) bytes: BTreeMap<u64, Bytes>,
}

impl Object {
    pub(super) const fn new(pages: u64) -> Self {
        Self { pages, bytes: BTreeMap::new() }
    }
}

/// A page of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) object: ObjectId,
    pub(super) page: u64,
}

/// Whose bytes a page shows.
#[derive(Clone, Debug)]
pub(super) enum Shows {
    /// Its own.
    Own(Bytes),
    /// An object's.
    Shared(Spot),
    /// An object's until it is stored to, then its own.
    Snapshot(Spot, Option<Bytes>),
}

impl Shows {
    pub(super) const ZEROS: Self = Self::Own(Bytes::new());

    fn of(content: Content) -> Self {
        let spot = Spot { object: content.object, page: content.first };
        match content.view {
            View::Shared => Self::Shared(spot),
            View::Snapshot => Self::Snapshot(spot, None),
        }
    }

    pub(super) const fn content(&self) -> Option<Content> {
        let (spot, view) = match self {
            Self::Own(_) => return None,
            Self::Shared(spot) => (spot, View::Shared),
            Self::Snapshot(spot, _) => (spot, View::Snapshot),
        };
        Some(Content { object: spot.object, first: spot.page, view })
    }

    const fn is_privatised(&self) -> bool {
        matches!(self, Self::Snapshot(_, Some(_)))
    }
}

impl Null {
    /// What a page shows, ours or others'.
    fn shows(&self, page: u64) -> Option<&Shows> {
        self.pages.get(&page).map(|page| &page.shows).or_else(|| self.theirs.get(&page))
    }

    fn put(&mut self, page: u64, shows: Shows) {
        match self.pages.get_mut(&page) {
            Some(page) => page.shows = shows,
            None => drop(self.theirs.insert(page, shows)),
        }
    }

    pub(super) fn view_at(&self, page: u64) -> Option<View> {
        self.content_at(page).map(|content| content.view)
    }

    fn content_at(&self, page: u64) -> Option<Content> {
        self.shows(page)?.content()
    }

    /// The bytes that a page shows; none for zeros.
    pub(super) fn seen(&self, page: u64) -> &[u8] {
        match self.shows(page) {
            None => &[],
            Some(Shows::Own(bytes) | Shows::Snapshot(_, Some(bytes))) => bytes,
            Some(Shows::Shared(spot) | Shows::Snapshot(spot, None)) => {
                let object = self.objects.get(&spot.object);
                object.and_then(|object| object.bytes.get(&spot.page)).map_or(&[], Vec::as_slice)
            }
        }
    }

    /// The bytes that a store to a page with memory changes.
    pub(super) fn stored_to(&mut self, page: u64) -> &mut [u8] {
        let mut bytes = self.seen(page).to_vec();
        bytes.resize(self.geometry.page as usize, 0);
        let kept = match self.shows(page) {
            Some(Shows::Shared(spot)) => {
                let spot = *spot;
                let object = self.objects.entry(spot.object).or_insert(Object::new(0));
                let old = object.bytes.entry(spot.page).or_default();
                *old = bytes;
                return old;
            }
            Some(Shows::Snapshot(spot, _)) => Shows::Snapshot(*spot, Some(bytes)),
            Some(Shows::Own(_)) | None => Shows::Own(bytes),
        };
        self.put(page, kept);
        let shows = match self.pages.get_mut(&page) {
            Some(page) => Some(&mut page.shows),
            None => self.theirs.get_mut(&page),
        };
        match shows {
            Some(Shows::Own(bytes) | Shows::Snapshot(_, Some(bytes))) => bytes,
            Some(Shows::Shared(_) | Shows::Snapshot(_, None)) | None => &mut [],
        }
    }

    /// Every page that shows an object, and which page of it; others' too.
    pub(super) fn showings(&self) -> impl Iterator<Item = (u64, Spot)> + '_ {
        let ours = self.pages.iter().map(|(at, page)| (*at, &page.shows));
        let theirs = self.theirs.iter().map(|(at, shows)| (*at, shows));
        ours.chain(theirs).filter_map(|(at, shows)| match shows {
            Shows::Own(_) => None,
            Shows::Shared(spot) | Shows::Snapshot(spot, _) => Some((at, *spot)),
        })
    }

    /// The pages of a range, each with what it is to show.
    fn laid_out(&self, range: PageRange, content: Content) -> impl Iterator<Item = (u64, Content)> + use<> {
        self.each(range).zip(content.first..).map(move |(at, page)| (at, Content { first: page, ..content }))
    }

    pub(super) fn expect_pages(&mut self, range: PageRange, content: Content) {
        let count = range.bytes() / self.geometry.page;
        let known = self.objects.get(&content.object);
        let holds = known.is_some_and(|object| content.first + count <= object.pages);
        self.require(holds, || format!("{range} is to show {content:?}, which there is not"));
    }

    /// Shows a page of an object at a page of ours, whether that had memory or not.
    fn show_page(&mut self, at: u64, content: Content, access: Access) {
        let wiring = match self.pages.get(&at) {
            // Nobody can wire it again, and nobody can tell.
            Some(page) if access.now().is_empty() => page.wiring,
            Some(_) | None => Wiring::Pageable,
        };
        self.pages.insert(at, Page::fresh(access, wiring, Shows::of(content)));
    }

    pub(super) fn show_pages(&mut self, range: PageRange, content: Content, access: Access) {
        for (at, content) in self.laid_out(range, content) {
            self.show_page(at, content, access);
        }
    }

    /// Makes pages show what the truth says, keeping their bytes where they do.
    pub(super) fn settle(&mut self, range: PageRange, content: Option<Content>) {
        for (step, at) in self.each(range).enumerate() {
            let wanted = content.map(|content| content.after(step as u64));
            if self.content_at(at) == wanted {
                continue;
            }
            let shows = wanted.map_or_else(|| Shows::Own(self.seen(at).to_vec()), Shows::of);
            self.put(at, shows);
        }
    }

    pub(super) fn discard_pages(&mut self, object: ObjectId, first: u64, pages: u64) {
        let gone = first..first + pages;
        let shown = self.showings().find(|(_, spot)| spot.object == object && gone.contains(&spot.page));
        self.require(shown.is_none(), || format!("{object:?} loses pages {gone:?}, shown at {shown:x?}"));
        let known = self.objects.get(&object).is_some_and(|object| gone.end <= object.pages);
        self.require(known, || format!("{object:?} loses pages {gone:?}, which there are not"));
        if let Some(object) = self.objects.get_mut(&object) {
            object.bytes.retain(|page, _| !gone.contains(page));
        }
    }

    pub(super) fn promote_pages(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal> {
        for place in places {
            self.expect_pages(place.range, content);
            self.expect_place(place, &places[0]);
        }
        if places.iter().any(|place| self.is_special(place.range)) {
            return Err(Refusal::Special);
        }
        let Some(source) = places.first() else { return Ok(()) };
        for (at, content) in self.laid_out(source.range, content) {
            let bytes = self.seen(at).to_vec();
            if let Some(object) = self.objects.get_mut(&content.object) {
                object.bytes.insert(content.first, bytes);
            }
        }
        for place in places {
            for (at, content) in self.laid_out(place.range, content) {
                match self.pages.get(&at).map(|page| page.stored) {
                    Some(stored) => {
                        self.show_page(at, content, place.access);
                        // The bytes are the same, and so is what is known of them.
                        self.pages.entry(at).and_modify(|page| page.stored = stored);
                    }
                    None => self.put(at, Shows::of(content)),
                }
            }
        }
        Ok(())
    }

    /// A place has memory, stands in its region, and shows the same as the first one.
    fn expect_place(&mut self, place: &Showing, first: &Showing) {
        let range = place.range;
        self.require(place.region.covers(range), || format!("{range} is not in {}", place.region));
        self.require(range.bytes() == first.range.bytes(), || format!("{range} is not as long as others"));
        let pairs: Vec<_> = self.each(range).zip(self.each(first.range)).collect();
        for (at, same) in pairs {
            let access = self.access_at(at);
            self.require(access.is_some(), || format!("{at:#x} is promoted and has no memory"));
            let own = !self.pages.contains_key(&at) || access == Some(place.access);
            self.require(own, || format!("{at:#x} is promoted with an access that it has not"));
            let alike =
                at == same || (self.content_at(at).is_some() && self.content_at(at) == self.content_at(same));
            self.require(alike, || format!("{at:#x} does not show what {same:#x} does"));
        }
    }

    /// Whether a range is others', and is not memory that can be moved.
    fn is_special(&self, range: PageRange) -> bool {
        self.others.iter().any(|other| other.range.overlaps(range) && other.backing != Backing::Private)
    }

    pub(super) fn recognise_pages(&self, range: PageRange) -> Option<Content> {
        let content = self.content_at(range.start().get())?;
        let same = |(at, content): (u64, Content)| {
            let page = self.shows(at).filter(|shows| !shows.is_privatised());
            page.and_then(Shows::content) == Some(content)
        };
        self.laid_out(range, content).all(same).then_some(content)
    }

    /// The run of others' pages around `at` that show one object in a row, or none, and
    /// whether they show one.
    pub(super) fn alike(&self, whole: PageRange, at: u64) -> (u64, u64, bool) {
        let size = self.geometry.page;
        let window = |page: u64| {
            self.content_at(page).map(|content| (content.object, content.first.wrapping_sub(page / size)))
        };
        let page = self.geometry.page_down(at);
        let same = |other: &u64| window(*other) == window(page);
        let shown = window(page).is_some();
        if !shown && !self.theirs.keys().any(|other| whole.contains(Va::new(*other))) {
            return (whole.start().get(), whole.end().get(), shown);
        }
        let pages: Vec<u64> = self.each(whole).collect();
        let split = pages.partition_point(|other| *other < page);
        let above = pages[split..].iter().take_while(|page| same(page)).count() as u64;
        let below = pages[..split].iter().rev().take_while(|page| same(page)).count() as u64;
        (page - below * size, page + above * size, shown)
    }

    pub(super) fn report_privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) {
        let mut open: Option<(u64, u64)> = None;
        for at in self.each(range) {
            let end = at + self.geometry.page;
            if !self.shows(at).is_some_and(Shows::is_privatised) {
                continue;
            }
            open = match open {
                Some((start, last)) if last == at => Some((start, end)),
                Some(run) => {
                    PageRange::between(run.0, run.1).into_iter().for_each(&mut *report);
                    Some((at, end))
                }
                None => Some((at, end)),
            };
        }
        open.and_then(|run| PageRange::between(run.0, run.1)).into_iter().for_each(report);
    }

    /// Who could store to a source while it is copied is held: all of ours that show it.
    pub(super) fn expect_held(&mut self, held: &[Showing], from: Va, bytes: u64) {
        for place in held {
            let holds = place.region.covers(place.range) && self.covers(place.region);
            self.require(holds, || format!("{} is held, and is not ours", place.range));
        }
        let Ok(source) = self.geometry.touched(from.get(), bytes) else { return };
        let mut storing: Vec<u64> = self.each(source).filter(|at| self.pages.contains_key(at)).collect();
        for at in self.each(source) {
            if let Some(Shows::Shared(spot)) = self.shows(at) {
                let also = self.showings().filter(|(_, other)| other == spot).map(|(at, _)| at);
                storing.extend(also.filter(|at| self.pages.contains_key(at)));
            }
        }
        for at in storing {
            let is_held = held.iter().any(|place| place.range.contains(Va::new(at)));
            self.require(is_held, || format!("{at:#x} can be stored to while {source} is copied"));
        }
    }
}
