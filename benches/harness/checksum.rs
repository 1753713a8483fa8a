//! The checksum of a result that `engines/driver.py` computes, from the CSV that `ostrich` prints.

/// Rows, without the header, and the sum of their FNV-1a hashes; `None` if the text is not one CSV table.
pub fn of_csv(text: &str) -> Option<(u64, u64)> {
    let mut records = records(text)?.into_iter();
    let columns = records.next()?.len();
    let (mut rows, mut sum) = (0, 0u64);
    for record in records {
        if record.len() != columns {
            return None;
        }
        let cells: Vec<String> = record.into_iter().map(cell).collect();
        sum = sum.wrapping_add(fnv1a(&cells.join("\u{1f}")));
        rows += 1;
    }
    Some((rows, sum))
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Numbers with two decimals, because engines differ in types and last digits; other text without trailing spaces.
fn cell(text: String) -> String {
    let text = text.trim_end_matches(' ');
    let is_numeric = !text.is_empty() && text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte));
    match text.parse::<f64>() {
        Ok(number) if is_numeric => match format!("{number:.2}") {
            zero if zero == "-0.00" => "0.00".to_owned(),
            rounded => rounded,
        },
        _ => text.to_owned(),
    }
}

/// The records of RFC 4180; `None` if a quote is left open.
fn records(text: &str) -> Option<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    (!quoted).then_some(records)
}
