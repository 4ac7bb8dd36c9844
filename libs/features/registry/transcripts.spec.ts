import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistryApp, recordedTranscripts, replay, type RegistryApp } from './testing/index.js';

describe('conversations recorded with the reference registry', () => {
  let app: RegistryApp;
  beforeAll(async () => {
    app = await openRegistryApp();
  });
  afterAll(() => app.http.close());

  for (const [index, transcript] of recordedTranscripts().entries()) {
    it(`${transcript.name}: ${transcript.about}`, async () => {
      expect(await replay(app.http.fastify, transcript, { prefix: `t${index}x` })).toEqual([]);
    });
  }
});
