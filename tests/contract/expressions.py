"""Evaluates JSONata for the contract tests, with the package of the emulator.

Reads lines {"expression": …, "variables": …} and writes lines {"value": …} or {"error": …}.
An undefined result is an error, as in Step Functions.
"""

import json
import sys

from jsonata import Jsonata


def evaluate(expression: str, variables: dict) -> object:
    program = Jsonata(expression)
    program.register_lambda("parse", json.loads)
    value = program.evaluate(None, variables)
    if value is None and not Jsonata(f"$exists(({expression}))").evaluate(None, variables):
        raise ValueError("undefined")
    return value


for line in sys.stdin:
    try:
        answer = {"value": evaluate(**json.loads(line))}
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
