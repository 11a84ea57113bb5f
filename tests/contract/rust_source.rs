//! Reads the modules and paths that a Rust source file names, without those of its tests.

/// A path that begins with `crate`, `super`, `self` or a name.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// `crate::name!`: a macro has no module.
    pub(crate) is_macro: bool,
}

#[derive(Default)]
pub(crate) struct Source {
    /// Modules that the file declares in files of their own.
    pub(crate) children: Vec<String>,
    pub(crate) paths: Vec<Path>,
    /// Anything but `mod` and `use`.
    pub(crate) has_items: bool,
}

struct Token {
    text: String,
    line: usize,
}

impl Source {
    pub(crate) fn parse(text: &str) -> Self {
        let tokens = without_tests(tokens(text));
        let mut source = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            at = source.read_item(&tokens, at);
        }
        source
    }

    /// Reads one item, attribute or token. Returns the position behind it.
    fn read_item(&mut self, tokens: &[Token], at: usize) -> usize {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        match text(at) {
            "#" => behind_attribute(tokens, at),
            "pub" => {
                let restricted = text(at + 1) == "(";
                if restricted { behind_brackets(tokens, at + 1) } else { at + 1 }
            }
            "mod" => {
                assert_eq!(text(at + 2), ";", "line {}: a module needs its own file", tokens[at].line);
                self.children.push(text(at + 1).to_owned());
                at + 3
            }
            // Not `use<'a>`, which lists captured lifetimes.
            "use" if text(at + 1) != "<" => {
                let end = self.read_use_tree(tokens, at + 1, &[]);
                end + 1
            }
            _ => {
                self.has_items = true;
                self.read_inline_path(tokens, at)
            }
        }
    }

    /// Adds each path of `a::{b, c::d}`. Returns the position of the `;`, `,` or `}` behind it.
    fn read_use_tree(&mut self, tokens: &[Token], mut at: usize, prefix: &[String]) -> usize {
        let mut segments = prefix.to_vec();
        loop {
            match tokens[at].text.as_str() {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while tokens[at].text != "}" {
                        at = self.read_use_tree(tokens, at, &segments);
                        if tokens[at].text == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "as" => at += 2,
                ";" | "," | "}" => {
                    let line = tokens[at - 1].line;
                    self.paths.push(Path { segments, line, is_macro: false });
                    return at;
                }
                name => {
                    segments.push(name.to_owned());
                    at += 1;
                }
            }
        }
    }

    fn read_inline_path(&mut self, tokens: &[Token], mut at: usize) -> usize {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        if !is_name(text(at)) || text(at + 1) != "::" {
            return at + 1;
        }
        let line = tokens[at].line;
        let mut segments = vec![text(at).to_owned()];
        while text(at + 1) == "::" && is_name(text(at + 2)) {
            at += 2;
            segments.push(text(at).to_owned());
        }
        self.paths.push(Path { segments, line, is_macro: text(at + 1) == "!" });
        // A path goes on behind generic arguments: `Vec::<u8>::new`.
        if text(at + 1) == "::" { at + 2 } else { at + 1 }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn behind_brackets(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    loop {
        match tokens[at].text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 || at == tokens.len() {
            return at;
        }
    }
}

/// From `#`, or `#!`, behind the `]`.
fn behind_attribute(tokens: &[Token], at: usize) -> usize {
    let is_inner = tokens[at + 1].text == "!";
    behind_brackets(tokens, at + 1 + usize::from(is_inner))
}

/// Drops every item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = vec![true; tokens.len()];
    let mut at = 0;
    while at < tokens.len() {
        let is_test = ["#", "[", "cfg", "(", "test", ")", "]"]
            .iter()
            .enumerate()
            .all(|(offset, text)| tokens.get(at + offset).is_some_and(|token| token.text == *text));
        if !is_test {
            at += 1;
            continue;
        }
        let start = at;
        while tokens[at].text == "#" {
            at = behind_attribute(&tokens, at);
        }
        while !["{", ";"].contains(&tokens[at].text.as_str()) {
            let opens = ["(", "["].contains(&tokens[at].text.as_str());
            at = if opens { behind_brackets(&tokens, at) } else { at + 1 };
        }
        at = if tokens[at].text == "{" { behind_brackets(&tokens, at) } else { at + 1 };
        // The end of `use a::{b};`.
        at += usize::from(tokens.get(at).is_some_and(|token| token.text == ";"));
        kept[start..at].fill(false);
    }
    tokens.into_iter().zip(kept).filter_map(|(token, is_kept)| is_kept.then_some(token)).collect()
}

/// Names, `::` and single signs, without comments and literals.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let start = at;
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").expect("a comment ends") + 2;
        } else if let Some(length) = literal_length(rest) {
            at += length;
        } else if rest.starts_with("::") {
            tokens.push(Token { text: "::".to_owned(), line });
            at += 2;
        } else {
            let name = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
            let first = rest.chars().next().unwrap();
            let length = if name == 0 { first.len_utf8() } else { name };
            if !first.is_whitespace() {
                tokens.push(Token { text: rest[..length].to_owned(), line });
            }
            at += length;
        }
        line += text[start..at].matches('\n').count();
    }
    tokens
}

/// The length of the string, the character or the lifetime that a text begins with.
fn literal_length(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let behind = text.strip_prefix(prefix).unwrap_or_default();
        let hashes = behind.trim_start_matches('#');
        behind.starts_with(['"', '\''])
            || prefix.ends_with('r') && behind.len() > hashes.len() && hashes.starts_with('"')
    })?;
    let behind = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = behind.find('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(prefix.len() + hashes + 1 + behind[hashes + 1..].find(&end)? + end.len());
    }
    let quote = behind.chars().next()?;
    let inside = &behind[1..];
    if quote == '\'' && !inside.starts_with('\\') {
        let first = inside.chars().next()?;
        let is_character = inside[first.len_utf8()..].starts_with('\'');
        return Some(prefix.len() + 1 + if is_character { first.len_utf8() + 1 } else { 0 });
    }
    let mut is_escaped = false;
    let end = inside.find(|next: char| {
        let ends = next == quote && !is_escaped;
        is_escaped = next == '\\' && !is_escaped;
        ends
    })?;
    Some(prefix.len() + 1 + end + 1)
}
