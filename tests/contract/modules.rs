//! The modules of a crate import one way: no two of them import each other, directly or in a circle.
//!
//! A module is a source file. It imports each module that its `use` lines and its inline paths lead into. A re-export
//! and a parent's use of its own child are imports too. So a child may import its parent's siblings, but it may not
//! import a parent that uses the child.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::machine::project;
use crate::rust_source::{Path as RustPath, Source};

/// Path below the crate's root, such as `["catalog", "decision"]`. The root has none.
type Module = Vec<String>;

/// The files of one crate: a path below `src` to the text of the file.
type Files<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A line that imports a module.
struct Import {
    from: Module,
    to: Module,
    line: String,
}

/// The modules of a crate, from its `lib.rs` or `main.rs`.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Module, (String, Source)>,
}

impl Crate {
    fn read(root: &str, files: Files<'_>) -> Self {
        let mut found = Self::default();
        found.add(Vec::new(), root, files);
        found
    }

    fn add(&mut self, module: Module, file: &str, files: Files<'_>) {
        let text = files(file).unwrap_or_else(|| panic!("{file} is not there"));
        let source = Source::parse(&text);
        for child in &source.children {
            let path = [module.as_slice(), std::slice::from_ref(child)].concat();
            let name = path.join("/");
            let candidates = [format!("{name}.rs"), format!("{name}/mod.rs")];
            let exists = candidates.iter().find(|candidate| files(candidate).is_some());
            self.add(path, exists.unwrap_or_else(|| panic!("{file}: module {child} has no file")), files);
        }
        self.modules.insert(module, (file.to_owned(), source));
    }

    /// The module that a path leads into, seen from `from`. None for a path to another crate.
    fn resolve(&self, from: &Module, path: &RustPath) -> Option<Module> {
        let mut module = from.clone();
        let mut segments = path.segments.iter().peekable();
        match segments.peek()?.as_str() {
            "crate" => module = Vec::new(),
            "self" | "super" => {}
            child if self.modules[from].1.children.iter().any(|declared| declared == child) => {
                module.push(child.to_owned());
            }
            _ => return None,
        }
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => {
                    module.pop();
                }
                name => {
                    let longer = [module.as_slice(), &[name.to_owned()]].concat();
                    if self.modules.contains_key(&longer) {
                        module = longer;
                    }
                }
            }
        }
        Some(module)
    }

    fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, (file, source)) in &self.modules {
            for path in &source.paths {
                let Some(to) = self.resolve(from, path) else { continue };
                if to != *from && !path.is_macro {
                    let line = format!("{file}:{} {}", path.line, path.segments.join("::"));
                    imports.push(Import { from: from.clone(), to, line });
                }
            }
        }
        imports
    }

    /// Returns the items of a root that declares modules, and the imports from the root.
    fn root_errors(&self) -> Vec<String> {
        let (file, root) = &self.modules[&Module::new()];
        let has_items = !root.children.is_empty() && root.has_items && file == "lib.rs";
        let items = has_items.then(|| format!("{file} declares modules and holds other items"));
        let imports = self.imports().into_iter().filter(|import| import.to.is_empty());
        items
            .into_iter()
            .chain(imports.map(|import| format!("{} is imported from the crate root", import.line)))
            .collect()
    }

    /// The shortest circle of each module that is in one, with the lines that close it.
    fn circles(&self) -> Vec<String> {
        let imports: Vec<Import> =
            self.imports().into_iter().filter(|it| !it.from.is_empty() && !it.to.is_empty()).collect();
        let mut reported: BTreeSet<&Module> = BTreeSet::new();
        let mut circles = Vec::new();
        for module in self.modules.keys() {
            let Some(circle) = shortest_circle(module, &imports) else { continue };
            if circle.iter().any(|import| !reported.contains(&import.from)) {
                let mut text = String::new();
                for import in &circle {
                    writeln!(text, "  {} imports {}: {}", import.from.join("::"), import.to.join("::"), import.line)
                        .unwrap();
                }
                circles.push(text);
            }
            reported.extend(circle.iter().map(|import| &import.from));
        }
        circles
    }
}

/// The imports that lead from a module back to it, fewest first.
fn shortest_circle<'a>(start: &Module, imports: &'a [Import]) -> Option<Vec<&'a Import>> {
    let mut reached_by: BTreeMap<&Module, &Import> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(module) = queue.pop_front() {
        for import in imports.iter().filter(|import| import.from == *module) {
            if reached_by.contains_key(&import.to) {
                continue;
            }
            reached_by.insert(&import.to, import);
            if import.to == *start {
                let mut circle = vec![import];
                while circle[0].from != *start {
                    circle.insert(0, reached_by[&circle[0].from]);
                }
                return Some(circle);
            }
            queue.push_back(&import.to);
        }
    }
    None
}

/// Every library and binary of the workspace, with a name for messages.
fn crates() -> Vec<(String, Crate)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(project().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let source = folder.join("src");
        for root in ["lib.rs", "main.rs"].into_iter().filter(|root| source.join(root).exists()) {
            let name = format!("{}/src/{root}", folder.file_name().unwrap().display());
            found.push((name, Crate::read(root, &|file| fs::read_to_string(source.join(Path::new(file))).ok())));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

#[track_caller]
fn check(errors: impl Iterator<Item = (String, String)>) {
    let mut text = String::new();
    for (name, error) in errors {
        writeln!(text, "{name}: {error}").unwrap();
    }
    assert!(text.is_empty(), "{text}");
}

#[test]
fn modules_have_no_import_circles() {
    let circles = crates().into_iter().flat_map(|(name, found)| {
        found.circles().into_iter().map(|circle| (name.clone(), format!("\n{circle}"))).collect::<Vec<_>>()
    });
    check(circles);
}

#[test]
fn crate_roots_only_declare_and_reexport() {
    let errors = crates().into_iter().flat_map(|(name, found)| {
        found.root_errors().into_iter().map(|error| (name.clone(), error)).collect::<Vec<_>>()
    });
    check(errors);
}

#[track_caller]
fn planted(files: &[(&str, &str)]) -> Crate {
    let read = |name: &str| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned());
    Crate::read("lib.rs", &read)
}

#[test]
fn planted_circle_is_found_with_its_lines() {
    let direct = planted(&[
        ("lib.rs", "mod one;\nmod two;\npub use one::One;"),
        ("one.rs", "use crate::two::{Two, self};\npub struct One;"),
        ("two.rs", "// use crate::one::Comment;\nfn two() -> &'static str { crate::one::One; \"crate::text\" }"),
    ]);
    assert_eq!(
        direct.circles(),
        ["  one imports two: one.rs:1 crate::two::Two\n  two imports one: two.rs:2 crate::one::One\n"]
    );

    let through_three = planted(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use super::b::B;"),
        ("b.rs", "use crate::c;"),
        ("c.rs", "pub use crate::a::A;"),
    ]);
    assert_eq!(through_three.circles().len(), 1);
    assert_eq!(through_three.circles()[0].lines().count(), 3);

    let parent_and_child = planted(&[
        ("lib.rs", "mod catalog;"),
        ("catalog/mod.rs", "mod decision;\nuse decision::Decision;"),
        ("catalog/decision.rs", "use super::Catalog;"),
    ]);
    assert_eq!(parent_and_child.circles().len(), 1);
}

#[test]
fn one_way_imports_are_no_circle() {
    let found = planted(&[
        ("lib.rs", "mod catalog;\nmod error;\npub use catalog::Catalog;\npub use error::Error;"),
        ("catalog.rs", "mod decision;\nuse decision::Decision;\n#[cfg(test)]\nmod tests { use super::*; }"),
        ("catalog/decision.rs", "use crate::error::Error;\n#[cfg(test)]\nuse super::Catalog;"),
        ("error.rs", "pub struct Error<'a>(&'a str, char = '\"');\n#[cfg(test)] mod tests;"),
    ]);
    assert!(found.circles().is_empty());
    assert!(found.root_errors().is_empty());
}

#[test]
fn import_from_the_crate_root_is_found() {
    let found = planted(&[
        ("lib.rs", "mod error;\nmod read;\npub use error::{Error, Kind};\nfn logic() {}"),
        ("error.rs", "pub struct Error;"),
        ("read.rs", "use crate::{Error, error::Kind};\nuse std::fs;"),
    ]);
    assert_eq!(
        found.root_errors(),
        ["lib.rs declares modules and holds other items", "read.rs:1 crate::Error is imported from the crate root"]
    );
}
