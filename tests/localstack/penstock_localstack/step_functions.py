"""Step Functions without Java, and without waiting for execution logs."""

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
    _string_variables_are_escaped()
    _execution_logs_are_written_in_background()
    _definition_substitutions_may_be_numbers()
    if importlib.util.find_spec("jsonata") is not None:  # LocalStack's own image has Java instead
        _jsonata_is_evaluated_in_python()


def _jsonata_is_evaluated_in_python() -> None:
    """AWS has $hash and $uuid. LocalStack rejects both, and downloads Java to evaluate JSONata.
    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    """
    from localstack.services.stepfunctions.asl.component.intrinsic import jsonata as intrinsics
    from localstack.services.stepfunctions.asl.jsonata import jsonata

    jsonata._eval_jsonata = evaluate
    for name in ("$hash", "$uuid"):
        intrinsics._DECLARATION_BY_VARIABLE_REFERENCE.pop(name, None)


def evaluate(expression: str) -> Any:
    """Evaluates `($states:={…};$variable:=…;EXPRESSION)`, the form in which LocalStack passes expressions."""
    from jsonata import Jsonata
    from localstack.services.stepfunctions.asl.jsonata.jsonata import JSONataException

    try:
        bindings, expression = split_declarations(expression)
        program = Jsonata(expression)
        program.register_lambda("hash", _hash)
        program.register_lambda("uuid", lambda: str(uuid.uuid4()))
        program.register_lambda("random", lambda seed=None: random.Random(seed).random())
        # Convert through JSON, as LocalStack's evaluator does, to get plain values.
        return json.loads(json.dumps(program.evaluate(None, bindings)))
    except Exception as error:
        raise JSONataException("UNKNOWN", str(error)) from error


def split_declarations(expression: str) -> tuple[dict[str, Any], str]:
    """Splits the leading declarations, as values, from the rest. Each expression declares every variable, and
    jsonata-python parses JSON ten times slower than Python does.
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


def _string_variables_are_escaped() -> None:
    """LocalStack does not escape string variables, so a quote in one breaks every later expression."""
    from localstack.services.stepfunctions.asl.eval import variable_store
    from localstack.services.stepfunctions.asl.utils.encoding import to_json_str

    def declare(bindings: dict[str, Any]) -> str:
        return "".join(f"{name}:={to_json_str(value, separators=(',', ':'))};" for name, value in bindings.items())

    variable_store.encode_jsonata_variable_declarations = declare


def _execution_logs_are_written_in_background() -> None:
    """AWS: delivers execution logs in the background. LocalStack: an execution waits for each line, most of its time.
    https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    """
    from localstack.services.stepfunctions.asl.eval.event.logging import CloudWatchLoggingSession

    write = CloudWatchLoggingSession._publish_history_log_or_setup
    writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="execution-logs")

    def write_pending(session: CloudWatchLoggingSession) -> None:
        if pending := [session.pending.popleft() for _ in range(len(session.pending))]:
            write(session, pending)

    def write_in_background(self: CloudWatchLoggingSession, log_events: list[Any]) -> None:
        self.__dict__.setdefault("pending", deque()).extend(log_events)
        writer.submit(write_pending, self)

    CloudWatchLoggingSession._publish_history_log_or_setup = write_in_background


def _definition_substitutions_may_be_numbers() -> None:
    """AWS: accepts numbers, as `!Ref` of a Number parameter gives. LocalStack: accepts only strings.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
    """
    from localstack.services.stepfunctions.resource_providers import aws_stepfunctions_statemachine as provider

    substitute = provider._apply_substitutions
    provider._apply_substitutions = lambda definition, given: substitute(
        definition, {name: str(value) for name, value in given.items()}
    )
