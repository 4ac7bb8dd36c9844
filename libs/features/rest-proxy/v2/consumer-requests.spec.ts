import { describe, expect, it } from 'vitest';
import { consumerOptions } from './consumer-requests.js';

describe('the name of a consumer instance', () => {
  it.each(['', 'x'.repeat(256), 'a\u0000b', 'a\nb', '\ud800'])(
    'is refused where it cannot be an address: %j',
    (name) => {
      for (const member of ['name', 'id']) {
        expect(() => consumerOptions({ [member]: name })).toThrow(/name and id take 1 to 255 characters/);
      }
    },
  );

  it('is any text of up to 255 characters otherwise, and none is needed', () => {
    for (const name of ['one', 'ein Name mit Leerzeichen', 'ü'.repeat(255), '😀']) {
      expect(consumerOptions({ name }).name).toBe(name);
    }
    expect(consumerOptions({}).name).toBeUndefined();
  });
});
