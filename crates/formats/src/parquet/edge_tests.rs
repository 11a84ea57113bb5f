//! Numbers of damaged and extreme files never overflow: each gives a value in range or a reject reason.

use proptest::prelude::*;

use super::encode::{append_json, encode};
use super::page_header::PageHeader;
use super::primitive_type::{PrimitiveType, TimeUnit};
use super::primitive_value::PrimitiveValue;
use super::raw_schema::check_schema;
use crate::reject::RejectReason;
use crate::row_encoder::RowEncoder;
use crate::tests::{TestFile, decode};

/// Encodes the value for each column type that it fits, and as JSON.
fn check(kind: PrimitiveType, value: PrimitiveValue<'_>) {
    let _json = append_json(kind, value, &mut Vec::new());
    for column in
        ["v date", "v time", "v timestamp", "v timestamptz", "v numeric", "v numeric(10,2)", "v bigint", "v real"]
    {
        let file = TestFile::new(protocol::Format::Parquet, &[column]);
        let spec = file.spec();
        let encoder = RowEncoder::new(&spec);
        let column = &file.columns[0];
        let mut tuple = vec![0, 1];
        if kind.fits(&encoder.columns[0]) && encode(&encoder, 0, kind, value, &mut Vec::new(), &mut tuple).is_ok() {
            // The decoder fails for a value that it cannot print.
            assert_eq!(decode::tuples(&tuple, &[column.kind]).len(), 1, "{kind:?} {value:?}");
        }
    }
}

/// Numbers near the limits of their type, and near zero.
fn edges() -> impl Strategy<Value = i64> {
    let near = prop_oneof![
        Just(0),
        Just(i64::MIN),
        Just(i64::MAX),
        Just(i64::from(i32::MIN)),
        Just(i64::from(i32::MAX)),
        Just(i64::from(u32::MAX)),
        // 0001-01-01 and 10000-01-01 in microseconds since 1970.
        Just(-62_135_596_800_000_000),
        Just(253_402_300_800_000_000),
    ];
    prop_oneof![any::<i64>(), (near, -3_i64..=3).prop_map(|(near, offset)| near.saturating_add(offset))]
}

fn time_unit() -> impl Strategy<Value = TimeUnit> {
    prop::sample::select(vec![TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos])
}

#[test]
fn overflowing_int96_day_is_rejected() {
    let out_of_range = Err(RejectReason::OutOfRange("a timestamp of the years 1 to 9999"));
    for day in [215_226_121, i64::from(u32::MAX), 5_373_485, 1_721_425] {
        let json = append_json(PrimitiveType::Int96, PrimitiveValue::Int96(0, day), &mut Vec::new());
        assert_eq!(json, out_of_range, "{day}");
    }
    for (day, text) in [(1_721_426, "\"0001-01-01T00:00:00Z\""), (5_373_484, "\"9999-12-31T00:00:00Z\"")] {
        let mut json = Vec::new();
        assert_eq!(append_json(PrimitiveType::Int96, PrimitiveValue::Int96(0, day), &mut json), Ok(()));
        assert_eq!(json, text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_int96_is_timestamp_or_reject(nanos in edges(), day in any::<u32>()) {
        check(PrimitiveType::Int96, PrimitiveValue::Int96(nanos, i64::from(day)));
    }

    #[test]
    fn any_integer_is_value_or_reject(number in edges(), unit in time_unit(), is_instant: bool, is_signed: bool) {
        let short = PrimitiveValue::Int32(i32::try_from(number.clamp(i32::MIN.into(), i32::MAX.into())).unwrap());
        for value in [PrimitiveValue::Int64(number), short] {
            check(PrimitiveType::Timestamp { unit, is_instant }, value);
            check(PrimitiveType::Time(unit), value);
            check(PrimitiveType::Date, value);
            check(PrimitiveType::Integer { bits: 64, is_signed }, value);
            check(PrimitiveType::Decimal { precision: 18, scale: 18 }, value);
        }
    }

    #[test]
    fn any_decimal_bytes_are_number_or_reject(bytes in prop::collection::vec(any::<u8>(), 0..80), scale in 0_u16..=1000) {
        check(PrimitiveType::Decimal { precision: 1000, scale }, PrimitiveValue::ByteArray(&bytes));
        check(PrimitiveType::Float16, PrimitiveValue::ByteArray(&bytes));
        check(PrimitiveType::Uuid, PrimitiveValue::ByteArray(&bytes));
    }

    #[test]
    fn any_float_is_number_or_reject(float in any::<f32>(), double in any::<f64>()) {
        check(PrimitiveType::Float, PrimitiveValue::Float(float));
        check(PrimitiveType::Double, PrimitiveValue::Double(double));
    }

    #[test]
    fn any_thrift_bytes_parse_or_fail(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff), Just(0x15)], 0..64)) {
        let _schema = check_schema(&bytes);
        let _header = PageHeader::read(&bytes);
    }
}

#[test]
fn overflowing_field_id_is_invalid() {
    // The largest field id, and a field whose id is one more.
    let mut bytes = vec![0x05];
    bytes.extend([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00, 0x15, 0x00, 0x00]);
    assert!(check_schema(&bytes).is_err());
    assert!(PageHeader::read(&bytes).is_err());
}
