import { Compatibility, SchemaRegistryClient } from '@confluentinc/schemaregistry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, writeTokens, type RunningService } from './testing/running-service.js';
import { AVRO_ORDER } from './testing/stock-formats.js';

describe('the official JavaScript client', () => {
  let running: RunningService;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  /** A client that remembers nothing of another one. */
  const client = () => new SchemaRegistryClient({ baseURLs: [running.url], maxRetries: 0 });

  it('gets an answer to every call it has', async () => {
    const registry = client();
    const subject = 'path/with slash+ä-value';
    const schema = { schema: AVRO_ORDER, schemaType: 'AVRO' };
    const registered = await registry.registerFullResponse(subject, schema);
    const { id, guid } = registered;
    expect(registered).toMatchObject({ id: expect.any(Number) as number, version: 1, schema: AVRO_ORDER });
    expect(await client().getIdFullResponse(subject, schema)).toMatchObject({ id, guid, subject, version: 1 });
    expect(await registry.getAllSubjects()).toContain(subject);
    // This call and `updateConfig` do not encode the subject themselves.
    expect(await registry.getAllVersions(encodeURIComponent(subject))).toEqual([1]);
    expect((await client().getBySubjectAndId(subject, id!)).schema).toBe(AVRO_ORDER);
    expect((await client().getByGuid(guid!)).schema).toBe(AVRO_ORDER);
    expect((await client().getByGuid(guid!, 'resolved')).schema).toBe(AVRO_ORDER);
    expect(await registry.getSchemaMetadata(subject, 1)).toMatchObject({ id, guid });
    expect(await registry.getVersion(subject, schema)).toBe(1);
    expect(await registry.testCompatibility(subject, 1, { schema: '"string"' })).toBe(false);
    expect(await registry.updateCompatibility(subject, Compatibility.NONE)).toBe('NONE');
    expect(await registry.getCompatibility(subject)).toBe('NONE');
    const config = { compatibility: Compatibility.FULL, normalize: true };
    expect(await registry.updateConfig(encodeURIComponent(subject), config)).toMatchObject(config);
    expect(await registry.getConfig(subject)).toMatchObject({ compatibilityLevel: 'FULL', normalize: true });
    expect(await registry.updateDefaultConfig({ normalize: false })).toMatchObject({ normalize: false });
    expect(await registry.getDefaultConfig()).toMatchObject({ compatibilityLevel: 'BACKWARD', normalize: false });
    expect(await registry.updateDefaultCompatibility(Compatibility.BACKWARD)).toBe('BACKWARD');
    expect(await registry.getDefaultCompatibility()).toBe('BACKWARD');
    expect(await registry.deleteSubjectVersion(subject, 1)).toBe(1);
    expect(await client().getSchemaMetadata(subject, 1, true)).toMatchObject({ id });
    expect(await registry.deleteSubject(subject, true)).toEqual([1]);
    await expect(client().getSchemaMetadata(subject, 1, true)).rejects.toMatchObject({ status: 404, errorCode: 40401 });
  });
});

describe('the official JavaScript client with tokens', () => {
  let running: RunningService;
  let tokens: Record<string, string>;
  beforeAll(async () => {
    running = await runService({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' }, async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'writer', roles: ['registrar'] },
        { id: 'viewer', roles: ['viewer'] },
      ]);
    });
  });
  afterAll(() => running.stop());

  const withPassword = (password: string) =>
    new SchemaRegistryClient({
      baseURLs: [running.url],
      maxRetries: 0,
      basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: `anyone:${password}` },
    });

  it('sends a token as the password of basic authentication, or as bearer', async () => {
    const id = await withPassword(tokens['writer']!).register('orders-value', { schema: AVRO_ORDER });
    const viewer = withPassword(tokens['viewer']!);
    expect((await viewer.getLatestSchemaMetadata('orders-value')).id).toBe(id);
    // A serializer that registers at every start needs no right beyond reading where there is nothing new.
    expect(await viewer.register('orders-value', { schema: AVRO_ORDER })).toBe(id);
    const bearer = new SchemaRegistryClient({
      baseURLs: [running.url],
      bearerAuthCredentials: {
        credentialsSource: 'STATIC_TOKEN',
        token: tokens['viewer']!,
        logicalCluster: 'lsrc-1',
        identityPoolId: 'pool-1',
      },
    });
    expect((await bearer.getLatestSchemaMetadata('orders-value')).id).toBe(id);
  });

  it('is told that it may not, and that nobody knows it', async () => {
    const viewer = withPassword(tokens['viewer']!);
    await expect(viewer.register('new-value', { schema: AVRO_ORDER })).rejects.toMatchObject({
      status: 403,
      errorCode: expect.any(Number) as number,
    });
    await expect(withPassword('wrong').getAllSubjects()).rejects.toMatchObject({
      status: 401,
      errorCode: expect.any(Number) as number,
    });
  });
});
