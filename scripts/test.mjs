/** Runs the tests that need no service: `npm test [-- vitest arguments]`, after a build. */
import { runSuite } from './services/suite.mjs';

await runSuite({ projects: ['unit', 'process'] });
