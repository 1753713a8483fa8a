//! A line that `ostrich --stats` writes for each statement.

pub struct Stats(serde_json::Value);

impl Stats {
    /// `None` for the other lines of standard error.
    pub fn parse(line: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        value.get("elapsed_ms").is_some().then_some(Stats(value))
    }

    /// A number such as `elapsed_ms` or `rows`; `None` if the statement has none.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// Why the statement failed.
    pub fn error(&self) -> Option<String> {
        match self.0.get("error")? {
            serde_json::Value::Null => None,
            serde_json::Value::String(message) => Some(message.clone()),
            other => Some(other.to_string()),
        }
    }
}
