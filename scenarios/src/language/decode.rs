//! From the tree to typed values, collecting every mistake on the way.
//!
//! [`Term`] reads one value; a [`Section`] is a table whose keys are declared in the vocabulary; [`Words`]
//! is a set of declared words with keys of their own. None of them stops at the first mistake: a reader
//! returns `None` after it has said why, and goes on with the next key.

use super::{
    diagnostic::Diagnostic,
    document::{Entry, Node, Table, Value, quoted},
    shape::{Choice, Key, Need, Shape, Word, literal, paragraph},
    source::Location,
    suggestion,
    values::Written,
};

/// What readers need to know about the rest of the case, and where they put what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// The hosts of the case.
    pub(crate) hosts: Vec<String>,
    /// The matrix axes with their values as text.
    pub(crate) axes: Vec<(String, Vec<String>)>,
    pub(crate) found: Vec<Diagnostic>,
}

impl Judge {
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub(crate) fn wrong_type<T>(&mut self, name: &str, node: &Node, shape: &Shape) -> Option<T> {
        let message = format!("`{name}` must be {}, found {}", shape.what(), node.describe());
        let mut diagnostic = Diagnostic::new("wrong-type", &node.at, message, format!("not {}", shape.what()));
        let help = match (&node.value, shape) {
            (Value::Text(text), Shape::Integer { .. } | Shape::Boolean) if is_plain(text) => {
                format!("write {name} = {text}, without quotes")
            }
            _ => format!("for example {name} = {}", shape.examples().join(" or ")),
        };
        diagnostic = diagnostic.help(help);
        self.report(diagnostic);
        None
    }
}

fn is_plain(text: &str) -> bool {
    matches!(text, "true" | "false") || text.parse::<i64>().is_ok()
}

/// A value of the language.
pub(crate) trait Term: Sized {
    /// What it looks like.
    fn shape() -> Shape;
    /// Reads the value of the key `name`; none if it was reported as wrong.
    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self>;
}

/// A table with declared keys.
pub(crate) trait Section: Sized {
    const DOC: &'static [&'static str];
    const KEYS: &'static [Key];
    /// Reads the declared keys and ignores the others.
    fn read_section(reader: &Reader<'_>, judge: &mut Judge) -> Option<Self>;
}

/// A set of words, each with keys of its own.
pub(crate) trait Words: Sized {
    const WORDS: &'static [Word];
    /// Reads the keys that belong to `word`.
    fn read_word(word: &'static Word, reader: &Reader<'_>, judge: &mut Judge) -> Option<Self>;

    fn find(name: &str) -> Option<&'static Word> {
        Self::WORDS.iter().find(|word| word.name == name)
    }

    fn names() -> Vec<&'static str> {
        Self::WORDS.iter().map(|word| word.name).collect()
    }

    /// The keys of all words and the common ones: what may be meant while the word itself is not known.
    fn keys_with(common: &'static [Key]) -> Vec<&'static [Key]> {
        std::iter::once(common).chain(Self::WORDS.iter().map(|word| word.keys)).collect()
    }
}

/// A table whose keys are being read.
pub(crate) struct Reader<'a> {
    table: &'a Table,
    of: String,
    known: Vec<&'static Key>,
}

impl<'a> Reader<'a> {
    /// Reads a table that may have the `known` keys; `of` is what messages call it.
    pub(crate) fn new(table: &'a Table, of: impl Into<String>, known: &[&'static [Key]]) -> Self {
        Self { table, of: of.into(), known: known.iter().copied().flatten().collect() }
    }

    fn unknown_entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.table.entries.iter().filter(|entry| !self.known.iter().any(|key| key.name == entry.key))
    }

    /// Reports every key that the table has and should not have.
    pub(crate) fn refuse_unknown_keys(&self, judge: &mut Judge) {
        let mut names: Vec<&str> = Vec::new();
        for key in &self.known {
            // Several words may have a key of the same name.
            if !names.contains(&key.name) {
                names.push(key.name);
            }
        }
        for entry in self.unknown_entries() {
            let message = format!("unknown key `{}`", entry.key);
            let help = suggestion::help(&entry.key, &format!("keys of {}", self.of), &names);
            let label = format!("not a key of {}", self.of);
            judge.report(Diagnostic::new("unknown-key", &entry.key_at, message, label).help(help));
        }
    }

    /// Reads a key that must be there.
    ///
    /// Whoever calls this also calls [`Self::refuse_unknown_keys`]: of a misspelt key nothing more is said here.
    pub(crate) fn required<T: Term>(&self, key: &'static Key, judge: &mut Judge) -> Option<T> {
        if let Some(node) = self.table.node(key.name) {
            return T::read(key.name, node, judge);
        }
        if self.unknown_entries().any(|entry| suggestion::nearest(&entry.key, &[key.name]).is_some()) {
            return None;
        }
        let example = T::shape().examples().into_iter().next().unwrap_or_default();
        let message = format!("{} lacks `{}`", self.of, key.name);
        judge.report(Diagnostic::new(MISSING, &self.table.at, message, format!("no `{}`", key.name)).help(format!(
            "{}\nfor example {} = {example}",
            paragraph(key.doc),
            key.name
        )));
        None
    }

    /// Reads a key that may be absent. The outer `None` means that it is there and wrong.
    #[expect(clippy::option_option, reason = "wrong and absent are different answers")]
    pub(crate) fn optional<T: Term>(&self, key: &'static Key, judge: &mut Judge) -> Option<Option<T>> {
        match self.table.node(key.name) {
            Some(node) => T::read(key.name, node, judge).map(Some),
            None => Some(None),
        }
    }

    /// Reads a key with a default.
    pub(crate) fn defaulted<T: Term>(&self, key: &'static Key, judge: &mut Judge) -> Option<T> {
        let at = &self.table.at;
        let value = match (self.table.node(key.name), key.need) {
            (Some(node), _) => return T::read(key.name, node, judge),
            (None, Need::Default("true")) => Value::Boolean(true),
            (None, Need::Default("false")) => Value::Boolean(false),
            (None, Need::Default(text)) => match text.parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Text(text.to_owned()),
            },
            (None, Need::Table | Need::Required | Need::Optional) => Value::Table(Table::empty(at)),
        };
        T::read(key.name, &Node { value, at: at.clone() }, judge)
    }
}

/// The code of mistakes that are about something absent.
pub(crate) const MISSING: &str = "missing";

impl<T: Section> Term for T {
    fn shape() -> Shape {
        Shape::Table(T::KEYS)
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Table(table) = &node.value else { return judge.wrong_type(name, node, &Self::shape()) };
        let reader = Reader::new(table, format!("`{name}`"), &[T::KEYS]);
        reader.refuse_unknown_keys(judge);
        T::read_section(&reader, judge)
    }
}

/// Reads a value that is written as text. Numbers are told apart from texts only to say so.
pub(crate) fn read_written<T: Written>(name: &str, node: &Node, judge: &mut Judge) -> Option<T> {
    let (text, is_text) = match (&node.value, node.scalar()) {
        (Value::Text(text), _) => (text.clone(), true),
        (Value::Integer(_) | Value::Float(_) | Value::Datetime(_), Some(text)) => (text, false),
        (_, _) => return judge.wrong_type(name, node, &written_shape::<T>()),
    };
    match T::parse(&text) {
        Ok(value) if is_text || T::MAY_BE_BARE => Some(value),
        Ok(_) => judge.wrong_type(name, node, &written_shape::<T>()),
        Err(wrong) => {
            let message = format!("`{name}` must be {}, found {}", T::WHAT, node.describe());
            let examples: Vec<String> = T::EXAMPLES.iter().map(|example| literal(example)).collect();
            let help = wrong.help.map_or(String::new(), |help| format!("{help}\n"));
            let help = format!("{help}for example {}", examples.join(" or "));
            judge.report(Diagnostic::new("bad-value", &node.at, message, wrong.label).help(help));
            None
        }
    }
}

/// The shape of a value that is written as text.
pub(crate) fn written_shape<T: Written>() -> Shape {
    Shape::Text { what: T::WHAT, examples: T::EXAMPLES, pattern: T::PATTERN }
}

/// Reads one of a few words; the answer is its place in the list.
pub(crate) fn read_choice(
    name: &str,
    what: &'static str,
    choices: &'static [Choice],
    node: &Node,
    judge: &mut Judge,
) -> Option<usize> {
    let Value::Text(text) = &node.value else {
        return judge.wrong_type(name, node, &Shape::Choice { what, choices });
    };
    let found = choices.iter().position(|choice| choice.name == text);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
        judge.report(unknown_word(what, text, &node.at, &names));
    }
    found
}

/// The report of a word that the vocabulary doesn't have; `what` is its kind with an article.
pub(crate) fn unknown_word(what: &str, text: &str, at: &Location, names: &[&str]) -> Diagnostic {
    let help = suggestion::help(text, "known", names);
    Diagnostic::new("unknown-word", at, format!("{} is not {what}", quoted(text)), format!("not {what}")).help(help)
}
