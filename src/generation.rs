//! One state of settings and packs.

use crate::notification::Forms;
use crate::policy::Policy;
use crate::problem::Problems;
use crate::settings::Settings;

/// One state of settings and packs. A session keeps the one that it began with; a reload makes another.
#[derive(Debug)]
pub struct Generation {
    /// The settings.
    pub settings: Settings,
    /// The policy loaded by them.
    pub policy: Policy,
    /// How providers write what is sent later.
    pub forms: Forms,
}

impl Generation {
    /// Loads what the settings name.
    ///
    /// # Errors
    /// All problems of all packs and forms.
    pub fn load(settings: Settings) -> Result<Self, Problems> {
        match (Policy::load(&settings), Forms::load(&settings.policies)) {
            (Ok(policy), Ok(forms)) => Ok(Self { settings, policy, forms }),
            (Err(mut problems), Err(more)) => {
                problems.0.extend(more.0);
                Err(problems.sorted())
            }
            (Err(problems), _) | (_, Err(problems)) => Err(problems),
        }
    }
}
