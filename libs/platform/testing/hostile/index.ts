import { AVRO_CASES } from './avro-cases.js';
import type { HostileCase } from './hostile-case.js';
import { JSON_CASES } from './json-cases.js';
import { MESSAGE_CASES } from './message-cases.js';
import { PROTOBUF_CASES } from './protobuf-cases.js';
import { RECORD_CASES } from './record-cases.js';
import { REGISTRY_CASES } from './registry-cases.js';

export { schemaBody, type HostileCase, type HostileRequest, type SchemaLanguage } from './hostile-case.js';

/** What people send who mean no good, and what careless programs send. Each case is independent of the others. */
export const HOSTILE_CASES: readonly HostileCase[] = [
  ...AVRO_CASES,
  ...JSON_CASES,
  ...PROTOBUF_CASES,
  ...REGISTRY_CASES,
  ...RECORD_CASES,
  ...MESSAGE_CASES,
];
