use function::{serve_with, telemetry};
use loader::Loader;

// One thread waits for S3 and PostgreSQL, and another parses: more would only wake each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let loader = Loader::from_env().await;
    serve_with(loader, async |loader, request, invocation| loader.load(&request, invocation.deadline).await).await
}
