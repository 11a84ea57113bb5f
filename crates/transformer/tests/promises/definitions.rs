use protocol::FailureName;

use crate::stage::{Stage, check_failure};

const ONE: &str = "[[transforms]]\nsql = \"agg.sql\"\n";

#[tokio::test]
async fn invalid_pipeline_fails_by_name() {
    let stage = Stage::with_sql("create table analytics.a ();").await;
    let run_id = stage.ready().await;
    let check = async |name: FailureName, says: &str| {
        check_failure(&stage.run(run_id).await.unwrap_err(), name, says);
        assert_eq!(stage.tables().await, "");
    };
    let put = |file: &str, text: &str| stage.bucket.put(&format!("pipelines/shop/{file}"), text);
    let whole = |more: &str| format!("{}{more}", crate::stage::DEFINITION);

    put("agg.sql", "select :run_day;");
    check(FailureName::InvalidTransform, "pipelines/shop/agg.sql:1: unknown parameter `:run_day`").await;
    put("agg.sql", "commit;");
    check(FailureName::InvalidTransform, "pipelines/shop/agg.sql:1: ").await;
    put("pipeline.toml", &whole("[[transforms]]\nsql = \"gone.sql\"\n"));
    let says = "s3://definitions/pipelines/shop/gone.sql does not exist, but pipeline.toml names it";
    check(FailureName::InvalidTransform, says).await;
    put("pipeline.toml", "[nonsense]");
    check(FailureName::InvalidDefinition, "pipelines/shop/pipeline.toml:1").await;
    stage.bucket.reject_reads(403, "AccessDenied");
    check(FailureName::StorageDenied, "GET s3://definitions/pipelines/shop/pipeline.toml: S3 answered 403").await;
    stage.bucket.reject_reads(404, "NoSuchKey");
    let says = "s3://definitions/pipelines/shop/pipeline.toml does not exist";
    check(FailureName::NoPipeline, says).await;

    // After the correction the same execution runs it.
    stage.bucket.accept_all();
    put("pipeline.toml", &whole(ONE));
    put("agg.sql", "create table analytics.a ();");
    stage.run(run_id).await.unwrap();
    assert_eq!(stage.tables().await, "a");
}
