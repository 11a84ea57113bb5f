/// Precision and scale of a `numeric` column that Parquet can store as a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Precision {
    pub(super) digits: u8,
    pub(super) scale: u8,
}

impl Precision {
    /// The most digits that 16 bytes and most Parquet readers hold.
    const DIGITS_MAX: u8 = 38;

    /// Decodes a column's type modifier. Returns `None` without a precision, and for one that Parquet cannot store.
    /// See `make_numeric_typmod` in
    /// <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/utils/adt/numeric.c>.
    pub(super) fn of(modifier: i32) -> Option<Self> {
        let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
        let digits = u8::try_from(packed >> 16).ok().filter(|digits| (1..=Self::DIGITS_MAX).contains(digits))?;
        // The scale is a signed number of 11 bits.
        let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= digits)?;
        Some(Self { digits, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_modifier_gives_precision() {
        let modifier = |digits: i32, scale: i32| ((digits << 16) | (scale & 0x7ff)) + 4;
        let check = |modifier: i32, expected: Option<(u8, u8)>| {
            let expected = expected.map(|(digits, scale)| Precision { digits, scale });
            assert_eq!(Precision::of(modifier), expected, "{modifier}");
        };
        check(-1, None);
        check(modifier(10, 2), Some((10, 2)));
        check(modifier(38, 38), Some((38, 38)));
        check(modifier(1, 0), Some((1, 0)));
        check(modifier(39, 2), None);
        check(modifier(5, -2), None);
        check(modifier(2, 5), None);
    }
}
