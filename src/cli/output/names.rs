//! Column names that are each other's only: what JSON objects and files need, and SQL does not promise.
//!
//! `SELECT a.id, b.id, b.id` has three columns `id`. They become `id`, `id_1`, `id_2`; a number that would hit another
//! column's own name is left out.

use std::collections::HashSet;

/// The names in their order, the second and later of equal ones with a number behind.
pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let own: HashSet<&str> = names.clone().collect();
    let mut taken: HashSet<String> = HashSet::with_capacity(own.len());
    names
        .map(|name| {
            let mut candidate = name.to_string();
            let mut number = 0_usize;
            while taken.contains(&candidate) || (number > 0 && own.contains(candidate.as_str())) {
                number += 1;
                candidate = format!("{name}_{number}");
            }
            taken.insert(candidate.clone());
            candidate
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unique;

    #[test]
    fn repeated_names_get_a_number_that_is_free() {
        assert_eq!(unique(["id", "x", "id", "id"].into_iter()), ["id", "x", "id_1", "id_2"]);
        assert_eq!(unique(["a", "a", "a_1", "a"].into_iter()), ["a", "a_2", "a_1", "a_3"]);
        assert_eq!(unique(["a_1", "a", "a", "a_1"].into_iter()), ["a_1", "a", "a_2", "a_1_1"]);
    }

    #[test]
    fn names_that_differ_stay() {
        assert_eq!(unique(["a", "A", ""].into_iter()), ["a", "A", ""]);
    }
}
