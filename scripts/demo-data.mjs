/**
 * Makes the excerpt the demo and the benchmarks run on: the first flights of the public US on-time record, in time order, and the
 * airports they use. Run it again with `node scripts/demo-data.mjs`; it needs the npm registry and changes nothing when the result is the same.
 *
 * Source: npm package vega-datasets (see apps/demo/data/ORIGIN.md for origin and licence).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { decompress } from 'fzstd';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet/src/node.js';

const PACKAGE = 'vega-datasets@3.2.1';
const FLIGHTS = 240_000;
const target = new URL('../apps/demo/data/', import.meta.url).pathname;

const work = mkdtempSync(join(tmpdir(), 'weir-demo-data-'));
try {
  execFileSync('npm', ['pack', '--silent', PACKAGE], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('tar', ['xzf', 'vega-datasets-3.2.1.tgz'], { cwd: work });
  const data = join(work, 'package', 'data');

  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(join(data, 'flights-3m.parquet')),
    compressors: { ZSTD: (bytes) => decompress(bytes) },
    rowStart: 0,
    rowEnd: FLIGHTS,
  });
  const used = new Set();
  const lines = rows.map((row) => {
    used.add(row.origin).add(row.destination);
    return [row.date.toISOString().slice(0, 16), row.delay, row.distance, row.origin, row.destination].join(',');
  });
  write('flights.csv.br', `scheduled,delay,distance,origin,destination\n${lines.join('\n')}\n`);

  const airports = readFileSync(join(data, 'airports.csv'), 'utf8').trimEnd().split('\n');
  const kept = airports.slice(1).filter((line) => used.has(line.slice(0, line.indexOf(','))));
  write('airports.csv.br', `${airports[0]}\n${kept.join('\n')}\n`);
  console.log(`${lines.length} flights, ${kept.length} of ${used.size} airports known by name`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** @param {string} name @param {string} text */
function write(name, text) {
  const bytes = brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  });
  writeFileSync(join(target, name), bytes);
  console.log(`${name}: ${text.length} bytes, ${bytes.length} compressed`);
}
