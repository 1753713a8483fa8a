//! Which names are scalar, aggregate and window functions to DataFusion.

use std::collections::HashSet;
use std::sync::LazyLock;

use datafusion::execution::SessionStateDefaults;

/// The built-in functions by kind, with their aliases, in lower case.
pub(super) struct FunctionNames {
    /// They take precedence over aggregates and window functions of the same name.
    scalar: HashSet<String>,
    higher_order: HashSet<String>,
    window: HashSet<String>,
    aggregate: HashSet<String>,
    /// Aggregates that know neither IGNORE NULLS nor RESPECT NULLS.
    plain_about_nulls: HashSet<String>,
}

static BUILT_IN: LazyLock<FunctionNames> = LazyLock::new(|| {
    let mut names = FunctionNames {
        scalar: HashSet::new(),
        higher_order: HashSet::new(),
        window: HashSet::new(),
        aggregate: HashSet::new(),
        plain_about_nulls: HashSet::new(),
    };
    for function in SessionStateDefaults::default_scalar_functions() {
        add(&mut names.scalar, function.name(), function.aliases());
    }
    for function in SessionStateDefaults::default_higher_order_functions() {
        add(&mut names.higher_order, function.name(), function.aliases());
    }
    for function in SessionStateDefaults::default_window_functions() {
        add(&mut names.window, function.name(), function.aliases());
    }
    for function in SessionStateDefaults::default_aggregate_functions() {
        add(&mut names.aggregate, function.name(), function.aliases());
        if !function.supports_null_handling_clause() {
            add(&mut names.plain_about_nulls, function.name(), function.aliases());
        }
    }
    names
});

fn add(names: &mut HashSet<String>, name: &str, aliases: &[String]) {
    names.insert(name.to_lowercase());
    names.extend(aliases.iter().map(|alias| alias.to_lowercase()));
}

pub(super) fn built_in() -> &'static FunctionNames {
    &BUILT_IN
}

impl FunctionNames {
    /// Whether a call computes one value from one row: no row before or behind it matters.
    pub(super) fn is_scalar(&self, name: &str) -> bool {
        // unnest and make_map are planned on their own, before any other function.
        self.scalar.contains(name)
            || self.is_higher_order(name)
            || matches!(name, "unnest" | "unnest_outer" | "make_map")
    }

    pub(super) fn is_higher_order(&self, name: &str) -> bool {
        self.higher_order.contains(name)
    }

    /// Whether it is a window function only, such as lag: no aggregate.
    pub(super) fn is_window(&self, name: &str) -> bool {
        self.window.contains(name)
    }

    pub(super) fn is_aggregate(&self, name: &str) -> bool {
        self.aggregate.contains(name)
    }

    pub(super) fn is_plain_about_nulls(&self, name: &str) -> bool {
        // Window functions that rank rows do not look at a value that could be NULL.
        self.plain_about_nulls.contains(name)
            || matches!(name, "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile")
    }
}
