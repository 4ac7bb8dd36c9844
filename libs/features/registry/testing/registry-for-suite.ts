import { afterAll, beforeAll } from 'vitest';
import { inProcess } from '#libs/platform/testing';
import { openRegistryApp, type RegistryApp, type RegistryAppOptions } from './registry-app.js';
import { RegistryCalls } from './registry-calls.js';

/**
 * The registry's routes for the tests of one suite, opened before its first and closed after its last. They can be asked as soon as a test runs; `app` throws
 * before.
 */
export function registryForSuite(options: RegistryAppOptions = {}): {
  readonly calls: RegistryCalls;
  readonly app: () => RegistryApp;
} {
  let opened: RegistryApp | undefined;
  beforeAll(async () => {
    opened = await openRegistryApp(options);
  });
  afterAll(() => opened?.http.close());
  const app = () => {
    if (opened === undefined) throw new Error('The routes are opened when the first test runs.');
    return opened;
  };
  return { app, calls: new RegistryCalls(inProcess(() => app().http.fastify)) };
}
