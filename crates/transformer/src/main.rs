use function::{serve_with, telemetry};
use transformer::Transformer;

#[tokio::main]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let transformer = Transformer::from_env().await;
    serve_with(transformer, async |transformer, request, invocation| {
        transformer.respond(&request, invocation.deadline).await
    })
    .await
}
