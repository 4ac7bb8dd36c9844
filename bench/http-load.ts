import autocannon, { type Options } from 'autocannon';

export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const REGISTRY_TYPE = 'application/vnd.schemaregistry.v1+json';

/** Loads one address for three seconds unless told otherwise, as registry clients do unless other headers are given. @throws when an answer is no success. */
export async function httpLoad(url: string, options: Partial<Options> = {}): Promise<Load> {
  const result = await autocannon({
    url,
    connections: 32,
    duration: 3,
    ...options,
    headers: options.headers ?? {
      accept: REGISTRY_TYPE,
      ...(options.method === 'POST' ? { 'content-type': REGISTRY_TYPE } : {}),
    },
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} answers were no success, ${result.errors} errors`);
  return { perSecond: result.requests.average, p50Ms: result.latency.p50, p99Ms: result.latency.p99 };
}
