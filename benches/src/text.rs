//! What is sent, and the words that it is searched for. The same in every run.

use std::fmt::Write as _;

pub const LINES: [&str; 6] = [
    "Please find attached the minutes of Tuesday's meeting, with the open points at the end.",
    "各位同事:附件是上周二会议的纪要,未决事项列在最后,请在周五之前确认或者提出修改意见。",
    "The next one is on the 14th at half past nine, in the small room on the second floor.",
    "下一次会议定于十四日上午九点半,在二楼小会议室举行,不能参加的同事请提前告知,谢谢。",
    "If you cannot come, let me know by Friday so that we can move it to the week after.",
    "如果日程有变化,我们会另行通知;相关资料已经上传到公司内部网站,可以随时下载查阅。",
];

/// A message in English and Chinese whose body has about so many bytes, with the dot that ends it.
pub fn message(body: usize) -> Vec<u8> {
    let mut text = "From: =?utf-8?B?5byg5LiJ?= <sender@bench.example>\r\n\
        To: user@263.net\r\n\
        Subject: =?utf-8?B?5Lya6K6u57qq6KaB?= of last Tuesday\r\n\
        Date: Mon, 5 Jan 2026 09:30:00 +0800\r\n\
        Message-ID: <20260105093000.1@bench.example>\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\n"
        .to_owned();
    let end = text.len() + body;
    for line in LINES.iter().cycle() {
        if text.len() + line.len() + 2 > end {
            break;
        }
        text.push_str(line);
        text.push_str("\r\n");
    }
    while text.len() < end {
        let dashes = (end - text.len()).saturating_sub(2).min(70);
        text.extend(std::iter::repeat_n('-', dashes));
        text.push_str("\r\n");
    }
    text.push_str(".\r\n");
    text.into_bytes()
}

/// So many keywords: half of 2 to 5 Chinese characters, half of 6 to 13 ASCII letters.
pub fn keywords(count: usize) -> Vec<String> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let word = |number| {
        if number % 2 == 0 {
            (0..2 + numbers.below(4)).filter_map(|_| char::from_u32(0x4e00 + numbers.below(20_000))).collect()
        } else {
            (0..6 + numbers.below(8)).filter_map(|_| char::from_u32(u32::from(b'a') + numbers.below(26))).collect()
        }
    };
    (0..count).map(word).collect()
}

/// Settings for the 263 pack with so many keywords, and without the limits that a load from one address meets.
pub fn settings(keywords_count: usize) -> String {
    let mut settings = "\
        providers.263.rules.too-frequent.when.rate.messages = 1000000000\n\
        providers.263.rules.too-many-connections.when.concurrency.sessions = 1000000\n\
        providers.263.lists.tap-keywords = [\n"
        .to_owned();
    for keyword in keywords(keywords_count) {
        // Writing to a string cannot fail.
        let _ = writeln!(settings, "    {keyword:?},");
    }
    settings.push_str("]\n");
    settings
}

/// Numbers that look random (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) % u64::from(bound)) as u32
    }
}
