//! PostgreSQL's templates for dates and times: `YYYY-MM-DD HH24:MI:SS`, `FMDay, DDth FMMonth`
//!
//! What is no pattern stands for itself, and so does what is in double quotes. `FM` before a pattern leaves out blanks and leading zeros,
//! `TH` after it makes an ordinal number.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Upper,
    Title,
    Lower,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// With so many digits, the last ones.
    Year(usize),
    /// `2,024`
    YearWithComma,
    IsoYear(usize),
    MonthName(Case),
    MonthAbbreviation(Case),
    Month,
    RomanMonth(Case),
    DayName(Case),
    DayAbbreviation(Case),
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    /// 1 is Sunday.
    DayOfWeek,
    /// 1 is Monday.
    IsoDayOfWeek,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Quarter,
    Century,
    JulianDay,
    Hour24,
    Hour12,
    Minute,
    Second,
    SecondOfDay,
    /// Of a second, with so many digits.
    Fraction(usize),
    Meridiem {
        is_upper: bool,
        has_points: bool,
    },
    Era {
        is_upper: bool,
        has_points: bool,
    },
    Zone {
        is_upper: bool,
    },
    ZoneOffset,
    ZoneHours,
    ZoneMinutes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Field {
        field: Field,
        is_filled: bool,
        ordinal: Option<Case>,
    },
    /// A character between patterns.
    Character(char),
    /// In double quotes.
    Quoted(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub nodes: Vec<Node>,
}

/// The longer ones first.
const FIELDS: [(&str, Field); 47] = [
    ("Y,YYY", Field::YearWithComma),
    ("MONTH", Field::MonthName(Case::Upper)),
    ("SSSSS", Field::SecondOfDay),
    ("YYYY", Field::Year(4)),
    ("IYYY", Field::IsoYear(4)),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("SSSS", Field::SecondOfDay),
    ("IDDD", Field::IsoDayOfYear),
    ("A.M.", Field::Meridiem { is_upper: true, has_points: true }),
    ("P.M.", Field::Meridiem { is_upper: true, has_points: true }),
    ("A.D.", Field::Era { is_upper: true, has_points: true }),
    ("B.C.", Field::Era { is_upper: true, has_points: true }),
    ("YYY", Field::Year(3)),
    ("IYY", Field::IsoYear(3)),
    ("MON", Field::MonthAbbreviation(Case::Upper)),
    ("DAY", Field::DayName(Case::Upper)),
    ("DDD", Field::DayOfYear),
    ("TZH", Field::ZoneHours),
    ("TZM", Field::ZoneMinutes),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("YY", Field::Year(2)),
    ("IY", Field::IsoYear(2)),
    ("MM", Field::Month),
    ("DD", Field::DayOfMonth),
    ("DY", Field::DayAbbreviation(Case::Upper)),
    ("ID", Field::IsoDayOfWeek),
    ("HH", Field::Hour12),
    ("MI", Field::Minute),
    ("SS", Field::Second),
    ("MS", Field::Fraction(3)),
    ("US", Field::Fraction(6)),
    ("WW", Field::WeekOfYear),
    ("IW", Field::IsoWeek),
    ("CC", Field::Century),
    ("AM", Field::Meridiem { is_upper: true, has_points: false }),
    ("PM", Field::Meridiem { is_upper: true, has_points: false }),
    ("AD", Field::Era { is_upper: true, has_points: false }),
    ("BC", Field::Era { is_upper: true, has_points: false }),
    ("TZ", Field::Zone { is_upper: true }),
    ("OF", Field::ZoneOffset),
    ("RM", Field::RomanMonth(Case::Upper)),
];

const SHORT_FIELDS: [(&str, Field); 6] = [
    ("Y", Field::Year(1)),
    ("I", Field::IsoYear(1)),
    ("D", Field::DayOfWeek),
    ("W", Field::WeekOfMonth),
    ("Q", Field::Quarter),
    ("J", Field::JulianDay),
];

/// Whether a text begins with a name in upper case, in lower case, or, if it is of a month or day, with a capital letter: `monTH` is not
/// `MONTH`, but `mon` with an ordinal.
fn starts_with(text: &str, name: &str, field: Field) -> bool {
    let Some(written) = text.get(..name.len()) else { return false };
    if !written.eq_ignore_ascii_case(name) {
        return false;
    }
    let has_lower = written.bytes().any(|byte| byte.is_ascii_lowercase());
    let has_upper = written.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_name = matches!(
        field,
        Field::MonthName(_) | Field::MonthAbbreviation(_) | Field::DayName(_) | Field::DayAbbreviation(_)
    );
    !(has_lower && has_upper) || is_name && !written[1..].bytes().any(|byte| byte.is_ascii_uppercase())
}

impl Field {
    pub fn is_number(self) -> bool {
        !matches!(
            self,
            Field::MonthName(_)
                | Field::MonthAbbreviation(_)
                | Field::RomanMonth(_)
                | Field::DayName(_)
                | Field::DayAbbreviation(_)
                | Field::Meridiem { .. }
                | Field::Era { .. }
                | Field::Zone { .. }
                | Field::ZoneOffset
                | Field::ZoneHours
        )
    }

    /// In the case in which a template writes it.
    fn written_as(self, text: &str) -> Self {
        let mut letters = text.chars().filter(char::is_ascii_alphabetic).map(|c| c.is_ascii_uppercase());
        let case = match (letters.next(), letters.next()) {
            (Some(true), Some(true) | None) => Case::Upper,
            (Some(true), Some(false)) => Case::Title,
            _ => Case::Lower,
        };
        let is_upper = case != Case::Lower;
        match self {
            Field::MonthName(_) => Field::MonthName(case),
            Field::MonthAbbreviation(_) => Field::MonthAbbreviation(case),
            Field::DayName(_) => Field::DayName(case),
            Field::DayAbbreviation(_) => Field::DayAbbreviation(case),
            Field::RomanMonth(_) => Field::RomanMonth(case),
            Field::Meridiem { has_points, .. } => Field::Meridiem { is_upper, has_points },
            Field::Era { has_points, .. } => Field::Era { is_upper, has_points },
            Field::Zone { .. } => Field::Zone { is_upper },
            field => field,
        }
    }
}

impl Template {
    pub fn new(text: &str) -> Self {
        let mut nodes = Vec::new();
        let mut rest = text;
        'nodes: while let Some(c) = rest.chars().next() {
            if c == '"' {
                let mut quoted = String::new();
                let mut characters = rest.char_indices().skip(1);
                let mut end = rest.len();
                while let Some((offset, c)) = characters.next() {
                    match c {
                        '"' => {
                            end = offset + 1;
                            break;
                        }
                        '\\' => quoted.extend(characters.next().map(|(_, c)| c)),
                        c => quoted.push(c),
                    }
                }
                nodes.push(Node::Quoted(quoted));
                rest = &rest[end..];
                continue;
            }
            if rest.starts_with("\\\"") {
                nodes.push(Node::Character('"'));
                rest = &rest[2..];
                continue;
            }
            let mut after = rest;
            let mut is_filled = true;
            loop {
                if after.starts_with("FM") || after.starts_with("fm") {
                    is_filled = false;
                } else if !["FX", "fx", "TM", "tm"].iter().any(|prefix| after.starts_with(prefix)) {
                    break;
                }
                after = &after[2..];
            }
            for (name, field) in FIELDS.iter().chain(&SHORT_FIELDS) {
                if !starts_with(after, name, *field) {
                    continue;
                }
                let (written, mut after) = after.split_at(name.len());
                let ordinal = match after.get(..2) {
                    Some("TH") => Some(Case::Upper),
                    Some("th") => Some(Case::Lower),
                    _ => None,
                };
                if ordinal.is_some() {
                    after = &after[2..];
                }
                nodes.push(Node::Field { field: field.written_as(written), is_filled, ordinal });
                rest = after;
                continue 'nodes;
            }
            if after.len() < rest.len() {
                // A prefix of nothing is no text either.
                rest = after;
                continue;
            }
            nodes.push(Node::Character(c));
            rest = &rest[c.len_utf8()..];
        }
        Template { nodes }
    }
}
