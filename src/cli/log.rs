//! Where log lines go, and in which form.

use std::fmt;
use std::io::{self, IsTerminal};

use mockmx::settings::{LogFormat, LogSettings};
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Sends what is logged from now on to standard error.
pub(super) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&settings.filter)?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // anstream knows of NO_COLOR, CLICOLOR_FORCE and TERM.
    let coloured = match settings.format {
        LogFormat::Auto => anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
        LogFormat::Human | LogFormat::Json => false,
    };
    let started = match settings.format {
        LogFormat::Json => logs.json().flatten_event(true).with_ansi(false).try_init(),
        _ => logs
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_ansi(coloured && io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
}

/// Writes a field for people. A value that could be taken for more than one is quoted, so that no client can add fields of
/// its own: `helo="y rule=fake"`.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => writer.write_str(&text),
        name if is_one(&text) => write!(writer, "{name}={text}"),
        name => write!(writer, "{name}=\"{}\"", text.replace('"', "\\\"")),
    }
}

/// Whether a value ends where it seems to: it is a word, or one quoted text.
fn is_one(text: &str) -> bool {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(inside) => !inside.replace("\\\\", "").replace("\\\"", "").contains('"') && !inside.ends_with('\\'),
        None => !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '=' | '"')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_pass_for_several() {
        for one in ["word", "a@b.example", "用户", "\"a b\"", "\"a \\\" b\"", "<a@b>", "y\\tb"] {
            assert!(is_one(one), "{one}");
        }
        for several in ["", "a b", "a=b", "\"a\" b=\"c\"", "y\\tb rule=fake", "\"", "a\"b", "\"a\\\""] {
            assert!(!is_one(several), "{several}");
        }
    }
}
