//! The catalogue: scenario files on disk, found, read and picked by path or id.
//!
//! Folders whose name begins with `_` hold base files, which are no scenarios by themselves.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::language::{Case, Diagnostics, Scenario, Style, load};

/// The catalogue that comes with the source.
#[must_use]
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog")
}

/// What can't be run, and why. Nothing is run then.
#[derive(Debug)]
pub enum CatalogueError {
    /// A file or folder can't be read.
    Unreadable(PathBuf, io::Error),
    /// What was asked for is neither a path nor the beginning of a case's id.
    Unknown(String),
    /// There is no scenario there.
    Empty(PathBuf),
    /// Mistakes in scenario files, all of them.
    Wrong(Vec<Diagnostics>),
}

impl std::error::Error for CatalogueError {}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, e) => write!(f, "{} can't be read: {e}", path.display()),
            Self::Unknown(asked) => write!(
                f,
                "`{asked}` is neither a file or folder nor the beginning of a case's id; `gauntlet list` shows the ids"
            ),
            Self::Empty(path) => write!(f, "there is no scenario file (*.toml) under {}", path.display()),
            Self::Wrong(all) => all.iter().try_for_each(|one| f.write_str(&one.render(Style::Plain))),
        }
    }
}

/// Scenarios that were read without a mistake, sorted by id.
#[derive(Debug, Default)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
    cases: Vec<Case>,
}

impl Catalogue {
    /// Reads every scenario file under `root`; their ids must be their paths.
    ///
    /// # Errors
    /// [`CatalogueError`] with every mistake in every file.
    pub fn read(root: &Path) -> Result<Self, CatalogueError> {
        let mut files = Vec::new();
        collect(root, &mut files)?;
        if files.is_empty() {
            return Err(CatalogueError::Empty(root.to_owned()));
        }
        let ids = files.iter().map(|file| {
            let id = file.strip_prefix(root).unwrap_or(file).with_extension("");
            Some(id.to_string_lossy().into_owned())
        });
        read_files(&files, ids)
    }

    /// Reads one file, wherever it lies, or a whole folder. Outside of the shipped catalogue, a case is
    /// called after its file, so that its id alone tells where to find it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_path(path: &Path) -> Result<Self, CatalogueError> {
        let mut files = Vec::new();
        collect(path, &mut files)?;
        if files.is_empty() {
            return Err(CatalogueError::Empty(path.to_owned()));
        }
        let ids: Vec<_> = files.iter().map(|_| None).collect();
        read_files(&files, ids)
    }

    /// The cases that `selection` names, each as a path or as the beginning of an id; the whole shipped
    /// catalogue if it names none.
    ///
    /// # Errors
    /// [`CatalogueError`], with all that is wrong.
    pub fn select(selection: &[String]) -> Result<Vec<Case>, CatalogueError> {
        let mut cases: Vec<Case> = Vec::new();
        let shipped = || Self::read(&shipped());
        if selection.is_empty() {
            return Ok(shipped()?.cases);
        }
        for asked in selection {
            let path = Path::new(asked);
            let found: Vec<Case> = if path.exists() {
                Self::read_path(path)?.cases
            } else {
                let cases = shipped()?.cases;
                // A whole id is meant alone, even if another one begins with it.
                let is_whole = |case: &Case| {
                    case.id.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                let any_whole = cases.iter().any(is_whole);
                let is_meant = |case: &Case| if any_whole { is_whole(case) } else { case.id.starts_with(asked) };
                cases.into_iter().filter(is_meant).collect()
            };
            if found.is_empty() {
                return Err(CatalogueError::Unknown(asked.clone()));
            }
            for case in found {
                if cases.iter().all(|known| known.id != case.id) {
                    cases.push(case);
                }
            }
        }
        Ok(cases)
    }

    /// The scenarios.
    #[must_use]
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// Their cases.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }
}

fn read_files(files: &[PathBuf], ids: impl IntoIterator<Item = Option<String>>) -> Result<Catalogue, CatalogueError> {
    let mut scenarios = Vec::new();
    let mut wrong = Vec::new();
    for (file, id) in files.iter().zip(ids) {
        let source = read_text(file)?;
        let read = load(&shortened(file), &source, |base| fs::read_to_string(base));
        let checked = read.and_then(|scenario| match &id {
            Some(id) => scenario.check_id(id).map(|()| scenario),
            None => Ok(scenario),
        });
        match checked {
            Ok(scenario) => scenarios.push(scenario),
            Err(diagnostics) => wrong.push(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(CatalogueError::Wrong(wrong));
    }
    let cases = scenarios.iter().zip(files).flat_map(|(scenario, file)| {
        let is_shipped = fs::canonicalize(file).is_ok_and(|file| file.starts_with(shipped()));
        scenario.cases().iter().cloned().map(move |case| if is_shipped { case } else { called_after(file, case) })
    });
    Ok(Catalogue { cases: cases.collect(), scenarios })
}

fn called_after(file: &Path, case: Case) -> Case {
    let axes = case.id.split_once("::").map(|(_, axes)| format!("::{axes}")).unwrap_or_default();
    Case { id: format!("{}{axes}", file.display()), ..case }
}

fn read_text(file: &Path) -> Result<String, CatalogueError> {
    fs::read_to_string(file).map_err(|e| CatalogueError::Unreadable(file.to_owned(), e))
}

/// The path as somebody in the working directory would type it.
fn shortened(file: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    file.strip_prefix(here).unwrap_or(file).to_owned()
}

/// Every scenario file under `path`, sorted, or `path` itself if it is a file.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), CatalogueError> {
    let unreadable = |e| CatalogueError::Unreadable(path.to_owned(), e);
    if fs::metadata(path).map_err(unreadable)?.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        let is_base = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('_'));
        let is_scenario = entry.extension().is_some_and(|extension| extension == "toml");
        if !is_base && (is_scenario || entry.is_dir()) {
            collect(&entry, files)?;
        }
    }
    Ok(())
}
