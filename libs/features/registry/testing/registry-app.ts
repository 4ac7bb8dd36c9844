import { randomBytes } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import { OnceByKey } from '#libs/core/idempotency';
import { MemoryAnswerStore } from '#libs/core/idempotency/testing';
import { ManualClock } from '#libs/core/kernel/testing';
import { Registry, RegistryMessageCodec, type RegistrationPolicy, type RegistryStore } from '#libs/core/registry';
import { TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames } from '#libs/core/log/testing';
import { operationNotFound } from '#libs/core/operations';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { ScanLifetime, SchemaChecks, SchemaUsages, TopicSamples } from '#libs/core/scans';
import { MemoryClusters, MemoryScanStore } from '#libs/core/scans/testing';
import { LocalSchemaEngine, SchemaEngine, SchemaProposals, standardFormats } from '#libs/core/schema';
import { Authorizer, OpenAuthenticator, RoleAuthorizer, type Authenticator } from '#libs/platform/auth';
import { createHttpApp, type HttpApp } from '#libs/platform/http';
import { RegistryModule, rewriteRegistryUrl } from '../index.js';

export interface RegistryAppOptions {
  /** In memory when not given. */
  readonly store?: RegistryStore;
  readonly authenticator?: Authenticator;
  readonly registration?: RegistrationPolicy;
}

export interface RegistryApp {
  readonly http: HttpApp;
  readonly registry: Registry;
  readonly clock: ManualClock;
  /** The one log there is. */
  readonly log: MemoryLogEngine;
}

@Module({})
class PartsModule {}

/** The registry's routes as the server has them, in this process. Requests go in through `http.fastify.inject`, or over a port after `http.listen`. */
export async function openRegistryApp(options: RegistryAppOptions = {}): Promise<RegistryApp> {
  const clock = new ManualClock();
  const engine = new LocalSchemaEngine(standardFormats());
  const store = options.store ?? new MemoryRegistryStore();
  const registry = new Registry(store, engine, clock, {
    registration: options.registration,
  });
  const log = new MemoryLogEngine();
  const clusters = new MemoryClusters(new Map([['local', log]]));
  const scans = new MemoryScanStore();
  const lifetime = new ScanLifetime(clock, 0);
  const usages = new SchemaUsages({
    registry,
    store,
    engine,
    clusters,
    scans,
    operations: { status: notFound, planOf: notFound },
    clock,
    lifetime,
    consumersOf: async () => [],
    derivedWith: () => Promise.resolve(0),
  });
  const none = async () => [];
  const operations = { plan: notFound, start: notFound, status: notFound, planOf: notFound, awaitRest: notFound };
  const checks = new SchemaChecks({
    registry,
    scans,
    lifetime,
    operations: { ...operations, list: none, counts: none },
  });
  const directories = new TopicDirectories(clusters, new MemoryTopicNames(), clock);
  const codec = new RegistryMessageCodec(registry);
  const authorizer = new RoleAuthorizer();
  const parts: DynamicModule = {
    module: PartsModule,
    global: true,
    providers: [
      { provide: SchemaEngine, useValue: engine },
      { provide: Registry, useValue: registry },
      { provide: SchemaUsages, useValue: usages },
      { provide: SchemaChecks, useValue: checks },
      { provide: SchemaProposals, useValue: new SchemaProposals(engine, clock) },
      { provide: TopicSamples, useValue: new TopicSamples({ directories, codec, clock }) },
      { provide: Authorizer, useValue: authorizer },
      {
        provide: OnceByKey,
        useValue: new OnceByKey(new MemoryAnswerStore(), clock, () => randomBytes(16).toString('hex')),
      },
    ],
    exports: [SchemaEngine, Registry, SchemaUsages, SchemaChecks, SchemaProposals, TopicSamples, Authorizer, OnceByKey],
  };
  const http = await createHttpApp({
    modules: [parts, RegistryModule],
    authenticator: options.authenticator ?? new OpenAuthenticator(),
    authorizer,
    rewriteUrl: rewriteRegistryUrl,
  });
  return { http, registry, clock, log };
}

/** There are no operations here. */
function notFound(id: unknown): Promise<never> {
  return Promise.reject(operationNotFound(String(id)));
}
