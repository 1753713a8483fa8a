//! Values of a fixed width.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type};
use parquet::errors::Result;

use super::{Page, Places, Values, ends_early};

/// How a value lies in a page.
pub(super) trait Layout: Send {
    /// What it becomes.
    type Arrow: ArrowPrimitiveType;

    /// In bytes, at least 1.
    fn width(&self) -> usize;

    /// Adds whole values.
    fn decode(&self, bytes: &[u8], values: &mut Vec<Native<Self>>);

    /// Adds the values at these places, which are there.
    fn decode_at(&self, bytes: &[u8], places: impl Iterator<Item = usize>, values: &mut Vec<Native<Self>>);
}

type Native<L> = <<L as Layout>::Arrow as ArrowPrimitiveType>::Native;

macro_rules! little_endian {
    ($($name:ident: $stored:ty => $arrow:ty),*) => {
        $(
            pub(super) struct $name;

            impl $name {
                fn all(bytes: &[u8]) -> &[[u8; size_of::<$stored>()]] {
                    bytes.as_chunks().0
                }

                fn value(bytes: [u8; size_of::<$stored>()]) -> <$arrow as ArrowPrimitiveType>::Native {
                    <$stored>::from_le_bytes(bytes).into()
                }
            }

            impl Layout for $name {
                type Arrow = $arrow;

                fn width(&self) -> usize {
                    size_of::<$stored>()
                }

                fn decode(&self, bytes: &[u8], values: &mut Vec<Native<Self>>) {
                    values.extend(Self::all(bytes).iter().map(|bytes| Self::value(*bytes)));
                }

                fn decode_at(&self, bytes: &[u8], places: impl Iterator<Item = usize>, values: &mut Vec<Native<Self>>) {
                    let all = Self::all(bytes);
                    values.extend(places.map(|place| Self::value(all[place])));
                }
            }
        )*
    };
}

little_endian!(
    Int32: i32 => Int32Type,
    Int64: i64 => Int64Type,
    Float32: f32 => Float32Type,
    Float64: f64 => Float64Type,
    Decimal32: i32 => Decimal128Type,
    Decimal64: i64 => Decimal128Type
);

/// A decimal of so many bytes, at most 16, the highest first.
pub(super) struct WideDecimal {
    pub(super) width: usize,
}

impl WideDecimal {
    fn value(&self, bytes: &[u8]) -> i128 {
        let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
        let mut padded = [sign; 16];
        padded[16 - self.width..].copy_from_slice(bytes);
        i128::from_be_bytes(padded)
    }
}

impl Layout for WideDecimal {
    type Arrow = Decimal128Type;

    fn width(&self) -> usize {
        self.width
    }

    fn decode(&self, bytes: &[u8], values: &mut Vec<i128>) {
        values.extend(bytes.chunks_exact(self.width).map(|bytes| self.value(bytes)));
    }

    fn decode_at(&self, bytes: &[u8], places: impl Iterator<Item = usize>, values: &mut Vec<i128>) {
        values.extend(places.map(|place| self.value(&bytes[place * self.width..][..self.width])));
    }
}

pub(super) struct Numbers<L: Layout> {
    layout: L,
    data_type: DataType,
    /// The dictionary's values as they stand in its page: a condition may leave fewer rows than it has values.
    dictionary: Bytes,
    /// Values that were pushed, as they stand in pages: most are never asked for.
    plain: Vec<Bytes>,
    /// All that were pushed, when some came from the dictionary and some did not.
    mixed: Option<Vec<Native<L>>>,
}

impl<L: Layout> Numbers<L> {
    pub(super) fn new(layout: L, data_type: &DataType) -> Self {
        Numbers { layout, data_type: data_type.clone(), dictionary: Bytes::new(), plain: Vec::new(), mixed: None }
    }

    fn bytes(&self, count: usize) -> Result<usize> {
        count.checked_mul(self.layout.width()).ok_or_else(ends_early)
    }

    fn array(&self, values: ScalarBuffer<Native<L>>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let array = PrimitiveArray::<L::Arrow>::try_new(values, nulls)?;
        if let DataType::Decimal128(..) = self.data_type {
            return Ok(Arc::new(array.with_data_type(self.data_type.clone())));
        }
        let array: ArrayRef = Arc::new(array);
        // Dates and times are what they are stored as.
        if array.data_type() == &self.data_type { Ok(array) } else { Ok(cast(&array, &self.data_type)?) }
    }

    fn all_plain(&self) -> Vec<Native<L>> {
        let bytes: usize = self.plain.iter().map(Bytes::len).sum();
        let mut values = Vec::with_capacity(bytes / self.layout.width());
        for bytes in &self.plain {
            self.layout.decode(bytes, &mut values);
        }
        values
    }

    /// Places go up.
    fn plain_at(&self, places: &[u32]) -> Vec<Native<L>> {
        let mut values = Vec::with_capacity(places.len());
        let (mut before, mut rest) = (0, places);
        for bytes in &self.plain {
            let end = before + bytes.len() / self.layout.width();
            let (here, later) = rest.split_at(rest.partition_point(|place| (*place as usize) < end));
            self.layout.decode_at(bytes, here.iter().map(|place| *place as usize - before), &mut values);
            (before, rest) = (end, later);
        }
        values
    }
}

impl<L: Layout> Values for Numbers<L> {
    fn begin(&mut self, dictionary: &Page, count: usize) -> Result<()> {
        let bytes = self.bytes(count)?;
        if bytes > dictionary.data.len() {
            return Err(ends_early());
        }
        self.dictionary = dictionary.data.slice(..bytes);
        Ok(())
    }

    fn dictionary(&self) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.dictionary.len() / self.layout.width());
        self.layout.decode(&self.dictionary, &mut values);
        self.array(values.into(), None)
    }

    fn clear(&mut self) {
        self.plain.clear();
        self.mixed = None;
    }

    fn push_coded(&mut self, codes: &[u32]) {
        if codes.is_empty() {
            return;
        }
        let mut mixed = self.mixed.take().unwrap_or_else(|| self.all_plain());
        self.layout.decode_at(&self.dictionary, codes.iter().map(|code| *code as usize), &mut mixed);
        self.mixed = Some(mixed);
    }

    fn push_plain(&mut self, page: &mut Page, count: usize) -> Result<()> {
        let bytes = page.take(self.bytes(count)?)?;
        match &mut self.mixed {
            Some(mixed) => self.layout.decode(&bytes, mixed),
            None => self.plain.push(bytes),
        }
        Ok(())
    }

    fn push_plain_at(&mut self, page: &mut Page, places: &[u32], count: usize) -> Result<()> {
        let bytes = page.take(self.bytes(count)?)?;
        let mut mixed = self.mixed.take().unwrap_or_else(|| self.all_plain());
        self.layout.decode_at(&bytes, places.iter().map(|place| *place as usize), &mut mixed);
        self.mixed = Some(mixed);
        Ok(())
    }

    fn skip_plain(&self, page: &mut Page, count: usize) -> Result<()> {
        page.take(self.bytes(count)?).map(|_| ())
    }

    fn coded(&self, codes: &[u32], places: Places) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(places.places.as_ref().map_or(codes.len(), Vec::len));
        match &places.places {
            None => self.layout.decode_at(&self.dictionary, codes.iter().map(|code| *code as usize), &mut values),
            Some(places) => {
                let of_places = places.iter().map(|place| codes[*place as usize] as usize);
                self.layout.decode_at(&self.dictionary, of_places, &mut values);
            }
        }
        self.array(values.into(), places.nulls)
    }

    fn pushed(&self, places: Places) -> Result<ArrayRef> {
        let values = match (&self.mixed, &places.places) {
            (Some(mixed), None) => mixed.clone(),
            (Some(mixed), Some(places)) => places.iter().map(|place| mixed[*place as usize]).collect(),
            (None, None) => self.all_plain(),
            (None, Some(places)) => self.plain_at(places),
        };
        self.array(values.into(), places.nulls)
    }
}
