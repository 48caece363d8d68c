//! How an aggregate is called, in every form that its files need.

/// What can't name a module or a type of the templates: Rust's own words, and what the templates import.
const TAKEN: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield", // and what the templates import
    "aggregate",
    "belonging",
    "column",
    "description",
    "domain_error",
    "entity",
    "error_kind",
    "field",
    "field_kind",
    "invalid",
    "label",
    "listed",
    "model",
    "patch",
    "recorded",
    "relation",
    "state_projection",
    "story",
    "unique_key",
    "uuid",
];

/// The forms of a name.
#[derive(Debug)]
pub(crate) struct Names {
    /// `crm`
    pub(crate) context: String,
    /// `price_list`
    pub(crate) name: String,
    /// `price_lists`
    pub(crate) plural: String,
}

impl Names {
    /// Takes a name, and the plural unless it follows by rule.
    pub(crate) fn new(context: &str, name: &str, plural: Option<&str>) -> Result<Self, String> {
        let plural = plural.map_or_else(|| plural_of(name), str::to_owned);
        for (what, word) in [("CONTEXT", context), ("NAME", name), ("PLURAL", &*plural)] {
            if !is_word(word) {
                return Err(format!("{what}={word}: must match [a-z][a-z0-9_]*, with a letter or digit after each _"));
            }
        }
        if TAKEN.contains(&name) || TAKEN.contains(&&*plural) {
            return Err(format!(
                "NAME={name}: is a word of Rust or of the templates; choose another, such as {context}_{name}"
            ));
        }
        if plural == name {
            return Err(format!("PLURAL={plural}: must differ from NAME, or paths and events would have one name"));
        }
        Ok(Self { context: context.to_owned(), name: name.to_owned(), plural })
    }

    /// A template's text for this aggregate.
    pub(crate) fn fill(&self, template: &str) -> String {
        let (noun, nouns) = (self.name.replace('_', " "), self.plural.replace('_', " "));
        let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        // The longer mark first, where one begins with another.
        let marks = [
            ("@context", self.context.clone()),
            ("@nouns", nouns.clone()),
            ("@noun", noun),
            ("@Nouns", capital(&nouns)),
            ("@A ", format!("{} ", capital(article))),
            ("@a ", format!("{article} ")),
            ("Specimens", camel(&self.plural)),
            ("Specimen", camel(&self.name)),
            ("specimens", self.plural.clone()),
            ("specimen", self.name.clone()),
        ];
        marks.iter().fold(template.to_owned(), |text, (mark, word)| text.replace(mark, word))
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .split('_')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

fn plural_of(name: &str) -> String {
    let hissing = ["s", "x", "z", "ch", "sh"].iter().any(|ending| name.ends_with(ending));
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if hissing => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}

fn camel(name: &str) -> String {
    name.split('_').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn every_form_follows_from_the_name() {
        let names = Names::new("crm", "order_entry", None).unwrap();
        let text = names
            .fill("@A @noun: @nouns, specimen.created in @context.specimens, SpecimenList, SpecimensRead, @a @noun");
        let expected = "An order entry: order entries, order_entry.created in crm.order_entries, OrderEntryList, \
                        OrderEntriesRead, an order entry";
        assert_eq!(text, expected);
    }

    #[test]
    fn plurals_follow_the_rule_or_are_told() {
        for (name, plural) in
            [("product", "products"), ("tax", "taxes"), ("survey", "surveys"), ("category", "categories")]
        {
            assert_eq!(Names::new("crm", name, None).unwrap().plural, plural);
        }
        assert_eq!(Names::new("crm", "person", Some("people")).unwrap().plural, "people");
        assert!(Names::new("crm", "sheep", Some("sheep")).is_err());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "Product", "1st", "a-b", "a__b", "a_", "_a", "a b", "../x"] {
            assert!(Names::new("crm", name, None).is_err(), "{name}");
            assert!(Names::new(name, "product", None).is_err(), "{name}");
        }
        for name in ["type", "box", "label"] {
            assert!(Names::new("crm", name, None).is_err(), "{name}");
        }
    }
}
