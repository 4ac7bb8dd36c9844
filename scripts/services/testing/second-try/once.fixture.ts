import { expect, it } from 'vitest';

it.each(['is there', 'is there'])('a name that %s twice', () => undefined);
it('fails against the service of the first try', () => expect(process.env['FIXTURE_START']).toBe('2'));
it('is skipped', ({ skip }) => skip());
