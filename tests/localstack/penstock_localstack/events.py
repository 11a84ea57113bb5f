"""Behaviour of S3 and EventBridge in which LocalStack 4.14 differs from AWS."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from typing import Any
from urllib.parse import unquote

from localstack.runtime import hooks


@hooks.on_infra_start(name="penstock_events")
def install() -> None:
    _s3_events_have_raw_keys_and_growing_sequencers()
    _rule_targets_have_dead_letter_queues()
    _executions_have_unique_names()


def _s3_events_have_raw_keys_and_growing_sequencers() -> None:
    """AWS: the key in an EventBridge event is not URL-encoded, and a later write of a key has a higher sequencer.
    LocalStack: encodes the key, and its sequencers do not grow.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    from localstack.services.s3.notifications import EventBridgeNotifier, S3EventNotificationContext

    sequence = itertools.count(time.time_ns())
    make_context = S3EventNotificationContext.from_request_context.__func__
    make_payload = EventBridgeNotifier._get_event_payload

    def from_request_context(cls: type, *args: Any, **kwargs: Any) -> S3EventNotificationContext:
        # Number events in the thread of the write, because the notifiers' threads may run in another order.
        context = make_context(cls, *args, **kwargs)
        context.sequencer = f"{next(sequence):018X}"
        return context

    def get_event_payload(ctx: S3EventNotificationContext, config_id: str | None = None) -> dict[str, Any]:
        entry = make_payload(ctx, config_id)
        detail = json.loads(entry["Detail"])
        detail["object"]["key"] = unquote(ctx.key_name)
        if "sequencer" in detail["object"]:
            detail["object"]["sequencer"] = ctx.sequencer
        # AWS: "CompleteMultipartUpload". LocalStack: "s3:ObjectCreated:CompleteMultipartUpload".
        if "reason" in detail:
            detail["reason"] = detail["reason"].rsplit(":", 1)[-1]
        return entry | {"Detail": json.dumps(detail)}

    S3EventNotificationContext.from_request_context = classmethod(from_request_context)
    EventBridgeNotifier._get_event_payload = staticmethod(get_event_payload)


def _rule_targets_have_dead_letter_queues() -> None:
    """AWS: an event that its target refuses goes to the target's dead-letter queue, with the reason in message
    attributes. LocalStack: drops it.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    from botocore.exceptions import ClientError
    from localstack.aws.connect import connect_to
    from localstack.services.events.target import TargetSender
    from localstack.services.events.utils import to_json_str
    from localstack.utils.aws.arns import extract_account_id_from_arn, extract_region_from_arn, sqs_queue_url_for_arn

    process_event = TargetSender.process_event

    def process_event_or_send_to_queue(self: TargetSender, event: dict[str, Any], trace_header: Any) -> None:
        body = to_json_str({name: value for name, value in event.items() if name != "event-bus-name"})
        try:
            process_event(self, event, trace_header)
        except Exception as error:
            queue_arn = (self.target.get("DeadLetterConfig") or {}).get("Arn")
            if queue_arn is None:
                raise
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            attributes = {
                "RULE_ARN": self.rule_arn,
                "TARGET_ARN": self.target["Arn"],
                "ERROR_CODE": code,
                "ERROR_MESSAGE": str(error),
            }
            client = connect_to(
                aws_access_key_id=extract_account_id_from_arn(queue_arn), region_name=extract_region_from_arn(queue_arn)
            ).sqs
            client.send_message(
                QueueUrl=sqs_queue_url_for_arn(queue_arn),
                MessageBody=body,
                MessageAttributes={n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()},
            )

    TargetSender.process_event = process_event_or_send_to_queue


def _executions_have_unique_names() -> None:
    """AWS: EventBridge names each execution itself. LocalStack: takes the name from the input's `id`. It drops an event
    that was transformed and has no `id`, and one that it delivers twice.
    """
    from localstack.services.events.target import StatesTargetSender
    from localstack.services.events.utils import to_json_str

    def send_event(self: StatesTargetSender, event: Any, trace_header: Any) -> None:
        self.service = "stepfunctions"
        event_id = event.get("id") if isinstance(event, dict) else None
        name = f"{event_id or uuid.uuid4()}_{uuid.uuid4()}"
        self.client.start_execution(stateMachineArn=self.target["Arn"], name=name[:80], input=to_json_str(event))

    StatesTargetSender.send_event = send_event
