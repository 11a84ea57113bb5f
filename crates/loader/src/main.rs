use function::{serve_with, telemetry};
use loader::{from_env, time_left};

// One thread waits for S3 and PostgreSQL, and another thread parses. More threads would only wake each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let loader = from_env().await;
    serve_with(loader, async |loader, request, call| loader.load(&request, time_left(call.deadline)).await).await
}
