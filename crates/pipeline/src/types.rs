use crate::limits::{NUMERIC_PRECISION_MAX, VARCHAR_LENGTH_MAX};
use crate::nearest::did_you_mean;

/// A column's type in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    SmallInt,
    Integer,
    BigInt,
    /// Without precision and scale, `numeric` keeps any number as it is.
    Numeric {
        precision_scale: Option<(u16, u16)>,
    },
    Real,
    Double,
    Boolean,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Text,
    /// The number counts characters, not bytes.
    Varchar(u32),
    Uuid,
    Jsonb,
}

/// Why a type cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypeError(String);

impl ColumnType {
    /// Parses a type as users write it: any letter case, PostgreSQL's aliases too. The flag tells whether it ends with
    /// `not null`.
    pub fn parse(text: &str) -> Result<(Self, bool), TypeError> {
        let spelling = spelling(text);
        let (type_text, not_null) = split_not_null(&spelling);
        if type_text.contains('[') || type_text.ends_with(" array") {
            return Err(TypeError(format!("`{type_text}`: arrays cannot be loaded; use jsonb")));
        }
        let (name, arguments) = split_arguments(type_text)?;
        Ok((with_arguments(&name, &arguments)?, not_null))
    }

    /// The type as PostgreSQL's `format_type` prints it, so that a declared column compares with an existing one.
    pub fn sql(&self) -> String {
        let name = match self {
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Numeric { precision_scale: None } => "numeric",
            Self::Numeric { precision_scale: Some((precision, scale)) } => {
                return format!("numeric({precision},{scale})");
            }
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::TimestampTz => "timestamp with time zone",
            Self::Text => "text",
            Self::Varchar(length) => return format!("character varying({length})"),
            Self::Uuid => "uuid",
            Self::Jsonb => "jsonb",
        };
        name.to_owned()
    }

    /// The type as `pipeline.toml` writes it, shorter than [`ColumnType::sql`] where PostgreSQL has a shorter name.
    pub fn declared(&self) -> String {
        match self {
            Self::Time => "time".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::TimestampTz => "timestamptz".to_owned(),
            Self::Varchar(length) => format!("varchar({length})"),
            _ => self.sql(),
        }
    }

    /// Whether a column of this type may declare a `format`.
    pub fn has_format(self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::Timestamp | Self::TimestampTz)
    }
}

/// Lower case, one space between words, none around parentheses and commas.
fn spelling(text: &str) -> String {
    let lower = text.to_lowercase().replace('(', " ( ").replace(')', " ) ").replace(',', " , ");
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.join(" ").replace(" ( ", "(").replace(" )", ")").replace(" , ", ",")
}

fn split_not_null(spelling: &str) -> (&str, bool) {
    match spelling.strip_suffix(" not null") {
        Some(rest) => (rest, true),
        None => (spelling, false),
    }
}

/// `timestamp(3) with time zone` is `timestamp with time zone` and `3`.
fn split_arguments(type_text: &str) -> Result<(String, Vec<&str>), TypeError> {
    let Some((before, rest)) = type_text.split_once('(') else {
        return Ok((type_text.to_owned(), Vec::new()));
    };
    let (inside, after) =
        rest.split_once(')').ok_or_else(|| TypeError(format!("`{type_text}` has a `(` that never closes")))?;
    Ok((format!("{before}{after}"), inside.split(',').collect()))
}

fn with_arguments(name: &str, arguments: &[&str]) -> Result<ColumnType, TypeError> {
    if let Some(reason) = refusal(name) {
        return Err(TypeError(format!("`{name}` cannot be loaded; {reason}")));
    }
    match (name, arguments) {
        ("numeric" | "decimal", []) => Ok(ColumnType::Numeric { precision_scale: None }),
        ("numeric" | "decimal", [precision]) => numeric(precision, "0"),
        ("numeric" | "decimal", [precision, scale]) => numeric(precision, scale),
        ("numeric" | "decimal", _) => Err(TypeError("numeric takes a precision and a scale, no more".to_owned())),
        ("varchar" | "character varying", [length]) => varchar(length),
        ("varchar" | "character varying", _) => {
            Err(TypeError("varchar needs its length, as varchar(20); without one use text".to_owned()))
        }
        (_, []) => plain(name),
        (_, _) => plain(name).and_then(|_| Err(TypeError(format!("`{name}` takes nothing in parentheses here")))),
    }
}

const PLAIN: [(&str, ColumnType); 23] = [
    ("smallint", ColumnType::SmallInt),
    ("int2", ColumnType::SmallInt),
    ("integer", ColumnType::Integer),
    ("int", ColumnType::Integer),
    ("int4", ColumnType::Integer),
    ("bigint", ColumnType::BigInt),
    ("int8", ColumnType::BigInt),
    ("real", ColumnType::Real),
    ("float4", ColumnType::Real),
    ("double precision", ColumnType::Double),
    ("float8", ColumnType::Double),
    ("boolean", ColumnType::Boolean),
    ("bool", ColumnType::Boolean),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("time without time zone", ColumnType::Time),
    ("timestamp", ColumnType::Timestamp),
    ("timestamp without time zone", ColumnType::Timestamp),
    ("timestamptz", ColumnType::TimestampTz),
    ("timestamp with time zone", ColumnType::TimestampTz),
    ("text", ColumnType::Text),
    ("uuid", ColumnType::Uuid),
    ("jsonb", ColumnType::Jsonb),
];

fn plain(name: &str) -> Result<ColumnType, TypeError> {
    PLAIN.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
        let known = PLAIN.iter().map(|(known, _)| *known).chain(["numeric", "varchar"]);
        TypeError(format!("unknown type `{name}`{}", did_you_mean(name, known)))
    })
}

/// What to use in place of a type of PostgreSQL's that Penstock does not load.
fn refusal(name: &str) -> Option<&'static str> {
    Some(match name {
        "json" => "use jsonb",
        "char" | "character" | "bpchar" | "nchar" => "it pads with spaces; use varchar(n)",
        "float" => "say which one: real or double precision",
        "timetz" | "time with time zone" => "use timestamptz, or time",
        "money" => "use numeric",
        "bytea" | "interval" | "xml" | "inet" | "hstore" => "use text",
        "smallserial" | "serial2" | "serial" | "serial4" | "bigserial" | "serial8" => {
            "the values come from the file; use integer or bigint"
        }
        _ if name.ends_with("range") => "ranges are not supported; use text, or one column for each bound",
        _ => return None,
    })
}

fn numeric(precision: &str, scale: &str) -> Result<ColumnType, TypeError> {
    let refused = || {
        TypeError(format!(
            "numeric({precision},{scale}): the precision is 1 to {NUMERIC_PRECISION_MAX}, the scale 0 to the precision"
        ))
    };
    let precision: u16 = precision.parse().map_err(|_| refused())?;
    let scale: u16 = scale.parse().map_err(|_| refused())?;
    if (1..=NUMERIC_PRECISION_MAX).contains(&precision) && scale <= precision {
        Ok(ColumnType::Numeric { precision_scale: Some((precision, scale)) })
    } else {
        Err(refused())
    }
}

fn varchar(length: &str) -> Result<ColumnType, TypeError> {
    match length.parse() {
        Ok(length) if (1..=VARCHAR_LENGTH_MAX).contains(&length) => Ok(ColumnType::Varchar(length)),
        _ => Err(TypeError(format!("varchar({length}): the length is 1 to {VARCHAR_LENGTH_MAX}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let found = ColumnType::parse(text)
            .map(|(kind, not_null)| kind.sql() + if not_null { " not null" } else { "" })
            .map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        if let Ok((kind, _)) = ColumnType::parse(text) {
            assert_eq!(ColumnType::parse(&kind.declared()), Ok((kind, false)), "{text}");
        }
    }

    #[test]
    fn every_type_and_alias() {
        check("smallint", Ok("smallint"));
        check("int2", Ok("smallint"));
        check("integer", Ok("integer"));
        check("INT", Ok("integer"));
        check("int4 not null", Ok("integer not null"));
        check("bigint", Ok("bigint"));
        check("int8", Ok("bigint"));
        check("numeric", Ok("numeric"));
        check("numeric(10)", Ok("numeric(10,0)"));
        check("numeric(10,2)", Ok("numeric(10,2)"));
        check(" Decimal ( 10 , 2 )  NOT   NULL ", Ok("numeric(10,2) not null"));
        check("numeric(10,2)not null", Ok("numeric(10,2) not null"));
        check("numeric(1000,1000)", Ok("numeric(1000,1000)"));
        check("real", Ok("real"));
        check("float4", Ok("real"));
        check("double precision", Ok("double precision"));
        check("double\tprecision not null", Ok("double precision not null"));
        check("float8", Ok("double precision"));
        check("boolean", Ok("boolean"));
        check("bool", Ok("boolean"));
        check("date", Ok("date"));
        check("time", Ok("time without time zone"));
        check("time without time zone", Ok("time without time zone"));
        check("timestamp", Ok("timestamp without time zone"));
        check("timestamp without time zone", Ok("timestamp without time zone"));
        check("timestamptz", Ok("timestamp with time zone"));
        check("timestamp with time zone not null", Ok("timestamp with time zone not null"));
        check("text", Ok("text"));
        check("varchar(1)", Ok("character varying(1)"));
        check("character varying(10485760)", Ok("character varying(10485760)"));
        check("uuid", Ok("uuid"));
        check("jsonb", Ok("jsonb"));
    }

    #[test]
    fn refusals_name_what_to_use() {
        check("json", Err("`json` cannot be loaded; use jsonb"));
        check("char(3)", Err("`char` cannot be loaded; it pads with spaces; use varchar(n)"));
        check("character(3) not null", Err("`character` cannot be loaded; it pads with spaces; use varchar(n)"));
        check("varchar", Err("varchar needs its length, as varchar(20); without one use text"));
        check("varchar(0)", Err("varchar(0): the length is 1 to 10485760"));
        check("varchar(10485761)", Err("varchar(10485761): the length is 1 to 10485760"));
        check("integer[]", Err("`integer[]`: arrays cannot be loaded; use jsonb"));
        check("integer array", Err("`integer array`: arrays cannot be loaded; use jsonb"));
        check(
            "int4range",
            Err("`int4range` cannot be loaded; ranges are not supported; use text, or one column for each bound"),
        );
        check("numeric(0)", Err("numeric(0,0): the precision is 1 to 1000, the scale 0 to the precision"));
        check("numeric(5,6)", Err("numeric(5,6): the precision is 1 to 1000, the scale 0 to the precision"));
        check("numeric(5,-1)", Err("numeric(5,-1): the precision is 1 to 1000, the scale 0 to the precision"));
        check("numeric(1,2,3)", Err("numeric takes a precision and a scale, no more"));
        check("numeric(10", Err("`numeric(10` has a `(` that never closes"));
        check("timestamp(3)", Err("`timestamp` takes nothing in parentheses here"));
        check("timestamp(3) with time zone", Err("`timestamp with time zone` takes nothing in parentheses here"));
        check("timetz", Err("`timetz` cannot be loaded; use timestamptz, or time"));
        check("serial", Err("`serial` cannot be loaded; the values come from the file; use integer or bigint"));
        check("intger", Err("unknown type `intger`; did you mean `integer`?"));
        check("textnot null", Err("unknown type `textnot null`"));
        check("not null", Err("unknown type `not null`"));
        check("", Err("unknown type ``"));
    }
}
