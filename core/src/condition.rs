//! Conditions of lots: only good ones are sold.

/// What state the goods of a lot are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// Nothing is wrong with them.
    #[default]
    Good,
    /// Nobody knows yet.
    Quarantine,
    /// They are broken.
    Damaged,
    /// Their time is over.
    Expired,
}

impl Condition {
    /// As the table has them.
    pub const NAMES: [&'static str; 4] = ["good", "quarantine", "damaged", "expired"];

    const ALL: [Condition; 4] = [
        Condition::Good,
        Condition::Quarantine,
        Condition::Damaged,
        Condition::Expired,
    ];

    /// As the table has it.
    pub fn name(self) -> &'static str {
        Condition::NAMES[self as usize]
    }

    /// The condition called so.
    pub fn parse(name: &str) -> Option<Condition> {
        let mut all = Condition::ALL.into_iter();
        all.find(|condition| condition.name() == name)
    }

    /// What the ledger says of a change: `good → damaged`.
    pub fn becoming(self, now: Condition) -> String {
        format!("{} → {}", self.name(), now.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_found_by_its_own_name() {
        for (condition, name) in Condition::ALL.into_iter().zip(Condition::NAMES) {
            assert_eq!(condition.name(), name);
            assert_eq!(Condition::parse(name), Some(condition));
        }
        assert_eq!(Condition::parse("Good"), None);
        assert_eq!(Condition::default().name(), "good");
    }

    #[test]
    fn a_change_names_both_conditions() {
        let change = Condition::Good.becoming(Condition::Quarantine);
        assert_eq!(change, "good → quarantine");
    }
}
