import { describe, expect, it } from 'vitest';
import { fingerprint } from './fingerprint.js';

const user = '{"type":"record","name":"User","fields":[{"name":"id","type":"int"}]}';
const order = '{"type":"record","name":"Order","fields":[{"name":"user","type":"User"}]}';

describe('the identity of a schema content', () => {
  it.each([
    ['a bare schema', { text: '"string"' }, '095d71cf-1255-6b9d-5e33-0ad575b3df5d'],
    ['a record', { text: user }, 'eb10cc9e-5668-6e61-abf9-17e7559a51fb'],
    [
      'metadata',
      { text: '"string"', metadata: { properties: { owner: 'team-a' } } },
      '9b9f0344-c519-7923-9fa9-d5301d664ca2',
    ],
    [
      'a reference',
      { text: order, references: [{ name: 'User', subject: 'user-value', version: 1 }] },
      '342cc3f7-222f-1f1c-6ecb-f679587101d4',
    ],
  ])('has the published value with %s', (_what, content, guid) => expect(fingerprint(content).guid).toBe(guid));

  it('does not depend on the order of maps and sets', () => {
    const one = { tags: { b: ['y', 'x'], a: ['z'] }, properties: { k: '1', a: '2' }, sensitive: ['q', 'p'] };
    const two = { sensitive: ['p', 'q'], properties: { a: '2', k: '1' }, tags: { a: ['z'], b: ['x', 'y'] } };
    expect(fingerprint({ text: 'x', metadata: one }).guid).toBe(fingerprint({ text: 'x', metadata: two }).guid);
  });

  it('depends on everything else', () => {
    const rule = { name: 'r', type: 'CEL', expr: 'true', tags: ['PII'], params: { a: 'b' } };
    const reference = { name: 'n', subject: 's', version: 1 };
    const guids = [
      { text: 'x' },
      { text: 'y' },
      { text: 'x', metadata: {} },
      { text: 'x', metadata: { properties: { a: '' } } },
      { text: 'x', ruleSet: { domainRules: [rule] } },
      { text: 'x', ruleSet: { domainRules: [{ ...rule, disabled: true }] } },
      { text: 'x', ruleSet: { domainRules: [rule], enableAt: 'ALL' } },
      { text: 'x', references: [reference] },
      { text: 'x', references: [{ ...reference, version: 2 }] },
      { text: 'x', references: [reference, { ...reference, name: 'm' }] },
      { text: 'x', references: [{ ...reference, name: 'm' }, reference] },
    ].map((content) => fingerprint(content).guid);
    expect(new Set(guids).size).toBe(guids.length);
  });

  it('treats `__proto__` as a name', () => {
    const metadata = JSON.parse('{"properties":{"__proto__":"a"}}') as { properties: Record<string, string> };
    expect(fingerprint({ text: 'x', metadata }).guid).not.toBe(fingerprint({ text: 'x', metadata: {} }).guid);
  });
});
