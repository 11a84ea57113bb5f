use proptest::prelude::*;

use super::lexer::{SqlLexer, SqlTokenKind};
use super::{Script, Statement};

const RUN_DATE: &str = "(current_setting('penstock.run_date')::date)";
const RUN_ID: &str = "(current_setting('penstock.run_id')::bigint)";

fn statements(text: &str) -> Vec<String> {
    let script = Script::parse("x.sql", text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    assert!(script.statements.iter().enumerate().all(|(index, statement)| statement.number == index + 1));
    script.statements.into_iter().map(|statement| statement.sql).collect()
}

#[test]
fn statements_end_as_in_postgresql() {
    let check = |text: &str, expected: &[&str]| assert_eq!(statements(text), expected, "{text}");
    check("select 1", &["select 1"]);
    check("select 1;", &["select 1"]);
    check("\n;; select 1 ;\r\n;select 2 -- ; end\n;", &["select 1", "select 2"]);
    check("\u{feff}select 1", &["select 1"]);
    check("-- a; b\nselect 1 /* ; /* ; */ ; */ + 1; /* c */", &["select 1 /* ; /* ; */ ; */ + 1"]);
    check("select 1--;\r;select 2", &["select 1", "select 2"]);
    check("select 'a;b'';', \"c;\"\";\", 1", &["select 'a;b'';', \"c;\"\";\", 1"]);
    check(r"select 'a\'; select 'b'", &[r"select 'a\'", "select 'b'"]);
    check(r"select E'a\';b''\\'; select e'\\'", &[r"select E'a\';b''\\'", r"select e'\\'"]);
    check("select E'a' -- c\n '\\';b'; select 1", &["select E'a' -- c\n '\\';b'", "select 1"]);
    check(r"select E'a' '\'; select 1", &[r"select E'a' '\'", "select 1"]);
    check(r"select name'\'; select 1", &[r"select name'\'", "select 1"]);
    check(
        r#"select U&'d\0061;''', u&"x;"; select b'0;', X'1', n';'"#,
        &[r#"select U&'d\0061;''', u&"x;""#, "select b'0;', X'1', n';'"],
    );
    check("select $$;'$$, $a$;$b$;$$;$a$; select 1", &["select $$;'$$, $a$;$b$;$$;$a$", "select 1"]);
    check("select a$b$, c$1 from t; select $é_1$;$é_1$", &["select a$b$, c$1 from t", "select $é_1$;$é_1$"]);
    check(
        "create rule r as on insert to t do also (delete from u; select 1); select 2",
        &["create rule r as on insert to t do also (delete from u; select 1)", "select 2"],
    );
    check("select 2*/* ; */3; select 1", &["select 2*/* ; */3", "select 1"]);
}

#[test]
fn routine_body_belongs_to_its_statement() {
    let check = |text: &str| assert_eq!(statements(&format!("{text}; select 1")), [text, "select 1"]);
    check("create function f() returns int begin atomic select 1; select case when true then 2 end; end");
    check(
        "create or replace procedure p(a int default (1))\nlanguage sql\nBEGIN ATOMIC\n insert into t values (1);\nEND",
    );
    check("CREATE FUNCTION f() returns int as $$ begin; end $$ language plpgsql");
    check("create table begin_atomic (begin int, atomic int)");
    check("select case when a then b end from c");
}

#[test]
fn parameters_are_replaced_outside_of_literals() {
    let check = |text: &str, expected: &str| {
        let expected = expected.replace("DATE", RUN_DATE).replace("ID", RUN_ID);
        assert_eq!(statements(text), [expected], "{text}");
    };
    check("select :run_date, :run_id", "select DATE, ID");
    check("insert into t values (:run_id,:run_date);", "insert into t values (ID,DATE)");
    check("select a from t where d>=:run_date-interval '1 day'", "select a from t where d>=DATE-interval '1 day'");
    check("select :run_date::text, (:run_id)::int, x::date", "select DATE::text, (ID)::int, x::date");
    check("create table t as select :run_date as d", "create table t as select DATE as d");
    check(
        "select ':run_date', \":run_id\", $$:run_id$$ -- :other\n, /* :nothing */ 1",
        "select ':run_date', \":run_id\", $$:run_id$$ -- :other\n, /* :nothing */ 1",
    );
    check("select E'\\':run_date', 'a' :run_id", "select E'\\':run_date', 'a' ID");
    check("call f(a := 1, b := :run_id)", "call f(a := 1, b := ID)");
    check(
        "select a[1:n], a[:n], a[n:], a[b[1]:c], a[:run_id], array[1, :run_id]",
        "select a[1:n], a[:n], a[n:], a[b[1]:c], a[ID], array[1, ID]",
    );
    check("select json_object('a':b, 'c' : d, e:run_id)", "select json_object('a':b, 'c' : d, e:run_id)");
    check("select a::run_date", "select a::run_date");
}

#[test]
fn forbidden_statements_name_their_line() {
    let check = |text: &str, expected: &[&str]| {
        let errors = Script::parse("pipelines/p/x.sql", text).map(drop).unwrap_err().to_string();
        let found: Vec<String> = errors.lines().map(|line| line.replacen("pipelines/p/x.sql:", "", 1)).collect();
        assert_eq!(found, expected, "{text}");
    };
    let one = "is not allowed: Penstock runs all statements in one transaction";
    check("", &["1: no statement found"]);
    check("-- select 1;\n;", &["1: no statement found"]);
    check("begin;\nselect 1;\n\nCOMMIT", &[&format!("1: `begin` {one}"), &format!("4: `commit` {one}")]);
    check("/* a */\nsavepoint a", &[&format!("2: `savepoint` {one}")]);
    for word in ["start transaction", "end", "rollback to a", "abort", "release a"] {
        check(word, &[&format!("1: `{}` {one}", word.split(' ').next().unwrap())]);
    }
    check("prepare transaction 'x'", &[&format!("1: `prepare transaction` {one}")]);
    let alone = "cannot run in a transaction, and Penstock runs all statements in one";
    check("vacuum t", &[&format!("1: `vacuum` {alone}")]);
    check("Create Database d", &[&format!("1: `create database` {alone}")]);
    check("create unique index concurrently i on t (a)", &[&format!("1: `concurrently` {alone}")]);
    check("alter system set x = 1", &[&format!("1: `alter system` {alone}")]);
    let copy = "`copy` with stdin or stdout is not supported; load data as a dataset, write it as an export";
    check("copy t from stdin;\n1\n", &[&format!("1: {copy}")]);
    check("copy (select 1) to STDOUT", &[&format!("1: {copy}")]);
    check("select 1;\n\\i other.sql", &["2: `\\` begins a psql command; only SQL is supported"]);
    check("select :run_dat", &["1: unknown parameter `:run_dat`; did you mean `:run_date`?"]);
    check(
        "select\n :day, :id;select :x",
        &[
            "2: unknown parameter `:day`; expected :run_date or :run_id",
            "2: unknown parameter `:id`; expected :run_date or :run_id",
            "2: unknown parameter `:x`; expected :run_date or :run_id",
        ],
    );
    check("select\n$1", &["2: parameters such as `$1` are not supported; expected :run_date or :run_id"]);
    let outlives = "cannot use a parameter, because it remains after the run; write the value to a table";
    check("create or replace temp view v as\nselect :run_id", &[&format!("2: a view {outlives}")]);
    check("create materialized view v as select :run_id", &[&format!("1: a view {outlives}")]);
    check("select 1;\nselect 'a\n\n", &["2: unterminated string"]);
    check("select E'a\\'", &["1: unterminated string"]);
    check("select \"a", &["1: unterminated quoted name"]);
    check("\nselect /* /* */ 1", &["2: unterminated comment"]);
    check("select $a$ $$", &["1: unterminated string that begins with `$a$`"]);
    check("select (1;\nselect 2", &["1: unclosed `(`"]);
    check("select 1);\nselect (2]", &["1: unmatched `)`", "2: `]` does not match `(`"]);
    check("create function f() returns int\nbegin atomic select 1;", &["2: `begin atomic` has no `end`"]);
    check("select '\0'; select \0", &["1: a NUL character, which PostgreSQL does not accept"]);
    check(&" ".repeat(1024 * 1024 + 1), &["1: the file has 1048577 bytes; a transform has at most 1048576"]);
}

#[test]
fn hostile_file_has_few_short_errors() {
    let parse = |piece: &str| Script::parse("x.sql", &piece.repeat(1024 * 1024 / piece.len()));
    assert_eq!(parse("1;").unwrap().statements.len(), 512 * 1024);
    assert_eq!(parse("E''\n''\n").unwrap().statements.len(), 1);
    for piece in [":x\n", "$a", "/*", "E'", "((", "[:", "$$", "'", ")\n"] {
        let errors = parse(piece).map(|script| assert_eq!(script.statements.len(), 1)).err();
        assert!(errors.is_none_or(|errors| errors.to_string().len() < 20_000), "{piece}");
    }
}

#[test]
fn postgresql_positions_map_to_lines() {
    let text = "-- two\n-- lines\nselect :run_date,\n  'é',\n  nothing\nfrom t;\n\n\n  select 2";
    let script = Script::parse("x.sql", text).unwrap();
    let [first, second] = script.statements.as_slice() else { panic!("{script:?}") };
    let line_of = |part: &str| {
        let before = first.sql.split(part).next().unwrap().chars().count();
        first.line_at(u32::try_from(before + 1).unwrap())
    };
    assert_eq!((first.line, line_of("select"), line_of("'é'"), line_of("nothing"), line_of("from")), (3, 3, 4, 5, 6));
    assert_eq!((second.line, second.line_at(1), second.line_at(0), second.line_at(u32::MAX)), (9, 9, 9, 9));
}

#[test]
fn export_query_is_one_query() {
    let check = |text: &str, expected: Result<&str, &str>| {
        let found = Statement::query(text).map(|statement| statement.sql);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
    };
    check("select 1; -- one", Ok("select 1"));
    check("-- all\n(SELECT 1) union all select 2", Ok("(SELECT 1) union all select 2"));
    check("with a as (select 1) table a", Ok("with a as (select 1) table a"));
    check("values (1)", Ok("values (1)"));
    check("select 1; select 2", Err("a query must be one statement, found 2"));
    check("delete from t returning *", Err("a query must begin with select, with, values or table"));
    check("select :day", Err("unknown parameter `:day`; expected :run_date or :run_id"));
    check("", Err("no statement found"));
}

/// Pieces of SQL, also incomplete ones that the next piece may complete.
const PIECES: [&str; 24] = [
    "'", "''", "E'", "\\'", "\"", "$$", "$a$", "--", "\n", "/*", "*/", ";", ":run_id", "::", ":", "(", ")", "[", "]",
    "a", "1", " ", "é", "U&'",
];

proptest! {
    #[test]
    fn tokens_cover_the_text(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        let text = pieces.concat();
        let mut at = 0;
        for token in SqlLexer::new(&text) {
            let Ok(token) = token else { return Ok(()) };
            prop_assert!(!token.text.is_empty());
            prop_assert_eq!((token.at, &text[at..at + token.text.len()]), (at, token.text));
            at += token.text.len();
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn split_and_joined_text_splits_again(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        let text = pieces.concat();
        let Ok(script) = Script::parse("x.sql", &text) else { return Ok(()) };
        let sent: Vec<String> = script.statements.into_iter().map(|statement| statement.sql).collect();
        prop_assert_eq!(statements(&sent.join(";\n")), sent);
    }

    #[test]
    fn joined_statements_split_again(
        bodies in prop::collection::vec(prop::sample::select(vec![
            "select 1", "insert into t values ('a;b', \";\")", "select $x$;$x$", "select E'\\';'", "delete from t /* ; */ where a",
            "do $$ begin; end $$", "select a[1:n]",
        ]), 1..8),
        blank in prop::sample::select(vec![" ", "\n", "-- ;\n", "/* ; */", ";"]),
    ) {
        prop_assert_eq!(statements(&bodies.join(&format!("{blank};{blank}"))), bodies);
    }

    #[test]
    fn parameters_begin_with_a_colon(text in "\\PC{0,30}") {
        for token in SqlLexer::new(&text).flatten().filter(|token| token.kind == SqlTokenKind::Parameter) {
            prop_assert!(token.text.starts_with(':') && token.text.len() > 1);
        }
    }
}
