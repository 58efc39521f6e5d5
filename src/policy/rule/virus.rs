//! Viruses: the EICAR test string in an attachment, or in a file within an archive that is attached.
//!
//! ```toml
//! when.virus = "any"
//! when.virus = "only"        # every attachment is infected (263 W022 §4.0.16: the message is deleted)
//! when.virus = "beside"      # infected ones beside clean ones (the original is zipped into a notice)
//! ```

use crate::document::{Node, note, text};
use crate::message::{MessageFacts, Virus};
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;

/// The condition: the virus's company, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition(Option<Virus>);

impl Condition {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs("virus", Stage::Message, &node.place);
        let names = [("any", None), ("only", Some(Virus::Only)), ("beside", Some(Virus::Beside))];
        note(node, parse::one_of(text(node, reading.problems)?, &names), reading.problems).map(Self)
    }

    pub(super) fn test(self, view: &View<'_>) -> Test {
        let found = view.message().map_or(Virus::None, MessageFacts::virus);
        if found == Virus::None || self.0.is_some_and(|wanted| wanted != found) {
            return Test::No;
        }
        let infected = view.message().into_iter().flat_map(|message| &message.attachments);
        let names: Vec<_> = infected.filter(|file| file.infected).map(|file| file.path.join(" / ")).collect();
        Test::why(format!("EICAR test virus in {:?}", names.last().map_or("", String::as_str)))
    }
}
