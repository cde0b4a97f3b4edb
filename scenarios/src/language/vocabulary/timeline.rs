//! The timeline: when a step happens, and the verbs that say what it does.

use std::{num::NonZeroU32, time::Duration};

use crate::language::{
    terms::{HostName, VerbWord},
    values::{
        AriWindow, Bandwidth, HeaderField, HeaderFieldName, HttpStatus, JsonField, Latency, MediaType, Moment,
        NamePattern, Names, Percentage, Pointer, ProbeName, Record, RetryAfterHeader, SignedDuration, Slug, TermsUrl,
    },
    vocabulary::{
        disk::{Damage, DiskAccess, DiskError},
        fault::{Endpoint, ForcedState},
        renewal_info::{AriFault, AriField},
        revocation::{OcspAnswers, RevocationReason},
    },
};

section! {
    /// What every step has: exactly one of `at`, `after`, `when`, `every`, and `do`.
    pub(crate) struct StepHead {
        /// The verb: what is done.
        "do" => verb: VerbWord = required,
        /// At this virtual time.
        "at" => at: Duration = optional,
        /// So long after the step before it.
        "after" => after: Duration = optional,
        /// When this happens for the first time.
        "when" => when: Moment = optional,
        /// Again and again, so far apart.
        "every" => every: Duration = optional,
        /// With `when`: how long after the moment.
        "delay" => delay: Duration = optional,
        /// With `every`: the first time; left out, after one period.
        "starting" => starting: Duration = optional,
        /// With `every`: not after this virtual time.
        "until" => until: Duration = optional,
        /// With `every`: no more often than this.
        "times" => times: NonZeroU32 = optional,
    }
}

words! {
    /// What a step does.
    pub enum Verb {
        /// Kills a host's process: the kernel closes its sockets, what it wrote to disk is kept.
        "host.kill" => HostKill {
            /// The host.
            "host" => host: HostName = required,
            /// Starts it again after this time; left out: it stays down until `host.start`.
            "for" => duration: Duration = optional,
        },
        /// Cuts a host's power: nothing more is sent, unsynced writes are at risk.
        "host.power-loss" => HostPowerLoss {
            /// The host.
            "host" => host: HostName = required,
            /// Starts it again after this time; left out: it stays down until `host.start`.
            "for" => duration: Duration = optional,
        },
        /// Starts a host that is down; does nothing to one that is up.
        "host.start" => HostStart {
            /// The host.
            "host" => host: HostName = required,
        },
        /// Suspends a host as a laptop's lid does: its programs stand still, the clock on the wall goes on.
        "host.suspend" => HostSuspend {
            /// The host.
            "host" => host: HostName = required,
            /// Resumes it after this time; left out: it sleeps until `host.resume`.
            "for" => duration: Duration = optional,
        },
        /// Resumes a suspended host.
        "host.resume" => HostResume {
            /// The host.
            "host" => host: HostName = required,
        },
        /// Makes a host's disk refuse.
        "disk.fail" => DiskFail {
            /// The host.
            "host" => host: HostName = required,
            /// With which error.
            "error" => error: DiskError = required,
            /// Which operations fail.
            "on" => on: DiskAccess = ["writes"],
            /// Works again after this time; left out: it fails to the end.
            "for" => duration: Duration = optional,
        },
        /// Damages files on a host's disk, whether the host is up or down.
        "disk.damage" => DiskDamage {
            /// The host.
            "host" => host: HostName = required,
            /// Which files: a path, or a file's name, where `*` stands for anything.
            "file" => file: String = required,
            /// What is wrong with them then.
            "how" => how: Damage = required,
            /// With `fields-missing`: which members.
            "remove-fields" => remove_fields: Vec<Pointer> = optional,
        },
        /// Lets the operator put a certificate with its key on a host's disk, in one file, from a CA that visitors trust and
        /// nobody asks; it begins an hour before.
        "disk.give-certificate" => DiskGiveCertificate {
            /// The host.
            "host" => host: HostName = required,
            /// The path of the file, which is replaced if it is there.
            "file" => file: String = required,
            /// The names that the certificate is for.
            "names" => names: Names = required,
            /// How long it is good.
            "validity" => validity: Duration = ["90d"],
        },
        /// Moves a host's wall clock at once.
        "clock.step" => ClockStep {
            /// The host.
            "host" => host: HostName = required,
            /// How far; negative for back.
            "by" => by: SignedDuration = required,
        },
        /// Makes a host's wall clock gain or lose from now on.
        "clock.set-drift" => ClockSetDrift {
            /// The host.
            "host" => host: HostName = required,
            /// Parts per million; positive gains.
            "drift-ppm" => drift_ppm: i32 = required,
        },
        /// Changes how packets travel between two hosts.
        "link.set" => LinkSet {
            /// One end.
            "from" => from: HostName = required,
            /// The other end.
            "to" => to: HostName = required,
            /// Only from `from` to `to`.
            "one-way" => one_way: bool = ["false"],
            /// How long a packet is under way.
            "latency" => latency: Latency = optional,
            /// The share of packets lost.
            "loss" => loss: Percentage = optional,
            /// The share of UDP datagrams that arrive twice.
            "duplicate" => duplicate: Percentage = optional,
            /// How fast bits are carried.
            "bandwidth" => bandwidth: Bandwidth = optional,
        },
        /// Drops every packet between two hosts without a word.
        "link.blackhole" => LinkBlackhole {
            /// One end.
            "from" => from: HostName = required,
            /// The other end.
            "to" => to: HostName = required,
            /// Only from `from` to `to`.
            "one-way" => one_way: bool = ["false"],
            /// Heals after this time; left out: lasts until `link.heal`.
            "for" => duration: Duration = optional,
        },
        /// Resets the connections between two hosts and refuses new ones.
        "link.reset" => LinkReset {
            /// One end.
            "from" => from: HostName = required,
            /// The other end.
            "to" => to: HostName = required,
            /// Heals after this time; left out: lasts until `link.heal`.
            "for" => duration: Duration = optional,
        },
        /// Holds every packet between two hosts back; when healed, they arrive.
        "link.stall" => LinkStall {
            /// One end.
            "from" => from: HostName = required,
            /// The other end.
            "to" => to: HostName = required,
            /// Only from `from` to `to`.
            "one-way" => one_way: bool = ["false"],
            /// Heals after this time; left out: lasts until `link.heal`.
            "for" => duration: Duration = optional,
        },
        /// Cuts each connection off after so many bytes from `from` to `to`.
        "link.truncate" => LinkTruncate {
            /// The host that sends.
            "from" => from: HostName = required,
            /// The host that receives.
            "to" => to: HostName = required,
            /// How many bytes of a connection still pass.
            "after-bytes" => after_bytes: u32 = required,
        },
        /// Makes the link between two hosts as `[net]` says again.
        "link.heal" => LinkHeal {
            /// One end.
            "from" => from: HostName = required,
            /// The other end.
            "to" => to: HostName = required,
        },
        /// Makes every operation of a host's disk that begins from now on take longer.
        "disk.slow" => DiskSlow {
            /// The host.
            "host" => host: HostName = required,
            /// How long each operation takes.
            "latency" => latency: Duration = required,
            /// As fast as ever again after this time; left out: it stays slow.
            "for" => duration: Duration = optional,
        },
        /// Replaces all records of a name and type.
        "dns.replace" => DnsReplace {
            /// The name.
            "name" => owner: NamePattern = required,
            /// Type and data of the one record that is there from now on.
            "record" => record: Record = required,
            /// The DNS host that says so; left out: all of them.
            "server" => server: HostName = optional,
        },
        /// Removes all records of a name.
        "dns.remove" => DnsRemove {
            /// The name.
            "name" => owner: NamePattern = required,
            /// The DNS host that knows them no more; left out: all of them.
            "server" => server: HostName = optional,
        },
        /// Answers every question about this very name with SERVFAIL, until its records are replaced or removed.
        "dns.servfail" => DnsServfail {
            /// The name.
            "name" => owner: NamePattern = required,
            /// The DNS host that says so; left out: all of them.
            "server" => server: HostName = optional,
        },
        /// Changes what every CA answers to questions for renewal information; what is left out is as `[ca]` says.
        "ca.ari.set" => CaAriSet {
            /// Fields that are not as they should be.
            "fields" => fields: Vec<AriField> = optional,
            /// What is wrong with these fields.
            "are" => are: AriFault = ["omitted"],
            /// The suggested window.
            "window" => window: AriWindow = optional,
            /// What Retry-After says.
            "retry-after" => retry_after: RetryAfterHeader = optional,
            /// The status of the answer.
            "status" => status: HttpStatus = optional,
            /// Sent as HTML, in place of the JSON object.
            "body" => body: String = optional,
        },
        /// Every CA wants what it has issued by now replaced, as before a mass revocation: for each of those certificates this is
        /// the window that it suggests from now on, and what comes after them is as `[ca]` says.
        "ca.ari.advance" => CaAriAdvance {
            /// When the window starts, counted from this step.
            "start" => start: SignedDuration = ["-1h"],
            /// When it ends.
            "end" => end: SignedDuration = ["0s"],
        },
        /// From now on every CA answers certain requests otherwise than it should. Of several rules that would act on
        /// a request, the first one given does.
        "ca.fault" => CaFault {
            /// What the rule is called: a later one of this name takes its place, and `probe:ca/fault/NAME` tells that
            /// it has acted.
            "name" => name: Slug = ["fault"],
            /// The host of kind `ca` that it strikes; left out: all of them.
            "host" => host: HostName = optional,
            /// To which resources; left out: to all.
            "endpoints" => endpoints: Vec<Endpoint> = optional,
            /// By which account: its contact, or its URL, or `*` for any that there is; left out: by anyone.
            "account" => account: String = optional,
            /// About which identifier; left out: about any or none.
            "identifier" => identifier: String = optional,
            /// Whether it is an order that says which certificate it replaces (RFC 9773 §5); left out: either.
            "replaces" => replaces: bool = optional,
            /// From this request on, of those that the rule is about.
            "nth" => nth: NonZeroU32 = ["1"],
            /// From there on, each so many: 2 is every other one.
            "every-nth" => every_nth: NonZeroU32 = ["1"],
            /// So many requests; left out: each one.
            "count" => count: NonZeroU32 = optional,
            /// How likely it acts on each of them.
            "chance" => chance: Percentage = ["100%"],
            /// For so long; left out: until `ca.fault.clear`.
            "for" => duration: Duration = optional,
            /// What becomes of the resource that is asked for, before anything else.
            "state" => state: ForcedState = optional,
            /// Whether the CA carries the request out, whatever it answers; left out: unless `problem`, `html`, `body`,
            /// `status` or `drop` say what is answered instead.
            "carried-out" => carried_out: bool = optional,
            /// The type of the problem that is answered, such as `badNonce`, or a URI.
            "problem" => problem: String = optional,
            /// The problem's detail.
            "detail" => detail: String = optional,
            /// HTML that is answered, as by a balancer before the CA.
            "html" => html: String = optional,
            /// Any other text that is answered, as by a balancer before the CA.
            "body" => body: String = optional,
            /// The content type of the answer.
            "content-type" => content_type: MediaType = optional,
            /// The status of the answer.
            "status" => status: HttpStatus = optional,
            /// Members of the JSON object that have other values.
            "set-fields" => set_fields: Vec<JsonField> = optional,
            /// Members of the JSON object that are left out.
            "remove-fields" => remove_fields: Vec<Pointer> = optional,
            /// Header fields that have other values.
            "set-headers" => set_headers: Vec<HeaderField> = optional,
            /// Header fields that come in addition.
            "add-headers" => add_headers: Vec<HeaderField> = optional,
            /// Header fields that are left out.
            "remove-headers" => remove_headers: Vec<HeaderFieldName> = optional,
            /// The answer comes so much later.
            "answer-delay" => answer_delay: Duration = optional,
            /// The connection is closed without an answer.
            "drop" => drop: bool = ["false"],
            /// The connection is closed after so many bytes of the answer's body.
            "cut-off-after-bytes" => cut_off_after_bytes: u32 = optional,
        },
        /// Takes back what `ca.fault` has set up.
        "ca.fault.clear" => CaFaultClear {
            /// The rule; left out: every rule.
            "name" => name: Slug = optional,
        },
        /// From now on the OCSP responder of every CA does so.
        "ca.ocsp.set" => CaOcspSet {
            /// What it does with questions.
            "answers" => answers: OcspAnswers = required,
        },
        /// Every CA revokes, of its own accord, what it has issued for any of these names and is still good.
        "ca.revoke" => CaRevoke {
            /// The names.
            "names" => names: Names = required,
            /// Why.
            "reason" => reason: RevocationReason = ["unspecified"],
        },
        /// Changes the terms of service of every CA: accounts get no orders any more until they have agreed (RFC 8555
        /// §7.3.3).
        "ca.terms.set" => CaTermsSet {
            /// Where they stand.
            "url" => url: TermsUrl = required,
        },
        /// Deactivates every account that a CA has, as somebody does who holds its key elsewhere (RFC 8555 §7.3.6).
        "ca.accounts.deactivate" => CaAccountsDeactivate {},
        /// Lets the holder of every account agree to the terms of service, which is done outside of ACME.
        "ca.terms.agree" => CaTermsAgree {},
        /// Tells a manager for which names it is to hold certificates from now on, one for each. It goes on working.
        "manager.reload" => ManagerReload {
            /// The manager.
            "host" => host: HostName = required,
            /// All of the names.
            "names" => names: Names = required,
        },
        /// Tells a manager to have the certificates of these names revoked, which it then replaces.
        "manager.revoke" => ManagerRevoke {
            /// The manager.
            "host" => host: HostName = required,
            /// The names, each one that the manager holds a certificate for.
            "names" => names: Names = required,
            /// Why.
            "reason" => reason: RevocationReason = ["unspecified"],
        },
        /// Tells a manager to end its work, as before an update.
        "manager.shut-down" => ManagerShutDown {
            /// The manager.
            "host" => host: HostName = required,
            /// Starts it again after this time, whether it has ended or not; left out: it stays down until `host.start`.
            "for" => duration: Duration = optional,
        },
        /// Fires a probe, so that an expectation can tell that the step was reached.
        "probe" => Probe {
            /// The probe's name.
            "name" => probe: ProbeName = required,
        },
    }
}
