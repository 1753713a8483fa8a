//! Arrays, maps and structs.

mod arrays;
pub(crate) mod construct;
mod index;
pub(crate) mod lists;
mod reverse;
mod sequence;

use datafusion_spark::function::collection::size;

use crate::functions::entry::{Entry, Help};

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = construct::entries();
    entries.extend(index::entries());
    entries.extend(arrays::entries());
    entries.extend(reverse::entries());
    entries.extend(sequence::entries());
    entries.extend(theirs());
    entries
}

fn theirs() -> Vec<Entry> {
    vec![
        Entry::scalar(
            size().as_ref().clone().with_aliases(["cardinality"]),
            Help {
                name: "size",
                syntax: "size(array or map)",
                line: "The number of elements; -1 of NULL.",
                example: "SELECT size(array(1, 2)), size(map('a', 1)), size(CAST(NULL AS ARRAY<INT>))",
                gives: "2,1,-1",
            },
        ),
        Entry::known(Help {
            name: "named_struct",
            syntax: "named_struct(name, value, …)",
            line: "A struct of fields with these names.",
            example: "SELECT named_struct('a', 1, 'b', 'x')",
            gives: "{a: 1, b: x}",
        }),
        Entry::known(Help {
            name: "map_keys",
            syntax: "map_keys(map)",
            line: "The keys of a map as an array.",
            example: "SELECT map_keys(map('a', 1, 'b', 2))",
            gives: "[a, b]",
        }),
        Entry::known(Help {
            name: "map_values",
            syntax: "map_values(map)",
            line: "The values of a map as an array.",
            example: "SELECT map_values(map('a', 1, 'b', 2))",
            gives: "[1, 2]",
        }),
        Entry::known(Help {
            name: "map_entries",
            syntax: "map_entries(map)",
            line: "The entries of a map as an array of structs.",
            example: "SELECT map_entries(map('a', 1))",
            gives: "[{key: a, value: 1}]",
        }),
        Entry::known(Help {
            name: "map_from_arrays",
            syntax: "map_from_arrays(keys, values)",
            line: "A map of the keys to the values.",
            example: "SELECT map_from_arrays(array('a', 'b'), array(1, 2))",
            gives: "{a: 1, b: 2}",
        }),
        Entry::known(Help {
            name: "array_min",
            syntax: "array_min(array)",
            line: "The least element; NULLs do not count.",
            example: "SELECT array_min(array(3, NULL, 1))",
            gives: "1",
        }),
        Entry::known(Help {
            name: "array_max",
            syntax: "array_max(array)",
            line: "The greatest element; NULLs do not count.",
            example: "SELECT array_max(array(3, NULL, 1))",
            gives: "3",
        }),
        Entry::known(Help {
            name: "array_distinct",
            syntax: "array_distinct(array)",
            line: "The elements without repetitions.",
            example: "SELECT array_distinct(array(2, 1, 2, NULL, NULL))",
            gives: "[2, 1, NULL]",
        }),
        Entry::known(Help {
            name: "array_join",
            syntax: "array_join(array, separator[, for_null])",
            line: "The elements as one text; NULLs are left out, or written as the third argument.",
            example: "SELECT array_join(array('a', NULL, 'b'), '-'), array_join(array('a', NULL), '-', '?')",
            gives: "a-b,a-?",
        }),
        Entry::known(Help {
            name: "array_except",
            syntax: "array_except(a, b)",
            line: "The elements of the first array that are not in the second, without repetitions.",
            example: "SELECT array_except(array(1, 2, 3), array(2))",
            gives: "[1, 3]",
        }),
        Entry::known(Help {
            name: "array_intersect",
            syntax: "array_intersect(a, b)",
            line: "The elements that are in both arrays, without repetitions.",
            example: "SELECT array_intersect(array(1, 2, 3), array(3, 2))",
            gives: "[2, 3]",
        }),
        Entry::known(Help {
            name: "array_union",
            syntax: "array_union(a, b)",
            line: "The elements that are in either array, without repetitions.",
            example: "SELECT array_union(array(1, 2), array(2, 3))",
            gives: "[1, 2, 3]",
        }),
        Entry::known(Help {
            name: "array_repeat",
            syntax: "array_repeat(value, count)",
            line: "An array of the value so many times.",
            example: "SELECT array_repeat('a', 2)",
            gives: "[a, a]",
        }),
        Entry::known(Help {
            name: "slice",
            syntax: "slice(array, start, length)",
            line: "So many elements from a position on, which counts from 1, or from -1 backwards.",
            example: "SELECT slice(array(1, 2, 3, 4), 2, 2), slice(array(1, 2, 3), -2, 2)",
            gives: "[2, 3],[2, 3]",
        }),
    ]
}
