//! Lists of names that may take long to get: asked for once, awaited briefly, kept.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

/// Keys to lists. Asked from a thread of its own; the work is done on the runtime.
pub(super) struct Lookup<K> {
    shared: Arc<Shared<K>>,
    runtime: Handle,
}

struct Shared<K> {
    known: Mutex<Known<K>>,
    changed: Condvar,
}

struct Known<K> {
    entries: HashMap<K, Entry>,
    /// Counts how often all was forgotten: what was asked for before that is out of date when it comes.
    generation: u64,
}

#[derive(Clone)]
enum Entry {
    Asked,
    Here(Arc<Vec<String>>),
    /// There is no such thing, or it could not be read.
    Nothing,
}

impl<K: Clone + Eq + Hash + Send + 'static> Lookup<K> {
    pub(super) fn new(runtime: Handle) -> Self {
        let known = Mutex::new(Known { entries: HashMap::new(), generation: 0 });
        Lookup { shared: Arc::new(Shared { known, changed: Condvar::new() }), runtime }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut known = self.shared.known.lock();
        known.entries.clear();
        known.generation += 1;
    }

    /// Starts `load` unless that has been done.
    pub(super) fn ask<F>(&self, key: &K, load: impl FnOnce() -> F)
    where
        F: Future<Output = Option<Vec<String>>> + Send + 'static,
    {
        let mut known = self.shared.known.lock();
        if known.entries.contains_key(key) {
            return;
        }
        known.entries.insert(key.clone(), Entry::Asked);
        let (generation, shared, key, work) = (known.generation, Arc::clone(&self.shared), key.clone(), load());
        self.runtime.spawn(async move {
            let entry = work.await.map_or(Entry::Nothing, |names| Entry::Here(Arc::new(names)));
            let mut known = shared.known.lock();
            if known.generation == generation {
                known.entries.insert(key, entry);
                shared.changed.notify_all();
            }
        });
    }

    /// The list, if it is there within `patience`. Must not be called on the runtime's own threads.
    pub(super) fn get<F>(&self, key: &K, patience: Duration, load: impl FnOnce() -> F) -> Option<Arc<Vec<String>>>
    where
        F: Future<Output = Option<Vec<String>>> + Send + 'static,
    {
        self.ask(key, load);
        let deadline = Instant::now() + patience;
        let mut known = self.shared.known.lock();
        loop {
            match known.entries.get(key) {
                Some(Entry::Here(names)) => return Some(Arc::clone(names)),
                Some(Entry::Asked) => {}
                Some(Entry::Nothing) | None => return None,
            }
            if self.shared.changed.wait_until(&mut known, deadline).timed_out() {
                return match known.entries.get(key) {
                    Some(Entry::Here(names)) => Some(Arc::clone(names)),
                    _ => None,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_string()).collect())
    }

    #[test]
    fn a_list_is_loaded_once_until_all_is_forgotten() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let lookup = Lookup::new(runtime.handle().clone());
        let loads = Arc::new(AtomicUsize::new(0));
        let get = |patience| {
            let loads = Arc::clone(&loads);
            lookup.get(&"t", patience, || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                names(&["a"])
            })
        };
        assert_eq!(*get(PATIENCE).unwrap(), ["a"]);
        assert_eq!(*get(Duration::ZERO).unwrap(), ["a"]);
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        lookup.clear();
        assert!(get(PATIENCE).is_some());
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_slow_list_is_not_waited_for_but_is_there_later() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let lookup = Lookup::new(runtime.handle().clone());
        let (release, wait) = tokio::sync::oneshot::channel::<()>();
        let slow = lookup.get(&"t", Duration::from_millis(5), || async {
            wait.await.ok()?;
            names(&["a"])
        });
        assert!(slow.is_none());
        release.send(()).unwrap();
        assert!(lookup.get(&"t", PATIENCE, || async { names(&["not this"]) }).is_some_and(|names| *names == ["a"]));
    }

    #[test]
    fn what_was_asked_for_before_all_was_forgotten_is_not_kept() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let lookup = Lookup::new(runtime.handle().clone());
        let (release, wait) = tokio::sync::oneshot::channel::<()>();
        lookup.ask(&"t", || async {
            wait.await.ok()?;
            names(&["old"])
        });
        lookup.clear();
        let new = lookup.get(&"t", PATIENCE, || async { names(&["new"]) });
        release.send(()).unwrap();
        assert!(new.is_some_and(|names| *names == ["new"]));
        assert!(lookup.get(&"t", PATIENCE, || async { None }).is_some_and(|names| *names == ["new"]));
    }
}
