import { afterAll, beforeAll } from 'vitest';
import { conversationsSuite } from '#libs/features/rest-proxy/testing';
import { runService, type RunningService } from './testing/running-service.js';

let running: RunningService;
beforeAll(async () => void (running = await runService()));
afterAll(() => running.stop());

conversationsSuite('on the embedded log', () => running.url);
