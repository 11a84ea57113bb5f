"""Step Functions without Java, and with executions that do not wait for their log."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
import re
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localstack.runtime import hooks

_OPENING = re.compile(r"(\$(exists|type)\()?\(")
_DECLARATION = re.compile(r"\$(\w+):=")
_DECODER = json.JSONDecoder()


@hooks.on_infra_start(name="penstock_step_functions")
def install() -> None:
    _string_variables_may_hold_any_text()
    _execution_logs_are_written_behind()
    _definition_substitutions_may_be_numbers()
    if importlib.util.find_spec("jsonata") is not None:  # LocalStack's own image has Java instead
        _jsonata_is_evaluated_in_python()


def _jsonata_is_evaluated_in_python() -> None:
    """LocalStack downloads Java for JSONata, and declares as unsupported what AWS has:
    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    """
    from localstack.services.stepfunctions.asl.component.intrinsic import jsonata as intrinsics
    from localstack.services.stepfunctions.asl.jsonata import jsonata

    jsonata._eval_jsonata = evaluate
    for name in ("$hash", "$uuid"):
        intrinsics._DECLARATION_BY_VARIABLE_REFERENCE.pop(name, None)


def evaluate(expression: str) -> Any:
    """The value of `($states:={…};$variable:=…;EXPRESSION)`, the form in which LocalStack hands it over."""
    from jsonata import Jsonata
    from localstack.services.stepfunctions.asl.jsonata.jsonata import JSONataException

    try:
        bindings, expression = split_declarations(expression)
        program = Jsonata(expression)
        program.register_lambda("hash", _hash)
        program.register_lambda("uuid", lambda: str(uuid.uuid4()))
        program.register_lambda("random", lambda seed=None: random.Random(seed).random())
        # Through JSON, as LocalStack's own evaluator: what comes out is plain values.
        return json.loads(json.dumps(program.evaluate(None, bindings)))
    except Exception as error:
        raise JSONataException("UNKNOWN", str(error)) from error


def split_declarations(expression: str) -> tuple[dict[str, Any], str]:
    """The leading declarations as values, and the rest. jsonata-python reads JSON ten times slower than Python does,
    and each expression of a state declares every variable again.
    """
    from jsonata.utils import Utils

    bindings: dict[str, Any] = {}
    opening = _OPENING.match(expression)
    at = opening.end() if opening else 0
    while opening and (declaration := _DECLARATION.match(expression, at)):
        try:
            value, end = _DECODER.raw_decode(expression, declaration.end())
        except ValueError:
            break  # a function
        if expression[end] != ";":
            break
        bindings[declaration[1]] = Utils.NULL_VALUE if value is None else value
        at = end + 1
    return bindings, (opening[0] if opening else "") + expression[at:]


def _hash(value: Any, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", ""), str(value).encode()).hexdigest()


def _string_variables_may_hold_any_text() -> None:
    """LocalStack writes a string variable between quotes as it is: a quote in it breaks every later expression."""
    from localstack.services.stepfunctions.asl.eval import variable_store
    from localstack.services.stepfunctions.asl.utils.encoding import to_json_str

    def declare(bindings: dict[str, Any]) -> str:
        return "".join(f"{name}:={to_json_str(value, separators=(',', ':'))};" for name, value in bindings.items())

    variable_store.encode_jsonata_variable_declarations = declare


def _execution_logs_are_written_behind() -> None:
    """An execution waits for each of its log lines in LocalStack, for most of its time. AWS delivers them in the
    background: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    """
    from localstack.services.stepfunctions.asl.eval.event.logging import CloudWatchLoggingSession

    write = CloudWatchLoggingSession._publish_history_log_or_setup
    writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="execution-logs")

    def write_pending(session: CloudWatchLoggingSession) -> None:
        if pending := [session.pending.popleft() for _ in range(len(session.pending))]:
            write(session, pending)

    def write_behind(self: CloudWatchLoggingSession, log_events: list[Any]) -> None:
        self.__dict__.setdefault("pending", deque()).extend(log_events)
        writer.submit(write_pending, self)

    CloudWatchLoggingSession._publish_history_log_or_setup = write_behind


def _definition_substitutions_may_be_numbers() -> None:
    """As `!Ref` of a Number parameter is:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
    """
    from localstack.services.stepfunctions.resource_providers import aws_stepfunctions_statemachine as provider

    substitute = provider._apply_substitutions
    provider._apply_substitutions = lambda definition, given: substitute(
        definition, {name: str(value) for name, value in given.items()}
    )
