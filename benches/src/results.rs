//! Figures as data: what a bench has measured, kept as JSON in one form, for the release report and the gate.
//!
//! Each bench leaves a file in `target/figures/`; `benches/results/` keeps what they left, one file a version.

use std::{
    collections::BTreeMap,
    env,
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::origin::Origin;

/// A bench that leaves figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bench {
    /// What it is called.
    pub name: &'static str,
    /// How it is run.
    pub command: &'static str,
    /// How it measures.
    pub method: &'static str,
}

/// Every bench, in the report's order.
pub const BENCHES: [Bench; 9] = [
    Bench {
        name: "instructions",
        command: "cargo bench --bench instructions",
        method: "Instructions that the program executes, counted by Callgrind (Valgrind, through gungraun), each path once in a \
                 process of its own after it was gone once. Of all figures, these guard a release: see the README.",
    },
    Bench {
        name: "world",
        command: "cargo bench --bench world",
        method: "Criterion's medians. Simulated time over real time, one core; stock turmoil runs the same program in the same \
                 run. Memory is the process's, after the last world of the bench.",
    },
    Bench {
        name: "lookup",
        command: "cargo bench --bench lookup",
        method: "Short rounds of all contenders in turn; of each the 15th percentile. The peers are what rustls's resolver by \
                 server name is inside, and the same table behind a readers-writer lock.",
    },
    Bench {
        name: "parsers",
        command: "cargo bench --bench parsers",
        method: "Criterion's medians, one of the fuzzers' seeds each. A peer is the plain parser of the format, which judges \
                 nothing.",
    },
    Bench {
        name: "storage",
        command: "cargo bench --bench storage",
        method: "Medians of 400 rounds, each with one certificate in each way, on the disk of the temporary directory.",
    },
    Bench {
        name: "start",
        command: "cargo bench --bench start",
        method: "From the start of a process to a visitor's handshake for the last certificate, the files in the page cache; \
                 once.",
    },
    Bench {
        name: "issuance-rates",
        command: "cargo bench --bench issuance -- rates",
        method: "A load generator on the same machine, rounds of 10 seconds of each CA in turn; medians of the rounds.",
    },
    Bench {
        name: "issuance-memory",
        command: "cargo bench --bench issuance -- memory",
        method: "Resident memory of the CA's process, all names taken for proven.",
    },
    Bench {
        name: "defects",
        command: "cargo bench --bench defects",
        method: "The catalogue's cases with a defect, a CA's behaviour or power cuts, on one thread.",
    },
];

impl Bench {
    /// The one of this name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn called(name: &str) -> Self {
        BENCHES.into_iter().find(|bench| bench.name == name).expect("it is one of them")
    }
}

/// Which of two values of a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured; the same in each release.
    pub name: String,
    /// The unit of the value and of the peers' values.
    pub unit: String,
    /// Ours.
    pub value: f64,
    /// Which way is better.
    pub better: Better,
    /// What others did in the same run, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<String, f64>,
    /// What measures it.
    pub command: String,
}

impl Figure {
    /// With what another one did in the same run.
    pub fn beside(&mut self, peer: &str, value: f64) -> &mut Self {
        self.peers.insert(peer.to_owned(), value);
        self
    }
}

/// What one bench has measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The bench's name.
    pub bench: String,
    /// How it measures.
    pub method: String,
    /// What with, and when.
    pub origin: Origin,
    /// What came of it, in the bench's order.
    pub figures: Vec<Figure>,
}

impl Measured {
    /// Nothing yet, of the bench of this name, here and now.
    ///
    /// # Panics
    /// If there is no such bench, or as [`Origin::here`].
    #[must_use]
    pub fn by(bench: &str) -> Self {
        let Bench { name, method, .. } = Bench::called(bench);
        Self { bench: name.to_owned(), method: method.to_owned(), origin: Origin::here(), figures: Vec::new() }
    }

    /// Adds a figure of which the lower value is better.
    pub fn lower(&mut self, name: impl Into<String>, unit: &str, value: f64) -> &mut Figure {
        self.add(name.into(), unit, value, Better::Lower)
    }

    /// Adds a figure of which the higher value is better.
    pub fn higher(&mut self, name: impl Into<String>, unit: &str, value: f64) -> &mut Figure {
        self.add(name.into(), unit, value, Better::Higher)
    }

    fn add(&mut self, name: String, unit: &str, value: f64, better: Better) -> &mut Figure {
        let command = Bench::called(&self.bench).command.to_owned();
        self.figures.push(Figure { name, unit: unit.to_owned(), value, better, peers: BTreeMap::new(), command });
        self.figures.last_mut().expect("it has just come")
    }

    /// The figure of this name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// Leaves the figures for the report, in place of those of the bench's last run.
    ///
    /// # Panics
    /// If there is no room.
    pub fn leave(&self) {
        let folder = left();
        fs::create_dir_all(&folder).expect("the target directory can be written");
        let path = folder.join(format!("{}.json", self.bench));
        fs::write(path, json(self)).expect("the target directory can be written");
    }
}

/// What the benches have measured of one version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The version.
    pub version: String,
    /// By bench, in the order of [`BENCHES`].
    pub benches: Vec<Measured>,
}

impl Release {
    /// What the benches have left of their last runs.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn left() -> io::Result<Self> {
        let mut benches = Vec::new();
        for bench in BENCHES {
            let path = left().join(format!("{}.json", bench.name));
            if path.exists() {
                benches.push(read(&path)?);
            }
        }
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), benches })
    }

    /// The versions whose figures are kept, the oldest first.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn kept() -> io::Result<Vec<Self>> {
        let mut releases = Vec::new();
        fs::create_dir_all(results())?;
        for entry in fs::read_dir(results())? {
            releases.push(read::<Self>(&entry?.path())?);
        }
        releases.sort_by_key(|release| order(&release.version));
        Ok(releases)
    }

    /// Keeps these figures as those of their version. What a bench that has not run had left before, stays.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn keep(&self) -> io::Result<PathBuf> {
        let mut kept = Self::kept()?.into_iter().find(|kept| kept.version == self.version).unwrap_or_default();
        kept.benches.retain(|before| self.bench(&before.bench).is_none());
        let benches = [self.benches.clone(), kept.benches].concat();
        let mut all = Self { version: self.version.clone(), benches };
        all.benches.sort_by_key(|measured| BENCHES.iter().position(|bench| bench.name == measured.bench));
        let path = results().join(format!("{}.json", self.version));
        fs::write(&path, json(&all))?;
        Ok(path)
    }

    /// What the bench of this name has measured.
    #[must_use]
    pub fn bench(&self, name: &str) -> Option<&Measured> {
        self.benches.iter().find(|measured| measured.bench == name)
    }
}

/// The figures as text, as they are kept.
///
/// # Panics
/// Never: they can be written.
#[must_use]
pub fn json(of: &impl Serialize) -> String {
    serde_json::to_string_pretty(of).expect("figures are JSON") + "\n"
}

/// The folder of what this program was built into.
///
/// # Panics
/// If cargo has not built it.
#[must_use]
pub fn target() -> PathBuf {
    let program = env::current_exe().expect("this program is a file");
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.expect("cargo marks its target directory").to_owned()
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let told = |e: &dyn Display| io::Error::other(format!("{}: {e}", path.display()));
    serde_json::from_slice(&fs::read(path).map_err(|e| told(&e))?).map_err(|e| told(&e))
}

fn left() -> PathBuf {
    target().join("figures")
}

fn results() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results")
}

/// What versions are sorted by: their numbers (Semantic Versioning 2.0.0 §11); a release comes after what leads to it.
#[must_use]
pub fn order(version: &str) -> (Vec<u64>, bool, String) {
    let (numbers, before) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').filter_map(|number| number.parse().ok()).collect();
    (numbers, before.is_empty(), before.to_owned())
}
