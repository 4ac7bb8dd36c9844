import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { parseSubject, Registry } from '#libs/core/registry';
import { openSqlStore, SqlRegistryStore } from '#libs/adapters/store-sql';
import { SystemClock } from '#libs/platform/observability';
import { join } from 'node:path';
import { inTemporaryDirectory, median, type Benchmark, type Figure } from './measure.js';

const AS_SENT = { normalize: false, force: false };
const SUBJECTS = 1_000;
const VERSIONS = 100;
const FIELDS = 50;

/** Version `n` of a subject's record: one optional field more than the version before, the oldest of them gone. */
function recordOf(subject: number, n: number): string {
  const fields = Array.from({ length: FIELDS }, (_, i) => ({
    name: `s${subject}_field${n + i}`,
    type: ['null', (n + i) % 3 === 0 ? 'string' : 'long'],
    default: null,
  }));
  return JSON.stringify({ type: 'record', name: 'Order', namespace: 'bench', fields });
}

/** An object of 500 properties; `more` of them are new. */
function objectOf(more: number): string {
  const properties = Object.fromEntries(
    Array.from({ length: 500 + more }, (_, i) => [`property${i}`, { type: i % 2 ? 'string' : 'integer' }]),
  );
  return JSON.stringify({ type: 'object', properties, additionalProperties: false });
}

const cpuMs = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
};

/** Compatibility with a long history, by CPU time of the whole process. */
export const newVersions: Benchmark = {
  name: 'new-versions',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const store = await openSqlStore({ path: join(directory, 'registry.db') });
      const open = () =>
        new Registry(new SqlRegistryStore(store), new LocalSchemaEngine(standardFormats()), new SystemClock());
      const filling = open();
      const subjects = Array.from({ length: SUBJECTS }, (_, i) => parseSubject(`orders-${i}`));
      await filling.settings.setConfig(parseSubject(''), { compatibility: 'NONE' });
      const lanes = Array.from({ length: 64 }, async (_, lane) => {
        for (let s = lane; s < SUBJECTS; s += 64)
          for (let n = 0; n < VERSIONS; n++) await filling.register(subjects[s]!, { schema: recordOf(s, n) }, AS_SENT);
      });
      await Promise.all(lanes);
      await filling.settings.setConfig(parseSubject(''), { compatibility: 'BACKWARD_TRANSITIVE' });
      const registry = open();
      const figures: Figure[] = [];
      for (const [label, round] of [
        ['cold', 0],
        ['warm', 1],
      ] as const) {
        const times: number[] = [];
        for (let s = 0; s < SUBJECTS; s++) {
          const before = process.cpuUsage();
          await registry.register(subjects[s]!, { schema: recordOf(s, VERSIONS + round) }, AS_SENT);
          times.push(cpuMs(before));
        }
        const mean = times.reduce((sum, one) => sum + one, 0) / times.length;
        figures.push({
          what: `a new version against ${VERSIONS + round} earlier ones of ${FIELDS} fields, ${label}`,
          unit: `ms of CPU on average over ${SUBJECTS} subjects (median ${median(times).toFixed(2)})`,
          measured: mean,
          most: 5,
        });
      }
      const subject = parseSubject('objects');
      await registry.register(subject, { schema: objectOf(0), schemaType: 'JSON' }, AS_SENT);
      const times: number[] = [];
      for (let n = 1; n <= 20; n++) {
        const before = process.cpuUsage();
        await registry.check(subject, { schema: objectOf(n), schemaType: 'JSON' }, 'latest', { normalize: false });
        times.push(cpuMs(before));
      }
      figures.push({
        what: 'the check of a JSON Schema of 500 properties',
        unit: 'ms of CPU, median of 20 different ones',
        measured: median(times),
        most: 20,
      });
      await store.close();
      return figures;
    }),
};
