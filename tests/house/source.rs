//! A crate's source as its tokens say it: modules, what each uses, and the public types that each declares.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The path of a module in the crate, `["check", "latency"]`. The root's is empty.
pub(crate) type ModulePath = Vec<String>;

/// A module file.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its path under `src`, for messages.
    pub(crate) file: String,
    tokens: Vec<Token>,
    /// What each name that the file imports stands for.
    imports: BTreeMap<String, ModulePath>,
}

/// A token that no test-only item holds, in the order of the text. A group is its delimiters and what is between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(String),
    Literal(String),
    Symbol(char),
}

/// A use of one module by another, with the line that says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) from: ModulePath,
    pub(crate) to: ModulePath,
    pub(crate) line: usize,
}

/// The modules of a crate, without those that are only compiled for tests.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

impl Source {
    /// Of the files under a directory.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut texts = Vec::new();
        for path in rust_files(directory) {
            let relative = path.strip_prefix(directory).expect("it is inside").to_string_lossy().into_owned();
            texts.push((relative, fs::read_to_string(&path).expect("a file")));
        }
        Self::of(&texts)
    }

    /// Of texts and the paths that their files would have under `src`.
    pub(crate) fn of(texts: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        let mut modules = BTreeMap::new();
        for (file, text) in texts {
            let (file, path) = (file.as_ref().to_owned(), module_path(file.as_ref()));
            if is_test_support(&path) {
                continue;
            }
            let stream: TokenStream = text.as_ref().parse().unwrap_or_else(|error| panic!("{file}: {error}"));
            let mut tokens = Vec::new();
            flatten(stream, &mut tokens);
            modules.insert(path, Module { file, tokens, imports: BTreeMap::new() });
        }
        let mut source = Self { modules };
        let imports: Vec<_> = source.modules.keys().map(|path| source.imports(path)).collect();
        for (module, imports) in source.modules.values_mut().zip(imports) {
            module.imports = imports;
        }
        source
    }

    /// Every use of one module by another, once; a name that a module only passes on is a use of the module that has it.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut found = BTreeMap::new();
        for (from, module) in &self.modules {
            for (path, _, line) in self.paths(from, &module.tokens) {
                let to = self.declaring_module(&path);
                if to != *from && !to.is_empty() {
                    found.entry((from.clone(), to)).or_insert(line);
                }
            }
        }
        found.into_iter().map(|((from, to), line)| Use { from, to, line }).collect()
    }

    /// The public types of each module, with their lines.
    pub(crate) fn public_types(&self) -> Vec<(&ModulePath, &str, usize)> {
        let mut found = Vec::new();
        for (path, module) in &self.modules {
            for (index, token) in module.tokens.iter().enumerate() {
                let rest = &module.tokens[index + 1..];
                if token.is("pub")
                    && let Some((name, line)) = type_name(after_visibility(rest))
                {
                    found.push((path, name, line));
                }
            }
        }
        found
    }

    /// The module in which a path's item is declared, as far as re-exports tell. What a top module passes on from another is its own.
    fn declaring_module(&self, path: &[String]) -> ModulePath {
        let mut path = path.to_vec();
        let mut visited = BTreeSet::new();
        loop {
            let module = self.innermost(&path);
            let imported = path.get(module.len()).and_then(|name| self.modules.get(&module)?.imports.get(name));
            match imported {
                Some(target) if target.first() == path.first() && visited.insert(path.clone()) => {
                    path = [target.as_slice(), &path[module.len() + 1..]].concat();
                }
                _ => return module,
            }
        }
    }

    /// The longest beginning of a path that is a module.
    fn innermost(&self, path: &[String]) -> ModulePath {
        (0..=path.len())
            .rev()
            .map(|length| &path[..length])
            .find(|path| self.modules.contains_key(*path))
            .map_or_else(Vec::new, <[String]>::to_vec)
    }

    fn imports(&self, module: &ModulePath) -> BTreeMap<String, ModulePath> {
        let tokens = &self.modules[module].tokens;
        let declarations = tokens.iter().enumerate().filter(|(_, token)| token.is("use"));
        let paths = declarations.flat_map(|(at, _)| {
            let end = tokens[at..].iter().position(|token| token.is_symbol(';')).map_or(tokens.len(), |end| at + end);
            self.paths(module, &tokens[at + 1..end])
        });
        paths.filter_map(|(path, name, _)| Some((name?, path))).collect()
    }

    /// Every path into this crate that the tokens hold, in full, with the name that an import would give it.
    fn paths(&self, module: &ModulePath, tokens: &[Token]) -> Vec<(ModulePath, Option<String>, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let begins = at == 0 || !tokens[at - 1].is_symbol(':') && !tokens[at - 1].is_symbol('.');
            match tokens[at].word().filter(|_| begins).and_then(|word| self.base(module, word)) {
                Some(base) => at = read_path(tokens, at, base, &mut found),
                None => at += 1,
            }
        }
        found
    }

    /// What the path stands for that begins with this word; none if it does not lead into this crate.
    fn base(&self, module: &ModulePath, word: &str) -> Option<ModulePath> {
        match word {
            "crate" => Some(Vec::new()),
            "self" => Some(module.clone()),
            "super" => Some(module[..module.len().saturating_sub(1)].to_vec()),
            // A module inside this one, or a name that the file imports.
            child => {
                let path = [module.as_slice(), &[child.to_owned()]].concat();
                let is_module = self.modules.contains_key(&path).then_some(path);
                is_module.or_else(|| self.modules[module].imports.get(child).cloned())
            }
        }
    }
}

/// Reads the path whose first word is at `at` and stands for `base`; gives the place behind it.
fn read_path(
    tokens: &[Token],
    at: usize,
    base: ModulePath,
    found: &mut Vec<(ModulePath, Option<String>, usize)>,
) -> usize {
    let (mut path, mut next) = (base, at + 1);
    let mut alone = true;
    while is_double_colon(tokens, next) {
        let Some(token) = tokens.get(next + 2) else { break };
        if token.is_symbol('{') {
            return read_group(tokens, next + 3, &path, found);
        }
        match token.word() {
            Some("super") => drop(path.pop()),
            Some("self") => {}
            Some(word) => path.push(word.to_owned()),
            None => break,
        }
        (next, alone) = (next + 3, false);
    }
    let renamed = tokens.get(next).filter(|token| token.is("as")).and_then(|_| tokens.get(next + 1)?.word());
    let name = renamed.map(str::to_owned).or_else(|| path.last().cloned());
    // A lone `self` or `super` is a value, or the visibility of an item.
    if !alone {
        found.push((path, name, tokens[at].line));
    }
    next
}

/// Reads `a::B, c::{D, E}}` after the brace that opens it.
fn read_group(
    tokens: &[Token],
    mut at: usize,
    base: &[String],
    found: &mut Vec<(ModulePath, Option<String>, usize)>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        if token.is_symbol('}') {
            return at + 1;
        }
        let Some(word) = token.word() else {
            at += 1;
            continue;
        };
        let path = if word == "self" { base.to_vec() } else { [base, &[word.to_owned()]].concat() };
        let is_longer = is_double_colon(tokens, at + 1);
        if is_longer {
            at = read_path(tokens, at, path, found);
        } else {
            let renamed = tokens.get(at + 1).filter(|token| token.is("as")).and_then(|_| tokens.get(at + 2)?.word());
            let name = renamed.map(str::to_owned).or_else(|| path.last().cloned());
            found.push((path.clone(), name, token.line));
            at += if renamed.is_some() { 3 } else { 1 };
        }
    }
    at
}

fn is_double_colon(tokens: &[Token], at: usize) -> bool {
    [at, at + 1].iter().all(|at| tokens.get(*at).is_some_and(|token| token.is_symbol(':')))
}

/// Behind `pub` or `pub(crate)`.
fn after_visibility(tokens: &[Token]) -> &[Token] {
    let is_restricted = tokens.first().is_some_and(|token| token.is_symbol('('));
    let end = tokens.iter().position(|token| token.is_symbol(')')).filter(|_| is_restricted);
    end.map_or(tokens, |end| &tokens[end + 1..])
}

fn type_name(tokens: &[Token]) -> Option<(&str, usize)> {
    let [keyword, name, ..] = tokens else { return None };
    let declares = ["struct", "enum", "union", "trait", "type"].iter().any(|word| keyword.is(word));
    declares.then(|| Some((name.word()?, name.line))).flatten()
}

impl Module {
    /// The tokens of what is not only compiled for tests; comments are none.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }
}

impl Token {
    /// The word, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn is(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    fn is_symbol(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }
}

/// The Rust files under a directory, in order.
pub(crate) fn rust_files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `check/latency.rs` and `check/latency/mod.rs` are `check::latency`; `lib.rs` and `main.rs` are roots.
fn module_path(file: &str) -> ModulePath {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
}

/// Whether a module is only compiled for tests, which may build whatever their module reads.
fn is_test_support(path: &[String]) -> bool {
    let is_test = |part: &String| matches!(&**part, "sample" | "testing" | "tests");
    path.iter().any(is_test) || path.last().is_some_and(|name| name.ends_with("_test") || name.ends_with("_tests"))
}

/// Writes a stream's tokens one after the other, without attributes and without the items that only tests compile.
fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        if is_punctuation(&tree, '#') {
            // `#[...]` and `#![...]`.
            trees.next_if(|next| is_punctuation(next, '!'));
            let attribute = trees.next_if(|next| matches!(next, TokenTree::Group(_)));
            if attribute.is_some_and(|attribute| is_test_only(&attribute)) {
                skip_item(&mut trees);
            }
            continue;
        }
        match tree {
            TokenTree::Ident(word) => found.push(Token { kind: Kind::Word(word.to_string()), line }),
            TokenTree::Literal(literal) => found.push(Token { kind: Kind::Literal(literal.to_string()), line }),
            TokenTree::Punct(symbol) => found.push(Token { kind: Kind::Symbol(symbol.as_char()), line }),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::Parenthesis | Delimiter::None => ('(', ')'),
                };
                found.push(Token { kind: Kind::Symbol(open), line });
                flatten(group.stream(), found);
                found.push(Token { kind: Kind::Symbol(close), line: group.span_close().start().line });
            }
        }
    }
}

fn is_punctuation(tree: &TokenTree, symbol: char) -> bool {
    matches!(tree, TokenTree::Punct(punctuation) if punctuation.as_char() == symbol)
}

/// Whether an attribute is `[cfg(test)]` or `[test]`.
fn is_test_only(attribute: &TokenTree) -> bool {
    let text: String = attribute.to_string().split_whitespace().collect();
    matches!(&*text, "[cfg(test)]" | "[test]")
}

/// Skips what an attribute belongs to: up to a semicolon or the end of a body.
fn skip_item(trees: &mut impl Iterator<Item = TokenTree>) {
    let ends = |tree: &TokenTree| {
        is_punctuation(tree, ';') || matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    trees.find(ends);
}
