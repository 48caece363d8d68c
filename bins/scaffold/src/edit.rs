//! Lines added to a file that lists what there is.

/// A file's text, while lines are added to it.
pub(crate) struct Edit {
    path: String,
    text: String,
}

impl Edit {
    pub(crate) fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    pub(crate) fn text(self) -> String {
        self.text
    }

    /// Adds `mod name;` in its place among the modules.
    pub(crate) fn module(self, name: &str) -> Result<Self, String> {
        let line = format!("mod {name};");
        let modules = self.text.lines().filter(|line| line.starts_with("mod ") && line.ends_with(';'));
        let after = modules.clone().rfind(|module| **module < *line).map(str::to_owned);
        match (after, modules.clone().next().map(str::to_owned)) {
            (Some(before), _) => self.after(&format!("{before}\n"), &format!("{line}\n")),
            (None, Some(first)) => self.before(&first, &format!("{line}\n")),
            (None, None) => Err(format!("{}: there is no module beside which mod {name} could stand", self.path)),
        }
    }

    /// Adds text after the first place at which `mark` stands.
    pub(crate) fn after(self, mark: &str, added: &str) -> Result<Self, String> {
        let at = self.text.find(mark).map(|at| at + mark.len());
        self.at(at, mark, added)
    }

    /// Adds text before the first place at which `mark` stands.
    pub(crate) fn before(self, mark: &str, added: &str) -> Result<Self, String> {
        let at = self.text.find(mark);
        self.at(at, mark, added)
    }

    /// Adds text before the last place at which `mark` stands.
    pub(crate) fn before_last(self, mark: &str, added: &str) -> Result<Self, String> {
        let at = self.text.rfind(mark);
        self.at(at, mark, added)
    }

    /// Adds text at the end.
    pub(crate) fn end(mut self, added: &str) -> Self {
        self.text.push_str(added);
        self
    }

    fn at(mut self, at: Option<usize>, mark: &str, added: &str) -> Result<Self, String> {
        let missing =
            || format!("{}: there is no {:?}, beside which to add {:?}", self.path, mark.trim(), added.trim());
        self.text.insert_str(at.ok_or_else(missing)?, added);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Edit;

    fn modules(text: &str, name: &str) -> String {
        Edit::new("mod.rs", text.to_owned()).module(name).unwrap().text()
    }

    #[test]
    fn a_module_has_its_place() {
        assert_eq!(modules("mod a;\nmod c;\n\nuse x;\n", "b"), "mod a;\nmod b;\nmod c;\n\nuse x;\n");
        assert_eq!(modules("mod b;\n", "a"), "mod a;\nmod b;\n");
        assert_eq!(modules("mod a;\n", "z"), "mod a;\nmod z;\n");
    }

    #[test]
    fn what_has_no_place_is_told() {
        let told = Edit::new("lib.rs", "text".to_owned()).after("mark", "added").err().unwrap();
        assert!(told.contains("lib.rs") && told.contains("mark") && told.contains("added"), "{told}");
    }
}
