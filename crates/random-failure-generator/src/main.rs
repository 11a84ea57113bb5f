use fault_plan::Plan;
use function::{config, serve_with, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let plan = config::optional::<Plan>("CHAOS_PLAN").map(Option::unwrap_or_default);
    serve_with(plan, async |plan, payload, _| random_failure_generator::answer(&plan, payload)).await
}
