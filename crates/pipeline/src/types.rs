use crate::limits::{NUMERIC_PRECISION_MAX, VARCHAR_LENGTH_MAX};
use crate::nearest::did_you_mean;

/// The PostgreSQL type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    SmallInt,
    Integer,
    BigInt,
    /// Without precision and scale, `numeric` stores every number exactly.
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
    /// The length in characters.
    Varchar(u32),
    Uuid,
    Jsonb,
}

/// Why a type cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypeError(String);

impl ColumnType {
    /// Parses a type in any letter case, with PostgreSQL's aliases. The flag is true for a type that ends with `not null`.
    pub fn parse(text: &str) -> Result<(Self, bool), TypeError> {
        let normalized = normalized(text);
        let (type_text, not_null) = split_not_null(&normalized);
        if type_text.contains('[') || type_text.ends_with(" array") {
            return Err(TypeError(format!("`{type_text}`: arrays are not supported; use jsonb")));
        }
        let (name, arguments) = split_arguments(type_text)?;
        Ok((with_arguments(&name, &arguments)?, not_null))
    }

    /// Returns the type as PostgreSQL's `format_type` prints it, to compare it with the column of an existing table.
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

    /// Returns the type for `pipeline.toml`: as [`ColumnType::sql`], with PostgreSQL's shorter name where one exists.
    pub fn declared(&self) -> String {
        match self {
            Self::Time => "time".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::TimestampTz => "timestamptz".to_owned(),
            Self::Varchar(length) => format!("varchar({length})"),
            _ => self.sql(),
        }
    }

    /// Returns true for the types of numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt | Self::Numeric { .. } | Self::Real | Self::Double)
    }

    /// Returns true if a column of this type may have a `format`.
    pub fn has_format(self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::Timestamp | Self::TimestampTz)
    }
}

/// Returns the text in lower case, with one space between words and none around parentheses and commas.
fn normalized(text: &str) -> String {
    let lower = text.to_lowercase().replace('(', " ( ").replace(')', " ) ").replace(',', " , ");
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.join(" ").replace(" ( ", "(").replace(" )", ")").replace(" , ", ",")
}

fn split_not_null(normalized: &str) -> (&str, bool) {
    match normalized.strip_suffix(" not null") {
        Some(rest) => (rest, true),
        None => (normalized, false),
    }
}

/// Splits `timestamp(3) with time zone` into `timestamp with time zone` and `3`.
fn split_arguments(type_text: &str) -> Result<(String, Vec<&str>), TypeError> {
    let Some((before, rest)) = type_text.split_once('(') else {
        return Ok((type_text.to_owned(), Vec::new()));
    };
    let (inside, after) =
        rest.split_once(')').ok_or_else(|| TypeError(format!("`{type_text}` has an unclosed `(`")))?;
    Ok((format!("{before}{after}"), inside.split(',').collect()))
}

fn with_arguments(name: &str, arguments: &[&str]) -> Result<ColumnType, TypeError> {
    if let Some(reason) = unsupported(name) {
        return Err(TypeError(format!("`{name}` is not supported; {reason}")));
    }
    match (name, arguments) {
        ("numeric" | "decimal", []) => Ok(ColumnType::Numeric { precision_scale: None }),
        ("numeric" | "decimal", [precision]) => numeric(precision, "0"),
        ("numeric" | "decimal", [precision, scale]) => numeric(precision, scale),
        ("numeric" | "decimal", _) => {
            Err(TypeError("numeric has at most two arguments, numeric(precision, scale)".to_owned()))
        }
        ("varchar" | "character varying", [length]) => varchar(length),
        ("varchar" | "character varying", _) => {
            Err(TypeError("varchar requires a length, for example varchar(20); for any length use text".to_owned()))
        }
        (_, []) => plain(name),
        (_, _) => plain(name).and_then(|_| Err(TypeError(format!("`{name}` has no arguments")))),
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

/// Returns the remedy for a PostgreSQL type that Penstock does not support.
fn unsupported(name: &str) -> Option<&'static str> {
    Some(match name {
        "json" => "use jsonb",
        "char" | "character" | "bpchar" | "nchar" => "use varchar(n), because char pads values with spaces",
        "float" => "use real or double precision",
        "timetz" | "time with time zone" => "use timestamptz, or time",
        "money" => "use numeric",
        "bytea" | "interval" | "xml" | "inet" | "hstore" => "use text",
        "smallserial" | "serial2" | "serial" | "serial4" | "bigserial" | "serial8" => {
            "use integer or bigint, because the values come from the file"
        }
        _ if name.ends_with("range") => "use text, or one column for each bound",
        _ => return None,
    })
}

fn numeric(precision: &str, scale: &str) -> Result<ColumnType, TypeError> {
    let error = || {
        TypeError(format!(
            "numeric({precision},{scale}): expected a precision from 1 to {NUMERIC_PRECISION_MAX} and a scale from 0 to the precision"
        ))
    };
    let precision: u16 = precision.parse().map_err(|_| error())?;
    let scale: u16 = scale.parse().map_err(|_| error())?;
    if (1..=NUMERIC_PRECISION_MAX).contains(&precision) && scale <= precision {
        Ok(ColumnType::Numeric { precision_scale: Some((precision, scale)) })
    } else {
        Err(error())
    }
}

fn varchar(length: &str) -> Result<ColumnType, TypeError> {
    match length.parse() {
        Ok(length) if (1..=VARCHAR_LENGTH_MAX).contains(&length) => Ok(ColumnType::Varchar(length)),
        _ => Err(TypeError(format!("varchar({length}): expected a length from 1 to {VARCHAR_LENGTH_MAX}"))),
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
    fn types_and_aliases_parse() {
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
    fn unsupported_types_name_the_remedy() {
        check("json", Err("`json` is not supported; use jsonb"));
        check("char(3)", Err("`char` is not supported; use varchar(n), because char pads values with spaces"));
        check(
            "character(3) not null",
            Err("`character` is not supported; use varchar(n), because char pads values with spaces"),
        );
        check("varchar", Err("varchar requires a length, for example varchar(20); for any length use text"));
        check("varchar(0)", Err("varchar(0): expected a length from 1 to 10485760"));
        check("varchar(10485761)", Err("varchar(10485761): expected a length from 1 to 10485760"));
        check("integer[]", Err("`integer[]`: arrays are not supported; use jsonb"));
        check("integer array", Err("`integer array`: arrays are not supported; use jsonb"));
        check("int4range", Err("`int4range` is not supported; use text, or one column for each bound"));
        check(
            "numeric(0)",
            Err("numeric(0,0): expected a precision from 1 to 1000 and a scale from 0 to the precision"),
        );
        check(
            "numeric(5,6)",
            Err("numeric(5,6): expected a precision from 1 to 1000 and a scale from 0 to the precision"),
        );
        check(
            "numeric(5,-1)",
            Err("numeric(5,-1): expected a precision from 1 to 1000 and a scale from 0 to the precision"),
        );
        check("numeric(1,2,3)", Err("numeric has at most two arguments, numeric(precision, scale)"));
        check("numeric(10", Err("`numeric(10` has an unclosed `(`"));
        check("timestamp(3)", Err("`timestamp` has no arguments"));
        check("timestamp(3) with time zone", Err("`timestamp with time zone` has no arguments"));
        check("timetz", Err("`timetz` is not supported; use timestamptz, or time"));
        check("serial", Err("`serial` is not supported; use integer or bigint, because the values come from the file"));
        check("intger", Err("unknown type `intger`; did you mean `integer`?"));
        check("textnot null", Err("unknown type `textnot null`"));
        check("not null", Err("unknown type `not null`"));
        check("", Err("unknown type ``"));
    }
}
