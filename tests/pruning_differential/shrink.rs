//! Makes a failing query, its data and its constraints smaller while it still fails the same way.

use std::time::{Duration, Instant};

use crate::data;
use crate::run::{Alone, Difference, Rules, Runner, World};

const LONGEST: Duration = Duration::from_secs(40);

/// The smallest found, and how it differs.
pub fn shrink(runner: &Runner, world: &World, difference: Difference) -> (World, Difference) {
    let mut shrinking = Shrinking { runner, best: world.clone(), difference, until: Instant::now() + LONGEST };
    loop {
        let before = shrinking.best.query.to_string();
        shrinking.each(|world, n| world.query.shrink(&mut { n }));
        shrinking.each(remove_row);
        shrinking.each(remove_constraint);
        if shrinking.best.query.to_string() == before || Instant::now() > shrinking.until {
            return (shrinking.best, shrinking.difference);
        }
    }
}

struct Shrinking<'a> {
    runner: &'a Runner,
    best: World,
    difference: Difference,
    until: Instant,
}

impl Shrinking<'_> {
    /// Tries `edit` with 0, 1, 2, … until it says that there is nothing left to try.
    fn each(&mut self, edit: impl Fn(&mut World, usize) -> bool) {
        let mut n = 0;
        while Instant::now() < self.until {
            let mut smaller = self.best.clone();
            if !edit(&mut smaller, n) {
                return;
            }
            match self.differs(&smaller) {
                Some(difference) => {
                    self.best = smaller;
                    self.difference = difference;
                }
                None => n += 1,
            }
        }
    }

    fn differs(&self, world: &World) -> Option<Difference> {
        if !data::obeys(&world.schema, &world.data) {
            return None;
        }
        let alone = match &self.difference.rules {
            Rules::Alone(name) => Alone::These(vec![*name]),
            _ => Alone::These(vec![]),
        };
        let check = || self.runner.check(world, &alone);
        let report = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).ok()?;
        let found = if self.difference.rules == Rules::Stock { report.stock } else { report.difference };
        found.filter(|found| found.rules == self.difference.rules)
    }
}

fn remove_row(world: &mut World, mut n: usize) -> bool {
    for rows in &mut world.data {
        if n < rows.len() {
            rows.remove(n);
            return true;
        }
        n -= rows.len();
    }
    false
}

fn remove_constraint(world: &mut World, mut n: usize) -> bool {
    let mut take = || {
        n = n.wrapping_sub(1);
        n == usize::MAX
    };
    for table in &mut world.schema.tables {
        for at in 0..table.foreign_keys.len() {
            if take() {
                table.foreign_keys.remove(at);
                return true;
            }
        }
        for at in 0..table.uniques.len() {
            if take() {
                table.uniques.remove(at);
                return true;
            }
        }
        for column in &mut table.columns {
            if column.not_null && take() {
                column.not_null = false;
                return true;
            }
            if column.told != [false; 3] && take() {
                column.told = [false; 3];
                return true;
            }
        }
        if table.rows_told && take() {
            table.rows_told = false;
            return true;
        }
    }
    false
}
