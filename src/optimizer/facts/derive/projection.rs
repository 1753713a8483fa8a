//! A projection: columns that stay, and expressions over them.
//!
//! A key survives if all of its columns do, under whatever name, or by way of columns that equal them, or through a cast that gives
//! different values for different values. Other expressions are determined by the columns that they read.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, Projection};

use super::super::{
    Because, ColumnFacts, ColumnSet, CommonForeignKey, Constant, Dependency, Equivalences, Facts, FactsCache, Key,
    ValueFacts, both, plain_column,
};
use super::{is_exact, predicate};
use crate::functions::opaque::under_keyless;

pub(super) fn of_projection(node: &Projection, inputs: &FactsCache) -> Facts {
    let input = inputs.of_input(&node.input);
    let exprs: Vec<&Expr> = node.expr.iter().collect();
    of_expressions(&exprs, &input, node.input.schema())
}

/// What an expression is of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Image {
    /// The input's column itself.
    Same(usize),
    /// Different where it is different, NULL where it is NULL.
    Injective(usize),
    Other,
}

/// The facts of rows made of `exprs`, one for each row of the input.
pub(super) fn of_expressions(exprs: &[&Expr], input: &Facts, schema: &DFSchema) -> Facts {
    let images: Vec<Image> = exprs.iter().map(|expr| image(expr, schema)).collect();
    let columns = exprs.iter().zip(&images).map(|(expr, image)| column_facts(expr, *image, input, schema));
    let mut facts = input.mapped(&images, columns.collect());
    for (position, expr) in exprs.iter().enumerate() {
        if !matches!(images[position], Image::Same(_))
            && let Some(from) = reads(expr, schema, &facts, &images, input)
        {
            let to = ColumnSet::from([position]);
            facts.add_dependency(Dependency { from, to, strict: true, because: Because::new() });
        }
    }
    facts.finished()
}

fn image(expr: &Expr, schema: &DFSchema) -> Image {
    match expr {
        Expr::Alias(alias) => image(&alias.expr, schema),
        Expr::Column(_) => plain_column(expr, schema).map_or(Image::Other, Image::Same),
        Expr::Cast(cast) => match plain_column(&cast.expr, schema) {
            Some(column) if is_injective(schema.field(column).data_type(), cast.field.data_type()) => {
                Image::Injective(column)
            }
            _ => Image::Other,
        },
        // What is hidden from DataFusion, which takes keys for keys above an UNNEST, may be seen here.
        _ => under_keyless(expr).map_or(Image::Other, |expr| image(expr, schema)),
    }
}

/// Whether a cast gives different values for different values.
fn is_injective(from: &DataType, to: &DataType) -> bool {
    let text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let width = |kind: &DataType| kind.primitive_width().unwrap_or(0);
    if from == to {
        return is_exact(from);
    }
    (text(from) && text(to))
        || (from.is_signed_integer() && to.is_signed_integer() && width(from) <= width(to))
        || (from.is_unsigned_integer() && to.is_unsigned_integer() && width(from) <= width(to))
        || (from.is_unsigned_integer() && to.is_signed_integer() && width(from) < width(to))
}

fn column_facts(expr: &Expr, image: Image, input: &Facts, schema: &DFSchema) -> ColumnFacts {
    match image {
        Image::Same(column) => input.columns[column].clone(),
        Image::Injective(column) => ColumnFacts::from(ValueFacts {
            not_null: input.columns[column].not_null.clone(),
            constant: input.columns[column].constant.as_ref().map(|_| Constant::Unknown),
            ..ValueFacts::default()
        }),
        Image::Other => computed_facts(expr, input, schema),
    }
}

fn computed_facts(expr: &Expr, input: &Facts, schema: &DFSchema) -> ColumnFacts {
    if expr.is_volatile() {
        return ColumnFacts::default();
    }
    let mut facts = ValueFacts { not_null: never_null(expr, schema, input), ..ValueFacts::default() };
    if let Expr::Literal(value, _) = expr.clone().unalias_nested().data {
        facts.constant = Some(Constant::Value(value.clone()));
        if !value.is_null() && is_exact(&value.data_type()) {
            facts.min = Some((value.clone(), Because::new()));
            facts.max = Some((value, Because::new()));
        }
    } else if predicate::is_same_in_every_row(expr) {
        facts.constant = Some(Constant::Unknown);
    }
    facts.into()
}

/// The output columns that hold all that `expr` reads; `None` if one is missing, or if equal values need not give the same.
fn reads(expr: &Expr, schema: &DFSchema, facts: &Facts, images: &[Image], input: &Facts) -> Option<ColumnSet> {
    if expr.is_volatile() || super::super::closure::has_subquery(expr) {
        return None;
    }
    let mut from = ColumnSet::new();
    for column in expr.column_refs() {
        let column = schema.maybe_index_of_column(column)?;
        if !is_exact(schema.field(column).data_type()) {
            return None;
        }
        let holder = holder(column, images, input)?;
        if facts.columns[holder].constant.is_none() {
            from.insert(holder);
        }
    }
    Some(from)
}

/// The output column that an input column, or one that equals it, became.
fn holder(column: usize, images: &[Image], input: &Facts) -> Option<usize> {
    let became = |column: usize| images.iter().position(|image| *image == Image::Same(column));
    became(column)
        .or_else(|| input.equal.class_of(column).into_iter().find_map(became))
        .or_else(|| images.iter().position(|image| *image == Image::Injective(column)))
}

impl Facts {
    /// The same rows with these columns only, which may be in another order.
    pub(super) fn columns_kept(&self, kept: &[usize]) -> Facts {
        let images: Vec<Image> = kept.iter().map(|column| Image::Same(*column)).collect();
        self.mapped(&images, kept.iter().map(|column| self.columns[*column].clone()).collect()).finished()
    }

    /// The same rows with other columns, for which `columns` says what is known of each alone.
    fn mapped(&self, images: &[Image], columns: Vec<ColumnFacts>) -> Facts {
        let mut holders = HashMap::new();
        let mut holder_of = |column: usize| *holders.entry(column).or_insert_with(|| holder(column, images, self));
        let mut facts = Facts {
            instances: self.instances.clone(),
            columns,
            keys: vec![],
            dependencies: vec![],
            common_foreign_keys: vec![],
            equal: Equivalences::default(),
            rows: self.rows.clone(),
        };
        for key in &self.keys {
            let held = key.columns.iter().map(|column| holder_of(*column)).collect::<Option<ColumnSet>>();
            if let Some(columns) = held {
                facts.add_key(Key { columns, strict: key.strict, because: key.because.clone() });
            }
        }
        for dependency in &self.dependencies {
            let held = dependency.from.iter().map(|column| holder_of(*column)).collect::<Option<ColumnSet>>();
            if let Some(from) = held {
                let to: ColumnSet = images
                    .iter()
                    .enumerate()
                    .filter(|(_, image)| match image {
                        Image::Same(column) | Image::Injective(column) => dependency.to.contains(column),
                        Image::Other => false,
                    })
                    .map(|(position, _)| position)
                    .collect();
                let because = dependency.because.clone();
                facts.add_dependency(Dependency { from, to, strict: dependency.strict, because });
            }
        }
        let became = |column: &usize| {
            let same = |column: usize| images.iter().position(|image| *image == Image::Same(column));
            same(*column).or_else(|| self.equal.class_of(*column).into_iter().find_map(same))
        };
        for key in &self.common_foreign_keys {
            if let Some(columns) = key.columns.iter().map(became).collect::<Option<Vec<usize>>>() {
                facts.common_foreign_keys.push(CommonForeignKey { columns, ..key.clone() });
            }
        }
        // Columns that came from one, or from equal ones, are equal.
        let mut first: HashMap<usize, usize> = HashMap::new();
        for (position, image) in images.iter().enumerate() {
            if let Image::Same(column) = image {
                let class = self.equal.class_of(*column);
                let leader = class.first().copied().unwrap_or(*column);
                match first.get(&leader) {
                    Some(other) => facts.equal.join(*other, position),
                    None => {
                        first.insert(leader, position);
                    }
                }
            }
        }
        facts
    }
}

/// Why an expression is never NULL, if that is known. Arrow's nullability is not asked: of a table's column it says nothing.
pub fn never_null(expr: &Expr, schema: &DFSchema, facts: &Facts) -> Option<Because> {
    let of = |expr: &Expr| never_null(expr, schema, facts);
    let all = |exprs: &[&Expr]| {
        exprs.iter().try_fold(Because::new(), |because, expr| Some(both(because, &never_null(expr, schema, facts)?)))
    };
    match expr {
        Expr::Alias(alias) => of(&alias.expr),
        Expr::Column(_) => plain_column(expr, schema).and_then(|column| facts.is_not_null(column).cloned()),
        Expr::Literal(value, _) => (!value.is_null()).then(Because::new),
        // What cannot be cast is an error.
        Expr::Cast(cast) => of(&cast.expr),
        Expr::Negative(expr) | Expr::Not(expr) => of(expr),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::Exists(_) => Some(Because::new()),
        Expr::BinaryExpr(BinaryExpr { op: Operator::IsDistinctFrom | Operator::IsNotDistinctFrom, .. }) => {
            Some(Because::new())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => all(&[left, right]),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if predicate::passes_nulls_on(*op) => all(&[left, right]),
        Expr::Between(between) => all(&[&between.expr, &between.low, &between.high]),
        Expr::Like(like) => all(&[&like.expr, &like.pattern]),
        Expr::InList(list) => {
            let mut exprs: Vec<&Expr> = list.list.iter().collect();
            exprs.push(&list.expr);
            all(&exprs)
        }
        Expr::Case(case) => {
            let mut results: Vec<&Expr> = case.when_then_expr.iter().map(|(_, then)| then.as_ref()).collect();
            results.push(case.else_expr.as_deref()?);
            all(&results)
        }
        Expr::ScalarFunction(function) if is_coalesce(function) => {
            function.args.iter().filter_map(of).min_by_key(Because::len)
        }
        _ => None,
    }
}

fn is_coalesce(function: &datafusion::logical_expr::expr::ScalarFunction) -> bool {
    function.func.inner().is::<datafusion::functions::core::coalesce::CoalesceFunc>()
}
