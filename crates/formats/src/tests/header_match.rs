//! Columns that are matched by folded name or by position, and columns that the file may lack.

use pipeline::{Column, ColumnSource, CsvOptions, Extra, HeaderMatch, Ragged};
use protocol::Format;

use super::{TestFile, column};

fn setup(columns: &[&str], header_match: HeaderMatch) -> TestFile {
    TestFile { header_match, ..TestFile::new(Format::Csv, columns) }
}

fn at(position: u32, text: &str) -> Column {
    Column { source: ColumnSource::Position(position), ..column(text) }
}

fn optional(text: &str) -> Column {
    Column { optional: true, ..column(text) }
}

#[test]
fn folded_names_ignore_case_and_separators() {
    let fold = setup(&["order_id text", "größe text"], HeaderMatch::Fold);
    for header in ["order_id,größe", "ORDER ID,GRÖSSE", " Order-Id , Größe", "größe,order id"] {
        let (first, second) = if header.starts_with('g') { ("2", "1") } else { ("1", "2") };
        let file = format!("{header}\n{first},{second}\n");
        if header.contains("SS") {
            assert!(fold.load(file.as_bytes()).is_err(), "{header}");
        } else {
            fold.check(file, &["1|2"], &[]);
        }
    }
    let message = "the header does not match the dataset's columns: repeated [\"Order ID\"]; \
                   expected [\"order_id\", \"größe\"], found [\"order_id\", \"Order ID\", \"größe\"]";
    fold.check_error("order_id,Order ID,größe\n", message);
    let message = "the header does not match the dataset's columns: missing [\"größe\"], unknown [\"x\"]; \
                   expected [\"order_id\", \"größe\"], found [\"ORDER ID\", \"x\"]";
    fold.check_error("ORDER ID,x\n", message);
    let rescue = TestFile { extra: Extra::Rescue, ..fold };
    rescue.check("größe,X, x,Order ID\n1,2,3,4\n", &["4|1|{\"X\":\"2\",\" x\":\"3\"}"], &[]);
}

#[test]
fn exact_names_keep_case_and_spaces() {
    for header in ["A,b", "a, b", "a,B"] {
        assert!(setup(&["a text", "b text"], HeaderMatch::Exact).load(format!("{header}\n").as_bytes()).is_err());
    }
}

#[test]
fn columns_by_position_ignore_the_header() {
    let position = setup(&["a text", "b text"], HeaderMatch::Position);
    position.check("x,\n1,2\n3\n", &["1|2"], &["3@7: 1 field, but the dataset has 2 columns"]);
    position.check("b,a\n1,2\n", &["1|2"], &[]);
    position.check("one title\n1,2\n", &["1|2"], &[]);
    position.check_error("", "the file is empty");
    let chosen = TestFile { columns: vec![at(3, "a text"), at(1, "b text")], ..position };
    chosen.check("x,x,x\n1,2,3\n4,5\n", &["3|1"], &["3@12: 2 fields, but the header has 3"]);
    chosen.check_error("x,y\n1,2\n", "line 1: in the header: 2 fields, but column a is field 3");
}

#[test]
fn position_reads_repeated_and_empty_headers() {
    let mut exact = setup(&["id text"], HeaderMatch::Exact);
    exact.columns.extend([at(3, "second text"), at(4, "unnamed text")]);
    let message = "the header does not match the dataset's columns: unknown [\"x\"]; \
                   expected [\"id\", \"field 3\", \"field 4\"], found [\"id\", \"x\", \"id\", \"\"]";
    exact.check_error("id,x,id,\n1,2,3,4\n", message);
    let message = "the header does not match the dataset's columns: missing [\"field 4\"]; \
                   expected [\"id\", \"field 3\", \"field 4\"], found [\"id\", \"x\", \"id\"]";
    let ignoring = TestFile { extra: Extra::Ignore, ..exact.clone() };
    ignoring.check("id,x,id,\n1,2,3,4\n", &["1|3|4"], &[]);
    ignoring.check_error("id,x,id\n1,2,3\n", message);
    let rescuing = TestFile { extra: Extra::Rescue, ..exact };
    rescuing.check("id,x,id,\n1,2,3,4\n", &["1|3|4|{\"x\":\"2\"}"], &[]);
}

#[test]
fn optional_column_may_be_missing() {
    let mut file = setup(&["id text"], HeaderMatch::Exact);
    file.columns.insert(0, optional("note text"));
    file.check("id\n1\n2,x\n", &["NULL|1"], &["3@5: 2 fields, but the header has 1"]);
    file.check("id,note\n1,x\n", &["x|1"], &[]);
    file.check_error(
        "note\nx\n",
        "the header does not match the dataset's columns: missing [\"id\"]; expected [\"note\", \"id\"], found [\"note\"]",
    );
    file.csv = CsvOptions { ragged: Ragged::Both, ..file.csv };
    file.check("id,\n1\n2,,\n", &["NULL|1", "NULL|2"], &[]);
    file.columns.push(Column { optional: true, ..at(3, "last text") });
    file.check("id\n1\n", &["NULL|1|NULL"], &[]);
}

#[test]
fn inference_knows_folded_and_positioned_columns() {
    let mut file = setup(&["order_id text"], HeaderMatch::Fold);
    file.columns.push(at(3, "second text"));
    let found = crate::infer(&file.spec(), &b"Order ID,x,x\n1,2,3\n"[..]).unwrap();
    let names = |columns: &[pipeline::ColumnName]| columns.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&found.known), ["second", "order_id"]);
    assert_eq!(found.new.iter().map(|column| column.header.as_str()).collect::<Vec<_>>(), ["x"]);
}
