//! A minimal Runtime API of Lambda, to run a function's binary as Lambda does.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// The result of one invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum InvocationOutcome {
    Ok(Value),
    /// The function reported an error.
    Error {
        error_type: String,
        error_message: String,
    },
    /// The process ended without a reply.
    Exited,
    /// No reply in time. The process was killed, as Lambda does.
    TimedOut,
}

impl InvocationOutcome {
    /// Returns the result of a successful invocation.
    ///
    /// # Panics
    /// When the function failed.
    pub fn answer(self) -> Value {
        match self {
            Self::Ok(result) => result,
            failed @ (Self::Error { .. } | Self::Exited | Self::TimedOut) => panic!("the function failed: {failed:?}"),
        }
    }

    /// Returns the error name that the state machine would see.
    pub fn error_type(&self) -> Option<&str> {
        match self {
            Self::Error { error_type, .. } => Some(error_type),
            Self::Ok(_) | Self::Exited | Self::TimedOut => None,
        }
    }
}

/// An execution environment of a function: one process for many calls. Drop kills it.
#[derive(Debug)]
pub struct Function {
    process: Child,
    invocations: Sender<Invocation>,
    outcomes: Receiver<(String, InvocationOutcome)>,
    logs: Arc<Mutex<Vec<String>>>,
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    calls: u32,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    deadline_ms: u128,
    payload: Vec<u8>,
}

/// Interval between checks for the end of the process.
const EXIT_POLL: Duration = Duration::from_millis(10);

impl Function {
    /// Starts a function's binary with these environment variables, and of this process's only `PATH`.
    ///
    /// # Panics
    /// When no port is free, or the binary does not exist.
    pub fn start(bootstrap: impl AsRef<Path>, env: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
        let address = listener.local_addr().expect("know the port");
        let (invocations, next) = channel();
        let (answer, outcomes) = channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let api = Api { next: Arc::new(Mutex::new(next)), answer, stopped: Arc::clone(&stopped) };
        thread::spawn(move || api.listen(&listener));

        let mut process = Command::new(bootstrap.as_ref())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function-under-test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the function's binary");
        let logs = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdout) = process.stdout.take() {
            let logs = Arc::clone(&logs);
            thread::spawn(move || keep_lines(stdout, &logs));
        }
        Self { process, invocations, outcomes, logs, address, stopped, calls: 0 }
    }

    /// Invokes the function with any bytes. The function's deadline is the timeout.
    pub fn invoke(&mut self, payload: impl AsRef<[u8]>, timeout: Duration) -> InvocationOutcome {
        self.calls += 1;
        let request_id = format!("request-{}", self.calls);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline_ms = (since_1970 + timeout).as_millis();
        let invocation = Invocation { request_id: request_id.clone(), deadline_ms, payload: payload.as_ref().to_vec() };
        self.invocations.send(invocation).expect("the API outlives this handle");
        self.outcome(&request_id, Instant::now() + timeout)
    }

    fn outcome(&mut self, request_id: &str, deadline: Instant) -> InvocationOutcome {
        loop {
            match self.outcomes.recv_timeout(EXIT_POLL) {
                Ok((of, outcome)) if of == request_id => return outcome,
                Err(RecvTimeoutError::Disconnected) => return InvocationOutcome::Exited,
                Err(RecvTimeoutError::Timeout) if self.has_exited() => return InvocationOutcome::Exited,
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    self.kill();
                    return InvocationOutcome::TimedOut;
                }
                // No reply yet, or the late reply of a call that had timed out.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn has_exited(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        // Both fail only when the process has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Returns the lines that the function has written to standard output.
    pub fn logs(&self) -> Vec<String> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.kill();
        self.stopped.store(true, Ordering::Relaxed);
        // Wake the listening thread, so that it ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn keep_lines(stdout: impl Read, logs: &Mutex<Vec<String>>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        logs.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

#[derive(Clone)]
struct Api {
    next: Arc<Mutex<Receiver<Invocation>>>,
    answer: Sender<(String, InvocationOutcome)>,
    stopped: Arc<AtomicBool>,
}

impl Api {
    fn listen(&self, listener: &TcpListener) {
        for connection in listener.incoming().map_while(Result::ok) {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let api = self.clone();
            // An error means that the function ended, which `Function` detects itself.
            thread::spawn(move || api.serve(&connection));
        }
    }

    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection);
        while let Some(request) = ApiRequest::read(&mut reader)? {
            self.respond(&request, connection)?;
        }
        Ok(())
    }

    fn respond(&self, request: &ApiRequest, mut connection: &TcpStream) -> io::Result<()> {
        let path: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
        match path.as_slice() {
            [_, "runtime", "invocation", "next"] => {
                let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(invocation) = next else { return Err(io::ErrorKind::ConnectionAborted.into()) };
                write_next(&invocation, connection)
            }
            [_, "runtime", "invocation", request_id, kind] => {
                let outcome = if *kind == "error" { failure(&request.body) } else { success(&request.body) };
                let _ = self.answer.send(((*request_id).to_owned(), outcome));
                connection.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            }
            _ => connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        }
    }
}

fn write_next(invocation: &Invocation, mut connection: &TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Lambda-Runtime-Aws-Request-Id: {}\r\nLambda-Runtime-Deadline-Ms: {}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:000000000000:function:function-under-test\r\n\
         Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000\r\n\r\n",
        invocation.payload.len(),
        invocation.request_id,
        invocation.deadline_ms,
    );
    connection.write_all(&[head.as_bytes(), &invocation.payload].concat())
}

fn success(body: &[u8]) -> InvocationOutcome {
    serde_json::from_slice(body).map_or_else(
        |error| InvocationOutcome::Error { error_type: "not JSON".to_owned(), error_message: error.to_string() },
        InvocationOutcome::Ok,
    )
}

fn failure(body: &[u8]) -> InvocationOutcome {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    InvocationOutcome::Error { error_type: text("errorType"), error_message: text("errorMessage") }
}

struct ApiRequest {
    path: String,
    body: Vec<u8>,
}

impl ApiRequest {
    /// Reads the next request. None when the function has closed the connection.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = read_line(reader)?;
        let Some(path) = first.split(' ').nth(1) else { return Ok(None) };
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = read_line(reader)?.to_ascii_lowercase();
            match header.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = number(value.trim(), 10)?,
                Some(("transfer-encoding", value)) => chunked = value.contains("chunked"),
                Some(_) => {}
            }
        }
        let body = if chunked { read_chunks(reader)? } else { read_exactly(reader, length)? };
        Ok(Some(Self { path: path.to_owned(), body }))
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = number(&read_line(reader)?, 16)?;
        body.extend(read_exactly(reader, length)?);
        read_line(reader)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn number(text: &str, radix: u32) -> io::Result<usize> {
    usize::from_str_radix(text, radix).map_err(io::Error::other)
}
