use function::{serve_with, telemetry};
use trigger_resolver::Resolver;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let resolver = Resolver::from_env().await;
    serve_with(resolver, async |resolver, payload, _| resolver.respond(payload).await).await
}
