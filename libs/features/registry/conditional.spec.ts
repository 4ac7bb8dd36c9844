import { beforeAll, describe, expect, it } from 'vitest';
import { PrincipalsByName, registryForSuite } from './testing/index.js';

const schema = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });

describe('asking again for what one has', () => {
  const users = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: users });
  const get = (url: string, tag?: string, as?: string) =>
    calls.get(url, as, tag === undefined ? {} : { 'if-none-match': tag });
  beforeAll(async () => {
    await calls.post('/subjects/s/versions', { schema: schema('S') });
  });

  const guid = async () => ((await get('/subjects/s/versions/1')).json as { guid: string }).guid;
  const PATHS = [
    async () => '/schemas/ids/1',
    async () => '/schemas/ids/1?subject=s',
    async () => '/schemas/ids/1/schema',
    async () => '/schemas/ids/1/versions',
    async () => `/schemas/guids/${await guid()}`,
    async () => '/subjects',
    async () => '/subjects/s/versions',
    async () => '/subjects/s/versions/1',
    async () => '/subjects/s/versions/latest',
    async () => '/subjects/s/versions/1/schema',
    async () => '/config',
    async () => '/mode',
    async () => '/contexts',
    async () => '/v1/schemas',
    async () => '/v1/schema-rules',
    async () => '/v1/registration-policy',
  ];

  it('costs no body, on every route that reads schemas, subjects and settings', async () => {
    for (const path of PATHS) {
      const url = await path();
      const first = await get(url);
      const tag = first.headers['etag'] as string;
      expect([url, first.status, tag]).toEqual([url, 200, expect.stringMatching(/^"[\w-]{27}"$/)]);
      expect(first.headers['cache-control']).toBe('private, no-cache');
      for (const given of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
        const again = await get(url, given);
        expect([url, given, again.status, again.text]).toEqual([url, given, 304, '']);
        expect(again.headers['etag']).toBe(tag);
      }
      const other = await get(url, '"other"');
      expect([url, other.status, other.text]).toEqual([url, 200, first.text]);
    }
  });

  it('gives the answer anew when it has changed', async () => {
    const urls = ['/schemas/ids/1', '/subjects/s/versions/latest', '/subjects/s/versions', '/config', '/v1/schemas'];
    const tags = await Promise.all(urls.map(async (url) => (await get(url)).headers['etag'] as string));
    await calls.post('/subjects/s/versions', { schema: schema('S', { name: 'x', type: 'int', default: 0 }) });
    await calls.put('/config', { compatibility: 'FULL' });
    const statuses = await Promise.all(urls.map(async (url, i) => (await get(url, tags[i])).status));
    expect(statuses).toEqual([304, 200, 200, 200, 200]);
    await calls.delete('/subjects/s/versions/1');
    // The answer tells that the version is deleted, so it is another one.
    expect((await get('/schemas/ids/1', tags[0])).status).toBe(200);
  });

  it('never tells a caller that it has what it may not read, and tags no errors', async () => {
    users.add('elsewhere', ['viewer'], 'elsewhere*');
    const tag = (await get('/schemas/ids/2')).headers['etag'] as string;
    const denied = await get('/schemas/ids/2', tag, 'elsewhere');
    expect([denied.status, denied.headers['etag']]).toEqual([404, undefined]);
    const missing = await get('/subjects/none/versions', '*');
    expect([missing.status, missing.headers['etag']]).toEqual([404, undefined]);
  });
});
