import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SqlRegistryStore } from '#libs/adapters/store-sql';
import { freshPostgresStore, type FreshStore } from '#libs/adapters/store-sql/testing';
import { openRegistryApp, recordedTranscripts, replay, type RegistryApp } from '#libs/features/registry/testing';

/** The recorded conversations once more, with the registry on PostgreSQL. */
describe('conversations recorded with the reference registry, on PostgreSQL', () => {
  let fresh: FreshStore;
  let app: RegistryApp;
  beforeAll(async () => {
    fresh = await freshPostgresStore();
    app = await openRegistryApp({ store: new SqlRegistryStore(fresh.store) });
  });
  afterAll(async () => {
    await app.http.close();
    await fresh.dispose();
  });

  const conversations = recordedTranscripts();
  it.each(conversations.map((one, index) => [one.name, index, one] as const))(
    '%s',
    async (_name, index, transcript) => {
      expect(await replay(app.http.fastify, transcript, { prefix: `t${index}x` })).toEqual([]);
    },
  );
});
