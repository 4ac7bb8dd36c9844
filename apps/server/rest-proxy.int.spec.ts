import { afterAll, beforeAll } from 'vitest';
import { conversationsSuite } from '#libs/features/rest-proxy/testing';
import { runService, type RunningService } from './testing/running-service.js';

let running: RunningService;
beforeAll(async () => void (running = await runService()));
afterAll(() => running.stop());

const SETTINGS = 'the embedded log has no such settings';

conversationsSuite(
  'on the embedded log',
  () => running.url,
  new Map([
    ['v3-topic-configs', SETTINGS],
    ['v3-topic-configs-alter', SETTINGS],
  ]),
);
