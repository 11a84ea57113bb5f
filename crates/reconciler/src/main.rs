use function::{serve_with, telemetry};
use protocol::ReconcileRequest;
use reconciler::Reconciler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), function::Error> {
    telemetry::init();
    let reconciler = Reconciler::from_env().await;
    serve_with(reconciler, async |reconciler, _: ReconcileRequest, invocation| {
        reconciler.reconcile(invocation.deadline).await
    })
    .await
}
