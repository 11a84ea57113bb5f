//! One day of files from a small shop. A few rows are malformed, as in a real feed.

use std::fmt::Write;

use chrono::{Days, NaiveDate};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::sample_file::{ExpectedResult, SampleFile};

const ORDERS: u32 = 10_000;
const PRODUCTS: u32 = 25;
const CUSTOMERS: u32 = 25;
const YEARS_OF_DAYS: u64 = 7 * 365;
const DIM_DATES: &str = include_str!("../../../pipelines/retail/data/dim_dates.csv");
const DIM_PRODUCTS: &str = include_str!("../../../pipelines/retail/data/dim_products.csv");

/// A CSV file with the number of its valid and malformed rows.
struct Csv {
    text: String,
    good_rows: u64,
    bad_rows: u64,
}

impl Csv {
    fn new(header: &str) -> Self {
        Self { text: header.to_owned(), good_rows: 0, bad_rows: 0 }
    }

    /// Adds a valid row. The line end precedes the row, because the feed has none after its last row.
    fn good(&mut self, row: std::fmt::Arguments<'_>) {
        self.good_rows += 1;
        self.push(row);
    }

    fn bad(&mut self, row: std::fmt::Arguments<'_>) {
        self.bad_rows += 1;
        self.push(row);
    }

    fn push(&mut self, row: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _infallible = write!(self.text, "\n{row}");
    }

    /// Returns a file of the pipeline's folder, which has no malformed rows.
    fn shipped(text: &str) -> Self {
        let good_rows = text.lines().skip(1).map(|_| 1).sum();
        Self { text: text.to_owned(), good_rows, bad_rows: 0 }
    }

    fn into_file(self, today: NaiveDate, name: &str) -> SampleFile {
        SampleFile {
            key: format!("raw_data/retail/{today}/{name}"),
            body: self.text.into_bytes(),
            expected: ExpectedResult::Loaded { rows: self.good_rows, rejected: self.bad_rows },
        }
    }
}

/// Generates the five files of `today`.
pub fn files(seed: u64, today: NaiveDate) -> Vec<SampleFile> {
    let mut rng = StdRng::seed_from_u64(seed);
    let dates: Vec<NaiveDate> = (0..ORDERS).map(|_| today - Days::new(rng.random_range(0..YEARS_OF_DAYS))).collect();
    vec![
        orders(&mut rng, &dates).into_file(today, "orders.csv"),
        reviews(&mut rng).into_file(today, "reviews.csv"),
        shipments(&mut rng, today, &dates).into_file(today, "shipment_deliveries.csv"),
        Csv::shipped(DIM_DATES).into_file(today, "dim_dates.csv"),
        Csv::shipped(DIM_PRODUCTS).into_file(today, "dim_products.csv"),
    ]
}

fn orders(rng: &mut StdRng, dates: &[NaiveDate]) -> Csv {
    let prices: Vec<u64> = (0..PRODUCTS).map(|_| rng.random_range(199..50_000)).collect();
    let mut csv = Csv::new("order_id,customer_id,order_date,product_id,unit_price,quantity,total_price");
    for (id, date) in (1..).zip(dates) {
        let customer = rng.random_range(1..=CUSTOMERS);
        let product = rng.random_range(1..=PRODUCTS);
        let price: u64 = prices[product as usize - 1];
        let quantity = rng.random_range(1..=10);
        let (unit, total) = (money(price), money(price * quantity));
        match id {
            1_207 => csv.bad(format_args!("{id},{customer},2023-02-30,{product},{unit},{quantity},{total}")),
            3_456 => csv.bad(format_args!("{id},{customer},{date},{product},{unit},two,{total}")),
            5_012 => csv.bad(format_args!("{id},{customer},{date},{product},{unit}")),
            6_789 => csv.bad(format_args!("{id},{customer},{date},{product},NaN,{quantity},{total}")),
            8_888 => csv.bad(format_args!("{id},{customer},{date},{product},{unit},{quantity},1,299.00")),
            _ => csv.good(format_args!("{id},{customer},{date},{product},{unit},{quantity},{total}")),
        }
    }
    csv
}

fn reviews(rng: &mut StdRng) -> Csv {
    let mut csv = Csv::new("review,product_id");
    for id in 1..=ORDERS {
        let stars = rng.random_range(1..=5);
        let product = rng.random_range(1..=PRODUCTS);
        match id {
            2_500 => csv.bad(format_args!("five,{product}")),
            7_500 => csv.bad(format_args!(",{product}")),
            _ => csv.good(format_args!("{stars},{product}")),
        }
    }
    csv
}

/// Two thirds of the shipments have no date. Some of the others are shipped but not delivered.
fn shipments(rng: &mut StdRng, today: NaiveDate, ordered: &[NaiveDate]) -> Csv {
    let mut csv = Csv::new("shipment_id,order_id,shipment_date,delivery_date");
    for (id, &order_date) in (1..).zip(ordered) {
        let shipped = order_date + Days::new(rng.random_range(0..12));
        let delivered = shipped + Days::new(rng.random_range(1..20));
        match id {
            4_444 => csv.bad(format_args!("{id},{id},0000-00-00,")),
            9_999 => csv.bad(format_args!("{id},{id},31/12/2024,")),
            _ if rng.random_ratio(2, 3) || shipped > today => csv.good(format_args!("{id},{id},,")),
            _ if rng.random_ratio(1, 50) => csv.good(format_args!("{id},{id},{shipped},1000-01-01")),
            _ if rng.random_ratio(1, 5) || delivered > today => csv.good(format_args!("{id},{id},{shipped},")),
            _ => csv.good(format_args!("{id},{id},{shipped},{delivered}")),
        }
    }
    csv
}

/// Writes cents as a decimal. A float would round.
fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 2, 28).unwrap()
    }

    fn text(index: usize) -> String {
        String::from_utf8(files(1, day()).swap_remove(index).body).unwrap()
    }

    #[test]
    fn retail_bytes_depend_on_the_seed_only() {
        let bodies = |seed| files(seed, day()).into_iter().map(|file| file.body).collect::<Vec<_>>();
        assert_eq!(bodies(7), bodies(7));
        assert_ne!(bodies(7), bodies(8));
    }

    #[test]
    fn dimension_files_cover_all_orders() {
        let days: Vec<NaiveDate> =
            DIM_DATES.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        assert!(days.windows(2).all(|pair| pair[1] == pair[0] + Days::new(1)));
        assert!(days.contains(&day()) && days.contains(&(day() - Days::new(YEARS_OF_DAYS))));
        let products: Vec<u32> =
            DIM_PRODUCTS.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        assert_eq!(products, (1..=PRODUCTS).collect::<Vec<_>>());
    }

    #[test]
    fn files_have_no_final_line_end() {
        for index in 0..3 {
            assert!(!text(index).ends_with('\n'));
            assert_eq!(text(index).lines().count(), 1 + ORDERS as usize);
        }
    }

    #[test]
    fn order_totals_are_exact() {
        fn cents(text: &str) -> u64 {
            text.replace('.', "").parse().unwrap()
        }
        let good = |line: &&str| !["2023-02-30", "two", "NaN", "1,299.00"].iter().any(|bad| line.contains(bad));
        let orders = text(0);
        let mut checked = 0;
        for line in orders.lines().skip(1).filter(good) {
            let fields: Vec<&str> = line.split(',').collect();
            if let [_, _, _, _, unit, quantity, total] = fields[..] {
                assert_eq!(cents(unit) * quantity.parse::<u64>().unwrap(), cents(total), "{line}");
                checked += 1;
            }
        }
        assert_eq!(checked, ORDERS - 5);
    }

    #[test]
    fn two_thirds_of_shipments_have_no_date() {
        let shipments = text(2);
        let undated = shipments.lines().filter(|line| line.ends_with(",,")).count();
        let under_way = shipments.lines().filter(|line| line.ends_with(',') && !line.ends_with(",,")).count();
        assert!((6_400..6_950).contains(&undated), "{undated}");
        assert!((400..1_000).contains(&under_way), "{under_way}");
    }

    #[test]
    fn order_dates_span_the_last_seven_years() {
        let orders = text(0);
        for line in orders.lines().skip(1) {
            let Ok(date) = line.split(',').nth(2).unwrap().parse::<NaiveDate>() else { continue };
            assert!(date <= day() && date > day() - Days::new(YEARS_OF_DAYS), "{line}");
        }
    }

    #[test]
    fn money_has_two_decimals() {
        assert_eq!(money(5), "0.05");
        assert_eq!(money(129_900), "1299.00");
    }
}
