//! What names look like that are ours to make (`grantline.model.names`): ids of spans and traces,
//! fingerprints of tokens.

const MAX_KEY_ID: usize = 128;
const DIGEST: usize = 64;

/// The number that 16 lower-case hex digits say; none for any other text.
#[must_use]
pub fn span_number(text: &str) -> Option<u64> {
    (text.len() == 16 && is_hex(text)).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// The number that 32 lower-case hex digits say; none for any other text.
#[must_use]
pub fn trace_number(text: &str) -> Option<u128> {
    (text.len() == 32 && is_hex(text)).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Whether the text is `sha256:<hex>` or `hmac-sha256:<kid>:<hex>`, with a `kid` of 1 to 128
/// characters.
#[must_use]
pub fn is_fingerprint(text: &str) -> bool {
    let Some((front, digest)) = text.rsplit_once(':') else { return false };
    if digest.len() != DIGEST || !is_hex(digest) {
        return false;
    }
    front == "sha256"
        || front.strip_prefix("hmac-sha256:").is_some_and(|kid| {
            !kid.contains(':') && (1..=MAX_KEY_ID).contains(&kid.chars().count())
        })
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::{is_fingerprint, span_number, trace_number};

    #[test]
    fn a_span_id_is_sixteen_lower_case_hex_digits() {
        assert_eq!(span_number("00000000000000ff"), Some(255));
        assert_eq!(span_number("ffffffffffffffff"), Some(u64::MAX));
        for other in ["", "ff", "00000000000000FF", "+000000000000001", "00000000000000f\u{e9}"] {
            assert_eq!(span_number(other), None, "{other}");
        }
    }

    #[test]
    fn a_trace_id_is_thirty_two() {
        assert_eq!(trace_number(&"f".repeat(32)), Some(u128::MAX));
        assert_eq!(trace_number(&"f".repeat(33)), None);
        assert_eq!(trace_number(&format!("+{}", "1".repeat(31))), None);
    }

    #[test]
    fn a_keyed_fingerprint_names_its_key() {
        let digest = "0a".repeat(32);
        for good in ["sha256", "hmac-sha256:k", "hmac-sha256:\n", &long('\u{e9}', 128)] {
            assert!(is_fingerprint(&format!("{good}:{digest}")), "{good}");
        }
        for bad in ["", "sha512", "sha256:k", "hmac-sha256", "hmac-sha256:", "hmac-sha256:a:b"] {
            assert!(!is_fingerprint(&format!("{bad}:{digest}")), "{bad}");
        }
        assert!(!is_fingerprint(&format!("{}:{digest}", long('k', 129))));
        assert!(!is_fingerprint(&format!("sha256:{}", digest.to_uppercase())));
        assert!(!is_fingerprint("sha256:0a"));
    }

    fn long(letter: char, times: usize) -> String {
        format!("hmac-sha256:{}", letter.to_string().repeat(times))
    }
}
