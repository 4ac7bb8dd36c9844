import { afterAll, beforeAll } from 'vitest';
import { conversationsSuite, recordedConversations } from '#libs/features/rest-proxy/testing';
import { runService, type RunningService } from './testing/running-service.js';

let running: RunningService;
beforeAll(async () => void (running = await runService()));
afterAll(() => running.stop());

const SETTINGS = 'the embedded log has no such settings';
const withoutManagement = recordedConversations()
  .map(({ name }) => name)
  .filter((name) => /^v2-|^v3-(batch|groups|produce|replicas)/.test(name));

conversationsSuite(
  'on the embedded log',
  () => running.url,
  new Map([
    ['v3-topic-configs', SETTINGS],
    ['v3-topic-configs-alter', SETTINGS],
    ...withoutManagement.map((name) => [name, 'records are not served yet'] as const),
  ]),
);
