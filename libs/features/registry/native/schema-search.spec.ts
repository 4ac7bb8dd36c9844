import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { inProcess } from '#libs/platform/testing';
import { openRegistryApp, PrincipalsByName, RegistryCalls, registryForSuite } from '../testing/index.js';
import type { SearchView } from './schema-search.shapes.js';

const avro = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, namespace: 'shop', fields });
const ADDRESS = {
  type: 'record',
  name: 'Address',
  fields: [
    { name: 'city', type: 'string' },
    { name: 'street', type: 'string', 'confluent:tags': ['PII'] },
  ],
};

describe('GET /v1/schemas', () => {
  const users = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: users });
  beforeAll(async () => {
    const put = (subject: string, schema: string, more: object = {}) => calls.registered(subject, schema, more);
    const id = { name: 'id', type: 'long' };
    await put('orders-value', avro('Order', id, { name: 'ship_to', type: ADDRESS }), {
      metadata: { properties: { owner: 'team-orders' } },
    });
    const note = { name: 'note', type: 'string', default: '' };
    await put('orders-value', avro('Order', id, { name: 'ship_to', type: ADDRESS }, note));
    await put('customers-value', avro('Customer', id, { name: 'home', type: ADDRESS }), {
      metadata: { properties: { owner: 'team-crm' }, tags: { 'Customer.id': ['KEY'] } },
    });
    await put('clicks-value', JSON.stringify({ title: 'Click', type: 'object', properties: { id: {}, url: {} } }), {
      schemaType: 'JSON',
    });
    await put(
      'points-value',
      'syntax = "proto3"; package geo; message Point { string city = 1; Point next = 2; } enum Kind { A = 0; }',
      { schemaType: 'PROTOBUF' },
    );
    await put(':.dev:orders-value', avro('Order', id));
    await put('gone-value', avro('Gone', id));
    await calls.delete('/subjects/gone-value');
  });

  const page = async (query: string, as?: string) => (await calls.get<SearchView>(`/v1/schemas${query}`, as)).json;
  const found = async (query: string, as?: string) =>
    (await page(query, as)).items.map((one) => `${one.subject}@${one.version}`);

  it('gives the latest version of every subject in one call, texts included', async () => {
    const { items, next } = await page('?limit=1000');
    expect(items.map((one) => `${one.subject}@${one.version}`)).toEqual([
      'clicks-value@1',
      'customers-value@1',
      'orders-value@2',
      'points-value@1',
      ':.dev:orders-value@1',
    ]);
    expect(next).toBeNull();
    expect(items[2]).toEqual({
      subject: 'orders-value',
      version: 2,
      id: 2,
      guid: expect.any(String) as string,
      schemaType: 'AVRO',
      deleted: false,
      registeredAt: expect.stringMatching(/Z$/) as string,
      references: [],
      metadata: { properties: { owner: 'team-orders' } },
      ruleSet: null,
      schema: expect.stringContaining('ship_to') as string,
    });
    expect((await page('?text=false')).items.some((one) => 'schema' in one)).toBe(false);
  });

  it('finds by field, anywhere and by the end of its path, in every language', async () => {
    expect(await found('?field=city')).toEqual(['customers-value@1', 'orders-value@2', 'points-value@1']);
    expect(await found('?field=ship_to.city')).toEqual(['orders-value@2']);
    expect(await found('?field=url')).toEqual(['clicks-value@1']);
    expect(await found('?field=id&field=city')).toEqual(['customers-value@1', 'orders-value@2']);
    expect(await found('?field=ship_to&field=home')).toEqual([]);
    expect(await found('?field=cit')).toEqual([]);
  });

  it('finds by language, declared type, tag and owner', async () => {
    expect(await found('?schemaType=PROTOBUF')).toEqual(['points-value@1']);
    expect(await found('?name=Order')).toEqual(['orders-value@2', ':.dev:orders-value@1']);
    expect(await found('?name=shop.Order&context=.')).toEqual(['orders-value@2']);
    expect(await found('?name=Kind')).toEqual(['points-value@1']);
    expect(await found('?tag=PII')).toEqual(['customers-value@1', 'orders-value@2']);
    expect(await found('?tag=KEY')).toEqual(['customers-value@1']);
    expect(await found('?owner=team-orders')).toEqual(['orders-value@2']);
    expect(await found('?property=owner=team-crm&tag=PII')).toEqual(['customers-value@1']);
    expect(await found('?property=owner=')).toEqual([]);
  });

  it('finds by beginning of the name, context and state', async () => {
    expect(await found('?prefix=c')).toEqual(['clicks-value@1', 'customers-value@1']);
    expect(await found('?context=.dev')).toEqual([':.dev:orders-value@1']);
    expect(await found('?prefix=orders&versions=live')).toEqual([
      'orders-value@1',
      'orders-value@2',
      ':.dev:orders-value@1',
    ]);
    expect(await found('?versions=deleted')).toEqual(['gone-value@1']);
    expect(await found('?versions=all&name=Gone')).toEqual(['gone-value@1']);
  });

  it('pages in one order, across contexts', async () => {
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const one: { items: SearchView['items']; next: string | null } = await page(
        `?limit=2&versions=all${next === '' ? '' : `&cursor=${next}`}`,
      );
      seen.push(...one.items.map((each) => `${each.subject}@${each.version}`));
      next = one.next;
    }
    expect(seen).toEqual(await found('?versions=all'));
    expect(seen).toHaveLength(7);
  });

  it('shows only what may be read', async () => {
    users.add('narrow', ['viewer'], 'orders*', ':.dev:*');
    expect(await found('', 'narrow')).toEqual(['orders-value@2', ':.dev:orders-value@1']);
    expect(await found('?tag=PII', 'narrow')).toEqual(['orders-value@2']);
    expect(await found('?limit=1&tag=PII', 'narrow')).toEqual(['orders-value@2']);
  });

  it('refuses what it does not understand', async () => {
    for (const query of [
      '?colour=red',
      '?schemaType=XML',
      '?versions=old',
      '?property=owner',
      '?property==x',
      '?cursor=x',
      '?cursor=MXt9',
      '?limit=5000',
      `?${'field=a&'.repeat(9)}`,
    ]) {
      expect([query, (await calls.get(`/v1/schemas${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('ends a page early where data contracts are long, texts asked for or not', async () => {
    const rich = await openRegistryApp();
    const asked = new RegistryCalls(inProcess(() => rich.http.fastify));
    for (let n = 0; n < 6; n++) {
      const ruleSet = { domainRules: [{ name: 'r', type: 'CEL', expr: `${n}`.padEnd(1_000_000) }] };
      await asked.registered(`s${n}`, avro('S'), { ruleSet });
    }
    const page = (await asked.get<SearchView>('/v1/schemas?text=false')).json;
    expect(page.items.length).toBeLessThan(6);
    const rest = (await asked.get<SearchView>(`/v1/schemas?text=false&cursor=${page.next}`)).json;
    expect([page.items.length + rest.items.length, rest.next]).toEqual([6, null]);
    await rich.http.close();
  });

  it('says so while schemas of an older release are not indexed, and indexes them', async () => {
    class Older extends MemoryRegistryStore {
      readonly lacking = [{ subject: { context: '.', name: 's' }, version: 1, schemaId: 1 }];
      readonly given: string[] = [];
      override async unindexed() {
        return this.lacking;
      }
      override async index(versions: readonly { terms?: readonly { kind: string; text: string }[] }[] = []) {
        for (const one of versions) this.given.push(...one.terms!.map((term) => `${term.kind} ${term.text}`));
        this.lacking.length = 0;
      }
    }
    const store = new Older();
    const older = await openRegistryApp({ store });
    const asked = new RegistryCalls(inProcess(() => older.http.fastify));
    await asked.register('s', avro('S', { name: 'id', type: 'long' }));
    const refused = await asked.get('/v1/schemas?field=id');
    expect([refused.status, refused.problem.code]).toEqual([503, 'search-incomplete']);
    expect((await asked.get<SearchView>('/v1/schemas')).json.items).toHaveLength(1);
    await older.registry.search.indexOlder(new AbortController().signal);
    expect(store.given).toEqual(['schemaType AVRO', 'name shop.S', 'name S', 'field id']);
    expect((await asked.get<SearchView>('/v1/schemas?field=id')).json.items).toHaveLength(1);
    await older.http.close();
  });
});
