//! `penstock forget`: deletes everything of a file and keeps the ledger.

use load::forget::{find, forget};
use postgres::{Database, DatabaseAddress, Session};
use protocol::LoadOutcome::{AlreadyLoaded, Loaded};
use protocol::{FailureName, LoadRequest, ObjectRef};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, orders, request, sdk, sequenced};

const BAD: &str = "order_id,customer,amount\n1,ann,1.00\ntwo,bob,1.00\n";

fn lenient(options: &str) -> String {
    format!("{DEFINITION}{options}")
}

async fn session(fixture: &LoadFixture) -> Session {
    let address = DatabaseAddress::Url(fixture.database.url.clone());
    let database = Database::new("penstock", address, &sdk(&fixture.bucket));
    let nothing = async |_: &postgres::Client| Ok(());
    let opened = database.session::<(), postgres::DatabaseError>(nothing).await;
    opened.unwrap().0
}

/// Loads a file with one row and one reject, and a repair of the reject.
async fn loaded(fixture: &LoadFixture, definition: &str) -> LoadRequest {
    let file = sequenced(fixture.bucket.put(KEY, Some("1"), BAD.to_owned()), "1");
    let first = fixture.load_as(definition, &file).await.unwrap();
    let key = format!("_penstock/repairs/shop/orders/{}/2024-03-01T00:00:00.000000Z/orders.csv", first.load_id);
    let repair = fixture.bucket.put(&key, Some("r"), "order_id,customer,amount\n2,bob,1.00\nx,eve,1.00\n".to_owned());
    let repair = LoadRequest { repairs: Some(first.load_id), ..request(definition, &repair) };
    assert_eq!(fixture.loader.load(&repair, in_a_minute()).await.unwrap().outcome, Loaded);
    repair
}

#[tokio::test]
async fn forgotten_file_leaves_no_row_and_no_reject() {
    for options in ["", "write = \"upsert\"\nkey = [\"order_id\"]\n", "write = \"replace\"\n"] {
        let fixture = LoadFixture::new().await;
        let definition = lenient(options);
        if !options.contains("replace") {
            let other =
                fixture.bucket.put("raw/2024-03-02/orders.csv", Some("1"), orders(&["zoe"]).replace("\n1,", "\n9,"));
            fixture.load_as(&definition, &other).await.unwrap();
        }
        loaded(&fixture, &definition).await;
        let session = session(&fixture).await;
        let file = ObjectRef::new("landing", KEY);
        let found = find(&session.client, &file).await.unwrap();
        let counts = |loads: &[load::forget::FileLoad]| -> Vec<(u64, u64, bool)> {
            loads.iter().map(|load| (load.rows, load.rejects, load.is_repair)).collect()
        };
        assert_eq!(counts(&found), [(1, 1, false), (1, 1, true)]);
        assert_eq!(fixture.count("penstock.reject").await, 2);

        assert_eq!(forget(&session.client, &file, "ann").await.unwrap(), found);
        assert_eq!(fixture.customers().await, if options.contains("replace") { "" } else { "zoe" });
        assert_eq!(fixture.count("penstock.reject").await, 0);
        let forgotten = "penstock.load where forgotten_at is not null and forgotten_by like 'ann as %'";
        assert_eq!(fixture.count(forgotten).await, 2);
        assert_eq!(fixture.count("penstock.load where forgotten_at is not null and header is not null").await, 0);
        let outcomes =
            "select string_agg(distinct outcome, ',') from penstock.load_history where forgotten_at is not null";
        assert_eq!(fixture.text(outcomes).await.unwrap(), "Forgotten");

        // Repeating it deletes nothing.
        assert_eq!(counts(&forget(&session.client, &file, "bob").await.unwrap()), [(0, 0, false), (0, 0, true)]);
        assert_eq!(fixture.count(forgotten).await, 2);
    }
}

#[tokio::test]
async fn forgotten_version_is_never_loaded_again() {
    let fixture = LoadFixture::new().await;
    let definition = lenient("");
    let repair = loaded(&fixture, &definition).await;
    let session = session(&fixture).await;
    forget(&session.client, &ObjectRef::new("landing", KEY), "ann").await.unwrap();

    let file = sequenced(fixture.bucket.put(KEY, Some("1"), BAD.to_owned()), "1");
    let again = fixture.load_as(&definition, &file).await.unwrap();
    assert_eq!((again.outcome, again.load_id), (AlreadyLoaded, 1));
    assert_eq!(again.reason.as_deref(), Some("`penstock forget` deleted the rows of load 1"));
    let reload = LoadRequest { reloads: Some(1), ..request(&definition, &file) };
    let error = fixture.loader.load(&reload, in_a_minute()).await.unwrap_err();
    check_failure(&error, FailureName::NotReloadable, "`penstock forget` deleted its rows");
    let other = fixture.bucket.put(&repair.object.key, Some("s"), "order_id,customer,amount\n3,bob,1.00\n".to_owned());
    let error = fixture.loader.load(&LoadRequest { object: other, ..repair }, in_a_minute()).await.unwrap_err();
    check_failure(&error, FailureName::NotRepairable, "`penstock forget`");
    assert_eq!(fixture.customers().await, "");

    // A new version is new data, also with the same content.
    let newer = sequenced(fixture.bucket.put(KEY, Some("2"), BAD.to_owned()), "2");
    assert_eq!(fixture.load_as(&definition, &newer).await.unwrap().outcome, Loaded);
    assert_eq!(fixture.customers().await, "ann");
}

#[tokio::test]
async fn file_in_a_table_without_lineage_is_kept() {
    let fixture = LoadFixture::new().await;
    let create =
        "create schema staging; create table staging.orders (order_id int not null, customer text, amount numeric)";
    fixture.client.batch_execute(create).await.unwrap();
    let definition = lenient("on_new_version = \"ignore\"\n").replace("numeric(10,2)", "numeric");
    fixture.load_as(&definition, &fixture.bucket.put(KEY, Some("1"), BAD.to_owned())).await.unwrap();
    let session = session(&fixture).await;
    let error = forget(&session.client, &ObjectRef::new("landing", KEY), "ann").await.unwrap_err();
    check_failure(&error, FailureName::TableMismatch, "column _load_id is missing");
    assert_eq!(fixture.count("penstock.reject").await, 1);
    assert_eq!(fixture.customers().await, "ann");
}
