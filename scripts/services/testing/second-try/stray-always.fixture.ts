import { setTimeout as delay } from 'node:timers/promises';
import { it } from 'vitest';

it('leaves behind what fails, always', async () => {
  void Promise.reject(new Error('left behind again'));
  await delay(1);
});
