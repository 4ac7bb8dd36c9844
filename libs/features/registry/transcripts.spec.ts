import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistryApp, recordedTranscripts, replay, type RegistryApp } from './testing/index.js';

/** Steps not taken per conversation, because they need Protobuf. A number that shrinks is progress; one that grows is a lost check. */
const SKIPPED: Readonly<Record<string, number>> = {
  'evolution-story-protobuf': 12,
  'protobuf-binary-input': 6,
  'references-protobuf': 13,
  'register-incompatible': 7,
  'reserved-fields': 2,
  'schema-type': 12,
};

describe('conversations recorded with the reference registry', () => {
  let app: RegistryApp;
  beforeAll(async () => {
    app = await openRegistryApp();
  });
  afterAll(() => app.http.close());

  for (const [index, transcript] of recordedTranscripts().entries()) {
    it(`${transcript.name}: ${transcript.about}`, async () => {
      const options = { prefix: `t${index}x`, formats: app.registry.types };
      const { mismatches, skipped } = await replay(app.http.fastify, transcript, options);
      expect(mismatches).toEqual([]);
      expect(skipped).toBe(SKIPPED[transcript.name] ?? 0);
    });
  }
});
