//! Types inside expressions: CAST, `::` and typed literals mean the same types as column definitions do.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{ArrayElemTypeDef, DataType, TimezoneInfo};

/// Gives DataFusion's SQL planner our reading of types: `FLOAT` has 64 bits, `MAP<…>`, `BLOB` and `ARROW('…')` exist,
/// and an unknown type is an error with a suggestion.
#[derive(Debug, Default, Clone, Copy)]
pub struct SqlTypePlanner;

impl TypePlanner for SqlTypePlanner {
    fn plan_type_field(&self, sql_type: &DataType) -> Result<Option<FieldRef>> {
        match sql_type {
            // The zone is the session's (`SET TIME ZONE`), which only DataFusion knows here.
            DataType::Timestamp(None | Some(0 | 3 | 6 | 9), TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => Ok(None),
            // DataFusion comes back for the types inside, one by one. What is wrong with the whole is found here, such
            // as a depth that DataFusion would follow without a limit.
            DataType::Array(ArrayElemTypeDef::AngleBracket(_) | ArrayElemTypeDef::SquareBracket(..))
            | DataType::Struct(..) => super::from_sql(sql_type).map(|_| None).map_err(Into::into),
            other => Ok(Some(Arc::new(Field::new("", super::from_sql(other)?, true)))),
        }
    }
}
