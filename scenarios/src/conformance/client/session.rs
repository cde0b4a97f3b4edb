//! [`Session`]: what a CA saw of a client, and what became of the client.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use sim::trace::{Event, Observer, Record};

use super::task::Task;
use crate::{
    conformance::{
        driver::Exchange,
        verdict::{Finding, Stop},
    },
    oracles::{
        Bench,
        law::Settings,
        reader::{
            Reader,
            certificate::{Certificate, read_pem},
            http::Moment,
            identifier::{Identifier, show},
            jws::Jws,
            step::{Resource, Step},
        },
    },
};

/// The laws that a case may go by: those that bind one client, and show in what its CA sees, or else in the world alone.
const LAWS: &[&str] = &[
    "manager.challenge-posted-once",
    "manager.cleans-up-challenges",
    "manager.honors-retry-after",
    "manager.no-hot-loop",
    "manager.one-account",
    "manager.one-open-order",
    "manager.replaces-where-it-belongs",
    "nonces.single-use",
];

/// How many exchanges are kept; a client that asks more often than this is known to.
const EXCHANGES_MAX: usize = 5_000;

/// An exchange with the CA.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was answered, nanoseconds since the beginning.
    pub at_ns: u64,
    /// The exchange as the CA saw it.
    pub step: Step,
}

/// What the CA itself tells of the client, besides the exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// It came by TLS, and broke the handshake off or asked for nothing: some look at a certificate's names only afterwards.
    Came,
    /// The client was asked for what nobody is to give: for this.
    Decoy { decoy: String, is_taken: bool },
    /// The CA did to it what the case's faults say.
    Fault,
}

impl Told {
    fn of(event: &Event) -> Option<Self> {
        let Event::Probe { name, about } = event else { return None };
        let decoy = |is_taken| Some(Self::Decoy { decoy: about.get("decoy")?.clone(), is_taken });
        match name.as_str() {
            "ca/handshake-failed" | "ca/nothing-asked" => Some(Self::Came),
            "ca/decoy-taken" => decoy(true),
            "ca/decoy-refused" => decoy(false),
            name if name.starts_with("ca/fault/") => Some(Self::Fault),
            _ => None,
        }
    }
}

/// The exit code of a client that can't do what is asked.
pub const UNSUPPORTED: i32 = 127;

/// How the client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Exit(i32),
    /// By a signal of its own making.
    Signal,
    /// Not in time: it was killed.
    Killed,
    /// It goes on, as a manager does.
    GoesOn,
}

/// What became of a client's command.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// What it printed, or the beginning of that.
    pub output: String,
    /// The commands of those that it had left running.
    pub left_behind: Vec<String>,
    /// The names at which it had left TXT records, as far as they were not published in the world.
    pub records_left: Vec<String>,
}

/// Sees the CA's events and keeps what cases judge by. All clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Mutex<Watched>>);

#[derive(Debug)]
struct Watched {
    reader: Reader,
    bench: Bench,
    asked: Vec<Asked>,
    told: Vec<Told>,
}

impl Default for Watched {
    fn default() -> Self {
        let bench = Bench::default();
        for law in LAWS {
            bench.seat(law, Settings::default()).expect("the list's laws are the registry's");
        }
        Self { reader: Reader::default(), bench, asked: Vec::new(), told: Vec::new() }
    }
}

impl Observer for Watch {
    fn observe(&mut self, record: &Record, _line: &str) {
        let watched = &mut *self.watched();
        watched.bench.observe(record);
        if let Some(told) = Told::of(&record.event)
            && !watched.told.contains(&told)
        {
            watched.told.push(told);
        }
        for step in watched.reader.read(record).steps {
            let is_asked = step.moment == Moment::Answered && !matches!(step.resource, Resource::Http01 { .. });
            if is_asked && watched.asked.len() < EXCHANGES_MAX {
                watched.asked.push(Asked { at_ns: record.at_ns, step });
            }
        }
    }
}

impl Watch {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen of a client with this task, which ran so.
    #[must_use]
    pub fn session(&self, task: Task, ran: Ran) -> Session {
        let Watched { bench, asked, told, .. } = std::mem::take(&mut *self.watched());
        let judgement = bench.finish(0);
        let findings = judgement.verdicts().iter().flat_map(|verdict| verdict.findings());
        let broken = findings.map(|finding| Broken {
            law: finding.law,
            message: finding.message.clone(),
            exchange: asked.iter().rposition(|asked| asked.at_ns <= finding.at_ns),
        });
        let broken = broken.collect();
        Session { task, asked, told, ran, broken, notes: RefCell::default() }
    }
}

/// A law that was broken, how, and at which exchange.
#[derive(Debug)]
struct Broken {
    law: &'static str,
    message: String,
    exchange: Option<usize>,
}

/// What a CA saw of a client, and what became of the client.
#[derive(Debug)]
pub struct Session {
    task: Task,
    asked: Vec<Asked>,
    told: Vec<Told>,
    ran: Ran,
    broken: Vec<Broken>,
    notes: RefCell<Vec<String>>,
}

impl Session {
    /// Everything that was asked, in order.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// How the client ended.
    #[must_use]
    pub fn ended(&self) -> Ended {
        self.ran.ended
    }

    /// What it printed.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.ran.output
    }

    /// The end of what it printed, for a finding.
    #[must_use]
    pub fn last_printed(&self) -> String {
        let from = self.ran.output.char_indices().rev().nth(300).map_or(0, |(index, _)| index);
        format!("{:?}", &self.ran.output[from..])
    }

    /// This stands in what the client has printed. One that goes on in the world prints nothing.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub fn has_printed(&self, text: &str) -> Result<(), Stop> {
        match self.ran.ended == Ended::GoesOn || self.ran.output.contains(text) {
            true => Ok(()),
            false => Err(self.fail(None, &format!("{text} in what the client prints"), self.last_printed())),
        }
    }

    /// Whether it said that it can't do this.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.ran.ended == Ended::Exit(UNSUPPORTED)
    }

    /// Notes what is allowed, but worth knowing.
    pub fn note(&self, note: impl Into<String>) {
        self.notes.borrow_mut().push(note.into());
    }

    /// What is worth knowing of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().iter().cloned().chain(self.left_behind_in_words()).collect()
    }

    fn left_behind_in_words(&self) -> Option<String> {
        let commands = self.ran.left_behind.join(", ");
        (!commands.is_empty()).then(|| format!("it left processes behind, which were ended: {commands}"))
    }

    /// What was asked of such resources.
    pub fn of(&self, is_meant: impl Fn(&Resource) -> bool) -> impl Iterator<Item = (usize, &Asked)> {
        self.asked.iter().enumerate().filter(move |(_, asked)| is_meant(&asked.step.resource))
    }

    /// Whatever was signed.
    pub fn signed(&self) -> impl Iterator<Item = (usize, &Asked, &Jws)> {
        self.asked.iter().enumerate().filter_map(|(index, asked)| Some((index, asked, asked.step.jws()?)))
    }

    /// Something that the client did at this exchange is not as it should be.
    #[must_use]
    pub fn fail(&self, exchange: Option<usize>, expected: &str, found: impl Into<String>) -> Stop {
        Stop::Fail(Finding { expected: expected.to_owned(), found: found.into(), exchange })
    }

    /// The client did not get so far as to what is judged: the case about whether it can do its task at all comes first.
    #[must_use]
    pub fn missing(&self, expected: &str) -> Stop {
        self.fail(self.last(), expected, self.in_words()).before(self.task.base_case())
    }

    /// Whether the CA has done to the client what the case's faults say.
    #[must_use]
    pub fn met_a_fault(&self) -> bool {
        self.told.contains(&Told::Fault)
    }

    /// The client asked for something at all: what it did not send can't be judged.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub fn has_asked(&self, resource: &Resource) -> Result<(), Stop> {
        match self.of(|one| one == resource).next() {
            Some(_) => Ok(()),
            None => Err(self.missing(&format!("a request for {resource:?}"))),
        }
    }

    /// The certificates that were given out for the names of the task, each as often as it was, with the exchange.
    pub fn certificates(&self) -> impl Iterator<Item = (usize, Certificate)> {
        let names = self.task.names();
        let given_out = self.of(|resource| matches!(resource, Resource::Certificate { .. }));
        let leaves = given_out.filter(|(_, asked)| asked.step.status() == 200).filter_map(|(index, asked)| {
            let file = read_pem(&asked.step.response.as_ref()?.body)?;
            Some((index, file.certificates.into_iter().next()?))
        });
        leaves.filter(move |(_, leaf)| leaf.names == names)
    }

    /// The first of them.
    ///
    /// # Errors
    /// [`Stop::Fail`] if there is none.
    pub fn first_certificate(&self) -> Result<(usize, Certificate), Stop> {
        self.certificates().next().ok_or_else(|| self.missing("a certificate"))
    }

    /// How many certificates were given out, each counted once.
    fn issued(&self) -> usize {
        self.certificates().map(|(_, certificate)| certificate.serial).collect::<BTreeSet<String>>().len()
    }

    /// A certificate was given out, and the client is content with it.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not, [`Stop::Hang`] if it did not end in time.
    pub fn obtained(&self) -> Result<(), Stop> {
        self.is_content_with(1, "a certificate, and a client that ends with success")
    }

    /// As [`Session::obtained`], and the CA has looked at a proof by challenges of this type.
    ///
    /// # Errors
    /// As there.
    pub fn obtained_by(&self, challenge_type: &str) -> Result<(), Stop> {
        self.obtained()?;
        let is_proof = |challenge: &Value| {
            let has = |member: &str, value: &str| challenge.get(member).and_then(Value::as_str) == Some(value);
            has("type", challenge_type) && (has("status", "valid") || has("status", "processing"))
        };
        let mut shown = self.asked.iter().filter_map(|asked| asked.step.body());
        let is_proved = shown.any(|body| {
            let challenges = body.get("challenges").and_then(Value::as_array);
            is_proof(body) || challenges.into_iter().flatten().any(is_proof)
        });
        if is_proved { Ok(()) } else { Err(self.fail(None, &format!("a proof by {challenge_type}"), "none")) }
    }

    /// The client has taken away what it published for dns-01.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub fn took_records_away(&self) -> Result<(), Stop> {
        self.keeps("manager.cleans-up-challenges")?;
        match &self.ran.records_left[..] {
            [] => Ok(()),
            left => Err(self.fail(None, "no TXT record left when the client has ended", left.join(", "))),
        }
    }

    /// A second certificate was given out after the first, and the client is content with it.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not, [`Stop::Hang`] if it did not end in time.
    pub fn renewed(&self) -> Result<(), Stop> {
        self.is_content_with(2, "a second certificate, and a client that ends with success")
    }

    fn is_content_with(&self, certificates: usize, expected: &str) -> Result<(), Stop> {
        match self.ran.ended {
            Ended::Exit(0) | Ended::GoesOn if self.issued() >= certificates => Ok(()),
            // Some clients tell by it that nothing was due.
            Ended::Exit(_) if self.issued() >= certificates && matches!(self.task, Task::RunByTimer(_)) => Ok(()),
            Ended::Killed => {
                let found = format!("no end in time; {}", self.in_words());
                let finding = Finding { expected: expected.to_owned(), found, exchange: self.last() };
                Err(Stop::Hang(finding).before(self.task.base_case()))
            }
            Ended::Exit(_) | Ended::Signal | Ended::GoesOn => {
                let printed = if self.ran.output.is_empty() { "nothing".to_owned() } else { self.last_printed() };
                let found = format!("{}; what it printed ends with {printed}", self.in_words());
                Err(self.fail(self.last(), expected, found).before(self.task.base_case()))
            }
        }
    }

    /// As [`Session::obtained`], and without a loop that has no pause.
    ///
    /// # Errors
    /// As there.
    pub fn obtained_without_haste(&self) -> Result<(), Stop> {
        self.keeps("manager.no-hot-loop")?;
        self.obtained()
    }

    /// The client has seen that it has got nowhere: it has not ended with success, nor by a crash.
    ///
    /// # Errors
    /// [`Stop::Fail`] if it has.
    pub fn gave_up(&self) -> Result<(), Stop> {
        match self.ran.ended {
            Ended::Exit(0) => Err(self.fail(self.last(), "a client that does not end with success", self.in_words())),
            Ended::Signal => Err(self.fail(self.last(), "an end by itself", self.in_words())),
            Ended::Killed => {
                self.note("the client had not ended when its time was over");
                Ok(())
            }
            Ended::Exit(_) | Ended::GoesOn => Ok(()),
        }
    }

    /// The client ordered, at most so often within any `seconds`, and gave up.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub fn gives_up_ordering_after(&self, times: usize, seconds: u64) -> Result<(), Stop> {
        self.has_asked(&Resource::NewOrder)?;
        self.asks_at_most(times, seconds, |resource| *resource == Resource::NewOrder)?;
        self.gave_up()
    }

    /// The client came to the CA by TLS, and asked it for nothing.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub fn asked_nothing(&self) -> Result<(), Stop> {
        if !self.asked.is_empty() {
            return Err(self.fail(Some(0), "no request", self.in_words()));
        }
        match self.told.contains(&Told::Came) {
            true => self.gave_up(),
            false => Err(self.missing("a handshake with the CA")),
        }
    }

    /// The client was asked for this, which nobody is to give, and did not give it.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub fn refused_decoy(&self, wanted: &str, given: &str) -> Result<(), Stop> {
        let laid = self.told.iter().filter_map(|told| match told {
            Told::Decoy { decoy, is_taken } if decoy == wanted => Some(*is_taken),
            Told::Decoy { .. } | Told::Came | Told::Fault => None,
        });
        let laid: Vec<bool> = laid.collect();
        match (laid.is_empty(), laid.contains(&true)) {
            (true, _) => Err(self.missing("a challenge that the CA looks after")),
            (_, true) => Err(self.fail(self.last(), &format!("anything but {given}"), given)),
            (false, false) => Ok(()),
        }
    }

    /// This law was kept.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    ///
    /// # Panics
    /// If the session does not go by it.
    pub fn keeps(&self, law: &str) -> Result<(), Stop> {
        assert!(LAWS.contains(&law), "{law} is not in the list");
        match self.broken.iter().find(|broken| broken.law == law) {
            None => Ok(()),
            Some(broken) => {
                let says = crate::oracles::registry::find(law).map_or("", |entry| entry.says);
                let expected = format!("that the law is kept: {}", says.trim_end_matches('.'));
                Err(self.fail(broken.exchange, &expected, broken.message.clone()))
            }
        }
    }

    /// No resource is asked for more often than this within any `seconds`.
    ///
    /// # Errors
    /// [`Stop::Fail`] if one is.
    pub fn asks_at_most(&self, times: usize, seconds: u64, is_meant: impl Fn(&Resource) -> bool) -> Result<(), Stop> {
        let at: Vec<(usize, u64)> = self.of(is_meant).map(|(index, asked)| (index, asked.at_ns)).collect();
        let crowded = at.windows(times + 1).find(|window| {
            let (Some((_, first)), Some((_, last))) = (window.first(), window.last()) else { return false };
            last - first <= seconds * 1_000_000_000
        });
        match crowded.and_then(<[_]>::last) {
            None => Ok(()),
            Some((index, _)) => {
                let expected = format!("at most {times} requests for it within {seconds} s");
                Err(self.fail(Some(*index), &expected, format!("at least {}", times + 1)))
            }
        }
    }

    fn last(&self) -> Option<usize> {
        self.asked.len().checked_sub(1)
    }

    /// What became of the client.
    #[must_use]
    pub fn in_words(&self) -> String {
        let certificates = match self.issued() {
            0 => "no certificate".to_owned(),
            1 => "a certificate".to_owned(),
            several => format!("{several} certificates"),
        };
        let ended = match self.ran.ended {
            Ended::Exit(code) => format!("exit code {code}"),
            Ended::Signal => "an end by a signal".to_owned(),
            Ended::Killed => "no end in time".to_owned(),
            Ended::GoesOn => "a client that goes on".to_owned(),
        };
        let last = self.asked.last().map(|asked| {
            let Step { request, .. } = &asked.step;
            format!(", the last one {} {} with {}", request.method, request.target, asked.step.status())
        });
        let left_behind = self.left_behind_in_words().map(|words| format!("; {words}"));
        let [last, left_behind] = [last, left_behind].map(Option::unwrap_or_default);
        format!("{certificates}, {ended}, after {} requests{last}{left_behind}", self.asked.len())
    }

    /// The exchanges, for the report.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.asked.iter().map(|asked| shown(&asked.step)).collect()
    }
}

fn shown(step: &Step) -> Exchange {
    let request = &step.request;
    let head =
        |fields: Vec<(&str, &str)>| fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
    let mut asked = format!("{} {}\n{}", request.method, request.target, head(request.headers.fields().collect()));
    match step.jws() {
        // What is signed, as it means something to people.
        Some(jws) => asked.push_str(&format!("\n{}\n{}", jws.protected, payload(jws))),
        None => asked.push_str(&format!("\n{}", String::from_utf8_lossy(&request.body))),
    }
    let response = step.response.as_ref().map_or_else(String::new, |response| {
        let fields = head(response.headers.fields().collect());
        format!("{}\n{fields}\n{}", response.status, String::from_utf8_lossy(&response.body))
    });
    Exchange { request: asked, response }
}

fn payload(jws: &Jws) -> String {
    if jws.payload == Value::Null {
        String::from_utf8_lossy(&jws.payload_bytes).into_owned()
    } else {
        jws.payload.to_string()
    }
}

/// Which identifiers an order is for, in words; used by cases about orders.
pub(super) fn ordered(payload: &Value) -> String {
    let names = payload.get("identifiers").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(|one| one.get("value")?.as_str());
    show(&names.map(Identifier::dns).collect())
}
