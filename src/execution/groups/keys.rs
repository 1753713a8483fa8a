//! The values of the columns that are grouped by, packed into a few words a row.
//!
//! ```text
//! i_brand text, d_date date, s_store_sk bigint     brand's number | date,  store
//! ```
//!
//! A text is replaced by its number among those seen ([`texts`](super::texts)). Comparing two rows is comparing their words then, and a
//! group takes a few words however long its texts are.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, AsArray, BooleanArray, UInt32Array, make_array};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{ArrowNativeType, BinaryViewType, DataType, Schema, StringViewType};
use datafusion::common::{internal_err, resources_err};
use datafusion::error::Result;

use super::table::{self, Table};
use super::texts::{self, TextNumbers};

/// The groups of an aggregation, numbered from 0 in the order in which they come.
pub(super) trait Groups: Send {
    /// Replaces `groups` by the number of each row's group.
    fn intern(&mut self, columns: &[ArrayRef], groups: &mut Vec<usize>) -> Result<()>;

    fn len(&self) -> usize;

    /// In bytes.
    fn size(&self) -> usize;

    /// The values of all groups. There are none here afterwards; memory for as many is kept if `again`.
    fn take(&mut self, again: bool) -> Box<dyn GroupValues>;
}

/// The columns' values of groups that are complete.
pub(super) trait GroupValues: Send {
    /// Of the groups with these numbers.
    fn columns(&self, groups: Range<usize>) -> Result<Vec<ArrayRef>>;
}

/// Whether columns of such types can be packed.
pub(super) fn can_be_packed(schema: &Schema) -> bool {
    Layout::new(schema, true).is_some()
}

/// Groups by columns of these types.
pub(super) fn groups_of(schema: &Schema) -> Result<Box<dyn Groups>> {
    Ok(Box::new(Packed { groups: packed(schema, false)?, schema: schema.clone(), with_nulls: false }))
}

/// How a column's values are packed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Packing {
    Boolean,
    /// Numbers of so many bytes, whatever they mean; 16 are two words.
    Bytes(usize),
    Text,
    Binary,
}

impl Packing {
    fn of(data_type: &DataType) -> Option<Packing> {
        Some(match data_type {
            DataType::Boolean => Packing::Boolean,
            DataType::Utf8View | DataType::Utf8 | DataType::LargeUtf8 => Packing::Text,
            DataType::BinaryView | DataType::Binary | DataType::LargeBinary => Packing::Binary,
            // 0.0 and -0.0 are equal, and not all NaN are the same bits.
            DataType::Float16 | DataType::Float32 | DataType::Float64 => return None,
            // They are not one number.
            DataType::Interval(_) | DataType::Decimal256(..) => return None,
            other => Packing::Bytes(other.primitive_width()?),
        })
    }

    fn bits(self) -> u32 {
        match self {
            Packing::Boolean => 1,
            Packing::Bytes(bytes) => bytes as u32 * 8,
            Packing::Text | Packing::Binary => u32::BITS,
        }
    }

    fn has_null_number(self) -> bool {
        matches!(self, Packing::Text | Packing::Binary)
    }
}

/// Where a column's values lie in a key.
#[derive(Debug, Clone)]
struct Place {
    packing: Packing,
    data_type: DataType,
    word: usize,
    shift: u32,
    /// The word and bit that are set for NULL.
    null: Option<(usize, u32)>,
}

#[derive(Debug, Clone)]
struct Layout {
    places: Vec<Place>,
    words: usize,
}

/// Keys of more words are no gain.
const MOST_WORDS: usize = 8;

impl Layout {
    fn new(schema: &Schema, with_nulls: bool) -> Option<Layout> {
        let packings =
            schema.fields().iter().map(|field| Packing::of(field.data_type())).collect::<Option<Vec<_>>>()?;
        let mut free: Vec<u32> = Vec::new();
        // The next `bits` of a word that has as many, and those of a new one.
        let mut place = |bits: u32| match free.iter().position(|free| *free >= bits) {
            Some(word) => {
                free[word] -= bits;
                (word, u64::BITS - free[word] - bits)
            }
            None => {
                free.push(u64::BITS - bits);
                (free.len() - 1, 0)
            }
        };
        let mut by_width: Vec<usize> = (0..packings.len()).collect();
        by_width.sort_by_key(|column| std::cmp::Reverse(packings[*column].bits()));
        let mut places = vec![(0, 0); packings.len()];
        for column in by_width {
            places[column] = match packings[column].bits() {
                // The widest come first, when no word is there that has room: both words follow each other.
                128 => {
                    let first = place(u64::BITS);
                    place(u64::BITS);
                    first
                }
                bits => place(bits),
            };
        }
        let fields = schema.fields().iter().zip(packings.iter().zip(places));
        let places = fields.map(|(field, (packing, (word, shift)))| {
            let has_bit = with_nulls && !packing.has_null_number();
            let null = has_bit.then(|| place(1));
            Place { packing: *packing, data_type: field.data_type().clone(), word, shift, null }
        });
        let places: Vec<Place> = places.collect();
        let words = free.len();
        (1..=MOST_WORDS).contains(&words).then_some(Layout { places, words })
    }
}

/// Groups that are packed again at once.
const REPACKED: usize = 1 << 13;

/// Groups whose keys have a place for NULL only when there was one.
struct Packed {
    groups: Box<dyn Groups>,
    schema: Schema,
    with_nulls: bool,
}

impl Groups for Packed {
    fn intern(&mut self, columns: &[ArrayRef], groups: &mut Vec<usize>) -> Result<()> {
        let needs_place = |column: &ArrayRef| {
            column.null_count() > 0 && Packing::of(column.data_type()).is_some_and(|packing| !packing.has_null_number())
        };
        if !self.with_nulls && columns.iter().any(needs_place) {
            let known = self.groups.len();
            let values = self.groups.take(false);
            self.groups = packed(&self.schema, true)?;
            self.with_nulls = true;
            // They come in their order, so they keep their numbers. A part at a time: the texts of all could be more than a column holds.
            for start in (0..known).step_by(REPACKED) {
                self.groups.intern(&values.columns(start..known.min(start + REPACKED))?, groups)?;
            }
        }
        self.groups.intern(columns, groups)
    }

    fn len(&self) -> usize {
        self.groups.len()
    }

    fn size(&self) -> usize {
        self.groups.size()
    }

    fn take(&mut self, again: bool) -> Box<dyn GroupValues> {
        self.groups.take(again)
    }
}

fn packed(schema: &Schema, with_nulls: bool) -> Result<Box<dyn Groups>> {
    let Some(layout) = Layout::new(schema, with_nulls) else { return internal_err!("columns that cannot be packed") };
    Ok(match layout.words {
        1 => Box::new(Keys::<1>::new(layout)),
        2 => Box::new(Keys::<2>::new(layout)),
        3 => Box::new(Keys::<3>::new(layout)),
        4 => Box::new(Keys::<4>::new(layout)),
        5 => Box::new(Keys::<5>::new(layout)),
        6 => Box::new(Keys::<6>::new(layout)),
        7 => Box::new(Keys::<7>::new(layout)),
        _ => Box::new(Keys::<MOST_WORDS>::new(layout)),
    })
}

/// Numbers of a column's texts; others have none.
enum Numbers {
    None,
    Text(TextNumbers<StringViewType>),
    Binary(TextNumbers<BinaryViewType>),
}

/// A column whose texts were numbered last, with the numbers: all grouping sets of a batch have the same columns.
#[derive(Default)]
struct Numbered {
    column: Option<ArrayRef>,
    numbers: Vec<u32>,
}

impl Numbered {
    fn is_of(&self, column: &ArrayRef) -> bool {
        self.column.as_ref().is_some_and(|numbered| Arc::ptr_eq(numbered, column))
    }
}

struct Keys<const N: usize> {
    layout: Arc<Layout>,
    numbers: Vec<Numbers>,
    table: Table<N>,
    /// Of the batch that is packed.
    keys: Vec<[u64; N]>,
    numbered: Vec<Numbered>,
}

impl<const N: usize> Keys<N> {
    fn new(layout: Layout) -> Self {
        let numbers = layout.places.iter().map(|place| match place.packing {
            Packing::Text => Numbers::Text(TextNumbers::new()),
            Packing::Binary => Numbers::Binary(TextNumbers::new()),
            Packing::Boolean | Packing::Bytes(_) => Numbers::None,
        });
        let numbers: Vec<Numbers> = numbers.collect();
        let numbered = numbers.iter().map(|_| Numbered::default()).collect();
        Keys { layout: Arc::new(layout), numbers, table: Table::new(), keys: Vec::new(), numbered }
    }

    fn pack(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let rows = columns.first().map_or(0, |column| column.len());
        self.keys.clear();
        self.keys.resize(rows, [0; N]);
        let numbered = self.numbers.iter_mut().zip(&mut self.numbered);
        for ((place, (numbers, numbered)), column) in self.layout.places.iter().zip(numbered).zip(columns) {
            if !numbered.is_of(column) {
                numbered.column = None;
                match numbers {
                    Numbers::None => {}
                    Numbers::Text(texts) => texts.number(column, &mut numbered.numbers)?,
                    Numbers::Binary(texts) => texts.number(column, &mut numbered.numbers)?,
                }
                numbered.column = (!matches!(numbers, Numbers::None)).then(|| Arc::clone(column));
            }
            match place.packing {
                Packing::Text | Packing::Binary => {
                    put(&mut self.keys, place, numbered.numbers.iter().map(|n| u64::from(*n)))
                }
                Packing::Boolean => {
                    put(&mut self.keys, place, column.as_boolean().values().iter().map(u64::from));
                }
                Packing::Bytes(1) => put(&mut self.keys, place, natives::<u8>(column).iter().map(|n| u64::from(*n))),
                Packing::Bytes(2) => put(&mut self.keys, place, natives::<u16>(column).iter().map(|n| u64::from(*n))),
                Packing::Bytes(4) => put(&mut self.keys, place, natives::<u32>(column).iter().map(|n| u64::from(*n))),
                Packing::Bytes(8) => put(&mut self.keys, place, natives::<u64>(column).iter().copied()),
                Packing::Bytes(_) => {
                    for (key, value) in self.keys.iter_mut().zip(natives::<i128>(column).iter()) {
                        key[place.word] = *value as u64;
                        key[place.word + 1] = (*value >> 64) as u64;
                    }
                }
            }
            // What stands in place of a NULL is not always the same.
            let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
            if let Some((nulls, (word, bit))) = nulls.zip(place.null) {
                let mask = mask(place);
                for row in (!nulls.inner()).set_indices() {
                    let key = &mut self.keys[row];
                    if place.packing == Packing::Bytes(16) {
                        key[place.word + 1] = 0;
                    }
                    key[place.word] &= !mask;
                    key[word] |= 1 << bit;
                }
            }
        }
        Ok(())
    }
}

/// The bits of a value in its word.
fn mask(place: &Place) -> u64 {
    let bits = place.packing.bits().min(u64::BITS);
    (u64::MAX >> (u64::BITS - bits)) << place.shift
}

fn put<const N: usize>(keys: &mut [[u64; N]], place: &Place, values: impl Iterator<Item = u64>) {
    for (key, value) in keys.iter_mut().zip(values) {
        key[place.word] |= value << place.shift;
    }
}

/// The values of a column of numbers as such of the same width.
fn natives<T: ArrowNativeType>(column: &ArrayRef) -> ScalarBuffer<T> {
    let data = column.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

impl<const N: usize> Groups for Keys<N> {
    fn intern(&mut self, columns: &[ArrayRef], groups: &mut Vec<usize>) -> Result<()> {
        self.pack(columns)?;
        if self.table.len() + self.keys.len() > table::MOST {
            return resources_err!("more than {} groups in a partition", table::MOST);
        }
        groups.clear();
        self.table.intern(&self.keys, groups);
        Ok(())
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn size(&self) -> usize {
        let numbers = self.numbers.iter().map(|numbers| match numbers {
            Numbers::None => 0,
            Numbers::Text(texts) => texts.size(),
            Numbers::Binary(texts) => texts.size(),
        });
        self.table.size() + numbers.sum::<usize>()
    }

    fn take(&mut self, again: bool) -> Box<dyn GroupValues> {
        self.numbered.fill_with(Numbered::default);
        let texts = self.numbers.iter_mut().map(|numbers| match numbers {
            Numbers::None => None,
            Numbers::Text(texts) => Some(texts.take(again)),
            Numbers::Binary(texts) => Some(texts.take(again)),
        });
        let texts = texts.collect();
        Box::new(TakenKeys { layout: Arc::clone(&self.layout), texts, keys: self.table.take(again) })
    }
}

struct TakenKeys<const N: usize> {
    layout: Arc<Layout>,
    /// Of each column of texts, by their numbers.
    texts: Vec<Option<ArrayRef>>,
    keys: Vec<[u64; N]>,
}

impl<const N: usize> GroupValues for TakenKeys<N> {
    fn columns(&self, groups: Range<usize>) -> Result<Vec<ArrayRef>> {
        let keys = &self.keys[groups];
        self.layout.places.iter().zip(&self.texts).map(|(place, texts)| column(place, texts.as_ref(), keys)).collect()
    }
}

fn column<const N: usize>(place: &Place, texts: Option<&ArrayRef>, keys: &[[u64; N]]) -> Result<ArrayRef> {
    let value = |key: &[u64; N]| (key[place.word] & mask(place)) >> place.shift;
    if let Some(texts) = texts {
        let number = |key: &[u64; N]| match value(key) as u32 {
            texts::NULL => None,
            number => Some(number - 1),
        };
        let texts = take(texts, &keys.iter().map(number).collect::<UInt32Array>(), None)?;
        return Ok(if *texts.data_type() == place.data_type { texts } else { cast(&texts, &place.data_type)? });
    }
    let bits = |word: usize, bit: u32| BooleanBuffer::collect_bool(keys.len(), |row| keys[row][word] >> bit & 1 == 1);
    let nulls = place.null.map(|(word, bit)| NullBuffer::new(!&bits(word, bit)));
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let values = match place.packing {
        Packing::Boolean => {
            return Ok(Arc::new(BooleanArray::new(bits(place.word, place.shift), nulls)));
        }
        Packing::Bytes(1) => Buffer::from_vec(keys.iter().map(|key| value(key) as u8).collect()),
        Packing::Bytes(2) => Buffer::from_vec(keys.iter().map(|key| value(key) as u16).collect()),
        Packing::Bytes(4) => Buffer::from_vec(keys.iter().map(|key| value(key) as u32).collect()),
        Packing::Bytes(8) => Buffer::from_vec(keys.iter().map(value).collect::<Vec<u64>>()),
        _ => {
            let wide = |key: &[u64; N]| i128::from(key[place.word + 1] as i64) << 64 | i128::from(key[place.word]);
            Buffer::from_vec(keys.iter().map(wide).collect::<Vec<i128>>())
        }
    };
    let data = ArrayData::builder(place.data_type.clone()).len(keys.len()).add_buffer(values).nulls(nulls);
    Ok(make_array(data.build()?))
}
