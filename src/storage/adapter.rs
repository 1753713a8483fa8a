//! Finds declared columns in files that spell their names in other letters, or call them by the names that they had before.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

/// DataFusion's adapter of expressions to a file's columns, after names that differ in case only were made equal.
///
/// A catalog keeps names in lower case, and Parquet files of other engines have what their writers liked. Matched letter
/// by letter, such a column would be NULL in every row.
#[derive(Debug)]
pub(crate) struct CaseInsensitiveAdapterFactory;

impl PhysicalExprAdapterFactory for CaseInsensitiveAdapterFactory {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        DeclaredNames::default().create(logical, physical)
    }
}

/// The names that columns had before, by column, newest first. Files that were written then have them.
pub type FormerNames = BTreeMap<String, Vec<String>>;

/// The same for columns that were renamed.
#[derive(Debug, Default)]
pub(crate) struct DeclaredNames {
    pub former: Arc<FormerNames>,
}

impl DeclaredNames {
    /// The physical schema with the table's names; `None` if there is nothing to change.
    pub(crate) fn rename(&self, logical: &Schema, physical: &Schema) -> Option<SchemaRef> {
        match by_former_names(&self.former, logical, physical) {
            None => rename(logical, physical),
            Some(renamed) => Some(rename(logical, &renamed).unwrap_or(renamed)),
        }
    }
}

/// A column that the file does not have is the one that was called by its newest former name there is, even if another column is
/// called so now: that one came later, and the file does not have it.
fn by_former_names(former: &FormerNames, logical: &Schema, physical: &Schema) -> Option<SchemaRef> {
    let place = |name: &str| physical.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
    let mut fields: Vec<FieldRef> = physical.fields().to_vec();
    let mut changed = false;
    for (column, names) in former.iter().filter(|(column, _)| logical.column_with_name(column).is_some()) {
        if place(column).is_none()
            && let Some(place) = names.iter().find_map(|name| place(name))
            && let Some(field) = fields.get_mut(place)
        {
            *field = Arc::new(field.as_ref().clone().with_name(column));
            changed = true;
        }
    }
    changed.then(|| Arc::new(Schema::new_with_metadata(fields, physical.metadata().clone())))
}

impl PhysicalExprAdapterFactory for DeclaredNames {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        match self.rename(&logical, &physical) {
            None => DefaultPhysicalExprAdapterFactory.create(logical, physical),
            Some(renamed) => {
                let inner = DefaultPhysicalExprAdapterFactory.create(logical, renamed)?;
                Ok(Arc::new(RenamingAdapter { inner, physical }))
            }
        }
    }
}

/// The physical schema with the table's spelling; `None` if there is nothing to change. A name that is there letter by
/// letter is never taken for another, and one that two columns could mean is left alone.
pub(crate) fn rename(logical: &Schema, physical: &Schema) -> Option<SchemaRef> {
    let mut changed = false;
    let fields: Vec<FieldRef> = physical
        .fields()
        .iter()
        .map(|field| {
            let matches = |other: &&FieldRef| other.name().eq_ignore_ascii_case(field.name());
            let is_alone = physical.fields().iter().filter(matches).count() == 1;
            let mut wanted = logical.fields().iter().filter(matches);
            match (wanted.next(), wanted.next()) {
                (Some(name), None) if is_alone && name.name() != field.name() => {
                    changed = true;
                    Arc::new(field.as_ref().clone().with_name(name.name()))
                }
                _ => Arc::clone(field),
            }
        })
        .collect();
    changed.then(|| Arc::new(Schema::new_with_metadata(fields, physical.metadata().clone())))
}

#[derive(Debug)]
struct RenamingAdapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    physical: SchemaRef,
}

impl PhysicalExprAdapter for RenamingAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        // Afterwards the reader looks columns up in the file by name, so they get their own names back.
        let rewritten = self.inner.rewrite(expr)?;
        rewritten
            .transform(|node| {
                let in_file = node.downcast_ref::<Column>().and_then(|column| {
                    let field = self.physical.fields().get(column.index())?;
                    (field.name() != column.name()).then(|| Column::new(field.name(), column.index()))
                });
                Ok(match in_file {
                    Some(column) => Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>),
                    None => Transformed::no(node),
                })
            })
            .data()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    fn schema(names: &[&str]) -> SchemaRef {
        Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int32, true)).collect::<Vec<_>>()))
    }

    fn names(schema: Option<SchemaRef>) -> Option<Vec<String>> {
        schema.map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect())
    }

    #[test]
    fn names_are_matched_without_case_when_that_is_certain() {
        assert_eq!(
            names(rename(&schema(&["id", "name"]), &schema(&["Name", "ID"]))),
            Some(vec!["name".into(), "id".into()])
        );
        assert_eq!(names(rename(&schema(&["id"]), &schema(&["id", "x"]))), None);
        assert_eq!(names(rename(&schema(&["id"]), &schema(&["ID", "Id"]))), None);
        assert_eq!(names(rename(&schema(&["id", "Id"]), &schema(&["ID"]))), None);
    }

    #[test]
    fn a_column_that_was_renamed_is_found_by_its_former_name() {
        let former = FormerNames::from([("b".into(), vec!["a".into()]), ("c".into(), vec!["b".into()])]);
        let declared = DeclaredNames { former: Arc::new(former) };
        let renamed = |logical: &[&str], physical: &[&str]| names(declared.rename(&schema(logical), &schema(physical)));
        // The `a` of today is a newer column than the file.
        assert_eq!(renamed(&["a", "b"], &["a"]), Some(vec!["b".into()]));
        assert_eq!(renamed(&["a", "b"], &["A", "x"]), Some(vec!["b".into(), "x".into()]));
        assert_eq!(renamed(&["a", "b"], &["a", "b"]), None);
        assert_eq!(renamed(&["x"], &["a"]), None);
    }

    #[test]
    fn expressions_end_with_the_files_names_and_places() {
        let adapter = CaseInsensitiveAdapterFactory.create(schema(&["id", "gone"]), schema(&["x", "ID"])).unwrap();
        let column = adapter.rewrite(Arc::new(Column::new("id", 0))).unwrap();
        assert_eq!(column.downcast_ref::<Column>(), Some(&Column::new("ID", 1)));
        let missing = adapter.rewrite(Arc::new(Column::new("gone", 1))).unwrap();
        assert!(missing.downcast_ref::<Column>().is_none());
    }
}
