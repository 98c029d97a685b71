//! Tokens with a known beginning or a marker within them: one table of the documented formats of
//! services. A token without such a shape is found only after the name of a secret, by
//! `assignment`.

use std::ops::Range;

use super::text::{RemainingText, is_alphanumeric, is_of_name, is_url_safe, is_word};

/// The tokens of one kind: their marker, and the bytes around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The text with which a token begins, or that it contains.
    pub(super) marker: &'static str,
    /// The position of the three rarest bytes in the marker.
    pub(super) lead: usize,
    /// The bytes of a token before the marker, and their minimal number.
    before: Option<(Alphabet, usize)>,
    /// The bytes of a token after the marker.
    alphabet: Alphabet,
    /// The minimal number of bytes after the marker.
    bytes_min: usize,
    /// Whether a digit must follow the marker; without one it is a name.
    needs_digit: bool,
}

/// The bytes of a part of a token.
type Alphabet = fn(u8) -> bool;

/// The formats that services document and repository scanners search for, with somewhat shorter
/// rests, since a token may be cut. Three letters of a marker are its fingerprint, the last three
/// unless stated otherwise.
pub(super) const SHAPES: &[Shape] = &[
    // Code, packages, and build services.
    new("ghp_", is_word, 20),
    new("gho_", is_word, 20),
    new("ghu_", is_word, 20),
    new("ghs_", is_word, 20),
    new("ghr_", is_word, 20),
    new("github_pat_", is_word, 20).at(4),
    new("glpat-", is_dotted, 16),
    new("gldt-", is_url_safe, 16),
    new("glrt-", is_dotted, 16),
    new("glrtr-", is_dotted, 16),
    new("glcbt-", is_url_safe, 16),
    new("glptt-", is_url_safe, 16),
    new("glft-", is_url_safe, 16),
    new("glagent-", is_url_safe, 16),
    new("gloas-", is_url_safe, 16),
    new("glsoat-", is_url_safe, 16),
    new("glimt-", is_url_safe, 16),
    new("glffct-", is_url_safe, 16),
    new("GR1348941", is_url_safe, 16).at(0),
    new("ATBB", is_alphanumeric, 24).with_digit(),
    new("ATATT3", is_base64, 40),
    new("ATCTT3", is_base64, 40),
    new("npm_", is_alphanumeric, 30),
    new("pypi-", is_url_safe, 16).with_digit(),
    new("rubygems_", is_hex, 32),
    new("CLOJARS_", is_alphanumeric, 40),
    new("cio", is_alphanumeric, 32).with_digit(),
    new("oy2", is_alphanumeric, 40),
    new("dckr_pat_", is_url_safe, 20),
    new("dckr_oat_", is_url_safe, 20),
    new("bkua_", is_hex, 32),
    new("CCIPAT_", is_word, 30),
    new("CCIPRJ_", is_word, 30),
    new("AKCp", is_alphanumeric, 50),
    new("cmVmd", is_alphanumeric, 50),
    new("sgp_", is_word, 32),
    new("pnu_", is_alphanumeric, 30),
    new("pul-", is_hex, 32),
    new("API-", is_upper, 24).with_digit(),
    // Clouds and their services.
    new("AKIA", is_alphanumeric, 16),
    new("ASIA", is_alphanumeric, 16).with_digit(),
    new("ABIA", is_alphanumeric, 16).with_digit(),
    new("ACCA", is_alphanumeric, 16).with_digit(),
    new("ABSK", is_base64, 80),
    new("bedrock-api-key-", is_base64, 40),
    new("AIza", is_url_safe, 30).at(1),
    new("ya29.", is_url_safe, 20),
    new("GOCSPX-", is_url_safe, 20),
    new("1//0", is_url_safe, 30).with_digit(),
    new("LTAI", is_alphanumeric, 12).with_digit(),
    new("AKID", is_alphanumeric, 20).with_digit(),
    new("dop_v1_", is_hex, 32).at(4),
    new("doo_v1_", is_hex, 32).at(4),
    new("dor_v1_", is_hex, 32).at(4),
    new("dapi", is_hex, 32).at(0),
    new("hvs.", is_url_safe, 20),
    new("hvb.", is_url_safe, 20),
    new("hvr.", is_url_safe, 20),
    new(".atlasv1.", is_url_safe, 40).after(is_alphanumeric, 14),
    new("sha256~", is_url_safe, 30),
    new("fo1_", is_url_safe, 30),
    new("fm1a_", is_base64, 60),
    new("fm1r_", is_base64, 60),
    new("fm2_", is_base64, 60),
    new("HRKU-", is_url_safe, 30),
    new("tk-us-", is_url_safe, 40),
    new("pscale_", is_dotted, 32),
    new("sbp_", is_hex, 32),
    new("sb_secret_", is_url_safe, 20),
    new("tskey-", is_url_safe, 20).with_digit(),
    new("v1.0-", is_url_safe, 100),
    new("AGE-SECRET-KEY-1", is_alphanumeric, 40).at(4),
    new("ops_eyJ", is_base64, 80),
    new("A3-", is_upper, 30).with_digit(),
    new("dp.pt.", is_alphanumeric, 30),
    new("dp.st.", is_dotted, 30),
    new("dp.ct.", is_alphanumeric, 30),
    new("dp.sa.", is_alphanumeric, 30),
    new("dp.scim.", is_alphanumeric, 30),
    new("LS0tLS1CRUdJTiBSU0", is_base64, 20).at(13),
    new("LS0tLS1CRUdJTiBQUk", is_base64, 20).at(13),
    new("LS0tLS1CRUdJTiBFQy", is_base64, 20).at(13),
    new("LS0tLS1CRUdJTiBPUE", is_base64, 20).at(13),
    new("LS0tLS1CRUdJTiBFTk", is_base64, 20).at(13),
    new("LS0tLS1CRUdJTiBEU0", is_base64, 20).at(13),
    // Language models.
    new("sk-", is_url_safe, 20).with_digit(),
    new("hf_", is_alphanumeric, 30),
    new("api_org_", is_alphanumeric, 30),
    new("pplx-", is_alphanumeric, 32),
    new("gsk_", is_alphanumeric, 40),
    new("xai-", is_alphanumeric, 40),
    new("r8_", is_alphanumeric, 30),
    new("nvapi-", is_url_safe, 40),
    new("pcsk_", is_word, 40),
    new("tvly-", is_url_safe, 24).with_digit(),
    // Payments and shops.
    new("sk_live_", is_alphanumeric, 10),
    new("rk_live_", is_alphanumeric, 10),
    new("sk_test_", is_alphanumeric, 10),
    new("rk_test_", is_alphanumeric, 10),
    new("sk_prod_", is_alphanumeric, 10),
    new("rk_prod_", is_alphanumeric, 10),
    new("whsec_", is_base64, 20),
    new("shpat_", is_hex, 24),
    new("shpca_", is_hex, 24),
    new("shppa_", is_hex, 24),
    new("shpss_", is_hex, 24),
    new("sq0atp-", is_url_safe, 16),
    new("sq0csp-", is_url_safe, 20),
    new("EAA", is_url_safe, 50).with_digit(),
    new("EZAK", is_alphanumeric, 40),
    new("EZTK", is_alphanumeric, 40),
    new("duffel_live_", is_base64, 30),
    new("duffel_test_", is_base64, 30),
    new("FLWSECK", is_url_safe, 16),
    new("shippo_live_", is_hex, 30),
    new("shippo_test_", is_hex, 30),
    new("amzn.mws.", is_url_safe, 30),
    // Messages, documents and dashboards.
    new("xoxa-", is_dotted, 10).with_digit(),
    new("xoxb-", is_dotted, 10).with_digit(),
    new("xoxe", is_dotted, 10).with_digit(),
    new("xoxo-", is_dotted, 10).with_digit(),
    new("xoxp-", is_dotted, 10).with_digit(),
    new("xoxr-", is_dotted, 10).with_digit(),
    new("xoxs-", is_dotted, 10).with_digit(),
    new("xapp-", is_url_safe, 16).with_digit(),
    new("SG.", is_dotted, 30).with_digit(),
    new("xkeysib-", is_url_safe, 40),
    new("xsmtpsib-", is_url_safe, 40),
    new("key-", is_hex, 32),
    new("-us", is_digit, 1).after(is_hex, 32),
    new("_mmk", is_word, 0).after(is_word, 36),
    new(":AA", is_url_safe, 30).after(is_digit, 8),
    new("SK", is_hex, 32).at(0),
    new("Q~", is_dotted, 30).after(is_dotted, 4).at(0),
    new("PMAK-", is_url_safe, 40),
    new("lin_api_", is_alphanumeric, 30),
    new("lin_oauth_", is_alphanumeric, 30),
    new("ntn_", is_alphanumeric, 30),
    new("figd_", is_url_safe, 30),
    new("fio-u-", is_url_safe, 40),
    new("CFPAT-", is_url_safe, 30),
    new("tfp_", is_url_safe, 30),
    new("rdme_", is_alphanumeric, 50),
    new("pat", is_dotted, 60).with_digit(),
    new("pat.", is_dotted, 50).with_digit(),
    new("sat.", is_dotted, 50).with_digit(),
    new("p8e-", is_alphanumeric, 32),
    new("glsa_", is_word, 32),
    new("glc_", is_base64, 32),
    new("eyJrIjoi", is_base64, 40).at(3),
    new("ZXlKaGJHY2lPaU", is_base64, 40).at(0),
    new("dt0c01.", is_dotted, 50),
    new("dt0s01.", is_dotted, 50),
    new("ico-", is_alphanumeric, 32),
    new("NRAK-", is_url_safe, 20),
    new("NRII-", is_url_safe, 20),
    new("NRJS-", is_url_safe, 18),
    new("sntrys_", is_base64, 60),
    new("sntryu_", is_hex, 40),
    new("sm_aat_", is_alphanumeric, 16),
    new("sm_pat_", is_alphanumeric, 16),
    new("sm_sat_", is_alphanumeric, 16),
    new("RWRTY0Iy", is_base64, 60),
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

    /// Finds a token of this shape, given the position of the three rarest bytes of its marker.
    pub(super) fn find(&self, text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
        let marker = at.checked_sub(self.lead)?;
        if !text.has(marker, self.marker) {
            return None;
        }
        let start = match self.before {
            None if text.is_inside_word(marker) => return None,
            None => marker,
            Some((alphabet, bytes_min)) => {
                let start = text.start_within(marker, BEFORE_BYTES_MAX, alphabet);
                (marker - start >= bytes_min).then_some(start)?
            }
        };
        let rest = marker + self.marker.len();
        let seen = text.get(rest..text.end_within(rest, SEEN_BYTES_MAX, self.alphabet));
        let is_long = text.end_within(rest, self.bytes_min, self.alphabet) == rest + self.bytes_min;
        let has_digit = seen.iter().any(u8::is_ascii_digit);
        let mut head = text.get(start..rest).iter().chain(seen).copied();
        if !is_long || self.needs_digit && !has_digit || head.all(is_of_name) {
            return None;
        }
        let end = text.end(rest, self.alphabet);
        // A full stop at the end belongs to the sentence.
        Some(start..text.start_within(end, end - rest, |byte| byte == b'.'))
    }
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

const fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

const fn is_dotted(byte: u8) -> bool {
    is_url_safe(byte) || matches!(byte, b'.' | b'~')
}

const fn is_base64(byte: u8) -> bool {
    is_url_safe(byte) || matches!(byte, b'+' | b'/' | b'=')
}

/// The maximal number of bytes of a token before its marker.
const BEFORE_BYTES_MAX: usize = 64;

/// Number of bytes after the marker that distinguish a token from a name: one of them is a digit or
/// a capital.
const SEEN_BYTES_MAX: usize = 64;
