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

    /// From now on `GetObject` of an object of so many bytes meets this fault, or none.
    ///
    /// The proxy leaves out the length of a body, which S3 always tells: so it is told to say it.
    pub(crate) fn fault(&self, fault: Option<&Value>, bytes: u64) {
        let rule = |what: &Value| {
            let mut rule = json!({"service": "s3", "operation": "GetObject"});
            rule.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            rule
        };
        let tells_the_length = json!({"set_headers": {"Content-Length": bytes.to_string()}});
        let passes = rule(&json!({"response": tells_the_length}));
        let fails = fault.map(|fault| {
            let mut rule = rule(fault);
            if let Some(response) = rule.get_mut("response").and_then(Value::as_object_mut) {
                response.extend(tells_the_length.as_object().unwrap().clone());
            }
            rule
        });
        let rules: Vec<Value> = fails.into_iter().chain([passes]).collect();
        self.ask("POST", "rules", Some(&json!(rules))).unwrap();
    }

    /// How many requests have met the fault.
    pub(crate) fn fired(&self) -> u64 {
        self.ask("GET", "rules", None).unwrap()[0]["fired_count"].as_u64().unwrap()
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
