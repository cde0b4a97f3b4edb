//! What CAs have been seen to do that a client has to live with, each a switch of `[bugs]` beside the defects.
//!
//! A name here is a promise that some scenario in `catalog/` has the client under test live with it. What the CA does
//! then is data of `ca_mock::historical`.

choices! {
    /// What a client has to live with.
    pub enum CaBehaviour("a known behaviour of CAs") {
        /// A nonce is good only where it was given out, and every fourth request comes elsewhere. The client tries again
        /// with the nonce of the refusal. Boulder: <https://github.com/letsencrypt/boulder/issues/4303>,
        /// <https://github.com/letsencrypt/boulder/issues/4308>
        "ca.nonce-other-dc" => NonceOtherDc,
        /// A nonce that it does not know ends in a 500 with HTML and without a nonce. The client gets a new nonce and
        /// tries again later. Dogtag: <https://github.com/dogtagpki/pki/issues/5418>,
        /// <https://github.com/dogtagpki/pki/pull/5422>
        "ca.nonce-500-html" => Nonce500Html,
        /// `badNonce` comes without a nonce. The client asks for one. Vault, acme2certifier:
        /// <https://github.com/nginx/nginx-acme/issues/47>, <https://github.com/nginx/nginx-acme/issues/200>,
        /// <https://github.com/grindsa/acme2certifier/issues/111>, <https://github.com/win-acme/win-acme/issues/1718>
        "ca.badnonce-no-nonce" => BadnonceNoNonce,
        /// Nonces are forgotten after two seconds. The client keeps none for later, and tries again. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/2809>
        "ca.nonce-evict" => NonceEvict,
        /// A refusal for its rate has used the nonce up. The client tries again with another one.
        /// <https://github.com/publishlab/node-acme-client/issues/103>
        "ca.429-keeps-nonce" => KeepsNonce429,
        /// "Service busy; retry later.", every other time. The client waits for Retry-After and loses nothing. Let's
        /// Encrypt: <https://community.letsencrypt.org/t/184174>, <https://github.com/dehydrated-io/dehydrated/issues/886>,
        /// <https://github.com/cunnie/sslip.io/issues/98>
        "ca.busy-429" => Busy429,
        /// A balancer answers now and then, 503 with HTML or 504 with nothing. The client tries again and keeps its
        /// account. <https://github.com/certbot/certbot/issues/1904>, <https://github.com/certbot/certbot/issues/1249>,
        /// <https://github.com/hlandau/acmetool/issues/214>
        "ca.lb-503-html" => Lb503Html,
        /// Everything is refused with 503 for the first 2 h 26 min. The client comes back as Retry-After says, by the
        /// same account. Let's Encrypt, 8 May 2026
        "ca.issuance-halt" => IssuanceHalt,
        /// An authorization is not found when it is first looked at. The client looks again soon. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/6511>, <https://github.com/letsencrypt/boulder/issues/6649>
        "ca.replica-404-authz" => Replica404Authz,
        /// An order is not found when it is first looked at. The client looks again soon. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/6511>, <https://github.com/letsencrypt/boulder/issues/6649>
        "ca.replica-404-order" => Replica404Order,
        /// The certificate of a valid order is not found at first. The client looks again, and orders nothing more.
        /// Boulder: <https://github.com/go-acme/lego/issues/3254>, <https://github.com/letsencrypt/boulder/issues/6549>
        "ca.replica-404-cert" => Replica404Cert,
        /// Orders can't be shown now and then: "wrong number of authorizations". The client looks again. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/6511>, <https://github.com/letsencrypt/boulder/issues/6540>
        "ca.replica-500-order" => Replica500Order,
        /// Finalized orders stay `processing`. The client ends its wait, and in time orders anew. Boulder, Pebble:
        /// <https://github.com/letsencrypt/boulder/issues/3403>, <https://github.com/letsencrypt/boulder/issues/3406>,
        /// <https://github.com/acmesh-official/acme.sh/issues/6103>, <https://github.com/acmesh-official/acme.sh/issues/6341>
        "ca.processing-forever" => ProcessingForever,
        /// Retry-After is a day, and all is ready after seconds. The client looks again much sooner. ZeroSSL:
        /// <https://github.com/acmesh-official/acme.sh/issues/6221>, <https://github.com/acmesh-official/acme.sh/issues/6576>,
        /// <https://github.com/acmesh-official/acme.sh/issues/6587>
        "ca.retry-after-86400" => RetryAfter86400,
        /// Retry-After is a date. The client reads both formats. <https://github.com/mholt/acmez/issues/14>,
        /// <https://github.com/go-acme/lego/issues/2829>, <https://github.com/acmesh-official/acme.sh/issues/7201>
        "ca.retry-after-date" => RetryAfterDate,
        /// Retry-After is negative, a fraction, long ago, ISO 8601, huge or empty, in turn. The client waits as if there
        /// were none, or a bounded time. <https://github.com/jtdowney/ex_acme/issues/5>
        "ca.retry-after-bad" => RetryAfterBad,
        /// The order is still `pending` when its authorizations are valid, and then `orderNotReady`. The client looks
        /// again and hands its request in once more. Dogtag: <https://github.com/dogtagpki/pki/pull/4562>,
        /// <https://github.com/certbot/certbot/issues/9766>
        "ca.ready-vs-pending" => ReadyVsPending,
        /// The answer to a finalization has no Location. The client remembers its order. Buypass, Pebble:
        /// <https://github.com/letsencrypt/pebble/issues/508>, <https://github.com/unixcharles/acme-client/issues/250>,
        /// <https://github.com/icing/mod_md/issues/216>, <https://github.com/ansible/ansible/issues/60727>,
        /// <https://github.com/golang/go/issues/73504>
        "ca.no-location-finalize" => NoLocationFinalize,
        /// A challenge names no authorization above it. The client knows it from the order.
        /// <https://github.com/go-acme/lego/issues/1285>
        "ca.link-up-absent" => LinkUpAbsent,
        /// A challenge's Link has no angle brackets and a path that is not there. The client knows better from the order.
        /// <https://github.com/NeySlim/ultimate-ca-manager/issues/217>
        "ca.link-up-broken" => LinkUpBroken,
        /// Media types have a charset. The client reads them as media types. step-ca and others:
        /// <https://github.com/smallstep/certificates/issues/1171>, <https://github.com/processone/ejabberd/issues/3938>,
        /// <https://github.com/certbot/certbot/issues/7339>
        "ca.ctype-charset" => CtypeCharset,
        /// An order is `invalid` and its error `null`, the first and then every twelfth time. The client gives it up
        /// without harm and orders anew. <https://github.com/go-acme/lego/issues/2427>
        "ca.error-null" => ErrorNull,
        /// An authorization is `invalid` and its challenges are not. The client believes the authorization. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/3482>
        "ca.authz-invalid-chal-pending" => AuthzInvalidChalPending,
        /// A challenge is being validated, and the client is told 409. It looks at the authorization. Boulder:
        /// <https://github.com/letsencrypt/boulder/pull/8838>, <https://github.com/letsencrypt/boulder/issues/3172>,
        /// <https://github.com/letsencrypt/boulder/issues/3036>
        "ca.dup-validate-race" => DupValidateRace,
        /// Authorizations are valid from the beginning and have no challenges. The client goes on. Sectigo and others:
        /// <https://github.com/acmesh-official/acme.sh/issues/4150>, <https://github.com/cert-manager/cert-manager/issues/4874>,
        /// <https://github.com/nginx/nginx-acme/issues/81>
        "ca.authz-valid-no-challenge" => AuthzValidNoChallenge,
        /// Authorizations are pending and have no challenges. The client says so, and does not order at a rush. Dogtag:
        /// <https://github.com/dogtagpki/pki/issues/5060>
        "ca.pending-no-challenge" => PendingNoChallenge,
        /// Whoever looks at a challenge has it validated. The client looks at the authorization only. EJBCA, step-ca:
        /// <https://github.com/nginx/nginx-acme/issues/40>, <https://github.com/cert-manager/cert-manager/issues/2973>,
        /// <https://github.com/cert-manager/cert-manager/issues/4430>
        "ca.chal-get-triggers" => ChalGetTriggers,
        /// notBefore lies a day back. The client takes the certificate for a new one. Let's Encrypt:
        /// <https://github.com/letsencrypt/boulder/issues/8012>, <https://github.com/letsencrypt/boulder/issues/965>,
        /// <https://github.com/istio/istio/issues/32176>
        "ca.backdate-24h" => Backdate24h,
        /// The default chain ends in a cross-sign that has expired. The client installs it all the same, or the
        /// alternate. Let's Encrypt, 2021: <https://letsencrypt.org/docs/dst-root-ca-x3-expiration-september-2021/>
        "ca.chain-expired-root" => ChainExpiredRoot,
        /// Renewal information wants the identifiers of an old draft and is refused with 400. The client renews without.
        /// <https://github.com/win-acme/win-acme/issues/2582>
        "ca.ari-old-draft" => AriOldDraft,
        /// Renewal information knows no certificate. The client renews by its lifetime. Boulder:
        /// <https://github.com/acmesh-official/acme.sh/issues/6942>, <https://github.com/letsencrypt/boulder/issues/7889>
        "ca.ari-unknown-issuer" => AriUnknownIssuer,
        /// An order that replaces a certificate ends in 500. The client orders without `replaces`.
        /// <https://github.com/go-acme/lego/issues/2137>
        "ca.ari-replaces-500" => AriReplaces500,
        /// An order that replaces a certificate is `alreadyReplaced`. The client orders without `replaces`.
        /// <https://github.com/polymind-inc/acmebot/issues/1183>, <https://github.com/srvrco/getssl/issues/908>,
        /// <https://github.com/simple-acme/simple-acme/issues/90>, <https://github.com/rmbolger/Posh-ACME/issues/560>
        "ca.ari-already-replaced" => AriAlreadyReplaced,
        /// There is no renewal information, and who says `replaces` is refused. The client does neither. HARICA:
        /// <https://github.com/icing/mod_md/issues/406>
        "ca.ari-not-supported" => AriNotSupported,
        /// The suggested window ends before it begins, has no start, is numbers, is null, is far away or is HTML, in turn.
        /// The client renews in time. <https://github.com/letsencrypt/pebble/issues/484>
        "ca.ari-bad-window" => AriBadWindow,
        /// The second time, the suggested window is in the past: a mass revocation is coming. The client renews at once.
        /// <https://github.com/acmesh-official/acme.sh/issues/6953>, <https://community.letsencrypt.org/t/245960>
        "ca.ari-flip" => AriFlip,
        /// New orders are refused for good, without Retry-After, and the detail says where to go. The client tells it,
        /// and asks less and less. Boulder: <https://github.com/letsencrypt/boulder/blob/main/wfe2/wfe.go>
        "ca.paused-429" => Paused429,
        /// What should be 403 is 401. The client goes by the problem's type. step-ca:
        /// <https://github.com/smallstep/certificates/blob/master/acme/errors.go>
        "ca.401-for-403" => Status401For403,
        /// What should be 429 is 400. The client goes by the problem's type, and waits for Retry-After. step-ca:
        /// <https://github.com/smallstep/certificates/blob/master/acme/errors.go>
        "ca.400-for-429" => Status400For429,
        /// A key that has an account is refused with 409 instead of shown its account. The client reads Location. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/3327>
        "ca.acct-409" => Acct409,
        /// A refusal has a hundred subproblems that say the same. The client tells it once. Boulder:
        /// <https://github.com/letsencrypt/boulder/issues/4681>
        "ca.caa-dup-subproblems" => CaaDupSubproblems,
    }
}
