//! Types are settled by the dialect before DataFusion settles them
//!
//! Where values of several types meet, DataFusion finds a type for them that is not always the one that a dialect means: a DOUBLE beside a
//! DECIMAL becomes a DECIMAL(30, 15), which loses `1e-20`; an INT beside a DATE becomes a date; a text that becomes a number fails where
//! Hive has NULL. This goes through a plan from its leaves to its root, so that each expression is looked at when the types of its inputs are
//! known, and writes the casts of the dialect where two types meet. What it leaves alone, DataFusion settles.
//!
//! | meet | in |
//! |---|---|
//! | as compared | `= <> < <= > >=`, IS DISTINCT FROM, BETWEEN, IN with a list or a query, CASE x WHEN |
//! | as results | the branches of CASE, the rows of VALUES, the parts of UNION, INTERSECT and EXCEPT, the arguments of coalesce and its like |

mod ansi;
mod meeting;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion::common::{Column, DFSchema, Diagnostic, ExprSchema, NullEquality, ScalarValue, Span};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{
    AggregateFunction, Between, Case, Exists, InList, InSubquery, ScalarFunction, SetComparison, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::functions::{UDFCoercionExt, fields_with_udf};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, Expr, ExprSchemable, Join, Like, LogicalPlan, LogicalPlanBuilder, Operator, Projection,
    Subquery, Union, Values, not,
};

use ansi::Ansi;
pub(super) use ansi::doubles;
pub(super) use meeting::Meeting;

use super::{nested_extremes, of_type, signed};
use crate::error::Error;
use crate::sql::dialect::Dialect;
use crate::sql::types;

/// What a dialect says about values of different types.
pub(super) trait Rules {
    fn dialect(&self) -> Dialect;

    /// The type in which two values are compared.
    fn compared(&self, left: &DataType, right: &DataType) -> Meeting;

    /// The type of what is either the one or the other.
    fn either(&self, left: &DataType, right: &DataType) -> Meeting;

    /// A value in the type that it is compared in.
    fn to_compare(&self, value: Expr, from: &DataType, to: &DataType) -> Expr;

    /// A value in the type of a result.
    fn to_result(&self, value: Expr, from: &DataType, to: &DataType) -> Expr;

    /// An operation that is no comparison.
    fn operation(&self, operation: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let _ = schema;
        Ok(Transformed::no(Expr::BinaryExpr(operation)))
    }

    /// Whether functions are asked for what they take.
    fn casts_arguments(&self) -> bool {
        false
    }

    /// Whether the cast of what a function is given to what it takes differs from DataFusion's.
    fn argument_cast(&self, from: &DataType, to: &DataType) -> bool {
        let _ = (from, to);
        false
    }

    /// Whether LIKE takes a value of this type as text where DataFusion does not.
    fn is_like_text(&self, from: &DataType) -> bool {
        let _ = from;
        false
    }
}

fn rules(dialect: Dialect) -> &'static dyn Rules {
    match dialect {
        Dialect::Ansi => &Ansi,
        Dialect::Hive => &super::hive::coercion::Hive,
    }
}

/// The plan of a statement with the casts that the dialect says.
pub(crate) fn settle(plan: LogicalPlan, dialect: Dialect) -> Result<LogicalPlan> {
    Ok(in_plan(rules(dialect), plan, &DFSchema::empty())?.data)
}

/// `outer`: the columns of the queries around this one.
fn in_plan(rules: &dyn Rules, plan: LogicalPlan, outer: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    let Transformed { data: plan, transformed: below, .. } = in_inputs(rules, plan, outer)?;
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    schema.merge(outer);
    let names = NamePreserver::new(&plan);
    let Transformed { data: plan, transformed: here, .. } = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let settled = expr.rewrite(&mut InExpr { rules, schema: &schema })?;
        Ok(if settled.transformed { settled.update_data(|expr| name.restore(expr)) } else { settled })
    })?;
    let Transformed { data: plan, transformed: itself, .. } = match plan {
        LogicalPlan::Union(union) => in_union(rules, union, below)?,
        LogicalPlan::Join(join) => in_join(rules, join)?,
        LogicalPlan::Values(values) => in_values(rules, values)?,
        other => Transformed::no(other),
    };
    match below || here || itself {
        true => Ok(Transformed::yes(plan.recompute_schema()?)),
        false => Ok(Transformed::no(plan)),
    }
}

fn in_inputs(rules: &dyn Rules, plan: LogicalPlan, outer: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    match plan {
        // LATERAL: the right side may read the columns of the left one.
        LogicalPlan::Join(mut join) if reads_outer_columns(&join.right) => {
            let left = in_plan(rules, Arc::unwrap_or_clone(join.left), outer)?;
            let mut visible = left.data.schema().as_ref().clone();
            visible.merge(outer);
            let right = in_plan(rules, Arc::unwrap_or_clone(join.right), &visible)?;
            let changed = left.transformed || right.transformed;
            (join.left, join.right) = (Arc::new(left.data), Arc::new(right.data));
            Ok(Transformed::new(LogicalPlan::Join(join), changed, TreeNodeRecursion::Continue))
        }
        plan => plan.map_children(|input| in_plan(rules, input, outer)),
    }
}

fn reads_outer_columns(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => reads_outer_columns(&alias.input),
        _ => false,
    }
}

/// The parts of a UNION have the same types. `changed`: those of its parts may be others than its schema says.
fn in_union(rules: &dyn Rules, union: Union, changed: bool) -> Result<Transformed<LogicalPlan>> {
    let count = union.schema.fields().len();
    let mut columns: Vec<Option<DataType>> = Vec::with_capacity(count);
    for index in 0..count {
        let fields = union.inputs.iter().filter_map(|input| input.schema().fields().get(index));
        let types: Vec<DataType> = fields.map(|field| field.data_type().clone()).collect();
        columns.push(of_result(rules, &types).map_err(|(left, right)| {
            let name = union.schema.field(index).name();
            no_common_type(&left, &right, &format!("in the column \"{name}\" of UNION"), None)
        })?);
    }
    if !changed && columns.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().map(|input| {
        let input = Arc::unwrap_or_clone(input);
        in_types(rules, input, &columns).map(Arc::new)
    });
    let union = Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

/// The rows of VALUES have the same types. DataFusion has given them one when it planned them: what a cast of its own changed is looked at as
/// it was before.
fn in_values(rules: &dyn Rules, values: Values) -> Result<Transformed<LogicalPlan>> {
    let Values { schema, mut values } = values;
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let mut changed = false;
    for (column, field) in fields.iter_mut().enumerate() {
        let planned = field.data_type().clone();
        let given: Vec<DataType> = values
            .iter()
            .filter_map(|row| row.get(column))
            .map(|value| given_type(value, &planned))
            .collect::<Result<_>>()?;
        let common = common(&given, |left, right| rules.either(left, right));
        let common = common.map_err(|(left, right)| no_common_type(&left, &right, "as values of one column", None))?;
        let Some(to) = common.filter(|to| is_ours_to_say(to, &planned)) else { continue };
        for (value, from) in values.iter_mut().filter_map(|row| row.get_mut(column)).zip(&given) {
            let before = std::mem::take(value);
            *value = match before {
                _ if from.is_null() => Expr::Literal(ScalarValue::try_from(&to)?, None),
                Expr::Cast(cast) if *from != planned => rules.to_result(*cast.expr, from, &to),
                other => rules.to_result(other, from, &to),
            };
        }
        *field = Arc::new(field.as_ref().clone().with_data_type(to).with_nullable(true));
        changed = true;
    }
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Values(Values { schema, values })));
    }
    let fields = fields.iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>();
    let schema = DFSchema::from_unqualified_fields(fields.into(), schema.as_arrow().metadata().clone())?;
    Ok(Transformed::yes(LogicalPlan::Values(Values { schema: Arc::new(schema), values })))
}

/// The type of a value before DataFusion cast it to the column's.
fn given_type(value: &Expr, planned: &DataType) -> Result<DataType> {
    let nothing = DFSchema::empty();
    match value {
        Expr::Literal(constant, _) if constant.is_null() => Ok(DataType::Null),
        Expr::Cast(cast) if cast.field.data_type() == planned => cast.expr.get_type(&nothing),
        other => other.get_type(&nothing),
    }
}

/// DOUBLE stands for the DECIMAL(30, 15) that DataFusion makes of it beside a decimal. Another type was wanted by an INSERT.
fn is_ours_to_say(to: &DataType, planned: &DataType) -> bool {
    match (to, planned) {
        (DataType::Float64, DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) => {
            *precision >= 30 && *scale >= 15
        }
        _ => true,
    }
}

/// A query with its columns in these types; those without one stay.
fn in_types(rules: &dyn Rules, plan: LogicalPlan, types: &[Option<DataType>]) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    let stays = |index: usize, from: &DataType| types.get(index).and_then(Option::as_ref).is_none_or(|to| to == from);
    if schema.fields().iter().enumerate().all(|(index, field)| stays(index, field.data_type())) {
        return Ok(plan);
    }
    let columns = schema.iter().enumerate().map(|(index, (relation, field))| {
        let column = Expr::Column(Column::new(relation.cloned(), field.name()));
        match types.get(index).and_then(Option::as_ref) {
            Some(to) if to != field.data_type() => {
                rules.to_result(column, field.data_type(), to).alias_qualified(relation.cloned(), field.name())
            }
            _ => column,
        }
    });
    Ok(LogicalPlan::Projection(Projection::try_new(columns.collect(), Arc::new(plan))?))
}

/// The keys of a join are compared. Those of INTERSECT and EXCEPT are rows of one result.
fn in_join(rules: &dyn Rules, mut join: Join) -> Result<Transformed<LogicalPlan>> {
    let mut changed = false;
    let is_set_operation = join.null_equality == NullEquality::NullEqualsNull;
    for (left, right) in &mut join.on {
        let (left_type, right_type) = (left.get_type(join.left.schema())?, right.get_type(join.right.schema())?);
        let meeting = match is_set_operation {
            true => rules.either(&left_type, &right_type),
            false => rules.compared(&left_type, &right_type),
        };
        let to = match meeting {
            Meeting::Unsaid => continue,
            Meeting::Never => {
                let place = first_span(&[&*left, &*right]);
                return Err(no_common_type(&left_type, &right_type, "where they are compared", place));
            }
            Meeting::In(to) => to,
        };
        *left = rules.to_compare(std::mem::take(left), &left_type, &to);
        *right = rules.to_compare(std::mem::take(right), &right_type, &to);
        changed = true;
    }
    Ok(Transformed::new(LogicalPlan::Join(join), changed, TreeNodeRecursion::Continue))
}

/// The type in which all of these meet, or `None` if DataFusion may say. The error is the pair that has none.
fn common(
    types: &[DataType],
    meet: impl Fn(&DataType, &DataType) -> Meeting,
) -> Result<Option<DataType>, (DataType, DataType)> {
    let mut said = None;
    // A text takes all others.
    let (texts, others): (Vec<&DataType>, Vec<&DataType>) =
        types.iter().filter(|data_type| !data_type.is_null()).partition(|data_type| data_type.is_string());
    let mut types = texts.into_iter().chain(others);
    let Some(mut so_far) = types.next().cloned() else { return Ok(None) };
    for next in types {
        if *next == so_far {
            continue;
        }
        match meet(&so_far, next) {
            Meeting::Never => return Err((so_far, next.clone())),
            Meeting::In(to) => {
                so_far = to.clone();
                said = Some(to);
            }
            // The wider one of two numbers, for those that follow.
            Meeting::Unsaid => {
                if let Some(wider) = datafusion::logical_expr::binary::type_union_coercion(&so_far, next) {
                    if said.is_some() {
                        said = Some(wider.clone());
                    }
                    so_far = wider;
                }
            }
        }
    }
    Ok(said)
}

/// The type of what is one of these, if one of them has another. DataFusion's word counts where the dialect has none, but is not waited for:
/// a subquery that reads the column would know it by the type of the first.
fn of_result(rules: &dyn Rules, types: &[DataType]) -> Result<Option<DataType>, (DataType, DataType)> {
    if let Some(said) = common(types, |left, right| rules.either(left, right))? {
        return Ok(Some(said));
    }
    let mut known = types.iter().filter(|data_type| !data_type.is_null());
    let Some(first) = known.next() else { return Ok(None) };
    let widest = known.try_fold(first.clone(), |widest, next| {
        if widest == *next {
            Some(widest)
        } else {
            datafusion::logical_expr::binary::type_union_coercion(&widest, next)
        }
    });
    Ok(widest.filter(|widest| types.iter().any(|data_type| data_type != widest)))
}

/// Two values that are compared, in the type in which they are.
pub(super) fn compare(
    rules: &dyn Rules,
    left: Expr,
    right: Expr,
    schema: &DFSchema,
) -> Result<Transformed<(Expr, Expr)>> {
    let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
    match rules.compared(&left_type, &right_type) {
        Meeting::Unsaid => Ok(Transformed::no((left, right))),
        Meeting::In(to) => {
            Ok(Transformed::yes((rules.to_compare(left, &left_type, &to), rules.to_compare(right, &right_type, &to))))
        }
        Meeting::Never => {
            let place = first_span(&[&left, &right]);
            Err(no_common_type(&left_type, &right_type, "where they are compared", place))
        }
    }
}

pub(super) fn is_null_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null_constant(&cast.expr),
        Expr::TryCast(cast) => is_null_constant(&cast.expr),
        _ => false,
    }
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// How the arguments of a function meet, from one of them on.
enum Arguments {
    Alternatives(usize),
    Compared,
}

fn arguments(function: &str) -> Option<Arguments> {
    match function {
        "coalesce" | "nvl" | "ifnull" | "array" | "make_array" => Some(Arguments::Alternatives(0)),
        "nvl2" => Some(Arguments::Alternatives(1)),
        "greatest" | "least" => Some(Arguments::Compared),
        _ => None,
    }
}

struct InExpr<'a> {
    rules: &'a dyn Rules,
    schema: &'a DFSchema,
}

impl TreeNodeRewriter for InExpr<'_> {
    type Node = Expr;

    fn f_up(&mut self, expr: Expr) -> Result<Transformed<Expr>> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                Ok(compare(self.rules, *left, *right, self.schema)?
                    .update_data(|(left, right)| Expr::BinaryExpr(BinaryExpr::new(left.into(), op, right.into()))))
            }
            Expr::BinaryExpr(operation) => self.rules.operation(operation, self.schema),
            Expr::Between(between) => self.between(between),
            Expr::InList(list) => self.in_list(list),
            Expr::Like(like) => self.like(like, Expr::Like),
            Expr::SimilarTo(like) => self.like(like, Expr::SimilarTo),
            Expr::Case(case) => self.case(case),
            Expr::ScalarFunction(call) => {
                let (call, changed) = with_digits(call);
                let mut call = self.call(call)?;
                call.transformed |= changed;
                Ok(call)
            }
            Expr::AggregateFunction(call) => self.aggregate(call),
            Expr::WindowFunction(call) => self.window(*call),
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let subquery = self.subquery(subquery)?;
                let (value, query) = self.compared_with(*expr, subquery.data)?;
                Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(value.into(), query, negated))))
            }
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                let subquery = self.subquery(subquery)?;
                let (value, query) = self.compared_with(*expr, subquery.data)?;
                Ok(Transformed::yes(Expr::SetComparison(SetComparison::new(value.into(), query, op, quantifier))))
            }
            Expr::ScalarSubquery(subquery) => Ok(self.subquery(subquery)?.update_data(Expr::ScalarSubquery)),
            Expr::Exists(Exists { subquery, negated }) => {
                Ok(self.subquery(subquery)?.update_data(|subquery| Expr::Exists(Exists::new(subquery, negated))))
            }
            // The type that the column had when the query was planned.
            Expr::OuterReferenceColumn(field, column) => {
                let now = self.schema.field_from_column(&column).ok();
                match now.filter(|now| now.data_type() != field.data_type()) {
                    Some(now) => Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(now), column))),
                    None => Ok(Transformed::no(Expr::OuterReferenceColumn(field, column))),
                }
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// `round(d, 1)` with a digit count of the type that DataFusion casts it to: it reads the type of the result off a literal and not off a cast,
/// and so would take `round(d, 1)` for a decimal of another type than it gives.
fn with_digits(mut call: ScalarFunction) -> (ScalarFunction, bool) {
    if let ("round" | "trunc", [_, digits]) = (call.func.name(), call.args.as_mut_slice())
        && let Expr::Literal(ScalarValue::Int64(Some(count)), _) = digits
        && let Ok(count) = i32::try_from(*count)
    {
        *digits = Expr::Literal(ScalarValue::Int32(Some(count)), None);
        return (call, true);
    }
    (call, false)
}

impl InExpr<'_> {
    fn type_of(&self, expr: &Expr) -> Result<DataType> {
        expr.get_type(self.schema)
    }

    fn types_of(&self, exprs: &[Expr]) -> Result<Vec<DataType>> {
        exprs.iter().map(|expr| self.type_of(expr)).collect()
    }

    fn subquery(&self, subquery: Subquery) -> Result<Transformed<Subquery>> {
        let Subquery { subquery, outer_ref_columns, spans } = subquery;
        let inner = in_plan(self.rules, Arc::unwrap_or_clone(subquery), self.schema)?;
        let columns = outer_ref_columns.into_iter().map(|column| column.rewrite(&mut self.clone_for_columns()));
        let outer_ref_columns = columns.map(|column| Ok(column?.data)).collect::<Result<_>>()?;
        Ok(inner.update_data(|plan| Subquery { subquery: Arc::new(plan), outer_ref_columns, spans }))
    }

    fn clone_for_columns(&self) -> InExpr<'_> {
        InExpr { rules: self.rules, schema: self.schema }
    }

    /// A value, and a query of one column that it is looked for in.
    fn compared_with(&self, value: Expr, query: Subquery) -> Result<(Expr, Subquery)> {
        let Some(field) = query.subquery.schema().fields().first() else { return Ok((value, query)) };
        let (value_type, column_type) = (self.type_of(&value)?, field.data_type().clone());
        match self.rules.compared(&value_type, &column_type) {
            Meeting::Unsaid => Ok((value, query)),
            Meeting::Never => {
                let place = first_span(&[&value]);
                Err(no_common_type(&value_type, &column_type, "where they are compared", place))
            }
            Meeting::In(to) => {
                let value = self.rules.to_compare(value, &value_type, &to);
                let column = Expr::Column(query.subquery.schema().columns().swap_remove(0));
                let name = column.qualified_name().1;
                let column = self.rules.to_compare(column, &column_type, &to).alias(name);
                let plan = LogicalPlanBuilder::new_from_arc(query.subquery).project([column])?.build()?;
                Ok((value, Subquery { subquery: Arc::new(plan), ..query }))
            }
        }
    }

    /// A value may have the type of none of the others, and they not that of each other: a whole number, a DECIMAL and a DOUBLE.
    fn among(&self, value: &DataType, others: &[DataType], meetings: &[Meeting]) -> Option<DataType> {
        if meetings.iter().any(|meeting| *meeting != Meeting::Unsaid) {
            return None;
        }
        let types: Vec<DataType> = std::iter::once(value).chain(others).cloned().collect();
        common(&types, |left, right| self.rules.compared(left, right)).ok().flatten()
    }

    fn between(&self, between: Between) -> Result<Transformed<Expr>> {
        let Between { expr, negated, low, high } = between;
        let (value, low_type, high_type) = (self.type_of(&expr)?, self.type_of(&low)?, self.type_of(&high)?);
        let mut meetings = vec![self.rules.compared(&value, &low_type), self.rules.compared(&value, &high_type)];
        if let Some(to) = self.among(&value, &[low_type.clone(), high_type.clone()], &meetings) {
            meetings = vec![Meeting::In(to.clone()), Meeting::In(to)];
        }
        let rules = self.rules;
        match meetings.as_slice() {
            [Meeting::Unsaid, Meeting::Unsaid] => {
                Ok(Transformed::no(Expr::Between(Between::new(expr, negated, low, high))))
            }
            [Meeting::In(to), Meeting::In(other)] if to == other => Ok(Transformed::yes(Expr::Between(Between::new(
                rules.to_compare(*expr, &value, to).into(),
                negated,
                rules.to_compare(*low, &low_type, to).into(),
                rules.to_compare(*high, &high_type, to).into(),
            )))),
            _ => {
                let (least, low) = compare(rules, expr.as_ref().clone(), *low, self.schema)?.data;
                let (most, high) = compare(rules, *expr, *high, self.schema)?.data;
                let both = least.gt_eq(low).and(most.lt_eq(high));
                Ok(Transformed::yes(if negated { not(both) } else { both }))
            }
        }
    }

    fn in_list(&self, list: InList) -> Result<Transformed<Expr>> {
        if list.list.iter().any(is_null_constant) {
            return self.in_list_with_null(list);
        }
        let InList { expr, list, negated } = list;
        let (value, items) = (self.type_of(&expr)?, self.types_of(&list)?);
        let mut meetings: Vec<Meeting> = items.iter().map(|item| self.rules.compared(&value, item)).collect();
        if let Some(to) = self.among(&value, &items, &meetings) {
            meetings = vec![Meeting::In(to); items.len()];
        }
        if meetings.iter().all(|meeting| *meeting == Meeting::Unsaid) {
            return Ok(Transformed::no(Expr::InList(InList::new(expr, list, negated))));
        }
        let target = meetings.iter().find_map(|meeting| match meeting {
            Meeting::In(to) => Some(to.clone()),
            _ => None,
        });
        let fits = |to: &DataType, meeting: &Meeting| match meeting {
            Meeting::In(other) => other == to,
            Meeting::Unsaid => value == *to,
            Meeting::Never => false,
        };
        if let Some(to) = target.filter(|to| meetings.iter().all(|meeting| fits(to, meeting))) {
            let items = list.into_iter().zip(&items).zip(&meetings).map(|((item, from), meeting)| match meeting {
                Meeting::In(to) => self.rules.to_compare(item, from, to),
                _ => item,
            });
            let items = items.collect();
            let value = self.rules.to_compare(*expr, &value, &to);
            return Ok(Transformed::yes(Expr::InList(InList::new(value.into(), items, negated))));
        }
        // No type does for all: one by one.
        let mut any: Option<Expr> = None;
        for item in list {
            let (left, right) = compare(self.rules, expr.as_ref().clone(), item, self.schema)?.data;
            let same = left.eq(right);
            any = Some(match any {
                Some(any) => any.or(same),
                None => same,
            });
        }
        let any = any.unwrap_or_else(|| datafusion::logical_expr::lit(false));
        Ok(Transformed::yes(if negated { not(any) } else { any }))
    }

    /// `x IN (1, NULL)` is `x IN (1) OR NULL`. DataFusion's optimizer makes one list of two on the same column as if they were sets, in which
    /// a NULL is a value that nothing else has: of `x IN (1, 2) AND x NOT IN (2, NULL)` it leaves `x = 1`.
    fn in_list_with_null(&self, list: InList) -> Result<Transformed<Expr>> {
        let InList { expr, mut list, negated } = list;
        list.retain(|item| !is_null_constant(item));
        let null = Expr::Literal(ScalarValue::Boolean(None), None);
        if list.is_empty() {
            return Ok(Transformed::yes(null));
        }
        let others = self.in_list(InList::new(expr, list, negated))?.data;
        Ok(Transformed::yes(if negated { others.and(null) } else { others.or(null) }))
    }

    fn like(&self, like: Like, wrap: fn(Like) -> Expr) -> Result<Transformed<Expr>> {
        let Like { negated, expr, pattern, escape_char, case_insensitive } = like;
        let mut changed = false;
        let mut as_text = |value: Box<Expr>| -> Result<Box<Expr>> {
            let from = self.type_of(&value)?;
            if !self.rules.is_like_text(&from) {
                return Ok(value);
            }
            changed = true;
            Ok(self.rules.to_result(*value, &from, &DataType::Utf8View).into())
        };
        let (text, pattern) = (as_text(expr)?, as_text(pattern)?);
        let like = Like::new(negated, text, pattern, escape_char, case_insensitive);
        Ok(Transformed::new(wrap(like), changed, TreeNodeRecursion::Continue))
    }

    fn case(&self, case: Case) -> Result<Transformed<Expr>> {
        let Case { mut expr, mut when_then_expr, mut else_expr } = case;
        let mut changed = false;
        if let Some(operand) = &expr {
            let operand_type = self.type_of(operand)?;
            let whens = when_then_expr.iter().map(|(when, _)| self.type_of(when)).collect::<Result<Vec<_>>>()?;
            let meetings: Vec<Meeting> = whens.iter().map(|when| self.rules.compared(&operand_type, when)).collect();
            let mixed = meetings.iter().any(|meeting| *meeting != Meeting::Unsaid);
            if mixed || self.among(&operand_type, &whens, &meetings).is_some() {
                for (when, _) in &mut when_then_expr {
                    let value = std::mem::take(when.as_mut());
                    let (left, right) = compare(self.rules, operand.as_ref().clone(), value, self.schema)?.data;
                    **when = left.eq(right);
                }
                expr = None;
                changed = true;
            }
        }
        let results: Vec<&Expr> =
            when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(else_expr.as_deref()).collect();
        let types = results.iter().map(|result| self.type_of(result)).collect::<Result<Vec<_>>>()?;
        let common = of_result(self.rules, &types)
            .map_err(|(left, right)| no_common_type(&left, &right, "as results of CASE", first_span(&results)))?;
        if let Some(to) = common {
            let results = when_then_expr.iter_mut().map(|(_, then)| then).chain(else_expr.as_mut());
            for (result, from) in results.zip(&types) {
                let value = std::mem::take(result.as_mut());
                **result = self.rules.to_result(value, from, &to);
            }
            changed = true;
        }
        let case = Expr::Case(Case::new(expr, when_then_expr, else_expr));
        Ok(Transformed::new(case, changed, TreeNodeRecursion::Continue))
    }

    fn call(&self, call: ScalarFunction) -> Result<Transformed<Expr>> {
        let ScalarFunction { func, mut args } = call;
        if let (of_type::NAME, [value, like]) = (func.name(), args.as_mut_slice()) {
            let (from, like) = (self.type_of(value)?, self.type_of(like)?);
            let to = of_type::type_of(&from, &like);
            return Ok(Transformed::yes(self.rules.to_result(std::mem::take(value), &from, &to)));
        }
        if let (signed::NAME, [value]) = (func.name(), args.as_mut_slice()) {
            let from = self.type_of(value)?;
            let to = signed::type_of(&from);
            return Ok(Transformed::yes(self.rules.to_result(std::mem::take(value), &from, &to)));
        }
        let mut changed = false;
        if let Some(arguments) = arguments(func.name()) {
            let types = self.types_of(&args)?;
            let (first, common) = match arguments {
                Arguments::Alternatives(first) => {
                    let of = types.get(first..).unwrap_or_default();
                    (first, common(of, |left, right| self.rules.either(left, right)))
                }
                Arguments::Compared => (0, common(&types, |left, right| self.rules.compared(left, right))),
            };
            let common = common.map_err(|(left, right)| {
                let place = first_span(&args.iter().collect::<Vec<_>>());
                no_common_type(&left, &right, &format!("as arguments of {}", func.name()), place)
            })?;
            if let Some(to) = common {
                for (argument, from) in args.iter_mut().zip(&types).skip(first) {
                    let value = std::mem::take(argument);
                    *argument = self.rules.to_result(value, from, &to);
                }
                changed = true;
            }
        }
        changed |= self.cast_arguments(func.as_ref(), &mut args)?;
        let call = Expr::ScalarFunction(ScalarFunction::new_udf(func, args));
        Ok(Transformed::new(call, changed, TreeNodeRecursion::Continue))
    }

    fn aggregate(&self, mut call: AggregateFunction) -> Result<Transformed<Expr>> {
        let func = Arc::clone(&call.func);
        let mut changed = self.cast_arguments(func.as_ref(), &mut call.params.args)?;
        if let Some(ours) = self.nested_extreme(&func, &call.params.args)? {
            call.func = ours;
            changed = true;
        }
        Ok(Transformed::new(Expr::AggregateFunction(call), changed, TreeNodeRecursion::Continue))
    }

    /// What is to be taken for `max` or `min` of values that have others inside.
    fn nested_extreme(&self, function: &AggregateUDF, args: &[Expr]) -> Result<Option<Arc<AggregateUDF>>> {
        let [argument] = args else { return Ok(None) };
        match function.name() {
            "max" | "min" => Ok(nested_extremes::instead_of(function, &self.type_of(argument)?, self.rules.dialect())),
            _ => Ok(None),
        }
    }

    fn window(&self, mut call: WindowFunction) -> Result<Transformed<Expr>> {
        use datafusion::logical_expr::WindowFunctionDefinition::{AggregateUDF, WindowUDF};
        let args = &mut call.params.args;
        let changed = match &mut call.fun {
            AggregateUDF(function) => {
                let changed = self.cast_arguments(function.as_ref(), args)?;
                let ours = self.nested_extreme(function, args)?;
                let is_ours = ours.is_some();
                if let Some(ours) = ours {
                    *function = ours;
                }
                changed || is_ours
            }
            WindowUDF(function) if matches!(function.name(), "lag" | "lead") => self.default_of_neighbor(args)?,
            WindowUDF(function) => self.cast_arguments(function.as_ref(), args)?,
        };
        Ok(Transformed::new(Expr::from(call), changed, TreeNodeRecursion::Continue))
    }

    /// `lag(value, 1, default)`: the default has the value's type.
    fn default_of_neighbor(&self, args: &mut [Expr]) -> Result<bool> {
        let [value, _, default] = args else { return Ok(false) };
        let (value_type, default_type) = (self.type_of(value)?, self.type_of(default)?);
        match self.rules.either(&value_type, &default_type) {
            Meeting::Unsaid => Ok(false),
            Meeting::In(_) => {
                let given = std::mem::take(default);
                *default = self.rules.to_result(given, &default_type, &value_type);
                Ok(true)
            }
            Meeting::Never => {
                let place = first_span(&[&*value, &*default]);
                Err(no_common_type(&value_type, &default_type, "as a value and its default", place))
            }
        }
    }

    /// What a function converts, the dialect converts. Errors are left to DataFusion, which asks again.
    fn cast_arguments(&self, function: &impl UDFCoercionExt, args: &mut [Expr]) -> Result<bool> {
        if !self.rules.casts_arguments() || args.is_empty() {
            return Ok(false);
        }
        let mut fields = Vec::with_capacity(args.len());
        for argument in args.iter() {
            let Ok((_, field)) = argument.to_field(self.schema) else { return Ok(false) };
            fields.push(field);
        }
        let Ok(taken) = fields_with_udf(&fields, function) else { return Ok(false) };
        let mut changed = false;
        for ((argument, from), to) in args.iter_mut().zip(&fields).zip(&taken) {
            if self.rules.argument_cast(from.data_type(), to.data_type()) {
                let value = std::mem::take(argument);
                *argument = self.rules.to_result(value, from.data_type(), to.data_type());
                changed = true;
            }
        }
        Ok(changed)
    }
}

/// Where the first column of these stands in the text.
fn first_span(exprs: &[&Expr]) -> Option<Span> {
    let mut found = None;
    for expr in exprs {
        let _ = expr.apply(|part| {
            found = found.or_else(|| part.spans().and_then(|spans| spans.first()));
            Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
    }
    found
}

fn no_common_type(left: &DataType, right: &DataType, place: &str, span: Option<Span>) -> DataFusionError {
    let (left, right) = (types::display_name(left), types::display_name(right));
    let message = format!("{left} and {right} have no type in common {place}");
    let error = Error::statement(message.clone()).help(format!("cast one of them: CAST(… AS {left})"));
    DataFusionError::Diagnostic(
        Box::new(Diagnostic::new_error(message, span)),
        Box::new(DataFusionError::External(Box::new(error))),
    )
}
