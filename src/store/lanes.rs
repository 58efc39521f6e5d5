//! The lanes that there are, and what each has of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::lane::{Clocks, LaneName};
use crate::policy::Stub;
use crate::store::Store;

/// The most lanes beside the default one. Peers choose their names, so there is a bound; beyond it, the lane that was
/// not used for the longest time is forgotten, those that a test has set up last of all.
const MOST_LANES: usize = 10_000;

/// The most stubs of a lane: every session goes through all of them.
const MOST_STUBS: usize = 10_000;

/// A lane: its clock, its stubs, and what it remembers.
#[derive(Debug)]
pub struct Lane {
    /// Its name.
    pub name: LaneName,
    /// Its clock.
    pub clock: Clock,
    /// What is remembered in it.
    pub store: Store,
    /// In the order in which they are asked.
    stubs: Mutex<Arc<Vec<Arc<Stub>>>>,
    used: AtomicU64,
    /// A test has set something up in it.
    claimed: AtomicBool,
}

/// All lanes. A lane is there from the first time that somebody names it.
#[derive(Debug)]
pub struct Lanes {
    default: Arc<Lane>,
    named: Mutex<HashMap<LaneName, Arc<Lane>>>,
    uses: AtomicU64,
    /// What the default lane's clock is set back to.
    origin: Clock,
}

impl Lanes {
    /// The default lane alone, with that clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let origin = clock.fork();
        let default = Arc::new(Lane::new(LaneName::default(), clock));
        Self { default, named: Mutex::default(), uses: AtomicU64::new(0), origin }
    }

    /// The lane of that name. A new one has a clock of its own that shows what the default lane's shows.
    pub fn get(&self, name: &LaneName) -> Arc<Lane> {
        if name.is_default() {
            return Arc::clone(&self.default);
        }
        let use_number = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut named = self.named();
        if let Some(lane) = named.get(name) {
            lane.used.store(use_number, Ordering::Relaxed);
            return Arc::clone(lane);
        }
        if named.len() >= MOST_LANES
            && let Some(oldest) = named.values().min_by_key(|lane| lane.worth()).cloned()
        {
            tracing::warn!(lane = %oldest.name, "forgotten, for there are {MOST_LANES} lanes");
            named.remove(&oldest.name);
        }
        let lane = Arc::new(Lane::new(name.clone(), self.default.clock.fork()));
        lane.used.store(use_number, Ordering::Relaxed);
        named.insert(name.clone(), Arc::clone(&lane));
        lane
    }

    /// The lane of that name, for a test to set something up in it: a flood of other names does not push it out, until it
    /// is reset.
    pub fn claim(&self, name: &LaneName) -> Arc<Lane> {
        let lane = self.get(name);
        lane.claimed.store(true, Ordering::Relaxed);
        lane
    }

    /// What the clocks of lanes show. A lane that nobody has named yet would begin with what the default one shows.
    pub fn clocks(self: &Arc<Self>) -> Clocks {
        let lanes = Arc::clone(self);
        Clocks::new(move |name| match lanes.named().get(name) {
            Some(lane) => lane.clock.now(),
            None => lanes.default.clock.now(),
        })
    }

    /// The default lane.
    #[must_use]
    pub const fn default_lane(&self) -> &Arc<Lane> {
        &self.default
    }

    /// The lane of that name, if somebody has named it before.
    #[must_use]
    pub fn find(&self, name: &LaneName) -> Option<Arc<Lane>> {
        if name.is_default() { Some(Arc::clone(&self.default)) } else { self.named().get(name).cloned() }
    }

    /// All lanes, the default one first, the others by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Lane>> {
        let mut lanes: Vec<_> = self.named().values().cloned().collect();
        lanes.sort_by(|a, b| a.name.cmp(&b.name));
        lanes.insert(0, Arc::clone(&self.default));
        lanes
    }

    /// Forgets what a lane remembers and its stubs, and sets its clock back: the default lane's to the one that it began
    /// with, another's to the default lane's. Says how many stubs there were.
    pub fn reset(&self, name: &LaneName) -> usize {
        let Some(lane) = self.find(name) else { return 0 };
        let stubs = lane.remove_stubs(|_| true);
        lane.store.clear();
        lane.claimed.store(false, Ordering::Relaxed);
        lane.clock.show_as(if name.is_default() { &self.origin } else { &self.default.clock });
        stubs
    }

    fn named(&self) -> MutexGuard<'_, HashMap<LaneName, Arc<Lane>>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The default lane by the system's clock.
impl Default for Lanes {
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

impl Lane {
    fn new(name: LaneName, clock: Clock) -> Self {
        let (used, claimed) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { name, clock, store: Store::default(), stubs: Mutex::default(), used, claimed }
    }

    /// What is forgotten last is worth most.
    fn worth(&self) -> (bool, u64) {
        (self.claimed.load(Ordering::Relaxed), self.used.load(Ordering::Relaxed))
    }

    /// The stubs, in the order in which they are asked.
    #[must_use]
    pub fn stubs(&self) -> Arc<Vec<Arc<Stub>>> {
        Arc::clone(&self.stubs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a stub, unless there are too many.
    ///
    /// # Errors
    /// If there is no room for one more.
    pub fn add_stub(&self, stub: Stub) -> Result<Arc<Stub>, String> {
        let stub = Arc::new(stub);
        let mut stubs = self.stubs.lock().unwrap_or_else(PoisonError::into_inner);
        check_room(stubs.len() + 1)?;
        // Of one priority the newer is asked first: a test adds to what its set-up has put there.
        let place = stubs.partition_point(|known| known.priority < stub.priority);
        let mut changed = stubs.as_ref().clone();
        changed.insert(place, Arc::clone(&stub));
        *stubs = Arc::new(changed);
        Ok(stub)
    }

    /// Takes stubs away, and what was counted of them. Says how many those were.
    pub fn remove_stubs(&self, is_doomed: impl Fn(&Stub) -> bool) -> usize {
        let mut stubs = self.stubs.lock().unwrap_or_else(PoisonError::into_inner);
        let (doomed, left): (Vec<_>, Vec<_>) = stubs.iter().cloned().partition(|stub| is_doomed(stub));
        *stubs = Arc::new(left);
        drop(stubs);
        doomed.iter().for_each(|stub| self.store.forget_stub(&stub.id));
        doomed.len()
    }

    /// Puts these stubs, given in the order in which they came, in place of all. No session meets none of either.
    ///
    /// # Errors
    /// If they are too many.
    pub fn replace_stubs(&self, new: Vec<Stub>) -> Result<Vec<Arc<Stub>>, String> {
        check_room(new.len())?;
        let new: Vec<_> = new.into_iter().map(Arc::new).collect();
        let mut ordered: Vec<_> = new.iter().rev().cloned().collect();
        ordered.sort_by_key(|stub| stub.priority);
        let mut stubs = self.stubs.lock().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut *stubs, Arc::new(ordered));
        drop(stubs);
        former.iter().for_each(|stub| self.store.forget_stub(&stub.id));
        Ok(new)
    }
}

fn check_room(wanted: usize) -> Result<(), String> {
    if wanted > MOST_STUBS { Err(format!("a lane has {MOST_STUBS} stubs at most")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Time;

    fn name(text: &str) -> LaneName {
        LaneName::parse(text).unwrap()
    }

    #[test]
    fn a_lane_has_a_clock_of_its_own() {
        let start = Time::from_unix_seconds(1_201_824_000);
        let lanes = Lanes::new(Clock::standing(start));
        lanes.default_lane().clock.advance(Duration::from_secs(60));
        let lane = lanes.get(&name("a"));
        lane.clock.advance(Duration::from_secs(1200));
        assert_eq!(lane.clock.now().since(start), Duration::from_secs(1260));
        assert_eq!(lanes.default_lane().clock.now().since(start), Duration::from_secs(60));
        assert_eq!(lanes.get(&name("A")).clock.now(), lane.clock.now(), "names are compared without case");
    }

    #[test]
    fn a_flood_of_names_stays_within_bounds() {
        let lanes = Lanes::new(Clock::standing(Time::default()));
        lanes.get(&name("first"));
        lanes.get(&name("second"));
        lanes.claim(&name("of-a-test"));
        for number in 3..MOST_LANES {
            lanes.get(&name(&number.to_string()));
        }
        lanes.get(&name("first"));
        lanes.get(&name("one-too-many"));
        assert_eq!(lanes.all().len(), MOST_LANES + 1);
        assert!(lanes.find(&name("first")).is_some() && lanes.find(&name("second")).is_none());
        let flood = |of: &str| (0..10).for_each(|number| drop(lanes.get(&name(&format!("{of}{number}")))));
        flood("one");
        assert!(lanes.find(&name("of-a-test")).is_some(), "it is older than all others, but claimed");
        lanes.reset(&name("of-a-test"));
        flood("another");
        assert!(lanes.find(&name("of-a-test")).is_none());
    }
}
