use chrono::{NaiveDate, NaiveDateTime};
use proptest::prelude::*;

use super::check;
use super::segment::PartialCaptures;
use super::template_token::TemplateToken;
use super::time_format::{self, FormatPart, TimeField};
use super::{Captures, KeyTemplate, TemplateError};
use crate::limits::KEY_BYTES_MAX;

const PUMP_FLOW: &str = "raw_data/pump_flow/{scheduled:%Y/%m/%d}/pump_flow-{scheduled:%Y-%m-%d-%H:%M:%S}.json";
const TRIGGER: &str = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}_{actual:%Y-%m-%d_%H:%M:%S}.trig";

fn template(text: &str) -> KeyTemplate {
    KeyTemplate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn time(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap()
}

#[test]
fn keys_match_and_build_again() {
    let check = |text: &str, key: &str, expected: Captures| {
        let template = template(text);
        assert_eq!(template.matches(key).as_ref(), Some(&expected), "{text} {key}");
        assert_eq!(template.build(&expected).as_deref(), Ok(key), "{text} {key}");
    };
    let none = Captures::default;
    let date = |at: &str| none().with_time("date", time(at));
    check("orders.csv", "orders.csv", none());
    check("raw/{date:%Y-%m-%d}/orders.csv", "raw/2024-02-29/orders.csv", date("2024-02-29 00:00:00"));
    check("{date:%F}", "2024-02-29", date("2024-02-29 00:00:00"));
    check("{date:%Y%m%d}.csv", "20240229.csv", date("2024-02-29 00:00:00"));
    check("{date:%Y-%j}.csv", "2024-060.csv", date("2024-02-29 00:00:00"));
    check("{date:%Y-%m}.csv", "2024-02.csv", date("2024-02-01 00:00:00"));
    check("{date:%Y}.csv", "0001.csv", date("0001-01-01 00:00:00"));
    check("{date:%Y}/{date:%m}/{date:%d}.csv", "2024/02/29.csv", date("2024-02-29 00:00:00"));
    check("{date:%F/%j}.csv", "2024-02-29/060.csv", date("2024-02-29 00:00:00"));
    check("{date:100%% %FT%R}", "100% 2024-02-29T23:59", date("2024-02-29 23:59:00"));
    check("{date:%F %T.%3f}", "2024-02-29 23:59:58.007", date("2024-02-29 23:59:58.007"));
    check("{date:%F %T.%f}", "2024-02-29 23:59:58.000000001", date("2024-02-29 23:59:58.000000001"));
    check("{date:%F %T.%3f %6f}", "2024-02-29 23:59:58.123 123456", date("2024-02-29 23:59:58.123456"));
    check(
        TRIGGER,
        "triggers/pump_flow/Succeeded_2024-01-31_10:15:00_2024-01-31_10:15:07.trig",
        none()
            .with_text("status", "Succeeded")
            .with_time("scheduled", time("2024-01-31 10:15:00"))
            .with_time("actual", time("2024-01-31 10:15:07")),
    );
    check(
        PUMP_FLOW,
        "raw_data/pump_flow/2024/01/31/pump_flow-2024-01-31-10:15:00.json",
        none().with_time("scheduled", time("2024-01-31 10:15:00")),
    );
    check("{site}/x_{batch}_y/{site}", "é+ %/x_1_2_y/é+ %", none().with_text("site", "é+ %").with_text("batch", "1_2"));
    check("{site}_{batch}/{site}", "a_b_c/a_b", none().with_text("site", "a_b").with_text("batch", "c"));
    check("{site}{date:%Y}", "2222024", none().with_text("site", "222").with_time("date", time("2024-01-01 00:00:00")));
    check(
        "{a}-{date:%F}-{b}",
        "x-2024-13-01-2024-12-01-y",
        none().with_text("a", "x-2024-13-01").with_text("b", "y").with_time("date", time("2024-12-01 00:00:00")),
    );
}

#[test]
fn other_keys_do_not_match() {
    let check = |text: &str, key: &str| assert_eq!(template(text).matches(key), None, "{text} {key}");
    check("orders.csv", "orders.csv.gz");
    check("orders.csv", "/orders.csv");
    check("orders.csv", "Orders.csv");
    check("orders.csv", "");
    check("a/{site}/b", "a//b");
    check("a/{site}/b", "a/x/y/b");
    check("{site}.csv", ".csv");
    check("a_{site}_a", "a_a");
    check("a{x}b{y}b", "a1b");
    check("a/*", "a/b/c");
    check("a/*.csv", "a/csv");
    check("{date:%Y-%m-%d}.csv", "2023-02-29.csv");
    check("{date:%Y-%m-%d}.csv", "2024-2-29.csv");
    check("{date:%Y-%m-%d}.csv", "02024-02-29.csv");
    check("{date:%Y-%m-%d}.csv", "0000-02-29.csv");
    check("{date:%Y-%m-%d}.csv", "+202-02-29.csv");
    check("{date:%Y-%m-%d}.csv", "２024-02-29.csv");
    check("{date:%Y-%j}.csv", "2023-366.csv");
    check("{date:%F-%H}.csv", "2024-01-01-24.csv");
    check("{date:%F-%T}.csv", "2024-01-01-10:00:60.csv");
    check("{date:%F/%j}.csv", "2024-02-29/061.csv");
    check("{site}/{site}", "a/b");
    check(PUMP_FLOW, "raw_data/pump_flow/2024/01/30/pump_flow-2024-01-31-10:15:00.json");
    check("*", &"a".repeat(KEY_BYTES_MAX + 1));
}

#[test]
fn star_matches_any_text_without_a_slash() {
    let check = |text: &str, key: &str| assert_eq!(template(text).matches(key), Some(Captures::default()), "{key}");
    check("a/*.csv", "a/.csv");
    check("a/*.csv", "a/x.csv.csv");
    check("*/*", "/");
    check("*", "");
    check("*", &"é".repeat(KEY_BYTES_MAX / 2));
    assert_eq!(template("a/*").build(&Captures::default()), Err(TemplateError::Star));
}

#[test]
fn shortest_text_from_the_left_wins() {
    let captures = template("{a}_{b}.csv").matches("x_y_z.csv").unwrap();
    assert_eq!((captures.text("a"), captures.text("b")), (Some("x"), Some("y_z")));
}

#[test]
fn irreversible_templates_are_errors() {
    let check = |text: &str, expected: &str| {
        let found = KeyTemplate::parse(text).expect_err(text).to_string();
        assert!(found.contains(expected), "{text}: {found}");
    };
    check("", "the template is empty");
    check(&"a".repeat(1025), "1025 bytes");
    check("{a", "unclosed `{` at byte 0");
    check("raw/a}", "unmatched `}` at byte 5");
    check("{}", "`{}` is not a placeholder");
    check("{:%Y}", "`{:%Y}` is not a placeholder");
    check("{Site}", "`{Site}` is not a placeholder");
    check("{a b}", "`{a b}` is not a placeholder");
    check("{{a}}", "`{{a}` is not a placeholder");
    check("{date}", "`{date}` requires a format");
    check("{scheduled}", "`{scheduled}` requires a format");
    check("{status:%Y}", "`{status}` has no format");
    check("{a}{b}", "`{a}` and `{b}` are adjacent");
    check("{a}*", "`{a}` and `*` are adjacent");
    check("**", "`*` and `*` are adjacent");
    check("{x}/{x:%Y}", "has a format in one place and none in another");
    check("{x:%y%m%d}", "has a year of two digits");
    check("{x:%D}", "has a year of two digits");
    check("{x:%Y-%b-%d}", "contains `%b`");
    check("{x:%Y-%-m-%d}", "contains `%-`");
    check("{x:%s}", "contains `%s`");
    check("{x:%F %I:%M}", "contains `%I`");
    check("{x:%F%z}", "contains `%z`");
    check("{x:%F%.3f}", "contains `%.`");
    check("{x:%Y%}", "contains `%`");
    check("{x:}", "has no part of a time");
    check("{x:csv}", "has no part of a time");
    check("{x:%Y*}", "contains `*` or `{`");
    check("{x:%Y{y}}", "contains `*` or `{`");
    check("{x:%m-%d}", "`{x}` has a time without a year (%Y)");
    check("{x:%Y-%d}", "`{x}` has %d without %m");
    check("{x:%Y-%m %H}", "`{x}` has %H without a day");
    check("{x:%F %M}", "`{x}` has %M without %H");
    check("{x:%F %H %S}", "`{x}` has %S without %M");
    check("{x:%F %R %3f}", "`{x}` has %f without %S");
    check("{a}-{a}", "`{a}` is used twice; in one folder");
    check("{a}-{b}/{a}-{b}", "`{a}` is used twice; in one folder");
    check("{d:%F}/{a}_{d:%F}_{b}", "`{d}` is used twice; then it must not stand between");
    check("{a}_{d:%F}_{b}_{d:%F}_{c}", "`{d}` is used twice; then it must not stand between");
}

#[test]
fn irreversible_values_are_not_built() {
    let check = |text: &str, captures: Captures, expected: &str| {
        let found = template(text).build(&captures).expect_err(text).to_string();
        assert!(found.contains(expected), "{text}: {found}");
    };
    let ab = |a: &str, b: &str| Captures::default().with_text("a", a).with_text("b", b);
    check("{a}_{b}", ab("x_y", "z"), "`{a}` = `x_y` cannot be read back from the key `x_y_z`");
    check("{a}_{b}", ab("x", ""), "`{b}` cannot have the value ``");
    check("{a}_{b}", ab("x", "../y"), "`{b}` cannot have the value `../y`");
    check("{a}_{b}", Captures::default().with_text("a", "x"), "`{b}` has no value");
    check("{a}_{b}", ab("x", &"y".repeat(1023)), "the key has 1025 bytes");
    check("{date:%F}", Captures::default(), "`{date}` has no value");
    check("{date:%F}", Captures::default().with_time("date", NaiveDate::MIN.into()), "expected a year from 1 to 9999");
}

#[test]
fn fill_in_keeps_placeholders_without_value() {
    let values = Captures::default().with_time("date", time("2026-03-04 10:15:00")).with_text("shop", "a");
    let check = |text: &str, expected: &str| assert_eq!(template(text).fill_in(&values), expected, "{text}");
    check("raw/{date:%Y-%m-%d}/{shop}.csv", "raw/2026-03-04/a.csv");
    check("{date:%F_%H}/{status}_{actual:%F}/*.csv", "2026-03-04_10/{status}_{actual:%F}/*.csv");
    check("orders.csv", "orders.csv");
    let written = template("{shop}/*/{date:%Y}/{shop}");
    let placeholders: Vec<_> = written.placeholders().map(|it| (it.name, it.format)).collect();
    assert_eq!(placeholders, [("shop", None), ("date", Some("%Y")), ("shop", None)]);
}

#[test]
fn trigger_must_give_every_value_of_its_source() {
    let check = |trigger: &str, source: &str, expected: Option<&str>| {
        let found = template(source).missing_from(&template(trigger), "the trigger", &["given"]);
        match (&found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) if found.contains(expected) => {}
            _ => panic!("{trigger} {source}: {found:?}"),
        }
    };
    check(TRIGGER, PUMP_FLOW, None);
    check("{date:%Y-%j}", "{date:%d/%m/%Y}", None);
    check("{date:%F %T.%6f}", "{date:%F %T.%3f}", None);
    check("{date:%F}", "constant.csv", None);
    check("{date:%F}", "{date:%F %H}", Some("`{date:%F %H}` has more parts than {date} of the trigger"));
    check("{date:%F %T.%3f}", "{date:%F %T.%6f}", Some("has more parts"));
    check("{date:%Y-%m}", "{date:%F}", Some("has more parts"));
    check("{date:%F}", "{scheduled:%F}", Some("`{scheduled:%F}` is not a time of the trigger"));
    check("{date:%F}", "{site}.csv", Some("`{site}` is not in the trigger"));
    check("{date:%F}", "*.csv", Some("a template with `*`"));
    check("{date:%F}", "{given}.csv", None);
    check("{date:%F}", "{given:%F}.csv", Some("`{given:%F}` is not a time of the trigger"));
}

#[test]
fn prefix_match_names_the_expected_text() {
    let check = |text: &str, key: &str, upto: &str, expects: &str| {
        let progress = template(text).prefix_match(key);
        assert_eq!((&key[..progress.bytes], progress.expects.as_str()), (upto, expects), "{text} {key}");
    };
    check("raw/orders.csv", "raw/ordrs.csv", "raw/ord", "`ers.csv`");
    check("raw/orders.csv", "raw/orders.csv.gz", "raw/orders.csv", "the end of the key");
    check("raw/orders.csv", "é", "", "`raw/orders.csv`");
    check(
        TRIGGER,
        "triggers/pump_flow/Succeeded_2024-13-01.trig",
        "triggers/pump_flow/Succeeded_",
        "a time in the format %Y-%m-%d_%H:%M:%S",
    );
    check(TRIGGER, "triggers/pump_flow/done.trig", "triggers/pump_flow/", "{status} followed by `_`");
    check("{a}.csv", "orders.txt", "orders.", "`csv`");
    check("a/{a}", "a/", "a/", "at least one character for {a}");
    check("{a}/{a}", "x/y", "x/y", "consistent values of its placeholders");
    check("{date:%d.}{date:%m.%Y}", "31.02.2024", "31.02.2024", "consistent values of its placeholders");
}

#[test]
fn hostile_keys_match_fast() {
    let started = std::time::Instant::now();
    let many = (b'a'..=b'z').map(|letter| format!("{{{0}}}a", char::from(letter))).collect::<String>();
    for text in
        [many.as_str(), "*a*a*a*a*a*a*a*a*a*a*b", "{x}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab{y}", "{a}{d:%Y}{b}{e:%Y}*"]
    {
        for key in ["a".repeat(1024), "1".repeat(1024), "2024".repeat(256)] {
            let _ = template(text).matches(&key);
            let _ = template(text).prefix_match(&key);
        }
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

/// Matches by trial and error: slow, but simple enough to be right.
fn fits(tokens: &[TemplateToken], key: &str, texts: &mut Vec<(String, String)>, found: &mut PartialCaptures) -> bool {
    let Some((token, rest)) = tokens.split_first() else {
        let names: Vec<String> = found.fields.iter().map(|(name, ..)| name.clone()).collect();
        return key.is_empty() && names.iter().all(|name| time_format::assemble(&found.fields_of(name)).is_some());
    };
    match token {
        TemplateToken::Literal(text) => {
            key.strip_prefix(text.as_str()).is_some_and(|key| fits(rest, key, texts, found))
        }
        TemplateToken::Time { name, parts, .. } => {
            let known = found.fields.len();
            let mut at = 0;
            for part in parts {
                let here = &key[at..];
                let width = match part {
                    FormatPart::Literal(text) => here.starts_with(text.as_str()).then_some(text.len()),
                    FormatPart::Field(field) => field.read(here.as_bytes()).map(|number| {
                        found.fields.push((name.clone(), *field, number));
                        field.width()
                    }),
                };
                match width {
                    Some(width) => at += width,
                    None => {
                        found.fields.truncate(known);
                        return false;
                    }
                }
            }
            let fit = fits(rest, &key[at..], texts, found);
            found.fields.truncate(known);
            fit
        }
        TemplateToken::Star | TemplateToken::Text(_) => {
            let folder = key.split('/').next().unwrap_or_default().len();
            (usize::from(*token != TemplateToken::Star)..=folder).any(|end| {
                let TemplateToken::Text(name) = token else { return fits(rest, &key[end..], texts, found) };
                let known = texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
                if known.is_some_and(|known| known != key[..end]) {
                    return false;
                }
                texts.push((name.clone(), key[..end].to_owned()));
                let fit = fits(rest, &key[end..], texts, found);
                texts.pop();
                fit
            })
        }
    }
}

fn any_template() -> impl Strategy<Value = KeyTemplate> {
    let piece = prop::sample::select(vec![
        "{a}",
        "{b}",
        "{c}",
        "*",
        "/",
        "_",
        "a",
        "2",
        "/",
        "_",
        "{d:%Y}",
        "{d:%Y-%m}",
        "{e:%Y}",
        "{d:%m}",
    ]);
    prop::collection::vec(piece, 1..9)
        .prop_filter_map("reversible templates", |pieces| KeyTemplate::parse(&pieces.concat()).ok())
}

/// A key that mostly matches the template: some values are invalid, and sometimes one character is missing.
fn any_key(template: &KeyTemplate) -> impl Strategy<Value = String> + use<> {
    let texts = ["a", "_", "2", "a_2", "2024", "2_2024-01_", "2024-13", "ab_"];
    let tokens = template.tokens.clone();
    let choices = prop::collection::vec(0..texts.len(), tokens.len() + 3);
    (choices, 0..60_usize).prop_map(move |(choices, lost)| {
        let by_name = |name: &str| choices[usize::from(name.as_bytes()[0] % 3)];
        let mut key = String::new();
        for (token, choice) in tokens.iter().zip(choices.iter().skip(3)) {
            match token {
                TemplateToken::Literal(text) => key.push_str(text),
                TemplateToken::Star => key.push_str(texts[*choice]),
                TemplateToken::Text(name) => key.push_str(texts[by_name(name)]),
                TemplateToken::Time { format, .. } => {
                    key.push_str(&format.replace("%Y", "2024").replace("%m", ["01", "12", "13"][choice % 3]));
                }
            }
        }
        key.chars().enumerate().filter(|(index, _)| *index != lost).map(|(_, letter)| letter).collect()
    })
}

fn template_and_key() -> impl Strategy<Value = (KeyTemplate, String)> {
    any_template().prop_flat_map(|template| {
        let key = any_key(&template);
        (Just(template), key)
    })
}

/// Builds a key of the template from texts and a year.
fn fill(template: &KeyTemplate, texts: &[&str], year: i32, month: u32) -> (Captures, Option<String>) {
    let date = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
    let mut captures = Captures::default();
    for (index, name) in template.text_names().enumerate() {
        captures = captures.with_text(name, texts[index % texts.len()]);
    }
    for name in template.time_names() {
        let has_month = check::fields_of(&template.tokens, name).contains(&TimeField::Month);
        let date = if has_month { date } else { NaiveDate::from_ymd_opt(year, 1, 1).unwrap() };
        captures = captures.with_time(name, date.into());
    }
    let key = template.build(&captures).ok();
    (captures, key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matching_equals_trial_and_error((template, key) in template_and_key()) {
        let expected = fits(&template.tokens, &key, &mut Vec::new(), &mut PartialCaptures::default());
        let found = template.matches(&key);
        prop_assert_eq!(found.is_some(), expected, "{} {}", template, key);
        if let (Some(captures), false) = (found, template.has_star()) {
            prop_assert_eq!(template.build(&captures), Ok(key));
        }
    }

    #[test]
    fn built_keys_match_with_their_values(
        template in any_template(),
        texts in prop::collection::vec("[a_2é]{1,4}", 3),
        year in 1_i32..=9_999,
        month in 1_u32..=12,
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (captures, key) = fill(&template, &texts, year, month);
        if let Some(key) = key {
            prop_assert_eq!(template.matches(&key), Some(captures), "{} {}", template, key);
        }
    }
}
