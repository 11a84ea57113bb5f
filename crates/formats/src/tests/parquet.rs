//! Converts the Parquet files of the corpus with other fetch sizes, with damage, and at the limits. The corpus tests
//! check their content.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use protocol::Format;

use super::{Conversion, TestFile};
use crate::{FileError, RandomAccess};

/// Damaged variants per file.
const DAMAGED: usize = 60;

fn corpus_file(name: &str) -> Bytes {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/cases");
    std::fs::read(cases.join(name).join("input.parquet")).unwrap().into()
}

/// All readable files, with the columns of their schemas.
fn good_files() -> Vec<(String, Bytes, TestFile)> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/cases");
    let names = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name.starts_with("parquet-") && name != "parquet-rows-without-end");
    let files = names.map(|name| (corpus_file(&name), name));
    let good: Vec<_> = files.filter_map(|(file, name)| setup(&file).map(|setup| (name, file, setup))).collect();
    assert!(good.len() > 60, "{} files", good.len());
    good
}

fn setup(file: &Bytes) -> Option<TestFile> {
    let mut setup = TestFile::new(Format::Parquet, &[]);
    let shared: Arc<dyn RandomAccess> = Arc::new(file.clone());
    setup.columns = crate::infer_parquet(&setup.spec(), &shared).ok()?.new;
    setup.load_parquet(file.clone()).is_ok().then_some(setup)
}

#[test]
fn parquet_rows_are_independent_of_fetch_size() {
    for (name, file, mut setup) in good_files() {
        let whole = setup.load_parquet(file.clone()).unwrap();
        for fetch_bytes in [1, 100, 1000] {
            setup.limits.parquet_fetch_bytes = fetch_bytes;
            setup.limits.parquet_block_bytes_min = 1;
            assert_eq!(setup.load_parquet(file.clone()).unwrap(), whole, "{name} by {fetch_bytes}");
        }
    }
}

#[test]
fn damaged_parquet_returns_error_or_rows() {
    // Xorshift gives the same numbers in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for (_, file, setup) in good_files() {
        for _ in 0..DAMAGED {
            let mut damaged = file.to_vec();
            for _ in 0..=random(3) {
                let at = random(damaged.len());
                match random(4) {
                    0 => damaged[at] ^= 1 << random(8),
                    1 => damaged[at] = u8::try_from(random(256)).unwrap(),
                    2 => drop(damaged.splice(at..at, [0xff; 5])),
                    _ => damaged.swap(at, 0),
                }
            }
            // Any result is right, if the call returns within the memory limit.
            let _outcome = setup.load_parquet(damaged.into());
        }
    }
}

fn check(setup: &TestFile, name: &str, says: Option<&str>) {
    match (setup.load_parquet(corpus_file(name)), says) {
        (Ok(_), None) => {}
        (Err(error), Some(says)) => assert!(error.to_string().contains(says), "{error}\ndoes not say\n{says}"),
        (Ok(Conversion { counts, .. }), Some(says)) => panic!("{counts:?}, and not {says}"),
        (Err(error), None) => panic!("{error}"),
    }
}

#[test]
fn parquet_limits_apply_at_their_edges() {
    let name = "parquet-codec-snappy";
    let file = corpus_file(name);
    let edge = |set: fn(&mut TestFile, usize), most: usize, says: &str| {
        let mut setup = setup(&file).unwrap();
        set(&mut setup, most);
        check(&setup, name, None);
        set(&mut setup, most - 1);
        check(&setup, name, Some(says));
    };
    let footer = u32::from_le_bytes(*file[file.len() - 8..].first_chunk().unwrap());
    let set_footer = |setup: &mut TestFile, max| setup.limits.parquet_footer_bytes_max = max as u64;
    edge(set_footer, usize::try_from(footer).unwrap(), "bytes, the limit is");
    // Seven integers of eight bytes are the largest page and the largest dictionary.
    edge(|setup, max| setup.limits.parquet_page_bytes_max = max, 56, "a page has at most");
    edge(|setup, max| setup.limits.parquet_dictionary_values_max = max, 7, "a dictionary of 7 values, the limit is 6");
}

#[test]
fn endless_parquet_row_is_refused() {
    let name = "parquet-many-pages";
    let mut setup = setup(&corpus_file(name)).unwrap();
    setup.limits.parquet_row_bytes_max = 100;
    let error = setup.load_parquet(corpus_file(name)).unwrap_err();
    assert!(matches!(error, FileError::RecordTooLarge { .. }), "{error}");
}
