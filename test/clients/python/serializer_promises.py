"""What the serializers and deserializers promise, kept by Weir: its registry, its log, its own encoding and decoding."""

import unittest

import kinds
import orders
import weir
from confluent_kafka.schema_registry import (
    SchemaReference,
    SchemaRegistryError,
    header_schema_id_serializer,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from google.protobuf.message import DecodeError

LATEST = {"auto.register.schemas": False, "use.latest.version": True}


# Four bytes are too few for this client, when the schema is named in a header: hence the length of the id.
ID = "order 1"


def about(topic, headers=None, field=MessageField.VALUE):
    """What the client tells its serializers of a value, or of a key."""
    return SerializationContext(topic, field, headers)


class Promises:
    """The same promises in each schema language."""

    language: str
    maxDiff = None
    value = {"id": ID, "cents": 5}
    shown = {"id": ID, "cents": 5}
    given = {"id": ID, "cents": 5}
    misfit = {"id": ID, "cents": "five"}
    of_message = {}

    def shortDescription(self):
        return f"{self.language}: {super().shortDescription()}"

    def read(self, topic, bytes_, headers=None, conf=None):
        return self.deserializer(weir.client(), conf or {})(bytes_, about(topic, headers))

    def test_both_ways(self):
        """writes what Weir reads, and reads what Weir writes, byte for byte"""
        topic = weir.fresh_topic()
        theirs = self.serializer(weir.client(), {})(self.value, about(topic))
        weir.produce_bytes(topic, theirs)
        record = weir.read(topic)[0]
        self.assertEqual((record["value"], record["valueFormat"]), (self.shown, "schema"))
        self.assertEqual(weir.produce(topic, self.given, **self.of_message), 200)
        ours, _ = weir.read_bytes(topic)[1]
        self.assertEqual(ours.hex(), theirs.hex())
        self.assertEqual(self.read(topic, ours), self.value)

    def test_header(self):
        """does the same with the schema named by GUID in a header"""
        topic, headers = weir.fresh_topic(), {}
        serializer = self.serializer(weir.client(), {"schema.id.serializer": header_schema_id_serializer})
        bare = serializer(self.value, about(topic, headers))
        self.assertEqual(list(headers), ["__value_schema_id"])
        weir.produce_bytes(topic, bare, headers)
        self.assertEqual(weir.read(topic)[0]["value"], self.shown)
        self.assertEqual(weir.produce(topic, self.given, schemaIn="header", **self.of_message), 200)
        ours, header = weir.read_bytes(topic)[1]
        self.assertEqual((ours.hex(), header), (bare.hex(), headers))
        self.assertEqual(self.read(topic, ours, header), self.value)

    def test_keys(self):
        """writes keys that Weir reads, with the id in front and with the GUID in a header"""
        topic, headers = weir.fresh_topic(), {}
        for conf in ({}, {"schema.id.serializer": header_schema_id_serializer}):
            key = self.serializer(weir.client(), conf)(self.value, about(topic, headers, MessageField.KEY))
            weir.produce_bytes(topic, b"", headers, key)
        self.assertEqual(list(headers), ["__key_schema_id"])
        self.assertEqual(weir.client().get_versions(f"{topic}-key"), [1])
        for record in weir.read(topic):
            self.assertEqual((record["key"], record["keyFormat"]), (self.shown, "schema"))

    def test_latest(self):
        """goes on with the latest version, reads what is older, and is refused an incompatible one"""
        topic = weir.fresh_topic()
        subject = f"{topic}-value"
        before = self.serializer(weir.client(), {})(self.value, about(topic))
        id_ = weir.client().register_schema(subject, self.compatible)
        after = self.serializer(weir.client(), LATEST)(self.value, about(topic))
        self.assertEqual(int.from_bytes(after[1:5], "big"), id_)
        for bytes_ in (before, after):
            weir.produce_bytes(topic, bytes_)
            self.assertEqual(self.read(topic, bytes_), self.value)
        self.assertEqual(weir.read(topic)[0]["value"], self.shown)
        self.assertNotIn("error", weir.read(topic)[1])
        with self.assertRaises(SchemaRegistryError) as caught:
            weir.client().register_schema(subject, self.incompatible)
        self.assertEqual((caught.exception.http_status_code, caught.exception.error_code), (409, 40901))

    def test_unregistered(self):
        """fails where its schema is unknown and it may not register, and finds it once it is known"""
        topic = weir.fresh_topic()
        with self.assertRaises(SchemaRegistryError) as caught:
            self.serializer(weir.client(), {"auto.register.schemas": False})(self.value, about(topic))
        self.assertEqual(caught.exception.http_status_code, 404)
        self.serializer(weir.client(), {})(self.value, about(topic))
        self.serializer(weir.client(), {"auto.register.schemas": False})(self.value, about(topic))

    def test_names(self):
        """finds subjects whatever their names"""
        topic = weir.fresh_topic()
        subject = f"{topic}/with slash+ä %2F:value"
        conf = {"subject.name.strategy": lambda _context, _record: subject}
        bytes_ = self.serializer(weir.client(), conf)(self.value, about(topic))
        self.assertEqual(weir.client().get_latest_version(subject).schema_id, int.from_bytes(bytes_[1:5], "big"))
        self.assertEqual(self.read(topic, bytes_, conf=conf), self.value)

    def test_context(self):
        """lives in the context that the base URL names"""
        topic = weir.fresh_topic()
        inside = f"/contexts/.{topic}"
        bytes_ = self.serializer(weir.client(inside), {})(self.value, about(topic))
        self.assertEqual(self.deserializer(weir.client(inside), {})(bytes_, about(topic)), self.value)
        self.assertEqual(weir.client().get_latest_version(f":.{topic}:{topic}-value").version, 1)

    def test_misfit(self):
        """and Weir both refuse a value that the schema does not allow"""
        topic = weir.fresh_topic()
        serializer = self.serializer(weir.client(), {})
        serializer(self.value, about(topic))
        with self.assertRaises((SerializationError, ValueError, TypeError)):
            serializer(self.misfit, about(topic))
        self.assertEqual(weir.produce(topic, self.misfit, **self.of_message), 422)
        self.assertEqual(weir.read(topic), [])

    def test_damage(self):
        """and Weir both refuse bytes that are cut short or name no schema"""
        topic = weir.fresh_topic()
        whole = self.serializer(weir.client(), {})(self.value, about(topic))
        for damaged in (whole[:-1], whole[:1] + b"\x40\0\0\0" + whole[5:]):
            weir.produce_bytes(topic, damaged)
            self.assertIn("error", weir.read(topic)[-1])
            with self.assertRaises((SerializationError, SchemaRegistryError, DecodeError, ValueError, EOFError)):
                self.read(topic, damaged)


class AvroPromises(Promises, unittest.TestCase):
    language = "Avro"
    compatible = orders.avro(
        orders.AVRO.replace('"long"}', '"long"}, {"name": "note", "type": "string", "default": ""}')
    )
    incompatible = orders.avro(orders.AVRO.replace('"long"', '"string"'))

    def serializer(self, client, conf):
        latest = conf.get("use.latest.version", False)
        return AvroSerializer(client, None if latest else orders.avro(), conf=conf)

    def deserializer(self, client, conf):
        return AvroDeserializer(client, orders.avro(), conf=conf)

    def test_references(self):
        """follows references, also to what has been deleted since"""
        topic, money = weir.fresh_topic(), weir.fresh_name()
        client = weir.client()
        money_text = '{"type": "record", "name": "Money", "fields": [{"name": "units", "type": "long"}]}'
        client.register_schema(money, orders.avro(money_text))
        bill = orders.avro(
            '{"type": "record", "name": "Bill", "fields": [{"name": "total", "type": "Money"}]}',
            references=[SchemaReference("Money", money, 1)],
        )
        bytes_ = AvroSerializer(client, bill)({"total": {"units": 7}}, about(topic))
        weir.produce_bytes(topic, bytes_)
        self.assertEqual(weir.read(topic)[0]["value"], {"total": {"units": 7}})
        for subject in (f"{topic}-value", money):
            client.delete_subject(subject)
        self.assertEqual(AvroDeserializer(weir.client())(bytes_, about(topic)), {"total": {"units": 7}})

    def test_kinds(self):
        """writes and reads values of every kind as Weir does, byte for byte"""
        topic = weir.fresh_topic()
        theirs = AvroSerializer(weir.client(), kinds.AVRO)(kinds.AVRO_VALUE, about(topic))
        weir.produce_bytes(topic, theirs)
        self.assertEqual(weir.read(topic)[0]["value"], kinds.AVRO_SHOWN)
        self.assertEqual(weir.produce(topic, kinds.AVRO_SHOWN), 200)
        ours, _ = weir.read_bytes(topic)[1]
        self.assertEqual(ours.hex(), theirs.hex())
        self.assertEqual(AvroDeserializer(weir.client())(ours, about(topic)), kinds.AVRO_READ)

    def test_metadata(self):
        """chooses a version by its metadata, and reads older data with the latest"""
        topic = weir.fresh_topic()
        client = weir.client()
        stages = [(orders.AVRO, "old"), (self.compatible.schema_str, "new")]
        ids = [
            client.register_schema(f"{topic}-value", orders.avro(text, metadata=orders.of_stage(stage)))
            for text, stage in stages
        ]
        conf = {"auto.register.schemas": False, "use.latest.with.metadata": {"stage": "old"}}
        bytes_ = AvroSerializer(weir.client(), None, conf=conf)(self.value, about(topic))
        self.assertEqual(int.from_bytes(bytes_[1:5], "big"), ids[0])
        reader = AvroDeserializer(weir.client(), conf={"use.latest.version": True})
        self.assertEqual(reader(bytes_, about(topic)), {**self.value, "note": ""})

    def test_strategies(self):
        """names subjects by record, and by topic and record"""
        topic = weir.fresh_topic()
        for strategy, subject in (
            (record_subject_name_strategy, "shop.Order"),
            (topic_record_subject_name_strategy, f"{topic}-shop.Order"),
        ):
            bytes_ = self.serializer(weir.client(), {"subject.name.strategy": strategy})(self.value, about(topic))
            self.assertEqual(weir.client().get_latest_version(subject).schema_id, int.from_bytes(bytes_[1:5], "big"))

    def test_association(self):
        """takes the subject that is associated with the topic"""
        topic = weir.fresh_topic()
        subject = f"orders of {topic}"
        weir.client().register_schema(subject, orders.avro())
        weir.client().create_association(weir.association(topic, subject))
        self.serializer(weir.client(), LATEST)(self.value, about(topic))
        with self.assertRaises(SchemaRegistryError):
            weir.client().get_latest_version(f"{topic}-value")


class JsonPromises(Promises, unittest.TestCase):
    language = "JSON Schema"
    compatible = orders.json_schema(orders.JSON.replace('"integer"', '"number"'))
    incompatible = orders.json_schema(orders.JSON.replace('"integer"', '"string"'))

    def serializer(self, client, conf):
        return JSONSerializer(orders.json_schema(), client, conf=conf)

    def deserializer(self, client, conf):
        return JSONDeserializer(orders.json_schema(), schema_registry_client=client, conf=conf)

    def test_references(self):
        """follows references, and refuses what the schema referred to forbids"""
        topic, positive = weir.fresh_topic(), weir.fresh_name()
        client = weir.client()
        client.register_schema(positive, orders.json_schema('{"type": "integer", "minimum": 1}'))
        schema = orders.json_schema(
            '{"type": "object", "title": "Count", "properties": {"n": {"$ref": "positive.json"}}}',
            references=[SchemaReference("positive.json", positive, 1)],
        )
        serializer = JSONSerializer(schema, client)
        weir.produce_bytes(topic, serializer({"n": 1}, about(topic)))
        self.assertEqual(weir.read(topic)[0]["value"], {"n": 1})
        with self.assertRaises(SerializationError):
            serializer({"n": 0}, about(topic))
        self.assertEqual(weir.produce(topic, {"n": 0}), 422)

    def test_kinds(self):
        """writes and reads values of every kind as Weir does, byte for byte"""
        topic = weir.fresh_topic()
        theirs = JSONSerializer(kinds.JSON, weir.client())(kinds.JSON_VALUE, about(topic))
        weir.produce_bytes(topic, theirs)
        self.assertEqual(weir.read(topic)[0]["value"], kinds.JSON_SHOWN)
        self.assertEqual(weir.produce(topic, kinds.JSON_VALUE), 200)
        ours, _ = weir.read_bytes(topic)[1]
        self.assertEqual(ours.hex(), theirs.hex())
        reader = JSONDeserializer(kinds.JSON, schema_registry_client=weir.client())
        self.assertEqual(reader(ours, about(topic)), kinds.JSON_VALUE)
        for part in ({"int": 1}, {"big": 2**69 - 1}, {"list": [[], {}, ["a"]]}, {"more": 1}, {"text": "a"}):
            misfit = {**kinds.JSON_VALUE, **part}
            with self.assertRaises(SerializationError):
                JSONSerializer(kinds.JSON, weir.client())(misfit, about(topic))
            self.assertEqual(weir.produce(topic, misfit), 422)


class ProtobufPromises(Promises, unittest.TestCase):
    language = "Protobuf"
    value = orders.ProtobufOrder(id=ID, total={"units": 5}, placed_at={"seconds": 1})
    shown = {"id": ID, "total": {"units": "5"}, "placedAt": "1970-01-01T00:00:01Z"}
    given = {"id": ID, "total": {"units": 5}, "placedAt": "1970-01-01T00:00:01Z"}
    misfit = {"id": 1}
    of_message = {"valueMessage": "shop.Order"}
    compatible = orders.protobuf(
        "string id = 1; Money total = 2; google.protobuf.Timestamp placed_at = 3; string note = 4;"
    )
    incompatible = orders.protobuf("int32 id = 1; Money total = 2; google.protobuf.Timestamp placed_at = 3;")

    def serializer(self, client, conf):
        return ProtobufSerializer(orders.ProtobufOrder, client, conf)

    def deserializer(self, client, conf):
        return ProtobufDeserializer(orders.ProtobufOrder, conf, client)

    def test_imports(self):
        """registers the files that a file imports, under names with slashes"""
        topic = weir.fresh_topic()
        self.serializer(weir.client(), {})(self.value, about(topic))
        latest = weir.client().get_latest_version(f"{topic}-value")
        references = [(at.name, at.subject, at.version) for at in latest.schema.references]
        self.assertEqual(references, [("shop/money.proto", "shop/money.proto", 1)])
        serialized = weir.client().get_schema(latest.schema_id, fmt="serialized").schema_str
        self.assertNotIn("syntax", serialized)

    def test_nested(self):
        """writes nested messages of a file"""
        topic = weir.fresh_topic()
        bytes_ = ProtobufSerializer(orders.ProtobufLine, weir.client())(orders.ProtobufLine(count=3), about(topic))
        self.assertEqual(bytes_[5:8].hex(), "040200")
        weir.produce_bytes(topic, bytes_)
        record = weir.read(topic)[0]
        self.assertEqual((record["valueMessage"], record["value"]), ("shop.Order.Line", {"count": 3}))

    def test_kinds(self):
        """writes and reads fields of every kind as Weir does, byte for byte, in proto2, proto3 and editions"""
        for syntax in ("proto2", "proto3", "editions"):
            message_class, message, json_ = kinds.protobuf(syntax)
            topic = weir.fresh_topic()
            theirs = ProtobufSerializer(message_class, weir.client())(message, about(topic))
            weir.produce_bytes(topic, theirs)
            record = weir.read(topic)[0]
            self.assertEqual((record.get("error"), record["value"]), (None, json_))
            self.assertEqual(weir.produce(topic, json_), 200)
            ours, _ = weir.read_bytes(topic)[1]
            self.assertEqual(ours.hex(), theirs.hex())
            self.assertEqual(ProtobufDeserializer(message_class, {}, weir.client())(ours, about(topic)), message)
