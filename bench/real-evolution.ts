import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, median, type Benchmark, type Figure } from './measure.js';
import { INTERFACES, WEBHOOKS } from './evolution-packages.js';
import { processorMs } from './processor-time.js';
import { packageFolder, type PublishedPackage } from './published-packages.js';

/** Known without a reference. */
const BUNDLED = 'google/protobuf/';

/** Long enough that what is measured is work, however busy the machine is; a service has 2 s unless told otherwise. */
const DEADLINE_MS = '60000';
/** Longest text of a schema that the service takes. */
const MAX_TEXT = 1024 * 1024;

interface Answer {
  readonly status: number;
  /** Of the processors, for the whole service while it answered. */
  readonly ms: number;
  readonly body: Record<string, unknown>;
}

/** Asks the service, and says what the answer cost it. */
class Registry {
  constructor(
    private readonly url: string,
    private readonly pid: number,
  ) {}

  async send(method: 'POST' | 'PUT', path: string, body: object): Promise<Answer> {
    const before = await processorMs(this.pid);
    const response = await fetch(this.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, ms: (await processorMs(this.pid)) - before, body: answer };
  }

  register(subject: string, schema: object): Promise<Answer> {
    return this.send('POST', `/subjects/${encodeURIComponent(subject)}/versions`, schema);
  }

  async level(subject: string, compatibility: string): Promise<void> {
    await this.send('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility });
  }
}

/** Kinds of difference in messages of the Confluent API, with how often each was named. */
class Kinds {
  readonly #counts = new Map<string, number>();

  add(message: unknown): void {
    for (const [, kind] of String(message).matchAll(/errorType:"([A-Z_]+)"/g)) {
      this.#counts.set(kind!, (this.#counts.get(kind!) ?? 0) + 1);
    }
  }

  toString(): string {
    return [...this.#counts]
      .sort(([, one], [, other]) => other - one)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ');
  }
}

/** The whole schema of each version under one subject. A version that BACKWARD refuses is counted and registered all the same, so that the next is compared with it. */
async function webhooks(registry: Registry): Promise<readonly Figure[]> {
  const subject = WEBHOOKS[0]!.name;
  const [times, kinds] = [[] as number[], new Kinds()];
  let [accepted, characters] = [0, 0];
  for (const published of WEBHOOKS) {
    const { version } = published;
    const schema = await readFile(join(await packageFolder(published), 'schema.json'), 'utf8');
    characters = Math.max(characters, schema.length);
    const body = { schema, schemaType: 'JSON' };
    await registry.level(subject, 'BACKWARD');
    const answer = await registry.register(subject, body);
    times.push(answer.ms);
    if (answer.status === 200) accepted++;
    else {
      kinds.add(answer.body['message']);
      await registry.level(subject, 'NONE');
      const again = await registry.register(subject, body);
      if (again.status !== 200) throw new Error(`${version}: ${JSON.stringify(again.body).slice(0, 300)}`);
    }
    process.stdout.write(`  ${version}: ${answer.status} in ${answer.ms.toFixed(0)} ms of CPU\n`);
  }
  process.stdout.write(`  refused under BACKWARD for: ${kinds.toString() || 'nothing'}\n`);
  const what = `${WEBHOOKS.length} versions of ${subject} (up to ${characters.toLocaleString('en-US')} characters)`;
  return [
    { what: `${what}, accepted under BACKWARD`, unit: 'versions', measured: accepted },
    { what: 'registration or refusal, median', unit: 'ms of CPU', measured: median(times) },
    { what: 'registration or refusal, slowest', unit: 'ms of CPU', measured: Math.max(...times) },
  ];
}

interface ProtoText {
  readonly path: string;
  readonly text: string;
  /** Files of the same package that it imports. */
  readonly imports: readonly string[];
}

/** Each file under a subject of its own, what it imports before it. */
async function interfaces(registry: Registry): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const published of INTERFACES) {
    const { name, version } = published;
    const folder = await packageFolder(published);
    const files = inOrder(await protoFiles(folder));
    const [times, kinds] = [[] as number[], new Kinds()];
    const refused: string[] = [];
    const invalid: string[] = [];
    const tooLong = files.filter(({ text }) => text.length > MAX_TEXT);
    let spent = 0;
    for (const { path, text, imports } of files.filter((file) => !tooLong.includes(file))) {
      const references = imports.map((name) => ({ name, subject: name, version: -1 }));
      const body = { schema: text, schemaType: 'PROTOBUF', references };
      const answer = await registry.register(path, body);
      times.push(answer.ms);
      spent += answer.ms;
      if (answer.status === 409) {
        refused.push(path);
        kinds.add(answer.body['message']);
        // Later files refer to it.
        await registry.level(path, 'NONE');
        await registry.register(path, body);
      } else if (answer.status !== 200) invalid.push(`${path}: ${JSON.stringify(answer.body).slice(0, 200)}`);
    }
    process.stdout.write(
      `  ${version}: ${files.length} files in ${(spent / 1_000).toFixed(1)} s of CPU, ${refused.length} refused under BACKWARD (${kinds.toString() || 'none'}), ${invalid.length} invalid, ${tooLong.length} longer than a schema may be\n`,
    );
    const dangling = invalid.filter((one) => one.includes('No schema reference found'));
    process.stdout.write(`    of the invalid ones, ${dangling.length} import another one\n`);
    for (const one of invalid.filter((other) => !dangling.includes(other)).slice(0, 5))
      process.stdout.write(`    ${one}\n`);
    const what = `${name} ${version}, ${files.length} files`;
    figures.push(
      {
        what: `${what}, accepted under BACKWARD`,
        unit: 'files',
        measured: files.length - refused.length - invalid.length - tooLong.length,
      },
      { what: `${what}, registration or refusal, slowest`, unit: 'ms of CPU', measured: Math.max(...times) },
      { what: `${what}, registration or refusal, on average`, unit: 'ms of CPU', measured: spent / files.length },
    );
  }
  return figures;
}

async function protoFiles(folder: string): Promise<readonly ProtoText[]> {
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.proto')).sort();
  const own = new Set(paths);
  const files = await Promise.all(
    paths
      .filter((path) => !path.startsWith(BUNDLED))
      .map(async (path) => {
        const text = await readFile(join(folder, path), 'utf8');
        const imports = [...text.matchAll(/^import\s+(?:public\s+|weak\s+)?"([^"]+)"/gm)].map(([, name]) => name!);
        return { path, text, imports: imports.filter((name) => own.has(name) && !name.startsWith(BUNDLED)) };
      }),
  );
  return files;
}

function inOrder(files: readonly ProtoText[]): readonly ProtoText[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const ordered = new Set<ProtoText>();
  const visit = (file: ProtoText): void => {
    if (ordered.has(file)) return;
    for (const name of file.imports) visit(byPath.get(name)!);
    ordered.add(file);
  };
  files.forEach(visit);
  return [...ordered];
}

/** Schemas that were published version after version, registered in their order: what is accepted, and what it costs. */
export const realEvolution: readonly Benchmark[] = [
  { name: 'webhook-evolution', run: () => overPublished(WEBHOOKS, webhooks) },
  { name: 'interface-evolution', run: () => overPublished(INTERFACES, interfaces) },
];

async function overPublished(
  packages: readonly PublishedPackage[],
  measured: (registry: Registry) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  try {
    for (const published of packages) await packageFolder(published);
  } catch (error) {
    process.stdout.write(`did not run: the packages cannot be had (${String(error).split('\n')[0]})\n`);
    return [];
  }
  return inTemporaryDirectory(async (directory) => {
    const service = await ServiceProcess.prepare(directory, { WEIR_SCHEMAS_DEADLINE_MS: DEADLINE_MS });
    await service.start();
    try {
      return await measured(new Registry(service.url, service.pid!));
    } finally {
      await service.stop();
    }
  });
}
