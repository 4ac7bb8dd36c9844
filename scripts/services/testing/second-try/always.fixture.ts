import { expect, it } from 'vitest';

it('fails whatever is tried', () => expect(process.env['FIXTURE_START']).toBe('3'));
it('fails against the service of the first try', () => expect(process.env['FIXTURE_START']).toBe('2'));
it('passes', () => undefined);
