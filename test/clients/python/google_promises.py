"""Code that `protoc` generated from published files: they import one another, and carry options of their own."""

import importlib
import pkgutil
import unittest

import google.api
import google.cloud
import google.logging
import google.rpc
import weir
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import json_format

# Messages inside one another that are filled; some contain themselves.
DEPTH = 3
# Any value of these would have to be made with care.
LEFT_EMPTY = {f"google.protobuf.{name}" for name in ("Any", "Struct", "Value", "Timestamp", "Duration", "FieldMask")}


def message_classes():
    """The messages that the installed packages define at the top of a file, with their files."""
    for package in (google.api, google.cloud, google.logging, google.rpc):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("_pb2"):
                generated = importlib.import_module(module.name)
                for name in generated.DESCRIPTOR.message_types_by_name:
                    yield generated.DESCRIPTOR.name, getattr(generated, name)


def filled(message, depth=DEPTH):
    """The message with something in each field."""
    for field in message.DESCRIPTOR.fields:
        type_ = field.message_type
        if type_ is None:
            value = scalar(field)
            if field.is_repeated:
                getattr(message, field.name).extend([value, value])
            else:
                setattr(message, field.name, value)
        elif type_.GetOptions().map_entry:
            key, value = (type_.fields_by_name[name] for name in ("key", "value"))
            if value.message_type is None:
                getattr(message, field.name)[scalar(key)] = scalar(value)
        elif depth > 0 and type_.full_name not in LEFT_EMPTY:
            part = getattr(message, field.name)
            inner = part.add() if field.is_repeated else part
            inner.SetInParent()
            filled(inner, depth - 1)
    return message


def scalar(field):
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    if field.cpp_type == field.CPPTYPE_STRING:
        return b"\xff" if field.type == field.TYPE_BYTES else "text"
    return {field.CPPTYPE_BOOL: True, field.CPPTYPE_DOUBLE: 1.5, field.CPPTYPE_FLOAT: 1.5}.get(field.cpp_type, 7)


class GooglePromises(unittest.TestCase):
    maxDiff = None

    def test_messages(self):
        """Protobuf: writes and reads every message of googleapis-common-protos as Weir does, byte for byte"""
        topic, client = weir.fresh_topic(), weir.client()
        about = SerializationContext(topic, MessageField.VALUE)
        messages, theirs = [], []
        for file, message_class in message_classes():
            conf = {"subject.name.strategy": lambda _context, record, file=file: f"{file}: {record}"}
            messages.append((conf, filled(message_class())))
            theirs.append(ProtobufSerializer(message_class, client, conf)(messages[-1][1], about))
            weir.produce_bytes(topic, theirs[-1])
        self.assertGreater(len(messages), 80)
        for record, (_, message), bytes_ in zip(weir.read(topic), messages, theirs, strict=True):
            json_ = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
            name = message.DESCRIPTOR.full_name
            self.assertEqual((record.get("error"), record["valueMessage"], record["value"]), (None, name, json_))
            id_ = int.from_bytes(bytes_[1:5], "big")
            self.assertEqual(weir.produce(topic, json_, valueSchemaId=id_, valueMessage=name), 200)
        ours = [bytes_ for bytes_, _ in weir.read_bytes(topic)][len(messages) :]
        self.assertEqual([bytes_.hex() for bytes_ in ours], [bytes_.hex() for bytes_ in theirs])
        for bytes_, (conf, message) in zip(ours, messages):
            self.assertEqual(ProtobufDeserializer(type(message), conf, client)(bytes_, about), message)
