//! `* REPLACE (1 AS Amount)` → `* REPLACE (1 AS amount)`, and EXCLUDE and EXCEPT likewise
//!
//! DataFusion makes names lower case elsewhere, but not there: the column would not be replaced. Words behind `*` that it
//! would not look at are refused: `* ILIKE 'a%'` would give all columns, and of `* REPLACE (1 AS a, 2 AS a)` the first.

use sqlparser::ast::{
    ExceptSelectItem, ExcludeSelectItem, Ident, ObjectNamePart, Select, SelectItem, WildcardAdditionalOptions,
};

use super::Refusal;
use super::ast::same_name;

pub(super) fn refuse(select: &Select) -> Result<(), Refusal> {
    select.projection.iter().try_for_each(|item| match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => in_options(options),
        SelectItem::ExprWithAliases { aliases, .. } => {
            let span = aliases.first().map_or(select.select_token.0.span, |alias| alias.span);
            Err(Refusal::new("one column takes one name", span))
        }
        _ => Ok(()),
    })
}

fn in_options(options: &WildcardAdditionalOptions) -> Result<(), Refusal> {
    let span = options.wildcard_token.0.span;
    if options.opt_ilike.is_some() {
        return Err(Refusal::new("ILIKE behind * is not supported", span)
            .help("name the columns, or leave others out with * EXCLUDE (a, b)"));
    }
    if options.opt_rename.is_some() {
        return Err(Refusal::new("RENAME behind * is not supported", span)
            .help("leave the column out and select it again: * EXCLUDE (a), a AS b"));
    }
    if let Some(alias) = &options.opt_alias {
        return Err(Refusal::new("* takes no name", alias.span));
    }
    let replaced: Vec<_> = options.opt_replace.iter().flat_map(|replace| &replace.items).collect();
    for (at, item) in replaced.iter().enumerate() {
        let name = &item.column_name;
        if replaced.iter().take(at).any(|other| same_name(&other.column_name, name)) {
            return Err(Refusal::new(format!("* REPLACE gives column {name} twice"), name.span));
        }
    }
    Ok(())
}

/// Makes the unquoted names behind each `*` lower case.
pub(super) fn fold_names(select: &mut Select) {
    for item in &mut select.projection {
        if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item {
            names_in(options).for_each(|name| {
                if name.quote_style.is_none() {
                    name.value = name.value.to_lowercase();
                }
            });
        }
    }
}

/// The columns that EXCLUDE, EXCEPT and REPLACE name.
pub(super) fn names_in(options: &mut WildcardAdditionalOptions) -> impl Iterator<Item = &mut Ident> {
    let excluded = options.opt_exclude.iter_mut().flat_map(|exclude| match exclude {
        ExcludeSelectItem::Single(name) => std::slice::from_mut(name),
        ExcludeSelectItem::Multiple(names) => names.as_mut_slice(),
    });
    let excluded = excluded.flat_map(|name| &mut name.0).filter_map(|part| match part {
        ObjectNamePart::Identifier(name) => Some(name),
        ObjectNamePart::Function(_) => None,
    });
    let excepted = options.opt_except.iter_mut().flat_map(|except| {
        let ExceptSelectItem { first_element, additional_elements } = except;
        std::iter::once(first_element).chain(additional_elements)
    });
    let replaced = options.opt_replace.iter_mut().flat_map(|replace| &mut replace.items);
    excluded.chain(excepted).chain(replaced.map(|item| &mut item.column_name))
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn words_that_would_be_dropped_are_refused() {
        refused("SELECT ▸* ILIKE '%x%' FROM t", "ILIKE behind * is not supported");
        refused("SELECT t.▸* ILIKE '%x%' FROM t", "ILIKE behind * is not supported");
        refused("SELECT ▸* RENAME (a AS x) FROM t", "RENAME behind * is not supported");
        refused("SELECT * REPLACE (1 AS a, 2 AS ▸A) FROM t", "* REPLACE gives column A twice");
    }

    #[test]
    fn unquoted_names_are_folded() {
        assert_eq!(
            rewritten("SELECT * EXCLUDE (A, \"B\") REPLACE (B AS C), * EXCEPT (A, B), t.* EXCLUDE A FROM t"),
            "SELECT * EXCLUDE (a, \"B\") REPLACE (B AS c), * EXCEPT (a, b), t.* EXCLUDE a FROM t"
        );
    }

    #[test]
    fn words_that_are_planned_are_left_alone() {
        unchanged("SELECT *, t.* EXCLUDE (a), * REPLACE (1 AS a, 2 AS b) FROM t");
    }
}
