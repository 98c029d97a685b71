//! Tokens that are known by how they begin, or by a mark within them: one table of what services document. A
//! token that has no shape of its own is found only behind the name of a secret, which is `assignment`'s
//! business.

use std::ops::Range;

use super::text::{RemainingText, is_alphanumeric, is_of_name, is_url_safe, is_word};

/// The tokens of one kind: what is in all of them, and what may stand around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// What a token begins with, or has in it.
    pub(super) marker: &'static str,
    /// Where in the marker its three rarest bytes are.
    pub(super) lead: usize,
    /// What a token has before the marker: which bytes, and how many at least.
    before: Option<(Alphabet, usize)>,
    /// What it has after the marker.
    alphabet: Alphabet,
    /// How many of them at least.
    bytes_min: usize,
    /// What has no digit behind the marker is a name.
    needs_digit: bool,
}

/// Which bytes a part of a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// `0-9`
    Digits,
    /// `0-9a-f`
    Hex,
    /// `0-9A-Z-`
    Upper,
    /// `0-9A-Za-z`
    Alphanumeric,
    /// `0-9A-Za-z_`
    Word,
    /// `0-9A-Za-z_-`
    UrlSafe,
    /// `0-9A-Za-z_-.~`
    Dotted,
    /// `0-9A-Za-z_+/=-`
    Base64,
}

use Alphabet::{Alphanumeric, Base64, Digits, Dotted, Hex, Upper, UrlSafe, Word};

/// What services document, and scanners of repositories look for, with somewhat shorter rests: a token may be
/// cut. Three letters of a marker are its fingerprint, the last ones where nothing else is said.
pub(super) const SHAPES: &[Shape] = &[
    // Code, packages, and what builds them.
    new("ghp_", Word, 20),
    new("gho_", Word, 20),
    new("ghu_", Word, 20),
    new("ghs_", Word, 20),
    new("ghr_", Word, 20),
    new("github_pat_", Word, 20).at(4),
    new("glpat-", Dotted, 16),
    new("gldt-", UrlSafe, 16),
    new("glrt-", Dotted, 16),
    new("glrtr-", Dotted, 16),
    new("glcbt-", UrlSafe, 16),
    new("glptt-", UrlSafe, 16),
    new("glft-", UrlSafe, 16),
    new("glagent-", UrlSafe, 16),
    new("gloas-", UrlSafe, 16),
    new("glsoat-", UrlSafe, 16),
    new("glimt-", UrlSafe, 16),
    new("glffct-", UrlSafe, 16),
    new("GR1348941", UrlSafe, 16).at(0),
    new("ATBB", Alphanumeric, 24).with_digit(),
    new("ATATT3", Base64, 40),
    new("ATCTT3", Base64, 40),
    new("npm_", Alphanumeric, 30),
    new("pypi-", UrlSafe, 16).with_digit(),
    new("rubygems_", Hex, 32),
    new("CLOJARS_", Alphanumeric, 40),
    new("cio", Alphanumeric, 32).with_digit(),
    new("oy2", Alphanumeric, 40),
    new("dckr_pat_", UrlSafe, 20),
    new("dckr_oat_", UrlSafe, 20),
    new("bkua_", Hex, 32),
    new("CCIPAT_", Word, 30),
    new("CCIPRJ_", Word, 30),
    new("AKCp", Alphanumeric, 50),
    new("cmVmd", Alphanumeric, 50),
    new("sgp_", Word, 32),
    new("pnu_", Alphanumeric, 30),
    new("pul-", Hex, 32),
    new("API-", Upper, 24).with_digit(),
    // Clouds and what runs in them.
    new("AKIA", Alphanumeric, 16),
    new("ASIA", Alphanumeric, 16).with_digit(),
    new("ABIA", Alphanumeric, 16).with_digit(),
    new("ACCA", Alphanumeric, 16).with_digit(),
    new("ABSK", Base64, 80),
    new("bedrock-api-key-", Base64, 40),
    new("AIza", UrlSafe, 30).at(1),
    new("ya29.", UrlSafe, 20),
    new("GOCSPX-", UrlSafe, 20),
    new("1//0", UrlSafe, 30).with_digit(),
    new("LTAI", Alphanumeric, 12).with_digit(),
    new("AKID", Alphanumeric, 20).with_digit(),
    new("dop_v1_", Hex, 32).at(4),
    new("doo_v1_", Hex, 32).at(4),
    new("dor_v1_", Hex, 32).at(4),
    new("dapi", Hex, 32).at(0),
    new("hvs.", UrlSafe, 20),
    new("hvb.", UrlSafe, 20),
    new("hvr.", UrlSafe, 20),
    new(".atlasv1.", UrlSafe, 40).after(Alphanumeric, 14),
    new("sha256~", UrlSafe, 30),
    new("fo1_", UrlSafe, 30),
    new("fm1a_", Base64, 60),
    new("fm1r_", Base64, 60),
    new("fm2_", Base64, 60),
    new("HRKU-", UrlSafe, 30),
    new("tk-us-", UrlSafe, 40),
    new("pscale_", Dotted, 32),
    new("sbp_", Hex, 32),
    new("sb_secret_", UrlSafe, 20),
    new("tskey-", UrlSafe, 20).with_digit(),
    new("v1.0-", UrlSafe, 100),
    new("AGE-SECRET-KEY-1", Alphanumeric, 40).at(4),
    new("ops_eyJ", Base64, 80),
    new("A3-", Upper, 30).with_digit(),
    new("dp.pt.", Alphanumeric, 30),
    new("dp.st.", Dotted, 30),
    new("dp.ct.", Alphanumeric, 30),
    new("dp.sa.", Alphanumeric, 30),
    new("dp.scim.", Alphanumeric, 30),
    new("LS0tLS1CRUdJTiBSU0", Base64, 20).at(13),
    new("LS0tLS1CRUdJTiBQUk", Base64, 20).at(13),
    new("LS0tLS1CRUdJTiBFQy", Base64, 20).at(13),
    new("LS0tLS1CRUdJTiBPUE", Base64, 20).at(13),
    new("LS0tLS1CRUdJTiBFTk", Base64, 20).at(13),
    new("LS0tLS1CRUdJTiBEU0", Base64, 20).at(13),
    // Models.
    new("sk-", UrlSafe, 20).with_digit(),
    new("hf_", Alphanumeric, 30),
    new("api_org_", Alphanumeric, 30),
    new("pplx-", Alphanumeric, 32),
    new("gsk_", Alphanumeric, 40),
    new("xai-", Alphanumeric, 40),
    new("r8_", Alphanumeric, 30),
    new("nvapi-", UrlSafe, 40),
    new("pcsk_", Word, 40),
    new("tvly-", UrlSafe, 24).with_digit(),
    // Money and shops.
    new("sk_live_", Alphanumeric, 10),
    new("rk_live_", Alphanumeric, 10),
    new("sk_test_", Alphanumeric, 10),
    new("rk_test_", Alphanumeric, 10),
    new("sk_prod_", Alphanumeric, 10),
    new("rk_prod_", Alphanumeric, 10),
    new("whsec_", Base64, 20),
    new("shpat_", Hex, 24),
    new("shpca_", Hex, 24),
    new("shppa_", Hex, 24),
    new("shpss_", Hex, 24),
    new("sq0atp-", UrlSafe, 16),
    new("sq0csp-", UrlSafe, 20),
    new("EAA", UrlSafe, 50).with_digit(),
    new("EZAK", Alphanumeric, 40),
    new("EZTK", Alphanumeric, 40),
    new("duffel_live_", Base64, 30),
    new("duffel_test_", Base64, 30),
    new("FLWSECK", UrlSafe, 16),
    new("shippo_live_", Hex, 30),
    new("shippo_test_", Hex, 30),
    new("amzn.mws.", UrlSafe, 30),
    // Messages, documents and dashboards.
    new("xoxa-", Dotted, 10).with_digit(),
    new("xoxb-", Dotted, 10).with_digit(),
    new("xoxe", Dotted, 10).with_digit(),
    new("xoxo-", Dotted, 10).with_digit(),
    new("xoxp-", Dotted, 10).with_digit(),
    new("xoxr-", Dotted, 10).with_digit(),
    new("xoxs-", Dotted, 10).with_digit(),
    new("xapp-", UrlSafe, 16).with_digit(),
    new("SG.", Dotted, 30).with_digit(),
    new("xkeysib-", UrlSafe, 40),
    new("xsmtpsib-", UrlSafe, 40),
    new("key-", Hex, 32),
    new("-us", Digits, 1).after(Hex, 32),
    new("_mmk", Word, 0).after(Word, 36),
    new(":AA", UrlSafe, 30).after(Digits, 8),
    new("SK", Hex, 32).at(0),
    new("Q~", Dotted, 30).after(Dotted, 4).at(0),
    new("PMAK-", UrlSafe, 40),
    new("lin_api_", Alphanumeric, 30),
    new("lin_oauth_", Alphanumeric, 30),
    new("ntn_", Alphanumeric, 30),
    new("figd_", UrlSafe, 30),
    new("fio-u-", UrlSafe, 40),
    new("CFPAT-", UrlSafe, 30),
    new("tfp_", UrlSafe, 30),
    new("rdme_", Alphanumeric, 50),
    new("pat", Dotted, 60).with_digit(),
    new("pat.", Dotted, 50).with_digit(),
    new("sat.", Dotted, 50).with_digit(),
    new("p8e-", Alphanumeric, 32),
    new("glsa_", Word, 32),
    new("glc_", Base64, 32),
    new("eyJrIjoi", Base64, 40).at(3),
    new("ZXlKaGJHY2lPaU", Base64, 40).at(0),
    new("dt0c01.", Dotted, 50),
    new("dt0s01.", Dotted, 50),
    new("ico-", Alphanumeric, 32),
    new("NRAK-", UrlSafe, 20),
    new("NRII-", UrlSafe, 20),
    new("NRJS-", UrlSafe, 18),
    new("sntrys_", Base64, 60),
    new("sntryu_", Hex, 40),
    new("sm_aat_", Alphanumeric, 16),
    new("sm_pat_", Alphanumeric, 16),
    new("sm_sat_", Alphanumeric, 16),
    new("RWRTY0Iy", Base64, 60),
];

const fn new(marker: &'static str, alphabet: Alphabet, bytes_min: usize) -> Shape {
    Shape {
        marker,
        lead: marker.len().saturating_sub(3),
        before: None,
        alphabet,
        bytes_min,
        needs_digit: false,
    }
}

impl Shape {
    const fn at(self, lead: usize) -> Self {
        Self { lead, ..self }
    }

    const fn with_digit(self) -> Self {
        Self {
            needs_digit: true,
            ..self
        }
    }

    const fn after(self, alphabet: Alphabet, bytes_min: usize) -> Self {
        Self {
            before: Some((alphabet, bytes_min)),
            ..self
        }
    }

    /// Finds a token of this shape, given the place of the three rarest bytes of its marker.
    pub(super) fn find(&self, text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
        let marker = at.checked_sub(self.lead)?;
        if !text.has(marker, self.marker) {
            return None;
        }
        let start = match self.before {
            None if text.is_inside_word(marker) => return None,
            None => marker,
            Some((alphabet, bytes_min)) => {
                let start = text.start_within(marker, BEFORE_BYTES_MAX, |byte| alphabet.has(byte));
                (marker - start >= bytes_min).then_some(start)?
            }
        };
        let rest = marker + self.marker.len();
        let is_long = text.end_within(rest, self.bytes_min, |byte| self.alphabet.has(byte))
            == rest + self.bytes_min;
        let seen = || {
            let end = text.end_within(rest, DIGIT_WITHIN, |byte| self.alphabet.has(byte));
            text.get(rest..end)
        };
        let has_digit = || seen().iter().any(u8::is_ascii_digit);
        let is_name = || {
            let head = text.get(start..rest);
            head.iter().chain(seen()).copied().all(is_of_name)
        };
        if !is_long || self.needs_digit && !has_digit() || is_name() {
            return None;
        }
        let end = text.end(rest, |byte| self.alphabet.has(byte));
        // A full stop belongs to the sentence.
        let stops = text.get(rest..end).iter().rev();
        let stops = stops.take_while(|&&byte| byte == b'.').count();
        Some(start..end - stops)
    }
}

impl Alphabet {
    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-',
            Self::Alphanumeric => is_alphanumeric(byte),
            Self::Word => is_word(byte),
            Self::UrlSafe => is_url_safe(byte),
            Self::Dotted => is_url_safe(byte) || matches!(byte, b'.' | b'~'),
            Self::Base64 => is_url_safe(byte) || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// How far before its marker a token may begin.
const BEFORE_BYTES_MAX: usize = 64;

/// A digit that makes a token is among its first bytes.
const DIGIT_WITHIN: usize = 64;
