import { describe, expect, it } from 'vitest';
import { configFrom } from './read-entry.js';

describe('settings of another registry', () => {
  it('come without a policy that is not known here, so that the strict one is in force', () => {
    const told = { compatibilityLevel: 'FULL', normalize: true };
    expect(configFrom({ ...told, compatibilityPolicy: 'LOGICAL' }, 'config')).toEqual(configFrom(told, 'config'));
    expect(configFrom({ ...told, compatibilityPolicy: 'LENIENT' }, 'config')).toMatchObject({
      compatibilityPolicy: 'LENIENT',
    });
  });
});
