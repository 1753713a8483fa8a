//! What has a quick way (constant arguments, ASCII, whole buffers) gives what a plain way gives, on random texts in every kind of column

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, LargeStringArray, StringArray, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};
use proptest::prelude::*;

use crate::functions::entry::Callable;

/// Calls a function of this folder, with arguments cast as the planner casts them, and gives its rows as text.
fn call(name: &str, arguments: Vec<ColumnarValue>, rows: usize) -> Vec<Option<String>> {
    let entry = super::entries().into_iter().find(|entry| entry.help.name == name).unwrap();
    let Callable::Scalar(function) = entry.function else { panic!("{name} is no scalar function") };
    let given: Vec<DataType> = arguments.iter().map(ColumnarValue::data_type).collect();
    let wanted = function.coerce_types(&given).unwrap();
    let args: Vec<ColumnarValue> =
        arguments.iter().zip(&wanted).map(|(argument, wanted)| argument.cast_to(wanted, None).unwrap()).collect();
    let arg_fields: Vec<_> = wanted.iter().map(|wanted| Arc::new(Field::new("a", wanted.clone(), true))).collect();
    let scalar_arguments = vec![None; args.len()];
    let return_field = function
        .return_field_from_args(ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &scalar_arguments })
        .unwrap();
    let config_options = Arc::default();
    let all = ScalarFunctionArgs { args, arg_fields, number_rows: rows, return_field, config_options };
    let array = function.invoke_with_args(all).unwrap().to_array(rows).unwrap();
    array.to_data().validate_full().unwrap();
    let array = cast(&array, &DataType::Utf8).unwrap();
    array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// The same texts in every layout, among them views into buffers that hold much else.
fn layouts(texts: &[Option<String>]) -> Vec<ArrayRef> {
    let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
    let mut sparse = StringViewBuilder::new();
    for text in &texts {
        sparse.append_option(*text);
        sparse.append_value("what nobody asked for, in characters of two bytes: ü".repeat(3));
    }
    let wanted = Int64Array::from_iter_values((0..texts.len() as i64).map(|row| 2 * row));
    let with_one_before: Vec<Option<&str>> = [None].into_iter().chain(texts.iter().copied()).collect();
    vec![
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts.clone())),
        Arc::new(StringViewArray::from(with_one_before).slice(1, texts.len())),
        take(&sparse.finish(), &wanted, None).unwrap(),
    ]
}

fn constant(text: &str) -> ColumnarValue {
    ColumnarValue::Scalar(ScalarValue::from(text))
}

fn column(array: &ArrayRef) -> ColumnarValue {
    ColumnarValue::Array(Arc::clone(array))
}

fn repeated(value: ScalarValue, rows: usize) -> ColumnarValue {
    ColumnarValue::Array(value.to_array_of_size(rows).unwrap())
}

/// Rows of ASCII only, or of all kinds of characters.
fn rows() -> impl Strategy<Value = Vec<Option<String>>> {
    let of = |pattern: &'static str| prop::collection::vec(prop::option::weighted(0.9, pattern), 1..20);
    prop_oneof![of("[a-e ]{0,20}"), of("[a-eä€😀 ]{0,20}")]
}

fn plain_pad(text: &str, length: i64, filling: &str, is_left: bool) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let length = usize::try_from(length).unwrap_or(0);
    if filling.is_empty() {
        return None;
    }
    let padding = filling.chars().cycle().take(length.saturating_sub(characters.len()));
    let kept = characters.into_iter().take(length);
    Some(if is_left { padding.chain(kept).collect() } else { kept.chain(padding).collect() })
}

fn plain_translate(text: &str, from: &str, to: &str) -> String {
    let mut targets: HashMap<char, Option<char>> = HashMap::new();
    let mut to = to.chars();
    for source in from.chars() {
        let target = to.next();
        targets.entry(source).or_insert(target);
    }
    text.chars().filter_map(|c| targets.get(&c).copied().unwrap_or(Some(c))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_are_padded(texts in rows(), length in -2_i64..40, filling in "[*a]{0,3}|[*ä😀]{1,3}") {
        for (name, is_left) in [("lpad", true), ("rpad", false)] {
            let expected: Vec<Option<String>> =
                texts.iter().map(|text| plain_pad(text.as_deref()?, length, &filling, is_left)).collect();
            for values in layouts(&texts) {
                let constants =
                    vec![column(&values), ColumnarValue::Scalar(ScalarValue::from(length)), constant(&filling)];
                prop_assert_eq!(&call(name, constants, texts.len()), &expected);
                let columns = vec![
                    column(&values),
                    repeated(length.into(), texts.len()),
                    repeated(filling.as_str().into(), texts.len()),
                ];
                prop_assert_eq!(&call(name, columns, texts.len()), &expected);
            }
        }
    }

    #[test]
    fn texts_are_translated(texts in rows(), from in "[a-cä😀]{0,4}|[a-c]{0,3}", to in "[x-z€]{0,4}|[x-z]{3,4}") {
        let expected: Vec<Option<String>> =
            texts.iter().map(|text| text.as_deref().map(|text| plain_translate(text, &from, &to))).collect();
        for values in layouts(&texts) {
            let constants = vec![column(&values), constant(&from), constant(&to)];
            prop_assert_eq!(&call("translate", constants, texts.len()), &expected);
            let columns = vec![
                column(&values),
                repeated(from.as_str().into(), texts.len()),
                repeated(to.as_str().into(), texts.len()),
            ];
            prop_assert_eq!(&call("translate", columns, texts.len()), &expected);
        }
    }

    #[test]
    fn characters_are_counted(texts in rows()) {
        let expected: Vec<Option<String>> =
            texts.iter().map(|text| text.as_deref().map(|text| text.chars().count().to_string())).collect();
        for values in layouts(&texts) {
            prop_assert_eq!(&call("length", vec![column(&values)], texts.len()), &expected);
        }
    }

    #[test]
    fn texts_are_put_together(texts in rows(), between in "[,ä]{0,20}") {
        let expected: Vec<Option<String>> =
            texts.iter().map(|text| text.as_deref().map(|text| format!("{text}{between}{text}"))).collect();
        for values in layouts(&texts) {
            let arguments = vec![column(&values), constant(&between), column(&values)];
            prop_assert_eq!(&call("concat", arguments, texts.len()), &expected);
        }
    }
}

#[test]
fn what_is_the_same_for_all_rows_may_be_null() {
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "b"]));
    let null = || ColumnarValue::Scalar(ScalarValue::Utf8(None));
    let two = || ColumnarValue::Scalar(ScalarValue::from(2_i64));
    let none = vec![None, None];
    assert_eq!(call("concat", vec![column(&texts), null()], 2), none);
    assert_eq!(call("translate", vec![column(&texts), null(), constant("x")], 2), none);
    assert_eq!(call("translate", vec![null(), constant("a"), repeated("x".into(), 2)], 2), none);
    assert_eq!(call("lpad", vec![column(&texts), two(), null()], 2), none);
    assert_eq!(call("lpad", vec![column(&texts), two(), constant("")], 2), none);
    assert_eq!(call("rpad", vec![column(&texts), ColumnarValue::Scalar(ScalarValue::Int64(None))], 2), none);
    assert_eq!(call("rpad", vec![constant("a"), two()], 2), vec![Some("a ".to_owned()), Some("a ".to_owned())]);
}
