import type { JsonValue } from '#libs/core/kernel';

/** An answer of another registry: its body, or that there is nothing at the path (404, whatever its code). */
export type SourceAnswer = { readonly status: 'found'; readonly body: JsonValue } | { readonly status: 'missing' };

/** A running registry that speaks the Confluent API and is only read. What it says is not to be trusted in any respect. */
export abstract class SourceRegistry {
  abstract readonly name: string;
  /** Where it is, for people; without credentials. */
  abstract readonly location: string;

  /**
   * GET of a path below its base, with its query: `/subjects?deleted=true`. Retries what may pass by itself. Bounded in time and size.
   * @throws `source-registry-unreachable` and `source-registry-busy` (both retryable), `source-registry-refused`, `source-registry-redirects`, `source-registry-invalid`.
   */
  abstract get(path: string, signal?: AbortSignal): Promise<SourceAnswer>;
}

/** The registries that the configuration names. */
export abstract class SourceRegistries {
  abstract list(): readonly SourceRegistry[];
  /** @throws `source-registry-not-found`, naming those there are. */
  abstract get(name: string): SourceRegistry;
}
