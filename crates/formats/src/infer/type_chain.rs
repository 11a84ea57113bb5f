use pipeline::ColumnType;

use crate::types::TypeEncoder;

pub(super) const NO_TYPE: usize = usize::MAX;

/// Types from narrow to wide. Each accepts every value that the one before it accepts.
pub(super) struct TypeChain {
    pub(super) types: Vec<(ColumnType, TypeEncoder)>,
    pub(super) of: ValueFamily,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueFamily {
    Boolean,
    Number,
    Text,
    Nested,
}

/// Returns the type chains. If a value fits two chains, the first one wins.
pub(super) fn type_chains() -> Vec<TypeChain> {
    let numeric = ColumnType::Numeric { precision_scale: None };
    let chain = |of, kinds: &[ColumnType]| TypeChain { types: kinds.iter().map(|kind| typed(*kind)).collect(), of };
    vec![
        chain(ValueFamily::Boolean, &[ColumnType::Boolean]),
        chain(ValueFamily::Number, &[ColumnType::SmallInt, ColumnType::Integer, ColumnType::BigInt, numeric]),
        chain(ValueFamily::Text, &[ColumnType::Date]),
        chain(ValueFamily::Text, &[ColumnType::Time]),
        chain(ValueFamily::Text, &[ColumnType::Timestamp]),
        chain(ValueFamily::Text, &[ColumnType::TimestampTz]),
        chain(ValueFamily::Text, &[ColumnType::Uuid]),
        chain(ValueFamily::Nested, &[ColumnType::Jsonb]),
    ]
}

fn typed(kind: ColumnType) -> (ColumnType, TypeEncoder) {
    (kind, TypeEncoder::plain(kind))
}

/// Returns whether a value of this type keeps all information of its text.
pub(super) fn keeps_text(kind: ColumnType, text: &[u8]) -> bool {
    match kind {
        // `t` and `1` are usually codes.
        ColumnType::Boolean => text.len() >= 4,
        // `2.0` loads into an integer, but a column with decimal points is of decimals.
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt if text.contains(&b'.') => false,
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt | ColumnType::Numeric { .. } => {
            let digits = text.strip_prefix(b"-").unwrap_or(text);
            let is_padded = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
            !is_padded && digits.first().is_some_and(u8::is_ascii_digit)
        }
        // A value of 32 digits without hyphens is usually a hash, and a UUID would add hyphens.
        ColumnType::Uuid => text.len() == 36,
        ColumnType::Jsonb => matches!(text.first(), Some(b'{' | b'[')),
        _ => true,
    }
}
