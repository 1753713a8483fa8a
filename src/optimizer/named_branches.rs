//! The branches of a UNION have the UNION's names
//!
//! ```sql
//! SELECT k AS x FROM t WHERE 1 = 0 UNION ALL SELECT DISTINCT k AS y FROM t
//! ```
//!
//! Where all branches but one have no rows, DataFusion puts that one into the UNION's place, under the UNION's names, which are those of
//! the first branch; the one that is left may not have them, and the query fails. With the same names everywhere it is right.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Union};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

#[derive(Debug, Default)]
pub struct NamedBranches;

impl OptimizerRule for NamedBranches {
    fn name(&self) -> &str {
        "named_branches"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Union(union) => named(union),
            plan => Ok(Transformed::no(plan)),
        }
    }
}

fn named(union: Union) -> Result<Transformed<LogicalPlan>> {
    let names = union.schema.columns();
    let mut changed = false;
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in union.inputs {
        let own = input.schema().columns();
        if own == names || own.len() != names.len() {
            inputs.push(input);
            continue;
        }
        changed = true;
        let columns = own.into_iter().zip(&names);
        let columns =
            columns.map(|(own, name)| Expr::Column(own).alias_qualified(name.relation.clone(), name.name.clone()));
        inputs.push(Arc::new(LogicalPlan::Projection(Projection::try_new(columns.collect(), input)?)));
    }
    let union = LogicalPlan::Union(Union { inputs, schema: union.schema });
    Ok(if changed { Transformed::yes(union) } else { Transformed::no(union) })
}
