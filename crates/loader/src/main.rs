use lambda_shell::{serve_with, telemetry};
use loader::Loader;

#[tokio::main]
async fn main() -> Result<(), lambda_shell::Error> {
    telemetry::init();
    let loader = Loader::from_env().await;
    serve_with(loader, async |loader, request, invocation| loader.load(&request, invocation.deadline).await).await
}
