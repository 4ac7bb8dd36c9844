import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { contradictions, type Deed } from './history.js';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';
import { begunImport, filled, settledImport, told } from './moving-service.js';

const WRITERS = 6;
const EXPORTS = 12;
const MANY = 5_000;
/** What an import may take beside what a service takes anyway. */
const IMPORT_BYTES = 300 * 1024 * 1024;

describe('two services', () => {
  const directories: TemporaryDirectory[] = [];
  const running: ServerProcess[] = [];
  const start = async (env: Record<string, string> = {}) => {
    const directory = await temporaryDirectory();
    directories.push(directory);
    const server = await ServerProcess.start({ cwd: directory.path, env });
    running.push(server);
    return server;
  };
  let source: ServiceCalls;
  beforeAll(async () => {
    source = await filled((await start()).url, MANY);
  });
  afterAll(async () => {
    for (const server of running) await server.kill();
    for (const directory of directories) await directory.remove();
  });

  it(`move ${MANY} schemas over HTTP, within bounds of memory, and answer meanwhile`, async () => {
    const registries = { old: { url: source.url(), allowedAddresses: ['127.0.0.0/8', '::1'] } };
    const { url } = await start({ WEIR_REGISTRIES: JSON.stringify(registries) });
    const target = new ServiceCalls(() => url);
    const before = await residentBytes(url);
    let highest = before;
    let answered = 0;
    const id = await begunImport(target, { source: { registry: 'old' } });
    const done = settledImport(target, id);
    let going = true;
    void done.finally(() => (going = false));
    while (going) {
      expect((await target.registry.get('/subjects?limit=1')).status).toBe(200);
      answered++;
      if (answered % 20 === 0) highest = Math.max(highest, await residentBytes(url));
    }
    expect(await done).toMatchObject({ state: 'FINISHED', verification: { state: 'passed' } });
    expect(told(await target.moves.exported())).toEqual(told(await source.moves.exported()));
    expect(answered).toBeGreaterThan(100);
    expect(highest - before).toBeLessThan(IMPORT_BYTES);
  });

  it('show in an export the registry of one instant, whatever is written meanwhile', async () => {
    const deeds: Deed[] = [];
    let count = 0;
    let going = true;
    const did = async (name: string, work: () => Promise<unknown>) => {
      const deed = { name, begun: ++count, ended: undefined as number | undefined };
      deeds.push(deed);
      await work();
      deed.ended = ++count;
    };
    const write = async (writer: number) => {
      for (let n = 0; going; n++) {
        // Names before, among and after those that were there.
        const subject = `${['a', 'subject-0100', 'z'][n % 3]!}-${writer}-${n}`;
        await did(`${subject} 1`, () =>
          source.registry.registered(subject, `{"type":"fixed","name":"F${writer}_${n}","size":4}`),
        );
        if (n % 4 === 3)
          await did(`${subject} 1 deleted`, () => source.registry.demand('DELETE', `/subjects/${subject}`));
      }
    };
    const writers = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    const exports: { begun: number; ended: number; names: Set<string> }[] = [];
    try {
      for (let n = 0; n < EXPORTS; n++) {
        const begun = ++count;
        const file = await source.moves.exported();
        exports.push({ begun, ended: ++count, names: namesIn(file) });
      }
    } finally {
      going = false;
      await writers;
    }
    expect(exports.flatMap((one) => contradictions(deeds, one))).toEqual([]);
    const seen = exports.map(({ names }) => deeds.filter(({ name }) => names.has(name)).length);
    expect(new Set(seen).size).toBeGreaterThan(EXPORTS / 2);
    // Put together from two exports it would be noticed.
    const [first, last] = [exports[0]!, exports.at(-1)!];
    const patched = new Set([...last.names].filter((name) => name >= 'subject' || first.names.has(name)));
    expect(contradictions(deeds, { ...last, begun: first.begun, names: patched })).not.toEqual([]);
  });
});

function namesIn(file: string): Set<string> {
  const names = new Set<string>();
  for (const line of told(file)) {
    const { kind, subject, version, deleted } = JSON.parse(line) as Record<string, unknown>;
    if (kind !== 'version') continue;
    names.add(`${String(subject)} ${String(version)}`);
    if (deleted === true) names.add(`${String(subject)} ${String(version)} deleted`);
  }
  return names;
}

async function residentBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^weir_process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
}
