//! The classes of property names: names of secrets, of texts that people or libraries wrote, and of
//! the arguments of a command. The policy decides on the treatment of each class.
//!
//! A name is read word by word. Words end at every character that is not a letter or a digit, and
//! where the case changes: `api_key`, `x-api-key`, `http.api.key` and `apiKey` all consist of `api`
//! and `key`. The name of a secret contains a word for a secret, such as `password`, `token` or the
//! pair `api` and `key`. It is not one if its first or last word shows that the value is only about
//! the secret: `token_count`, `max_tokens`, `secret_name`, `password_changed_at`. Case is ignored.
//!
//! The path of a nested value is read like a name with dots. A member of a plural, as in `cookies`,
//! is a secret whatever its own name is.

use super::secrets::words::{self, ABOUT};

/// The class of a name, from the least to the most sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// No special texts.
    Plain,
    /// Texts that people or libraries wrote, with any content.
    Prose,
    /// Arguments of a command.
    Arguments,
    /// Secrets.
    Secret,
}

/// A name, or a path of names, as far as it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamePath {
    /// The class by all words except those of secrets.
    aside: Naming,
    secret: Secret,
    before: Before,
}

/// The relation of a path to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secret {
    /// The path contains no word for a secret.
    None,
    /// The value is only about a secret.
    About,
    /// The value is a secret, unless the path continues.
    AtEnd,
    /// The value is a secret.
    Named,
    /// The value is one of several secrets, whatever its name.
    Among,
}

/// The previous word, if it can make a pair with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Any other word.
    Other,
    /// `api`, `private` and other words that make a following `key` a secret.
    Key,
    /// `pass`, before `word`, `phrase` and `code`.
    Pass,
    /// `command` or `cmd`, before `line`.
    Command,
}

/// The relation of one word to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameWord {
    Plain,
    /// The word for a secret.
    Secret,
    /// The word for several secrets.
    Secrets,
    /// The word for a secret, if no word follows.
    SecretAtEnd,
}

impl NamePath {
    /// An empty path.
    const EMPTY: Self = Self {
        aside: Naming::Plain,
        secret: Secret::None,
        before: Before::Other,
    };

    /// Reads a name.
    pub(crate) fn of(name: &str) -> Self {
        Self::EMPTY.member(name)
    }

    /// Reads the name of a member of the value at this path.
    pub(crate) fn member(self, name: &str) -> Self {
        name.split('.').fold(self, Self::segment)
    }

    /// Returns the class of the name.
    pub(crate) fn naming(self) -> Naming {
        match self.secret {
            Secret::AtEnd | Secret::Named | Secret::Among => Naming::Secret,
            Secret::None | Secret::About => self.aside,
        }
    }

    /// Returns `true` if the name contains a word of that class, whatever the other words are.
    pub(crate) fn mentions(self, naming: Naming) -> bool {
        match naming {
            Naming::Secret => self.secret != Secret::None,
            Naming::Plain | Naming::Prose | Naming::Arguments => self.aside == naming,
        }
    }

    fn segment(mut self, segment: &str) -> Self {
        let mut own = Secret::None;
        let mut is_about = false;
        let mut words = segment
            .split(|letter: char| letter.is_ascii() && !letter.is_ascii_alphanumeric())
            .flat_map(camel_case_words)
            .peekable();
        let mut is_first = true;
        while let Some(word) = words.next() {
            let is_last = words.peek().is_none();
            is_about |= if is_last {
                is_one_of(word, &ABOUT_AT_END) || words::is_one_of(word.as_bytes(), ABOUT)
            } else {
                is_first && is_one_of(word, &ABOUT_AT_START)
            };
            own = match self.word(word, is_first) {
                NameWord::Secrets => Secret::Among,
                NameWord::Secret if own == Secret::None => Secret::Named,
                NameWord::SecretAtEnd if is_last && own == Secret::None => Secret::AtEnd,
                NameWord::Plain | NameWord::Secret | NameWord::SecretAtEnd => own,
            };
            is_first = false;
        }
        self.secret = match (self.secret, own) {
            (Secret::Among, _) => Secret::Among,
            (Secret::None | Secret::AtEnd, Secret::None) => Secret::None,
            (Secret::About, Secret::None) => Secret::About,
            _ if is_about => Secret::About,
            (_, Secret::None) => Secret::Named,
            (_, own) => own,
        };
        self
    }

    /// Reads a word.
    fn word(&mut self, word: &str, is_first: bool) -> NameWord {
        let before = std::mem::replace(&mut self.before, Before::Other);
        let stem = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let singular = stem.strip_suffix(['s', 'S']).unwrap_or(stem);
        if is_one_of(word, &TEXT_WORDS) {
            self.aside = self.aside.max(Naming::Prose);
        }
        if is_one_of(stem, &ARGUMENT_WORDS) {
            self.aside = Naming::Arguments;
            self.before = Before::Command;
        }
        if before == Before::Command && is_one_of(stem, &["line"]) {
            self.aside = Naming::Arguments;
        }
        if is_one_of(stem, &KEY_WORDS) {
            self.before = Before::Key;
        }
        if is_one_of(stem, &["pass"]) {
            self.before = Before::Pass;
            return NameWord::SecretAtEnd;
        }
        let is_secret = match before {
            Before::Key => is_one_of(singular, &["key"]),
            Before::Pass => is_one_of(singular, &["word", "phrase", "code"]),
            Before::Other | Before::Command => false,
        } || is_one_of(singular, &SECRET_WORDS)
            || SECRET_ENDS.iter().any(|end| ends_with(singular, end));
        match is_secret {
            true if singular.len() < stem.len() => NameWord::Secrets,
            true => NameWord::Secret,
            false if is_one_of(stem, &["auth"]) => NameWord::SecretAtEnd,
            // As the only word, it is more likely a directory.
            false if is_one_of(stem, &["pwd"]) && !is_first => NameWord::SecretAtEnd,
            false => NameWord::Plain,
        }
    }
}

/// Returns `true` if a word is in a list, ignoring ASCII case.
fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|own| own.eq_ignore_ascii_case(word))
}

/// Returns `true` if a word has that suffix, ignoring ASCII case.
fn ends_with(word: &str, end: &str) -> bool {
    let from = word.len().checked_sub(end.len());
    from.and_then(|from| word.as_bytes().get(from..))
        .is_some_and(|own| own.eq_ignore_ascii_case(end.as_bytes()))
}

/// Returns the words of a name in camel case. A run of capitals is one word, except that its last
/// letter belongs to a lower-case letter after it: `HTTPError` is two words.
fn camel_case_words(name: &str) -> impl Iterator<Item = &str> {
    let byte = |at: usize| name.as_bytes().get(at).copied();
    let is_upper = move |at: usize| byte(at).is_some_and(|byte| byte.is_ascii_uppercase());
    let is_lower = move |at: usize| byte(at).is_some_and(|byte| byte.is_ascii_lowercase());
    let mut start = 0;
    (1..=name.len()).filter_map(move |end| {
        let is_next = is_upper(end) && (!is_upper(end - 1) || is_lower(end + 1));
        (end == name.len() || is_next).then(|| {
            let word = name.get(start..end).unwrap_or_default();
            start = end;
            word
        })
    })
}

/// The words that name messages and error texts, by the conventions of `tracing`, of OpenTelemetry
/// (`exception.message`, `error.message`) and of other loggers.
pub(super) const TEXT_WORDS: [&str; 13] = [
    "message",
    "msg",
    "error",
    "err",
    "errors",
    "exception",
    "panic",
    "reason",
    "cause",
    "stacktrace",
    "backtrace",
    "detail",
    "details",
];

/// The words that name arguments, as in `process.command_args`. `line` after `command` or `cmd`
/// does so, too.
const ARGUMENT_WORDS: [&str; 9] = [
    "args",
    "arg",
    "argv",
    "argument",
    "arguments",
    "cmd",
    "cmdline",
    "command",
    "commandline",
];

/// The suffixes of words for secrets, since `clientsecret` and `authtoken` are common, too.
const SECRET_ENDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "secretkey",
];

/// The words for secrets that are so short that other words end in them.
const SECRET_WORDS: [&str; 3] = ["bearer", "cred", "jwt"];

/// The words that make a following `key` a secret. A `key` alone is more likely that of a map.
const KEY_WORDS: [&str; 7] = [
    "api",
    "access",
    "account",
    "encryption",
    "master",
    "private",
    "signing",
];

/// The last words of names whose values are only about a secret, in addition to `ABOUT`.
const ABOUT_AT_END: [&str; 18] = [
    "budget",
    "bytes",
    "changed",
    "chars",
    "consent",
    "dir",
    "err",
    "file",
    "index",
    "missing",
    "path",
    "present",
    "reason",
    "remaining",
    "scheme",
    "timestamp",
    "total",
    "used",
];

/// The first words of such names.
const ABOUT_AT_START: [&str; 13] = [
    "count",
    "had",
    "has",
    "is",
    "max",
    "min",
    "n",
    "needs",
    "num",
    "number",
    "remaining",
    "requires",
    "total",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(name: &str) -> Naming {
        NamePath::of(name).naming()
    }

    #[test]
    fn names_of_secrets_are_recognised_in_any_spelling() {
        let names = "\
            password Password PASSWORD db_password dbPassword user.password passwd mysql-passwd \
            passwords password2 new_password_2 pass_word passphrase secret secrets client_secret \
            clientSecret client-secret clientsecret secret_key SECRET_KEY_BASE token tokens \
            access_token accessToken x-auth-token authtoken csrfToken APIToken HTTPSToken \
            token_value id_token authorization Authorization http.request.header.authorization \
            proxy-authorization cookie cookies set-cookie setCookie Set-Cookie http.cookie api_key \
            api-key api.key apiKey APIKey apikey x-api-key API_KEYS x_apikey private_key privateKey \
            access_key accessKeyId AWS_SECRET_ACCESS_KEY account_key signing_key credential \
            credentials creds aws.credentials jwt bearer db_pass pass auth basic_auth db_pwd \
            headers[authorization] --password token.value password_hash r#token tokenField.token \
            login.auth auth.token";
        for name in names.split(' ').chain(["api key"]) {
            assert_eq!(naming(name), Naming::Secret, "{name}");
        }
    }

    #[test]
    fn names_about_secrets_are_not_names_of_secrets() {
        let names = "\
            . _ author authors authority authenticated auth_method auth.kind auth.user authorized \
            secretary secretariat tokenizer tokenize tokenized cookiecutter passwordless passed \
            passenger compass bypass pass_name pwd env.PWD key keys public_key primary_key \
            cache_key key_id keyboard monkey api apis access account private token_count \
            tokens_used tokensUsed max_tokens total_tokens num_tokens n_tokens maxTokens \
            secret_name secretName password_changed_at password_length has_password isTokenValid \
            cookie_consent token_type token.type token_url token_expires_at password_file \
            session_id id command_id user ä tokené";
        for name in names.split(' ').chain([""]) {
            assert_ne!(naming(name), Naming::Secret, "{name}");
        }
    }

    #[test]
    fn texts_and_arguments_are_recognised_by_a_word() {
        for (name, expected) in [
            ("message", Naming::Prose),
            ("token_error", Naming::Prose),
            ("error.token", Naming::Secret),
            ("args", Naming::Arguments),
            ("argv", Naming::Arguments),
            ("process.command_args", Naming::Arguments),
            ("command_line", Naming::Arguments),
            ("commandLine", Naming::Arguments),
            ("command", Naming::Arguments),
            ("cmd", Naming::Arguments),
            ("argument_error", Naming::Arguments),
            ("commander", Naming::Plain),
            ("commands", Naming::Plain),
            ("line", Naming::Plain),
            ("cargo", Naming::Plain),
            ("target", Naming::Plain),
        ] {
            assert_eq!(naming(name), expected, "{name}");
        }
    }

    #[test]
    fn a_path_is_read_like_a_name_with_dots() {
        let path = |parts: &[&str]| {
            let read = parts
                .iter()
                .fold(NamePath::EMPTY, |path, part| path.member(part));
            read.naming()
        };
        for parts in [
            &["login", "password"][..],
            &["token", "value"],
            &["api", "key"],
            &["cookies", "name"],
            &["credentials", "user", "type"],
            &["token", "type", "token"],
            &["a.token", "b"],
        ] {
            assert_eq!(path(parts), Naming::Secret, "{parts:?}");
        }
        for parts in [
            &["login", "user"][..],
            &["token", "type"],
            &["secret_name", "value"],
            &["max_tokens", "of", "all"],
            &["tokens_used", "today"],
        ] {
            assert_ne!(path(parts), Naming::Secret, "{parts:?}");
        }
    }
}
