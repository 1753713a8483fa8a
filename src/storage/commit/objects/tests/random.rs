//! Writers that fail, die and are cancelled at random beside readers, on a store that fails at random.
//!
//! Each write puts three files with its number in their names. A reader must see whole writes only, and of those the right ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::flaky::{Flaky, Random};
use super::{Bucket, DEATH, plain};
use crate::storage::commit::TableWrite;

const FILES: usize = 3;

/// When something happened, in the order of all that did.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[derive(Debug, Clone, Copy)]
struct Written {
    /// Nothing was put before.
    began: u64,
    /// For one that replaces everything: when others could no longer commit.
    locked: Option<u64>,
    /// When it was known to be committed.
    committed: Option<u64>,
    overwrites: bool,
}

struct World {
    bucket: Bucket,
    random: Random,
    clock: Clock,
    writes: Mutex<BTreeMap<u64, Written>>,
    stopped: AtomicBool,
}

impl World {
    async fn write(&self, number: u64) {
        let overwrites = self.random.below(3) == 0;
        let began = self.clock.now();
        let note = |locked, committed| {
            self.writes.lock().insert(number, Written { began, locked, committed, overwrites });
        };
        note(None, None);
        let Ok(mut write) = self.bucket.begin().await else { return };
        let mut locked = None;
        let mut dies_in = self.random.below(40);
        let mut dies = || {
            dies_in = dies_in.saturating_sub(1);
            dies_in == 0
        };
        if overwrites {
            if write.lock().await.is_err() {
                return Box::new(write).abandon().await;
            }
            locked = Some(self.clock.now());
            note(locked, None);
        }
        for file in 0..FILES {
            if dies() {
                return write.die();
            }
            if self.bucket.put(&write, &format!("dt={file}/{number}.{file}")).await.is_err() {
                return Box::new(write).abandon().await;
            }
        }
        let mut replaced = Vec::new();
        if overwrites {
            match self.bucket.listed(&self.bucket.table).await {
                Ok(files) => replaced = files,
                Err(_) => return Box::new(write).abandon().await,
            }
        }
        if dies() {
            return write.die();
        }
        let commit = Box::new(write).commit(replaced);
        let patience = match self.random.below(4) {
            0 => Duration::from_micros(u64::from(self.random.below(30_000))),
            _ => Duration::from_secs(60),
        };
        if let Ok(Ok(())) = tokio::time::timeout(patience, commit).await {
            note(locked, Some(self.clock.now()));
        }
    }

    /// Looks at the table and at what is known of the writes, and returns what is wrong.
    async fn look(&self) -> Result<(), String> {
        let before = self.clock.now();
        let known = self.writes.lock().clone();
        let Ok(files) = self.bucket.listed(&self.bucket.table).await else { return Ok(()) };
        let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
        for file in &files {
            let number = plain(file).rsplit('/').next().and_then(|name| name.split('.').next()?.parse().ok());
            *seen.entry(number.ok_or_else(|| format!("{file} is nobody's"))?).or_default() += 1;
        }
        if let Some((number, count)) = seen.iter().find(|(_, count)| **count != FILES) {
            return Err(format!("{count} files of write {number}"));
        }
        let writes = self.writes.lock().clone();
        for (number, overwrite) in writes.iter().filter(|(number, _)| seen.contains_key(number)) {
            let Some(locked) = overwrite.locked else { continue };
            let mixed =
                |other: &&u64| *other != number && writes[*other].committed.is_some_and(|committed| committed < locked);
            if let Some(other) = seen.keys().find(mixed) {
                return Err(format!("write {number} replaces everything, and write {other} before it is still there"));
            }
        }
        for (number, write) in known.iter().filter(|(number, _)| !seen.contains_key(number)) {
            let Some(committed) = write.committed else { continue };
            let may_be_replaced = writes.iter().any(|(other, replacing)| {
                other != number && replacing.overwrites && replacing.locked.is_some_and(|locked| locked > write.began)
            });
            if committed < before && !may_be_replaced {
                return Err(format!("write {number} is lost"));
            }
        }
        Ok(())
    }
}

async fn run(seed: u64, writers: u64, rounds: u64) {
    let store = Flaky::new(seed, 25);
    let rate = store.rate();
    let world = Arc::new(World {
        bucket: Bucket::of(Arc::new(store)),
        random: Random::new(seed ^ 0x5eed),
        clock: Clock::default(),
        writes: Mutex::default(),
        stopped: AtomicBool::new(false),
    });
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut looks = 0;
                while !world.stopped.load(Ordering::SeqCst) {
                    if let Err(wrong) = world.look().await {
                        panic!("seed {seed}: {wrong}");
                    }
                    looks += 1;
                }
                looks
            })
        })
        .collect();
    let writing: Vec<_> = (0..writers)
        .map(|writer| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for round in 0..rounds {
                    world.write(writer * 1000 + round).await;
                }
            })
        })
        .collect();
    for writer in writing {
        writer.await.unwrap();
    }
    world.stopped.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0, "seed {seed}: nobody looked");
    }
    // The next write finishes and undoes what all the others left.
    rate.store(0, Ordering::Relaxed);
    tokio::time::sleep(DEATH).await;
    world.look().await.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    let bucket = &world.bucket;
    bucket.write("last", &[]).await;
    let mut expected: Vec<String> = bucket.listed(&bucket.table).await.unwrap();
    expected.sort();
    let objects = bucket.objects().await;
    let files: Vec<String> = objects.iter().filter(|name| !name.starts_with("_ostrich/")).cloned().collect();
    assert_eq!(files, expected, "seed {seed}: files that do not count");
    let marks: Vec<_> = bucket.hidden().await.into_iter().collect();
    // Behind a lost answer, a sign of life may come after the end.
    let stray = marks.iter().find(|name| !name.starts_with("turn-") && !name.ends_with(".alive"));
    assert_eq!(stray, None, "seed {seed}: {marks:?}");
    assert_eq!(marks.iter().filter(|name| name.starts_with("turn-")).count(), 1, "seed {seed}: {marks:?}");
    let committed = world.writes.lock().values().filter(|write| write.committed.is_some()).count();
    println!("seed {seed}: {committed} of {} writes known to be committed", writers * rounds);
    assert!(committed > 0, "seed {seed}: no write came through");
}

fn seed() -> u64 {
    std::env::var("OSTRICH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_secs())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_writes_whatever_fails() {
    let seed = seed();
    println!("seed {seed}");
    run(seed, 3, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_readers_see_whole_writes_whatever_fails() {
    let seed = seed();
    println!("seed {seed}");
    for seed in seed..seed + 100 {
        run(seed, 4, 25).await;
    }
}
