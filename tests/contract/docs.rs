//! The documentation agrees with the code: tests, links, commands and definitions that it names exist, and its generated
//! pages are current. `UPDATE=1` rewrites the generated pages.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use fault_plan::FaultPlan;
use penstock::Cli;
use pipeline::Definition;
use protocol::{FailureClass, FailureName};

use crate::machine::{project, read};

#[test]
fn tests_named_by_guarantees_exist() {
    let guarantees = read("docs/guarantees.md");
    let is_name = |word: &&str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let names: Vec<&str> = guarantees.split('`').filter(is_name).collect();
    assert!(names.len() > 15, "{names:?}");
    let sources = [sources(&project().join("crates")), sources(&project().join("tests"))].concat();
    for name in names {
        assert!(sources.contains(&format!("fn {name}(")), "docs/guarantees.md names {name}: no test has this name");
    }
}

/// Returns the text of all Rust files below a folder.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    all
}

/// Compares a generated page with its file. With `UPDATE=1` the page is written instead.
fn check_generated(path: &str, page: &str) {
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(project().join(path), page).unwrap();
    }
    let written = std::fs::read_to_string(project().join(path)).unwrap_or_default();
    assert_eq!(written, page, "{path} is stale: run `UPDATE=1 cargo test --workspace --test contract docs`");
}

fn in_cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn page_of_failures_is_current() {
    let mut page = "\
# Failures and remedies

Every failure has a name. It is the error name of the Step Functions execution, and the notice shows it.

- A **transient** failure is retried by the state machine. It sends one notice when the last retry has failed.
- A **permanent** failure would happen again. The state machine sends the notice at once.

This page is generated from `FailureName` in `crates/protocol`.
"
    .to_owned();
    for name in FailureName::ALL {
        let class = match name.class() {
            FailureClass::Transient => "Transient",
            FailureClass::Permanent => "Permanent",
        };
        let (summary, what_to_do) = (name.summary(), name.what_to_do());
        writeln!(page, "\n## {name}\n\n{class}. {summary}\n\nRemedy: {what_to_do}").unwrap();
    }
    check_generated("docs/operate/failures.md", &page);
}

/// A parameter of the template, as the page shows it.
#[derive(Default)]
struct Parameter<'a> {
    name: &'a str,
    type_name: &'a str,
    default: Option<&'a str>,
    description: String,
}

/// Reads the parameters of the template, line by line: CloudFormation's tags need no YAML parser here.
fn parameters(template: &str) -> Vec<Parameter<'_>> {
    let (_, rest) = template.split_once("\nParameters:\n").unwrap();
    let (block, _) = rest.split_once("\n\nConditions:").unwrap();
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    for line in block.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some(name) = line.strip_prefix("  ").and_then(|rest| rest.strip_suffix(':'))
            && !name.starts_with(' ')
        {
            parameters.push(Parameter { name, ..Parameter::default() });
        } else if let Some((key, value)) = line.trim().split_once(": ") {
            let parameter = parameters.last_mut().unwrap();
            match key {
                "Type" => parameter.type_name = value,
                "Default" => parameter.default = Some(value.trim_matches('"')),
                "Description" => parameter.description = value.trim_matches('"').replace("\\\"", "\""),
                _ => {}
            }
        }
    }
    parameters
}

#[test]
fn page_of_parameters_is_current() {
    let mut page = "\
# Parameters of the stack

Set a parameter with `penstock deploy --parameter NAME=VALUE`. A parameter that you do not name keeps its value.

This page is generated from `infra/template.yaml`.

| parameter | type | default | meaning |
|---|---|---|---|
"
    .to_owned();
    let template = read("infra/template.yaml");
    let parameters = parameters(&template);
    assert!(parameters.len() > 10);
    for Parameter { name, type_name, default, description } in parameters {
        assert!(!description.is_empty(), "infra/template.yaml: {name} has no Description");
        let default = match default {
            Some("") => "(empty)".to_owned(),
            Some(value) => format!("`{value}`"),
            None => "(required)".to_owned(),
        };
        writeln!(page, "| `{name}` | {type_name} | {default} | {} |", in_cell(&description)).unwrap();
    }
    check_generated("docs/deploy/parameters.md", &page);
}

/// The pages that a reader meets: Markdown at the top of the project and in `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages = markdown(&project().join("docs"));
    pages.extend(files(&project()).into_iter().filter(|path| is_markdown(path)));
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.filter(|path| path.is_dir()).flat_map(|path| markdown(&path));
    nested.chain(files(folder).into_iter().filter(|path| is_markdown(path))).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "md")
}

/// Path of a page within the project, for messages.
fn shown(page: &Path) -> String {
    page.strip_prefix(project()).unwrap().display().to_string()
}

/// A fenced block of a page.
struct Block {
    language: String,
    text: String,
}

/// Splits a page into its prose and its fenced blocks.
fn split(text: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks, mut open) = (String::new(), Vec::new(), None::<Block>);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => open = Some(Block { language: language.to_owned(), text: String::new() }),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => prose.extend([line, "\n"]),
        }
    }
    assert!(open.is_none(), "a code block never closes");
    (prose, blocks)
}

/// Targets of `[text](target)`.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// Anchors of the headings, as GitHub and MkDocs build them.
fn anchors(text: &str) -> Vec<String> {
    let (prose, _) = split(text);
    let headings = prose.lines().filter_map(|line| line.strip_prefix('#'));
    headings
        .map(|heading| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let words: String = heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect();
            words.replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_resolve() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&split(&text).0).filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let has_anchor = || anchors(&std::fs::read_to_string(&target).unwrap()).iter().any(|known| known == anchor);
            if !target.exists() || !(anchor.is_empty() || has_anchor()) {
                broken.push(format!("{}: {link}", shown(&page)));
            }
        }
    }
    assert!(broken.is_empty(), "links to nothing:\n{}", broken.join("\n"));
}

/// Splits a line of shell into words. Quotes group words; a `#` begins a comment; `…` and `$` stay as they are.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if word.is_none() => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The commands of a page: every line of its shell blocks, and every piece of inline code. A line of a block has real
/// values, inline code may have placeholders such as `LOAD`.
fn commands(text: &str) -> Vec<(Vec<String>, bool)> {
    let (prose, blocks) = split(text);
    let shell = blocks.iter().filter(|block| matches!(block.language.as_str(), "sh" | "bash" | "console"));
    let lines = shell.flat_map(|block| block.text.lines()).map(|line| (line, true));
    let inline = prose.split('`').skip(1).step_by(2).map(|code| (code, false));
    let mut commands = Vec::new();
    for (line, is_whole) in lines.chain(inline) {
        let words = words(line);
        for command in words.split(|word| matches!(word.as_str(), "&&" | "||" | "|" | ";")) {
            // Assignments before a command are for its environment.
            let command: Vec<String> =
                command.iter().skip_while(|word| word.split('/').next().unwrap().contains('=')).cloned().collect();
            commands.push((command, is_whole));
        }
    }
    commands
}

/// Says why `penstock` would refuse the words, if it would.
fn refused_by_penstock(command: &[String], is_whole: bool) -> Option<String> {
    if is_whole {
        return Cli::command()
            .try_get_matches_from(command)
            .err()
            .filter(clap::error::Error::use_stderr)
            .map(|e| e.to_string());
    }
    let mut cli = Cli::command();
    cli.build();
    let [_, name, rest @ ..] = command else { return None };
    let Some(subcommand) = cli.find_subcommand(name) else { return Some(format!("no command {name}")) };
    let known = |flag: &str| subcommand.get_arguments().any(|argument| argument.get_long() == Some(flag));
    let flags = rest.iter().filter_map(|word| word.strip_prefix("--")).map(|flag| flag.split('=').next().unwrap());
    flags.filter(|flag| *flag != "help").find(|flag| !known(flag)).map(|flag| format!("{name} has no --{flag}"))
}

/// Says why `make` would refuse the words, if it would.
fn refused_by_make(command: &[String], makefile: &str) -> Option<String> {
    let is_target = |word: &str| makefile.lines().any(|line| line.starts_with(&format!("{word}:")));
    let is_variable = |word: &str| makefile.lines().any(|line| line.split_whitespace().take(2).eq([word, "?="]));
    command[1..].iter().find_map(|word| match word.split_once('=') {
        Some((name, _)) => (!is_variable(name)).then(|| format!("the Makefile has no variable {name}")),
        None => (!is_target(word)).then(|| format!("the Makefile has no target {word}")),
    })
}

#[test]
fn commands_in_docs_are_known() {
    let makefile = read("Makefile");
    let (mut refused, mut count) = (Vec::new(), 0);
    for page in pages() {
        for (command, is_whole) in commands(&std::fs::read_to_string(&page).unwrap()) {
            let reason = match command.first().map(|word| word.rsplit('/').next().unwrap()) {
                Some("penstock") => refused_by_penstock(&command, is_whole),
                Some("make") => refused_by_make(&command, &makefile),
                _ => continue,
            };
            count += 1;
            refused.extend(reason.map(|reason| format!("{}: {}: {reason}", shown(&page), command.join(" "))));
        }
    }
    assert!(count > 40, "{count} commands");
    assert!(refused.is_empty(), "commands that do not exist:\n{}", refused.join("\n"));
}

#[test]
fn definitions_in_docs_are_valid() {
    let dataset = "[datasets.example]\nsource = 'raw/{date:%Y-%m-%d}/example.csv'\ntable = 'example'\n";
    let mut count = 0;
    for page in pages() {
        for Block { text, .. } in
            split(&std::fs::read_to_string(&page).unwrap()).1.into_iter().filter(|block| block.language == "toml")
        {
            count += 1;
            let parse = |text: &str| Definition::parse("example", &shown(&page), text).map(|_| ());
            let result = parse(&text).or_else(|errors| parse(&format!("{text}\n{dataset}")).map_err(|_| errors));
            if text.parse::<FaultPlan>().is_err()
                && let Err(errors) = result
            {
                panic!("{}:\n{text}\n{errors}", shown(&page));
            }
        }
    }
    assert!(count > 10, "{count} definitions");
}

#[test]
fn unknown_commands_are_found() {
    let makefile = read("Makefile");
    let check = |line: &str, is_known: bool| {
        for (command, is_whole) in
            commands(&format!("```sh\n{line}\n```\n")).into_iter().chain(commands(&format!("`{line}`")))
        {
            let refused = match command[0].as_str() {
                "make" => refused_by_make(&command, &makefile),
                _ => refused_by_penstock(&command, is_whole),
            };
            assert_eq!(refused.is_none(), is_known, "{line}: {refused:?}");
        }
    };
    check("penstock loads --dataset 'orders'  # a comment", true);
    check("PIPELINES=x make up", true);
    check("make demo CHAOS=7", true);
    check("penstock lods", false);
    check("penstock loads --datset orders", false);
    check("make dmeo", false);
    check("make demo CHAS=7", false);
}

#[test]
fn anchors_are_those_of_headings() {
    assert_eq!(
        anchors("# Keys of a `file`\n```\n# no heading\n```\n## What? Why-not"),
        ["keys-of-a-file", "what-why-not"]
    );
    assert_eq!(links("see [a](b.md#c), [d](e)").collect::<Vec<_>>(), ["b.md#c", "e"]);
}

/// The folders of which these pages name files.
const FOLDERS: [&str; 7] = ["crates/", "docs/", "events/", "fuzz/", "infra/", "statemachine/", "tests/"];

#[test]
fn paths_named_by_architecture_exist() {
    let (architecture, contributing) = (read("ARCHITECTURE.md"), read("CONTRIBUTING.md"));
    let (prose, more) = (split(&architecture).0, split(&contributing).0);
    let inline = prose.split('`').skip(1).step_by(2).chain(more.split('`').skip(1).step_by(2));
    let paths: Vec<&str> = inline.filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder))).collect();
    assert!(paths.len() > 30, "{paths:?}");
    let missing: Vec<&&str> =
        paths.iter().filter(|path| !path.contains('*') && !project().join(path).exists()).collect();
    assert!(missing.is_empty(), "paths that do not exist: {missing:?}");
    for entry in std::fs::read_dir(project().join("crates")).unwrap() {
        let folder = format!("crates/{}", entry.unwrap().file_name().display());
        assert!(paths.contains(&folder.as_str()), "the code map of ARCHITECTURE.md lacks {folder}");
    }
}
