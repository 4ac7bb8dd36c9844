import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { z } from 'zod';
import { Access } from '#libs/platform/auth';
import { ApiJson, ConfluentApi, REGISTRY_DIALECT, type ConfluentDialect } from '#libs/platform/http';
import { requireObject } from './bodies.js';
import { RegistryIdentity } from './registry-identity.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';
const empty = z.object({});

/** The REST Proxy answers the same at the same path, in a type of its own. */
const ROOT: ConfluentDialect = {
  ...REGISTRY_DIALECT,
  offers: [...REGISTRY_DIALECT.offers, ['application/vnd.kafka.v2+json', 0.4]],
};

/** A sign of life (contract 2.2). */
@ConfluentApi(ROOT)
@Controller()
export class RootController {
  @Get()
  @Access('read', 'service')
  @ApiJson({ id: 'getRoot', summary: 'Answer, as a sign of life', tag, response: empty })
  root(): Wire {
    return {};
  }

  @Post()
  @HttpCode(200)
  @Access('read', 'service')
  @ApiJson({ id: 'postRoot', summary: 'Answer, as a sign of life', tag, response: empty })
  postRoot(@Body() body: unknown): Wire {
    if (body !== undefined && body !== null) requireObject(body, 'post.request');
    return {};
  }
}

/** What clients, probes and tools ask a registry about itself (contract 2.2). */
@ConfluentApi()
@Controller()
export class ServiceInfoController {
  constructor(@Inject(RegistryIdentity) private readonly identity: RegistryIdentity) {}

  @Get('v1/metadata/id')
  @Access('read', 'service')
  @ApiJson({ id: 'getRegistryId', summary: 'Names of this registry and its cluster', tag, response: z.looseObject({}) })
  id(): Wire {
    const clusters = { 'kafka-cluster': this.identity.clusterId, 'schema-registry-cluster': this.identity.groupId };
    return { scope: { path: [], clusters } };
  }

  @Get('v1/metadata/version')
  @Access('read', 'service')
  @ApiJson({
    id: 'getRegistryVersion',
    summary: 'Version of the registry contract and of this build',
    tag,
    response: z.object({ version: z.string(), commitId: z.string() }),
  })
  version(): Wire {
    return { version: this.identity.version, commitId: this.identity.commitId };
  }

  @Get('v1/metadata/deployment')
  @Access('read', 'service')
  @ApiJson({
    id: 'getRegistryDeployment',
    summary: 'Attributes of the deployment',
    tag,
    response: z.object({ attributes: z.array(z.string()) }),
  })
  deployment(): Wire {
    return { attributes: [] };
  }
}
