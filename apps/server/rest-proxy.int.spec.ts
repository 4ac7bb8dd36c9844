import { afterAll, beforeAll } from 'vitest';
import { conversationsSuite, recordedConversations } from '#libs/features/rest-proxy/testing';
import { runService, type RunningService } from './testing/running-service.js';

let running: RunningService;
beforeAll(async () => void (running = await runService()));
afterAll(() => running.stop());

const SETTINGS = 'the embedded log has no such settings';
const withConsumers = recordedConversations()
  .filter(({ name, steps }) => name.startsWith('v2-') || steps.some(({ path }) => path.startsWith('/consumers')))
  .map(({ name }) => name);

conversationsSuite(
  'on the embedded log',
  () => running.url,
  new Map([
    ['v3-topic-configs', SETTINGS],
    ['v3-topic-configs-alter', SETTINGS],
    ...withConsumers.map((name) => [name, 'v2 is not served yet'] as const),
  ]),
);
