//! Showing memory of one process in another, or in a second place of the same.

use pagewright_core::wire::{ExportRequest, FileId, Holder};
use pagewright_core::{
    Alias, Allocate, Consent, Error as CoreError, Free, Geometry, Kind, Onto, Owner, PageRange, Protect,
    Protection, Rights, State, Verb,
};

use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::own;
use crate::process::{Process, Which};

/// A request to show `size` bytes from `source` in a second place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The first byte.
    pub source: u64,
    /// How many bytes.
    pub size: u64,
    /// Where to: pages that are reserved, or a reservation of its own. Reserved pages
    /// are named by the address that the first byte shall get.
    pub onto: Onto,
    /// What the view may be used for. The source keeps its own protection.
    pub protection: Protection,
    /// What happens to the rest of a page at either end.
    pub edges: Edges,
    /// Whether the source may be memory that its program mapped itself.
    pub consent: Consent,
}

/// What happens where a range begins or ends inside of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// Nothing: such a range is refused.
    Strict,
    /// Whole pages are shared. Of a page that is only touched, the view has a private
    /// copy, made now, with everything outside of the range zeroed.
    Split,
    /// Every page touched is shared as a whole, as Windows CE does: whoever has the view
    /// can reach the bytes around the range.
    Whole,
}

/// What an alias has made reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where the first byte of the source is seen.
    pub base: u64,
    /// The bytes that were asked for.
    pub size: u64,
    /// The pages of the view.
    pub range: PageRange,
    /// Of those bytes, the ones that are shared from now on.
    pub shared: u64,
    /// Of those bytes, the ones that are a private copy made now ([`Edges::Split`]).
    pub copied: u64,
    /// Bytes of the source that were not asked for and can be reached ([`Edges::Whole`]).
    pub exposed: u64,
}

impl Process {
    /// Shows `size` bytes of this process in `into`, which may be the same one. Stores on
    /// either side are seen on both from then on, whichever process ends first; giving
    /// the memory back on one side takes only that side's view away. Answers what can be
    /// reached through the new view.
    ///
    /// Private memory that is shared for the first time moves into an object while its
    /// program runs: nothing is stopped, no store is lost. Forked children of either
    /// process share such memory with it from then on.
    ///
    /// # Errors
    /// No page shows anything else than before. As
    /// [`pagewright_core::AddressSpace::alias`]; [`Kind::Misaligned`] when the edges are
    /// strict and the range is not whole pages, or when source and target lie differently
    /// in their pages; [`Kind::AccessDenied`] when neither process may open what the
    /// other one holds.
    pub fn share(&self, into: &Self, request: &Share) -> Result<Receipt> {
        let plan = Plan::new(self, request)?;
        let range = match (plan.whole, plan.edges()) {
            (Some(whole), []) => self.share_pages(into, whole, request.onto, request)?,
            (whole, edges) => self.share_split(into, &plan, whole, edges, request)?,
        };
        Ok(plan.receipt(range))
    }

    /// Shares whole pages.
    fn share_pages(&self, into: &Self, source: PageRange, onto: Onto, request: &Share) -> Result<PageRange> {
        let (at, size, protection) = (source.start().get(), source.bytes(), request.protection);
        let onto = match onto {
            Onto::Reserved(at) => Onto::Reserved(at & !(PAGE - 1)),
            fresh @ (Onto::Fresh(_) | Onto::View(_)) => fresh,
        };
        if self.pid() == into.pid() {
            let consent = request.consent;
            return into.alias(&Alias { source: at, size, onto, protection, consent });
        }
        let file = self.file_for(into, size)?;
        let (rights, consent) = (protection.rights, request.consent);
        let export = ExportRequest { source: at, size, rights, consent, into: file };
        let leases = match &self.which {
            Which::Own => own::export(&export)?,
            Which::Other(remote) => remote.export(&export)?,
        };
        // The other process said so, and may say anything.
        let pages = leases.iter().try_fold(0_u64, |sum, lease| sum.checked_add(lease.pages));
        if pages != Some(size / PAGE) {
            let sentence = format!(
                "the resident in process {} answered nonsense; detach from it, and try again",
                self.pid()
            );
            return Err(Error::because(Verb::Alias, Kind::Protocol, self.pid(), sentence));
        }
        match &into.which {
            Which::Own => own::import(&leases, onto, protection),
            Which::Other(remote) => remote.import(&leases, onto, protection),
        }
    }

    /// The file that private pages are to move to: one that the target has made, if the
    /// target may not open the source's.
    fn file_for(&self, into: &Self, size: u64) -> Result<Option<(FileId, Holder)>> {
        let Which::Other(target) = &into.which else { return Ok(None) };
        let source = match &self.which {
            Which::Own => own::holder(),
            Which::Other(remote) => remote.holder()?,
        };
        if target.can_reach(source)? {
            return Ok(None);
        }
        let reachable = match &self.which {
            // Who may have a resident there may open what it holds.
            Which::Own => true,
            Which::Other(remote) => remote.can_reach(target.holder()?)?,
        };
        if !reachable {
            let (from, to) = (self.pid(), into.pid());
            let sentence = format!(
                "neither process {from} nor process {to} may look into the other one; run both as the same user"
            );
            return Err(Error::because(Verb::Alias, Kind::AccessDenied, to, sentence));
        }
        target.lend(size.div_ceil(PAGE)).map(Some)
    }

    /// Shares the whole pages of a range, and gives copies of the rest.
    fn share_split(
        &self,
        into: &Self,
        plan: &Plan,
        whole: Option<PageRange>,
        edges: &[Edge],
        request: &Share,
    ) -> Result<PageRange> {
        // Read first: what cannot be read is refused before anything is made.
        let bytes: Vec<Vec<u8>> = edges.iter().map(|edge| edge.read(self)).collect::<Result<_>>()?;
        let (target, fresh) = plan.target(into, request)?;
        let offset = |at: u64| target.start().get() + (at - plan.pages.start().get());
        let done = whole
            .map_or(Ok(target), |whole| {
                let onto = Onto::Reserved(offset(whole.start().get()));
                self.share_pages(into, whole, onto, request)
            })
            .and_then(|_| {
                let mut written = edges.iter().zip(&bytes);
                written.try_for_each(|(edge, bytes)| edge.write(into, offset(edge.page), bytes, request))
            });
        match done {
            Ok(()) => Ok(target),
            Err(error) => {
                // Nobody knows the new pages yet. What cannot be taken back is empty.
                let (at, size) = (target.start().get(), target.bytes());
                let _ = match fresh {
                    Target::Fresh => into.free(&Free::release(at)),
                    Target::Reserved => into.free(&Free::decommit(at, size)),
                };
                Err(error)
            }
        }
    }
}

/// The page size: that of x86-64, the only machine of processes.
const PAGE: u64 = Geometry::X86_64.page;

/// Whether a view got a reservation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Fresh,
    Reserved,
}

/// A page that is only touched.
#[derive(Clone, Copy, Debug)]
struct Edge {
    /// Where it begins.
    page: u64,
    /// The first byte of it that is meant.
    at: u64,
    /// How many are.
    size: u64,
}

impl Edge {
    fn read(&self, from: &Process) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.size as usize];
        if from.read(self.at, &mut bytes)? == bytes.len() {
            return Ok(bytes);
        }
        Err(Error::of(CoreError::new(Verb::Alias, Kind::NotCommitted, self.at, self.size), from.pid()))
    }

    /// Gives a reserved page memory with these bytes, and zeros around them.
    fn write(&self, into: &Process, page: u64, bytes: &[u8], request: &Share) -> Result<()> {
        let memory = Allocate::new(PAGE).at(page).commit();
        into.allocate(&memory)?;
        into.write(page + (self.at - self.page), bytes)?;
        let protection = request.protection;
        into.protect(&Protect { at: page, size: PAGE, protection })?;
        Ok(())
    }
}

/// A request with everything checked that can be checked without looking.
#[derive(Clone, Copy, Debug)]
struct Plan {
    source: u64,
    size: u64,
    /// Every page touched.
    pages: PageRange,
    /// Those that are shared.
    whole: Option<PageRange>,
    /// Those that are copied.
    edges: [Edge; 2],
    count: usize,
}

impl Plan {
    fn new(from: &Process, request: &Share) -> Result<Self> {
        let Share { source, size, .. } = *request;
        let fail = |kind| Error::of(CoreError::new(Verb::Alias, kind, source, size), from.pid());
        let pages = Geometry::X86_64.touched(source, size).map_err(|bad| fail(bad.into()))?;
        if request.protection.rights.contains(Rights::COPY) {
            return Err(fail(Kind::BadProtection));
        }
        let aligned = source.is_multiple_of(PAGE) && size.is_multiple_of(PAGE);
        match request.onto {
            Onto::Reserved(at) if at % PAGE != source % PAGE => return Err(fail(Kind::Misaligned)),
            Onto::Reserved(_) | Onto::Fresh(_) | Onto::View(_) => {}
        }
        let plan = |whole, copied| Self::with(source, size, pages, whole, copied);
        match request.edges {
            Edges::Strict if !aligned => Err(fail(Kind::Misaligned)),
            Edges::Strict | Edges::Whole => Ok(plan(Some(pages), [None, None])),
            Edges::Split => {
                let end = source + size;
                let (first, last) = (source.next_multiple_of(PAGE), end & !(PAGE - 1));
                let head = (source < first).then(|| Edge {
                    page: pages.start().get(),
                    at: source,
                    size: end.min(first) - source,
                });
                // A range inside of one page has no tail of its own.
                let tail =
                    (last < end && last >= first).then_some(Edge { page: last, at: last, size: end - last });
                Ok(plan(PageRange::between(first, last), [head, tail]))
            }
        }
    }

    fn with(
        source: u64,
        size: u64,
        pages: PageRange,
        whole: Option<PageRange>,
        copied: [Option<Edge>; 2],
    ) -> Self {
        let nothing = Edge { page: 0, at: 0, size: 0 };
        let mut edges = [nothing; 2];
        let mut count = 0;
        for edge in copied.into_iter().flatten() {
            edges[count] = edge;
            count += 1;
        }
        Self { source, size, pages, whole, edges, count }
    }

    fn edges(&self) -> &[Edge] {
        &self.edges[..self.count]
    }

    /// The pages of the view: reserved now, or before.
    fn target(&self, into: &Process, request: &Share) -> Result<(PageRange, Target)> {
        let bytes = self.pages.bytes();
        match request.onto {
            // A view shows one object, not copies beside it.
            Onto::View(_) => {
                Err(Error::of(CoreError::new(Verb::Alias, Kind::BadFlags, 0, self.size), into.pid()))
            }
            Onto::Fresh(place) => {
                let reserve =
                    Allocate { place, ..Allocate::new(bytes).reserve().protection(request.protection) };
                Ok((into.allocate(&reserve)?, Target::Fresh))
            }
            Onto::Reserved(at) => {
                let fail = |kind| Error::of(CoreError::new(Verb::Alias, kind, at, self.size), into.pid());
                let target = Geometry::X86_64.touched(at, self.size).map_err(|bad| fail(bad.into()))?;
                let info = into.query(target.start().get())?;
                match info.state {
                    State::Reserved { .. } if info.base + info.size >= target.end().get() => {
                        Ok((target, Target::Reserved))
                    }
                    State::Committed { owner: Owner::Own, .. } => Err(fail(Kind::TargetCommitted)),
                    State::Reserved { .. } => Err(fail(Kind::TargetCommitted)),
                    State::Committed { .. } | State::Free => Err(fail(Kind::NotReserved)),
                }
            }
        }
    }

    fn receipt(&self, range: PageRange) -> Receipt {
        let copied: u64 = self.edges().iter().map(|edge| edge.size).sum();
        let exposed = match self.count {
            0 => self.pages.bytes() - self.size,
            _ => 0,
        };
        Receipt {
            base: range.start().get() + (self.source - self.pages.start().get()),
            size: self.size,
            range,
            shared: self.size - copied,
            copied,
            exposed,
        }
    }
}
