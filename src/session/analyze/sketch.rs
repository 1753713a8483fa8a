//! How many different values there are, about, in 16 KB at most: a HyperLogLog sketch.
//!
//! Sketches of several files can be put together: the outcome is that of all their values, which counts cannot give. They are
//! DataFusion's (those of `approx_distinct`) over hashes of the values, so that a value of any type is one. An error of 1 % is
//! usual.

use std::mem::size_of_val;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::hash_utils::{HLL_RANDOM_STATE, create_hashes};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::approx_distinct::approx_distinct_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

/// How sketches are saved, and by which hashes they were made. Those of other versions cannot be put together with ours.
const VERSION: u8 = 1;
const REGISTERS: usize = 1 << 14;
/// Saved as pairs of a register's number and its value.
const SPARSE: u8 = 0;
/// Saved as six bits a register.
const DENSE: u8 = 1;
const BYTES_A_PAIR: usize = 3;
const DENSE_BYTES: usize = REGISTERS / 4 * 3;

/// A sketch in the making.
#[derive(Debug)]
pub(super) struct Sketch {
    registers: Box<dyn Accumulator>,
    hashes: Vec<u64>,
}

impl Sketch {
    pub(super) fn new() -> Result<Self> {
        let hash: FieldRef = Arc::new(Field::new("hash", DataType::UInt64, true));
        let registers = approx_distinct_udaf().accumulator(AccumulatorArgs {
            return_field: Arc::clone(&hash),
            schema: &Schema::empty(),
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: "",
            is_distinct: false,
            exprs: &[],
            expr_fields: &[hash],
        })?;
        Ok(Sketch { registers, hashes: Vec::new() })
    }

    /// Adds values; NULL is none.
    pub(super) fn add(&mut self, values: &ArrayRef) -> Result<()> {
        self.hashes.clear();
        self.hashes.resize(values.len(), 0);
        create_hashes([values], &HLL_RANDOM_STATE, &mut self.hashes)?;
        let hashes = UInt64Array::new(self.hashes.clone().into(), values.logical_nulls());
        self.registers.update_batch(&[Arc::new(hashes)])
    }

    /// Adds the values of a saved sketch.
    pub(super) fn add_saved(&mut self, saved: &[u8]) -> Result<()> {
        match read(saved) {
            Some(registers) => self.merge(&[Arc::new(BinaryArray::from_iter_values([registers]))]),
            None => internal_err!("a sketch of values is not readable"),
        }
    }

    fn merge(&mut self, registers: &[ArrayRef]) -> Result<()> {
        self.registers.merge_batch(registers)
    }

    /// About how many different values were added.
    pub(super) fn count(&mut self) -> Result<u64> {
        match self.registers.evaluate()? {
            ScalarValue::UInt64(Some(count)) => Ok(count),
            other => internal_err!("a count of values was {other}"),
        }
    }

    fn registers(&mut self) -> Result<Vec<u8>> {
        match self.registers.state()?.as_slice() {
            [ScalarValue::Binary(Some(registers))] if registers.len() == REGISTERS => Ok(registers.clone()),
            other => internal_err!("the state of approx_distinct is another: {other:?}"),
        }
    }

    pub(super) fn save(&mut self) -> Result<Vec<u8>> {
        Ok(write(&self.registers()?))
    }
}

/// About how many different values are in a saved sketch; `None` if it is of another version.
pub(in crate::session) fn distinct_in(saved: &[u8]) -> Option<u64> {
    let mut sketch = Sketch::new().ok()?;
    sketch.add_saved(saved).ok()?;
    sketch.count().ok()
}

/// Whether a saved sketch is one of this version.
pub(super) fn is_readable(saved: &[u8]) -> bool {
    read(saved).is_some()
}

/// Few values leave most registers at zero.
fn write(registers: &[u8]) -> Vec<u8> {
    let used = registers.iter().filter(|register| **register > 0).count();
    if used * BYTES_A_PAIR < DENSE_BYTES {
        let mut saved = vec![VERSION, SPARSE];
        for (number, register) in (0_u16..).zip(registers).filter(|(_, register)| **register > 0) {
            saved.extend(number.to_le_bytes());
            saved.push(*register);
        }
        return saved;
    }
    let mut saved = vec![VERSION, DENSE];
    for four in registers.chunks_exact(4) {
        let bits = four.iter().fold(0_u32, |bits, register| (bits << 6) | u32::from(*register & 0x3F));
        saved.extend(&bits.to_be_bytes()[1..]);
    }
    saved
}

fn read(saved: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = saved.split_at_checked(2)?;
    match head {
        [VERSION, SPARSE] => {
            let mut registers = vec![0; REGISTERS];
            let pairs = body.chunks_exact(BYTES_A_PAIR);
            if !pairs.remainder().is_empty() {
                return None;
            }
            for pair in pairs {
                let [low, high, value] = pair else { return None };
                *registers.get_mut(usize::from(u16::from_le_bytes([*low, *high])))? = *value;
            }
            Some(registers)
        }
        [VERSION, DENSE] if body.len() == DENSE_BYTES => {
            let four = |bytes: &[u8]| {
                let bits = bytes.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
                [18, 12, 6, 0].map(|shift| ((bits >> shift) & 0x3F) as u8)
            };
            Some(body.chunks_exact(3).flat_map(four).collect())
        }
        _ => None,
    }
}

/// The aggregate that makes a saved sketch of a column.
pub(super) static SKETCH: LazyLock<AggregateUDF> =
    LazyLock::new(|| AggregateUDF::from(SketchOf { signature: Signature::any(1, Volatility::Immutable) }));

#[derive(Debug, PartialEq, Eq, Hash)]
struct SketchOf {
    signature: Signature,
}

impl AggregateUDFImpl for SketchOf {
    fn name(&self) -> &str {
        "ostrich_sketch"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "registers"), DataType::Binary, false))])
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Sketch::new()?))
    }
}

impl Accumulator for Sketch {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|values| self.add(values))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.merge(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.registers()?))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.save()?)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.registers.size() + self.hashes.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;

    fn of(values: impl IntoIterator<Item = i64>) -> Sketch {
        let mut sketch = Sketch::new().unwrap();
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        sketch.add(&values).unwrap();
        sketch
    }

    #[test]
    fn values_are_counted_once_and_null_is_none() {
        let mut sketch = Sketch::new().unwrap();
        assert_eq!(sketch.count().unwrap(), 0);
        let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b"), Some("a"), None]));
        sketch.add(&values).unwrap();
        assert_eq!(sketch.count().unwrap(), 2);
    }

    #[test]
    fn a_saved_sketch_comes_back_whether_few_or_many_values_are_in_it() {
        for count in [0, 1, 3_000, 200_000] {
            let mut sketch = of(0..count);
            let saved = sketch.save().unwrap();
            assert!(saved.len() <= DENSE_BYTES + 2);
            let mut read = Sketch::new().unwrap();
            read.add_saved(&saved).unwrap();
            assert_eq!(read.count().unwrap(), sketch.count().unwrap());
            assert_eq!(read.save().unwrap(), saved);
            let (found, count) = (sketch.count().unwrap() as f64, count as f64);
            assert!((found - count).abs() <= count * 0.03, "{found} for {count}");
        }
    }

    #[test]
    fn sketches_together_count_what_both_have_once() {
        let mut all = of(0..1000);
        all.add_saved(&of(500..1500).save().unwrap()).unwrap();
        assert_eq!(all.count().unwrap(), of(0..1500).count().unwrap());
    }

    #[test]
    fn what_is_no_sketch_is_not_read() {
        for saved in [
            vec![],
            vec![VERSION],
            vec![VERSION + 1, SPARSE],
            vec![VERSION, SPARSE, 0, 255, 1],
            vec![VERSION, DENSE, 7],
        ] {
            assert!(!is_readable(&saved), "{saved:?}");
        }
    }

    /// The catalog's sketches outlive a version of DataFusion. Should this fail, [`VERSION`] must be raised.
    #[test]
    fn hashes_stay_what_they_were() {
        let digest = blake3::hash(&of(0..1000).save().unwrap()).to_hex();
        assert_eq!(&digest[..16], "0e0dc02ad4d80313");
    }
}
