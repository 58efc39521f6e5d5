//! The ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2), as far as extensions name them.

use crate::facts::{MailParameters, RcptParameters};

use super::extension::{Extension, Extensions};
use super::persona::Canned;

/// Decoded octets of ENVID (RFC 3461 §4.4).
const ENVID_LENGTH: usize = 100;
/// Octets of ORCPT (RFC 3461 §4.2).
const ORCPT_LENGTH: usize = 500;

/// Parses what follows the path of MAIL.
pub(super) fn mail(text: &str, offered: Extensions) -> Result<MailParameters, Canned> {
    let mut parameters = MailParameters::default();
    each(text, |keyword, value| {
        let offers = |extension| offered.contains(extension);
        match keyword {
            "SIZE" if offers(Extension::Size) => parameters.size = Some(value.and_then(size).ok_or(WRONG)?),
            "BODY" if offers(Extension::EightBitMime) => {
                parameters.body = Some(one_of(value, &["7BIT", "8BITMIME"])?);
            }
            "SMTPUTF8" if offers(Extension::SmtpUtf8) => {
                parameters.utf8 = value.is_none().then_some(true).ok_or(WRONG)?;
            }
            "RET" if offers(Extension::Dsn) => parameters.ret = Some(one_of(value, &["FULL", "HDRS"])?),
            "ENVID" if offers(Extension::Dsn) => {
                let envid = value.and_then(xtext).filter(|envid| envid.len() <= ENVID_LENGTH);
                parameters.envid = Some(envid.ok_or(WRONG)?);
            }
            // Who is said to have submitted it first (RFC 4954 §5): looked at by nobody, and sent also where AUTH is
            // not offered.
            "AUTH" if value.is_some() => {}
            _ => return Err(Canned::UnknownParameter),
        }
        Ok(())
    })?;
    Ok(parameters)
}

/// Parses what follows the path of RCPT.
pub(super) fn rcpt(text: &str, offered: Extensions) -> Result<RcptParameters, Canned> {
    let mut parameters = RcptParameters::default();
    each(text, |keyword, value| {
        match keyword {
            "NOTIFY" if offered.contains(Extension::Dsn) => {
                let notify = value.filter(|value| is_notify(value)).ok_or(WRONG)?;
                parameters.notify = Some(notify.to_owned());
            }
            "ORCPT" if offered.contains(Extension::Dsn) => {
                parameters.orcpt = Some(value.and_then(orcpt).ok_or(WRONG)?);
            }
            _ => return Err(Canned::UnknownParameter),
        }
        Ok(())
    })?;
    Ok(parameters)
}

const WRONG: Canned = Canned::WrongParameters;

/// Hands each parameter on, its keyword in upper case. A keyword may stand only once.
fn each(text: &str, mut take: impl FnMut(&str, Option<&str>) -> Result<(), Canned>) -> Result<(), Canned> {
    let mut seen: Vec<String> = Vec::new();
    for parameter in text.split_ascii_whitespace() {
        let (keyword, value) = match parameter.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (parameter, None),
        };
        let keyword = keyword.to_ascii_uppercase();
        let known = keyword.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !keyword.starts_with('-');
        if keyword.is_empty() || !known || value == Some("") || seen.contains(&keyword) {
            return Err(WRONG);
        }
        take(&keyword, value)?;
        seen.push(keyword);
    }
    Ok(())
}

/// Up to twenty digits (RFC 1870 §3); a number too big to count is the biggest.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn one_of(value: Option<&str>, words: &[&str]) -> Result<String, Canned> {
    let value = value.ok_or(WRONG)?.to_ascii_uppercase();
    if words.contains(&value.as_str()) { Ok(value) } else { Err(WRONG) }
}

/// `NEVER`, or some of the others (RFC 3461 §4.1).
fn is_notify(value: &str) -> bool {
    let when = |word: &str| ["SUCCESS", "FAILURE", "DELAY"].iter().any(|known| known.eq_ignore_ascii_case(word));
    value.eq_ignore_ascii_case("NEVER") || value.split(',').all(when)
}

/// `type;address`, decoded (RFC 3461 §4.2).
fn orcpt(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (atom && value.len() <= ORCPT_LENGTH).then(|| xtext(address)).flatten().map(|address| format!("{kind};{address}"))
}

/// Decodes xtext (RFC 3461 §4). What it hides must be text: a line break behind `+0D+0A` would be one in a header.
fn xtext(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok().filter(|text| !text.is_empty() && !text.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<MailParameters, Canned> {
        mail(text, Extensions::all())
    }

    #[test]
    fn parameters_of_mail() {
        let given = all(" SIZE=1000  body=8bitmime\tSMTPUTF8 RET=hdrs ENVID=a+2Bb AUTH=<> ").unwrap();
        assert_eq!(given.size, Some(1000));
        assert_eq!(given.body.as_deref(), Some("8BITMIME"));
        assert!(given.utf8);
        assert_eq!(given.ret.as_deref(), Some("HDRS"));
        assert_eq!(given.envid.as_deref(), Some("a+b"));
        assert_eq!(all("").unwrap(), MailParameters::default());
        assert_eq!(all(" SIZE=99999999999999999999").unwrap().size, Some(u64::MAX));
    }

    #[test]
    fn parameters_of_rcpt() {
        let given = rcpt(" NOTIFY=success,Delay ORCPT=rfc822;a+40b", Extensions::all()).unwrap();
        assert_eq!(given.notify.as_deref(), Some("success,Delay"));
        assert_eq!(given.orcpt.as_deref(), Some("rfc822;a@b"));
        assert_eq!(rcpt(" NOTIFY=NEVER", Extensions::all()).unwrap().notify.as_deref(), Some("NEVER"));
    }

    #[test]
    fn wrong_parameters() {
        for text in [
            "SIZE",
            "SIZE=",
            "SIZE=x",
            "SIZE=-1",
            "SIZE=+1",
            "SIZE=999999999999999999999",
            "SIZE=1 SIZE=2",
            "BODY=BINARYMIME",
            "BODY",
            "SMTPUTF8=1",
            "RET=ALL",
            "ENVID=+4",
            "ENVID=+GG",
            "ENVID=a+0D+0Ab",
            "ENVID=+FF",
            "=1",
            "-A=1",
            "A_B=1",
            "用户=1",
        ] {
            assert_eq!(all(text), Err(Canned::WrongParameters), "{text}");
        }
        for text in ["NOTIFY=NEVER,DELAY", "NOTIFY=", "NOTIFY=,", "ORCPT=a@b", "ORCPT=;a", "ORCPT=rfc822;", "NOTIFY=x"]
        {
            assert_eq!(rcpt(text, Extensions::all()), Err(Canned::WrongParameters), "{text}");
        }
    }

    #[test]
    fn what_is_not_offered_is_unknown() {
        assert_eq!(all("FOO=1"), Err(Canned::UnknownParameter));
        assert_eq!(all("AUTH"), Err(Canned::UnknownParameter));
        for text in ["SIZE=1", "BODY=7BIT", "SMTPUTF8", "RET=FULL", "ENVID=x"] {
            assert_eq!(mail(text, Extensions::none()), Err(Canned::UnknownParameter), "{text}");
        }
        assert_eq!(mail("AUTH=<>", Extensions::none()), Ok(MailParameters::default()));
        assert_eq!(rcpt("NOTIFY=NEVER", Extensions::none()), Err(Canned::UnknownParameter));
    }
}
