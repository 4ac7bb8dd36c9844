import { createHash } from 'node:crypto';
import { EARLIER, times, type HostileCase, type HostileRequest } from './hostile-case.js';

/** Characters of a schema text, as many as one may have. */
const TEXT = 1_048_000;
const UPLOADS = '/v1/registry-imports/uploads';

const json = (path: string, body: (earlier: string) => object): HostileRequest => ({
  method: 'POST',
  path,
  body: (earlier) => JSON.stringify(body(earlier)),
});

const upload = (body: () => string): HostileRequest => ({
  method: 'POST',
  path: UPLOADS,
  type: 'application/x-ndjson',
  body,
});

/** A registry as a file, of versions with these members more. */
function file(name: string, members: readonly object[]): string {
  const head = { format: 'weir-registry', version: 1, counts: { version: members.length } };
  const lines = [
    head,
    ...members.map((more, i) => ({
      kind: 'version',
      subject: `hostile-moved-${name}-${i}`,
      version: 1,
      id: 1_000_000 + i,
      schemaType: 'JSON',
      schema: `{"title":"${name} ${i}"}`,
      ...more,
    })),
  ].map((line) => `${JSON.stringify(line)}\n`);
  const sha256 = createHash('sha256').update(lines.join('')).digest('hex');
  return `${lines.join('')}${JSON.stringify({ kind: 'end', lines: lines.length, sha256 })}\n`;
}

const described = (text: string) => ({ schema: `{"description":"${text}"}` });

/** A registry that is posted and looked over by a plan; then it is forgotten, since few are kept. */
const planned = (name: string, members: () => readonly object[]): HostileCase => ({
  family: 'moving',
  name,
  outcome: 'answered',
  requests: [
    upload(() => file(name.replaceAll(' ', '-'), members())),
    json('/v1/registry-imports/plans', (id) => ({ source: { upload: id }, unreadable: 'keep', conflicts: 'skip' })),
    { method: 'DELETE', path: `${UPLOADS}/${EARLIER}` },
  ],
});

const refused = (name: string, body: () => string): HostileCase => ({
  family: 'moving',
  name,
  outcome: 'refused',
  requests: [upload(body)],
});

/** Registries on their way in: lines as long as they may be, one after another. */
export const MOVING_CASES: readonly HostileCase[] = [
  planned('quotes', () => times(4, () => described('\\"'.repeat(TEXT / 2)))),
  planned('control characters', () => times(4, () => described('\u0001'.repeat(TEXT)))),
  planned('wide characters', () => times(4, () => described('\u20ac'.repeat(TEXT)))),
  planned('rules', () =>
    times(4, () => ({
      ruleSet: {
        domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: '"\u0001'.repeat(TEXT / 2) }],
      },
    })),
  ),
  planned('versions that refer to each other in a row', () =>
    times(2_000, (i) => ({
      references:
        i === 0
          ? []
          : [{ name: 'r', subject: `hostile-moved-versions-that-refer-to-each-other-in-a-row-${i - 1}`, version: 1 }],
    })),
  ),
  planned('texts that are too long', () => times(4, () => described('x'.repeat(2 * TEXT)))),
  refused('a line that is too long', () => `{"kind":"${'x'.repeat(11_000_000)}"}`),
  refused('a line of brackets', () => '['.repeat(9_000_000)),
  refused('a line of values', () => `[${'1,'.repeat(4_000_000)}1]`),
  refused(
    'an object in a text in a text',
    () => `{"key":${JSON.stringify(JSON.stringify(JSON.stringify('"'.repeat(500_000))))}}`,
  ),
  refused('base64 of nothing', () => `{"key":"${'A'.repeat(9_000_000)}"}`),
];
