import { ADMINISTRATION_CASES } from './administration-cases.js';
import { AVRO_CASES } from './avro-cases.js';
import { BATCH_CASES } from './batch-cases.js';
import { GROUP_CASES } from './group-cases.js';
import { EARLIER, type HostileCase, type HostileRequest } from './hostile-case.js';
import { JSON_CASES } from './json-cases.js';
import { LINE_CASES, LINE_REFUSALS } from './line-cases.js';
import { MESSAGE_CASES } from './message-cases.js';
import { MOVING_CASES } from './moving-cases.js';
import { PROTOBUF_CASES } from './protobuf-cases.js';
import { READING_CASES } from './reading-cases.js';
import { RECORD_CASES } from './record-cases.js';
import { REGISTRY_CASES } from './registry-cases.js';
import { REGISTRY_HISTORY_CASES } from './registry-history-cases.js';
import { CLUSTER, REST_PROXY_CASES } from './rest-proxy-cases.js';

export { headersOf, schemaBody, type HostileCase, type HostileRequest, type SchemaLanguage } from './hostile-case.js';

/** What people send who mean no good, and what careless programs send. Each case is independent of the others. */
export const HOSTILE_CASES: readonly HostileCase[] = [
  ...AVRO_CASES,
  ...JSON_CASES,
  ...PROTOBUF_CASES,
  ...REGISTRY_CASES,
  ...REGISTRY_HISTORY_CASES,
  ...MOVING_CASES,
  ...RECORD_CASES,
  ...MESSAGE_CASES,
  ...LINE_CASES,
  ...LINE_REFUSALS,
  ...BATCH_CASES,
  ...READING_CASES,
  ...GROUP_CASES,
  ...REST_PROXY_CASES,
  ...ADMINISTRATION_CASES,
];

/** The path of a request at a service whose default cluster has this id in the REST Proxy's API. @param earlier see {@link idIn} */
export function pathAt(clusterId: string, { path }: HostileRequest, earlier: string): string {
  return path.replace(CLUSTER, clusterId).replace(EARLIER, encodeURIComponent(earlier));
}

/** The id that an answer tells; empty where it tells none. */
export function idIn(answer: string): string {
  const [, id] = /^\{"id":"([^"]{1,100})"/.exec(answer) ?? [];
  return id ?? '';
}

/** @param url of the service. @returns the id of its default cluster in the REST Proxy's API. */
export async function clusterIdOf(url: string): Promise<string> {
  const { data } = (await (await fetch(`${url}/v3/clusters`)).json()) as { data: readonly { cluster_id: string }[] };
  return data[0]!.cluster_id;
}
