use lambda_shell::{serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_shell::Error> {
    telemetry::init();
    serve(async |request, _| random_failure_generator::inject(&request)).await
}
