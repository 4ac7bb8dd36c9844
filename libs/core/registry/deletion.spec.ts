import { describe, expect, it } from 'vitest';
import { decideBulkDeletion } from './bulk-deletion.js';
import { decideSubjectDeletion, type DeletionQuestion } from './deletion.js';
import type { SubjectState } from './model.js';
import { decideRestoration } from './restoring.js';
import type { Referrer } from './store.js';
import { parseSubject } from './subject-name.js';

const COUNT = 2_000;
const subject = parseSubject('popular');
const numbers = Array.from({ length: COUNT }, (_, i) => i + 1);

/** A subject of many versions, each of which many refer to, that counts how often its parts are looked at. */
function popular({ deleted = false } = {}) {
  const looks = { rows: 0, referrers: 0 };
  const versions = numbers.map((version) => ({
    get version() {
      looks.rows++;
      return version;
    },
    schemaId: version,
    guid: '',
    deleted,
    registeredAt: 0,
  }));
  const state: SubjectState = { subject, revision: 1, config: null, mode: null, registration: null, versions };
  const referrers = numbers.map((target): Referrer => ({
    get target() {
      looks.referrers++;
      return target;
    },
    context: '.',
    schemaId: COUNT + target,
    subject: parseSubject(`user${target}`),
    version: 1,
    deleted: true,
  }));
  const question: DeletionQuestion = { state, mode: 'READWRITE', permanent: false, referrers, associations: [] };
  return { looks, question };
}

describe('what is decided about many versions that many refer to', () => {
  // Ten looks at each of a few thousand are a millisecond; a look at each for each is a second in which nothing else happens.
  const few = 10 * COUNT;

  it('takes a few looks at each: deleting a subject', () => {
    const { looks, question } = popular();
    expect(decideSubjectDeletion(question).versions).toHaveLength(COUNT);
    expect(looks.rows + looks.referrers).toBeLessThan(few);
  });

  it('takes a few looks at each: deleting versions by number, with many others', () => {
    const { looks, question } = popular();
    const { state, mode, referrers, associations } = question;
    const { doomed } = decideBulkDeletion([{ state, mode, versions: numbers, referrers, associations }], false);
    expect(doomed[0]).toMatchObject({ blocks: [], kept: [] });
    expect(looks.rows + looks.referrers).toBeLessThan(few);
  });

  it('takes a few looks at each: restoring versions by number', async () => {
    const { looks, question } = popular({ deleted: true });
    const { state, mode } = question;
    const inside = { subject, version: 1, deleted: true };
    const restored = await decideRestoration({ state, mode, versions: numbers, references: async () => [inside] });
    expect(restored.versions).toHaveLength(COUNT);
    expect(looks.rows).toBeLessThan(few);
  });
});
