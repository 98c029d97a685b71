//! The word lists that classify names and values, each sorted for a binary search.

/// Returns `true` if bytes are in a list of words, ignoring ASCII case. The words must be sorted,
/// and lower case.
pub(in crate::policy) fn is_one_of(bytes: &[u8], words: &[&str]) -> bool {
    // Most names of secrets end with the word for the secret.
    if bytes.is_empty() {
        return false;
    }
    let mut lower = [0; WORD_BYTES_MAX];
    let Some(lower) = lower.get_mut(..bytes.len()) else {
        return false;
    };
    lower.copy_from_slice(bytes);
    lower.make_ascii_lowercase();
    words
        .binary_search_by(|word| word.as_bytes().cmp(lower))
        .is_ok()
}

/// The maximal length of a word in the lists.
const WORD_BYTES_MAX: usize = 24;

/// The owners of passwords that programs write together with `pass` or `pw` in one word.
#[rustfmt::skip]
pub(super) const OWNERS: &[&str] = &[
    "admin", "api", "app", "become", "bind", "cert", "db", "ftp", "http", "imap", "key", "ldap", "login",
    "mail", "mongo", "my", "mysql", "pg", "proxy", "rdp", "redis", "require", "root", "smtp", "sql", "ssh",
    "store", "sys", "trust", "user", "vnc", "web", "wifi",
];

/// The keys that are secrets; public keys, and those of maps and tables, are not.
#[rustfmt::skip]
pub(super) const KEYS: &[&str] = &[
    "access", "account", "activation", "admin", "aes", "anthropic", "api", "app", "application", "auth", "aws",
    "azure", "backup", "cipher", "client", "consumer", "cookie", "crypto", "datadog", "decrypt", "decryption",
    "deploy", "encrypt", "encryption", "function", "functions", "gcp", "github", "gitlab", "google", "hmac",
    "ingest", "instrumentation", "integration", "jwt", "kms", "licence", "license", "mailgun", "master",
    "merchant", "openai", "password", "preshared", "priv", "private", "product", "psk", "recovery", "root",
    "rsa", "secret", "secure", "sendgrid", "sentry", "serial", "service", "session", "shared", "sign",
    "signature", "signing", "ssh", "ssl", "storage", "stripe", "subscription", "symmetric", "tls", "token",
    "twilio", "validator", "vault", "wallet", "webhook", "wep", "wpa", "write",
];

/// The names of passwords that may be separated from their value by space alone.
pub(super) const PASSWORDS: &[&str] = &[
    ":password",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "pwd",
];

/// The codes that are secrets.
#[rustfmt::skip]
pub(super) const CODES: &[&str] = &[
    "2fa", "access", "activation", "auth", "backup", "confirmation", "device", "login", "mfa", "onetime", "otp",
    "pin", "recovery", "reset", "security", "sms", "time", "totp", "verification", "verify",
];

/// The last words of names whose values describe a secret.
#[rustfmt::skip]
pub(in crate::policy) const ABOUT: &[&str] = &[
    "age", "alg", "algorithm", "at", "count", "counts", "date", "enabled", "endpoint", "error", "expiration",
    "expired", "expires", "expiry", "host", "issuer", "kind", "len", "length", "lifetime", "limit", "limits",
    "max", "method", "min", "ms", "name", "names", "policy", "provider", "required", "scope", "scopes",
    "seconds", "size", "source", "state", "status", "strength", "time", "ttl", "type", "uri", "url",
];

/// Such words for names in texts only. A property of such a name may be a secret.
#[rustfmt::skip]
pub(super) const ABOUT_IN_TEXTS: &[&str] = &[
    "attempts", "audience", "c", "cc", "class", "column", "cpp", "cs", "days", "disabled", "domain", "errors",
    "ex", "exception", "exp", "failures", "field", "fields", "format", "go", "h", "header", "hint", "hpp",
    "html", "in", "java", "js", "json", "jsx", "kt", "log", "manager", "md", "methods", "minutes", "mode",
    "php", "port", "prefix", "providers", "py", "rb", "ref", "refs", "rotated", "rotation", "rs", "rules",
    "scala", "secs", "sh", "sql", "swift", "timeout", "toml", "ts", "tsx", "types", "usage", "valid", "version",
    "xml", "yaml", "yml",
];

/// The last words of names whose values may be paths.
#[rustfmt::skip]
pub(super) const PATHS: &[&str] = &[
    "dir", "directory", "file", "filename", "location", "mount", "path", "socket",
];

/// The authentication schemes that precede credentials.
#[rustfmt::skip]
pub(super) const SCHEMES: &[&str] = &[
    "api-key", "apikey", "aws", "aws4-hmac-sha256", "basic", "bearer", "bot", "digest", "dpop", "geniekey",
    "hawk", "hmac", "jwt", "key", "mac", "negotiate", "ntlm", "oauth", "scram-sha-256", "sharedkey",
    "sharedkeylite", "signature", "snowflake", "splunk", "sso-key", "token",
];

/// The values that do not contain a secret.
#[rustfmt::skip]
pub(super) const NOTHING: &[&str] = &[
    "\"\"", "''", "false", "nan", "nil", "no", "none", "null", "true", "undefined", "unset", "void", "yes",
];

/// The authentication methods, as the value of `auth`.
#[rustfmt::skip]
pub(super) const METHODS: &[&str] = &[
    "basic", "bearer", "cert", "digest", "gssapi", "internal", "jwt", "kerberos", "ldap", "local", "login", "md5",
    "mtls", "ntlm", "oauth", "oauth2", "oidc", "pam", "password", "peer", "plain", "saml", "scram-sha-256",
    "simple", "sso", "token", "trust",
];

/// The words in a wrapper around a value that is not shown.
#[rustfmt::skip]
pub(super) const UNSEEN: &[&str] = &[
    "empty", "filtered", "hidden", "masked", "missing", "omitted", "redacted", "removed", "unset",
];

/// The states of secrets.
#[rustfmt::skip]
pub(super) const STATES: &[&str] = &[
    "abgelaufen", "accepted", "anonymous", "blank", "can't", "cannot", "changed", "denied", "disabled", "empty",
    "enabled", "erforderlich", "expired", "failed", "fails", "failure", "falsch", "field", "forbidden",
    "generated", "granted", "ignored", "incorrect", "incorrecta", "invalid", "invalide", "inválida", "is",
    "malformed", "mismatch", "mismatched", "missing", "must", "none", "not", "obligatoire", "ok", "okay",
    "optional", "pending", "refreshed", "rejected", "renewed", "requerida", "required", "requis", "revoked",
    "rotated", "skipped", "succeeded", "success", "successful", "this", "token", "unauthenticated",
    "unauthorized", "unexpected", "ungültig", "unknown", "unset", "unsupported", "updated", "valid", "verified",
    "wrong",
];

/// Other words at the beginning of sentences, after a colon.
#[rustfmt::skip]
pub(super) const PROSE: &[&str] = &[
    "a", "access", "active", "already", "an", "and", "are", "at", "authentication", "available", "bad", "by",
    "can", "checked", "checking", "closed", "compat", "could", "couldn't", "created", "deleted", "did",
    "didn't", "does", "doesn't", "don't", "enter", "error", "expected", "fehlt", "files", "for", "found",
    "from", "geändert", "had", "has", "have", "hidden", "in", "inactive", "isn't", "it", "key", "loaded",
    "loading", "locked", "login", "match", "matched", "matches", "may", "might", "needed", "needs", "no", "of",
    "on", "opened", "or", "permission", "please", "reading", "received", "refreshing", "removed", "reset",
    "saved", "secret", "secrets", "sent", "set", "shall", "should", "skipping", "started", "stopped", "stored",
    "systemd", "that", "the", "timeout", "to", "token", "too", "unavailable", "unlocked", "use", "used", "user",
    "using", "warning", "was", "we", "were", "will", "with", "without", "would", "you", "your",
];

/// The types of values, in programs and schemas.
#[rustfmt::skip]
pub(super) const TYPES: &[&str] = &[
    "any", "array", "bool", "boolean", "byte", "bytes", "char", "dyn", "identifier", "impl", "int", "integer",
    "mut", "number", "object", "password", "secretstring", "str", "string", "text", "varchar",
];

/// The adjectives that parsers use for tokens.
pub(super) const PARSED: &[&str] = &[
    "current",
    "expected",
    "illegal",
    "next",
    "previous",
    "unexpected",
    "unknown",
];

/// The names that parsers use for tokens. Strings are left out, since their content may be
/// anything.
#[rustfmt::skip]
pub(super) const LEXEMES: &[&str] = &[
    "Char", "Float", "Ident", "Identifier", "Int", "Integer", "Keyword", "Number", "Op", "Operator", "Punct",
    "Symbol",
];

/// The types that wrap a value of any kind.
#[rustfmt::skip]
pub(super) const WRAPPERS: &[&str] = &[
    "Err", "Ok", "Secret", "Some",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_sorted_and_lower_case_and_fits() {
        for words in [
            METHODS,
            OWNERS,
            KEYS,
            CODES,
            ABOUT,
            ABOUT_IN_TEXTS,
            PATHS,
            SCHEMES,
            NOTHING,
            UNSEEN,
            STATES,
            PROSE,
            TYPES,
            PARSED,
            PASSWORDS,
        ] {
            assert!(words.is_sorted());
            for word in words {
                assert_eq!(*word, word.to_ascii_lowercase());
                assert!(
                    is_one_of(word.to_ascii_uppercase().as_bytes(), words),
                    "{word}"
                );
            }
        }
    }
}
