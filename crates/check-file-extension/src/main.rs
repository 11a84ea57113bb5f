use function::{serve, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    serve(async |event, _| check_file_extension::check(&event)).await
}
