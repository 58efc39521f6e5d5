//! All the policy I/O there is: one question to the policy, one to what is remembered.

use crate::clock::Time;
use crate::facts::Facts;
use crate::policy::Policy;
use crate::stage::Stage;
use crate::store::Lane;
use crate::verdict::Verdict;

/// What is to be done at `stage`. What the verdict brings with it (a sender goes to prison, a mailbox fills) is
/// remembered at once, so this is called exactly once for each thing that a client does.
pub fn judge(policy: &Policy, lane: &Lane, stage: Stage, facts: &Facts, now: Time) -> Verdict {
    let stubs = lane.stubs();
    let scene = policy.scene(stage, facts, &stubs);
    let answers = lane.store.settle(&scene.asks(), now);
    let judgement = scene.judge(&answers);
    lane.store.apply(&judgement.effects, now);
    judgement.verdict
}
