//! The JSON Schema of scenario files, for editors: completion, hover text, squiggles while typing.
//!
//! Draft 7, which Taplo and Tombi both read. A schema can't know hosts or axes, so the decoder is always
//! the stricter of the two; a placeholder is allowed wherever a value is.

use serde_json::{Map, Value, json};

use super::{
    case::{Dns, Explore},
    decode::{Section, Words},
    shape::{Choice, Key, Need, Shape, Word, paragraph},
    vocabulary::{
        Bug, CaBehaviour, CaSettings, ExpectationHead, HostHead, HostKind, Law, Link, LinkChange, Meta, Run, SECTIONS,
        StepHead, Verb,
    },
};

/// A text with a placeholder in it, which may stand for anything.
const PLACEHOLDER: &str = r"\{[a-z0-9][^}]*\}";

/// The schema of version 1.
#[must_use]
pub fn schema() -> Value {
    let mut properties = Map::new();
    for row in SECTIONS {
        let mut schema = section(row.name);
        schema["description"] = json!(row.doc);
        properties.insert(row.name.to_owned(), schema);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Gauntlet scenario, version 1",
        "type": "object",
        "properties": properties,
        "required": ["scenario"],
        "additionalProperties": false,
    })
}

fn section(name: &str) -> Value {
    match name {
        "scenario" => json!({ "const": 1 }),
        "extends" => json!({ "type": "string", "examples": ["_base/one-manager-one-ca.toml"] }),
        "meta" => open_table::<Meta>(),
        "run" => open_table::<Run>(),
        "ca" => table(CaSettings::KEYS),
        "dns" => table(Dns::KEYS),
        "explore" => open_table::<Explore>(),
        "matrix" => json!({
            "type": "object",
            "properties": { "exclude": { "type": "array", "items": { "type": "object" },
                "description": "Combinations that are left out." } },
            "additionalProperties": { "type": "array", "items": { "type": ["string", "number", "boolean"] } },
        }),
        "hosts" => json!({ "type": "object", "additionalProperties": hosts() }),
        "net" => {
            let mut net = table(Link::KEYS);
            net["patternProperties"] = json!({ "->": table(LinkChange::KEYS) });
            net
        }
        "bugs" => json!({
            "type": "object",
            "properties": Bug::CHOICES
                .iter()
                .chain(CaBehaviour::CHOICES)
                .map(|bug| (bug.name.to_owned(), switch(bug)))
                .collect::<Map<_, _>>(),
            "patternProperties": { "\\{": { "anyOf": on_or_off(), "description": "The defect that an axis names." } },
            "additionalProperties": false,
        }),
        "timeline" => json!({ "type": "array", "items": tagged("do", Verb::WORDS, StepHead::KEYS) }),
        "expect" => json!({ "type": "array", "items": expectation() }),
        other => unreachable!("`{other}` has no row in the table of sections"),
    }
}

/// A table that a base file may hold in part: what must be there after merging may be missing in one file.
fn open_table<T: Section>() -> Value {
    let mut schema = table(T::KEYS);
    schema.as_object_mut().expect("tables are objects").remove("required");
    schema
}

fn table(keys: &[Key]) -> Value {
    json!({
        "type": "object",
        "properties": properties(keys),
        "required": required(keys),
        "additionalProperties": false,
    })
}

fn properties(keys: &[Key]) -> Map<String, Value> {
    keys.iter().map(|key| (key.name.to_owned(), property(key))).collect()
}

fn required(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect()
}

fn property(key: &Key) -> Value {
    let shape = (key.shape)();
    let mut schema = of_shape(&shape);
    schema["description"] = json!(paragraph(key.doc));
    if let Need::Default(default) = key.need {
        schema["default"] = match default {
            "true" | "false" => json!(default == "true"),
            text => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        };
    }
    schema
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text { examples, pattern: Some(pattern), .. } => {
            json!({ "type": "string", "pattern": format!("^({pattern})$|{PLACEHOLDER}"), "examples": examples })
        }
        Shape::Text { examples, pattern: None, .. } => json!({ "type": "string", "examples": examples }),
        Shape::Integer { least, most, .. } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, placeholder()] })
        }
        Shape::Boolean => json!({ "anyOf": [{ "type": "boolean" }, placeholder()] }),
        Shape::Choice { choices, .. } => {
            let words =
                choices.iter().map(|choice| json!({ "const": choice.name, "description": paragraph(choice.doc) }));
            json!({ "anyOf": words.chain([placeholder()]).collect::<Vec<_>>() })
        }
        Shape::Host => json!({ "type": "string" }),
        Shape::List(of) => {
            let of = of_shape(of);
            json!({ "anyOf": [of, { "type": "array", "items": of }] })
        }
        Shape::Table(keys) => {
            let mut schema = table(keys);
            // What must be there after merging may be missing in one file.
            schema.as_object_mut().expect("tables are objects").remove("required");
            schema
        }
        Shape::Condition => json!({ "type": "object", "minProperties": 1 }),
    }
}

fn placeholder() -> Value {
    json!({ "type": "string", "pattern": PLACEHOLDER })
}

fn on_or_off() -> Value {
    json!([{ "enum": ["on", "off"] }, { "type": "boolean" }, placeholder()])
}

fn switch(bug: &Choice) -> Value {
    json!({
        "anyOf": on_or_off(),
        "description": paragraph(bug.doc),
    })
}

/// A table whose other keys depend on the word behind `tag`.
fn tagged(tag: &str, words: &[Word], common: &[Key]) -> Value {
    let alternatives: Vec<Value> = words
        .iter()
        .map(|word| {
            let mut schema = table(common);
            let own = properties(word.keys);
            schema["properties"].as_object_mut().expect("tables have properties").extend(own);
            schema["properties"][tag] = json!({ "const": word.name, "description": paragraph(word.doc) });
            schema["description"] = json!(paragraph(word.doc));
            let names = required(common).into_iter().chain(required(word.keys));
            schema["required"] = names.map(Value::from).collect();
            schema
        })
        .collect();
    json!({ "oneOf": alternatives })
}

/// Any of the kinds: a file that extends another may leave the kind to its base.
fn hosts() -> Value {
    let mut schema = tagged("kind", HostKind::WORDS, HostHead::KEYS);
    let mut kinds = schema["oneOf"].take();
    for kind in kinds.as_array_mut().expect("one alternative a kind") {
        kind.as_object_mut().expect("tables are objects").remove("required");
    }
    json!({ "anyOf": kinds })
}

fn expectation() -> Value {
    let mut schema = table(ExpectationHead::KEYS);
    let modes = ["always", "never", "eventually", "sometimes", "finally"];
    for mode in modes {
        let laws = Law::WORDS.iter().filter(|law| law.modes.contains(&mode));
        let mut words: Vec<Value> =
            laws.map(|law| json!({ "const": law.name, "description": paragraph(law.doc) })).collect();
        words.push(placeholder());
        if matches!(mode, "never" | "eventually" | "sometimes") {
            words.push(json!({ "type": "string", "pattern": "^probe:", "description": "A probe fires." }));
        }
        let description = schema["properties"][mode]["description"].clone();
        schema["properties"][mode] = json!({ "anyOf": words, "description": description });
    }
    for law in Law::WORDS {
        for (key, mut property) in properties(law.keys) {
            let description = property["description"].as_str().unwrap_or_default();
            property["description"] = json!(format!("With {}: {description}", law.name));
            if schema["properties"].get(&key).is_none() {
                schema["properties"][key] = property;
            }
        }
    }
    schema["oneOf"] = modes.iter().map(|mode| json!({ "required": [mode] })).collect();
    schema
}
