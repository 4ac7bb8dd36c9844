/** A suite of small files against a service that is nothing but the number of its start: `FIXTURE_START`. */
import { runSuite } from '../../suite.mjs';

let starts = 0;

await runSuite({
  projects: ['fixture'],
  start: async () => {
    const start = String(++starts);
    return { env: { FIXTURE_START: start }, label: `start ${start}`, stop: async () => console.log(`stop ${start}`) };
  },
});
