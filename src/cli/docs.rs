//! `mockmx docs`: the pages of docs/providers, made of the packs, in Chinese and English.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use mockmx::policy::{ExplanationView, Occasion, Period, Policy, ProviderView, RuleView};
use mockmx::settings::{Flags, Settings};
use mockmx::stage::Stage;

use super::load::report;

#[derive(Debug, Args)]
pub(super) struct DocsArgs {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Says where a page comes from, so that nobody edits it.
const MADE: &str = "<!-- Made from the packs by `make docs`; change the pack instead. -->\n";

const HOW_TO_READ: &str = "\
**怎样触发：**每条规则平时由“原因”一栏所说的情况触发。要随时得到这条回复，照“触发”一栏写即可，其余内容可以任意；\
`mockmx try 规则` 会发一封这样的邮件。连接阶段和任何命令的规则由收件人触发，回复因此来得晚一些。花括号里的词（如 `{sender}`）会换成会话中的值。

**How to make it happen:** each rule fires by itself on what its reason says. To get its reply at will, say what stands in the \
last column, whatever else is true; `mockmx try RULE` sends such a message. A rule of the \
connection, or of any command, is named by the recipient, and answers that much later. Words in braces, as `{sender}`, stand \
for what the session has there.
";

const HOW_TO_DATE: &str = "\
**日期：**回复下面的日期说明服务商何时这样回复。`mockmx serve --as-of 日期` 选定一天；不选时，没有“起”的规则有效，即文件所说的回复。

**Dates:** the dates below a reply say when the provider answers so. `mockmx serve --as-of DATE` chooses a day; without one, the \
rules without a \"since\" are in force: what the document says.
";

pub(super) fn run(args: &DocsArgs) -> anyhow::Result<ExitCode> {
    // Neither this machine's settings nor its environment have a say in what is published.
    let loaded = Settings::load(&Flags::default(), [], Path::new("")).and_then(|settings| Policy::load(&settings));
    let providers = match loaded {
        Ok(policy) => policy.providers(),
        Err(problems) => {
            report(&problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: String, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    write("README.md".to_owned(), index(&providers))?;
    for provider in &providers {
        write(format!("{}.md", provider.id), page(provider))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The list of all pages.
fn index(providers: &[ProviderView]) -> String {
    let mut text = format!(
        "# 服务商 / Providers\n\n{MADE}\n| 服务商 Provider | 规则 Rules | 其他文字 Other texts | 域名 Domains |\n|---|---|---|---|\n"
    );
    for provider in providers {
        let domains: Vec<_> = provider.domains.iter().map(|domain| code(domain)).collect();
        let (rules, texts) = (provider.rules.len(), provider.explanations.len());
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "| [{}]({}.md) | {rules} | {texts} | {} |",
            cell(&provider.name),
            provider.id,
            domains.join(", ")
        );
    }
    text
}

fn page(provider: &ProviderView) -> String {
    let mut text = format!("# {} (`{}`)\n\n{MADE}\n", provider.name, provider.id);
    if !provider.domains.is_empty() {
        let domains: Vec<_> = provider.domains.iter().map(|domain| code(domain)).collect();
        let _ = writeln!(text, "域名 / Domains: {}\n", domains.join(", "));
    }
    if provider.rules.is_empty() {
        text.push_str("没有规则：一切邮件都收下。/ No rules: everything is accepted.\n");
    } else {
        let _ = writeln!(text, "{HOW_TO_READ}");
        if provider.rules.iter().any(|rule| !rule.period.is_always()) {
            let _ = writeln!(text, "{HOW_TO_DATE}");
        }
        text.push_str(
            "| 回复 Reply | 阶段 Stage | 原因 Reason | 解决建议 Remedy | 出处 Source | 规则与触发 Rule and trigger |\n",
        );
        text.push_str("|---|---|---|---|---|---|\n");
        provider.rules.iter().for_each(|rule| rule_line(rule, &mut text));
    }
    if !provider.explanations.is_empty() {
        text.push_str("\n## 其他提示 / Other texts\n\n");
        text.push_str("不是服务器回复的提示；`mockmx explain` 会解释它们。/ Texts that are no reply of the server; `mockmx explain` finds them.\n\n");
        text.push_str(
            "| 提示 Text | 何处 Where | 原因 Reason | 解决建议 Remedy | 出处 Source |\n|---|---|---|---|---|\n",
        );
        provider.explanations.iter().for_each(|explanation| explanation_line(explanation, &mut text));
    }
    text
}

fn rule_line(rule: &RuleView, text: &mut String) {
    let mut reply = rule.reply.as_deref().map_or_else(|| action(rule.action).to_owned(), reply);
    if let Some(later) = &rule.later {
        let bounce = if rule.reply.is_some() { format!("<br>{reply}") } else { String::new() };
        reply = format!("250，之后 / 250, and later: {}{bounce}", cell(later));
    }
    if let Some(manner) = &rule.manner {
        reply = format!("{reply}<br>{}", cell(manner));
    }
    let dates = dates(rule.period);
    let only = if rule.trigger_only { "<br>只由触发得到 / by its trigger only" } else { "" };
    let _ = writeln!(
        text,
        "| {reply}{dates} | {} | {} | {} | {} | {}<br>{}{only} |",
        occasion(Occasion::Session(rule.stage)),
        both(rule.reason_zh.as_deref(), rule.reason_en.as_deref()),
        both(rule.remedy_zh.as_deref(), rule.remedy_en.as_deref()),
        both(rule.source.as_deref(), rule.note.as_deref()),
        code(&rule.id),
        code(&rule.trigger_command()),
    );
}

fn explanation_line(explanation: &ExplanationView, text: &mut String) {
    let texts: Vec<_> = explanation.texts.iter().map(|text| code(text)).collect();
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} |",
        texts.join("<br>"),
        occasion(explanation.occasion),
        both(explanation.reason_zh.as_deref(), explanation.reason_en.as_deref()),
        both(explanation.remedy_zh.as_deref(), explanation.remedy_en.as_deref()),
        both(explanation.source.as_deref(), explanation.note.as_deref()),
    );
}

/// When a provider answers so, below the reply.
fn dates(period: Period) -> String {
    let zh = match (period.since, period.until) {
        (None, None) => return String::new(),
        (Some(since), None) => format!("{since} 起"),
        (None, Some(until)) => format!("{until} 之前"),
        (Some(since), Some(until)) => format!("{since} 起，{until} 之前"),
    };
    format!("<br>{zh}<br>{period}")
}

/// A reply as it goes over the wire, a line each.
fn reply(text: &str) -> String {
    let (number, rest) = text.split_at_checked(3).unwrap_or((text, ""));
    let lines: Vec<_> = rest.strip_prefix(' ').unwrap_or(rest).split('\n').collect();
    let last = lines.len() - 1;
    let line =
        |(place, line): (usize, &&str)| code(&format!("{number}{}{line}", if place == last { ' ' } else { '-' }));
    lines.iter().enumerate().map(line).collect::<Vec<_>>().join("<br>")
}

/// What a rule without a reply does.
fn action(action: &str) -> &str {
    match action {
        "accept" => "收下，不再询问其他规则 / accepts, and asks no further rule",
        "delay" => "等待之后继续 / waits, and goes on",
        "discard" => "250，然后丢弃 / 250, and discards it",
        "drop" => "不回复，断开连接 / closes the connection without a reply",
        "file" => "250，放入指定文件夹 / 250, and files it",
        "refuse" => "拒绝 / refuses",
        "refuse and close" => "拒绝并断开连接 / refuses, and closes the connection",
        "replace" => "250，换成一封通知 / 250, and delivers a notice in its place",
        "reset" => "不回复，以 RST 断开 / resets the connection",
        "stall" => "不再回复 / says nothing more",
        other => other,
    }
}

fn occasion(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::AfterAccept => "收下之后（退信）<br>after acceptance, as a bounce",
        Occasion::Client => "客户端<br>mail program",
        Occasion::Dns => "域名解析<br>name service",
        Occasion::Network => "网络<br>network",
        Occasion::Session(Stage::Connect) => "连接<br>connection",
        Occasion::Session(Stage::Helo) => "EHLO / HELO",
        Occasion::Session(Stage::Auth) => "登录<br>AUTH",
        Occasion::Session(Stage::Mail) => "MAIL FROM",
        Occasion::Session(Stage::Rcpt) => "RCPT TO",
        Occasion::Session(Stage::Data) => "DATA",
        Occasion::Session(Stage::Message) => "邮件内容之后<br>after the message",
        Occasion::Session(Stage::Command) => "任何命令<br>any command",
        Occasion::Session(Stage::Fault) => "错误的命令<br>a wrong command",
    }
}

/// Two texts in one cell, a line each.
fn both(first: Option<&str>, second: Option<&str>) -> String {
    [first, second].into_iter().flatten().map(cell).collect::<Vec<_>>().join("<br>")
}

/// A text in a cell of a table. Code spans in it stay.
fn cell(text: &str) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for c in text.chars() {
        match c {
            '`' => {
                in_code = !in_code;
                out.push(c);
            }
            '|' => out.push_str("\\|"),
            '\n' => out.push_str("<br>"),
            '<' if !in_code => out.push_str("&lt;"),
            '*' | '_' if !in_code => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// A code span in a cell of a table.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('\n', " ");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(cell("a|b\n<c> `<d>` *.dbx"), "a\\|b<br>&lt;c> `<d>` \\*.dbx");
        assert_eq!(code("a|`b`"), "`` a\\|`b` ``");
    }

    #[test]
    fn dates_are_said_in_both_languages() {
        let period = Period { since: None, until: Some(jiff::civil::date(2016, 1, 1)) };
        assert_eq!(dates(period), "<br>2016-01-01 之前<br>until 2016-01-01");
        assert_eq!(dates(Period::default()), "");
    }

    #[test]
    fn a_reply_is_shown_as_it_goes_over_the_wire() {
        assert_eq!(reply("598  mail"), "`598  mail`");
        assert_eq!(reply("552 5.7.0 a\n5.7.0 b"), "`552-5.7.0 a`<br>`552 5.7.0 b`");
    }
}
