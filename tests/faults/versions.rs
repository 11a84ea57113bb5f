use protocol::{FailureName, LoadOutcome, ObjectRef};
use test_support::runtime_api::InvocationOutcome;

use crate::environment::{Bucket, Environment, check_failure, load_report, orders, request};
use crate::pick;

/// Sequencers as S3 writes them: hexadecimal, of different lengths, ascending.
const SEQUENCERS: [&str; 4] = ["9F", "A0", "0100", "1000"];
const ROWS: usize = 2_000;

/// The times of the events descend, so an order by time would be wrong.
pub(crate) async fn any_order_of_versions_keeps_highest_sequencer() -> String {
    let environment = Environment::new().await;
    let mut loader = environment.loader();
    let orders_of_events = permutations(SEQUENCERS.len());
    for order in &orders_of_events {
        let name: String = order.iter().map(ToString::to_string).collect();
        let key = format!("faults/order-{name}.csv");
        let customer = |version: usize| format!("order {name} version {version}");
        let mut versions: Vec<ObjectRef> = Vec::new();
        for (number, sequencer) in SEQUENCERS.into_iter().enumerate() {
            let body = orders(number + 1, &customer(number));
            let mut object = environment.storage.put(Bucket::Versioned, &key, body).await;
            object.sequencer = Some(sequencer.to_owned());
            object.event_time = Some(format!("2024-03-{:02}T00:00:00Z", 20 - number).parse().unwrap());
            versions.push(object);
        }
        let mut newest = None;
        for version in order {
            let expected = if newest.is_some_and(|newest| newest > *version) {
                LoadOutcome::Superseded
            } else {
                LoadOutcome::Loaded
            };
            newest = newest.max(Some(*version));
            assert_eq!(
                load_report(loader.load(&request(&versions[*version]))).outcome,
                expected,
                "{order:?} at {version}"
            );
        }
        for version in 0..SEQUENCERS.len() {
            let is_last = version + 1 == SEQUENCERS.len();
            let rows = if is_last { i64::try_from(version + 1).unwrap() } else { 0 };
            assert_eq!(
                environment.session.count_rows(&customer(version)).await,
                rows,
                "{order:?}: rows of version {version}"
            );
        }
    }
    environment.session.check_invariants().await;
    format!(
        "{} orders of 4 versions, with times opposite to the sequencers: the 4th version's rows each time",
        orders_of_events.len()
    )
}

fn permutations(length: usize) -> Vec<Vec<usize>> {
    let Some(last) = length.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |shorter: &Vec<usize>, at: usize| [&shorter[..at], &[last], &shorter[at..]].concat();
    permutations(last)
        .iter()
        .flat_map(|shorter| (0..length).map(|at| insert(shorter, at)).collect::<Vec<_>>())
        .collect()
}

/// Half of the overwrites end before the read starts, half run during the read.
pub(crate) async fn overwritten_object_never_mixes_versions() -> String {
    let environment = Environment::new().await;
    let mut loader = environment.loader();
    let (rounds, mut read, mut replaced) = (pick(50, 1_000), 0, 0);
    for round in 0..rounds {
        let bucket = if round % 2 == 0 { Bucket::Plain } else { Bucket::Versioned };
        let (key, old, new) =
            (format!("faults/overwritten-{round}.csv"), format!("old {round}"), format!("new {round}"));
        let request = request(&environment.storage.put(bucket, &key, orders(ROWS, &old)).await);
        let overwrite = environment.storage.put(bucket, &key, orders(ROWS, &new));
        let loaded = if round % 4 < 2 {
            overwrite.await;
            loader.begin(&request).await
        } else {
            tokio::join!(loader.begin(&request), overwrite).0
        };
        let outcome;
        (loader, outcome) = loaded.unwrap();
        assert_eq!(environment.session.count_rows(&new).await, 0, "round {round}: rows of the other version");
        if let InvocationOutcome::Ok(_) = &outcome {
            read += 1;
            environment.session.check_rows(ROWS, &old).await;
        } else {
            replaced += 1;
            check_failure(&outcome, FailureName::ObjectReplaced);
            assert_eq!(environment.session.count_rows(&old).await, 0, "round {round}: rows of a load that failed");
            assert!(matches!(bucket, Bucket::Plain), "round {round}: the version exists and was not read");
        }
    }
    environment.session.check_invariants().await;
    format!(
        "{rounds} objects overwritten: the event's version read {read} times, ObjectReplaced {replaced} times, never a mix"
    )
}
