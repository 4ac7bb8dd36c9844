import { registration, schemaBody, times, type HostileCase, type HostileRequest } from './hostile-case.js';

/** More than one check compares with, and more than one statement of a store reads. */
const VERSIONS = 1_100;
/** More than one statement of a store reads. */
const REFERRERS = 600;

const level = (subject: string, compatibility: string): HostileRequest => ({
  method: 'PUT',
  path: `/config/${subject}`,
  body: () => JSON.stringify({ compatibility }),
});

const check = (subject: string, schema: () => string, headers?: Readonly<Record<string, string>>): HostileRequest => ({
  method: 'POST',
  path: '/v1/schemas:check',
  body: () => JSON.stringify({ subject, schema: schema() }),
  headers,
});

const get = (path: string): HostileRequest => ({ method: 'GET', path });

/** Says the same whatever the number: what is remembered of one is known of all. */
const alike = (i: number): string =>
  JSON.stringify({ type: 'record', name: 'A', doc: `${i}`, fields: [{ name: 'a', type: 'int' }] });

/** Can follow all of them, which only shows when it is compared with each. */
const DOUBTFUL = JSON.stringify({ type: 'record', name: 'A', fields: [{ name: 'a', type: 'long' }] });

/** Subjects with long histories, and with very much that refers to them. */
export const REGISTRY_HISTORY_CASES: readonly HostileCase[] = [
  {
    family: 'registry histories',
    name: 'known by digests, and compared in steps',
    outcome: 'answered',
    requests: [
      level('history-alike', 'NONE'),
      ...times(VERSIONS, (i) => registration('history-alike', () => alike(i), 'AVRO')),
      level('history-alike', 'BACKWARD_TRANSITIVE'),
      check('history-alike', () => alike(VERSIONS)),
      {
        method: 'POST',
        path: '/compatibility/subjects/history-alike/versions?verbose=true',
        body: () => schemaBody(alike(VERSIONS), 'AVRO'),
      },
      get('/subjects/history-alike/versions'),
      check('history-alike', () => DOUBTFUL, { prefer: 'respond-async, wait=50' }),
    ],
  },
  {
    family: 'registry histories',
    name: 'referred to by hundreds',
    outcome: 'refused',
    requests: [
      registration('history-base', () => '{"type":"record","name":"B","fields":[]}', 'AVRO'),
      ...times(REFERRERS, (i) =>
        registration(
          `history-referrer-${i}`,
          () => `{"type":"record","name":"R${i}","fields":[{"name":"b","type":"B"}]}`,
          'AVRO',
          { references: [{ name: 'B', subject: 'history-base', version: 1 }] },
        ),
      ),
      get('/subjects/history-base/versions/1/referencedby'),
      { method: 'DELETE', path: '/subjects/history-base' },
    ],
  },
];
