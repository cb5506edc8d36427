//! An ordered map of disjoint ranges, with an index of the gaps between them.
//!
//! A treap in an arena. Each node knows the lowest start, the highest end and the
//! largest gap of its subtree, so a search for a gap of some size skips every
//! subtree that has none:
//!
//! ```text
//!            [40..50) lo=10 hi=90 gap=20
//!            /                        \
//!   [10..20) lo=10 hi=30 gap=5     [70..90) lo=70 hi=90 gap=0
//!            \
//!          [25..30)                   gaps: 20..25, 30..40, 50..70
//! ```
//!
//! Priorities come from a fixed mix of a counter: the shape is random enough to be
//! balanced and the same in every run.

use alloc::vec::Vec;

use crate::geometry::PageRange;

type Link = Option<u32>;

#[derive(Clone, Debug)]
struct Node<V> {
    start: u64,
    end: u64,
    value: V,
    priority: u32,
    left: Link,
    right: Link,
    /// Lowest start in this subtree.
    lo: u64,
    /// Highest end in this subtree.
    hi: u64,
    /// Largest distance between neighbours of this subtree.
    gap: u64,
}

/// Disjoint ranges `start..end` of `u64`, each with a value.
#[derive(Clone, Debug)]
pub struct IntervalMap<V> {
    nodes: Vec<Option<Node<V>>>,
    spare: Vec<u32>,
    root: Link,
    made: u32,
}

impl<V> Default for IntervalMap<V> {
    fn default() -> Self {
        Self { nodes: Vec::new(), spare: Vec::new(), root: None, made: 0 }
    }
}

/// One entry, borrowed.
#[derive(Debug)]
pub struct Entry<'a, V> {
    /// First number of the range.
    pub start: u64,
    /// First number behind it.
    pub end: u64,
    /// What stands there.
    pub value: &'a V,
}

// By hand: a borrowed entry is copied whatever its value is.
impl<V> Clone for Entry<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Entry<'_, V> {}

impl<V> IntervalMap<V> {
    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.nodes.len() - self.spare.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The range that holds `at`.
    #[inline]
    pub fn get(&self, at: u64) -> Option<Entry<'_, V>> {
        let mut link = self.root;
        while let Some(index) = link {
            let node = self.node(index);
            if at < node.start {
                link = node.left;
            } else if at < node.end {
                return Some(Entry { start: node.start, end: node.end, value: &node.value });
            } else {
                link = node.right;
            }
        }
        None
    }

    /// The last range that starts at or before `at`.
    pub fn floor(&self, at: u64) -> Option<Entry<'_, V>> {
        self.floor_index(at).map(|index| self.entry(index))
    }

    /// The first range that ends after `at`: the one that holds it, or the next.
    pub fn at_or_after(&self, at: u64) -> Option<Entry<'_, V>> {
        self.at_or_after_index(at).map(|index| self.entry(index))
    }

    /// The part of `within` around `at` that is one range, which is answered too, or none.
    pub(crate) fn around(&self, within: PageRange, at: u64) -> (PageRange, Option<Entry<'_, V>>) {
        let next = self.at_or_after(at);
        let (low, high, entry) = match next {
            Some(entry) if entry.start <= at => (entry.start, entry.end, Some(entry)),
            other => {
                let low = self.floor(at).map_or(0, |before| before.end);
                (low, other.map_or(u64::MAX, |next| next.start), None)
            }
        };
        let part = PageRange::between(low.max(within.start().get()), high.min(within.end().get()));
        (part.unwrap_or(within), entry)
    }

    /// As [`Self::at_or_after`], to change the value: start and end, and the value.
    pub fn at_or_after_mut(&mut self, at: u64) -> Option<((u64, u64), &mut V)> {
        let index = self.at_or_after_index(at)?;
        let node = self.node_mut(index);
        Some(((node.start, node.end), &mut node.value))
    }

    /// Whether any range shares a number with `start..end`.
    #[inline]
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        !self.is_empty() && self.at_or_after(start).is_some_and(|entry| entry.start < end)
    }

    /// All ranges in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_, V>> {
        self.iter_from(0)
    }

    /// The ranges that end after `at`, in ascending order.
    pub fn iter_from(&self, at: u64) -> impl Iterator<Item = Entry<'_, V>> {
        let mut next = self.at_or_after(at);
        core::iter::from_fn(move || {
            let entry = next?;
            next = self.at_or_after(entry.end);
            Some(entry)
        })
    }

    /// Adds a range that overlaps none.
    ///
    /// # Panics
    /// If the range is empty or overlaps one that is there: the caller has
    /// checked, and a map that lies is worse than one that stops.
    pub fn insert(&mut self, start: u64, end: u64, value: V) {
        assert!(start < end && !self.overlaps(start, end), "range {start:#x}..{end:#x}");
        self.made = self.made.wrapping_add(1);
        let node = Node {
            start,
            end,
            value,
            priority: scramble(self.made),
            left: None,
            right: None,
            lo: start,
            hi: end,
            gap: 0,
        };
        let index = self.store(node);
        let (left, right) = self.split(self.root, start);
        let left = self.merge(left, Some(index));
        self.root = self.merge(left, right);
    }

    /// Takes the range out that holds `at`: its start, its end and its value.
    pub fn remove(&mut self, at: u64) -> Option<(u64, u64, V)> {
        let entry = self.get(at)?;
        let (start, end) = (entry.start, entry.end);
        let (left, rest) = self.split(self.root, start);
        let (middle, right) = self.split(rest, end);
        self.root = self.merge(left, right);
        let index = middle?;
        let node = self.nodes[index as usize].take()?;
        self.spare.push(index);
        Some((node.start, node.end, node.value))
    }

    /// Offers the gaps of at least `least` numbers inside `low..high`, ascending,
    /// until `take` accepts one.
    pub fn find_gap_up<T>(
        &self,
        low: u64,
        high: u64,
        least: u64,
        take: &mut dyn FnMut(u64, u64) -> Option<T>,
    ) -> Option<T> {
        let mut search = GapSearch { low, high, least, take };
        let (lo, hi) = match self.root.map(|root| self.node(root)) {
            None => return search.offer(low, high),
            Some(root) => (root.lo, root.hi),
        };
        search
            .offer(0, lo)
            .or_else(|| self.gaps_up(self.root, &mut search))
            .or_else(|| search.offer(hi, u64::MAX))
    }

    /// As [`Self::find_gap_up`], descending.
    pub fn find_gap_down<T>(
        &self,
        low: u64,
        high: u64,
        least: u64,
        take: &mut dyn FnMut(u64, u64) -> Option<T>,
    ) -> Option<T> {
        let mut search = GapSearch { low, high, least, take };
        let (lo, hi) = match self.root.map(|root| self.node(root)) {
            None => return search.offer(low, high),
            Some(root) => (root.lo, root.hi),
        };
        search
            .offer(hi, u64::MAX)
            .or_else(|| self.gaps_down(self.root, &mut search))
            .or_else(|| search.offer(0, lo))
    }

    fn gaps_up<T>(&self, link: Link, search: &mut GapSearch<'_, T>) -> Option<T> {
        let node = self.node(link?);
        if node.gap < search.least || node.hi <= search.low || node.lo >= search.high {
            return None;
        }
        self.gaps_up(node.left, search)
            .or_else(|| node.left.and_then(|left| search.offer(self.node(left).hi, node.start)))
            .or_else(|| node.right.and_then(|right| search.offer(node.end, self.node(right).lo)))
            .or_else(|| self.gaps_up(node.right, search))
    }

    fn gaps_down<T>(&self, link: Link, search: &mut GapSearch<'_, T>) -> Option<T> {
        let node = self.node(link?);
        if node.gap < search.least || node.hi <= search.low || node.lo >= search.high {
            return None;
        }
        self.gaps_down(node.right, search)
            .or_else(|| node.right.and_then(|right| search.offer(node.end, self.node(right).lo)))
            .or_else(|| node.left.and_then(|left| search.offer(self.node(left).hi, node.start)))
            .or_else(|| self.gaps_down(node.left, search))
    }

    fn entry(&self, index: u32) -> Entry<'_, V> {
        let node = self.node(index);
        Entry { start: node.start, end: node.end, value: &node.value }
    }

    fn at_or_after_index(&self, at: u64) -> Link {
        let mut best = None;
        let mut link = self.root;
        while let Some(index) = link {
            let node = self.node(index);
            if node.end > at {
                best = Some(index);
                if node.start <= at {
                    break;
                }
                link = node.left;
            } else {
                link = node.right;
            }
        }
        best
    }

    fn floor_index(&self, at: u64) -> Link {
        let mut best = None;
        let mut link = self.root;
        while let Some(index) = link {
            let node = self.node(index);
            if node.start <= at {
                best = Some(index);
                link = node.right;
            } else {
                link = node.left;
            }
        }
        best
    }

    /// Links only ever name live nodes.
    fn node(&self, index: u32) -> &Node<V> {
        self.nodes[index as usize].as_ref().expect("a link names a live node")
    }

    fn node_mut(&mut self, index: u32) -> &mut Node<V> {
        self.nodes[index as usize].as_mut().expect("a link names a live node")
    }

    fn store(&mut self, node: Node<V>) -> u32 {
        if let Some(index) = self.spare.pop() {
            self.nodes[index as usize] = Some(node);
            return index;
        }
        self.nodes.push(Some(node));
        (self.nodes.len() - 1) as u32
    }

    /// Splits a subtree into the ranges that start before `key` and the others.
    fn split(&mut self, link: Link, key: u64) -> (Link, Link) {
        let Some(index) = link else { return (None, None) };
        if self.node(index).start < key {
            let (left, right) = self.split(self.node(index).right, key);
            self.node_mut(index).right = left;
            self.pull(index);
            (Some(index), right)
        } else {
            let (left, right) = self.split(self.node(index).left, key);
            self.node_mut(index).left = right;
            self.pull(index);
            (left, Some(index))
        }
    }

    /// Joins two subtrees, all of `left` before all of `right`.
    fn merge(&mut self, left: Link, right: Link) -> Link {
        let (Some(a), Some(b)) = (left, right) else { return left.or(right) };
        if self.node(a).priority > self.node(b).priority {
            let joined = self.merge(self.node(a).right, right);
            self.node_mut(a).right = joined;
            self.pull(a);
            left
        } else {
            let joined = self.merge(left, self.node(b).left);
            self.node_mut(b).left = joined;
            self.pull(b);
            right
        }
    }

    /// Recomputes what a node knows of its subtree.
    fn pull(&mut self, index: u32) {
        let node = self.node(index);
        let (mut lo, mut hi, mut gap) = (node.start, node.end, 0);
        if let Some(left) = node.left.map(|left| self.node(left)) {
            lo = left.lo;
            gap = left.gap.max(node.start - left.hi);
        }
        if let Some(right) = node.right.map(|right| self.node(right)) {
            hi = right.hi;
            gap = gap.max(right.gap).max(right.lo - node.end);
        }
        let node = self.node_mut(index);
        (node.lo, node.hi, node.gap) = (lo, hi, gap);
    }

    /// Proves order, disjointness, the heap property and every index from scratch.
    ///
    /// # Errors
    /// The first thing that does not hold, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let mut last = 0;
        let mut count = 0;
        for entry in self.iter() {
            if entry.start >= entry.end || entry.start < last {
                return Err("ranges are not ascending and disjoint");
            }
            last = entry.end;
            count += 1;
        }
        if count != self.len() {
            return Err("a node is lost or counted twice");
        }
        self.check_node(self.root).map(|_| ())
    }

    fn check_node(&self, link: Link) -> Result<Option<(u64, u64, u64)>, &'static str> {
        let Some(index) = link else { return Ok(None) };
        let node = self.node(index);
        let (mut lo, mut hi, mut gap) = (node.start, node.end, 0);
        for child in [node.left, node.right].into_iter().flatten() {
            if self.node(child).priority > node.priority {
                return Err("a child has a higher priority than its parent");
            }
        }
        if let Some((left_lo, left_hi, left_gap)) = self.check_node(node.left)? {
            lo = left_lo;
            gap = left_gap.max(node.start - left_hi);
        }
        if let Some((right_lo, right_hi, right_gap)) = self.check_node(node.right)? {
            hi = right_hi;
            gap = gap.max(right_gap).max(right_lo - node.end);
        }
        if (node.lo, node.hi, node.gap) == (lo, hi, gap) {
            Ok(Some((lo, hi, gap)))
        } else {
            Err("the gap index is stale")
        }
    }
}

/// A search in progress: the window, the least size, and who decides.
struct GapSearch<'a, T> {
    low: u64,
    high: u64,
    least: u64,
    take: &'a mut dyn FnMut(u64, u64) -> Option<T>,
}

impl<T> GapSearch<'_, T> {
    fn offer(&mut self, start: u64, end: u64) -> Option<T> {
        let (start, end) = (start.max(self.low), end.min(self.high));
        if start < end && end - start >= self.least {
            return (self.take)(start, end);
        }
        None
    }
}

/// A fixed bijective mix of a counter (the finaliser of a 32-bit hash).
const fn scramble(n: u32) -> u32 {
    let mut x = n.wrapping_mul(0x9e37_79b9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % limit
        }
    }

    fn gaps(model: &BTreeMap<u64, u64>, low: u64, high: u64, least: u64) -> Vec<(u64, u64)> {
        let mut at = 0;
        let mut found = Vec::new();
        for (&start, &end) in model.iter().chain([(&u64::MAX, &u64::MAX)]) {
            let (from, to) = (at.max(low), start.min(high));
            if from < to && to - from >= least {
                found.push((from, to));
            }
            at = end;
        }
        found
    }

    fn offered(map: &IntervalMap<u32>, low: u64, high: u64, least: u64) -> [Vec<(u64, u64)>; 2] {
        let mut up = Vec::new();
        map.find_gap_up(low, high, least, &mut |start, end| {
            up.push((start, end));
            None::<()>
        });
        let mut down = Vec::new();
        map.find_gap_down(low, high, least, &mut |start, end| {
            down.push((start, end));
            None::<()>
        });
        down.reverse();
        [up, down]
    }

    #[test]
    fn random_edits_agree_with_a_plain_map_and_keep_the_gap_index() {
        let mut random = Random(0x5eed_0001);
        let mut map = IntervalMap::default();
        let mut model = BTreeMap::new();
        for step in 0..3000_u32 {
            let start = random.below(2000);
            let end = start + 1 + random.below(30);
            let free = !model.iter().any(|(&s, &e)| s < end && start < e);
            if free && random.below(3) > 0 {
                map.insert(start, end, step);
                model.insert(start, end);
            } else {
                let held = model.range(..=start).next_back().filter(|(_, e)| start < **e);
                let held = held.map(|(&s, &e)| (s, e));
                assert_eq!(map.remove(start).map(|(s, e, _)| (s, e)), held);
                if let Some((s, _)) = held {
                    model.remove(&s);
                }
            }
            map.check().expect("the structure holds");
            assert!(map.iter().map(|e| (e.start, e.end)).eq(model.iter().map(|(&s, &e)| (s, e))));
            let (low, least) = (random.below(1000), 1 + random.below(20));
            let expected = gaps(&model, low, 1800, least);
            assert_eq!(offered(&map, low, 1800, least), [expected.clone(), expected]);
        }
    }

    #[test]
    fn an_empty_map_is_one_gap() {
        let map = IntervalMap::<u32>::default();
        assert_eq!(offered(&map, 3, 9, 6), [std::vec![(3, 9)], std::vec![(3, 9)]]);
        assert_eq!(offered(&map, 3, 9, 7), [std::vec![], std::vec![]]);
    }
}
