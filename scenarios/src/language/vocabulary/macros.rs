//! The notation of the vocabulary tables.
//!
//! Each declaration makes the typed Rust value, its reader, and the table row that documents it, so that
//! the three can't part. A doc comment is the text that QA reads in the editor and on the reference page.
//!
//! - `section!` is a table: `"key" => field: Type = required | optional | table | ["default"]`.
//! - `words!` is a set of words with keys of their own.
//! - `choices!` is a set of bare words.

macro_rules! field_type {
    (optional, $type:ty) => { Option<$type> };
    ($need:tt, $type:ty) => { $type };
}

macro_rules! need {
    (required) => {
        $crate::language::shape::Need::Required
    };
    (optional) => {
        $crate::language::shape::Need::Optional
    };
    (table) => {
        $crate::language::shape::Need::Table
    };
    ([$default:literal]) => {
        $crate::language::shape::Need::Default($default)
    };
}

macro_rules! key {
    ($name:literal, $need:tt, $type:ty, [$($doc:literal)*]) => {
        $crate::language::shape::Key {
            name: $name,
            doc: &[$($doc),*],
            need: need!($need),
            shape: <$type as $crate::language::decode::Term>::shape,
        }
    };
}

macro_rules! read_key {
    (required, $reader:expr, $key:expr, $judge:expr) => {
        $reader.required($key, $judge)
    };
    (optional, $reader:expr, $key:expr, $judge:expr) => {
        $reader.optional($key, $judge)
    };
    ($need:tt, $reader:expr, $key:expr, $judge:expr) => {
        $reader.defaulted($key, $judge)
    };
}

macro_rules! section {
    ($(
        $(#[doc = $doc:literal])*
        $visibility:vis struct $section:ident {
            $( $(#[doc = $key_doc:literal])* $key:literal => $field:ident : $type:ty = $need:tt, )*
        }
    )*) => { $(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $section {
            $( $(#[doc = $key_doc])* $visibility $field: field_type!($need, $type), )*
        }

        impl $crate::language::decode::Section for $section {
            const DOC: &'static [&'static str] = &[$($doc),*];
            const KEYS: &'static [$crate::language::shape::Key] = &[$( key!($key, $need, $type, [$($key_doc)*]) ),*];

            fn read_section(
                reader: &$crate::language::decode::Reader<'_>,
                judge: &mut $crate::language::decode::Judge,
            ) -> Option<Self> {
                let mut keys = Self::KEYS.iter();
                $( let $field = read_key!($need, reader, keys.next().expect("a row for each field"), judge); )*
                Some(Self { $( $field: $field?, )* })
            }
        }
    )* };
}

macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $visibility:vis enum $words:ident {
            $(
                $(#[doc = $word_doc:literal])*
                $name:literal $( [ $($mode:ident)* ] )? $( since $since:literal )? => $variant:ident {
                    $( $(#[doc = $key_doc:literal])* $key:literal => $field:ident : $type:ty = $need:tt, )*
                },
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "a file has a few words only, and each is kept once")]
        $visibility enum $words {
            $( $(#[doc = $word_doc])* $variant { $( $(#[doc = $key_doc])* $field: field_type!($need, $type), )* }, )*
        }

        impl $words {
            /// The word as it stands in scenario files.
            #[must_use]
            $visibility fn name(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name, )* }
            }
        }

        impl $crate::language::decode::Words for $words {
            const WORDS: &'static [$crate::language::shape::Word] = &[$(
                $crate::language::shape::Word {
                    name: $name,
                    doc: &[$($word_doc),*],
                    keys: &[$( key!($key, $need, $type, [$($key_doc)*]) ),*],
                    modes: &[$( $( stringify!($mode) ),* )?],
                    since: words!(@since $($since)?),
                },
            )*];

            fn read_word(
                word: &'static $crate::language::shape::Word,
                reader: &$crate::language::decode::Reader<'_>,
                judge: &mut $crate::language::decode::Judge,
            ) -> Option<Self> {
                let mut keys = word.keys.iter();
                match word.name {
                    $( $name => {
                        $( let $field = read_key!($need, reader, keys.next().expect("a row for each field"), judge); )*
                        Some(Self::$variant { $( $field: $field?, )* })
                    } )*
                    other => unreachable!("`{other}` is a row of another table"),
                }
            }
        }
    };
    (@since) => { 1 };
    (@since $since:literal) => { $since };
}

macro_rules! choices {
    ($(
        $(#[doc = $doc:literal])*
        $visibility:vis enum $choices:ident ($what:literal) {
            $( $(#[doc = $choice_doc:literal])* $name:literal => $variant:ident, )*
        }
    )*) => { $(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        $visibility enum $choices {
            $( $(#[doc = $choice_doc])* $variant, )*
        }

        impl $choices {
            /// All of them, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),*];
            pub(crate) const CHOICES: &'static [$crate::language::shape::Choice] =
                &[$( $crate::language::shape::Choice { name: $name, doc: &[$($choice_doc),*] } ),*];

            /// The word as it stands in scenario files.
            #[must_use]
            $visibility fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }
        }

        impl $crate::language::decode::Term for $choices {
            fn shape() -> $crate::language::shape::Shape {
                $crate::language::shape::Shape::Choice { what: $what, choices: Self::CHOICES }
            }

            fn read(
                name: &str,
                node: &$crate::language::document::Node,
                judge: &mut $crate::language::decode::Judge,
            ) -> Option<Self> {
                $crate::language::decode::read_choice(name, $what, Self::CHOICES, node, judge)
                    .map(|place| Self::ALL[place])
            }
        }
    )* };
}
