//! A file converts to the same rows and rejects, however its bytes arrive.

use std::io::Read;

use pipeline::Extra;
use proptest::prelude::*;
use protocol::Format;

use super::{Conversion, TestFile};

/// Returns as many bytes per read as `sizes` says, in a cycle.
struct PiecewiseReader<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for PiecewiseReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().copied().unwrap_or(1).min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

fn in_pieces(setup: &TestFile, file: &[u8], sizes: &[usize], read_block_bytes: usize) -> Result<Conversion, String> {
    let mut setup = setup.clone();
    setup.limits.read_block_bytes = read_block_bytes;
    let pieces = PiecewiseReader { bytes: file, sizes: sizes.iter().cycle() };
    setup.load_from(pieces).map_err(|error| error.to_string())
}

fn check(setup: &TestFile, file: &[u8], sizes: &[usize], read_block_bytes: usize) {
    let mut setup = setup.clone();
    setup.limits.record_bytes_max = 40;
    setup.csv.quoted_lines = 3;
    let whole = setup.load(file).map_err(|error| error.to_string());
    assert_eq!(in_pieces(&setup, file, sizes, read_block_bytes), whole, "{:?}", String::from_utf8_lossy(file));
}

/// Mostly bytes that have a meaning in the format, so that rare cases are frequent.
fn token_mix(tokens: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(tokens), 0..40).prop_map(|tokens| tokens.concat())
}

const CSV: &[&[u8]] = &[
    b"1",
    b"22,",
    b",",
    b",",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\"",
    b"\"x\"",
    b"\"\"",
    b"abc",
    "é".as_bytes(),
    b"\xe2\x82",
    b"\0",
];
const JSON: &[&[u8]] = &[
    b"{\"a\":1}",
    b"{\"b\":\"x\"}",
    b"{\"b\":\"]}\\\\\"}",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b",",
    b"\n",
    b" ",
    b"\"",
    b"\\",
    b"\r\n",
    "{\"b\":\"é\"}".as_bytes(),
    b"\xff",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn csv_is_independent_of_pieces(token_mix in token_mix(CSV), mark: bool, sizes in proptest::collection::vec(1_usize..9, 1..5), block in 1_usize..24) {
        let file = [if mark { "\u{feff}" } else { "" }.as_bytes(), b"a,b\n", &token_mix].concat();
        check(&TestFile::new(Format::Csv, &["a integer", "b text"]), &file, &sizes, block);
    }

    #[test]
    fn csv_dialect_is_independent_of_pieces(
        token_mix in token_mix(CSV),
        escape: bool,
        comment: bool,
        quote: bool,
        sizes in proptest::collection::vec(1_usize..9, 1..5),
        block in 1_usize..24,
    ) {
        let mut setup = TestFile::new(Format::Tsv, &["a integer", "b text"]);
        setup.csv.escape = escape.then_some(b'2');
        setup.csv.comment = comment.then_some(b'a');
        setup.csv.quote = quote.then_some(b'"');
        setup.csv.header = false;
        let file: Vec<_> = token_mix.iter().map(|byte| if *byte == b',' { b'\t' } else { *byte }).collect();
        check(&setup, &file, &sizes, block);
    }

    #[test]
    fn rescued_csv_is_independent_of_pieces(token_mix in token_mix(CSV), sizes in proptest::collection::vec(1_usize..9, 1..5), block in 1_usize..24) {
        let mut setup = TestFile::new(Format::Csv, &["b text"]);
        setup.extra = Extra::Rescue;
        check(&setup, &[b"a,b\n", token_mix.as_slice()].concat(), &sizes, block);
    }

    #[test]
    fn json_lines_are_independent_of_pieces(token_mix in token_mix(JSON), sizes in proptest::collection::vec(1_usize..9, 1..5), block in 1_usize..24) {
        check(&TestFile::new(Format::Jsonl, &["a integer", "b text"]), &token_mix, &sizes, block);
    }

    #[test]
    fn json_array_is_independent_of_pieces(token_mix in token_mix(JSON), sizes in proptest::collection::vec(1_usize..9, 1..5), block in 1_usize..24) {
        let file = [b"[", token_mix.as_slice()].concat();
        check(&TestFile::new(Format::Json, &["a integer", "b text"]), &file, &sizes, block);
    }

    #[test]
    fn valid_json_array_loads_all_elements(count in 0_usize..12, sizes in proptest::collection::vec(1_usize..9, 1..5), block in 1_usize..24) {
        let file = format!("[{}]", vec!["{\"a\": 12, \"b\":\"x]\\\"\"}\r\n"; count].join(","));
        let setup = TestFile::new(Format::Json, &["a integer", "b text"]);
        check(&setup, file.as_bytes(), &sizes, block);
        prop_assert_eq!(setup.load(file.as_bytes()).unwrap().rows.len(), count);
    }
}
