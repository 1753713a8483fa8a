//! `m['key']` on a map whose keys are strings of any of Arrow's kinds
//!
//! DataFusion compares the constant as it stands with the map's keys, and fails where the one is a `Utf8` and the others are
//! `Utf8View`. The constant is given the keys' type here.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions::core::get_field;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess};

#[derive(Debug)]
pub struct MapAccess;

impl ExprPlanner for MapAccess {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::NamedStructField { name } = &access.field_access else {
            return Ok(PlannerResult::Original(access));
        };
        match access.expr.get_type(schema)? {
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if !fields.is_empty() => {
                    let key = name.cast_to(fields[0].data_type())?;
                    Ok(PlannerResult::Planned(get_field().call(vec![access.expr, Expr::Literal(key, None)])))
                }
                _ => Ok(PlannerResult::Original(access)),
            },
            _ => Ok(PlannerResult::Original(access)),
        }
    }
}
