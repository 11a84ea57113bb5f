use chaos::Plan;
use lambda_shell::{config, serve_with, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_shell::Error> {
    telemetry::init();
    let plan = config::optional::<Plan>("CHAOS_PLAN").map(Option::unwrap_or_default);
    serve_with(plan, async |plan, payload, _| random_failure_generator::answer(&plan, payload)).await
}
