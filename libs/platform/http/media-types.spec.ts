import { describe, expect, it } from 'vitest';
import { agreedType } from './media-types.js';

const V1 = 'application/vnd.schemaregistry.v1+json';

describe('the media type of an answer', () => {
  it.each([
    [undefined, V1],
    ['*/*', V1],
    ['', V1],
    ['application/*', V1],
    ['application/json', 'application/json'],
    ['APPLICATION/JSON ; charset=utf-8', 'application/json'],
    [`${V1}, application/vnd.schemaregistry+json, application/json`, V1],
    ['application/vnd.schemaregistry.v1+json;q=0.1, application/json', 'application/json'],
    ['application/json;q=0, */*', V1],
    [`${V1};q=0, */*;q=0.5`, 'application/vnd.schemaregistry+json'],
    ['text/html, */*;q=0.1', V1],
    ['text/html', null],
    ['application/json;q=0', null],
    ['application/json;q=x', null],
    ['application/jsonx', null],
  ])('for Accept %j is %j', (accept, type) => expect(agreedType(accept)).toBe(type));

  it('is found quickly for a hostile header', () => {
    const started = performance.now();
    agreedType(`${'a/b;q=0.1,'.repeat(1_500)}text/html`);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
