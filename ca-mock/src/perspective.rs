//! [`Perspective`]: from where a validation looks at the Internet, and what several of them make of it.
//!
//! The CA's own host is the primary perspective. Remote ones repeat what it has found good, so that somebody who holds
//! sway over one path or one resolver alone gets no certificate (Baseline Requirements §3.2.2.9). They are hosts like
//! any other: one that is down, or does not answer in time, corroborates nothing.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sim::{Env, Task};

use crate::{
    Ca,
    config::Config,
    dns::resolver::Resolver,
    problem::{Problem, ProblemType},
};

/// How long a remote perspective may take.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// A host, and the name server that it asks.
#[derive(Clone, Debug)]
pub(crate) struct Perspective {
    pub(crate) env: Env,
    pub(crate) ca: Ca,
    pub(crate) dns_server: SocketAddr,
}

impl Perspective {
    /// The CA's own host.
    pub(crate) fn primary(ca: &Ca, env: &Env) -> Self {
        Self { env: env.clone(), ca: ca.clone(), dns_server: ca.config().dns_server }
    }

    pub(crate) fn config(&self) -> &Config {
        self.ca.config()
    }

    pub(crate) fn resolver(&self) -> Resolver {
        let Config { dns_timeout, dns_attempts, .. } = *self.config();
        Resolver { env: self.env.clone(), server: self.dns_server, timeout: dns_timeout, attempts: dns_attempts }
    }
}

/// The remote perspectives that are up, in the order in which they came.
#[derive(Default)]
pub(crate) struct RemotePerspectives(Mutex<Remotes>);

#[derive(Default)]
struct Remotes {
    opened: u64,
    /// A host and the name server that it asks.
    open: BTreeMap<u64, (Env, SocketAddr)>,
}

/// A remote perspective that is up. Dropping it, as a host that goes down does, takes it away.
#[must_use = "dropping an OpenPerspective closes it"]
pub struct OpenPerspective {
    ca: Ca,
    id: u64,
}

impl fmt::Debug for OpenPerspective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenPerspective({})", self.id)
    }
}

impl Drop for OpenPerspective {
    fn drop(&mut self) {
        self.ca.remote_perspectives().step(|remotes| remotes.open.remove(&self.id));
    }
}

impl RemotePerspectives {
    pub(crate) fn open(&self, ca: &Ca, env: &Env, dns_server: SocketAddr) -> OpenPerspective {
        let id = self.step(|remotes| {
            remotes.opened += 1;
            remotes.open.insert(remotes.opened, (env.clone(), dns_server));
            remotes.opened
        });
        OpenPerspective { ca: ca.clone(), id }
    }

    fn step<T>(&self, step: impl FnOnce(&mut Remotes) -> T) -> T {
        step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets the remote perspectives, all at once, look at what the primary one has found good.
///
/// # Errors
/// The first problem met, if more of them disagree than may.
pub(crate) async fn corroborate<W>(ca: &Ca, env: &Env, look: impl Fn(Perspective) -> W) -> Result<(), Problem>
where
    W: Future<Output = Result<(), Problem>> + Send + 'static,
{
    let wanted = ca.config().remote_perspectives;
    let remotes: Vec<_> =
        ca.remote_perspectives().step(|remotes| remotes.open.values().take(wanted).cloned().collect());
    let looking: Vec<Task<_>> = remotes
        .into_iter()
        .map(|(env, dns_server)| {
            let work = look(Perspective { env: env.clone(), ca: ca.clone(), dns_server });
            env.spawn("ca secondary validation", work)
        })
        .collect();
    let deadline = env.monotonic_now() + LOOK_MAX;
    let mut disagreements = Vec::new();
    let missing = wanted - looking.len();
    for task in looking {
        let left = deadline.since(env.monotonic_now());
        match env.timeout(left, task).await {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(problem))) => disagreements.push(problem),
            Ok(None) | Err(_) => disagreements.push(unanswered()),
        }
    }
    disagreements.extend(std::iter::repeat_with(unanswered).take(missing));
    if disagreements.len() <= disagreements_max(wanted) {
        return Ok(());
    }
    let problem = disagreements.swap_remove(0).prefixed("During secondary validation: ");
    env.probe_about("ca/secondary-validation-failed", || [("why", problem.to_string())]);
    Err(problem)
}

fn unanswered() -> Problem {
    Problem::new(ProblemType::Connection, "a remote perspective did not answer")
}

/// How many of so many remote perspectives may disagree (Baseline Requirements §3.2.2.9).
fn disagreements_max(remotes: usize) -> usize {
    match remotes {
        0 | 1 => 0,
        2..=5 => 1,
        6.. => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn outcome(wanted: usize, open: usize, disagreeing: u16) -> Result<(), Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let env = testing::env();
            let ca = Ca::new(&env, Config { remote_perspectives: wanted, ..Config::default() });
            // The port stands for the perspective.
            let server = |index: usize| SocketAddr::from(([127, 0, 0, 1], u16::try_from(index).unwrap()));
            let _open: Vec<_> = (0..open).map(|index| ca.open_perspective(&env, server(index))).collect();
            drop(ca.open_perspective(&env, server(0)));
            corroborate(&ca, &env, |from| async move {
                let disagrees = from.dns_server.port() < disagreeing;
                if disagrees { Err(Problem::new(ProblemType::Dns, "nowhere")) } else { Ok(()) }
            })
            .await
        })
    }

    #[test]
    fn as_many_may_disagree_as_the_baseline_requirements_say() {
        for (remotes, may_disagree) in [(0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (8, 2)] {
            assert_eq!(outcome(remotes, remotes, may_disagree), Ok(()), "{remotes}");
            if remotes > 0 {
                let problem = outcome(remotes, remotes, may_disagree + 1).unwrap_err();
                assert_eq!(problem.detail, "During secondary validation: nowhere");
            }
        }
    }

    #[test]
    fn a_perspective_that_is_down_corroborates_nothing() {
        assert_eq!(outcome(2, 1, 0), Ok(()));
        let problem = outcome(2, 0, 0).unwrap_err();
        assert_eq!(problem.detail, "During secondary validation: a remote perspective did not answer");
    }
}
