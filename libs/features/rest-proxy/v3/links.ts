import type { FastifyRequest } from 'fastify';

/** The prefix under which the vendor's server and cloud have the same paths. */
const VENDOR_PREFIX = '/kafka/v3';

/** What names a resource below its cluster, from the outside in: `['topic', 'orders'], ['partition', 0]`. */
export type ResourcePath = readonly (readonly [kind: string, name: string | number])[];

/** A link to another resource. */
export interface Related {
  readonly related: string;
}

/** URLs of v3 resources: scheme and host are those of the request, the prefix is the one it came by. */
export class Links {
  readonly #base: string;

  constructor(
    origin: string,
    private readonly clusterId: string,
    vendorPrefix: boolean,
  ) {
    this.#base = `${origin}${vendorPrefix ? VENDOR_PREFIX : '/v3'}/clusters`;
  }

  static of(request: FastifyRequest, clusterId: string): Links {
    return new Links(originOf(request), clusterId, request.originalUrl.startsWith(`${VENDOR_PREFIX}/`));
  }

  /** The list of clusters. */
  get clusters(): string {
    return this.#base;
  }

  /** A path below the cluster; segments are escaped, none for the cluster itself. */
  to(...segments: readonly (string | number)[]): string {
    return [this.#base, this.clusterId, ...segments]
      .map((segment, i) => (i === 0 ? segment : encodeURIComponent(segment)))
      .join('/');
  }

  related(...segments: readonly (string | number)[]): Related {
    return { related: this.to(...segments) };
  }

  /** The cloud resource name: no authority, since none is configured. */
  resourceName(path: ResourcePath = []): string {
    return `crn:///kafka=${this.clusterId}${path.map(([kind, name]) => `/${kind}=${name}`).join('')}`;
  }
}

/** Scheme and host as the client wrote them. */
export function originOf(request: FastifyRequest): string {
  const { host } = request.headers;
  const { localAddress = '127.0.0.1', localPort = 80 } = request.raw.socket;
  return `${request.protocol}://${host ?? `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`}`;
}
