import type { DynamicModule, Provider, Type } from '@nestjs/common';
import supertest from 'supertest';
import { Authorizer, OpenAuthenticator, RoleAuthorizer, type Authenticator } from '#libs/platform/auth';
import { createHttpApp, globalProviders, type HttpApp, type HttpSettings } from '#libs/platform/http';

export interface TestAppOptions {
  /** The feature modules under test. */
  readonly modules: readonly (Type | DynamicModule)[];
  /** What they need: `{ provide: Clusters, useValue: … }`. An `Authorizer` is there already. */
  readonly providers?: readonly Exclude<Provider, Type>[];
  /** Everybody may do everything unless given. */
  readonly authenticator?: Authenticator;
  readonly authorizer?: Authorizer;
  readonly settings?: Partial<HttpSettings>;
}

export interface TestApp {
  readonly app: HttpApp;
  /** `http://127.0.0.1:…`. */
  readonly url: string;
  readonly agent: ReturnType<typeof supertest>;
  close(): Promise<void>;
}

/** Features in process, on a free loopback port, behind the same hooks, parsers and error answers as in the service. */
export async function startTestApp(options: TestAppOptions): Promise<TestApp> {
  const authorizer = options.authorizer ?? new RoleAuthorizer();
  const app = await createHttpApp({
    modules: [
      globalProviders([{ provide: Authorizer, useValue: authorizer }, ...(options.providers ?? [])]),
      ...options.modules,
    ],
    authenticator: options.authenticator ?? new OpenAuthenticator(),
    authorizer,
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  const url = await app.listen('127.0.0.1', 0);
  return { app, url, agent: supertest(url), close: () => app.close() };
}
