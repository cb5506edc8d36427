//! Finding objects of ours in memory that belongs to others.

use pagewright_core::{Content, PageRange, View};

use super::Linux;

impl Linux {
    /// What object `range` shows from its first page to its last, by what is mapped there.
    /// Private views do not count: any of their pages may be another by now.
    pub(super) fn recognise_object(&self, range: PageRange) -> Option<Content> {
        let start = range.start().get();
        let mut found: Option<Content> = None;
        let mut at = start;
        while at < range.end().get() {
            let mapping = self.maps.at_or_after(at).ok().flatten().filter(|mapping| mapping.start <= at)?;
            let (file, offset) = mapping.shows(at)?;
            let first = offset / self.geometry.page;
            let here = Content { object: self.objects.of_file(file)?, first, view: View::Shared };
            let content = *found.get_or_insert(here);
            if content.after((at - start) / self.geometry.page) != here {
                return None;
            }
            at = mapping.end;
        }
        found
    }
}
