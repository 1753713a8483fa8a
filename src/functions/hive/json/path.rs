//! The JSON paths that Hive knows: `$`, `.name`, `['name']`, `[3]`, `[*]`
//!
//! A name after an array is looked up in each of its objects, and arrays that are found so are joined to one, as in Hive.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    /// `[*]`
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// `None` if it is none.
    pub fn new(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                match name {
                    "" | "*" => return None,
                    name => steps.push(Step::Name(name.to_owned())),
                }
                rest = after;
            } else if let Some(quoted) = rest.strip_prefix("['") {
                let (name, after) = quoted.split_once("']")?;
                steps.push(Step::Name(name.to_owned()));
                rest = after;
            } else {
                let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
                match index.trim() {
                    "*" => steps.push(Step::All),
                    index => steps.push(Step::Index(index.parse().ok()?)),
                }
                rest = after;
            }
        }
        Some(Path { steps })
    }

    /// Writes what a path leads to: a text as it is, else JSON. `false` if it leads nowhere, or to null.
    pub fn write(&self, value: &Value, out: &mut String) -> bool {
        // Several values come of one once a step has gone through an array.
        let mut found = vec![value];
        let mut is_several = false;
        for step in &self.steps {
            let mut next = Vec::with_capacity(found.len());
            for value in found {
                match (step, value) {
                    (Step::Name(name), Value::Object(object)) => next.extend(object.get(name)),
                    (Step::Name(name), Value::Array(array)) => {
                        is_several = true;
                        for value in array.iter().filter_map(|item| item.get(name)) {
                            match value {
                                Value::Array(values) => next.extend(values),
                                value => next.push(value),
                            }
                        }
                    }
                    (Step::Index(index), Value::Array(array)) => next.extend(array.get(*index)),
                    (Step::All, Value::Array(array)) => {
                        is_several = true;
                        next.extend(array);
                    }
                    _ => {}
                }
            }
            if next.is_empty() {
                return false;
            }
            found = next;
        }
        match found.as_slice() {
            [value] => write_value(value, out),
            values if is_several => write_array(values, out),
            _ => false,
        }
    }
}

fn write_value(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Null => return false,
        Value::String(text) => out.push_str(text),
        value => out.push_str(&value.to_string()),
    }
    true
}

fn write_array(values: &[&Value], out: &mut String) -> bool {
    for (index, value) in values.iter().enumerate() {
        out.push(if index == 0 { '[' } else { ',' });
        out.push_str(&value.to_string());
    }
    out.push(']');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, path: &str) -> Option<String> {
        let mut out = String::new();
        let value: Value = serde_json::from_str(json).ok()?;
        Path::new(path)?.write(&value, &mut out).then_some(out)
    }

    const STORE: &str = r#"{"store":{"fruit":[{"weight":8,"type":"apple"},{"weight":9,"type":"pear"}],
        "bicycle":{"price":19.95,"color":"red"}},"owner":"amy","a.b":1,"none":null}"#;

    #[test]
    fn hives_own_examples() {
        assert_eq!(found(STORE, "$.owner").as_deref(), Some("amy"));
        assert_eq!(found(STORE, "$.store.bicycle").as_deref(), Some(r#"{"price":19.95,"color":"red"}"#));
        assert_eq!(found(STORE, "$.store.fruit[0]").as_deref(), Some(r#"{"weight":8,"type":"apple"}"#));
        assert_eq!(found(STORE, "$.store.fruit[*].weight").as_deref(), Some("[8,9]"));
        assert_eq!(found(STORE, "$.store.fruit.type").as_deref(), Some(r#"["apple","pear"]"#));
        assert_eq!(found(STORE, "$['a.b']").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_not_there_is_null() {
        for path in ["$.none", "$.x", "$.store.fruit[2]", "$.owner.x", "owner", "$.", "$[", "$[x]", "$..owner"] {
            assert_eq!(found(STORE, path), None, "{path}");
        }
        assert_eq!(found("[1,2]", "$[1]").as_deref(), Some("2"));
        assert_eq!(found("[]", "$[*]"), None);
    }
}
