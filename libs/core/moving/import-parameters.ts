import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { UNREADABLE, type Unreadable } from './judge.js';
import { checkSelection, invalidImport, type Selection } from './selection.js';

/** Where a registry is imported from. */
export type ImportOrigin =
  /** A running one, by its name in the configuration. */
  | { readonly kind: 'registry'; readonly registry: string }
  /** The topic in which a registry keeps its state. */
  | { readonly kind: 'topic'; readonly cluster: string; readonly topic: string }
  /** What was posted before. */
  | { readonly kind: 'upload'; readonly upload: string };

/** Whether a conflict keeps everything from being brought in, or the entry is left out. */
export const CONFLICT_POLICIES = ['refuse', 'skip'] as const;
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

/** What somebody wants, with every default filled in. */
export interface ImportParameters extends Selection {
  readonly origin: ImportOrigin;
  readonly conflicts: ConflictPolicy;
  readonly unreadable: Unreadable;
}

/** @param defaultCluster of a topic that is named without one. @throws `invalid-import`. */
export function importParameters(json: JsonObject, defaultCluster: string): ImportParameters {
  const selection: Selection = {
    from: textOrNull(json['from']),
    into: textOrNull(json['into']),
    prefix: textOrNull(json['prefix']),
    configs: json['configs'] !== false,
    modes: json['modes'] !== false,
  };
  checkSelection(selection);
  return {
    origin: originOf(json['source'], defaultCluster),
    ...selection,
    conflicts: CONFLICT_POLICIES.find((one) => one === json['conflicts']) ?? 'refuse',
    unreadable: UNREADABLE.find((one) => one === json['unreadable']) ?? 'refuse',
  };
}

/** Parameters as a plan keeps them; {@link importParameters} reads them again. */
export function parametersToJson({ origin, ...rest }: ImportParameters): JsonObject {
  return { source: { ...origin }, ...rest };
}

function originOf(source: JsonValue | undefined, defaultCluster: string): ImportOrigin {
  const given = isJsonObject(source) ? source : {};
  const { registry, topic, upload, cluster } = given;
  const named = [registry, topic, upload].filter((one) => one !== undefined);
  if (named.length === 1) {
    if (typeof registry === 'string') return { kind: 'registry', registry };
    if (typeof upload === 'string') return { kind: 'upload', upload };
    if (typeof topic === 'string') {
      return { kind: 'topic', topic, cluster: typeof cluster === 'string' ? cluster : defaultCluster };
    }
  }
  throw invalidImport(
    'source names no place, or several',
    'Give {"registry": name}, {"topic": name} or {"upload": id}.',
  );
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
