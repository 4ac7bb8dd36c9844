import type { JsonObject } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { TopicDirectories, type LogEngine } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import type { OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { Registry, type RegistryStore } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { ExportWriter } from '../export-format.js';
import { RegistryExport } from '../export.js';
import { ImportHandler } from '../import-handler.js';
import { Upload } from '../upload.js';
import { MemoryImportStaging } from './memory-import-staging.js';
import { FixedSourceRegistries, type MemorySourceRegistry } from './memory-source-registry.js';

/** Waits end at once: nothing here depends on how long they are. */
class TickingClock extends ManualClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms >= 1_000) return super.sleep(ms, signal);
    this.advance(ms);
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** An import as the operation engine keeps it. */
export interface KeptImport {
  readonly id: string;
  readonly plan: PlanDraft;
  phase: string;
  notes: JsonObject;
}

const LIMITS = { totalBytes: 100_000_000, entryBytes: 10_000_000, entries: 100_000 };

/** A registry in memory that others are imported into, by processes that come and go. */
export class ImportWorld {
  readonly clock = new TickingClock();
  readonly staging = new MemoryImportStaging();
  readonly directories: TopicDirectories;
  readonly registry: Registry;
  readonly #engine = new LocalSchemaEngine(standardFormats());
  #ids = 0;

  constructor(
    readonly sources: readonly MemorySourceRegistry[] = [],
    readonly store: RegistryStore = new MemoryRegistryStore(),
    log: LogEngine = new MemoryLogEngine(),
  ) {
    this.directories = new TopicDirectories(new OneCluster(log), new MemoryTopicNames(), this.clock);
    this.registry = new Registry(this.store, this.#engine, this.clock);
  }

  /** A handler as another process would have it. @param pass called at each named step. */
  handler(pass: (name: string) => void | Promise<void> = () => undefined, mostCharacters?: number): ImportHandler {
    return new ImportHandler({
      staging: this.staging,
      registries: new FixedSourceRegistries(this.sources),
      directories: this.directories,
      store: this.store,
      registry: new Registry(this.store, this.#engine, this.clock),
      engine: this.#engine,
      clock: this.clock,
      newId: () => String(++this.#ids),
      failPoint: pass,
      mostCharacters,
    });
  }

  async exported(): Promise<string> {
    return this.store.snapshot(async (snapshot) => {
      const registry = await RegistryExport.of(snapshot, { deleted: true });
      const writer = new ExportWriter();
      const lines = [writer.header(registry.counts)];
      for await (const entry of registry.entries()) lines.push(writer.entry(entry));
      return Buffer.concat([...lines, writer.end()]).toString('utf8');
    });
  }

  async uploaded(text: string): Promise<string> {
    const id = `upload-${++this.#ids}`;
    await this.staging.begin(id, this.clock.now());
    await new Upload(this.staging, id, LIMITS).read(pieces(Buffer.from(text)));
    return id;
  }

  async started(request: JsonObject): Promise<KeptImport> {
    const plan = await this.handler().plan(request);
    return { id: `import-${++this.#ids}`, plan, phase: 'PREPARING', notes: {} };
  }

  /** Goes on to the end, or to what a step throws. */
  async goOn(operation: KeptImport, handler = this.handler()): Promise<KeptImport> {
    while (operation.phase !== 'FINISHED') {
      const phase = handler.phases[operation.phase as 'PREPARING']!;
      const { next, notes = {} }: PhaseResult = await phase(runOf(operation));
      operation.phase = next;
      operation.notes = { ...operation.notes, ...notes };
    }
    return operation;
  }

  async imported(request: JsonObject): Promise<KeptImport> {
    return this.goOn(await this.started(request));
  }

  cancelled(operation: KeptImport): Promise<void> {
    return this.handler().cancel(runOf(operation));
  }
}

function runOf(operation: KeptImport): OperationRun {
  return {
    operationId: operation.id,
    parameters: operation.plan.parameters,
    get notes() {
      return operation.notes;
    },
    signal: new AbortController().signal,
    report: () => undefined,
    pace: async () => undefined,
    event: async () => undefined,
    note: async (notes) => {
      operation.notes = { ...operation.notes, ...notes };
    },
    stepShare: 1,
    cutoverRequested: async () => undefined,
  };
}

/** As a network would deliver it: lines are cut anywhere. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
}
