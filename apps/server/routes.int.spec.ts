import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentText } from './document-route.js';
import { pathOf } from './testing/route-paths.js';
import { runService, type RunningService } from './testing/running-service.js';

/** The only routes that answer without credentials. A new one is added here on purpose, or not at all. */
const PUBLIC = ['GET /healthz', 'GET /openapi.json', 'GET /readyz', 'GET /startupz'];

/** Routes that are no part of the interface: they only say what is wrong with a path. */
const UNDOCUMENTED = [
  '/contexts/:context/:first',
  '/contexts/:context/:first/*',
  '/v1/operations/:id([^:]+):::command',
];

describe('the routes of the service', () => {
  let running: RunningService;
  beforeAll(async () => void (running = await runService()));
  afterAll(() => running.stop());

  const routes = () => running.service.app.routes.routes();

  it('all say what access they need, and only the listed ones are public', () => {
    expect(routes().length).toBeGreaterThan(60);
    const open = routes().filter((route) => 'public' in route.access);
    expect(open.map((route) => `${route.method} ${route.url}`).sort()).toEqual(PUBLIC);
    for (const route of routes()) {
      if (!('public' in route.access)) expect(route.access).toMatchObject({ action: expect.any(String) as string });
    }
  });

  it('name the object they touch by something the request has', () => {
    for (const { url, access, method } of routes()) {
      if ('public' in access || access.name === undefined) continue;
      const known = access.name.startsWith('body.') ? method !== 'GET' : url.includes(`:${access.name}`);
      expect([method, url, access.name, known]).toEqual([method, url, access.name, true]);
    }
  });

  it('name the object they change wherever the path names one', () => {
    const kinds: Readonly<Record<string, string>> = {
      topic: 'topic',
      subject: 'subject',
      group: 'group',
      view: 'view',
    };
    for (const { url, access, method } of routes()) {
      if ('public' in access || access.kind !== kinds[access.kind] || !url.includes(`:${access.kind}`)) continue;
      expect([method, url, access.name]).toEqual([method, url, access.kind]);
    }
  });

  it('are all in the document, which is the same each time and whole', () => {
    const hidden = routes().filter((route) => route.api === undefined);
    expect([...new Set(hidden.map((route) => route.url))].sort()).toEqual(UNDOCUMENTED);
    const text = documentText(running.service.app.routes, 'test');
    expect(documentText(running.service.app.routes, 'test')).toBe(text);
    const document = JSON.parse(text) as Record<string, unknown>;
    for (const [reference] of text.matchAll(/#\/components\/[a-zA-Z/0-9]+/g)) {
      const target = reference
        .slice(2)
        .split('/')
        .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], document);
      expect([reference, target]).toEqual([reference, expect.anything()]);
    }
  });

  it('list in the document every media type that their bodies may have', () => {
    const { paths } = JSON.parse(documentText(running.service.app.routes, 'test')) as {
      paths: Record<string, { post: { requestBody: { content: object } } }>;
    };
    const types = (path: string) => Object.keys(paths[path]!.post.requestBody.content);
    expect(types('/v1/schemas:infer')).toEqual(['application/json', 'application/x-ndjson']);
    expect(types('/v1/registry-imports/uploads')).toEqual(['application/x-ndjson']);
    expect(types('/v1/topics')).toEqual(['application/json']);
  });

  it('serve the document they are in', async () => {
    const response = await fetch(`${running.url}/openapi.json`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(documentText(running.service.app.routes, 'test'));
  });

  it('answer at the paths the table has', async () => {
    for (const route of routes()) {
      if (route.method !== 'GET') continue;
      const response = await fetch(`${running.url}${pathOf(route)}`);
      const text = await response.text();
      expect([route.url, text.includes('route-not-found')]).toEqual([route.url, false]);
    }
  });
});
