//! A proxy that answers with S3's own errors: <https://pypi.org/project/microburst/>, in `.venv-faults`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Ends the program when our end of the pipe is gone, however we went.
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
        while microburst.ask("GET", "health", None).is_none() {
            assert!(Instant::now() < deadline, "microburst does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        microburst
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `GetObject` meets this fault, and nothing is remembered of those before.
    pub(crate) fn fault(&self, fault: &Value) {
        let mut rule = json!({"service": "s3", "operation": "GetObject"});
        rule.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        self.ask("DELETE", "fired", None).unwrap();
        self.ask("POST", "rules", Some(&json!([rule]))).unwrap();
    }

    pub(crate) fn no_fault(&self) {
        self.ask("DELETE", "rules", None).unwrap();
    }

    /// How many requests have met the fault.
    pub(crate) fn fired(&self) -> usize {
        let fired = self.ask("GET", "fired", None).unwrap();
        fired.as_array().or_else(|| fired["fired"].as_array()).expect("a list").len()
    }

    fn ask(&self, method: &str, what: &str, body: Option<&Value>) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} /_microburst/{what} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let succeeded = head.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        assert!(succeeded, "microburst refuses {what}: {answer}");
        Some(serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Microburst {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
