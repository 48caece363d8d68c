"""A subscriber, whole: AMQP_URL=amqp://... python subscriber.py <queue> [<binding pattern>] prints a line per event.

The queue is durable: events that occur while the subscriber is down wait for it. Needs pika; and jsonschema where SCHEMAS
names the schemas against which events are checked: a folder (guides/contracts/events) or an address
(https://fairlead.example.com/schemas/events).
"""

import json
import os
import signal
import sys
import urllib.parse
import urllib.request
from collections import OrderedDict
from pathlib import Path

import pika

EXCHANGE = "fairlead.events"
PREFETCH = 200  # messages that may be on their way to us, unacknowledged
REMEMBERED = 100_000  # ids; far more than can be published twice after a failure


class Seen:
    """The ids of the events handled last.

    A service keeps them in its database instead, in the transaction in which it handles the event.
    """

    def __init__(self):
        self.ids = OrderedDict()

    def __contains__(self, event_id):
        return event_id in self.ids

    def add(self, event_id):
        self.ids[event_id] = True
        if len(self.ids) > REMEMBERED:
            self.ids.popitem(last=False)


class Contract:
    """The schemas of events, each read once."""

    def __init__(self, place):
        self.place = place
        self.validators = {}

    def check(self, event):
        """Raises an error where the data are not as promised, or were published in a version that is not known."""
        name = f"{event['type']}.v{event['schemaversion']}.json"
        if name not in self.validators:
            from jsonschema import Draft202012Validator

            self.validators[name] = Draft202012Validator(json.loads(self.read(name)))
        self.validators[name].validate(event["data"])

    def read(self, name):
        if "://" not in self.place:
            return Path(self.place, name).read_text()
        with urllib.request.urlopen(f"{self.place}/{urllib.parse.quote(name)}", timeout=10) as answer:
            return answer.read()


def subscribe(channel, queue, pattern):
    """Declares the queue and binds it. All of it may be there already."""
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    # Several instances may run; one gets the messages, so that their order holds.
    arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
    channel.queue_declare(queue, durable=True, arguments=arguments)
    channel.queue_bind(queue, EXCHANGE, pattern)
    channel.basic_qos(prefetch_count=PREFETCH)


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: subscriber.py <queue> [<binding pattern>]")
    queue = sys.argv[1]
    pattern = sys.argv[2] if len(sys.argv) > 2 else "#"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)

    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    seen = Seen()
    contract = Contract(os.environ["SCHEMAS"]) if "SCHEMAS" in os.environ else None

    def handle(channel, method, properties, body):
        event = json.loads(body)
        if event["id"] not in seen:
            # An error ends the program; the event stays in the queue, to be looked at.
            if contract:
                contract.check(event)
            print(event["type"], event["id"], event["subject"], event["sequence"], flush=True)
            seen.add(event["id"])
        # Only now, so that a crash loses nothing.
        channel.basic_ack(method.delivery_tag)

    subscribe(channel, queue, pattern)
    channel.basic_consume(queue, handle)
    try:
        channel.start_consuming()
    except KeyboardInterrupt:
        pass
    # What is not acknowledged goes back to the queue, in its old place.
    connection.close()


if __name__ == "__main__":
    main()
