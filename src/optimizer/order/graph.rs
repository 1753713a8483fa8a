//! The joins of a region of a plan as a graph: relations, and the predicates between them.
//!
//! A region is a tree of inner joins, with the semi, anti and left joins among them. The right side of such a join is a relation
//! like others, but an [`Attached`] one: it can only be joined on its own, to something that has all relations its condition reads.
//! That is what makes moving it safe:
//!
//! - a semi or anti join keeps or drops a row of its left side by what that row is, so `(a ⋉ r) ⋈ b = (a ⋈ b) ⋉ r`;
//! - a left join adds columns to rows of its left side and drops none, so `(a ⟕ y) ⋈ b = (a ⋈ b) ⟕ y` where the inner join's condition
//!   does not read `y`; where it does, it is only applied after `y` is there.
//!
//! Not in a region: full and right joins, joins where NULL equals NULL (but for the attached ones, whose join is kept as it is), and
//! whatever stands between joins and is no projection of plain columns.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan};

use super::cardinality::{ColumnEstimate, Estimate, estimate, growth, of_key};
use super::ranges::InRange;

/// A set of relations, a bit each.
pub type Set = u64;

/// Most relations of a region; one with more stays as it is written.
pub const MOST_RELATIONS: usize = 60;

/// What is joined.
#[derive(Debug)]
pub struct Relation {
    pub plan: Arc<LogicalPlan>,
    pub estimate: Estimate,
    pub attached: Option<Attached>,
}

/// How a relation is joined to others that is not simply one of them.
#[derive(Debug)]
pub struct Attached {
    /// The join as it was written; its left side is another now.
    pub join: Join,
    /// The relations that its condition reads.
    pub needs: Set,
    /// Rows that come out for each that goes in.
    pub growth: f64,
}

/// A condition of an inner join.
#[derive(Debug)]
pub struct Predicate {
    pub expr: Expr,
    /// Both sides of an equality, and the relations that each reads.
    pub sides: Option<[(Expr, Set); 2]>,
    /// All relations that it reads.
    pub relations: Set,
    pub selectivity: f64,
}

/// Columns that are equal by inner joins, at most one a relation.
#[derive(Debug, Default)]
pub struct EqualColumns {
    pub members: Vec<Member>,
}

#[derive(Debug, Clone)]
pub struct Member {
    pub relation: usize,
    pub column: Column,
    data_type: DataType,
    /// Distinct values.
    pub values: f64,
}

/// A region.
#[derive(Debug, Default)]
pub struct Graph {
    pub relations: Vec<Relation>,
    /// All but those that [`Graph::equal`] says.
    pub predicates: Vec<Predicate>,
    pub equal: Vec<EqualColumns>,
    /// Pairs of relations that several columns join: the columns depend on each other, so that more rows meet than each column's own
    /// selectivity says, by this factor.
    pub dependent: Vec<(usize, usize, f64)>,
    /// Relations of which less is left where others are joined, too.
    pub in_range: Vec<InRange>,
    /// A relation of unknown size gets some.
    sizes_unknown: bool,
}

/// The joins as they are written.
#[derive(Debug, Clone)]
pub enum Tree {
    Relation(usize),
    Join(Box<Tree>, Box<Tree>),
}

impl Tree {
    pub fn set(&self) -> Set {
        match self {
            Tree::Relation(relation) => 1 << relation,
            Tree::Join(left, right) => left.set() | right.set(),
        }
    }
}

/// Whether a join can be inside of a region.
pub fn is_inside(join: &Join) -> bool {
    match join.join_type {
        JoinType::Inner => join.null_equality == NullEquality::NullEqualsNothing,
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::Left => true,
        _ => false,
    }
}

/// The input of a projection that only leaves out columns.
pub fn narrowed(plan: &LogicalPlan) -> Option<&Arc<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) if projection.expr.iter().all(|expr| matches!(expr, Expr::Column(_))) => {
            Some(&projection.input)
        }
        _ => None,
    }
}

impl Graph {
    /// The graph of the region that starts at `root`, and its joins as written. `None`: of a relation the size is not known (and
    /// `sizes_unknown` does not allow that), or the region is of a kind that is better left alone.
    pub fn of(root: &Join, sizes_unknown: bool) -> Result<Option<(Graph, Tree)>> {
        let mut graph = Graph { sizes_unknown, ..Graph::default() };
        let mut conditions = Vec::new();
        let Some(tree) = graph.collect(root, &mut conditions) else { return Ok(None) };
        if graph.relations.len() > MOST_RELATIONS || graph.names_clash() {
            return Ok(None);
        }
        for relation in 0..graph.relations.len() {
            if !graph.attach(relation) {
                return Ok(None);
            }
        }
        for condition in conditions {
            if !graph.add(condition)? {
                return Ok(None);
            }
        }
        graph.find_ranges();
        graph.find_dependent_columns();
        Ok(Some((graph, tree)))
    }

    fn collect(&mut self, join: &Join, conditions: &mut Vec<Condition>) -> Option<Tree> {
        let left = self.collect_side(&join.left, conditions)?;
        let right = if join.join_type == JoinType::Inner {
            for (one, other) in &join.on {
                conditions.push(Condition::Equal(one.clone(), other.clone()));
            }
            for filter in join.filter.iter().cloned().flat_map(split_conjunction_owned) {
                conditions.push(Condition::Other(filter));
            }
            self.collect_side(&join.right, conditions)?
        } else {
            // Its needs are known when all relations are.
            let attached = Attached { join: join.clone(), needs: left.set(), growth: 1.0 };
            self.add_relation(&join.right, Some(attached))?
        };
        Some(Tree::Join(Box::new(left), Box::new(right)))
    }

    fn collect_side(&mut self, plan: &Arc<LogicalPlan>, conditions: &mut Vec<Condition>) -> Option<Tree> {
        match plan.as_ref() {
            LogicalPlan::Join(join) if is_inside(join) => self.collect(join, conditions),
            other => match narrowed(other).map(Arc::as_ref) {
                Some(LogicalPlan::Join(join)) if is_inside(join) => self.collect(join, conditions),
                _ => self.add_relation(plan, None),
            },
        }
    }

    fn add_relation(&mut self, plan: &Arc<LogicalPlan>, attached: Option<Attached>) -> Option<Tree> {
        let unknown = || self.sizes_unknown.then(|| Estimate::unknown(plan.schema().fields().len()));
        let estimate = estimate(plan).or_else(unknown)?;
        self.relations.push(Relation { plan: Arc::clone(plan), estimate, attached });
        Some(Tree::Relation(self.relations.len() - 1))
    }

    /// Two columns of one name cannot be told apart once projections between them are gone.
    fn names_clash(&self) -> bool {
        let mut seen = std::collections::HashSet::new();
        self.relations
            .iter()
            .filter(|relation| relation.is_in_output())
            .flat_map(|relation| relation.plan.schema().columns())
            .any(|column| !seen.insert(column))
    }

    /// Finds what an attached relation needs. Whether that was possible.
    fn attach(&mut self, index: usize) -> bool {
        let Some(attached) = &self.relations[index].attached else { return true };
        let join = &attached.join;
        let own = self.relations[index].plan.schema();
        let mut needs = 0;
        let mut reads: Vec<&Column> = Vec::new();
        for (left, _) in &join.on {
            reads.extend(left.column_refs());
        }
        for column in join.filter.iter().flat_map(Expr::column_refs) {
            match (own.has_column(column), join.left.schema().has_column(column)) {
                (true, false) => {}
                (false, true) => reads.push(column),
                _ => return false,
            }
        }
        for column in reads {
            match self.relation_of(column) {
                // Of those to its left: it is one of them.
                Some(relation) if attached.needs & (1 << relation) != 0 => needs |= 1 << relation,
                _ => return false,
            }
        }
        // A condition that reads nothing is about all rows.
        if needs == 0 {
            needs = attached.needs;
        }
        // The estimate of its left side is that of the relation that it reads; of several, the largest.
        let left = (0..self.relations.len())
            .filter(|relation| needs & (1 << relation) != 0)
            .map(|relation| &self.relations[relation])
            .max_by(|one, other| one.estimate.base_rows.total_cmp(&other.estimate.base_rows));
        let Some(left) = left else { return false };
        let growth = match Join::try_new(
            Arc::clone(&left.plan),
            Arc::clone(&self.relations[index].plan),
            vec![],
            None,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            false,
        ) {
            Ok(pair) => growth(
                &Join { on: join.on.clone(), filter: join.filter.clone(), ..pair },
                &left.estimate,
                &self.relations[index].estimate,
            ),
            Err(_) => 1.0,
        };
        if let Some(attached) = &mut self.relations[index].attached {
            attached.needs = needs;
            attached.growth = growth;
        }
        true
    }

    /// The relation that has a column, if exactly one that is in the output does.
    fn relation_of(&self, column: &Column) -> Option<usize> {
        let mut having = (0..self.relations.len()).filter(|relation| {
            let relation = &self.relations[*relation];
            relation.is_in_output() && relation.plan.schema().has_column(column)
        });
        having.next().filter(|_| having.next().is_none())
    }

    fn relations_of(&self, expr: &Expr) -> Option<Set> {
        expr.column_refs().into_iter().try_fold(0, |set, column| Some(set | 1 << self.relation_of(column)?))
    }

    /// Adds an inner join's condition. Whether that was possible.
    fn add(&mut self, condition: Condition) -> Result<bool> {
        match condition {
            Condition::Equal(one, other) => {
                let (Some(left), Some(right)) = (self.relations_of(&one), self.relations_of(&other)) else {
                    return Ok(false);
                };
                if let (Some(first), Some(second)) = (self.member(&one), self.member(&other))
                    && first.data_type == second.data_type
                    && self.make_equal(&first, &second)
                {
                    return Ok(true);
                }
                let selectivity = 1.0 / self.values_of(&one, left).max(self.values_of(&other, right)).max(1.0);
                let expr = one.clone().eq(other.clone());
                let sides = (left != 0 && right != 0).then_some([(one, left), (other, right)]);
                Ok(self.push(Predicate { expr, sides, relations: left | right, selectivity }))
            }
            Condition::Other(expr) => {
                let Some(relations) = self.relations_of(&expr) else { return Ok(false) };
                // Each inner relation has its own predicates below; one that reads a single relation is cheap to keep here.
                let selectivity = if relations.count_ones() < 2 { 0.5 } else { 0.3 };
                Ok(self.push(Predicate { expr, sides: None, relations, selectivity }))
            }
        }
    }

    fn push(&mut self, predicate: Predicate) -> bool {
        // One that reads nothing has no place of its own, and what a subquery reads cannot be seen here.
        let is_subquery = |expr: &Expr| {
            matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_))
        };
        let has_subquery = predicate.expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true);
        let has_place = predicate.relations != 0 && !predicate.expr.is_volatile() && !has_subquery;
        self.predicates.push(predicate);
        has_place
    }

    fn member(&self, expr: &Expr) -> Option<Member> {
        let Expr::Column(column) = expr else { return None };
        let relation = self.relation_of(column)?;
        let plan = &self.relations[relation];
        let schema = plan.plan.schema();
        let position = schema.maybe_index_of_column(column)?;
        let values = of_key(plan.estimate.columns.get(position)?, &plan.estimate);
        Some(Member { relation, column: column.clone(), data_type: schema.field(position).data_type().clone(), values })
    }

    fn values_of(&self, expr: &Expr, relations: Set) -> f64 {
        match self.member(expr) {
            Some(member) => member.values,
            None => (0..self.relations.len())
                .filter(|relation| relations & (1 << relation) != 0)
                .map(|relation| {
                    let estimate = &self.relations[relation].estimate;
                    of_key(&ColumnEstimate::default(), estimate)
                })
                .fold(1.0, f64::max),
        }
    }

    /// Puts two columns into one class. Not done, and `false`, where a relation would have two columns in it: then the class would
    /// have to say that they are equal in that relation, too.
    fn make_equal(&mut self, one: &Member, other: &Member) -> bool {
        if one.relation == other.relation {
            return false;
        }
        let class_of = |member: &Member| {
            self.equal.iter().position(|class| class.members.iter().any(|m| m.column == member.column))
        };
        let (first, second) = (class_of(one), class_of(other));
        let members = |class: Option<usize>, member: &Member| match class {
            Some(class) => self.equal[class].members.clone(),
            None => vec![member.clone()],
        };
        if first.is_some() && first == second {
            return true;
        }
        let mut merged = members(first, one);
        for member in members(second, other) {
            if merged.iter().any(|known| known.relation == member.relation) {
                return false;
            }
            merged.push(member);
        }
        let mut gone = [first, second];
        gone.sort();
        for class in gone.into_iter().flatten().rev() {
            self.equal.remove(class);
        }
        self.equal.push(EqualColumns { members: merged });
        true
    }

    /// For two relations with several columns between them: as many pairs meet as one of the two has different combinations of values.
    fn find_dependent_columns(&mut self) {
        for one in 0..self.relations.len() {
            for other in one + 1..self.relations.len() {
                let pairs: Vec<(f64, f64)> =
                    self.equal.iter().filter_map(|class| class.values_of(one, other)).collect();
                if pairs.len() < 2 {
                    continue;
                }
                let combinations =
                    |values: f64, relation: usize| values.min(self.relations[relation].estimate.base_rows);
                let first = combinations(pairs.iter().map(|pair| pair.0).product(), one);
                let second = combinations(pairs.iter().map(|pair| pair.1).product(), other);
                let single = pairs.iter().map(|pair| pair.0.max(pair.1)).fold(1.0, f64::max);
                let together = first.min(second).max(single);
                let apart: f64 = pairs.iter().map(|pair| pair.0.max(pair.1)).product();
                if apart > together {
                    self.dependent.push((one, other, apart / together));
                }
            }
        }
        self.dependent.sort_by(|one, other| other.2.total_cmp(&one.2));
    }

    /// The relation with its own part of the conditions.
    pub fn leaf(&self, relation: usize, predicates: Vec<Expr>) -> Result<Arc<LogicalPlan>> {
        let plan = Arc::clone(&self.relations[relation].plan);
        Ok(match conjunction(predicates) {
            None => plan,
            Some(predicate) => Arc::new(LogicalPlan::Filter(Filter::try_new(predicate, plan)?)),
        })
    }
}

impl EqualColumns {
    /// The distinct values of the class's columns in two relations, if both have one.
    fn values_of(&self, one: usize, other: usize) -> Option<(f64, f64)> {
        let of = |relation| self.members.iter().find(|member| member.relation == relation).map(|member| member.values);
        Some((of(one)?, of(other)?))
    }
}

impl Relation {
    /// Semi and anti joins give no column of their right side.
    fn is_in_output(&self) -> bool {
        self.attached
            .as_ref()
            .is_none_or(|attached| !matches!(attached.join.join_type, JoinType::LeftSemi | JoinType::LeftAnti))
    }
}

enum Condition {
    Equal(Expr, Expr),
    Other(Expr),
}
