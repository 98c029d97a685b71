//! Each rule as two tables: masked texts with their exact result, and similar texts that are kept.
//! Then properties of any text.

use std::time::Instant;

use proptest::prelude::*;

use super::name::STEMS;
use super::shape::SHAPES;
use super::*;
use crate::encode::json_string;

fn shipped() -> Secrets {
    Secrets::new(Some("/home/alice"), Some("alice"))
}

/// A text and its masked form.
type Masked = (&'static str, &'static str);

fn assert_masked(rule: SecretRule, table: &[Masked]) {
    let secrets = shipped();
    for (text, masked) in table {
        assert_eq!(secrets.mask(text), *masked, "{text:?}");
        let findings = secrets.findings(text);
        assert!(
            findings.iter().any(|found| found.rule == rule),
            "{text:?}: {findings:?}"
        );
        assert_eq!(secrets.mask(masked), *masked, "masked again");
        assert!(
            secrets.may_find_in(text.as_bytes(), Reading::Prose),
            "{text:?}"
        );
        assert!(
            secrets.may_find_in(&json_string(text), Reading::Prose),
            "{text:?}"
        );
    }
}

fn assert_left(texts: &[&str]) {
    let secrets = shipped();
    for text in texts {
        assert_eq!(secrets.findings(text), [], "{text:?}");
        assert!(matches!(secrets.mask(text), Cow::Borrowed(same) if same == *text));
    }
}

#[test]
fn tokens_are_masked_and_their_scheme_is_kept() {
    assert_masked(
        SecretRule::Token,
        &[
            ("Authorization: Bearer x", "Authorization: Bearer [token]"),
            (
                "proxy-authorization:basic YTpi",
                "proxy-authorization:basic [token]",
            ),
            (
                "authorization: token 0123abc, next",
                "authorization: token [token], next",
            ),
            ("sent bearer abc123.", "sent bearer [token]."),
            ("BEARER   a-b_c.d~e+f/g==", "BEARER   [token]"),
            ("got Basic dXNlcjpwdw== back", "got Basic [token] back"),
            (
                "key ghp_0123456789abcdefghijABCDEFGHIJ456789!",
                "key [token]!",
            ),
            ("ghs_0123456789abcdefghijABCDEFGHIJ456789", "[token]"),
            (
                "(github_pat_11ABCDEFG0abcdefghijkl_0123456789)",
                "([token])",
            ),
            ("glpat-abcdefghij0123456789", "[token]"),
            ("xoxb-123456789012-abcdefABCDEF", "[token]"),
            ("xoxp-1234-5678-abcdef", "[token]"),
            ("id AKIAIOSFODNN7EXAMPLE", "id [token]"),
            ("id ASIAIOSFODNN7EXAMPLE", "id [token]"),
            ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "[token]"),
            ("sk-proj-abcdefghijklmnop0123", "[token]"),
            ("sk_live_0123456789abcdefABCDEF01", "[token]"),
            ("rk_live_0123456789abcdefABCDEF01", "[token]"),
            ("npm_0123456789abcdefghijABCDEFGHIJ456789", "[token]"),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN",
                "[token]",
            ),
            ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "[token]"),
            (
                "eyJhbGciOiJSU0Ei.T0tBUEEt.NDgyODBh.XFBoMYUZ.c9u9tRLA ok",
                "[token] ok",
            ),
        ],
    );
}

#[test]
fn words_similar_to_tokens_are_kept() {
    assert_left(&[
        "bearer of bad news",
        "Bearer token expired",
        "bearer authentication failed",
        "Basic usage: localtel show",
        "Basic Authentication is off",
        "basic 2 tier",
        "forbearer 12ab34cd",
        "task-0123456789abcdefghij0123",
        "sk-learn-something-with-a-long-name",
        "xoxoxo",
        "graph_0123456789abcdefghijABCDEFGHIJ456789",
        "ghp_short",
        "AKIA",
        "AKIAIOSFODNN7",
        "SLAVAKIAIOSFODNN7EXAMPLE",
        "eyJ.a.b",
        "eyJhbGciOiJIUzI1NiJ9",
        "keyJanuary.February.March",
        "sk_live_x",
        "npm_config_registry",
    ]);
}

#[test]
fn the_value_after_the_name_of_a_secret_is_masked() {
    assert_masked(
        SecretRule::Assignment,
        &[
            ("password=hunter2", "password=[secret]"),
            ("PASSWORD: hunter2 rest", "PASSWORD: [secret] rest"),
            (
                "db_password_file = x, next",
                "db_password_file = [secret], next",
            ),
            ("passwd=a&user=b", "passwd=[secret]&user=b"),
            ("Uid=me;Pwd=a!b;Db=c", "Uid=me;Pwd=[secret];Db=c"),
            (
                "passphrase: 'two words' rest",
                "passphrase: '[secret]' rest",
            ),
            ("passphrase: 'never closed", "passphrase: '[secret]"),
            ("clientSecret=abc", "clientSecret=[secret]"),
            (
                r#"{"token":"a b\"c","n":1}"#,
                r#"{"token":"[secret]","n":1}"#,
            ),
            (r#"{"m":"token=abc"}"#, r#"{"m":"token=[secret]"}"#),
            (r#"{"token": 5}"#, r#"{"token": [secret]}"#),
            (
                r#""{\"pwd\":\"a b\",\"n\":1}""#,
                r#""{\"pwd\":\"[secret]\",\"n\":1}""#,
            ),
            (
                r#"password: Some("two words"), n: 1"#,
                "password: [secret], n: 1",
            ),
            (
                r#"secret: Inner { a: "}", b: 1 }, n"#,
                "secret: [secret], n",
            ),
            (
                r#"credentials: {"a":["b","c"]} n"#,
                "credentials: [secret] n",
            ),
            ("tokens: [abc, def], n", "tokens: [secret], n"),
            ("api_key=abc", "api_key=[secret]"),
            ("apikey:abc", "apikey:[secret]"),
            ("X-Api-Key: abc'", "X-Api-Key: [secret]'"),
            ("API key: abc", "API key: [secret]"),
            (
                "AWS_SECRET_ACCESS_KEY=abc/def+",
                "AWS_SECRET_ACCESS_KEY=[secret]",
            ),
            ("access_key_id=abc", "access_key_id=[secret]"),
            ("private_key => abc", "private_key => [secret]"),
            ("secret := `a b`", "secret := `[secret]`"),
            ("auth=abc", "auth=[secret]"),
            ("x-auth: abc", "x-auth: [secret]"),
        ],
    );
}

#[test]
fn pass_account_key_and_signature_values_are_masked() {
    assert_masked(
        SecretRule::Assignment,
        &[
            ("pass=hunter2", "pass=[secret]"),
            ("DB_PASS=hunter2", "DB_PASS=[secret]"),
            ("dbPass=hunter2", "dbPass=[secret]"),
            (r#"{"pass":"x1y2z3"}"#, r#"{"pass":"[secret]"}"#),
            ("\npass=hunter2", "\npass=[secret]"),
            ("run --pass hunter2 x", "run --pass [secret] x"),
            ("passcode: 1234", "passcode: [secret]"),
            ("pass_phrase: ab", "pass_phrase: [secret]"),
            (
                "AccountName=me;AccountKey=ab/c==;X=1",
                "AccountName=me;AccountKey=[secret];X=1",
            ),
            (
                "SharedAccessSignature=sv=2020&sig=ab%2Bc&se=1;X=1",
                "SharedAccessSignature=[secret];X=1",
            ),
            (
                "https://x/y?sv=1&sig=ab%3D&sp=r",
                "https://x/y?sv=1&sig=[secret]&sp=r",
            ),
            (
                "https://x/y?X-Amz-Signature=0af",
                "https://x/y?X-Amz-Signature=[secret]",
            ),
        ],
    );
}

#[test]
fn cookies_are_masked_to_the_end_of_their_header() {
    assert_masked(
        SecretRule::Assignment,
        &[
            ("Cookie: session=abc", "Cookie: [secret]"),
            ("Cookie: a=b; c=d\nHost: x", "Cookie: [secret]\nHost: x"),
            (
                "Set-Cookie: sid=abc; Path=/; Expires=Wed, 21 Oct 2026\r\n",
                "Set-Cookie: [secret]\r\n",
            ),
            (
                "curl -H 'Cookie: a=b; c=d' x",
                "curl -H 'Cookie: [secret]' x",
            ),
            ("Cookie: a=\"b c\"; d=e", "Cookie: [secret]"),
            (
                r#"{"cookie":"a=b; c=d","n":1}"#,
                r#"{"cookie":"[secret]","n":1}"#,
            ),
            (
                r#"{"m":"Cookie: a=\"b\"; c=d","n":1}"#,
                r#"{"m":"Cookie: [secret]","n":1}"#,
            ),
            ("session_cookie=abc; x", "session_cookie=[secret]; x"),
            ("cookie: abc1, next", "cookie: [secret], next"),
        ],
    );
    assert_left(&[
        "cookies: 5",
        "cookie expired",
        "cookie_jar=/tmp/x",
        "cookie::Jar: x",
        "Cookie: [secret]",
    ]);
}

#[test]
fn user_info_in_flags_is_masked() {
    assert_masked(
        SecretRule::UserInfo,
        &[
            (
                "curl -u admin:hunter2 https://x",
                "curl -u [secret] https://x",
            ),
            ("curl --user admin:hunter2", "curl --user [secret]"),
            ("curl --user=admin:hunter2 x", "curl --user=[secret] x"),
            ("curl -u 'admin:two words' x", "curl -u '[secret]' x"),
            ("curl -u\t\"admin:a\"", "curl -u\t\"[secret]\""),
            ("\n-u :hunter2", "\n-u [secret]"),
            ("curl --proxy-user a:b", "curl --proxy-user [secret]"),
        ],
    );
    assert_left(&[
        "git push -u origin main",
        "sudo -u bob run a:b",
        "docker run -u 1000:1000 x",
        "date -u +%H:%M",
        "scan -u https://example.com/x",
        "--user bob",
        "--user bob:",
        "--user-agent a:b",
        "end-user a:b",
        "x-u a:b",
        "admin:hunter2",
        "-u",
    ]);
}

#[test]
fn the_value_of_a_flag_and_of_a_part_is_masked() {
    assert_masked(
        SecretRule::Assignment,
        &[
            ("params[password]=abc", "params[password]=[secret]"),
            ("password=''abc'd x", "password=[secret] x"),
            ("password=``:0ab x", "password=[secret] x"),
            (
                "token-ghp_0123456789abcdefghij=abc",
                "token-[token]=[secret]",
            ),
            ("password=\"a\"bc, x", "password=[secret], x"),
            ("params[token]=abc", "params[token]=[secret]"),
            ("token: {]}stuck to it", "token: [secret] to it"),
            (
                "run --password hunter2 --force",
                "run --password [secret] --force",
            ),
            ("run --api-key=abc x", "run --api-key=[secret] x"),
            ("run -token 'a b' x", "run -token '[secret]' x"),
            ("access_token=5", "access_token=[secret]"),
            ("password=12345", "password=[secret]"),
            ("https://x/?token=abc#top", "https://x/?token=[secret]#top"),
            ("password=ä€\u{2028}ö x", "password=[secret] x"),
            ("password=me@example.com", "password=[secret]"),
            ("a\ttoken\t=\tabc\tb", "a\ttoken\t=\t[secret]\tb"),
            ("token=[secret]abc", "token=[secret]"),
        ],
    );
}

#[test]
fn names_without_a_secret_value_are_kept() {
    assert_left(&[
        "password",
        "the password is wrong",
        "password:",
        "password=, user=x",
        "password=\"\"",
        "enter password: ",
        "--password",
        "--password --force",
        "author=me",
        "authority: x",
        "auth_method=oauth",
        "authenticated=yes",
        "secretary=bob",
        "tokenizer=bpe",
        "tokens: 5",
        "max_tokens=100",
        "token_count=12",
        "token=null",
        "has_password=false",
        "token::Kind",
        "auth::session: started",
        "token refreshed",
        "non-password protected",
        "monkey=1",
        "key=value",
        "keyboard: qwerty",
        "compass: north",
        "compass=n",
        "bypass=a",
        "passed: 3",
        "passing=a",
        "pass_rate=x",
        "passenger: bob",
        "tests pass",
        "pass::Kind",
        "design=flat",
        "&design=flat",
        "&sigma=3",
        "signature=fn",
        "signal: x",
        "account_keys",
        "password = [secret]",
        "Authorization: Basic [token]",
        "[token]: what a rule put there",
    ]);
}

#[test]
fn user_info_of_urls_is_masked_and_the_host_is_kept() {
    assert_masked(
        SecretRule::UserInfo,
        &[
            (
                "https://u:pw@example.com/x",
                "https://[secret]@example.com/x",
            ),
            ("ssh://bob@host", "ssh://[secret]@host"),
            ("redis://:pw@host:6379/0", "redis://[secret]@host:6379/0"),
            ("mysql://u:p@w@host", "mysql://[secret]@host"),
            (
                "postgres://u:p/w?#@host/db x@y",
                "postgres://[secret]@host/db x@y",
            ),
            ("(git+https://ghp_x@host)", "(git+https://[secret]@host)"),
            ("http://u:p@10.0.0.1:80/", "http://[secret]@[ip]:80/"),
        ],
    );
}

#[test]
fn urls_without_user_info_are_kept() {
    assert_left(&[
        "https://github.com/rust-lang/rust.git",
        "https://example.com/@bob",
        "https://example.com:8080/@bob",
        "https://example.com/x?q=a@b",
        "http://localhost:8080",
        "git@github.com:org/repo.git",
        "see https://example.com and @bob",
        "://@",
        "a://b:c",
    ]);
}

#[test]
fn private_keys_are_masked_to_their_end() {
    assert_masked(
        SecretRule::PrivateKey,
        &[
            (
                "a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b",
                "a [key] b",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nMII\n-----END OTHER-----\nMII",
                "[key]",
            ),
            ("x-----BEGIN PGP PRIVATE KEY BLOCK-----\\nlQ", "x[key]"),
            ("-----BEGIN EC PRIVATE KEY", "[key]"),
            (
                "private_key=-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nb",
                "private_key=[key]\nb",
            ),
        ],
    );
    assert_left(&[
        "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN RSA",
        "BEGIN PRIVATE KEY",
    ]);
}

#[test]
fn email_addresses_are_masked() {
    assert_masked(
        SecretRule::Email,
        &[
            ("from bob@example.com.", "from [email]."),
            ("<bob.b+x@mail.example.co.uk>", "<[email]>"),
            ("“müller@größe.de”", "“[email]”"),
            ("user:bob_1@example.org, x", "user:[email], x"),
            ("mailto:bob@xn--e1afmkfd.xn--p1ai", "mailto:[email]"),
        ],
    );
    assert_left(&[
        "root@localhost",
        "@bob",
        "bob@",
        "package@1.2.3",
        "@scope/name@1.0.0-rc.1",
        "a @ b.c",
        "a@b.c",
        "@media.screen",
    ]);
}

#[test]
fn addresses_of_machines_are_masked_without_their_port() {
    assert_masked(
        SecretRule::IpAddress,
        &[
            ("10.0.0.1", "[ip]"),
            ("10.0.0.1:80 refused", "[ip]:80 refused"),
            ("from 255.255.255.255.", "from [ip]."),
            ("10.0.0.1-10.0.0.9, 10.0.0.0/8", "[ip]-[ip], [ip]/8"),
            ("peer:192.168.1.1", "peer:[ip]"),
            ("\u{0}127.0.0.1", "\u{0}[ip]"),
            ("[::1]:8080", "[ip]:8080"),
            ("at ::1 and fe80::", "at [ip] and [ip]"),
            ("fe80::1%eth0", "[ip]%eth0"),
            ("2001:db8::8a2e:370:7334.", "[ip]."),
            ("2001:0DB8:0:0:0:8a2e:370:7334: refused", "[ip]: refused"),
            ("abcd:abcd:abcd:abcd:abcd:abcd:abcd:abcd", "[ip]"),
            ("::ffff:10.0.0.1", "[ip]"),
            ("1:2:3:4:5:6:10.0.0.1", "[ip]"),
            ("node:fe80::1", "node:[ip]"),
            ("peer:2001:db8::1", "peer:[ip]"),
            ("bob@10.0.0.1", "bob@[ip]"),
            ("server 10.0.0.1", "server [ip]"),
            ("ssh -v 10.0.0.1", "ssh -v [ip]"),
            ("version of 10.0.0.1", "version of [ip]"),
            ("version 1.2.3.4 at 10.0.0.1", "version 1.2.3.4 at [ip]"),
            ("conversion 10.0.0.1", "conversion [ip]"),
        ],
    );
}

#[test]
fn dots_and_colons_outside_addresses_are_kept() {
    assert_left(&[
        "1.2.3",
        "v1.2.3.4",
        "v 1.2.3.4",
        "release 1.2.3.4",
        "Release-1.2.3.4",
        "version 1.2.3.4",
        "app_version: 1.2.3.4.",
        r#"{"version": "1.2.3.4"}"#,
        "ver=1.2.3.4",
        "OID 1.3.6.1",
        "1.2.3.4.5",
        "1.2.3.4.5.6.7.8",
        "256.1.1.1",
        "1.2.3.400",
        "01.02.03.04",
        "10.0.0.1x",
        "x10.0.0.1",
        "12:30:01",
        "2026-11-21T12:30:01.123456Z",
        "a::b::c",
        "a::b",
        "dead::beef",
        "std::fmt::Error",
        "abc2::abc::d",
        "::",
        "[::]:80",
        "aa:bb:cc:dd:ee:ff",
        "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99",
        "1:2:3:4:5:6:7:8:9",
        "01936f0e-7b7c-7000-8000-00805f9b34fb",
        "d41d8cd98f00b204e9800998ecf8427e",
        "sha256:d41d8cd98f00b204e9800998ecf8427e",
        "src/main.rs:12:5",
        "took 12.5 ms",
        "1..2",
        "...",
    ]);
}

#[test]
fn people_in_paths_are_masked() {
    assert_masked(
        SecretRule::User,
        &[
            ("/home/bob/src", "/home/[user]/src"),
            ("/home/alicex", "/home/[user]"),
            ("/mnt/home/bob.", "/mnt/home/[user]."),
            ("file:///home/alice/x", "file:///home/[user]/x"),
            ("/Users/bob: denied", "/Users/[user]: denied"),
            (r"C:\Users\Bob Smith\x", r"C:\Users\[user]\x"),
            (r#""c:\\users\\bob\\x""#, r#""c:\\users\\[user]\\x""#),
            (r"C:\Users\bob and D:\x", r"C:\Users\[user] and D:\x"),
            ("/data/alice/x", "/data/[user]/x"),
            ("/var/mail/alice", "/var/mail/[user]"),
            ("alice/project", "[user]/project"),
            (r"D:\alice", r"D:\[user]"),
        ],
    );
    assert_left(&[
        "alice",
        "alice was here",
        "/data/malice/x",
        "/data/alice2/x",
        "/data/alice.d/x",
        "/home",
        "/home/",
        "/home/[user]/x",
        "/homes/bob",
        "/api/users/42",
        r"C:\Windows\System32",
        r"C:\UsersX\bob",
    ]);
}

#[test]
fn the_home_directory_is_masked_at_the_start_of_a_path_only() {
    assert_masked(
        SecretRule::Home,
        &[
            ("/home/alice", "~"),
            ("/home/alice/src/x.rs:1:2", "~/src/x.rs:1:2"),
            ("in '/home/alice'.", "in '~'."),
            ("dir=/home/alice.", "dir=~."),
            ("/home/alice/alice/x", "~/[user]/x"),
        ],
    );
    let windows = Secrets::new(Some("C:\\Users\\Al Ice\\"), Some("Al Ice"));
    let text = r"C:\Users\Al Ice\x and D:\Al Ice\y";
    assert_eq!(windows.mask(text), r"~\x and D:\[user]\y");
    assert!(windows.may_find_in(&json_string(text), Reading::Prose));
    let trailing = Secrets::new(Some("/srv/me/"), None);
    assert_eq!(trailing.mask("/srv/me/x /srv/meme"), "~/x /srv/meme");
}

#[test]
fn homes_and_names_that_identify_no_person_are_ignored() {
    for (home, user) in [
        (None, None),
        (Some("/"), Some("")),
        (Some(""), Some("x")),
        (Some("C:\\"), Some("root")),
        (Some("relative"), Some("ä")),
        (Some("\u{1}"), Some("\u{1}\u{2}\"\\")),
    ] {
        let secrets = Secrets::new(home, user);
        assert_eq!(
            secrets.mask("/ /x/root/a/relative \u{1}/ä"),
            "/ /x/root/a/relative \u{1}/ä"
        );
        assert_eq!(secrets.mask("C:\\x\\root\\x"), "C:\\x\\root\\x");
    }
    let root = Secrets::new(Some("/root"), Some("root"));
    assert_eq!(root.mask("/root/x /var/root"), "~/x /var/root");
}

#[test]
fn a_name_of_any_script_and_of_two_letters_is_found() {
    for user in ["al", "გია", "日本", "o'brien", "a b", "é-"] {
        let secrets = Secrets::new(None, Some(user));
        let text = format!("/x/{user}");
        assert_eq!(secrets.mask(&text), "/x/[user]", "{user}");
        assert!(secrets.may_find_in(text.as_bytes(), Reading::Prose));
        assert!(secrets.may_find_in(&json_string(&text), Reading::Prose));
    }
}

#[test]
fn secrets_revealed_by_a_mark_are_masked_too() {
    let secrets = shipped();
    for (text, masked) in [
        ("255::ghp_0123456789abcdefghij", "[ip][token]"),
        ("/x/alice-----BEGIN PRIVATE KEY-----", "/x/[user][key]"),
        (
            "token-ghp_0123456789abcdefghij=a x alice/b",
            "token-[token]=[secret] x [user]/b",
        ),
    ] {
        assert_eq!(secrets.mask(text), masked);
        assert_eq!(apply(&secrets.findings(text), text), masked);
    }
}

#[test]
fn each_rule_has_a_unique_name_and_a_description() {
    let names: std::collections::HashSet<_> =
        SecretRule::ALL.into_iter().map(SecretRule::name).collect();
    assert_eq!(names.len(), SecretRule::ALL.len());
    assert!(
        SecretRule::ALL
            .into_iter()
            .all(|rule| !rule.about().is_empty())
    );
}

#[test]
fn ordinary_texts_pass_the_fast_check() {
    let secrets = shipped();
    for text in [
        "listed 12 projects in 871 ms",
        "GET /api/v1/projects?page=2 200 12.5 ms",
        "2026-11-21T12:30:01.123Z flushed segment 12: 3 lines, ratio 0.75",
        "myapp::db::pool: opened https://example.com/x.git at 1.2.3",
        "the token is checked by the author of task-list",
        "error at src/main.rs:12:5 in std::fmt",
    ] {
        assert!(
            !secrets.may_find_in(text.as_bytes(), Reading::Prose),
            "{text:?}"
        );
        assert!(
            !secrets.may_find_in(&json_string(text), Reading::Prose),
            "{text:?}"
        );
    }
}

#[test]
fn repeated_near_secrets_take_linear_time() {
    let secrets = shipped();
    for piece in REPEATED {
        let text = piece.repeat(BYTES / piece.len());
        let start = Instant::now();
        let masked = secrets.mask(&text);
        let took = start.elapsed();
        assert!(took.as_secs() < 5, "{piece:?} took {took:?}");
        assert!(masked.len() <= 2 * text.len());
        let start = Instant::now();
        secrets.may_find_in(text.as_bytes(), Reading::Prose);
        let took = start.elapsed();
        assert!(
            took.as_secs() < 5,
            "a fast check of {piece:?} took {took:?}"
        );
    }
}

#[test]
fn a_mebibyte_of_anchors_takes_linear_time() {
    let secrets = shipped();
    for piece in ["token:", "a.b@c.d ", "pass ", "%40"] {
        let text = piece.repeat(1024 * 1024 / piece.len());
        let start = Instant::now();
        secrets.mask(&text);
        let took = start.elapsed();
        assert!(took.as_secs() < 60, "{piece:?} took {took:?}");
    }
}

#[test]
fn a_megabyte_is_masked_within_seconds() {
    let line = "2026-11-21 12:30:01 GET /api/v1/x 200 from 10.0.0.1 token=abc, all is well\n";
    let start = Instant::now();
    let masked = shipped()
        .mask(&line.repeat(1_000_000 / line.len()))
        .into_owned();
    let took = start.elapsed();
    assert!(took.as_secs() < 10, "{took:?}");
    assert!(!masked.contains("abc") && !masked.contains("10.0.0.1"));
}

/// Texts similar to a secret, for repetition.
const REPEATED: &[&str] = &[
    "x",
    "a ",
    "1.1.",
    "1:",
    "a:b::",
    "::",
    "@",
    "a@",
    "a.b@c.d.",
    "://",
    "a://b:c/",
    "a://b:c@",
    "token",
    "token:",
    "token=",
    "token=a ",
    "token='",
    "token=\"a\\",
    "token=(",
    "token={[",
    "--token ",
    "sk-",
    "eyJ",
    "eyJ-.",
    "eyJaaaaaa.",
    "bearer ",
    "basic",
    "/home/",
    "\\Users\\",
    "\\users\\a ",
    "alice/",
    "/alice",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
    "\0",
    "ä",
    "auth.",
    "tokens:1",
    "token: Bearer ",
    "A(token=",
    "github_pat_",
    "token=[secret]",
    "pass=",
    "pass",
    "cookie: a=",
    "cookie: a=b",
    "cookie: a='",
    "cookie: a",
    "Cookie:",
    "-u ",
    "-u '",
    "-u a",
    "-u '-u \"",
    "&sig=",
    "version 1.1.1.1",
    "\\",
    "\"",
    "-p",
    "-pa1b2c",
    "-p x ",
    "-u a -p ",
    "mysql -p",
    "<password>",
    "<password ",
    "<password><",
    "key=\"password\" ",
    "key=\"password\" value=",
    "\"kty\"",
    "{\"kty\":",
    "kty",
    "PuTTY-User-Key-File-",
    "---- BEGIN SSH2 PRIVATE KEY",
    "$2b$",
    "$2b$aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "AUTH ",
    "PASS a",
    "> PASS a b",
    "identified by ",
    "identified by '",
    "identified with a by ",
    "a:5432:",
    "a:5432:b:c:",
    "password is ",
    "password for a is ",
    "password: |\n ",
    "\npassword: a",
    "password,",
    "\"password\", ",
    "(\"password\",",
    "password%3D",
    "password&gt;",
    "&quot;",
    "password=&quot;",
    "api key ",
    "api_key ",
    "authorization: a b=",
    "authorization: a",
    "mnemonic: a ",
    "password=;",
    ";password=a b",
    "password=|",
    "password=a,",
    "password='a''",
    "secret=sv=",
    "hooks.slack.com/services/",
    "pat",
    "pat.a",
    ":AA",
    "1:AA",
    "Q~",
    "a-us",
    "_mmk",
    "a.atlasv1.",
    "eyJrIjoi",
    "a:b@tcp(",
    "@tcp(",
    "sqlplus a/",
    "%40",
    "a%40b.c",
    "name: password\n value: ",
    "session",
    "machine a login b password ",
];

/// The size of such a text: a quadratic rule takes minutes for it.
const BYTES: usize = 40_000;

const PIECES: &[&str] = &[
    "password",
    "pwd",
    "secret",
    "token",
    "tokens",
    "api",
    "_key",
    "auth",
    "orization",
    "pass",
    "Pass",
    "code",
    "cookie",
    "Cookie: a=b",
    "-u ",
    "--user",
    "u:pw",
    "SharedAccess",
    "sig",
    "nature",
    "?",
    "account",
    "version ",
    "v",
    "1.2.3.4",
    "=",
    ":",
    ": ",
    "--",
    "-",
    " ",
    "\"",
    "'",
    "\\",
    "\\\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&",
    ";",
    "\n",
    "\t",
    "\0",
    "\u{202e}",
    "Bearer ",
    "Basic ",
    "dXNlcjpwdw==",
    "abc123",
    "null",
    "5",
    "ghp_0123456789abcdefghij",
    "sk-0123456789abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOi",
    ".eyJhbGciOi",
    ".",
    "https://",
    "://",
    "bob",
    "@",
    "example.com",
    "10.0.0.1",
    "1.2",
    "255",
    "::",
    "fe80:",
    ":1",
    "f",
    "/home/",
    "/home/alice",
    "alice",
    "/",
    "\\Users\\",
    "\\",
    "Bob Smith",
    "~",
    "[secret]",
    "[token]",
    "[ip]",
    "[user]",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "ä",
    "日",
    "Some(",
    "x",
    "->",
    "=>",
    "<password>",
    "</password>",
    "<add key=\"",
    " value=",
    "/>",
    "%3D",
    "%40",
    "&quot;",
    "b\"",
    "-p",
    "-phunter2",
    "mysql ",
    "AUTH ",
    "identified by ",
    "$2b$12$aaaaaaaaaaaaaaaaaaaaaaaa",
    "{\"kty\":\"oct\",\"k\":\"",
    "PuTTY-User-Key-File-2",
    "Private-MAC: ",
    "---- BEGIN SSH2 PRIVATE KEY ----",
    "Digest username=\"",
    "session_id",
    "csrf",
    "is ",
    "for ",
    "required",
    "a:5432:b:c:",
    "SG.",
    "hf_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "-us12",
    "0123456789abcdef0123456789abcdef",
    "\r\n",
    "|",
];

/// Pieces of texts that are similar to secrets.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{1,4}",
    ]
}

fn text_of_pieces() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

/// Names that begin as tokens do, or contain words for secrets.
fn marked_name() -> impl Strategy<Value = String> {
    let words: Vec<&str> = SHAPES
        .iter()
        .map(|shape| shape.marker)
        .chain(STEMS.iter().map(|stem| stem.text))
        .filter(|word| {
            word.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'-' | b'_'))
        })
        .filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect();
    (proptest::sample::select(words), "[a-z_-]{0,60}")
        .prop_map(|(word, rest)| format!("{word}{rest}"))
}

/// A secret, and the text that contains it.
fn secret() -> impl Strategy<Value = (String, String)> {
    let within = |before: &'static str, after: &'static str| {
        move |secret: String| {
            let text = format!("{before}{secret}{after}");
            (secret, text)
        }
    };
    prop_oneof![
        "[A-Za-z0-9]{8,30}[0-9]".prop_map(within("Authorization: Bearer ", "")),
        "[A-Za-z0-9]{8,30}[0-9]".prop_map(within("bearer ", "")),
        "[A-Za-z]{5}[0-9]{2}[A-Za-z]{3}==".prop_map(within("Basic ", "")),
        "ghp_[A-Za-z0-9]{36}".prop_map(within("", "")),
        "glpat-[A-Za-z0-9_-]{20}".prop_map(within("", "")),
        "xoxb-[0-9]{12}-[A-Za-z0-9]{12}".prop_map(within("", "")),
        "AKIA[A-Z0-9]{16}".prop_map(within("", "")),
        "sk-[A-Za-z0-9]{30}[0-9]".prop_map(within("", "")),
        "eyJ[A-Za-z0-9_-]{10}\\.eyJ[A-Za-z0-9_-]{10}\\.[A-Za-z0-9_-]{10}".prop_map(within("", "")),
        // A bar before an apparent name means that the password is empty.
        "[!#-%(-+\\--:<-Z^-z~][!#-%(-+\\--:<-Z^-z|~]{2}[a-z0-9]{6}"
            .prop_map(within("password=", "")),
        "[ !#-\\[^-~]{3}[a-z0-9]{6}".prop_map(within("\"client_secret\": \"", "\"")),
        "[a-z0-9]{8}".prop_map(within("--api-key ", "")),
        "[a-z0-9]{8}".prop_map(within("DB_PASS=", "")),
        "[a-z]{3}=[a-z0-9 ;]{8}[a-z]".prop_map(within("Set-Cookie: ", "; Path=/")),
        "[a-z0-9]{4}:[a-z0-9]{8}[a-z]".prop_map(within("curl -u ", "")),
        "[a-z0-9%]{8}".prop_map(within("https://x/?sv=1&sig=", "&se=1")),
        "[a-z0-9]{4}:[a-z0-9]{8}".prop_map(within("https://", "@example.com/x")),
        "[A-Za-z0-9+/\n]{40,80}".prop_map(within(
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "\n-----END RSA PRIVATE KEY-----"
        )),
        // Neither `git@`, which is kept, nor the name of an image.
        "[a-z0-9]{3,10}[.+_-]?[a-z0-9]{1,5}@[a-z]{3,9}\\.(com|org|info|de)"
            .prop_map(within("", "")),
        // Two zeros at the end are more likely those of a version.
        (any::<[u8; 3]>(), 1..=u8::MAX)
            .prop_map(|([a, b, c], d)| format!("{a}.{b}.{c}.{d}"))
            .prop_map(within("", "")),
        any::<[u16; 8]>()
            .prop_map(|groups| groups.map(|group| format!("{group:x}")).join(":"))
            .prop_map(within("", ":")),
        Just("/home/alice".to_owned()).prop_map(within("", "/x")),
        "[a-z]{6,12}".prop_map(within("/Users/", "/x")),
        "[a-z]{6,12}".prop_map(within("C:\\Users\\", "\\x")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn masking_masked_text_changes_nothing(text in text_of_pieces()) {
        let secrets = shipped();
        let once = secrets.mask(&text);
        prop_assert_eq!(secrets.mask(&once), once.as_ref(), "{:?}", text);
    }

    #[test]
    fn findings_are_ordered_and_applying_them_masks(text in text_of_pieces()) {
        let secrets = shipped();
        let mut expected = text.clone();
        let findings = secrets.findings(&text);
        let mut from = 0;
        for finding in &findings {
            prop_assert!(from <= finding.range.start && finding.range.start < finding.range.end);
            from = finding.range.end;
        }
        for finding in findings.iter().rev() {
            expected.replace_range(finding.range.clone(), finding.rule.replacement());
        }
        let masked = secrets.mask(&text);
        prop_assert_eq!(matches!(masked, Cow::Borrowed(_)), findings.is_empty());
        prop_assert_eq!(masked, expected);
    }

    #[test]
    fn the_fast_check_has_no_false_negatives(text in text_of_pieces()) {
        let secrets = shipped();
        if !secrets.findings(&text).is_empty() {
            prop_assert!(secrets.may_find_in(text.as_bytes(), Reading::Prose));
            prop_assert!(secrets.may_find_in(&json_string(&text), Reading::Prose));
        }
    }

    #[test]
    fn a_lower_case_name_contains_no_secret(
        name in prop_oneof!["[a-z][a-z_-]{0,60}", marked_name()],
    ) {
        let secrets = shipped();
        for reading in [Reading::Prose, Reading::Arguments] {
            prop_assert_eq!(secrets.findings_in(&name, reading), [], "{:?}", name);
            prop_assert!(!secrets.may_find_in(&json_string(&name), reading));
        }
    }

    #[test]
    fn no_secret_is_left_in_any_context(
        before in "\\PC{0,20}",
        (secret, text) in secret(),
        after in "\\PC{0,20}",
        beside in proptest::sample::select(&[" ", "\n", "\t", "  "][..]),
    ) {
        prop_assume!(!before.contains(&secret) && !after.contains(&secret));
        // Four numbers after such a word are a version.
        let word = before.to_lowercase();
        let word = word.trim_end_matches(|letter: char| " =:-\"'\\".contains(letter));
        prop_assume!(["v", "ver", "version", "release", "oid"].iter().all(|end| !word.ends_with(end)));
        let text = format!("{before}{beside}{text}{beside}{after}");
        let masked = shipped().mask(&text).into_owned();
        prop_assert!(!masked.contains(&secret), "{text:?} became {masked:?}");
        prop_assert!(shipped().may_find_in(&json_string(&text), Reading::Prose));
    }
}

#[test]
fn digits_are_not_the_name_of_a_variable() {
    assert_masked(
        SecretRule::Assignment,
        &[
            (
                "https://x/?sv=1&sig=%000000%&se=1",
                "https://x/?sv=1&sig=[secret]&se=1",
            ),
            ("password=%48151623%", "password=[secret]"),
            ("password=$48151623", "password=[secret]"),
            ("password=$9ABC_DEF", "password=[secret]"),
            ("; password=$0`a0a0a0 x", "; password=[secret] x"),
        ],
    );
    assert_left(&[
        "password=$1",
        "password = $12 AND x",
        "password=$_PW1",
        "password=%PW1%",
    ]);
}

#[test]
fn debug_output_of_parser_tokens_is_not_a_secret() {
    assert_left(&[
        "registered token=Token(0)",
        "poll: token: Token(42), ready",
        "token=Some(Token(7))",
        "Event { token: Token(1), readiness: 3 }",
        "token=WakeToken(18446744073709551615)",
        "token: None",
        "token: Some(None)",
        "password: Some(\"\")",
        "password=<empty>",
        "secret: Secret([REDACTED])",
        "password=[FILTERED]",
        "password=****",
        "api_key=ApiKey(3)",
        "unexpected token=Ident(\"x\")",
        "token: Punct(',')",
        "secret=null, token=true",
    ]);
    assert_masked(
        SecretRule::Assignment,
        &[
            ("token=Token(\"abc\")", "token=[secret]"),
            ("token=Some(\"abc\")", "token=[secret]"),
            ("token=Some(123456)", "token=[secret]"),
            ("token=Token(12ab)", "token=[secret]"),
            ("password=Password(1234)", "password=[secret]"),
            ("secret=123", "secret=[secret]"),
            ("password=<hunter2>", "password=[secret]>"),
            ("password=hidden", "password=[secret]"),
            ("token=Str(\"abc\")", "token=[secret]"),
        ],
    );
}

#[test]
fn the_argument_after_a_flag_is_masked_in_lists_too() {
    assert_masked(
        SecretRule::Assignment,
        &[
            (
                "[\"--password\", \"a b\", \"-x\"]",
                "[\"--password\", \"[secret]\", \"-x\"]",
            ),
            (
                "\"curl\" \"--token\" \"abc\" \"x\"",
                "\"curl\" \"--token\" \"[secret]\" \"x\"",
            ),
            (
                "[\n    \"--api-key\",\n    \"abc\",\n]",
                "[\n    \"--api-key\",\n    \"[secret]\",\n]",
            ),
            ("[\"--password=abc\"]", "[\"--password=[secret]\"]"),
        ],
    );
    assert_left(&["[\"--password\", \"--user\"]", "[\"password\", \"user\"]"]);
}

#[test]
fn text_joined_to_the_flag_p_is_masked_in_arguments() {
    let secrets = shipped();
    for (text, expected) in [
        ("mysql -uroot -phunter2 db", "mysql -uroot -p[secret] db"),
        (
            "[\"mysql\", \"-phunter 2\", \"db\"]",
            "[\"mysql\", \"-p[secret]\", \"db\"]",
        ),
        ("\"mysql\" \"-pa\\\"b\" x", "\"mysql\" \"-p[secret]\" x"),
        ("7z a -p'my pass' x", "7z a -p'[secret]' x"),
        ("-px", "-p[secret]"),
        ("-p12345678", "-p[secret]"),
        ("[mysql, -pabc]", "[mysql, -p[secret]]"),
        ("-p[secret] --token abc", "-p[secret] --token [secret]"),
    ] {
        let masked = secrets.mask_up_to(text, 1000, Reading::Arguments);
        assert_eq!(masked, expected);
        assert_eq!(
            secrets.mask_up_to(&masked, 1000, Reading::Arguments),
            expected,
            "again"
        );
        assert!(secrets.may_find_in(text.as_bytes(), Reading::Arguments));
        assert!(secrets.may_find_in(&json_string(text), Reading::Arguments));
    }
    for text in [
        "build -p localtel",
        "-p 8080",
        "-p8080:80",
        "-p22",
        "-path . -print0",
        "-parallel=4",
        "--p x",
        "no-proxy",
        "-p",
        "x -p",
        "-p127.0.0.1:80:80/tcp",
        "cp -pr a b",
    ] {
        let kept = secrets.mask_up_to(text, 1000, Reading::Arguments);
        assert!(!kept.contains("[secret]"), "{kept}");
    }
}
