import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, median, type Benchmark } from './measure.js';

const WEIR = new URL('../cli/weir.js', import.meta.url).pathname;
const CHECKED = 200;
const PLANNED = 5_000;

/** The command in a process of its own, as a pipeline runs it. */
export const commandLine: Benchmark = {
  name: 'command-line',
  async run() {
    const help = median(Array.from({ length: 7 }, () => timed(['--help'], '/').ms));
    let check = NaN;
    await inTemporaryDirectory(async (directory) => {
      project(directory, CHECKED);
      for (const args of [
        ['init', '-q', '-b', 'main', '.'],
        ['add', '-A'],
        ['-c', 'user.name=bench', '-c', 'user.email=bench@weir.invalid', 'commit', '-q', '-m', 'all'],
      ])
        execFileSync('git', args, { cwd: directory });
      project(directory, CHECKED, ', {"name": "later", "type": "int", "default": 0}');
      check = median(Array.from({ length: 5 }, () => timed(['check'], directory).ms));
    });
    const planned: { what: string; ms: number; requests: number }[] = [];
    await inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      await service.start();
      for (const [folder, what, settings] of [
        ['plain', 'new subjects', ''],
        ['levels', 'new subjects that state a level each', 'defaults: { compatibility: FULL }\n'],
      ] as const) {
        mkdirSync(join(directory, folder));
        project(join(directory, folder), PLANNED, '', settings);
        const { ms, out } = timed(['plan', '-o', 'json', '-s', service.url], join(directory, folder));
        planned.push({ what, ms, requests: (JSON.parse(out) as { data: { requests: number } }).data.requests });
      }
      await service.stop();
    });
    return [
      { what: 'weir --help', unit: 'ms', measured: help, most: 150 },
      {
        what: `weir check, ${CHECKED} changed schemas against the merge base`,
        unit: 'ms',
        measured: check,
        most: 2_000,
      },
      ...planned.map(({ what, ms, requests }) => ({
        what: `weir plan, ${PLANNED} ${what}, ${requests} request${requests === 1 ? '' : 's'}`,
        unit: 'ms',
        measured: ms,
        most: 5_000,
      })),
    ];
  },
};

function project(directory: string, schemas: number, more = '', settings = ''): void {
  mkdirSync(join(directory, 'schemas'), { recursive: true });
  writeFileSync(
    join(directory, 'weir.yaml'),
    `apiVersion: v1\n${settings}schemas: [{ glob: "schemas/*.avsc", subject: "{file}-value" }]\n`,
  );
  for (let n = 0; n < schemas; n++) {
    const fields = Array.from(
      { length: 20 },
      (_, at) =>
        `{"name": "field${at}", "type": ${at % 3 === 0 ? '"string"' : at % 3 === 1 ? '"long"' : '["null", "string"], "default": null'}}`,
    );
    writeFileSync(
      join(directory, `schemas/s${n}.avsc`),
      `{"type": "record", "name": "S${n}", "namespace": "bench", "fields": [\n${fields.join(',\n')}${more}\n]}\n`,
    );
  }
}

function timed(args: readonly string[], cwd: string): { ms: number; out: string } {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [WEIR, ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
  });
  if (status !== 0) throw new Error(`weir ${args.join(' ')} ended with ${status}: ${stderr}`);
  return { ms: performance.now() - started, out: stdout };
}
