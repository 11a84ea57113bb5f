use fault_plan::FaultPlan;
use function::{InvalidConfiguration, serve_with, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let plan = env_config::optional::<FaultPlan>("CHAOS_PLAN")
        .map(Option::unwrap_or_default)
        .map_err(InvalidConfiguration::from);
    serve_with(plan, async |plan, payload, _| random_failure_generator::answer(&plan, payload)).await
}
