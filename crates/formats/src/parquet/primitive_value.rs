use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};

/// A value with its physical type.
#[derive(Clone, Copy, Debug)]
pub(super) enum PrimitiveValue<'a> {
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    /// Nanoseconds since midnight, and the Julian day.
    Int96(i64, i64),
    Float(f32),
    Double(f64),
    ByteArray(&'a [u8]),
}

pub(super) trait AsPrimitiveValue {
    fn value(&self) -> Option<PrimitiveValue<'_>>;
}

macro_rules! physical {
    ($type:ty, $variant:ident) => {
        impl AsPrimitiveValue for $type {
            #[inline]
            fn value(&self) -> Option<PrimitiveValue<'_>> {
                Some(PrimitiveValue::$variant(*self))
            }
        }
    };
}

physical!(bool, Boolean);
physical!(i32, Int32);
physical!(i64, Int64);
physical!(f32, Float);
physical!(f64, Double);

impl AsPrimitiveValue for Int96 {
    fn value(&self) -> Option<PrimitiveValue<'_>> {
        let [low, high, day] = *self.data() else { return None };
        let nanos = u64::from(high) << 32 | u64::from(low);
        Some(PrimitiveValue::Int96(nanos.cast_signed(), i64::from(day)))
    }
}

impl AsPrimitiveValue for ByteArray {
    #[inline]
    fn value(&self) -> Option<PrimitiveValue<'_>> {
        Some(PrimitiveValue::ByteArray(self.data()))
    }
}

impl AsPrimitiveValue for FixedLenByteArray {
    #[inline]
    fn value(&self) -> Option<PrimitiveValue<'_>> {
        Some(PrimitiveValue::ByteArray(self.data()))
    }
}
