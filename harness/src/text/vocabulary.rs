//! What a vocabulary says about its own words. serde knows which names are valid; what they are for, and how they are
//! used, stands with the kinds.

/// A valid name of some kind, such as the step `Kill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub name: &'static str,
    /// How it can be written, with every field that it needs: `Kill(node: "A")`.
    pub example: &'static str,
    /// What it means, from the documentation of its type.
    pub documentation: &'static str,
}

/// The names of one kind: an enum of the scenario's types.
#[derive(Clone, Copy, Debug)]
pub struct WordKind {
    /// The enum's name.
    pub type_name: &'static str,
    /// What one of its names is called: `step`.
    pub noun: &'static str,
    /// The same with its article: `a step`.
    pub a_noun: &'static str,
    /// The heading of what its names mean: `what it does`.
    pub meaning: &'static str,
    /// Where its names belong; `{}` stands for the example of the one that stands elsewhere.
    pub home: Option<&'static str>,
    /// The names.
    pub words: &'static [Word],
}

/// Everything that a decoder's messages need to know beyond what serde tells it.
pub trait Vocabulary {
    /// The kinds of names.
    fn kinds(&self) -> &[WordKind];

    /// An example of a field's value; none if nothing is known of it. `owner` is the name before the parentheses, if any.
    fn example(&self, owner: &str, field: &str) -> Option<String>;

    /// Where a field belongs that is valid, but not among these.
    fn home_of_field(&self, found: &str, valid: &[&str]) -> Option<String>;

    /// The whole numbers that a field takes, in words.
    fn range(&self, owner: &str, field: &str) -> Option<String>;
}

/// What stands for a field of which nothing is known.
pub(super) const ANYTHING: &str = "\"...\"";

impl dyn Vocabulary + '_ {
    /// The noun for an enum's names, and the same with its article.
    pub(super) fn noun(&self, type_name: &str) -> (&str, &str) {
        self.kinds()
            .iter()
            .find(|kind| kind.type_name == type_name)
            .map_or(("name", "a name"), |kind| (kind.noun, kind.a_noun))
    }

    fn word(&self, name: &str) -> Option<&Word> {
        self.kinds().iter().flat_map(|kind| kind.words).find(|word| word.name == name)
    }

    /// An example of a field's value, or dots.
    pub(super) fn example_or_dots(&self, owner: &str, field: &str) -> String {
        self.example(owner, field).unwrap_or_else(|| ANYTHING.to_owned())
    }

    /// A name with what belongs between its parentheses.
    pub(super) fn call(&self, name: &str, fields: &[&str]) -> String {
        if let Some(word) = self.word(name) {
            return word.example.to_owned();
        }
        if fields.is_empty() {
            return format!("{name}(...)");
        }
        let written: Vec<_> =
            fields.iter().map(|field| format!("{field}: {}", self.example_or_dots(name, field))).collect();
        format!("{name}({})", written.join(", "))
    }

    /// Where a word belongs that is valid, but of another kind than the `noun` that was expected.
    pub(super) fn misplaced(&self, noun: &str, found: &str) -> Option<String> {
        let mut others = self.kinds().iter().filter(|kind| kind.noun != noun);
        others
            .find_map(|kind| Some((kind.home?, kind.words.iter().find(|word| word.name == found)?)))
            .map(|(home, word)| home.replace("{}", word.example))
    }
}

/// The value of a field in an example, as it is written there: `"5s"` of `within` in `Until(condition: Healthy, within: "5s")`.
pub fn example_of_field(example: &str, field: &str) -> Option<String> {
    let (tree, _) = super::scan::scan(example);
    let value = tree.root().field(field);
    value.is_exact().then(|| tree.slice(&value.span()).to_owned())
}
