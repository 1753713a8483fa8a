//! `rand([seed])`: with a seed the same numbers in each query, which are those of `java.util.Random`
//!
//! DataFusion's `random` takes no seed. The generator belongs to the call in one query's plan, and goes on from batch to batch.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use parking_lot::Mutex;

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::operand::to_ints;

pub(super) fn entries() -> Vec<Entry> {
    vec![Entry::scalar(
        Rand {
            generator: None,
            aliases: vec!["random".to_owned()],
            signature: Signature::user_defined(Volatility::Volatile),
        },
        Help {
            name: "rand",
            syntax: "rand([seed])",
            line: "Random numbers from 0 to below 1, the same in each query if a seed is given.",
            example: "SELECT rand() < 1, rand(42)",
            gives: "true,0.7275636800328681",
        },
    )]
}

#[derive(Debug)]
struct Rand {
    generator: Option<Mutex<JavaRandom>>,
    aliases: Vec<String>,
    signature: Signature,
}

/// Calls with a generator are equal to themselves alone: two of them in a query do not share one.
impl PartialEq for Rand {
    fn eq(&self, other: &Self) -> bool {
        match (&self.generator, &other.generator) {
            (None, None) => true,
            (Some(generator), Some(other)) => std::ptr::eq(generator, other),
            _ => false,
        }
    }
}

impl Eq for Rand {}

impl Hash for Rand {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.generator.is_some().hash(state);
    }
}

impl ScalarUDFImpl for Rand {
    fn name(&self) -> &str {
        "rand"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [] => Ok(vec![]),
            [seed] if seed.is_numeric() => Ok(vec![DataType::Int64]),
            _ => plan_err!("it is rand([seed])"),
        }
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if self.generator.is_some() {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let seed = match args.as_slice() {
            [] => fresh_seed(),
            [Expr::Literal(value, _)] => to_ints(&value.to_array()?)?.iter().next().flatten().unwrap_or_default(),
            _ => return plan_err!("the seed of rand must be constant"),
        };
        let seeded = Rand {
            generator: Some(Mutex::new(JavaRandom::new(seed))),
            aliases: vec![],
            signature: self.signature.clone(),
        };
        let call = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(seeded)), args);
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(call)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let numbers: Float64Array = match &self.generator {
            Some(generator) => {
                let mut generator = generator.lock();
                (0..args.number_rows).map(|_| Some(generator.next())).collect()
            }
            None if args.args.is_empty() => {
                let mut generator = JavaRandom::new(fresh_seed());
                (0..args.number_rows).map(|_| Some(generator.next())).collect()
            }
            None => return exec_err!("the seed of rand must be constant"),
        };
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}

/// Another in each call.
fn fresh_seed() -> i64 {
    uuid::Uuid::new_v4().as_u64_pair().0 as i64
}

/// The generator that Java's documentation gives.
#[derive(Debug)]
pub(crate) struct JavaRandom {
    state: u64,
}

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    pub(crate) fn new(seed: i64) -> Self {
        JavaRandom { state: (seed as u64 ^ Self::MULTIPLIER) & Self::MASK }
    }

    fn bits(&mut self, count: u32) -> u64 {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        self.state >> (48 - count)
    }

    /// From 0 to below 1.
    pub(crate) fn next(&mut self) -> f64 {
        let high = self.bits(26) << 27;
        (high + self.bits(27)) as f64 / (1_u64 << 53) as f64
    }
}
