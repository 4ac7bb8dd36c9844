import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RegistryStore } from '#libs/core/registry';
import { openRegistryApp, type RegistryApp } from './registry-app.js';
import { recordedTranscripts, replay } from './transcripts.js';

/** A store for the conversations, and what takes it away again. */
export interface OpenedStore {
  readonly store: RegistryStore;
  dispose(): Promise<void>;
}

/** Has every recorded conversation with the registry on a store. @param open called once, before the first. */
export function transcriptsSuite(name: string, open: () => Promise<OpenedStore>): void {
  describe(`conversations recorded with the reference registry, ${name}`, () => {
    let opened: OpenedStore;
    let app: RegistryApp;
    beforeAll(async () => {
      opened = await open();
      app = await openRegistryApp({ store: opened.store });
    });
    afterAll(async () => {
      await app.http.close();
      await opened.dispose();
    });

    for (const [index, transcript] of recordedTranscripts().entries()) {
      it(`${transcript.name}: ${transcript.about}`, async () => {
        expect(await replay(app.http.fastify, transcript, { prefix: `t${index}x` })).toEqual([]);
      });
    }
  });
}
