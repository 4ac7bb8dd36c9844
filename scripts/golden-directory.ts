/**
 * Writes a data directory and a backup of the present release, with what its users see, into the repository: once for each release, before its formats change again. What is there is never written anew.
 *
 *   npm run build && node dist/scripts/golden-directory.js <name>     test/fixtures/data-directories/<name>.json.gz
 */
import { writeFile } from 'node:fs/promises';
import { makeGoldenDirectory, textOfGolden } from '../apps/server/testing/golden-directory.js';
import { productVersion } from '../apps/server/version.js';

const name = process.argv[2];
if (name === undefined || !/^[a-z0-9.-]+$/.test(name))
  throw new Error('say what the directory is called: node dist/scripts/golden-directory.js 0.1.0-log-2');
const golden = await makeGoldenDirectory(productVersion());
await writeFile(`test/fixtures/data-directories/${name}.json.gz`, textOfGolden(golden), { flag: 'wx' });
console.log(
  `written: format ${golden.logFormat} of the log, ${Object.keys(golden.data).length} files, by ${golden.madeBy}`,
);
