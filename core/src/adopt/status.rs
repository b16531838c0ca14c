//! What an app's word for the state of an allocation means.

use crate::claim::AllocationStatus;

/// The state that a common word stands for; `None` for a word that could mean anything.
pub fn meaning(word: &str) -> Option<AllocationStatus> {
    let word = word.trim().to_lowercase();
    let is_one_of = |words: &[&str]| words.contains(&word.as_str());
    if is_one_of(&[
        "active",
        "open",
        "new",
        "pending",
        "reserved",
        "allocated",
        "confirmed",
        "picking",
        "picked",
        "packed",
        "t",
        "true",
    ]) {
        Some(AllocationStatus::Active)
    } else if is_one_of(&[
        "released",
        "cancelled",
        "canceled",
        "void",
        "voided",
        "expired",
        "rejected",
        "inactive",
        "f",
        "false",
    ]) {
        Some(AllocationStatus::Released)
    } else if is_one_of(&[
        "fulfilled",
        "shipped",
        "sent",
        "dispatched",
        "delivered",
        "completed",
        "complete",
        "done",
        "consumed",
        "closed",
    ]) {
        Some(AllocationStatus::Fulfilled)
    } else {
        None
    }
}
