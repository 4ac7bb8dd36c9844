import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runWeir } from './testing/index.js';

/** `orders` was `sales`; of it a latest stream, of that a versioned one, and a view of the first and the last. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  '/v1/topics/orders': { name: 'orders' },
  '/v1/topics/sales': { name: 'orders' },
  '/v1/topics/latest': { name: 'latest' },
  '/v1/topics/versions': { name: 'versions' },
  '/v1/derivations': {
    items: [
      { name: 'latest', source: 'sales', kind: 'latest' },
      { name: 'versions', source: 'latest', kind: 'versioned' },
      { name: 'other', source: 'elsewhere', kind: 'latest' },
    ],
    next: null,
  },
  '/v1/views': {
    items: [
      { name: 'revenue', sources: [{ topic: 'orders' }, { topic: 'versions' }] },
      { name: 'nothing', sources: [{ topic: 'elsewhere' }] },
    ],
    next: null,
  },
  '/v1/topics/orders/groups': { items: [], next: null },
  '/v1/topics/latest/groups': {
    items: [{ group: 'latest', state: 'STABLE', members: 1, lag: '0', lagSeconds: 0 }],
    next: null,
  },
};

describe('weir lineage', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://x');
      const prefix = searchParams.get('prefix');
      // Subjects that only begin so come first.
      const owned = (subject: string, owner: string) => ({ subject, metadata: { properties: { owner } } });
      const schemas = [
        owned('orders-value-old', 'nobody'),
        owned('orders-value', 'team-orders'),
        { subject: 'latest-value' },
      ];
      const answer =
        pathname === '/v1/schemas'
          ? { items: schemas.filter(({ subject }) => subject.startsWith(prefix!)), next: null }
          : ANSWERS[pathname];
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { code: 'topic-not-found', detail: 'there is none' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  const lineage = async (...args: string[]) => {
    const env = { WEIR_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    return await runWeir(['lineage', ...args], { env });
  };
  const reached = async (...args: string[]): Promise<string[]> => {
    const { data } = JSON.parse((await lineage(...args, '-o', 'json')).out) as {
      data: { nodes: { kind: string; name: string; distance: number }[] };
    };
    return data.nodes.map(({ kind, name, distance }) => `${distance} ${kind} ${name}`);
  };

  it('follows streams, views and groups down, by the present name of what was declared with an old one', async () => {
    expect(await reached('impact', 'sales')).toEqual([
      '0 topic orders',
      '1 topic latest',
      '1 view revenue',
      '2 group latest',
      '2 topic versions',
    ]);
    const one = ['0 topic orders', '1 topic latest', '1 view revenue'];
    expect(await reached('impact', 'orders', '--depth', '1')).toEqual(one);
  });

  it('follows sources up, and both ways', async () => {
    const above = ['-2 topic orders', '-1 topic latest', '0 topic versions'];
    expect(await reached('show', 'versions', '--direction', 'up')).toEqual(above);
    expect(await reached('show', 'versions')).toEqual([...above, '1 view revenue']);
    expect((await lineage('show', 'gone')).code).toBe(5);
  });

  it('names who has to know: the owner of the schema of a topic', async () => {
    const { out } = await lineage('impact', 'latest', '-o', 'json');
    const owners = (text: string) =>
      (JSON.parse(text) as { data: { nodes: { name: string; owner: string | null }[] } }).data.nodes.map(
        ({ name, owner }) => [name, owner],
      );
    expect(owners(out)).toEqual([
      ['latest', null],
      ['latest', null],
      ['versions', null],
      ['revenue', null],
    ]);
    const above = (await lineage('show', 'latest', '--direction', 'up', '-o', 'json')).out;
    expect(owners(above)).toEqual([
      ['orders', 'team-orders'],
      ['latest', null],
    ]);
  });

  it('is drawn', async () => {
    expect((await lineage('show', 'latest', '--as', 'mermaid')).out).toBe(
      [
        'flowchart LR',
        '  n0["topic orders"]',
        '  n1["topic latest"]',
        '  n2["group latest"]',
        '  n3["topic versions"]',
        '  n4["view revenue"]',
        '  n1 -->|read| n2',
        '  n1 -->|versioned| n3',
        '  n0 -->|latest| n1',
        '  n3 -->|view| n4',
        '',
      ].join('\n'),
    );
    expect((await lineage('show', 'orders', '--direction', 'up', '--as', 'dot')).out).toBe(
      'digraph lineage {\n  rankdir=LR;\n  "topic:orders" [label="orders", shape=box];\n}\n',
    );
  });
});
