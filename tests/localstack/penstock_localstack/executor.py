"""Lambda functions on `provided.*` runtimes as processes of this machine: one process is one execution environment.

The Runtime API is as AWS documents it: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
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

# The kernel's parent-death signal follows the thread that forked, not the process: fork where no thread ends.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lambda-spawner")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_RUNTIMES: weakref.WeakSet[_Runtime] = weakref.WeakSet()


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Said(NamedTuple):
    """What the function told the Runtime API, by the last part of the path: `next`, `response` or `error`."""

    what: str
    body: bytes


def _error(error_type: str, message: str) -> Said:
    return Said("error", json.dumps({"errorType": error_type, "errorMessage": message}).encode())


class _RuntimeApi(BaseHTTPRequestHandler):
    server: _RuntimeServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.server.said.put(Said("next", b""))
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
        else:
            headers = {f"Lambda-Runtime-{name}": value for name, value in event.items() if name != "payload"}
            self._reply(200, event["payload"].encode(), headers)

    def do_POST(self) -> None:
        body = self._body()
        self._reply(202, b'{"status":"OK"}', {})
        self.server.said.put(Said(self.path.rsplit("/", 1)[-1], body))

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
        self.said: queue.SimpleQueue[Said] = queue.SimpleQueue()


class _Runtime:
    """One process of `bootstrap` with a Runtime API of its own; gone for good once it failed."""

    def __init__(self, code: str, environment: dict[str, str]) -> None:
        self.server = _RuntimeServer()
        # A file and not a pipe: it never blocks the function, and its end is known when the answer is.
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

    def wait(self, seconds: float, unless: str | None = None) -> Said | None:
        """What the function says next, skipping `unless`; its death as an error; None when the time is over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            dead = self.process.poll() is not None
            try:
                said = self.server.said.get(timeout=min(left, 0.001 if dead else DEATH_POLL_SECONDS))
            except queue.Empty:
                if dead:
                    return _error("Runtime.ExitError", f"Runtime exited with error: {self._how_it_ended()}")
                continue
            if said.what != unless:
                return said
        return None

    def _how_it_ended(self) -> str:
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
    """What LocalStack asks of an execution environment; a function that died or timed out starts anew next time."""

    _environment: dict[str, str]
    _runtime: _Runtime | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        code = str(self.function_version.config.code.get_unzipped_code_location())
        # Only what a function has in AWS: nothing of this machine's environment leaks in.
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
        said = runtime.wait(INIT_SECONDS_MAX) or _error("Sandbox.Timedout", f"init took {INIT_SECONDS_MAX} seconds")
        if said.what != "next":
            runtime.close()
            raise StatusErrorException(f"init failed:\n{runtime.read_log()}", payload=said.body)
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
        said = runtime.wait(timeout, unless="next")
        if said is None or runtime.process.poll() is not None:
            self.stop()
        if said is None:
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            said = _error("Sandbox.Timedout", message)
        logs = f"START RequestId: {request_id}\n{runtime.take_log()}END RequestId: {request_id}\n"
        return InvocationResult(request_id, said.body, is_error=said.what == "error", logs=logs)

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
    """LocalStack takes ten seconds to put in order what nobody will see again."""
    if config.LAMBDA_RUNTIME_EXECUTOR == ProcessExecutorPlugin.name:
        for runtime in list(_RUNTIMES):
            runtime.kill()
        os._exit(0)
