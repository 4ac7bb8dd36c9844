import { Breath, type Clock } from '#libs/core/kernel';
import { schemaNotFound, type SchemaEntry } from '#libs/core/registry';
import type { SchemaEngine } from '#libs/core/schema';
import { usageTooWide } from '../errors.js';
import type { Census, PartitionCount } from './census.js';
import type { SchemaUsages } from './schema-usages.js';
import {
  recordReasons,
  verdictOf,
  versionReasons,
  type UsageReason,
  type UsageVerdict,
  type VersionFacts,
} from './verdict.js';
import { VersionNeeds, type VersionNeedsTools } from './version-needs.js';

export interface IdUsageTools extends VersionNeedsTools {
  readonly engine: SchemaEngine;
  readonly clock: Clock;
}

/** A version that carries an id, with what needs it besides records. */
export interface CarrierUsage extends VersionFacts {
  readonly deleted: boolean;
  readonly guid: string;
  readonly verdict: UsageVerdict;
  readonly reasons: readonly UsageReason[];
}

/** What is known of the use of an id, whatever it stands for in each context. */
export interface IdUsage {
  readonly schemaId: number;
  /** What it stands for: the default context first, then the others by name. */
  readonly entries: readonly SchemaEntry[];
  /** By context, each one's in the order of registration. */
  readonly versions: readonly CarrierUsage[];
  /** Of records and of all versions. */
  readonly verdict: UsageVerdict;
  /** What records say. */
  readonly reasons: readonly UsageReason[];
  readonly counts: readonly PartitionCount[];
  readonly census: Census;
}

/** Versions of one id that are looked at. */
const MAX_VERSIONS = 1_000;

/** Tells who needs a schema by the id that records carry: all versions of all contexts that go by it. */
export class IdUsages {
  constructor(
    private readonly tools: IdUsageTools,
    private readonly usages: Pick<SchemaUsages, 'census'>,
  ) {}

  /** What an id stands for; the default context first. Empty for an id of nothing, and of what was purged. */
  async entriesOf(schemaId: number): Promise<readonly SchemaEntry[]> {
    const { registry, clock } = this.tools;
    const breath = new Breath(clock);
    const entries: SchemaEntry[] = [];
    await registry.view.refresh();
    for (const context of await registry.contexts()) {
      const entry = await registry.view.entry(context, schemaId);
      if (entry !== undefined && entry.usages.length > 0) entries.push(entry);
      await breath.take();
    }
    return entries;
  }

  /** @throws `schema-not-found`, `usage-too-wide`, and as `SchemaUsages.census`. */
  async usageOf(schemaId: number, scan: string | undefined, signal: AbortSignal): Promise<IdUsage> {
    const { clock } = this.tools;
    const entries = await this.entriesOf(schemaId);
    const carriers = entries.reduce((sum, { usages }) => sum + usages.length, 0);
    if (carriers === 0) throw schemaNotFound(schemaId);
    if (carriers > MAX_VERSIONS) throw usageTooWide(MAX_VERSIONS, carriers);
    const guids = [...new Set(entries.map(({ schema }) => schema.guid))];
    const census = await this.usages.census(
      guids.map((guid) => ({ id: schemaId, guid })),
      scan,
      signal,
    );
    const counts = census.count(schemaId, guids);
    const needs = new VersionNeeds(this.tools, census);
    const breath = new Breath(clock);
    const versions: CarrierUsage[] = [];
    for (const entry of entries) {
      const names = await this.#namesOf(entry);
      for (const usage of entry.usages) {
        signal.throwIfAborted();
        const facts = await needs.of(usage, names, [], counts);
        const reasons = versionReasons(facts);
        const { deleted } = usage;
        versions.push({ ...facts, deleted, guid: entry.schema.guid, verdict: verdictOf(reasons), reasons });
        await breath.take();
      }
    }
    const reasons = recordReasons(
      census,
      counts,
      versions.flatMap(({ bindings }) => bindings),
    );
    const verdict = verdictOf([...reasons, ...versions.flatMap((one) => one.reasons)]);
    return { schemaId, entries, versions, verdict, reasons, counts, census };
  }

  async #namesOf({ schema }: SchemaEntry): Promise<ReadonlySet<string>> {
    const { registry, engine } = this.tools;
    const { outline } = await engine.read(await registry.view.source(schema));
    return new Set(outline.names);
  }
}
