// Written by `npm run migrations:sqlite`; add a migration instead.

/** The names of all migrations, oldest first. */
export const MIGRATION_NAMES: readonly string[] = [
  'Registry1764100000001',
  'Operations1764100000002',
  'TopicNamesAndDerivations1764100000004',
  'Views1764100000005',
  'RegistryFeedAndPlans1764100000010',
];

/** What makes a new SQLite file what all migrations would make it, without them: one statement each, in order. */
export const SQLITE_SCHEMA: readonly string[] = [
  'CREATE TABLE "migrations" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "timestamp" bigint NOT NULL, "name" varchar NOT NULL)',
  'CREATE TABLE "registry_state" ("id" integer PRIMARY KEY NOT NULL, "revision" bigint NOT NULL, CONSTRAINT "ck_registry_state_single" CHECK (id = 1))',
  'CREATE TABLE "registry_contexts" ("name" text PRIMARY KEY NOT NULL, "last_id" integer NOT NULL, "present" integer NOT NULL)',
  'CREATE TABLE "registry_schemas" ("context" text NOT NULL, "id" integer NOT NULL, "guid" text NOT NULL, "identity" text, "schema_type" text NOT NULL, "text" text NOT NULL, "schema_references" text, "metadata" text, "rule_set" text, "purged" integer NOT NULL, CONSTRAINT "uq_registry_schemas_identity" UNIQUE ("context", "identity"), PRIMARY KEY ("context", "id"))',
  'CREATE INDEX "ix_registry_schemas_guid" ON "registry_schemas" ("guid") ',
  'CREATE TABLE "registry_subjects" ("context" text NOT NULL, "name" text NOT NULL, "revision" bigint NOT NULL, "config" text, "mode" text, registration text, PRIMARY KEY ("context", "name"))',
  'CREATE INDEX "ix_registry_subjects_name" ON "registry_subjects" ("name") ',
  'CREATE TABLE "registry_versions" ("context" text NOT NULL, "subject" text NOT NULL, "version" integer NOT NULL, "schema_id" integer NOT NULL, "deleted" integer NOT NULL, "registered_at" bigint NOT NULL, "revision" bigint NOT NULL, CONSTRAINT "fk_registry_versions_schema" FOREIGN KEY ("context", "schema_id") REFERENCES "registry_schemas" ("context", "id"), PRIMARY KEY ("context", "subject", "version"))',
  'CREATE INDEX "ix_registry_versions_schema" ON "registry_versions" ("context", "schema_id") ',
  'CREATE TABLE "registry_references" ("context" text NOT NULL, "schema_id" integer NOT NULL, "ordinal" integer NOT NULL, "target_context" text NOT NULL, "target_subject" text NOT NULL, "target_version" integer NOT NULL, PRIMARY KEY ("context", "schema_id", "ordinal"))',
  'CREATE INDEX "ix_registry_references_target" ON "registry_references" ("target_context", "target_subject", "target_version") ',
  'CREATE TABLE "registry_changes" ("revision" bigint NOT NULL, "ordinal" integer NOT NULL, "at" bigint NOT NULL, "kind" text NOT NULL, "context" text NOT NULL, "subject" text NOT NULL, "version" integer, "schema_id" integer, value text, PRIMARY KEY ("revision", "ordinal"))',
  'CREATE TABLE "operation_plans" ("hash" text PRIMARY KEY NOT NULL, "document" text NOT NULL, "created_at" bigint NOT NULL)',
  'CREATE TABLE "operations" ("id" text PRIMARY KEY NOT NULL, "kind" text NOT NULL, "subject" text NOT NULL, "plan_hash" text NOT NULL, "phase" text NOT NULL, "hold" text, "revision" bigint NOT NULL, "epoch" bigint NOT NULL, "ended_at" bigint, "document" text NOT NULL, "progress" text, CONSTRAINT "ck_operations_revision" CHECK (revision >= 1 and epoch >= 0))',
  'CREATE UNIQUE INDEX "uq_operations_live_subject" ON "operations" ("subject") WHERE ended_at is null',
  'CREATE INDEX "ix_operations_plan_hash" ON "operations" ("plan_hash") ',
  'CREATE INDEX "ix_operations_kind" ON "operations" ("kind", "id") ',
  'CREATE TABLE "operation_events" ("operation_id" text NOT NULL, "sequence" bigint NOT NULL, "at" bigint NOT NULL, "type" text NOT NULL, "data" text NOT NULL, CONSTRAINT "ck_operation_events_from_one" CHECK (sequence >= 1), PRIMARY KEY ("operation_id", "sequence"))',
  'CREATE TABLE "operation_start_keys" ("start_key" text PRIMARY KEY NOT NULL, "request_hash" text NOT NULL, "operation_id" text NOT NULL, "used_at" bigint NOT NULL)',
  'CREATE INDEX "ix_operation_start_keys_used_at" ON "operation_start_keys" ("used_at") ',
  'CREATE TABLE "leases" ("name" text PRIMARY KEY NOT NULL, "owner" text NOT NULL, "epoch" bigint NOT NULL, "expires_at" bigint NOT NULL)',
  'CREATE TABLE "topic_names" ("log_id" text NOT NULL, "logical" text NOT NULL, "generation" bigint NOT NULL, "revision" bigint NOT NULL, "opened_from" bigint NOT NULL, "opens_at" text NOT NULL, "closed_at" text NOT NULL, "key_expression" text, CONSTRAINT "ck_topic_names_from_one" CHECK (generation >= 1 and revision >= 1), PRIMARY KEY ("log_id", "logical"))',
  'CREATE TABLE "derivations" ("log_id" text NOT NULL, "name" text NOT NULL, "id" text NOT NULL, "definition" text NOT NULL, "state" text NOT NULL, "revision" bigint NOT NULL, CONSTRAINT "uq_derivations_id" UNIQUE ("log_id", "id"), CONSTRAINT "ck_derivations_state" CHECK (state in (\'RUNNING\', \'PAUSED\', \'DELETING\')), PRIMARY KEY ("log_id", "name"))',
  'CREATE TABLE "views" ("name" text PRIMARY KEY NOT NULL, "id" text NOT NULL, "log_id" text NOT NULL, "cluster" text NOT NULL, "version" bigint NOT NULL, "declaration" text NOT NULL, "types" text NOT NULL, "state" text NOT NULL, "created_at" bigint NOT NULL, CONSTRAINT "uq_views_id" UNIQUE ("id"), CONSTRAINT "ck_views_state" CHECK (state in (\'RUNNING\', \'PAUSED\', \'DELETING\')))',
  'CREATE TABLE "registry_plans" ("hash" text PRIMARY KEY NOT NULL, "principal" text NOT NULL, "idempotency_key" text, "applied_at" bigint NOT NULL, "revision" bigint NOT NULL, "ids" text NOT NULL, "outcome" text NOT NULL, CONSTRAINT "uq_registry_plans_key" UNIQUE ("principal", "idempotency_key"))',
  'CREATE INDEX "ix_registry_plans_applied" ON "registry_plans" ("applied_at") ',
  'INSERT INTO "migrations" ("id", "timestamp", "name") VALUES (1, 1764100000001, \'Registry1764100000001\')',
  'INSERT INTO "migrations" ("id", "timestamp", "name") VALUES (2, 1764100000002, \'Operations1764100000002\')',
  'INSERT INTO "migrations" ("id", "timestamp", "name") VALUES (3, 1764100000004, \'TopicNamesAndDerivations1764100000004\')',
  'INSERT INTO "migrations" ("id", "timestamp", "name") VALUES (4, 1764100000005, \'Views1764100000005\')',
  'INSERT INTO "migrations" ("id", "timestamp", "name") VALUES (5, 1764100000010, \'RegistryFeedAndPlans1764100000010\')',
  'INSERT INTO "registry_state" ("id", "revision") VALUES (1, 0)',
];
