//! Goods and loans in the load: adjusted, moved, lent, returned, lost.

use super::{active, lot_of, Answer, Worker};
use crate::api::shop::ORISON;
use rand::Rng;

impl Worker {
    pub fn work_with_goods(&mut self) {
        match self.random.random_range(0..6) {
            0 => self.adjust(),
            1 => self.move_a_part(),
            2 | 3 => self.borrow(),
            4 => self.end_loan("return_stock", "", "released"),
            _ => self.end_loan("lose_stock", ", 1, 'fell overboard'", "fulfilled"),
        }
    }

    fn adjust(&mut self) {
        if let Some((lot, units)) = Worker::one_of(&mut self.random, &mut self.lots) {
            let more = units + 3;
            let sql = format!("SELECT stock.adjust_stock('{lot}', 3, 'found behind the shelf')");
            if self.done(&sql, &[(lot, lot_of(more))]) {
                self.lots.push((lot, more));
            }
        }
    }

    /// The new lot's key is the server's: it is known from the answer only.
    fn move_a_part(&mut self) {
        if let Some((lot, units)) = Worker::one_of(&mut self.random, &mut self.lots) {
            let sql = format!("SELECT stock.transfer_stock('{lot}', 1, '{ORISON}')");
            if let Answer::Done(Some(new)) = self.transaction(&sql, &[(lot, lot_of(units - 1))]) {
                self.told.learn(&[(new, lot_of(1))]);
                if units > 2 {
                    self.lots.push((lot, units - 1));
                }
            }
        }
    }

    /// What is lent is claimed by the loan. Its key is the server's.
    fn borrow(&mut self) {
        let (listing, _) = self.listing();
        let sql = format!("SELECT stock.borrow_stock('{listing}', 'ann', 1)");
        if let Answer::Done(Some(loan)) = self.transaction(&sql, &[]) {
            self.told.learn(&[(loan, active(1))]);
            self.loans.push(loan);
        }
    }

    fn end_loan(&mut self, function: &str, arguments: &str, status: &str) {
        if let Some(loan) = Worker::one_of(&mut self.random, &mut self.loans) {
            let sql = format!("SELECT stock.{function}('{loan}'{arguments})");
            self.done(&sql, &[(loan, Some(format!("{status} 1")))]);
        }
    }
}
