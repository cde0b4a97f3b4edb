//! RFC 8555 §8.1 and §8.3: the key authorization, and http-01.

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Challenge, Driver, key_authorization},
    responder::{Fetched, HTTP01_PATH, Page, Service},
    verdict::Stop,
};

/// The case that is about following redirects at all.
const REDIRECT: &str = "rfc8555/8.3/redirect";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/8.1/key-authorization",
        level: Must,
        requirements: &["rfc8555-8.1-keyauth-thumbprint", "rfc8555-8.3-h1-body-exact"],
        sent: "http-01 is answered with the token, a dot and the RFC 7638 thumbprint of the account's key.",
        expected: "A valid authorization.",
        why: "It is how a key and a name are tied together.",
        run: |driver| Box::pin(valid_with(driver, |right| Page::new(right))),
    },
    Case {
        id: "rfc8555/8.1/key-authorization-of-another-account",
        level: Must,
        requirements: &["rfc8555-8.1-keyauth-account-bound", "rfc8555-10.2-token-not-shared"],
        sent: "http-01 is answered with the token and the thumbprint of another account's key.",
        expected: "An invalid authorization.",
        why: "Else who gets a CA to look at somebody else's answer gets the certificate (§10.2).",
        run: |driver| Box::pin(key_authorization_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/8.3/request",
        level: Must,
        requirements: &["rfc8555-8.3-h1-path", "rfc8555-8.3-h1-port80"],
        sent: "http-01 is answered.",
        expected: "A GET of /.well-known/acme-challenge/ and the token, over plain HTTP.",
        why: "Servers answer there and nowhere else.",
        run: |driver| Box::pin(request(driver)),
    },
    Case {
        id: "rfc8555/8.3/host-header",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-host"],
        sent: "http-01 is answered.",
        expected: "A Host header with the name.",
        why: "By it a server of many sites knows which one is meant.",
        run: |driver| Box::pin(host_header(driver)),
    },
    Case {
        id: "rfc8555/8.3/body-wrong",
        level: Must,
        requirements: &["rfc8555-8.3-h1-body-exact"],
        sent: "http-01 is answered with one letter changed, with more letters, the token alone, a page of HTML, nothing.",
        expected: "An invalid authorization.",
        why: "Whatever a server says of itself must not be taken for a proof.",
        run: |driver| Box::pin(body_wrong(driver)),
    },
    Case {
        id: "rfc8555/8.3/whitespace-at-the-end",
        level: Should,
        requirements: &["rfc8555-8.3-h1-trailing-ws"],
        sent: "http-01 is answered with the key authorization and a line's end, two of them, a blank, a tab.",
        expected: "A valid authorization.",
        why: "Editors end files so, and §8.3 asks servers to pass over it.",
        run: |driver| Box::pin(whitespace_at_the_end(driver)),
    },
    Case {
        id: "rfc8555/8.3/whitespace-before",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-leading-ws"],
        sent: "http-01 is answered with a blank, or a byte order mark, before the key authorization.",
        expected: "An invalid authorization.",
        why: "§8.3 lets only what stands at the end be passed over.",
        run: |driver| Box::pin(whitespace_before(driver)),
    },
    Case {
        id: "rfc8555/8.3/redirect",
        level: Should,
        requirements: &["rfc8555-8.3-h1-redirect"],
        sent: "http-01 is redirected, with 301, 302, 307 and 308, and over three pages.",
        expected: "A valid authorization.",
        why: "Sites send their visitors on, and §8.3 asks servers to follow.",
        run: |driver| Box::pin(redirect(driver)),
    },
    Case {
        id: "rfc8555/8.3/redirect-to-https",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-redirect-https"],
        sent: "http-01 is redirected to HTTPS, where a certificate is shown that nobody has signed.",
        expected: "A valid authorization.",
        why: "Sites send everybody to HTTPS, and who asks for a certificate has no good one yet.",
        run: |driver| Box::pin(redirect_to_https(driver)),
    },
    Case {
        id: "rfc8555/8.3/redirect-loop",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-redirect-loop", "rfc8555-10.3-dos-validation"],
        sent: "http-01 is redirected to itself.",
        expected: "An invalid authorization after a bounded number of requests.",
        why: "Else one request to a CA makes it ask for ever.",
        run: |driver| Box::pin(redirect_loop(driver)),
    },
    Case {
        id: "rfc8555/8.3/redirect-scheme",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-redirect-scheme"],
        sent: "http-01 is redirected to ftp, file and gopher URLs, and to what is no URL.",
        expected: "An invalid authorization whose error tells nothing of a file; whether the CA has read it does not show.",
        why: "A CA that follows reads its own files for strangers.",
        run: |driver| Box::pin(redirect_scheme(driver)),
    },
    Case {
        id: "rfc8555/8.3/redirect-port",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-redirect-port"],
        sent: "http-01 is redirected to another port of the same host, where the right answer is.",
        expected: "An invalid authorization, and no request there.",
        why: "Only ports 80 and 443 are for the web; behind others anybody may be.",
        run: |driver| Box::pin(redirect_port(driver)),
    },
    Case {
        id: "rfc8555/8.3/status",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-status"],
        sent: "http-01 is answered with the key authorization and status 404, 403 and 500.",
        expected: "An invalid authorization.",
        why: "A page that is not there proves nothing, though it may quote what was asked for.",
        run: |driver| Box::pin(status(driver)),
    },
    Case {
        id: "rfc8555/8.3/body-too-long",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-body-limit"],
        sent: "http-01 is answered with the key authorization and half a megabyte of other text.",
        expected: "An invalid authorization.",
        why: "A CA reads no more than it needs.",
        run: |driver| Box::pin(body_too_long(driver)),
    },
    Case {
        id: "rfc8555/8.3/content-type",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-content-type"],
        sent: "http-01 is answered as text/html, as application/octet-stream, as JSON, and without a type.",
        expected: "A valid authorization.",
        why: "Servers don't know what a file without a suffix is.",
        run: |driver| Box::pin(content_type(driver)),
    },
    Case {
        id: "rfc8555/8.3/no-cookies",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-no-cookies"],
        sent: "http-01 is redirected with a cookie.",
        expected: "No cookie in what is asked next, but a User-Agent.",
        why: "A CA that carries things from host to host can be used against others.",
        run: |driver| Box::pin(no_cookies(driver)),
    },
    Case {
        id: "rfc8555/8.3/body-not-repeated",
        level: Robustness,
        requirements: &["rfc8555-8.3-h1-no-leak"],
        sent: "http-01 is redirected to another page, which has four hundred letters and then a secret.",
        expected: "An error that does not have the secret.",
        why: "What a CA can reach and strangers can't must not be told to strangers.",
        run: |driver| Box::pin(body_not_repeated(driver)),
    },
];

async fn challenge(driver: &Driver) -> Result<Challenge, Stop> {
    let account = driver.account().await?;
    driver.pending_challenge(&account, "http-01").await
}

/// http-01 with this page, made of the right key authorization.
async fn valid_with(driver: &Driver, page: impl Fn(&str) -> Page) -> Result<(), Stop> {
    let challenge = challenge(driver).await?;
    driver.responder().publish_page(&challenge.path(), page(&challenge.key_authorization));
    driver.proves(&driver.account().await?, &challenge).await.map(drop)
}

async fn invalid_with(driver: &Driver, page: impl Fn(&Challenge) -> Page) -> Result<Challenge, Stop> {
    let challenge = challenge(driver).await?;
    driver.responder().publish_page(&challenge.path(), page(&challenge));
    driver.fails_to_prove(&driver.account().await?, &challenge).await?;
    Ok(challenge)
}

async fn key_authorization_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let other = driver.other_account().await?;
    invalid_with(driver, |challenge| Page::new(key_authorization(&challenge.token, &other.key))).await.map(drop)
}

async fn request(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver).await?;
    driver.publish(&challenge);
    let over = driver.proves(&driver.account().await?, &challenge).await?;
    let fetched = driver.responder().fetched(&challenge.path());
    let is_right = !fetched.is_empty() && fetched.iter().all(|one| one.method == "GET" && !one.is_https);
    over.claim(is_right, "a GET over plain HTTP", || in_words(&fetched))
}

fn in_words(fetched: &[Fetched]) -> String {
    if fetched.is_empty() {
        return "no request".to_owned();
    }
    fetched.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn host_header(driver: &Driver) -> Result<(), Stop> {
    let challenge = challenge(driver).await?;
    driver.publish(&challenge);
    let over = driver.proves(&driver.account().await?, &challenge).await?;
    for fetched in driver.responder().fetched(&challenge.path()) {
        // A port that is not 80, as test CAs have it, stands behind the name (RFC 9110 §7.2).
        let host = fetched.header("host").unwrap_or_default();
        let name = host.split(':').next().unwrap_or_default();
        over.claim(name == challenge.identifier, &format!("the host {}", challenge.identifier), || host.to_owned())?;
    }
    Ok(())
}

async fn body_wrong(driver: &Driver) -> Result<(), Stop> {
    type Wrong = fn(&Challenge) -> String;
    let variants: [(&str, Wrong); 6] = [
        ("another letter", |one| format!("{}~", &one.key_authorization[..one.key_authorization.len() - 1])),
        ("a letter less", |one| one.key_authorization[..one.key_authorization.len() - 1].to_owned()),
        ("letters more", |one| format!("{}xx", one.key_authorization)),
        ("the token alone", |one| one.token.clone()),
        ("HTML around it", |one| format!("<html><body>{}</body></html>", one.key_authorization)),
        ("nothing", |_| String::new()),
    ];
    for (variant, wrong) in variants {
        let tried = invalid_with(driver, |challenge| Page::new(wrong(challenge))).await;
        tried.map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn whitespace_at_the_end(driver: &Driver) -> Result<(), Stop> {
    for end in ["\n", "\r\n", "\n\n", " ", "\t"] {
        let tried = valid_with(driver, |right| Page::new(format!("{right}{end}"))).await;
        tried.map_err(|stop| stop.with(&format!("{end:?} at the end")))?;
    }
    Ok(())
}

async fn whitespace_before(driver: &Driver) -> Result<(), Stop> {
    for before in [" ", "\n", "\u{feff}"] {
        let tried = invalid_with(driver, |one| Page::new(format!("{before}{}", one.key_authorization))).await;
        tried.map_err(|stop| stop.with(&format!("{before:?} before it")))?;
    }
    Ok(())
}

async fn redirect(driver: &Driver) -> Result<(), Stop> {
    for status in [301, 302, 307, 308] {
        let hops = if status == 302 { 3 } else { 1 };
        redirected(driver, status, hops).await.map_err(|stop| stop.with(&format!("{status}, {hops} times")))?;
    }
    Ok(())
}

/// By so many redirects, all with this status, to the right answer.
async fn redirected(driver: &Driver, status: u16, hops: usize) -> Result<Challenge, Stop> {
    if driver.target().http_port != 80 {
        return Err(Stop::Skip("CAs follow redirects to port 80, and --http answers at another".to_owned()));
    }
    let challenge = challenge(driver).await?;
    let page = |hop: usize| match hop {
        0 => challenge.path(),
        later => format!("/moved/{later}/{}", challenge.token),
    };
    for hop in 0..hops {
        // Relative and absolute ones in turn.
        let target = page(hop + 1);
        let location = if hop % 2 == 0 { format!("http://{}{target}", challenge.identifier) } else { target };
        driver.responder().publish_page(&page(hop), Page::redirect(status, location));
    }
    driver.responder().publish_page(&page(hops), Page::new(challenge.key_authorization.as_str()));
    driver.proves(&driver.account().await?, &challenge).await?;
    Ok(challenge)
}

async fn redirect_to_https(driver: &Driver) -> Result<(), Stop> {
    driver.needs(Service::Tls)?;
    if driver.target().tls_port != Some(443) {
        return Err(Stop::Skip("CAs follow redirects to port 443, and --tls-alpn answers at another".to_owned()));
    }
    let challenge = challenge(driver).await?;
    let target = format!("/moved/{}", challenge.token);
    let location = format!("https://{}{target}", challenge.identifier);
    driver.responder().publish_page(&challenge.path(), Page::redirect(301, location));
    driver.responder().publish_page(&target, Page::new(challenge.key_authorization.as_str()));
    let account = driver.account().await?;
    let over = driver.needed(REDIRECT, driver.proves(&account, &challenge)).await?;
    let fetched = driver.responder().fetched(&target);
    over.claim(fetched.iter().any(|one| one.is_https), "a request over HTTPS", || in_words(&fetched))
}

async fn redirect_loop(driver: &Driver) -> Result<(), Stop> {
    // By a path alone the port is the same, whichever it is.
    let challenge = invalid_with(driver, |one| Page::redirect(302, one.path())).await?;
    let count = driver.responder().fetched(&challenge.path()).len();
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    // A CA looks from several places and may try again.
    over.claim(count <= 200, "no more than 200 requests", || format!("{count}"))
}

async fn redirect_scheme(driver: &Driver) -> Result<(), Stop> {
    for location in ["ftp://{host}/x", "file:///etc/passwd", "gopher://{host}/x", "http://", "http://{host}:99999/"] {
        let page = |one: &Challenge| Page::redirect(302, location.replace("{host}", &one.identifier));
        let challenge = invalid_with(driver, page).await.map_err(|stop| stop.with(location))?;
        let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
        let text = String::from_utf8_lossy(over.body()).into_owned();
        // So /etc/passwd begins.
        over.claim(!text.contains("root:x:0:"), "an error without what the file says", || text.clone())?;
    }
    Ok(())
}

async fn redirect_port(driver: &Driver) -> Result<(), Stop> {
    let address = driver.target().address;
    let elsewhere = driver.responder().serve_elsewhere(driver.env(), address).await;
    let (port, _served) =
        elsewhere.map_err(|e| Stop::Skip(format!("it needs another port of {address} to answer at: {e}")))?;
    let challenge = challenge(driver).await?;
    let target = format!("/elsewhere/{}", challenge.token);
    let location = format!("http://{}:{port}{target}", challenge.identifier);
    driver.responder().publish_page(&challenge.path(), Page::redirect(302, location));
    driver.responder().publish_page(&target, Page::new(challenge.key_authorization.as_str()));
    let account = driver.account().await?;
    driver.fails_to_prove(&account, &challenge).await?;
    let over = driver.get(&account, &challenge.authorization).await?;
    let fetched = driver.responder().fetched(&target);
    over.claim(fetched.is_empty(), &format!("no request to port {port}"), || in_words(&fetched))
}

async fn status(driver: &Driver) -> Result<(), Stop> {
    for status in [404, 403, 500] {
        let page = |one: &Challenge| Page::new(one.key_authorization.as_str()).with_status(status);
        invalid_with(driver, page).await.map_err(|stop| stop.with(&format!("status {status}")))?;
    }
    Ok(())
}

async fn body_too_long(driver: &Driver) -> Result<(), Stop> {
    let page = |one: &Challenge| Page::new(format!("{}{}", one.key_authorization, "x".repeat(512 * 1024)));
    invalid_with(driver, page).await.map(drop)
}

async fn content_type(driver: &Driver) -> Result<(), Stop> {
    for kind in ["text/html; charset=iso-8859-1", "application/octet-stream", "application/json"] {
        let tried = valid_with(driver, |right| Page::new(right).with_header("Content-Type", kind)).await;
        tried.map_err(|stop| stop.with(kind))?;
    }
    valid_with(driver, |right| Page::new(right)).await.map_err(|stop| stop.with("no type"))
}

async fn no_cookies(driver: &Driver) -> Result<(), Stop> {
    let challenge = driver.needed(REDIRECT, redirected(driver, 302, 2)).await?;
    let over = driver.get(&driver.account().await?, &challenge.authorization).await?;
    let paths = [challenge.path(), format!("/moved/1/{}", challenge.token), format!("/moved/2/{}", challenge.token)];
    for fetched in paths.iter().flat_map(|path| driver.responder().fetched(path)) {
        let is_right = fetched.header("cookie").is_none()
            && fetched.header("authorization").is_none()
            && fetched.header("user-agent").is_some();
        let headers = || fetched.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        over.claim(is_right, "no cookie and a User-Agent", || headers().collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

async fn body_not_repeated(driver: &Driver) -> Result<(), Stop> {
    let secret = "s3cret-of-an-inner-host";
    let challenge = challenge(driver).await?;
    let target = format!("/inner/{}", challenge.token);
    driver.responder().publish_page(&challenge.path(), Page::redirect(302, target.as_str()));
    driver.responder().publish_page(&target, Page::new(format!("{}{secret}", "x".repeat(400))));
    let account = driver.account().await?;
    driver.fails_to_prove(&account, &challenge).await?;
    let over = driver.get(&account, &challenge.authorization).await?;
    let text = String::from_utf8_lossy(over.body()).into_owned();
    let is_kept = !text.contains(secret) && challenge.path().starts_with(HTTP01_PATH);
    over.claim(is_kept, "an error without what the inner page says", || text.clone())
}
