//! Stubs in a folder: a JSON file each, or a file with a list of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::journal::record::Id;
use crate::policy::Policy;
use crate::policy::stub::Stub;
use crate::problem::{Place, Problem, Problems};

impl Stub {
    /// Reads the stubs of the `*.json` files of a folder, in the order of their names. A stub that stands in its file
    /// alone has the file's name for its id.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn load_folder(folder: &Path, place: &Place, policy: &Policy) -> Result<Vec<Self>, Problems> {
        let mut problems = Problems::default();
        let mut stubs = Vec::new();
        for file in files(folder).map_err(|error| {
            Problems(vec![Problem::new(place, format!("cannot read the stubs in {}: {error}", folder.display()))])
        })? {
            match read(&file, policy) {
                Ok(mut read) => stubs.append(&mut read),
                Err(wrong) => problems.0.extend(wrong.into_iter().map(|(text, help)| {
                    let problem = Problem::new(place, format!("{}: {text}", file.display()));
                    help.into_iter().fold(problem, Problem::help)
                })),
            }
        }
        problems.or(stubs)
    }

    /// Writes the stub into a folder, into the file of its id, unless it is in a list there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, folder: &Path) -> io::Result<PathBuf> {
        if let Some(list) = self.list.as_ref().filter(|list| list.parent() == Some(folder) && list.is_file()) {
            return Ok(list.clone());
        }
        let file = folder.join(format!("{}.json", self.id));
        fs::write(&file, format!("{:#}\n", self.given))?;
        Ok(file)
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The stubs of a file, or what is wrong with it, each with what helps.
fn read(file: &Path, policy: &Policy) -> Result<Vec<Stub>, Vec<(String, Option<String>)>> {
    let wrong = |text: String| vec![(text, None)];
    let text = fs::read_to_string(file).map_err(|error| wrong(format!("cannot read it: {error}")))?;
    let given: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let named = |given| (if is_id(name) { name.to_owned() } else { Id::new().to_string() }, given);
    let (all, list): (Vec<_>, _) = match given {
        serde_json::Value::Array(items) => {
            (items.into_iter().map(|item| (Id::new().to_string(), item)).collect(), Some(file.to_owned()))
        }
        one => (vec![named(one)], None),
    };
    let (mut stubs, mut problems) = (Vec::new(), Vec::new());
    for (id, given) in all {
        match Stub::read(&id, given, policy) {
            Ok(mut stub) => {
                stub.list.clone_from(&list);
                stubs.push(stub);
            }
            Err(found) => problems.extend(found.0.into_iter().map(|problem| (problem.to_string(), problem.help))),
        }
    }
    if problems.is_empty() { Ok(stubs) } else { Err(problems) }
}

/// Whether a name can be a stub's id: it stands in addresses of the API.
fn is_id(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 100 && name.chars().all(plain)
}
