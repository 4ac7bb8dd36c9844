"""The service under test: the client that is pointed at it, and its data plane over REST."""

import base64
import itertools
import json
import os
import urllib.error
import urllib.request

from confluent_kafka.schema_registry import (
    AssociationCreateOrUpdateInfo,
    AssociationCreateOrUpdateRequest,
    SchemaRegistryClient,
)

URL = os.environ["WEIR_URL"]
TOKEN = os.environ["WEIR_TOKEN"]
VIEWER_TOKEN = os.environ["WEIR_VIEWER_TOKEN"]

_numbers = itertools.count(1)


def client(path="", token=TOKEN):
    """The stock client, with a token as the password of basic authentication, as people configure it. It remembers nothing of another one."""
    return SchemaRegistryClient({"url": URL + path, "basic.auth.user.info": f"anyone:{token}", "max.retries": 0})


def fresh_name():
    """A name that no other promise uses."""
    return f"python{next(_numbers)}"


def fresh_topic():
    """The name of a new topic."""
    topic = fresh_name()
    status, _ = _call("POST", "/v1/topics", {"name": topic, "partitions": 1})
    assert status == 201, status
    return topic


def association(topic, subject):
    """A request to tie the values of a topic to a subject. Its resource is called `id of <topic>`."""
    tie = AssociationCreateOrUpdateInfo(subject=subject, association_type="value", lifecycle="WEAK")
    return AssociationCreateOrUpdateRequest(
        resource_name=topic,
        resource_namespace="lkc-1",
        resource_id=f"id of {topic}",
        resource_type="topic",
        associations=[tie],
    )


def produce_bytes(topic, value, headers=None, key=None):
    """Appends bytes as they are."""
    sent = [{"key": key, "value": {"base64": _text(bytes_)}} for key, bytes_ in (headers or {}).items()]
    record = {"key": None if key is None else _text(key), "value": _text(value), "headers": sent}
    body = {"records": [record], "keyFormat": "binary", "valueFormat": "binary"}
    status, answer = _call("POST", f"/v1/topics/{topic}/records", body)
    assert status == 200, answer


def produce(topic, value, **more):
    """Lets the service encode a value. Returns the status."""
    return _call("POST", f"/v1/topics/{topic}/records", {"records": [{"value": value}], **more})[0]


def read(topic):
    """The records of a topic, decoded by the service."""
    return _records(topic, "")


def read_bytes(topic):
    """The records of a topic, each as the bytes of its value and its headers."""
    return [
        (
            base64.b64decode(record["value"]),
            {h["key"]: base64.b64decode(h["value"]["base64"]) for h in record["headers"]},
        )
        for record in _records(topic, "&format=binary")
    ]


def _records(topic, query):
    status, answer = _call("GET", f"/v1/topics/{topic}/records?from=start&limit=1000{query}")
    assert status == 200, answer
    return answer["records"]


def _call(method, path, body=None):
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {TOKEN}"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _text(bytes_):
    return base64.b64encode(bytes_).decode()
