//! A proxy that replies with S3's errors, in `.venv-faults`:
//! <https://pypi.org/project/microburst/>

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Kills the program when this process closes the pipe or dies.
const ATTACHED: &str = r#""$0" "$@" </dev/null >/dev/null 2>&1 & cat >/dev/null; kill "$!""#;

pub(crate) struct Microburst {
    address: SocketAddr,
    supervisor: Child,
}

impl Microburst {
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv-faults/bin/microburst");
        assert!(program.exists(), "{} is missing: `make .venv-faults/.stamp` installs it", program.display());
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let supervisor = Command::new("/bin/sh")
            .args(["-c", ATTACHED])
            .arg(program)
            .args(["--upstream", &format!("http://{upstream}"), "--port", &address.port().to_string(), "--no-resign"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let microburst = Self { address, supervisor };
        let deadline = Instant::now() + READY_TIMEOUT;
        while microburst.call("GET", "health", None).is_none() {
            assert!(Instant::now() < deadline, "microburst does not reply");
            std::thread::sleep(Duration::from_millis(50));
        }
        microburst
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the fault for `GetObject`, or none.
    ///
    /// S3 always sends Content-Length and the proxy does not, so the rules set it to `bytes`.
    pub(crate) fn fault(&self, fault: Option<&Value>, bytes: u64) {
        let rule = |action: &Value| {
            let mut rule = json!({"service": "s3", "operation": "GetObject"});
            rule.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
            rule
        };
        let content_length = json!({"set_headers": {"Content-Length": bytes.to_string()}});
        let no_fault = rule(&json!({"response": content_length}));
        let faulty = fault.map(|fault| {
            let mut rule = rule(fault);
            if let Some(response) = rule.get_mut("response").and_then(Value::as_object_mut) {
                response.extend(content_length.as_object().unwrap().clone());
            }
            rule
        });
        let rules: Vec<Value> = faulty.into_iter().chain([no_fault]).collect();
        self.call("POST", "rules", Some(&json!(rules))).unwrap();
    }

    /// Returns the number of requests that had the fault.
    pub(crate) fn fired(&self) -> u64 {
        self.call("GET", "rules", None).unwrap()[0]["fired_count"].as_u64().unwrap()
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} /_microburst/{path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        let succeeded = head.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        assert!(succeeded, "microburst: {path}: {reply}");
        Some(serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Microburst {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
