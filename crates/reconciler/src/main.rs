use contracts::ReconcileRequest;
use lambda_shell::{serve_with, telemetry};
use reconciler::Reconciler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_shell::Error> {
    telemetry::init();
    let reconciler = Reconciler::from_env().await;
    serve_with(reconciler, async |reconciler, _: ReconcileRequest, invocation| {
        reconciler.reconcile(invocation.deadline).await
    })
    .await
}
