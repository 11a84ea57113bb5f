use lambda_shell::{serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_shell::Error> {
    telemetry::init();
    serve(async |event, _| check_file_extension::check(&event)).await
}
