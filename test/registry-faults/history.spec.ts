import { describe, expect, it } from 'vitest';
import { RegistryHistory, type IdRead, type Listing, type Registration } from './history.js';

const registered = (change: Partial<Registration> = {}): Registration => ({
  subject: 's',
  schema: 'A',
  id: 1,
  version: 1,
  askedAt: 1,
  answeredAt: 2,
  ...change,
});
const listing = (versions: Listing['versions'], instance = 'x'): Listing => ({ instance, subject: 's', versions });
const A = { version: 1, id: 1, schema: 'A' };
const B = { version: 2, id: 2, schema: 'B' };

function judge(
  registrations: readonly Registration[],
  reads: readonly IdRead[] = [],
  listings: readonly Listing[] = [],
): string[] {
  const history = new RegistryHistory();
  for (const one of registrations) history.registered(one);
  for (const one of reads) history.read(one);
  for (const one of listings) history.listed(one);
  return history.contradictions();
}

describe('the checker of registry histories', () => {
  const second = registered({ schema: 'B', id: 2, version: 2, askedAt: 3, answeredAt: 4 });

  it('has nothing to say about a good history', () => {
    const elsewhere = registered({ subject: 't', askedAt: 5, answeredAt: 6 });
    const reads = [
      { id: 1, schema: 'A', askedAt: 3 },
      { id: 2, schema: null, askedAt: 3 },
    ];
    expect(judge([registered(), second, elsewhere], reads, [listing([A, B]), listing([A, B], 'y')])).toEqual([]);
  });

  it.each<[string, Parameters<typeof judge>]>([
    ['one id for two schemas', [[registered(), { ...second, id: 1 }]]],
    ['two ids for one schema', [[registered(), registered({ subject: 't', id: 2 })]]],
    ['one version for two schemas', [[registered(), { ...second, version: 1 }]]],
    ['two versions for one schema', [[registered(), registered({ version: 2 })]]],
    ['an id lower than one answered before it was asked for', [[registered({ id: 5 }), second]]],
    ['an acknowledged id that another instance does not know', [[registered()], [{ id: 1, schema: null, askedAt: 3 }]]],
    ['an id that gives another schema', [[registered()], [{ id: 1, schema: 'Z', askedAt: 3 }]]],
    ['an acknowledged version that is gone', [[registered(), second], [], [listing([A])]]],
    ['a gap in the versions', [[registered()], [], [listing([A, { ...B, version: 3 }])]]],
    ['instances that list differently', [[registered()], [], [listing([A, B]), listing([A], 'y')]]],
  ])('negative control: finds %s', (_what, history) => {
    expect(judge(...history)).not.toEqual([]);
  });
});
