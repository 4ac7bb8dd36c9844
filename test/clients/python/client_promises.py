"""What the client's calls promise, kept by Weir."""

import unittest

import orders
import weir
from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    SchemaReference,
    SchemaRegistryError,
    ServerConfig,
)

ENCODED = "{}/with slash+ä %2F:value"
WIDER = orders.avro(orders.AVRO.replace('"long"}', '"long"}, {"name": "note", "type": "string", "default": ""}'))
OTHER = orders.avro(orders.AVRO.replace('"long"', '"string"'))


class ClientPromises(unittest.TestCase):
    def setUp(self):
        self.client = weir.client()
        self.subject = ENCODED.format(weir.fresh_name())

    def refused(self, status, code, call, *arguments, **named):
        with self.assertRaises(SchemaRegistryError) as caught:
            call(*arguments, **named)
        self.assertEqual((caught.exception.http_status_code, caught.exception.error_code), (status, code))
        self.assertIsInstance(caught.exception.error_message, str)
        return caught.exception

    def test_register(self):
        """registers, and answers the same id for the same schema"""
        first = self.client.register_schema_full_response(self.subject, orders.avro())
        self.assertEqual((first.version, first.subject), (1, self.subject))
        self.assertEqual(weir.client().register_schema(self.subject, orders.avro()), first.schema_id)
        spaced = orders.avro(orders.AVRO.replace(":", " : "))
        self.assertEqual(weir.client().register_schema(self.subject, spaced, normalize_schemas=True), first.schema_id)

    def test_get(self):
        """finds schemas by id, by GUID, by version, as the latest, and by their text"""
        id_ = self.client.register_schema(self.subject, orders.avro())
        latest = self.client.get_latest_version(self.subject)
        self.assertEqual((latest.schema_id, latest.version, latest.subject), (id_, 1, self.subject))
        self.assertEqual(weir.client().get_schema(id_).schema_str, orders.AVRO.replace(" ", ""))
        self.assertEqual(weir.client().get_schema(id_, self.subject).schema_type, "AVRO")
        by_guid = weir.client().get_schema_by_guid(latest.guid)
        self.assertEqual(by_guid.schema_str, latest.schema.schema_str)
        self.assertEqual(self.client.get_version(self.subject, 1).guid, latest.guid)
        self.assertEqual(self.client.get_version(self.subject, "latest").schema_id, id_)
        found = weir.client().lookup_schema(self.subject, orders.avro(), normalize_schemas=True)
        self.assertEqual((found.schema_id, found.version, found.guid), (id_, 1, latest.guid))
        self.assertIn(self.subject, self.client.get_subjects_by_schema_id(id_))
        self.assertIn((self.subject, 1), [(at.subject, at.version) for at in self.client.get_schema_versions(id_)])
        self.assertEqual(sorted(self.client.get_schema_types()), ["AVRO", "JSON", "PROTOBUF"])

    def test_lists(self):
        """lists subjects and versions, by prefix and by page"""
        for suffix in "abc":
            self.client.register_schema(f"{self.subject}{suffix}", orders.avro())
        named = [f"{self.subject}{suffix}" for suffix in "abc"]
        self.assertEqual(self.client.get_subjects(subject_prefix=self.subject), named)
        self.assertEqual(self.client.get_subjects(subject_prefix=self.subject, offset=1, limit=1), named[1:2])
        self.client.register_schema(named[0], WIDER)
        self.assertEqual(self.client.get_versions(named[0]), [1, 2])
        self.assertEqual(self.client.get_versions(named[0], offset=1, limit=1), [2])

    def test_metadata(self):
        """finds the latest version that has given metadata"""
        old = self.client.register_schema(self.subject, orders.avro(metadata=orders.of_stage("old")))
        new = self.client.register_schema(self.subject, orders.avro(WIDER.schema_str, metadata=orders.of_stage("new")))
        for stage, id_ in (("old", old), ("new", new)):
            self.assertEqual(self.client.get_latest_with_metadata(self.subject, {"stage": stage}).schema_id, id_)
        self.refused(404, 40403, self.client.get_latest_with_metadata, self.subject, {"stage": "none"})

    def test_compatibility(self):
        """says what is compatible, and refuses what is not"""
        self.client.register_schema(self.subject, orders.avro())
        self.assertTrue(self.client.test_compatibility(self.subject, WIDER))
        self.assertFalse(self.client.test_compatibility(self.subject, OTHER, version=1, verbose=True))
        self.assertFalse(self.client.test_compatibility_all_versions(self.subject, OTHER, normalize=True))
        error = self.refused(409, 40901, self.client.register_schema, self.subject, OTHER)
        self.assertIn("incompatible with an earlier schema", error.error_message)
        self.assertEqual(self.client.get_versions(self.subject), [1])

    def test_config(self):
        """sets, shows and removes the settings of a subject and of all"""
        self.refused(404, 40408, self.client.get_compatibility, self.subject)
        self.assertEqual(self.client.set_compatibility(self.subject, "full"), {"compatibility": "FULL"})
        self.assertEqual(self.client.get_compatibility(self.subject), "FULL")
        none = ConfigCompatibilityLevel.NONE
        defaults = orders.of_stage("default")
        config = ServerConfig(compatibility=none, compatibility_group="application", default_metadata=defaults)
        self.assertEqual(self.client.set_config(self.subject, config), config.to_dict())
        stored = self.client.get_config(self.subject)
        self.assertEqual((stored.compatibility_level, stored.compatibility_group), (none, "application"))
        self.assertEqual(stored.default_metadata.properties, defaults.properties)
        self.assertEqual(self.client.delete_config(self.subject).compatibility_level, none)
        self.refused(404, 40401, self.client.delete_config, self.subject)
        self.client.set_compatibility(level="FORWARD")
        self.assertEqual(self.client.get_config().compatibility_level, ConfigCompatibilityLevel.FORWARD)
        self.client.delete_config()
        self.assertEqual(self.client.get_compatibility(), "BACKWARD")
        self.refused(422, 42203, self.client.set_compatibility, self.subject, "sideways")

    def test_mode(self):
        """sets, shows and removes modes, and refuses to write what is read-only"""
        self.refused(404, 40409, self.client.get_mode, self.subject)
        self.assertEqual(self.client.update_mode(self.subject, "READONLY"), "READONLY")
        self.assertEqual(self.client.get_mode(self.subject), "READONLY")
        self.refused(422, 42205, self.client.register_schema, self.subject, orders.avro())
        self.assertEqual(self.client.delete_mode(self.subject), "READONLY")
        self.client.register_schema(self.subject, orders.avro())
        self.assertEqual(self.client.update_mode(self.subject, "IMPORT", force=True), "IMPORT")
        self.assertEqual(self.client.update_global_mode("READONLY"), "READONLY")
        self.assertEqual(self.client.get_global_mode(), "READONLY")
        self.assertEqual(self.client.update_global_mode("READWRITE", force=True), "READWRITE")
        self.refused(422, 42204, self.client.update_mode, self.subject, "BACKWARDS")

    def test_delete(self):
        """deletes softly and for good, in this order"""
        id_ = self.client.register_schema(self.subject, orders.avro())
        self.client.register_schema(self.subject, WIDER)
        self.refused(404, 40407, self.client.delete_version, self.subject, 1, permanent=True)
        self.assertEqual(self.client.delete_version(self.subject, 1), 1)
        self.refused(404, 40406, self.client.delete_version, self.subject, 1)
        self.refused(404, 40402, weir.client().get_version, self.subject, 1)
        self.assertEqual(weir.client().get_version(self.subject, 1, deleted=True).schema_id, id_)
        self.assertEqual(weir.client().get_schema(id_).schema_type, "AVRO")
        self.assertEqual(self.client.get_versions(self.subject), [2])
        self.assertEqual(self.client.get_versions(self.subject, deleted=True), [1, 2])
        self.assertEqual(self.client.delete_version(self.subject, 1, permanent=True), 1)
        self.refused(404, 40405, self.client.delete_subject, self.subject, permanent=True)
        self.assertEqual(self.client.delete_subject(self.subject), [2])
        self.refused(404, 40404, self.client.delete_subject, self.subject)
        self.assertNotIn(self.subject, self.client.get_subjects())
        self.assertIn(self.subject, self.client.get_subjects(deleted=True))
        self.assertEqual(self.client.delete_subject(self.subject, permanent=True), [2])
        self.assertNotIn(self.subject, self.client.get_subjects(deleted=True))
        self.refused(404, 40401, self.client.delete_subject, self.subject)

    def test_references(self):
        """resolves references, tells who refers, and protects what is referred to"""
        money = f"money of {self.subject}"
        schema = orders.avro('{"type": "record", "name": "Money", "fields": [{"name": "units", "type": "long"}]}')
        self.client.register_schema(money, schema)
        bill = orders.avro(
            '{"type": "record", "name": "Bill", "fields": [{"name": "total", "type": "Money"}]}',
            references=[SchemaReference("Money", money, 1)],
        )
        id_ = self.client.register_schema(self.subject, bill)
        self.assertEqual(self.client.get_referenced_by(money, 1), [id_])
        references = weir.client().get_schema(id_).references
        self.assertEqual([(r.name, r.subject, r.version) for r in references], [("Money", money, 1)])
        self.assertIn("units", weir.client().get_schema(id_, fmt="resolved").schema_str)
        self.refused(422, 42206, self.client.delete_version, money, 1)
        dangling = orders.avro(bill.schema_str, references=[SchemaReference("Money", "nowhere", 1)])
        self.refused(422, 42201, self.client.register_schema, self.subject, dangling)

    def test_contexts(self):
        """keeps contexts apart, by qualified names and by a base URL"""
        name = weir.fresh_name()
        inside = weir.client(f"/contexts/.{name}")
        first = inside.register_schema("orders-value", orders.avro())
        self.assertEqual(first, 1)
        qualified = f":.{name}:orders-value"
        self.assertEqual(self.client.get_latest_version(qualified).schema_id, 1)
        self.assertEqual(inside.get_subjects(), [qualified])
        self.assertIn(f".{name}", self.client.get_contexts())
        self.refused(404, 40401, weir.client("/contexts/.empty").get_latest_version, "orders-value")

    def test_associations(self):
        """ties a topic to a subject, tells so, and lets go"""
        topic = weir.fresh_name()
        self.client.register_schema(self.subject, orders.avro())
        created = self.client.create_association(weir.association(topic, self.subject))
        self.assertEqual([at.subject for at in created.associations], [self.subject])
        find = lambda: self.client.get_associations_by_resource_name(topic, "lkc-1", "topic", ["value"])
        self.assertEqual([(at.subject, at.association_type) for at in find()], [(self.subject, "value")])
        self.client.delete_associations(f"id of {topic}", "topic", ["value"])
        self.assertEqual(find(), [])

    def test_errors(self):
        """raises errors with the status and the code of the contract"""
        self.refused(404, 40401, self.client.get_latest_version, "nowhere")
        self.refused(404, 40403, self.client.get_schema, 2**30)
        self.refused(404, 40403, self.client.get_schema_by_guid, "00000000-0000-0000-0000-000000000000")
        self.client.register_schema(self.subject, orders.avro())
        self.refused(404, 40402, self.client.get_version, self.subject, 9)
        self.refused(422, 42202, self.client.get_version, self.subject, 0)
        self.refused(404, 40403, self.client.lookup_schema, self.subject, WIDER)
        self.refused(422, 42201, self.client.register_schema, self.subject, orders.avro('{"type": "nonsense"}'))

    def test_tokens(self):
        """takes a token as password: who may only read is refused what is new and answered what is known"""
        id_ = self.client.register_schema(self.subject, orders.avro())
        viewer = weir.client(token=weir.VIEWER_TOKEN)
        self.assertEqual(viewer.register_schema(self.subject, orders.avro()), id_)
        with self.assertRaises(SchemaRegistryError) as caught:
            viewer.register_schema(self.subject, WIDER)
        self.assertEqual(caught.exception.http_status_code, 403)
        with self.assertRaises(SchemaRegistryError) as caught:
            weir.client(token="wrong").get_subjects()
        self.assertEqual(caught.exception.http_status_code, 401)
