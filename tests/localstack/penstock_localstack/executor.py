"""Runs Lambda functions on `provided.*` runtimes as local processes, one for each execution environment.

The Runtime API follows https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

HOST = "127.0.0.1"
INIT_SECONDS_MAX = 10  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
DEATH_POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1

# The kernel sends the parent-death signal when the forking thread ends, so one permanent thread forks all processes.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lambda-spawner")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_RUNTIMES: weakref.WeakSet[_Runtime] = weakref.WeakSet()


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class RuntimeCall(NamedTuple):
    """A call of the function to the Runtime API. `kind` is the last path segment: `next`, `response` or `error`."""

    kind: str
    body: bytes


def _error(error_type: str, message: str) -> RuntimeCall:
    return RuntimeCall("error", json.dumps({"errorType": error_type, "errorMessage": message}).encode())


class _RuntimeApi(BaseHTTPRequestHandler):
    server: _RuntimeServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.server.calls.put(RuntimeCall("next", b""))
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
        else:
            headers = {f"Lambda-Runtime-{name}": value for name, value in event.items() if name != "payload"}
            self._reply(200, event["payload"].encode(), headers)

    def do_POST(self) -> None:
        body = self._body()
        self._reply(202, b'{"status":"OK"}', {})
        self.server.calls.put(RuntimeCall(self.path.rsplit("/", 1)[-1], body))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(chunks)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class _RuntimeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _RuntimeApi)
        self.events: queue.SimpleQueue[dict[str, str] | None] = queue.SimpleQueue()
        self.calls: queue.SimpleQueue[RuntimeCall] = queue.SimpleQueue()


class _Runtime:
    """A process of `bootstrap` with its own Runtime API. A failed one is not used again."""

    def __init__(self, code: str, environment: dict[str, str]) -> None:
        self.server = _RuntimeServer()
        # Log to a file: a pipe could block the function, and the file is complete when the reply arrives.
        self.log = tempfile.TemporaryFile()
        fcntl.fcntl(self.log, fcntl.F_SETFL, os.O_APPEND)
        self.process: subprocess.Popen[bytes] = _SPAWNER.submit(
            subprocess.Popen,
            [os.path.join(code, "bootstrap")],
            cwd=code,
            env=environment | {"AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self.server.server_port}"},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        ).result()
        Thread(target=self.server.serve_forever, daemon=True).start()
        _RUNTIMES.add(self)

    def wait(self, seconds: float, skip: str | None = None) -> RuntimeCall | None:
        """Returns the next call of another kind than `skip`, an error when the process died, None after `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            dead = self.process.poll() is not None
            try:
                call = self.server.calls.get(timeout=min(left, 0.001 if dead else DEATH_POLL_SECONDS))
            except queue.Empty:
                if dead:
                    return _error("Runtime.ExitError", f"Runtime exited with error: {self._exit_reason()}")
                continue
            if call.kind != skip:
                return call
        return None

    def _exit_reason(self) -> str:
        code = self.process.returncode
        return f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def read_log(self) -> str:
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors="replace")

    def take_log(self) -> str:
        text = self.read_log()
        self.log.truncate(0)
        return text

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self.process.wait()
        self.server.events.put(None)
        self.server.shutdown()
        self.server.server_close()


class ProcessExecutor(RuntimeExecutor):
    """An execution environment for LocalStack. After a crash or a timeout, the next invocation starts a new process."""

    _environment: dict[str, str]
    _runtime: _Runtime | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        code = str(self.function_version.config.code.get_unzipped_code_location())
        # Pass only the variables that a function has on AWS, none of this machine's environment.
        inherited = {"PATH": os.defpath, "LANG": "en_US.UTF-8", "TMPDIR": tempfile.gettempdir()}
        given = {name: str(value) for name, value in env_vars.items()}
        self._environment = inherited | given | {"LAMBDA_TASK_ROOT": code}
        self._runtime = self._boot(code)

    def _boot(self, code: str) -> _Runtime:
        try:
            runtime = _Runtime(code, self._environment)
        except OSError as error:  # built for another machine, or not executable
            failure = _error("Runtime.InvalidEntrypoint", str(error))
            raise StatusErrorException(str(error), payload=failure.body) from error
        call = runtime.wait(INIT_SECONDS_MAX) or _error("Sandbox.Timedout", f"init took {INIT_SECONDS_MAX} seconds")
        if call.kind != "next":
            runtime.close()
            raise StatusErrorException(f"init failed:\n{runtime.read_log()}", payload=call.body)
        return runtime

    def stop(self) -> None:
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        if self._runtime is None:
            self._runtime = self._boot(self._environment["LAMBDA_TASK_ROOT"])
        runtime, timeout, request_id = self._runtime, self.function_version.config.timeout, payload["invoke-id"]
        runtime.server.events.put(
            {
                "Aws-Request-Id": request_id,
                "Deadline-Ms": str(int((time.time() + timeout) * 1000)),
                "Invoked-Function-Arn": payload["invoked-function-arn"],
                "Trace-Id": payload["trace-id"],
                "payload": payload["payload"],
            }
        )
        call = runtime.wait(timeout, skip="next")
        if call is None or runtime.process.poll() is not None:
            self.stop()
        if call is None:
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            call = _error("Sandbox.Timedout", message)
        logs = f"START RequestId: {request_id}\n{runtime.take_log()}END RequestId: {request_id}\n"
        return InvocationResult(request_id, call.body, is_error=call.kind == "error", logs=logs)

    def get_logs(self) -> str:
        return self._runtime.read_log() if self._runtime else ""

    def get_address(self) -> str:
        return HOST

    def get_endpoint_from_executor(self) -> str:
        return HOST

    def get_runtime_endpoint(self) -> str:
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        if not function_version.config.runtime.startswith("provided"):
            raise ValueError(f"runtime {function_version.config.runtime}: only provided.* runs as a process")
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        pass


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *_: Any, **__: Any) -> type[RuntimeExecutor]:
        return ProcessExecutor


@hooks.on_infra_shutdown(name="penstock_exit", priority=1000)
def end_at_once() -> None:
    """Exits at once, because LocalStack's own shutdown takes ten seconds."""
    if config.LAMBDA_RUNTIME_EXECUTOR == ProcessExecutorPlugin.name:
        for runtime in list(_RUNTIMES):
            runtime.kill()
        os._exit(0)
