import type { FastifyInstance, RouteOptions } from 'fastify';
import type { RouteAccess } from '#libs/platform/auth';
import type { ApiDoc } from './api-json.js';
import type { ConfluentDialect } from './confluent-api.js';
import { REGISTRY_DIALECT } from './registry-dialect.js';
import { fitsPattern, patternSegments } from './route-pattern.js';

/** A route the service answers, as it declared itself. `HEAD` twins of `GET` routes are left out. */
export interface TableRoute {
  readonly method: string;
  /** Pattern as Fastify has it: `/v1/topics/:topic`. */
  readonly url: string;
  readonly access: RouteAccess;
  readonly api: ApiDoc | undefined;
  readonly confluent: ConfluentDialect | undefined;
  /** Media types of bodies beyond JSON. */
  readonly consumes: readonly string[];
}

/** Every route of a server. The source of the OpenAPI document, of 405 answers and of the tests that look at all routes. */
export class RouteTable {
  readonly #routes: TableRoute[] = [];

  /** Notes each route that is added from now on. */
  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', (route: RouteOptions) => {
      const { config } = route;
      if (config?.access === undefined) return;
      for (const method of [route.method].flat()) {
        if (method === 'HEAD') continue;
        this.#routes.push({
          method,
          url: route.url,
          access: config.access,
          api: config.api,
          confluent: config.confluent,
          consumes: config.consumes ?? [],
        });
      }
    });
  }

  routes(): readonly TableRoute[] {
    return this.#routes;
  }

  /** The methods a path answers to, in the order of their routes; `HEAD` wherever `GET` is. Slow: for requests that matched nothing. */
  methodsFor(path: string): readonly string[] {
    const methods = new Set<string>();
    for (const route of this.#routes) {
      if (!fitsPattern(patternSegments(route.url), path)) continue;
      methods.add(route.method);
      if (route.method === 'GET') methods.add('HEAD');
    }
    return [...methods];
  }

  /**
   * The Confluent dialect in which to answer a path that matched nothing: that of its neighbours, of those below the same first segment. A path of which
   * nobody has the first segment is the registry's: it lives at the root, and its clients ask for parts that not every registry has.
   */
  dialectOf(path: string): ConfluentDialect | undefined {
    const [first, second] = path.split('/').filter((segment) => segment !== '');
    const below = this.#routes.filter((route) => patternSegments(route.url)[0]?.text === first);
    if (first !== 'v1' && below.length === 0) return REGISTRY_DIALECT;
    const near = below.filter((route) => first !== 'v1' || patternSegments(route.url)[1]?.text === second);
    return near.find((route) => route.confluent !== undefined)?.confluent;
  }
}
