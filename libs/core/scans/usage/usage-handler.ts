import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PlanDraft } from '#libs/core/operations';
import { scanInvalid, scanTooWide } from '../errors.js';
import { ScanHandler, type ScanFold } from '../scan-handler.js';
import { rangesToJson } from '../scan.js';
import { surveyPartitions } from '../survey.js';
import { UsageTally } from './tally.js';

/** Partitions of one scan. */
const MAX_PARTITIONS = 20_000;

/** Topics that a scan is limited to; everything when undefined. */
export interface UsageSelection {
  readonly cluster: string | undefined;
  readonly topics: readonly string[] | undefined;
}

/** Counts in which retained records which schemas are named: every topic of every cluster, or some of them. */
export class UsageHandler extends ScanHandler {
  readonly kind = 'schema-usage';

  /** @throws `scan-invalid`, `scan-too-wide`, `cluster-not-found`, `cluster-unavailable`. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const { clusters } = this.tools;
    const { cluster, topics } = selectionOf(request);
    const among = cluster === undefined ? clusters.names() : [cluster];
    const logs = Object.fromEntries(among.map((name) => [name, clusters.get(name).logId]));
    const { partitions } = await surveyPartitions(clusters, (logical) => topics?.includes(logical) ?? true, among);
    if (partitions.length > MAX_PARTITIONS) throw scanTooWide(MAX_PARTITIONS, partitions.length);
    const filled = partitions.filter(({ from, to }) => from < to);
    const records = filled.reduce((sum, { from, to }) => sum + to - from, 0);
    const sizes = filled.map((one) => one.sizeBytes);
    const bytes = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + size!, 0);
    const whole = cluster === undefined && topics === undefined;
    return {
      subject: 'registry:usage',
      parameters: {
        logs,
        selection: { cluster: cluster ?? null, topics: topics === undefined ? null : [...topics] },
        // Partitions without records too: that they hold none is known.
        ranges: rangesToJson(partitions),
      },
      fingerprint: logs,
      steps: [
        'read every record up to the offsets of the plan',
        'count by partition which schemas keys and values name',
      ],
      impact: { partitions: partitions.length, records, bytes },
      risks: whole ? [] : ['Only a part of the topics is looked at, so that no schema can be called safe to delete.'],
      blockers: [],
      estimates: { etaSeconds: null, pauseMs: null, records, bytes },
    };
  }

  protected async fold(): Promise<ScanFold> {
    return new UsageTally();
  }
}

function selectionOf(request: JsonObject): UsageSelection {
  const { cluster, topics } = request;
  if (cluster !== undefined && typeof cluster !== 'string') throw scanInvalid('cluster is no name');
  if (topics !== undefined && !isNames(topics)) throw scanInvalid('topics is no list of names');
  return { cluster, topics: topics === undefined ? undefined : [...new Set(topics)].sort() };
}

function isNames(value: JsonValue): value is string[] {
  return Array.isArray(value) && !isJsonObject(value) && value.every((one) => typeof one === 'string');
}
